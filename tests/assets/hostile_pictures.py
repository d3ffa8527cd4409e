"""Hostile pictures: bombs, tails, hidden pixels, scripts in metadata, and what only looks like one."""

import io
import struct
import zlib

from PIL import Image

from tests.assets import makers as make
from tests.assets.hostile_file import Hostile


def _pngs() -> list[Hostile]:
    good = make.png()
    animated = io.BytesIO()
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 255)]
    frames[0].save(animated, "PNG", save_all=True, append_images=frames[1:])
    bomb = zlib.compress(bytes(30_000_000))
    flipped = bytearray(good)
    flipped[-20] ^= 1
    raw = b"".join(b"\0" + bytes(4) for _ in range(4))
    end = make.png_chunk(b"IEND", b"")
    cases = [
        ("trailing text", "picture-trailing", good + b"hello"),
        ("zip appended", "polyglot", good + make.zipped()),
        ("zip in a chunk", "polyglot", make.png(make.png_chunk(b"ziPP", make.zipped()))),
        ("PDF in a chunk", "polyglot", make.png(make.png_chunk(b"teXT", b"%PDF-1.7 1 0 obj"))),
        ("PHP in a comment", "picture-active-metadata", make.png(make.png_chunk(b"tEXt", b"C\0<?php x()"))),
        ("script in a comment", "picture-active-metadata", make.png(make.png_chunk(b"iTXt", b"<ScRiPt>1"))),
        ("bad checksum", "picture-malformed", bytes(flipped)),
        ("cut in half", "picture-truncated", good[: len(good) // 2]),
        ("without IEND", "picture-truncated", good[:-12]),
        ("only a signature", "picture-truncated", good[:8]),
        ("IEND with a body", "picture-malformed", good[:-12] + make.png_chunk(b"IEND", b"x")),
        ("unknown critical chunk", "picture-malformed", make.png(make.png_chunk(b"EVIL", b"x"))),
        ("two headers", "picture-malformed", make.png(make.png_chunk(b"IHDR", bytes(13)))),
        ("header second", "picture-malformed", good[:8] + make.png_chunk(b"tEXt", b"a\0b") + good[8:]),
        ("chunk past the end", "picture-truncated", good[:33] + b"\x7f\xff\xff\xff" + good[37:]),
        ("animated", "picture-animated", animated.getvalue()),
        ("60 000 pixels wide", "picture-size", make.png(header=struct.pack(">IIBBBBB", 60_000, 1, 8, 0, 0, 0, 0))),
        ("no width", "picture-size", make.png(header=struct.pack(">IIBBBBB", 0, 4, 8, 0, 0, 0, 0))),
        (
            "bomb of 225 megapixels",
            "picture-too-many-pixels",
            make.png(header=struct.pack(">IIBBBBB", 15_000, 15_000, 8, 0, 0, 0, 0), pixels=bomb),
        ),
        ("bomb behind the pixels", "picture-hidden-data", make.png(pixels=bomb)),
        ("data behind the pixels", "picture-hidden-data", make.png(pixels=zlib.compress(raw) + b"secret")),
        ("too few pixels", "picture-truncated", make.png(pixels=zlib.compress(raw[:10]))),
        ("pixels without end", "picture-truncated", make.png(pixels=zlib.compress(raw)[:-4])),
        ("pixels not compressed", "picture-damaged", make.png(pixels=b"pixels, honestly")),
        ("split pixels", "picture-malformed", good[:-12] + make.png_chunk(b"tEXt", b"a\0b") + good[33:]),
        ("unknown color kind", "picture-malformed", make.png(header=struct.pack(">IIBBBBB", 4, 4, 8, 9, 0, 0, 0))),
        (
            "unknown filter",
            "picture-damaged",
            make.png(pixels=zlib.compress(b"".join(b"\x09" + raw[1:5] for _ in range(4)))),
        ),
        ("text bomb", "picture-damaged", make.png(make.png_chunk(b"zTXt", b"k\0\0" + bomb))),
        (
            "broken ICC profile",
            "picture-icc",
            make.png(make.png_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"no profile"))),
        ),
        ("JPEG named PNG", "content-not-as-named", make.picture("JPEG")),
        ("GIF named PNG", "type-not-accepted", make.picture("GIF")),
        ("HTML named PNG", "markup-refused", b"<!DOCTYPE html><script>alert(1)</script>"),
        ("end first", "picture-malformed", good[:8] + end),
    ]
    return [Hostile(trick, "picture.png", code, data) for trick, code, data in cases]


