"""The container of a zip archive, walked byte by byte: what its directory says, its members say too.

APPNOTE.TXT 6.3.10 is the format. A program that unpacks goes by the directory at the end, another by the headers
in front of the members; only where both agree, and no byte is left over, do all programs see the same files.
"""

import os
import stat
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from assets.inspectors.base import Limits, Refused, refused, shown_name
from marketplace.ui.words import gettext_noop as _

STORED, DEFLATED = 0, 8

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF

_FLAG_DESCRIPTOR = 0x0008
_FLAGS_ENCRYPTED = 0x2041  # Encrypted, strongly encrypted, directory encrypted (4.4.4).
_FLAGS_ALLOWED = 0x0806 | _FLAG_DESCRIPTOR  # How hard the deflater tried, sizes behind the data, names in UTF-8.
_EXTRA_ZIP64, _EXTRA_NAME, _EXTRA_AES = 0x0001, 0x7075, 0x9901
_EXTRA_BYTES = 1024
_NEWEST = 63  # Version 6.3 of the format, in tenths (4.4.3.2).
_COMMENT_BYTES = 200
_DIRECTORY_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Entry:
    """One member: its path, and where its packed bytes stand in the archive. A folder holds nothing."""

    path: str
    is_folder: bool
    method: int
    flags: int
    crc32: int
    packed_bytes: int
    size_bytes: int
    header_begin: int
    raw_name: bytes
    data_begin: int = 0


