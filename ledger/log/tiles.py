"""The log as static files: c2sp.org/tlog-tiles, with tiles of height 8 in one folder."""

import os
import secrets
import shutil
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from ledger.log.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    consistency_proof,
    inclusion_proof,
    perfect_root,
    range_root,
)

WIDTH = 256
HEIGHT = 8
_WRITING = ".writing"


class TileMissing(Exception):
    """A tile that a tree of this size needs is not there or has the wrong length."""

    code = "tile-missing"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"The log file {self.path} is missing or cut short; write it with `manage.py ledger_rebuild`."


def number_path(number: int) -> str:
    """Return the path elements of a tile number: 1234067 is x001/x234/067."""
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03d}")
    return "/".join(reversed(parts))


def _path(kind: str, number: int, width: int) -> str:
    if not 0 < width <= WIDTH:
        raise ValueError(f"a tile is 1 to {WIDTH} wide, not {width}")
    return f"tile/{kind}/{number_path(number)}" + ("" if width == WIDTH else f".p/{width}")


def tile_path(level: int, number: int, width: int = WIDTH) -> str:
    """Return where tile `number` of `level` is, below the log's prefix; partial when width is under 256."""
    return _path(str(level), number, width)


def bundle_path(number: int, width: int = WIDTH) -> str:
    """Return where the entry bundle over the leaves of level 0 tile `number` is."""
    return _path("entries", number, width)


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the entries, each after its length as a big-endian uint16."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def decode_bundle(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle; ValueError when it is cut short."""
    entries, at = [], 0
    while at < len(bundle):
        if at + 2 > len(bundle):
            raise ValueError("an entry bundle ends within a length")
        (length,) = struct.unpack_from(">H", bundle, at)
        at += 2 + length
        if at > len(bundle):
            raise ValueError("an entry bundle ends within an entry")
        entries.append(bundle[at - length : at])
    return entries


