"""Hostile files, each named for its trick: (trick, file name, code of the finding, bytes)."""

import io
import pickle
import struct
import tarfile
import zlib
from typing import NamedTuple

from PIL import Image

from tests.assets import makers as make

RLO = "\u202e"


class Hostile(NamedTuple):
    trick: str
    name: str
    code: str
    data: bytes


def _entry(dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def _one(entry: object, data: bytes = bytes(4), name: str = "t") -> bytes:
    return make.header_and_data({name: entry}, data)


def _headers() -> list[Hostile]:
    pair = '"dtype":"F32","shape":[1],"data_offsets":[0,4]'
    many = {f"t{n}": _entry(shape=[0], offsets=[0, 0]) for n in range(20_001)}
    cases = [
        ("seven bytes", "safetensors-truncated", b"1234567"),
        ("length of 2^64-1", "safetensors-header-too-long", b"\xff" * 8 + b"{}"),
        ("length of 9 MiB", "safetensors-header-too-long", struct.pack("<Q", 9 << 20) + b"{}"),
        ("length past the end", "safetensors-truncated", struct.pack("<Q", 4096) + b"{}" + bytes(20)),
        ("length of zero", "safetensors-truncated", bytes(8) + b"{}"),
        ("leading blank", "safetensors-header-start", make.header_and_data(f' {{"t":{{{pair}}}}}', bytes(4))),
        ("leading BOM", "safetensors-header-start", make.header_and_data("\ufeff{}", bytes(4))),
        ("header is a list", "safetensors-header-start", make.header_and_data("[1,2]", bytes(4))),
        ("text behind header", "safetensors-header-end", make.header_and_data(f'{{"t":{{{pair}}}}}x', bytes(4))),
        ("newline padding", "safetensors-header-end", make.header_and_data(f'{{"t":{{{pair}}}}}\n', bytes(4))),
        ("unclosed header", "safetensors-header-end", make.header_and_data('{"t":', bytes(4))),
        ("broken JSON", "json-malformed", make.header_and_data("{'t':1}", bytes(4))),
        ("two JSON values", "json-malformed", make.header_and_data("{}{}", bytes(4))),
        ("bad UTF-8", "safetensors-not-utf8", make.header_and_data(b'{"\xff\xfe":1}', bytes(4))),
        (
            "duplicate tensor",
            "json-duplicate-key",
            make.header_and_data(f'{{"t":{{{pair}}},"t":{{{pair}}}}}', bytes(4)),
        ),
        ("duplicate field", "json-duplicate-key", make.header_and_data(f'{{"t":{{"shape":[9],{pair}}}}}', bytes(4))),
        (
            "duplicate metadata",
            "json-duplicate-key",
            make.header_and_data(f'{{"__metadata__":{{"a":"1","a":"2"}},"t":{{{pair}}}}}', bytes(4)),
        ),
        ("deep JSON", "json-too-deep", make.header_and_data('{"t":' + "[" * 100_000 + "]" * 100_000 + "}")),
        ("deep unclosed JSON", "json-too-deep", make.header_and_data('{"t":' + '{"a":' * 100_000 + "}")),
        ("NaN in header", "json-number", make.header_and_data('{"t":NaN}')),
        ("number of 5000 digits", "json-number", make.header_and_data('{"t":' + "9" * 5000 + "}")),
        ("minus zero offset", "json-number", make.header_and_data('{"t":{"data_offsets":[-0,4]}}')),
        ("no tensor", "safetensors-empty", make.header_and_data("{}")),
        ("only metadata", "safetensors-empty", make.header_and_data({"__metadata__": {"a": "b"}})),
        ("20 001 tensors", "safetensors-too-many-tensors", make.header_and_data(many)),
        ("number in metadata", "safetensors-metadata", _with_metadata({"a": 1})),
        ("nested metadata", "safetensors-metadata", _with_metadata({"a": {"b": "c"}})),
        ("metadata is a list", "safetensors-metadata", _with_metadata(["a"])),
        ("NUL in metadata", "safetensors-metadata", _with_metadata({"a": "b\0c"})),
        ("half a surrogate", "safetensors-metadata", _with_metadata({"a": "\ud800"})),
        ("metadata of 5 MiB", "safetensors-metadata-too-long", _with_metadata({"a": "x" * (5 << 20)})),
        ("metadata key of 1000", "safetensors-metadata-too-long", _with_metadata({"k" * 1000: "x"})),
    ]
    return [Hostile(trick, "model.safetensors", code, data) for trick, code, data in cases]


def _tensors() -> list[Hostile]:
    two = {"a": _entry(offsets=[0, 4]), "b": _entry(offsets=[0, 4])}
    hole = {"a": _entry(offsets=[0, 4]), "b": _entry(offsets=[8, 12])}
    nan, infinity = struct.pack("<f", float("nan")), struct.pack("<f", float("-inf"))
    unpaired = {"x.lora_down.weight": ("F32", [2, 3], bytes(24))}
    unequal = unpaired | {"x.lora_up.weight": ("F32", [3, 4], bytes(48))}
    loha = {"x.hada_w1_a": ("F32", [3, 2], bytes(24)), "x.hada_w1_b": ("F32", [4, 3], bytes(48))}
    polyglot_tensor = make.zipped() + bytes(-len(make.zipped()) % 4)
    cases = [
        ("empty tensor name", "safetensors-tensor-name", _one(_entry(), name="")),
        ("tensor name with bidi", "safetensors-tensor-name", _one(_entry(), name=f"a{RLO}b")),
        ("tensor name of 600", "safetensors-tensor-name", _one(_entry(), name="n" * 600)),
        ("foreign field", "safetensors-fields", _one({**_entry(), "code": "x"})),
        ("missing field", "safetensors-fields", _one({"dtype": "F32", "shape": [1]})),
        ("entry is text", "safetensors-fields", _one("tensor")),
        ("unknown dtype", "safetensors-dtype", _one(_entry(dtype="OBJECT"))),
        ("dtype is a list", "safetensors-dtype", _one(_entry(dtype=["F32"]))),
        ("negative side", "safetensors-shape", _one(_entry(shape=[-1]))),
        ("fractional side", "safetensors-shape", _one(_entry(shape=[1.0]))),
        ("side is true", "safetensors-shape", _one(_entry(shape=[True]))),
        ("shape is text", "safetensors-shape", _one(_entry(shape="1"))),
        ("nine dimensions", "safetensors-shape", _one(_entry(shape=[1] * 9))),
        ("shape overflow", "safetensors-shape-overflow", _one(_entry(shape=[2**31, 2**31, 4]))),
        ("overflow that wraps to 4", "safetensors-shape-overflow", _one(_entry(shape=[2**52, 2**52, 1]))),
        ("one offset", "safetensors-offsets", _one(_entry(offsets=[0]))),
        ("negative offset", "safetensors-offsets", _one(_entry(offsets=[-4, 0]))),
        ("backward offsets", "safetensors-offsets", _one(_entry(offsets=[4, 0]))),
        ("size against shape", "safetensors-size", _one(_entry(shape=[2]))),
        ("overlap", "safetensors-overlap", make.header_and_data(two, bytes(4))),
        ("hole", "safetensors-hole", make.header_and_data(hole, bytes(12))),
        ("hole at the start", "safetensors-hole", _one(_entry(offsets=[4, 8]), bytes(8))),
        ("trailing bytes", "safetensors-trailing", _one(_entry(), bytes(8))),
        ("truncated data", "safetensors-truncated", _one(_entry(), bytes(3))),
        ("NaN weight", "weights-not-finite", _one(_entry(), nan)),
        ("infinite weight", "weights-not-finite", _one(_entry(), infinity)),
        ("NaN half", "weights-not-finite", _one(_entry("F16", [2], [0, 4]), b"\0\0\x01\x7e")),
        ("NaN bfloat", "weights-not-finite", _one(_entry("BF16", [2], [0, 4]), b"\0\0\xc0\x7f")),
        ("NaN float8", "weights-not-finite", _one(_entry("F8_E4M3", [4], [0, 4]), b"\0\0\xff\0")),
        ("half a pair", "weights-unpaired", make.safetensors(unpaired)),
        ("ranks that differ", "weights-rank-mismatch", make.safetensors(unequal)),
        ("loha ranks that differ", "weights-rank-mismatch", make.safetensors(loha)),
        ("zip appended", "polyglot", make.lora() + make.zipped()),
        ("zip inside a tensor", "polyglot", make.safetensors({"t": ("U8", [len(polyglot_tensor)], polyglot_tensor)})),
        ("renamed pickle", "pickle-refused", pickle.dumps({"a": list(range(100))})),
        ("renamed torch zip", "pickle-refused", make.zipped("archive/data.pkl")),
    ]
    return [Hostile(trick, "model.safetensors", code, data) for trick, code, data in cases]


def _with_metadata(metadata: object) -> bytes:
    return make.header_and_data({"__metadata__": metadata, "t": _entry()}, bytes(4))


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
        ("rar appended", "picture-trailing", jpeg + b"Rar!\x1a\x07\0" + bytes(50)),
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
        ("AVIF named WebP", "type-not-accepted", b"\0\0\0\x20ftypavif" + bytes(40)),
    ]
    return [Hostile(trick, "picture.jpg", code, data) for trick, code, data in jpegs] + [
        Hostile(trick, "picture.webp", code, data) for trick, code, data in webps
    ]