def read_entries(file: BinaryIO, limits: Limits) -> list[Entry]:
    """Return the members of the seekable archive, folders among them, in the order of their bytes.

    Raise Refused when the directory and the headers in front of the members differ, bytes belong to no member or
    to two, or there are too many. Nothing is inflated, and neither paths nor sizes are judged.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    begin, end, count = _directory_place(file, size_bytes, limits)
    file.seek(begin)
    entries = list(_central_entries(file.read(end - begin), count))
    entries.sort(key=lambda entry: entry.header_begin)
    placed, offset = [], 0
    for index, entry in enumerate(entries):
        behind = entries[index + 1].header_begin if index + 1 < len(entries) else begin
        if entry.header_begin != offset:
            raise _misplaced(entry, offset)
        data_begin = _check_local(file, entry, behind)
        placed.append(replace(entry, data_begin=data_begin))
        offset = _member_end(file, entry, data_begin, behind)
        if offset > behind:
            raise of_member(
                "archive-overlap", _("%(member)s overlaps what follows it at offset %(offset)s."), entry, behind
            )
    if offset != begin:
        template = _("%(count)s bytes at offset %(offset)s belong to no member; zip the files anew.")
        raise refused("archive-hidden-data", template, f"offset {offset}", count=begin - offset, offset=offset)
    return placed


def _directory_place(file: BinaryIO, size_bytes: int, limits: Limits) -> tuple[int, int, int]:
    """Return where the directory begins and ends and how many members it names, from the record at the end."""
    tail_begin = max(0, size_bytes - _END.size - _MAX16)
    file.seek(tail_begin)
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + _END.size:
        raise _malformed("archive-truncated", _("the archive is cut: it has no directory at its end."), size_bytes)
    _mark, disk, first_disk, here, count, length, begin, comment = _END.unpack_from(tail, at)
    end = tail_begin + at
    text = tail[at + _END.size :]
    if len(text) != comment:
        template = _("the archive has bytes behind its end at offset %(offset)s; zip the files anew.")
        raise _malformed("archive-trailing", template, end + _END.size + comment)
    _check_comment(text, end + _END.size)
    if (disk, first_disk, here) not in {(0, 0, count), (_MAX16, _MAX16, count)}:
        raise _malformed("archive-split", _("the archive is one part of several, at offset %(offset)s."), end)
    small = (here, count, length, begin)
    large = _read_end64(file, end)
    if large is not None:
        end, values = large
        if any(
            said not in (value, most)
            for said, value, most in zip(small, values, (_MAX16, _MAX16, _MAX32, _MAX32), strict=True)
        ):
            raise _two_truths(end)
        _here, count, length, begin = values
    if count > limits.archive_members:
        template = _("the archive has %(count)s members, the limit is %(limit)s.")
        raise refused("archive-too-many", template, f"offset {end}", count=count, limit=limits.archive_members)
    if length > _DIRECTORY_BYTES or begin + length != end:
        template = _("the directory of the archive is not where its end says, at offset %(offset)s.")
        raise _malformed("archive-malformed", template, end)
    if not count:
        raise _malformed("archive-empty", _("the archive is empty."), end)
    return begin, end, count


def _read_end64(file: BinaryIO, end: int) -> tuple[int, tuple[int, int, int, int]] | None:
    """Return the offset of the Zip64 record in front of `end` and its two counts, length and offset (4.3.14)."""
    if end < _LOCATOR64.size:
        return None
    file.seek(end - _LOCATOR64.size)
    mark, locator_disk, at, disks = _LOCATOR64.unpack(file.read(_LOCATOR64.size))
    if mark != b"PK\6\7":
        return None
    if at + _END64.size != end - _LOCATOR64.size or locator_disk or disks > 1:
        raise _malformed("archive-malformed", _("the Zip64 record is not where it must be, at offset %(offset)s."), end)
    file.seek(at)
    mark, length, _made, _needed, disk, first_disk, *values = _END64.unpack(file.read(_END64.size))
    if mark != b"PK\6\6" or length != _END64.size - 12 or disk or first_disk or values[0] != values[1]:
        raise _malformed("archive-malformed", _("the Zip64 record at offset %(offset)s cannot be read."), at)
    return at, (values[0], values[1], values[2], values[3])


def _central_entries(directory: bytes, count: int) -> Iterator[Entry]:
    offset = 0
    for _index in range(count):
        if len(directory) < offset + _CENTRAL.size:
            raise _malformed("archive-truncated", _("the directory is cut at its offset %(offset)s."), offset)
        record = _CENTRAL.unpack_from(directory, offset)
        name_length, extra_length, comment_length = record[10:13]
        offset += _CENTRAL.size
        texts = directory[offset : offset + name_length + extra_length + comment_length]
        if record[0] != b"PK\1\2" or len(texts) != name_length + extra_length + comment_length:
            raise _malformed("archive-malformed", _("the directory is broken at its offset %(offset)s."), offset)
        offset += len(texts)
        name, extra = texts[:name_length], texts[name_length : name_length + extra_length]
        yield _central_entry(record, name, extra, texts[name_length + extra_length :])
    if offset != len(directory):
        template = _("the directory names more than its %(count)s members, at its offset %(offset)s.")
        raise _malformed("archive-malformed", template, offset, count=count)


def _central_entry(record: Sequence[int], raw_name: bytes, extra: bytes, comment: bytes) -> Entry:
    """Return the member that one record of the directory describes (4.3.12); raise Refused."""
    _mark, made_by, needed, flags, method, _time, _date, crc32, packed, size = record[:10]
    disk, _internal, external, begin = record[13:]
    try:
        path = raw_name.decode("utf-8")
    except UnicodeDecodeError:
        shown = shown_name(raw_name.decode("latin-1"))
        template = _("the name of member %(member)s is not UTF-8; zip the files with UTF-8 names.")
        raise refused("archive-name-not-utf8", template, "directory", member=shown) from None
    entry = Entry(path.removesuffix("/"), path.endswith("/"), method, flags, crc32, packed, size, begin, raw_name)
    fields = _extra_fields(extra, entry)
    if flags & _FLAGS_ENCRYPTED or method == 99 or _EXTRA_AES in fields:
        template = _("%(member)s is encrypted, so that nobody could see what it is; zip the files without a password.")
        raise of_member("archive-encrypted", template, entry, begin)
    if flags & ~_FLAGS_ALLOWED or method not in (STORED, DEFLATED):
        template = _("%(member)s is packed by method %(method)s with flags %(flags)s; zip the files by deflate.")
        raise of_member("archive-method", template, entry, begin, method=method, flags=flags)
    if needed & 0xFF > _NEWEST:
        template = _("%(member)s asks for a newer program than there is; zip the files anew.")
        raise of_member("archive-method", template, entry, begin)
    sizes = _zip64_values(fields.get(_EXTRA_ZIP64), (size, packed, begin), entry)
    size, packed, begin = sizes
    if disk not in (0, _MAX16):
        raise of_member("archive-split", _("%(member)s stands in another part of a split archive."), entry, begin)
    if (unicode_name := fields.get(_EXTRA_NAME)) is not None and unicode_name[5:] != raw_name:
        raise of_member("archive-name-differs", _("%(member)s has a second, other name."), entry, begin)
    if method == STORED and packed != size:
        raise two_truths_of(entry)
    _check_comment(comment, begin)
    _check_kind(entry, made_by, external, size)
    return Entry(entry.path, entry.is_folder, method, flags, crc32, packed, size, begin, raw_name)


def _extra_fields(extra: bytes, entry: Entry) -> dict[int, bytes]:
    """Return the extra fields by their number (4.5.1); refuse rest, repetition and more than a kilobyte."""
    fields: dict[int, bytes] = {}
    offset = 0
    while offset + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, offset)
        body = extra[offset + 4 : offset + 4 + length]
        if len(body) != length or kind in fields:
            raise of_member("archive-malformed", _("%(member)s has broken extra fields."), entry, entry.header_begin)
        fields[kind] = body
        offset += 4 + length
    if any(extra[offset:]) or len(extra) > _EXTRA_BYTES:
        template = _("%(member)s carries data in its extra fields; zip the files anew.")
        raise of_member("archive-hidden-data", template, entry, entry.header_begin)
    return fields


def _zip64_values(body: bytes | None, said: tuple[int, ...], entry: Entry) -> tuple[int, ...]:
    """Return the numbers with those that say "see Zip64" read from the extra field, which must be theirs alone."""
    missing = [index for index, value in enumerate(said) if value == _MAX32]
    if body is None and not missing:
        return said
    # Writers of Zip64 may state every number, also those that fit; then both must say the same.
    wanted = list(range(len(said))) if len(body or b"") == 8 * len(said) else missing
    if body is None or len(body) != 8 * len(wanted):
        raise of_member(
            "archive-malformed", _("%(member)s has a Zip64 field that does not fit."), entry, entry.header_begin
        )
    values = list(said)
    for place, index in enumerate(wanted):
        (value,) = struct.unpack_from("<Q", body, 8 * place)
        if values[index] not in (value, _MAX32):
            raise two_truths_of(entry)
        values[index] = value
    return tuple(values)


def _check_kind(entry: Entry, made_by: int, external: int, size_bytes: int) -> None:
    """Refuse what unpacks as anything but a plain file or an empty folder."""
    kind = stat.S_IFMT(external >> 16)
    if kind == stat.S_IFLNK:
        raise of_member("archive-symlink", _("%(member)s is a link to another file; zip the file itself."), entry, 0)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise of_member("archive-device", _("%(member)s is a device, a pipe or a socket."), entry, 0)
    claims_folder = kind == stat.S_IFDIR or (made_by >> 8 in (0, 10, 14) and bool(external & 0x10))
    if (claims_folder and not entry.is_folder) or (entry.is_folder and (size_bytes or entry.crc32)):
        raise of_member("archive-malformed", _("%(member)s is both a folder and a file."), entry, 0)


def _check_local(file: BinaryIO, entry: Entry, behind: int) -> int:
    """Return where the member's data begins, its own header (4.3.7) saying what the directory says."""
    file.seek(entry.header_begin)
    record = file.read(_LOCAL.size)
    if len(record) < _LOCAL.size or not record.startswith(b"PK\3\4"):
        raise of_member(
            "archive-malformed", _("%(member)s has no header at offset %(offset)s."), entry, entry.header_begin
        )
    _mark, _needed, flags, method, _time, _date, crc32, packed, size, name_length, extra_length = _LOCAL.unpack(record)
    raw_name, extra = file.read(name_length), file.read(extra_length)
    fields = _extra_fields(extra, entry)
    data_begin = int(entry.header_begin + _LOCAL.size + name_length + extra_length)
    said = (crc32, size, packed)
    true = (entry.crc32, entry.size_bytes, entry.packed_bytes)
    if _EXTRA_ZIP64 in fields and not (flags & _FLAG_DESCRIPTOR and fields[_EXTRA_ZIP64] == bytes(16)):
        size, packed = _zip64_values(fields[_EXTRA_ZIP64], (size, packed), entry)
        said = (crc32, size, packed)
    follows = bool(flags & _FLAG_DESCRIPTOR) and all(
        value in (0, whole, _MAX32) for value, whole in zip(said, true, strict=True)
    )
    unicode_name = fields.get(_EXTRA_NAME)
    if (
        raw_name != entry.raw_name
        or (flags, method) != (entry.flags, entry.method)
        or (said != true and not follows)
        or (unicode_name is not None and unicode_name[5:] != raw_name)
    ):
        raise two_truths_of(entry)
    if data_begin + entry.packed_bytes > behind:
        template = _("%(member)s overlaps what follows it at offset %(offset)s.")
        raise of_member("archive-overlap", template, entry, behind)
    return data_begin


