"""Read a log that somebody serves, over HTTP or from a folder, believing nothing that its checkpoint does not prove."""

import http.client
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ledger.log.checkpoint import MAX_NOTE_BYTES, TreeHead
from ledger.log.merkle import HASH_BYTES, CompactRange, leaf_hash, perfect_root
from ledger.log.tiles import WIDTH, bundle_path, decode_bundle, tile_path

TIMEOUT_SECONDS = 20
FILE_SECONDS = 60
BUNDLE_LIMIT_BYTES = WIDTH * (2 + 0xFFFF)
TILE_LIMIT_BYTES = WIDTH * HASH_BYTES
_RANGES_APART = 64


class UnableToFetch(Exception):
    """A file that was not answered: the log's server cannot be reached, or sends what it should not."""

    code = "unable-to-fetch"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where} cannot be read: {self.reason}."


class LogBroken(Exception):
    """Files of a log that do not hold together: which rule they break, and what is wrong."""

    code = "log-broken"

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(rule, what)
        self.rule = rule
        self.what = what

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


class Source(Protocol):
    """Where the files of a log are."""

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """Return a file's bytes, None when there is none; UnableToFetch when that cannot be told."""
        ...


class FolderSource:
    """A log's files in a folder."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        try:
            with open(self._prefix / path, "rb") as file:
                content = file.read(limit_bytes + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnableToFetch(path, str(error)) from None
        if len(content) > limit_bytes:
            raise UnableToFetch(path, f"it has more than {limit_bytes} bytes")
        return content


class HttpSource:
    """A log's files below an http or https address. Redirects are not followed."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UnableToFetch(address, "it is no http or https address without a query")
        self._address, self._prefix = address.rstrip("/"), parts.path.rstrip("/")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        try:
            self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
        except ValueError as error:
            raise UnableToFetch(address, str(error)) from None

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        for last_try in (False, True):
            try:
                return self._read(path, limit_bytes)
            except (OSError, http.client.HTTPException, ValueError) as error:
                # A server may close a connection that it kept open for a while.
                self._connection.close()
                if last_try:
                    raise UnableToFetch(f"{self._address}/{path}", str(error) or type(error).__name__) from None
            except UnableToFetch:
                self._connection.close()
                raise
        raise AssertionError("the last try returns or raises")

    def _read(self, path: str, limit_bytes: int) -> bytes | None:
        deadline, where = time.monotonic() + FILE_SECONDS, f"{self._address}/{path}"
        headers = {"Accept-Encoding": "identity", "User-Agent": "worldloom-monitor"}
        self._connection.request("GET", f"{self._prefix}/{path}", headers=headers)
        response = self._connection.getresponse()
        content = bytearray()
        while chunk := response.read1(65_536):
            content += chunk
            if len(content) > limit_bytes:
                raise UnableToFetch(where, f"it has more than {limit_bytes} bytes")
            if time.monotonic() > deadline:
                raise UnableToFetch(where, f"it takes more than {FILE_SECONDS} seconds")
        if response.status in (404, 410):
            return None
        if response.status != 200:
            raise UnableToFetch(where, f"the answer is {response.status}")
        if response.length:
            raise UnableToFetch(where, "the answer was cut short")
        return bytes(content)


def source_of(address: str) -> Source:
    """Return the source for an address or a folder's name."""
    return HttpSource(address) if address.startswith(("http://", "https://")) else FolderSource(Path(address))


def read_note(source: Source) -> str:
    """Return the log's checkpoint as it is served; LogBroken when there is none."""
    content = source.read("checkpoint", MAX_NOTE_BYTES)
    if content is None:
        raise LogBroken("checkpoint-missing", "the log has no checkpoint")
    return content.decode("utf-8", "replace")


class RemoteTree:
    """The tree under a checkpoint: its hashes over 256 leaves each, proven by the root; the rest on demand.

    Raise LogBroken when tiles are missing or do not lead to the root.
    """

    def __init__(self, source: Source, head: TreeHead) -> None:
        self._source, self.head = source, head
        whole, width = divmod(head.size, WIDTH)
        self.blocks: list[bytes] = []
        for number in range(-(-whole // WIDTH)):
            self.blocks += self._tile(1, number, min(WIDTH, whole - number * WIDTH))
        self._edge = self._tile(0, whole, width) if width else []
        self._ranges = [CompactRange()]
        for start in range(0, whole - whole % _RANGES_APART, _RANGES_APART):
            self._ranges.append(self._ranges[-1].extended(self.blocks[start : start + _RANGES_APART]))
        self._leaves: tuple[int, list[bytes]] = (-1, [])
        if self.root_at(head.size) != head.root:
            raise LogBroken("tiles-mismatch", f"the tiles do not hash to the root of the {head.size} leaves")

    def root_at(self, size: int) -> bytes:
        """Return the root over the first `size` leaves, at most those of the checkpoint."""
        whole, width = divmod(size, WIDTH)
        start = whole // _RANGES_APART
        blocks = self._ranges[start].extended(self.blocks[start * _RANGES_APART : whole])
        above = CompactRange(whole * WIDTH, blocks.hashes)
        return above.extended(self._leaf_hashes(whole)[:width] if width else []).root()

    def _leaf_hashes(self, number: int) -> list[bytes]:
        if number == len(self.blocks):
            return self._edge
        if self._leaves[0] != number:
            hashes = self._tile(0, number, WIDTH)
            if perfect_root(hashes) != self.blocks[number]:
                raise LogBroken("tiles-mismatch", f"tile {tile_path(0, number)} is not that of the tree")
            self._leaves = number, hashes
        return self._leaves[1]

    def entries(self, start: int) -> Iterator[list[bytes]]:
        """Yield the entries from leaf `start` on, a bundle at a time, each proven to be in the tree."""
        for number in range(start // WIDTH, -(-self.head.size // WIDTH)):
            width = min(WIDTH, self.head.size - number * WIDTH)
            entries = self._bundle(number, width)
            self._check(number, [leaf_hash(entry) for entry in entries])
            yield entries[max(0, start - number * WIDTH) :]

    def _check(self, number: int, hashes: Sequence[bytes]) -> None:
        proven = hashes == self._edge if number == len(self.blocks) else perfect_root(hashes) == self.blocks[number]
        if not proven:
            raise LogBroken("bundle-mismatch", f"the entries of {bundle_path(number)} are not those of the tree")

    def _tile(self, level: int, number: int, width: int) -> list[bytes]:
        for path in dict.fromkeys((tile_path(level, number, width), tile_path(level, number))):
            content = self._source.read(path, TILE_LIMIT_BYTES)
            if content is not None and len(content) >= width * HASH_BYTES and len(content) % HASH_BYTES == 0:
                return [content[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]
        raise LogBroken("tile-missing", f"{tile_path(level, number, width)} is missing or cut short")

    def _bundle(self, number: int, width: int) -> list[bytes]:
        for path in dict.fromkeys((bundle_path(number, width), bundle_path(number))):
            content = self._source.read(path, BUNDLE_LIMIT_BYTES)
            if content is None:
                continue
            try:
                entries = decode_bundle(content)
            except ValueError as error:
                raise LogBroken("bundle-mismatch", f"{path} is damaged: {error}") from None
            if len(entries) >= width:
                return entries[:width]
        raise LogBroken("tile-missing", f"{bundle_path(number, width)} is missing or cut short")
