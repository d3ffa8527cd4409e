"""The members of a zip archive: judged by their paths and sizes, then read without ever being unpacked to a disk."""

import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, cast

from assets import rules
from assets.inspectors.base import Finding, Limits, Refused, refused, shown_name
from assets.inspectors.zip_bytes import DEFLATED, STORED, Entry, of_member
from marketplace.ui.words import gettext_noop as _

# What every member may inflate to, whatever the ratio: short text repeats itself more than a hundred times.
_FREE_BYTES = 1024**2
_HELD_BYTES = 64 * 1024**2
_CHUNK_BYTES = 256 * 1024
# What readers look at before they begin: a zip archive has its directory there.
_TAIL_BYTES = 256 * 1024
_FINDINGS = 20
_DESCRIPTOR = 0x0008
# Where a program that reads from the front would see a member end and the next one begin (4.3.9).
_END_OF_ANOTHER = re.compile(rb"PK\x07\x08(?:.{12}|.{20})PK(?:\x01\x02|\x03\x04)", re.DOTALL)
_END_BYTES = 28
_JUNK_NAMES = {"__macosx", ".ds_store", "thumbs.db", "desktop.ini", ".localized"}


def check_paths(entries: Sequence[Entry]) -> None:
    """Refuse paths that may not stand in a release, that collide, or that an operating system left behind."""
    findings: list[Finding] = []
    for entry in entries:
        parts = entry.path.casefold().split("/")
        if any(part in _JUNK_NAMES or part.startswith("._") for part in parts):
            shown = shown_name(entry.path)
            template = _("%(member)s is a leftover of an operating system; zip the files without it.")
            findings.append(Finding("archive-junk", template, shown, {"member": shown}))
        elif entry.is_folder:
            findings += rules.path_findings(entry.path)
    findings += rules.paths_findings(entry.path for entry in entries if not entry.is_folder)
    files = {rules.folded(entry.path) for entry in entries if not entry.is_folder}
    folders: set[str] = set()
    for path in (rules.folded(entry.path) for entry in entries if entry.is_folder):
        if path in folders or path in files or any(parent in files for parent in _parents(path)):
            template = _("%(member)s stands in the archive twice.")
            findings.append(Finding("path-twice", template, shown_name(path), {"member": shown_name(path)}))
        folders.add(path)
    if findings:
        raise Refused(findings[:_FINDINGS])


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def check_sizes(entries: Sequence[Entry], archive_bytes: int, limits: Limits) -> None:
    """Refuse what the directory itself says is too much; a directory that lies is found while inflating."""
    for entry in entries:
        if entry.size_bytes > limits.archive_member_bytes:
            template = _("%(member)s has %(size)s bytes, the limit for one in an archive is %(limit)s.")
            values = {"size": entry.size_bytes, "limit": limits.archive_member_bytes}
            raise of_member("archive-member-too-large", template, entry, entry.header_begin, **values)
        if entry.size_bytes > _FREE_BYTES + limits.archive_ratio * entry.packed_bytes:
            raise _bomb(limits)
    total = sum(entry.size_bytes for entry in entries)
    if total > limits.archive_bytes:
        template = _("the members have %(size)s bytes in all, the limit is %(limit)s.")
        raise refused("archive-too-large", template, "directory", size=total, limit=limits.archive_bytes)
    if total > _FREE_BYTES + limits.archive_ratio * archive_bytes:
        raise _bomb(limits)


class Opened(NamedTuple):
    """A member whose size and checksum are right: its bytes as a seekable file, and their SHA-256 in hex."""

    stream: BinaryIO
    sha256: str