def _member_end(file: BinaryIO, entry: Entry, data_begin: int, behind: int) -> int:
    """Return the offset behind the member's data and, when it has one, its data descriptor (4.3.9)."""
    end = data_begin + entry.packed_bytes
    if not entry.flags & _FLAG_DESCRIPTOR:
        return end
    file.seek(end)
    found = file.read(min(24, behind - end))
    numbers = (entry.crc32, entry.packed_bytes, entry.size_bytes)
    layouts = ["<LQQ", "<LLL"] if max(numbers) <= _MAX32 else ["<LQQ"]
    bodies = [mark + struct.pack(layout, *numbers) for layout in layouts for mark in (b"PK\7\x08", b"")]
    for body in sorted(bodies, key=lambda body: found != body):
        if found.startswith(body):
            return end + len(body)
    raise two_truths_of(entry)


def _check_comment(comment: bytes, offset: int) -> None:
    if not comment:
        return
    try:
        good = len(comment) <= _COMMENT_BYTES and comment.decode("utf-8").replace("\n", " ").isprintable()
    except UnicodeDecodeError:
        good = False
    if not good:
        template = _("a comment of the archive at offset %(offset)s is no short text; zip the files without it.")
        raise _malformed("archive-hidden-data", template, offset)


def _misplaced(entry: Entry, offset: int) -> Refused:
    if entry.header_begin < offset:
        return of_member(
            "archive-overlap", _("%(member)s overlaps another member at offset %(offset)s."), entry, offset
        )
    template = _("%(count)s bytes at offset %(offset)s belong to no member; zip the files anew.")
    count = entry.header_begin - offset
    return refused("archive-hidden-data", template, f"offset {offset}", count=count, offset=offset)


def _two_truths(offset: int) -> Refused:
    template = _("the archive says two things of itself at offset %(offset)s; zip the files anew.")
    return _malformed("archive-inconsistent", template, offset)


def two_truths_of(entry: Entry) -> Refused:
    template = _("%(member)s is described otherwise in front of its bytes than in the directory; zip the files anew.")
    return of_member("archive-inconsistent", template, entry, entry.header_begin)


def of_member(code: str, template: str, entry: Entry, offset: int, /, **values: str | int) -> Refused:
    """Return the refusal of a member, which `template` may show as %(member)s, at %(offset)s."""
    shown = shown_name(entry.path) or "/"
    return refused(code, template, shown, member=shown, offset=offset, **values)


def _malformed(code: str, template: str, offset: int, /, **values: str | int) -> Refused:
    return refused(code, template, f"offset {offset}", offset=offset, **values)