class LogFolder:
    """The files of a log below one folder, the prefix. Each write replaces a file whole or not at all."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self._made: set[Path] = set()

    def write(self, path: str, content: bytes, *, durable: bool = False) -> None:
        """Replace the file atomically; durable writes also outlive a power cut."""
        target = self.prefix / path
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        # In one place, where `sweep` finds it after a crash; the dot keeps it from readers' eyes.
        temporary = self.prefix / _WRITING / secrets.token_hex(8)
        if temporary.parent not in self._made:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(temporary.parent)
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def sweep(self) -> None:
        """Remove what killed writers left half-written; a writer that lives on fails and changes nothing."""
        for left in (self.prefix / _WRITING).glob("*"):
            left.unlink(missing_ok=True)

    def read(self, path: str) -> bytes | None:
        """Return the file's bytes, or None when there is no such file."""
        try:
            return (self.prefix / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_tile(self, level: int, number: int, width: int) -> bytes:
        """Return the first `width` hashes of a tile, from a wider file of it when that one is gone."""
        whole = width * HASH_BYTES
        for content in self._files_of(str(level), number, width):
            if len(content) >= whole and len(content) % HASH_BYTES == 0:
                return content[:whole]
        raise TileMissing(tile_path(level, number, width))

    def read_bundle(self, number: int, width: int) -> list[bytes]:
        """Return the first `width` entries of a bundle, from a wider file of it when that one is gone."""
        for content in self._files_of("entries", number, width):
            try:
                entries = decode_bundle(content)
            except ValueError:
                continue
            if len(entries) >= width:
                return entries[:width]
        raise TileMissing(bundle_path(number, width))

    def _files_of(self, kind: str, number: int, width: int) -> Iterator[bytes]:
        """Give the file of that width, the full one, and then what is wider, if only this folder knows of it."""
        for path in dict.fromkeys((_path(kind, number, width), _path(kind, number, WIDTH))):
            if (content := self.read(path)) is not None:
                yield content
        partial = (self.prefix / f"tile/{kind}/{number_path(number)}.p").glob("*")
        widths = {int(path.name): path for path in partial if path.name.isdecimal()}
        for _width, path in sorted(one for one in widths.items() if one[0] > width):
            yield path.read_bytes()

    def drop_partials(self, kind: str, number: int) -> None:
        """Remove the partial forms of a tile or bundle (kind "entries") that is full now."""
        shutil.rmtree(self.prefix / f"tile/{kind}/{number_path(number)}.p", ignore_errors=True)


class TileReader:
    """The tree of the first `size` leaves, read from tiles; each tile is read at most once."""

    def __init__(self, folder: LogFolder, size: int) -> None:
        self.folder = folder
        self.size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def node(self, level: int, index: int) -> bytes:
        """Return the hash over the 2**level leaves from index * 2**level; TileMissing when a tile lacks."""
        row, inner = divmod(level, HEIGHT)
        first = index << inner
        number, offset = divmod(first, WIDTH)
        return self._within(row, number, inner, offset >> inner)

    def root(self) -> bytes:
        """Return the root over all `size` leaves."""
        return range_root(0, self.size, self.node) if self.size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the proof of the leaf, from its sibling upwards."""
        return inclusion_proof(index, self.size, self.node)

    def consistency_proof(self, old_size: int) -> list[bytes]:
        """Return the proof that the first `old_size` leaves are a prefix."""
        return consistency_proof(old_size, self.size, self.node)

    def _within(self, row: int, number: int, inner: int, index: int) -> bytes:
        hashes = self._tile(row, number)
        return perfect_root(hashes[index << inner : (index + 1) << inner])

    def _tile(self, row: int, number: int) -> list[bytes]:
        key = (row, number)
        if key not in self._tiles:
            width = min(WIDTH, (self.size >> (HEIGHT * row)) - number * WIDTH)
            content = self.folder.read_tile(row, number, width)
            self._tiles[key] = [content[i : i + HASH_BYTES] for i in range(0, len(content), HASH_BYTES)]
        return self._tiles[key]


class TileWriter:
    """Appends leaves to the files of a log, in memory that does not grow with it.

    Start at a multiple of 256 leaves (`start_for`), give every leaf from there on to `append`, then `finish`.
    Full tiles are written as they fill, partial ones at the end; the checkpoint is the caller's.
    """

    def __init__(self, folder: LogFolder, start: int) -> None:
        if start % WIDTH:
            raise ValueError(f"tiles are written from a multiple of {WIDTH} leaves, not from {start}")
        self.folder = folder
        self.size = start
        self._entries: list[bytes] = []
        self._filled: list[tuple[str, int]] = []
        self._rows: list[list[bytes]] = [[]]
        row = 1
        # The right edge above level 0 comes from the files: it is what the tree of `start` leaves ends in.
        while start >> (HEIGHT * row):
            number, width = divmod(start >> (HEIGHT * row), WIDTH)
            content = folder.read_tile(row, number, width) if width else b""
            self._rows.append([content[i : i + HASH_BYTES] for i in range(0, len(content), HASH_BYTES)])
            row += 1

    @staticmethod
    def start_for(size: int) -> int:
        """Return the leaf from which to write again when the files hold `size` leaves."""
        return size - size % WIDTH

    def append(self, leaf: bytes, entry: bytes) -> None:
        """Add one leaf: its hash and the entry's bytes."""
        self._entries.append(entry)
        self._rows[0].append(leaf)
        self.size += 1
        if len(self._entries) == WIDTH:
            number = self.size // WIDTH - 1
            self.folder.write(bundle_path(number), encode_bundle(self._entries))
            self._filled.append(("entries", number))
            self._entries = []
            self._carry()

    def finish(self) -> None:
        """Write what is partial: the right edge of every level, and the last bundle."""
        if self._entries:
            path = bundle_path(self.size // WIDTH, len(self._entries))
            self.folder.write(path, encode_bundle(self._entries))
        for row, hashes in enumerate(self._rows):
            if hashes:
                number = (self.size >> (HEIGHT * row)) // WIDTH
                self.folder.write(tile_path(row, number, len(hashes)), b"".join(hashes))

    def drop_partials(self) -> None:
        """Remove partial files of the tiles that this writer filled: who wants one reads the full tile."""
        for kind, number in self._filled:
            self.folder.drop_partials(kind, number)

    def _carry(self) -> None:
        for row in range(HEIGHT):
            if len(self._rows[row]) < WIDTH:
                return
            number = (self.size >> (HEIGHT * (row + 1))) - 1
            self.folder.write(tile_path(row, number), b"".join(self._rows[row]))
            self._filled.append((str(row), number))
            above = perfect_root(self._rows[row])
            self._rows[row] = []
            if row + 1 == len(self._rows):
                self._rows.append([])
            self._rows[row + 1].append(above)
