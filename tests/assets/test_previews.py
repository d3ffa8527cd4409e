"""Pictures for pages: WebP and AVIF of what is a picture, and what is drawn of weights."""

import io
import struct
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from assets import queries
from assets.inspectors import child, sandbox
from assets.inspectors.base import Limits, Refused
from assets.inspectors.pictures import decode
from assets.inspectors.sandbox import Wanted
from assets.models import Asset, PreviewImage
from assets.operations import UnableToPreview, make_all_previews, make_previews
from assets.previews.base import preview_widths
from assets.previews.copies import color_field, copies_of
from assets.previews.layers import draw_layers
from assets.previews.profiles import reduced
from tests.assets import makers as make
from tests.assets.conftest import Traces
from tests.assets.door import NOW, place_of, send

pytestmark = pytest.mark.django_db

HIERARCHY = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 5 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.033333
0 90 0 0 0 0 0 0 0
0 90 0 5 0 0 0 9 0
"""


def display_p3(*, private: bytes = b"") -> bytes:
    """Returns a profile of the P3 primaries, with a private tag when it is given."""
    xyz = {b"rXYZ": (0.51512, 0.2412, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189)}
    xyz |= {b"bXYZ": (0.1571, 0.06657, 0.78407), b"wtpt": (0.96420, 1.0, 0.82491)}
    tags = {
        name: b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(value * 65536)) for value in values)
        for name, values in xyz.items()
    }
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    text = b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", 8, 28) + "Wide".encode("utf-16-be")
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve) | {b"desc": text, b"cprt": text}
    tags |= {b"priv": private} if private else {}
    table, data, begin = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", begin + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    header = bytearray(128)
    header[0:4], header[8:12] = struct.pack(">I", begin + len(data)), b"\4\x30\0\0"
    header[12:24], header[36:40] = b"mntrRGB XYZ ", b"acsp"
    header[68:80] = struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return bytes(header) + table + data


def opened(preview: PreviewImage) -> Image.Image:
    with queries.open_blob(preview.blob_id) as file:
        return Image.open(io.BytesIO(file.read()))


def test_both_types_have_the_size_and_the_colors_that_their_rows_say() -> None:
    (asset,) = send([("a.png", make.picture(size=(600, 300)))])

    previews = make_previews(asset=asset, now=NOW)

    assert [(p.width, p.height, p.media_type) for p in previews] == [
        (480, 240, "image/avif"),
        (480, 240, "image/webp"),
        (600, 300, "image/avif"),
        (600, 300, "image/webp"),
    ]
    for preview in previews:
        picture = opened(preview)
        assert (picture.get_format_mimetype(), picture.size) == (preview.media_type, (preview.width, preview.height))
        assert len(bytes.fromhex(preview.color_field)) == 36
    assert len({preview.blob_id for preview in previews}) == 4


def test_an_avif_has_previews_like_any_picture() -> None:
    (asset,) = send([("a.avif", make.picture("AVIF", (100, 50), exif=make.exif(6, place=True)))])

    for preview in make_previews(asset=asset, now=NOW):
        picture = opened(preview)
        assert picture.size == (50, 100)
        assert not picture.getexif()


def test_the_color_field_is_the_mean_of_each_part() -> None:
    picture = Image.new("RGB", (8, 6), "#102030")
    picture.paste("#ff0000", (6, 4, 8, 6))

    assert color_field(picture) == "102030" * 11 + "ff0000"


def test_a_picture_that_lets_light_through_has_no_color_field() -> None:
    assert color_field(Image.new("RGBA", (8, 6), (1, 2, 3, 200))) == ""
    assert color_field(Image.new("RGBA", (8, 6), (1, 2, 3, 255))) == "010203" * 12


def test_wide_colors_keep_their_meaning_and_the_profile_loses_all_else() -> None:
    profile = display_p3(private=b"text" + bytes(4) + b"Alice, 1 Home Street")
    picture = decode(io.BytesIO(make.picture(size=(64, 48), icc_profile=profile)), keep_profile=True)

    for copy in copies_of(picture, 480):
        kept = Image.open(io.BytesIO(copy.data)).info["icc_profile"]
        assert b"Alice" not in kept
        assert "W\0i\0d\0e" not in kept.decode("latin-1")
        wide = ImageCms.ImageCmsProfile(io.BytesIO(kept)).profile
        assert [round(x, 2) for x in wide.red_primary[1][:2]] == [0.68, 0.32]


@pytest.mark.parametrize(
    "profile",
    [
        make.srgb_profile(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        display_p3()[:200],
        display_p3().replace(b"mntr", b"prtr"),
        b"",
        bytes(4000),
    ],
)
def test_other_profiles_are_converted_and_not_kept(profile: bytes) -> None:
    assert reduced(profile) is None


def test_converted_and_kept_colors_are_the_same_to_the_eye() -> None:
    data = make.picture(size=(64, 48), icc_profile=display_p3())

    plain, wide = decode(io.BytesIO(data)), decode(io.BytesIO(data), keep_profile=True)

    again = ImageCms.profileToProfile(
        wide, ImageCms.ImageCmsProfile(io.BytesIO(wide.info["icc_profile"])), ImageCms.createProfile("sRGB")
    )
    assert again is not None
    assert np.abs(np.asarray(again, dtype=int) - np.asarray(plain, dtype=int)).max() <= 1
    assert "icc_profile" not in plain.info


def test_the_layers_of_weights_and_a_skeleton_are_drawn_of_their_bytes() -> None:
    weights, motion = send([("style.safetensors", make.lora()), ("walk.bvh", HIERARCHY.encode())])

    assert make_all_previews(assets=[weights, motion], now=NOW) == 2

    for asset in (weights, motion):
        rows = PreviewImage.objects.filter(asset=asset).order_by("width", "media_type")
        assert [(row.width, row.height, row.media_type) for row in rows] == [
            (480, 270, "image/avif"),
            (480, 270, "image/webp"),
            (960, 540, "image/avif"),
            (960, 540, "image/webp"),
        ]


def test_the_taller_bar_is_the_layer_that_changes_more(tmp_path: Path) -> None:
    def pair(stem: str, size: float) -> dict[str, tuple[str, list[int], bytes]]:
        numbers = np.full((2, 8), size, dtype="<f4")
        return {
            f"lora_unet_{stem}_attn1_to_q.lora_down.weight": ("F32", [2, 8], numbers.tobytes()),
            f"lora_unet_{stem}_attn1_to_q.lora_up.weight": ("F32", [8, 2], numbers.tobytes()),
        }

    weak, strong = pair("down_blocks_0_attentions_0", 0.1), pair("up_blocks_1_attentions_0", 1.0)
    path = make.written(tmp_path, "f", make.safetensors(weak | strong))

    drawn = np.asarray(draw_layers(path, 480)).astype(int)

    full = np.abs(drawn - (62, 99, 221)).sum(axis=2) < 30
    upper, lower = full[: 270 * 36 // 100], full[270 * 36 // 100 : 270 * 60 // 100]
    assert upper.sum() == 0
    assert lower.sum() > 400


def test_weights_that_change_nothing_have_no_picture(tmp_path: Path) -> None:
    zeros = {"a.lora_down.weight": ("F32", [1, 2], bytes(8)), "a.lora_up.weight": ("F32", [2, 1], bytes(8))}

    with pytest.raises(Refused, match="the weights change nothing that can be drawn."):
        draw_layers(make.written(tmp_path, "f", make.safetensors(zeros)), 480)


@pytest.mark.parametrize(
    ("facts", "widths"),
    [
        ({"kind": "picture", "width": 1000}, (480, 960, 1000)),
        ({"kind": "weights", "network": "lora"}, (480, 960)),
        ({"kind": "weights", "network": "checkpoint"}, ()),
        ({"kind": "weights", "network": "embedding"}, ()),
        ({"kind": "model"}, (480, 960)),
        ({"kind": "prompts"}, ()),
        ({"kind": "archive"}, ()),
        ({}, ()),
    ],
)
def test_nothing_is_drawn_of_what_shows_nothing(facts: dict[str, object], widths: tuple[int, ...]) -> None:
    assert preview_widths(facts) == widths


def test_one_asset_that_cannot_be_drawn_leaves_the_others_theirs(caplog: pytest.LogCaptureFixture) -> None:
    good, gone, text = send([("a.png", make.picture()), ("b.png", make.picture(size=(20, 20))), ("p.txt", b"a cat")])
    zeros = {"a.lora_down.weight": ("F32", [1, 2], bytes(8)), "a.lora_up.weight": ("F32", [2, 1], bytes(8))}
    (nothing,) = send([("zero.safetensors", make.safetensors(zeros))])
    place_of(gone.blob_id).unlink()

    assert make_all_previews(assets=[gone, nothing, text, good], now=NOW) == 1

    assert set(PreviewImage.objects.values_list("asset_id", flat=True)) == {good.pk}
    assert [str(asset.pk) in caplog.text for asset in (gone, nothing, text, good)] == [True, True, False, False]
    with pytest.raises(UnableToPreview, match="change nothing that can be drawn"):
        make_previews(asset=nothing, now=NOW)


def test_previews_are_made_again_only_where_they_lack(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = send([("a.png", make.picture()), ("b.png", make.picture(size=(20, 20)))])
    make_all_previews(assets=[first], now=NOW)
    asked: list[Wanted] = []
    real = sandbox.make_previews
    monkeypatch.setattr(sandbox, "make_previews", lambda wanted, box: asked.extend(wanted) or real(wanted, box))

    assert make_all_previews(assets=[first, second, second], now=NOW) == 1
    assert make_all_previews(assets=[first, second], now=NOW) == 0

    assert [one.width for one in asked] == [20]
    assert PreviewImage.objects.count() == 4


def test_what_a_crash_left_without_previews_is_found() -> None:
    public, *_others = send([("a.png", make.picture()), ("b.png", make.picture(size=(9, 9))), ("p.txt", b"a cat")])
    (weights,) = send([("w.safetensors", make.lora())], now=NOW + timedelta(hours=1))
    shown = Asset.objects.filter(pk=public.pk).values("pk")

    assert queries.missing_previews(shown=shown, since=NOW) == [weights, public]
    assert queries.missing_previews(shown=shown, since=NOW + timedelta(minutes=1)) == [weights]
    make_all_previews(assets=[public], now=NOW)
    assert queries.missing_previews(shown=shown, since=NOW) == [weights]


def test_a_picture_is_decoded_once_for_all_its_widths(tmp_path: Path) -> None:
    path = make.written(tmp_path, "p", make.picture(size=(100, 50)))
    child._drawn.cache_clear()

    for width in (40, 100):
        child._preview({"path": str(path), "kind": "picture", "width": width}, Limits())

    assert (child._drawn.cache_info().misses, child._drawn.cache_info().hits) == (1, 1)
