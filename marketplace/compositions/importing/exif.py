"""Exif as tools write what a picture was made with: `prompt:{…}` in Model and Make, settings in UserComment.

Two directories are read and no more, so that none can lead round in a circle. No Django in here.
"""

import re
from collections.abc import Iterator

from marketplace.compositions.importing.refusals import DAMAGED, TOO_MUCH, refuse

MOST_TEXT_BYTES = 8 * 1024 * 1024
"""Of all texts of a file together, unpacked."""
_EXIF_DIRECTORY, _USER_COMMENT = 0x8769, 0x9286
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BYTES = frozenset({1, 2, 7})
_MOST_ENTRIES = 1_000
# ComfyUI counts down from Make, a tag for each entry, and puts the prompt into Model.
_HIGHEST_OF_COMFYUI = 0x0110
_NAMED = re.compile(r"([A-Za-z][\w.-]{0,63}): *(?=[\[{\"])")


def texts(data: bytes) -> Iterator[tuple[str, str]]:
    """This will give (name, text) of each entry that a tool named, as ComfyUI does; a comment is `parameters`."""
    order = {b"II": "little", b"MM": "big"}.get(data[:2])
    if order is None or _number(data, 2, 2, order) != 42:
        refuse(DAMAGED, kind="Exif", at=0)
    directory = _entries(data, _number(data, 4, 4, order), order)
    yield from _texts(directory, data, order)


def _texts(directory: dict[int, bytes | int], data: bytes, order: str) -> Iterator[tuple[str, str]]:
    for tag, value in directory.items():
        if isinstance(value, bytes) and tag <= _HIGHEST_OF_COMFYUI:
            text = _decoded(value.rstrip(b"\0"))
            if match := _NAMED.match(text):
                yield match[1], text[match.end() :]
    nested = directory.get(_EXIF_DIRECTORY)
    inner = _entries(data, nested, order) if isinstance(nested, int) else {}
    comment = inner.get(_USER_COMMENT, directory.get(_USER_COMMENT))
    if isinstance(comment, bytes) and (text := _comment(comment, order)):
        yield "parameters", text


def _entries(data: bytes, at: int, order: str) -> dict[int, bytes | int]:
    """Reads a directory: the bytes of each text, and the number of what is one."""
    count = _number(data, at, 2, order)
    if count > _MOST_ENTRIES:
        refuse(DAMAGED, kind="Exif", at=at)
    found: dict[int, bytes | int] = {}
    whole = 0
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, length = (_number(data, place + more, size, order) for more, size in ((0, 2), (2, 2), (4, 4)))
        size = _SIZES.get(kind, 0) * length
        start = place + 8 if size <= 4 else _number(data, place + 8, 4, order)
        if start + size > len(data):
            refuse(DAMAGED, kind="Exif", at=place)
        if kind in _BYTES:
            # Entries may name the same bytes again and again, so they are counted before they are taken.
            whole += size
            if whole > MOST_TEXT_BYTES:
                refuse(TOO_MUCH, most=MOST_TEXT_BYTES)
            found.setdefault(tag, data[start : start + size])
        elif kind in (4, 13) and length == 1:
            found.setdefault(tag, _number(data, start, 4, order))
    return found


def _number(data: bytes, at: int, size: int, order: str) -> int:
    if at + size > len(data):
        refuse(DAMAGED, kind="Exif", at=at)
    return int.from_bytes(data[at : at + size], "little" if order == "little" else "big")


def _comment(raw: bytes, order: str) -> str:
    """Reads a UserComment, whose first eight bytes say its script."""
    script, body = raw[:8], raw[8:]
    if script == b"UNICODE\0":
        # Most tools write big-endian whatever the order of the rest; the high halves of Latin letters tell.
        is_little = body[1:2] == b"\0" and body[:1] != b"\0"
        return body.decode("utf-16-le" if is_little else "utf-16-be", "replace").rstrip("\0")
    known = script in (b"ASCII\0\0\0", b"\0" * 8, b"JIS\0\0\0\0\0")
    return _decoded((body if known else raw).rstrip(b"\0"))


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