def opened(file: BinaryIO, entry: Entry) -> Opened:
    """Return the member, having read it once; raise Refused.

    Up to 64 MiB are held in memory. A larger one is read where it stands or, when it is deflated, inflated as it
    is read, and from its beginning again when the reader goes back.
    """
    digest = hashlib.sha256()
    held, tail = io.BytesIO(), b""
    for piece in inflated(file, entry):
        digest.update(piece)
        if entry.size_bytes <= _HELD_BYTES:
            held.write(piece)
        else:
            tail = (tail + piece)[-_TAIL_BYTES:]
    held.seek(0)
    if entry.size_bytes <= _HELD_BYTES:
        return Opened(held, digest.hexdigest())
    stream = io.BufferedReader(_Member(file, entry, tail), _TAIL_BYTES // 2)
    return Opened(cast(BinaryIO, stream), digest.hexdigest())


class _Member(io.RawIOBase):
    """A member as a file, one pass of inflation after the other; `tail`, its last bytes, is read without one."""

    def __init__(self, file: BinaryIO, entry: Entry, tail: bytes) -> None:
        self._file, self._entry, self._tail = file, entry, tail
        self._at = 0
        self._restart()

    def _restart(self) -> None:
        self._pieces, self._piece, self._piece_begin = _unpacked(self._file, self._entry), b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._entry.size_bytes}[whence]
        if origin + offset < 0:
            raise ValueError("negative seek position")
        self._at = origin + offset
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Fill the start of `buffer` and return how many bytes that were, 0 at the end."""
        if self._entry.method == STORED:
            self._file.seek(self._entry.data_begin + min(self._at, self._entry.size_bytes))
            part = self._file.read(min(len(buffer), max(0, self._entry.size_bytes - self._at)))
        else:
            part = self._inflated_part(len(buffer))
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _inflated_part(self, most: int) -> bytes:
        behind = self._entry.size_bytes - self._at
        if behind <= len(self._tail):
            begin = len(self._tail) - max(0, behind)
            return self._tail[begin : begin + most]
        if self._at < self._piece_begin:
            self._restart()
        while self._at >= self._piece_begin + len(self._piece):
            self._piece_begin += len(self._piece)
            piece = next(self._pieces, None)
            if piece is None:
                self._piece = b""
                return b""
            self._piece = piece
        begin = self._at - self._piece_begin
        return self._piece[begin : begin + most]


def inflated(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """Yield the member's bytes, at most 1 MiB at a time, counted and checked as they come.

    Raise Refused when they are not as many as the directory says, or not those it has the checksum of; the last
    piece comes before the checksum is known.
    """
    crc32, found = 0, 0
    endless, kept = entry.method == STORED and entry.flags & _DESCRIPTOR, b""
    for piece in _unpacked(file, entry):
        found += len(piece)
        if found > entry.size_bytes:
            break
        if endless:
            if _END_OF_ANOTHER.search(kept + piece):
                template = _("%(member)s holds what other programs take for its end and for more members.")
                raise of_member("archive-hidden-data", template, entry, entry.header_begin)
            kept = (kept + piece)[-_END_BYTES:]
        crc32 = zlib.crc32(piece, crc32)
        yield piece
    if found != entry.size_bytes:
        template = _("%(member)s does not hold the %(size)s bytes that it claims; zip the files anew.")
        raise of_member("archive-size-lies", template, entry, entry.header_begin, size=entry.size_bytes)
    if crc32 != entry.crc32:
        raise of_member(
            "archive-checksum", _("%(member)s has another checksum than its bytes."), entry, entry.header_begin
        )


def _unpacked(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    stream = zlib.decompressobj(-15)
    offset, end = entry.data_begin, entry.data_begin + entry.packed_bytes
    try:
        while offset < end:
            file.seek(offset)
            rest = file.read(min(_CHUNK_BYTES, end - offset))
            if not rest:
                break
            offset += len(rest)
            if entry.method == STORED:
                yield rest
                continue
            while rest and not stream.eof:
                yield stream.decompress(rest, 1 << 20)
                rest = stream.unconsumed_tail
            if stream.eof and (stream.unused_data or offset < end):
                template = _("%(member)s is followed by bytes that nobody unpacks; zip the files anew.")
                raise of_member("archive-hidden-data", template, entry, entry.header_begin)
        if entry.method == DEFLATED and not stream.eof:
            yield stream.flush()
    except zlib.error:
        raise of_member("archive-damaged", _("%(member)s cannot be unpacked."), entry, entry.header_begin) from None
    if entry.method == DEFLATED and not stream.eof:
        raise of_member("archive-damaged", _("%(member)s cannot be unpacked."), entry, entry.header_begin)


def _bomb(limits: Limits) -> Refused:
    template = _("the archive unpacks to more than %(ratio)s times its size, as a zip bomb does.")
    return refused("archive-bomb", template, "directory", ratio=limits.archive_ratio)