def _jpegs_and_webps() -> list[Hostile]:
    jpeg, webp, chunk = make.picture("JPEG"), make.picture("WEBP"), make.simple_webp_chunk()
    comment = b"\xff\xfe" + struct.pack(">H", 13) + b"<?php 1; ?>"
    frame = jpeg.index(b"\xff\xc0")
    wide = bytearray(jpeg)
    wide[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    arithmetic = bytearray(jpeg)
    arithmetic[frame + 1] = 0xC9
    animated = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    frames[0].save(animated, "WEBP", save_all=True, append_images=frames[1:])
    wrong_length = bytearray(webp)
    wrong_length[4:8] = struct.pack("<I", len(webp) + 100)
    vp8x = make.webp_chunk(b"VP8X", bytes(4) + b"\x27\0\0\x1d\0\0")
    jpegs = [
        ("trailing text", "picture-trailing", jpeg + b"hello"),
        ("second picture behind", "picture-trailing", jpeg + jpeg),
        ("zip appended", "polyglot", jpeg + make.zipped()),
        ("rar appended", "polyglot", jpeg + b"Rar!\x1a\x07\0" + bytes(50)),
        ("without end", "picture-truncated", jpeg[:-2]),
        ("cut in half", "picture-truncated", jpeg[: len(jpeg) // 2]),
        ("only a start", "picture-truncated", jpeg[:3]),
        ("PHP in a comment", "picture-active-metadata", jpeg[:2] + comment + jpeg[2:]),
        ("65 535 a side", "picture-size", bytes(wide)),
        ("arithmetic coding", "picture-malformed", bytes(arithmetic)),
        ("garbage between segments", "picture-malformed", jpeg[:20] + b"garbage" + jpeg[20:]),
        ("two frames", "picture-malformed", jpeg[:frame] + jpeg[frame : frame + 19] + jpeg[frame:]),
        ("no picture", "picture-malformed", b"\xff\xd8\xff\xd9"),
        ("PNG named JPEG", "content-not-as-named", make.png()),
        ("ELF named JPEG", "executable-refused", b"\x7fELF" + bytes(60)),
    ]
    webps = [
        ("trailing text", "picture-trailing", webp + b"hello"),
        ("zip appended", "polyglot", webp + make.zipped()),
        ("length past the end", "picture-truncated", bytes(wrong_length)),
        ("cut in half", "picture-truncated", webp[: len(webp) // 2]),
        ("animated", "picture-animated", animated.getvalue()),
        ("unknown chunk", "picture-malformed", make.webp([vp8x, chunk, make.webp_chunk(b"EVIL", b"xx")])),
        ("two pictures", "picture-malformed", make.webp([vp8x, chunk, chunk])),
        ("no picture", "picture-malformed", make.webp([vp8x])),
        ("VP8X last", "picture-malformed", make.webp([chunk, vp8x])),
        ("chunk past the end", "picture-truncated", make.webp([b"VP8 " + struct.pack("<I", 9999) + b"xx"])),
        ("noise for pixels", "picture-damaged", make.webp([make.webp_chunk(b"VP8L", b"\x2f" + b"noise" * 9)])),
        ("script in XMP", "picture-active-metadata", make.webp([vp8x, chunk, make.webp_chunk(b"XMP ", b"<script>")])),
        ("wave named WebP", "content-not-as-named", b"RIFF\x24\0\0\0WAVEfmt " + bytes(30)),
        ("AVIF named WebP", "content-not-as-named", b"\0\0\0\x20ftypavif" + bytes(40)),
    ]
    return [Hostile(trick, "picture.jpg", code, data) for trick, code, data in jpegs] + [
        Hostile(trick, "picture.webp", code, data) for trick, code, data in webps
    ]


def _programs_and_archives_inside() -> list[Hostile]:
    script, png, jpeg, lossless = (
        b"<script>alert(1)</script>",
        make.png(),
        make.picture("JPEG"),
        make.picture("WEBP", lossless=True),
    )
    utf16 = "<script>alert(1)</script>".encode("utf-16-le")
    title = b"MM\0*\0\0\0\x08\0\x01\x9c\x9c\0\x01" + struct.pack(">II", len(utf16), 26) + bytes(4) + utf16
    packed, rar = zlib.compress(script), b"Rar!\x1a\x07\x01\0" + bytes(64)
    chunks = [
        ("script in a packed comment", "picture-active-metadata", b"zTXt", b"C\0\0" + packed),
        ("script in a packed international comment", "picture-active-metadata", b"iTXt", b"C\0\1\0\0\0" + packed),
        ("packed comment that is none", "picture-malformed", b"zTXt", b"C\0\0nothing packed"),
        ("script in wide letters", "picture-active-metadata", b"eXIf", title),
        ("short PHP in a comment", "picture-active-metadata", b"tEXt", b"C\0<?=`$_GET[0]`?>"),
        ("stub of a PHP archive", "picture-active-metadata", b"tEXt", b"C\0__HALT_COMPILER(); ?>" + bytes(40)),
        ("element that runs in a comment", "picture-active-metadata", b"tEXt", b"C\0<svg/onload=alert(1)>"),
        ("RAR in a chunk", "polyglot", b"raRr", rar),
        ("7z in a chunk", "polyglot", b"seVn", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(64)),
    ]
    comments = [
        ("RAR in a comment", "polyglot", rar),
        ("stub of a PHP archive in a comment", "picture-active-metadata", b"__HALT_COMPILER(); ?>"),
    ]
    return [
        *(Hostile(trick, "picture.png", code, make.png(make.png_chunk(k, b))) for trick, code, k, b in chunks),
        *(Hostile(t, "picture.jpg", code, jpeg[:2] + _segment(0xFE, b) + jpeg[2:]) for t, code, b in comments),
        Hostile(
            "PHP in the pixels",
            "picture.jpg",
            "picture-active-metadata",
            jpeg[:-2] + b"<?php system($_GET[0]); ?>" + jpeg[-2:],
        ),
        Hostile(
            "script behind the pixels",
            "picture.webp",
            "picture-active-metadata",
            make.webp([make.webp_chunk(b"VP8L", lossless[20:] + script)]),
        ),
        Hostile("PHP behind a PNG's pixels", "picture.png", "picture-active-metadata", _split(png, b"<?php x();")),
    ]


def _split(png: bytes, text: bytes) -> bytes:
    """Returns the PNG with a text in a chunk that nobody knows."""
    return png[:-12] + make.png_chunk(b"abCd", text) + png[-12:]


def _segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def _read_in_two_ways_or_for_ever() -> list[Hostile]:
    jpeg, gray = make.picture("JPEG"), make.png_chunk
    waves = make.picture("JPEG", progressive=True)
    scan = waves[waves.rindex(b"\xff\xda") : -2]
    profile = gray(b"iCCP", b"p\0\0" + zlib.compress(make.srgb_profile()))
    palette = struct.pack(">IIBBBBB", 4, 4, 8, 3, 0, 0, 0)
    pngs = [
        ("unknown compression", make.png(header=struct.pack(">IIBBBBB", 4, 4, 8, 0, 1, 0, 0))),
        ("palette that is not there", make.png(header=palette)),
        ("palette of half a color", make.png(gray(b"PLTE", b"four"), header=palette)),
        ("two palettes", make.png(gray(b"PLTE", bytes(3)), gray(b"PLTE", b"\xff" * 3), header=palette)),
        ("palette behind the pixels", make.png(header=palette)[:-12] + gray(b"PLTE", bytes(3)) + gray(b"IEND", b"")),
        ("two color profiles", make.png(profile, profile)),
        ("two places", make.png(gray(b"eXIf", make.exif(1)), gray(b"eXIf", make.exif(6)))),
        ("100 000 chunks", make.png(gray(b"abCd", b"") * 100_000)),
        ("200 000 empty pixel chunks", make.png()[:33] + gray(b"IDAT", b"") * 200_000 + make.png()[33:]),
    ]
    jpegs = [
        ("thousand scans", waves[:-2] + scan * 1000 + waves[-2:]),
        ("height that comes later", jpeg[:-2] + _segment(0xDC, b"\0\x10") + jpeg[-2:]),
    ]
    return [
        *(Hostile(trick, "picture.png", "picture-malformed", data) for trick, data in pngs),
        *(Hostile(trick, "picture.jpg", "picture-malformed", data) for trick, data in jpegs),
    ]


def pictures() -> list[Hostile]:
    return [*_pngs(), *_jpegs_and_webps(), *_programs_and_archives_inside(), *_read_in_two_ways_or_for_ever()]
