"""The containers of pictures, walked byte by byte: nothing before, nothing behind, nothing animated.

PNG (W3C, third edition), JPEG (ITU-T T.81) and WebP (RFC 9649); AVIF is in boxes.py. A decoder stops
when its picture is complete; these walks look at what it never reads.
"""

import re
import zlib
from collections.abc import Iterator

from assets.inspectors.base import Limits, Refused, refused, shown_name
from marketplace.ui.words import gettext_noop as _

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_PNG_ONCE = {b"PLTE", b"tRNS", b"iCCP", b"cICP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"}
# Far more than writers make of pixels in a file of the largest size, and of all that stands beside them.
_PNG_PIXEL_CHUNKS, _PNG_OTHER_CHUNKS = 100_000, 2_000
_PNG_TEXT_BYTES = 1024**2
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))

_JPEG_BASELINE_TO_PROGRESSIVE = {0xC0, 0xC1, 0xC2}
_JPEG_UNKNOWN = {0xC8, 0xDC, 0xDE, 0xDF, *range(0xF0, 0xFE)}
# Writers make ten or so; each lets a decoder go over the whole picture once more.
_JPEG_SCANS = 100
_JPEG_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_JPEG_METADATA = {*range(0xE0, 0xF0), 0xFE}
_JPEG_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

# 64 coefficients of at most 16 bits of code and 11 of value (T.81, annex F), each byte perhaps followed by a stuffed
# zero; progressive scans come back to a coefficient, with less of either.
_JPEG_BLOCK_BYTES = 64 * 27 // 8 * 2

_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"C2PA"}
_WEBP_ANIMATED = {b"ANIM", b"ANMF"}

_ACTIVE = re.compile(
    rb"<\?php|<\?=\s*(?:\$_|`[$\w]|\w{1,20}\()|__halt_compiler|<script|<!doctype html|<html|javascript:"
    rb"|<[a-z]{1,12}[\s/][^<>]{0,200}?\bon(?:abort|animation\w{3,9}|blur|click|error|focus\w{0,3}|load\w{0,8}"
    rb"|mouse\w{2,5}|pageshow|pointer\w{2,14}|toggle|wheel)\s*=",
    re.IGNORECASE,
)
# What no pixels spell by chance: a server or a browser would run it wherever in a file it stands.
_ACTIVE_ANYWHERE = re.compile(rb"<\?php[ \t\r\n]|<script[ >/\t\r\n]|__halt_compiler\(", re.IGNORECASE)


def check_png(data: bytes, limits: Limits) -> None:
    """Refuse a PNG with bad chunks or checksums, with frames, or with bytes that no decoder shows."""
    if not data.startswith(PNG_SIGNATURE):
        raise refused("picture-not-as-declared", _("the file does not begin as a PNG at offset 0."), "offset 0")
    header: bytes = b""
    pixels: list[bytes] = []
    pixels_ended = False
    others: list[bytes] = []
    end = len(PNG_SIGNATURE)
    for kind, body, offset in _png_chunks(data):
        end = offset + 12 + len(body)
        if len(pixels) > _PNG_PIXEL_CHUNKS or len(others) > _PNG_OTHER_CHUNKS:
            raise bad(_("the PNG is in more pieces than a picture needs at offset %(offset)s."), offset)
        if not header and kind != b"IHDR":
            raise bad(_("the first chunk must be IHDR at offset %(offset)s."), offset)
        if kind in {b"acTL", b"fcTL", b"fdAT"}:
            raise at("picture-animated", _("the PNG is animated at offset %(offset)s."), offset)
        if kind == b"IHDR":
            if header or len(body) != 13:
                raise bad(_("there must be one IHDR chunk of 13 bytes at offset %(offset)s."), offset)
            header = body
        elif kind == b"IDAT":
            if pixels_ended:
                raise bad(_("the IDAT chunks are not together at offset %(offset)s."), offset)
            pixels.append(body)
        elif kind == b"IEND":
            if body:
                raise bad(_("the IEND chunk is not empty at offset %(offset)s."), offset)
            break
        elif kind[:1].isupper() and kind not in _PNG_CRITICAL:
            chunk = repr(shown_name(kind.decode()))
            raise bad(_("the critical chunk %(chunk)s is unknown at offset %(offset)s."), offset, chunk=chunk)
        else:
            _check_png_beside(kind, body, offset, others, behind_pixels=bool(pixels))
            others.append(kind)
        pixels_ended = bool(pixels) and kind != b"IDAT"
    else:
        raise at("picture-truncated", _("the PNG ends at offset %(offset)s without IEND."), end)
    refuse_trailing(data, end, "PNG")
    if header[9] == 3 and b"PLTE" not in others:
        raise bad(_("the PNG has no palette for its pixels at offset %(offset)s."), end - 12)
    _check_png_pixels(header, pixels, limits)


