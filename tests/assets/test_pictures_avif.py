"""AVIF at the door: one still picture, every byte of it part of what is seen."""

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from assets.inspectors.base import Inspection, Limits, Refused
from assets.inspectors.dispatch import inspect_file
from assets.inspectors.pictures import inspect_avif, inspect_jpeg
from tests.assets import makers as make


def avif(size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: object) -> bytes:
    return make.picture("AVIF", size, mode, **options)


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def inspect(data: bytes) -> Inspection:
    return inspect_avif(io.BytesIO(data), Limits())


def inside_meta(data: bytes, added: bytes) -> bytes:
    """Returns the file with a box more at the end of its meta box, the places of its data moved along."""
    at = data.index(b"meta") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    moved = data[:at] + struct.pack(">I", size + len(added)) + data[at + 4 : at + size] + added + data[at + size :]
    iloc = moved.index(b"iloc") + 4
    place = iloc + 4 + 2 + 2 + 2 + 2 + 2  # version, sizes, count, item, data reference, extents
    offset = int.from_bytes(moved[place : place + 4], "big") + len(added)
    return moved[:place] + struct.pack(">I", offset) + moved[place + 4 :]


def test_an_avif_shows_its_size_profile_and_orientation(tmp_path: Path) -> None:
    data = avif(icc_profile=make.srgb_profile(), exif=make.exif(6, place=True))

    inspection = inspect_file(make.written(tmp_path, "f", data), "a.avif")

    assert inspection.media_type == "image/avif"
    assert inspection.facts == {
        "format": "worldloom/asset-facts/1",
        "kind": "picture",
        "container": "avif",
        "width": 30,
        "height": 40,
        "mode": "RGB",
        "has_alpha": False,
        "icc": "sRGB built-in",
        "orientation": 6,
        "has_exif": True,
        "has_location": True,
    }


def test_an_avif_with_alpha_and_one_of_gray_are_taken() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (40, 30), (200, 30, 30, 90)).save(out, "AVIF")

    assert inspect(out.getvalue()).facts["has_alpha"] is True
    assert inspect(avif(mode="L")).facts["mode"] == "L"


def test_empty_free_space_is_taken() -> None:
    assert inspect(avif() + box(b"free", bytes(9))).facts["width"] == 40
    assert inspect(inside_meta(avif(), box(b"free", bytes(4)))).facts["width"] == 40


def _sequence() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), (shade, 0, 0)) for shade in (10, 200)]
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def _changed(old: bytes, new: bytes) -> bytes:
    data = avif()
    assert data.count(old) == 1
    return data.replace(old, new)


def _longer_data() -> bytes:
    """Returns a file whose mdat holds sixteen bytes that no item names."""
    data = avif()
    at = data.index(b"mdat") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    return data[:at] + struct.pack(">I", size + 16) + data[at + 4 :] + b"smuggled in here"


def _padded_picture() -> bytes:
    """Returns a file whose item is longer than its coded picture, by bytes that look like no OBU."""
    data = _longer_data()
    place = data.index(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2 + 4
    length = int.from_bytes(data[place : place + 4], "big")
    return data[:place] + struct.pack(">I", length + 16) + data[place + 4 :]


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("picture-animated", _sequence()),
        ("picture-animated", _changed(b"avifmif1", b"avismif1")),
        ("picture-malformed", _changed(b"ftypavif\0\0\0\0avif", b"ftypmif1\0\0\0\0mif1")),
        ("picture-trailing", avif() + b"x"),
        ("picture-trailing", avif() + b"MZ" + bytes(200)),
        ("picture-hidden-data", avif() + box(b"free", b"hidden")),
        ("picture-malformed", avif() + box(b"uuid", bytes(16))),
        ("picture-malformed", avif() + box(b"meta", bytes(16))),
        ("picture-animated", avif() + box(b"moov")),
        ("picture-hidden-data", avif() + box(b"mdat", b"a second nature")),
        ("picture-hidden-data", _longer_data()),
        ("picture-hidden-data", _padded_picture()),
        ("picture-hidden-data", inside_meta(avif(), box(b"free", b"hidden"))),
        ("picture-hidden-data", inside_meta(avif(), box(b"idat", b"hidden"))),
        (
            "picture-external",
            inside_meta(avif(), box(b"dinf", box(b"dref", bytes(7) + b"\1" + box(b"url ", bytes(4) + b"http://a\0")))),
        ),
        ("picture-malformed", _changed(b"av01Color", b"uri Color")),
        ("picture-malformed", _changed(b"pixi", b"evil")),
        ("picture-malformed", _changed(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\2")),
        ("picture-size", _changed(struct.pack(">II", 40, 30), struct.pack(">II", 0, 30))),
        ("picture-size", _changed(struct.pack(">II", 40, 30), struct.pack(">II", 70_000, 30))),
        ("picture-active-metadata", avif(xmp=b"<script>alert(1)</script>")),
        ("picture-truncated", avif()[:-5]),
        ("picture-damaged", avif()[:-40] + bytes(40)),
        ("picture-not-as-declared", make.picture()),
    ],
)
def test_an_avif_with_more_or_less_than_its_picture_is_refused(code: str, data: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        inspect(data)

    assert refusal.value.findings[0].code == code


def test_a_jpeg_with_more_scan_than_its_size_can_need_is_refused() -> None:
    data = make.picture("JPEG")
    stuffed = data[:-2] + b"\1" * 200_000 + data[-2:]

    with pytest.raises(Refused) as refusal:
        inspect_jpeg(io.BytesIO(stuffed), Limits())

    assert refusal.value.findings[0].code == "picture-hidden-data"


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_noise_at_the_best_quality_is_taken(progressive: bool) -> None:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 200).convert("RGB").save(
        out, "JPEG", quality=100, subsampling=0, progressive=progressive
    )

    assert inspect_jpeg(io.BytesIO(out.getvalue()), Limits()).facts["width"] == 64
