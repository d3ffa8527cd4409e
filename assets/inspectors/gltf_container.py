"""The GLB container, read strictly: a header, one JSON chunk, at most one BIN chunk, and nothing else.

glTF 2.0, section 4.4 "Binary glTF layout": all numbers are u32 little-endian, every chunk is a multiple of 4
bytes long, JSON is padded by blanks and BIN by zeros. Chunks of other kinds, which the standard lets a reader
skip, are refused: nobody sees what they hold.
"""

import os
import re
import struct
from typing import Any, BinaryIO, NamedTuple

from assets.inspectors.base import Limits, refused
from assets.inspectors.strict_json import read_json
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

_JSON, _BIN = 0x4E4F534A, 0x004E4942
_WHERE = Words(_("the glTF JSON"))
# Minus zero is a number of RFC 8259 that exporters write and that read_json has no integer for.
_MINUS_ZERO = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|-0(?=[\s,\]}])', re.DOTALL)
_MAY_HOLD_MINUS_ZERO = re.compile(r"-0[\s,\]}]")


class Container(NamedTuple):
    """The two parts of a GLB: the root object of the JSON, and the bytes of BIN, None where there is none."""

    root: dict[str, Any]
    data: memoryview | None


def read_glb(file: BinaryIO, limits: Limits) -> Container:
    """Return the parts of the seekable GLB `file`, in memory; raise Refused."""
    size_bytes = file.seek(0, os.SEEK_END)
    if size_bytes > limits.model_bytes:
        template = _("the model has %(size)s bytes, the limit is %(limit)s.")
        raise refused("file-too-large", template, "offset 0", size=size_bytes, limit=limits.model_bytes)
    file.seek(0)
    whole = memoryview(file.read(limits.model_bytes + 1))
    if len(whole) < 20:
        raise refused("glb-truncated", _("a file of %(size)s bytes is no GLB."), "offset 0", size=len(whole))
    magic, version, length = struct.unpack_from("<4sII", whole)
    if magic != b"glTF" or version != 2:
        raise refused("glb-version", _("the header at offset 0 is not that of a GLB of version 2."), "offset 0")
    if length != len(whole):
        template = _("the header says that the file has %(claimed)s bytes, it has %(size)s.")
        code = "glb-truncated" if length > len(whole) else "glb-trailing"
        raise refused(code, template, "offset 8", claimed=length, size=len(whole))
    json_chunk, offset = _chunk(whole, 12, _JSON, "JSON")
    if len(json_chunk) > limits.model_json_bytes:
        template = _("the JSON chunk has %(size)s bytes, the limit is %(limit)s.")
        raise refused("gltf-json-too-long", template, "offset 12", size=len(json_chunk), limit=limits.model_json_bytes)
    data: memoryview | None = None
    if offset < len(whole):
        data, offset = _chunk(whole, offset, _BIN, "BIN")
    if offset < len(whole):
        template = _("a third chunk begins at offset %(offset)s, a GLB has a JSON and a BIN chunk.")
        raise refused("glb-chunk", template, f"offset {offset}", offset=offset)
    return Container(_root(bytes(json_chunk), limits), data)


def _chunk(whole: memoryview, offset: int, kind: int, name: str) -> tuple[memoryview, int]:
    """Return the bytes of the chunk at `offset`, which must be of this kind, and the offset behind it."""
    place = f"offset {offset}"
    if offset + 8 > len(whole):
        raise refused("glb-truncated", _("the chunk at offset %(offset)s has no header."), place, offset=offset)
    length, found = struct.unpack_from("<II", whole, offset)
    if found != kind:
        raise refused(
            "glb-chunk", _("the chunk at offset %(offset)s is not %(name)s."), place, offset=offset, name=name
        )
    if length % 4:
        template = _("the chunk at offset %(offset)s has %(length)s bytes, which is no multiple of 4.")
        raise refused("glb-alignment", template, place, offset=offset, length=length)
    end = offset + 8 + length
    if end > len(whole):
        template = _("the chunk at offset %(offset)s ends at %(end)s, the file has %(size)s bytes.")
        raise refused("glb-truncated", template, place, offset=offset, end=end, size=len(whole))
    return whole[offset + 8 : end], end


def _root(raw: bytes, limits: Limits) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        offset = 20 + error.start
        template = _("the glTF JSON is not UTF-8 at offset %(offset)s.")
        raise refused("gltf-not-utf8", template, f"offset {offset}", offset=offset) from None
    if text[:1] != "{" or not text.rstrip(" ").endswith("}"):
        raise refused("gltf-json", _("the glTF JSON does not go from '{' to '}' and blanks."), "offset 20")
    if _MAY_HOLD_MINUS_ZERO.search(text):
        text = _MINUS_ZERO.sub(lambda match: "0" if match.group() == "-0" else match.group(), text)
    root = read_json(text.rstrip(" "), depth=limits.json_depth, where=_WHERE)
    assert isinstance(root, dict)  # It begins with '{'.
    return root