def _check_png_beside(kind: bytes, body: bytes, offset: int, before: list[bytes], *, behind_pixels: bool) -> None:
    """Refuse a chunk that two decoders would read differently, or whose text, packed or not, holds a program."""
    if kind in _PNG_ONCE and kind in before:
        template = _("the PNG chunk %(chunk)s comes twice at offset %(offset)s.")
        raise bad(template, offset, chunk=repr(kind.decode()))
    if kind == b"PLTE" and (behind_pixels or not body or len(body) % 3 or len(body) > 768):
        raise bad(_("the palette of the PNG at offset %(offset)s is broken or behind its pixels."), offset)
    refuse_active(body, offset)
    keyword, _nul, rest = body.partition(b"\0")
    if kind == b"zTXt":
        packed = rest[1:]
    elif kind == b"iTXt" and rest[:1] == b"\1":
        packed = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        return
    try:
        text = zlib.decompressobj().decompress(packed, _PNG_TEXT_BYTES)
    except zlib.error:
        shown = repr(shown_name(keyword.decode("latin-1")))
        template = _("the text %(keyword)s at offset %(offset)s cannot be decompressed.")
        raise bad(template, offset, keyword=shown) from None
    refuse_active(text, offset)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield (type, body, offset) of each chunk; refuse one that is cut, misnamed or damaged."""
    offset = len(PNG_SIGNATURE)
    while offset < len(data):
        if offset + 12 > len(data):
            raise at("picture-truncated", _("a PNG chunk is cut at offset %(offset)s."), offset)
        length = int.from_bytes(data[offset : offset + 4], "big")
        end = offset + 12 + length
        if end > len(data):
            raise at("picture-truncated", _("a PNG chunk is cut at offset %(offset)s."), offset)
        kind, body = data[offset + 4 : offset + 8], data[offset + 8 : end - 4]
        if not kind.isalpha():
            raise bad(_("a PNG chunk has no name at offset %(offset)s."), offset)
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
            template = _("the checksum of chunk %(chunk)s is wrong at offset %(offset)s.")
            raise bad(template, offset, chunk=kind.decode())
        yield kind, body, offset
        offset = end


def _check_png_pixels(header: bytes, pixels: list[bytes], limits: Limits) -> None:
    """Refuse compressed pixels that are more or fewer than the header's size needs."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, color, interlaced = header[8], header[9], header[12]
    if color not in _PNG_SAMPLES or depth not in {1, 2, 4, 8, 16} or interlaced > 1 or any(header[10:12]):
        raise bad(_("the IHDR chunk names an unknown kind of pixel at offset %(offset)s."), 8)
    check_size(width, height, limits)
    bits = _PNG_SAMPLES[color] * depth
    steps = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    needed = 0
    for left, top, across, down in steps:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            needed += rows * (1 + -(-columns * bits // 8))
    stream = zlib.decompressobj()
    found = 0
    try:
        for body in pixels:
            rest = body
            while rest and found <= needed:
                found += len(stream.decompress(rest, 1 << 20))
                rest = stream.unconsumed_tail
        if found <= needed:
            found += len(stream.flush())
    except zlib.error:
        raise refused("picture-damaged", _("the pixels of the PNG cannot be decompressed."), "IDAT") from None
    if found > needed or stream.unused_data:
        raise refused("picture-hidden-data", _("the PNG holds more pixels than its size shows."), "IDAT")
    if found < needed or not stream.eof:
        raise refused("picture-truncated", _("the PNG holds fewer pixels than its size needs."), "IDAT")


def check_jpeg(data: bytes, limits: Limits) -> None:
    """Refuse a JPEG without one frame, with bytes behind its end, or of a process that few decoders know."""
    if not data.startswith(b"\xff\xd8\xff"):
        raise refused("picture-not-as-declared", _("the file does not begin as a JPEG at offset 0."), "offset 0")
    offset, frames, scans, blocks, coded = 2, 0, 0, 0, 0
    while True:
        while data[offset : offset + 2] == b"\xff\xff":
            offset += 1
        if offset + 2 > len(data):
            raise at("picture-truncated", _("the JPEG is cut at offset %(offset)s."), offset)
        if data[offset] != 0xFF:
            raise bad(_("a JPEG marker is missing at offset %(offset)s."), offset)
        marker = data[offset + 1]
        if marker == 0xD9:
            break
        body, end = _jpeg_segment(data, offset)
        if marker in _JPEG_BASELINE_TO_PROGRESSIVE:
            frames += 1
            if len(body) < 6:
                raise bad(_("the JPEG frame is too short at offset %(offset)s."), offset)
            width, height = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
            check_size(width, height, limits)
            blocks += (width // 8 + 4) * (height // 8 + 4) * body[5]
        elif marker in _JPEG_OTHER_FRAMES:
            template = _(
                "the JPEG frame at offset %(offset)s is lossless, hierarchical or arithmetic coded: save it anew."
            )
            raise bad(template, offset)
        elif marker in _JPEG_METADATA:
            refuse_active(body, offset)
        elif marker == 0xDA:
            scans += 1
            if scans > _JPEG_SCANS:
                template = _("the JPEG has more than %(limit)s scans, at offset %(offset)s; save it again.")
                raise bad(template, offset, limit=_JPEG_SCANS)
            found = _JPEG_NEXT_MARKER.search(data, end)
            if found is None:
                raise at("picture-truncated", _("the JPEG scan at offset %(offset)s has no end."), offset)
            coded += found.start() - end
            end = found.start()
        offset = end
    if frames != 1 or not scans:
        raise bad(_("the JPEG must hold one picture at offset %(offset)s."), offset)
    if coded > blocks * _JPEG_BLOCK_BYTES:
        template = _("the JPEG holds %(count)s bytes of pixels, a picture of its size has %(limit)s at most.")
        raise refused("picture-hidden-data", template, "SOS", count=coded, limit=blocks * _JPEG_BLOCK_BYTES)
    refuse_trailing(data, offset + 2, "JPEG")


def _jpeg_segment(data: bytes, offset: int) -> tuple[bytes, int]:
    """Return the body of the marker segment at `offset` and the offset behind it."""
    marker = data[offset + 1]
    if marker in {0x00, 0x01, 0xD8} | _JPEG_UNKNOWN or 0xD0 <= marker <= 0xD7 or marker < 0xC0:
        template = _("the JPEG marker %(marker)s has no place at offset %(offset)s.")
        raise bad(template, offset, marker=f"{marker:02X}")
    length = int.from_bytes(data[offset + 2 : offset + 4], "big")
    end = offset + 2 + length
    if length < 2 or end > len(data):
        raise at("picture-truncated", _("a JPEG segment is cut at offset %(offset)s."), offset)
    return data[offset + 4 : end], end


def check_webp(data: bytes, limits: Limits) -> None:
    """Refuse a WebP with frames, unknown chunks, or a length that is not the file's."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise refused("picture-not-as-declared", _("the file does not begin as a WebP at offset 0."), "offset 0")
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        template = _("the WebP claims %(claimed)s bytes and has %(size)s.")
        raise refused("picture-truncated", template, "offset 4", claimed=end, size=len(data))
    refuse_trailing(data, end, "WebP")
    offset, images, order = 12, 0, []
    while offset < end:
        kind = data[offset : offset + 4]
        length = int.from_bytes(data[offset + 4 : offset + 8], "little")
        behind = offset + 8 + length + length % 2
        if offset + 8 > end or behind > end:
            raise at("picture-truncated", _("a WebP chunk is cut at offset %(offset)s."), offset)
        if kind in _WEBP_ANIMATED:
            raise at("picture-animated", _("the WebP is animated at offset %(offset)s."), offset)
        if kind not in _WEBP_CHUNKS or kind in order:
            chunk = repr(shown_name(kind.decode("latin-1")))
            template = _("the WebP chunk %(chunk)s is unknown or comes twice at offset %(offset)s.")
            raise bad(template, offset, chunk=chunk)
        if kind in {b"EXIF", b"XMP ", b"ICCP", b"C2PA"}:
            refuse_active(data[offset + 8 : behind], offset)
        images += kind in {b"VP8 ", b"VP8L"}
        order.append(kind)
        offset = behind
    # Tools that sign (C2PA) add their chunk to a simple WebP and make no extended one of it.
    is_simple = order[1:] in ([], [b"C2PA"])
    if images != 1 or (order[0] != b"VP8X" if b"VP8X" in order else not is_simple):
        template = _("the WebP must hold one picture at offset %(offset)s, with VP8X first when it holds more.")
        raise bad(template, 12)


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuse a picture without area or past the caps on its sides and its pixels."""
    if not (0 < width <= limits.side_pixels and 0 < height <= limits.side_pixels):
        template = _("the picture is %(width)s × %(height)s, each side must be 1 to %(limit)s pixels.")
        values = {"width": width, "height": height, "limit": limits.side_pixels}
        raise refused("picture-size", template, "width, height", **values)
    if width * height > limits.pixels:
        template = _("the picture has %(count)s pixels, the limit is %(limit)s.")
        values = {"count": width * height, "limit": limits.pixels}
        raise refused("picture-too-many-pixels", template, "width, height", **values)


def refuse_trailing(data: bytes, end: int, name: str) -> None:
    """Refuse the bytes behind `end`, where the picture of the format `name` is complete."""
    if len(data) > end:
        template = _("%(count)s bytes follow the end of the %(format)s at offset %(offset)s; save it again.")
        raise at("picture-trailing", template, end, count=len(data) - end, format=name)


def refuse_active(body: bytes, offset: int) -> None:
    """Refuse metadata that a browser or a server could run, also where each of its letters has a zero beside it."""
    if _ACTIVE.search(body) or (b"\0" in body and _ACTIVE.search(body.replace(b"\0", b""))):
        template = _("the metadata at offset %(offset)s holds program text; save the picture without metadata.")
        raise at("picture-active-metadata", template, offset)


def refuse_active_anywhere(data: bytes) -> None:
    """Refuse a picture whose bytes, its pixels too, spell what servers and browsers run in any file."""
    if found := _ACTIVE_ANYWHERE.search(data):
        template = _("the bytes at offset %(offset)s are program text; save the picture again.")
        raise at("picture-active-metadata", template, found.start())


def bad(template: str, offset: int, /, **values: str | int) -> Refused:
    """Return the refusal of a container that breaks its format's rules at `offset`."""
    return at("picture-malformed", template, offset, **values)


def at(code: str, template: str, offset: int, /, **values: str | int) -> Refused:
    """Return the refusal of what stands at `offset`, which `template` may show as %(offset)s."""
    return refused(code, template, f"offset {offset}", offset=offset, **values)