def _prompts() -> list[Hostile]:
    texts = [
        ("bad UTF-8", "text-not-utf8", b"a cat\n\xff\xfe dog"),
        ("UTF-16", "text-not-utf8", "a cat".encode("utf-16")),
        ("overlong slash", "text-not-utf8", b"a \xc0\xaf b"),
        ("surrogates in UTF-8", "text-not-utf8", b"\xed\xa0\x80"),
        ("NUL", "text-forbidden-character", b"a\0b"),
        ("escape sequence", "text-forbidden-character", b"\x1b[2Ja cat"),
        ("bidi override", "text-forbidden-character", f"a {RLO}tac".encode()),
        ("bidi isolate", "text-forbidden-character", "a \u2066cat".encode()),
        ("tag characters", "text-forbidden-character", "a cat\U000e0041\U000e0042".encode()),
        ("byte-order mark", "text-forbidden-character", "\ufeffa cat".encode()),
        ("lone return", "text-forbidden-character", b"a cat\ra dog"),
        ("blank lines only", "prompts-empty", b"\n  \n\t\n"),
        ("empty file", "file-empty", b""),
        ("10 001 prompts", "prompts-too-many", b"cat\n" * 10_001),
        ("prompt of 8001", "prompt-too-long", b"x" * 8001),
        ("5 MiB", "file-too-large", b"a cat\n" * 900_000),
        ("text pickle", "pickle-refused", b"cos\nsystem\n(S'id'\ntR."),
        ("shell script", "executable-refused", b"#!/bin/sh\nrm -rf /\n"),
        ("SVG named text", "markup-refused", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("PNG named text", "content-not-as-named", make.png()),
        ("PDF named text", "polyglot", b"%PDF-1.7\n1 0 obj\n"),
    ]
    documents = [
        ("duplicate key", "json-duplicate-key", b'{"prompts":["a"],"prompts":["b"]}'),
        ("duplicate key by escape", "json-duplicate-key", b'{"prompts":["a"],"\\u0070rompts":["b"]}'),
        ("NaN", "json-number", b'{"prompts":["a"],"weight":NaN}'),
        ("infinity by exponent", "json-number", b'{"prompts":["a"],"weight":1e999}'),
        ("number of 5000 digits", "json-number", b'{"prompts":["a"],"n":' + b"1" * 5000 + b"}"),
        ("100 000 brackets", "json-too-deep", b"[" * 100_000),
        ("17 levels", "json-too-deep", b"[" * 17 + b"]" * 17),
        ("broken", "json-malformed", b'["a", ]'),
        ("a million escaped quotes without end", "json-malformed", b'["' + b'\\"' * 1_000_000 + b"\\"),
        ("comment", "json-malformed", b'["a"] // no'),
        ("half a surrogate", "text-forbidden-character", b'["\\ud800"]'),
        ("escaped NUL", "text-forbidden-character", b'["a\\u0000b"]'),
        ("escaped bidi override", "text-forbidden-character", b'["a\\u202eb"]'),
        ("escaped bidi in a key", "text-forbidden-character", b'{"prompts":["a"],"\\u202ek":1}'),
        ("a number for prompts", "prompts-shape", b"42"),
        ("no prompts", "prompts-shape", b'{"title":"x"}'),
        ("number among prompts", "prompts-shape", b'["a", 1]'),
        ("prompt without text", "prompts-shape", b'{"prompts":[{"lang":"en"}]}'),
        ("blank prompt", "prompts-shape", b'["a", "  "]'),
        ("empty list", "prompts-empty", b"[]"),
        ("wrong language", "prompts-language", b'{"prompts":[{"text":"a","lang":"<b>"}]}'),
    ]
    return [Hostile(trick, "prompts.txt", code, data) for trick, code, data in texts] + [
        Hostile(trick, "prompts.json", code, data) for trick, code, data in documents
    ]


def _names_and_kinds() -> list[Hostile]:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    weights = pickle.dumps({"a": 1})
    good = b"a cat"
    return [
        Hostile("pickle as .ckpt", "model.ckpt", "pickle-refused", weights),
        Hostile("pickle as .PT", "model.PT", "pickle-refused", weights),
        Hostile("pickle as .bin", "pytorch_model.bin", "pickle-refused", weights),
        Hostile("pickle as .png", "model.png", "pickle-refused", weights),
        Hostile("numpy objects", "model.npy", "pickle-refused", b"\x93NUMPY\x01\0"),
        Hostile("zip", "world.zip", "archive-refused", make.zipped()),
        Hostile("zip as .png", "world.png", "archive-refused", make.zipped()),
        Hostile("gzip as .txt", "world.txt", "archive-refused", b"\x1f\x8b\x08" + bytes(20)),
        Hostile("tar as .json", "world.json", "archive-refused", tar.getvalue()),
        Hostile("SVG", "art.svg", "markup-refused", b"<svg/>"),
        Hostile("HTML", "page.html", "markup-refused", b"<html>"),
        Hostile("Windows program", "setup.exe", "executable-refused", b"MZ\x90\0" + bytes(60)),
        Hostile("Windows program as .txt", "readme.txt", "executable-refused", b"MZ\x90\0" + bytes(60)),
        Hostile("GIF", "art.gif", "type-not-accepted", make.picture("GIF")),
        Hostile("GLB", "hero.glb", "type-not-accepted", b"glTF\x02\0\0\0" + bytes(20)),
        Hostile("GGUF", "model.gguf", "type-not-accepted", b"GGUF" + bytes(20)),
        Hostile("no ending", "prompts", "type-not-accepted", good),
        Hostile("double ending", "prompts.txt.exe", "executable-refused", good),
        Hostile("climbing name", "../prompts.txt", "path-climbs", good),
        Hostile("absolute name", "/etc/prompts.txt", "path-absolute", good),
        Hostile("backslash name", "a\\b.txt", "path-backslash", good),
        Hostile("NUL name", "a\0.txt", "path-hidden-character", good),
        Hostile("bidi name", f"a{RLO}gnp.txt", "path-hidden-character", good),
        Hostile("decomposed name", "e\u0301.txt", "path-not-nfc", good),
        Hostile("long name", "n" * 197 + ".txt", "path-too-long", good),
        Hostile("device name", "con.txt", "path-reserved", good),
        Hostile("drive name", "c:a.txt", "path-reserved", good),
        Hostile("empty name", "", "path-empty", good),
    ]


HOSTILE = [*_headers(), *_tensors(), *_pngs(), *_jpegs_and_webps(), *_prompts(), *_names_and_kinds()]
assert len({(item.trick, item.name) for item in HOSTILE}) == len(HOSTILE)
