"""Alice's honest files, and the exact facts that inspection finds in them."""

import hashlib
import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from PIL import Image, ImageCms

from assets.inspectors.base import Inspection, Limits
from assets.inspectors.dispatch import inspect_file
from assets.inspectors.networks import Module, base_family, describe
from assets.inspectors.pictures import decode
from assets.inspectors.prompts import languages
from assets.inspectors.safetensors import read_header
from assets.previews.copies import copies_of
from tests.assets import makers as make


def preview(data: bytes, width: int) -> Image.Image:
    """Gives the WebP copy of a picture, opened."""
    webp, _avif = copies_of(decode(io.BytesIO(data), keep_profile=True), width)
    return Image.open(io.BytesIO(webp.data))


def inspect(folder: Path, name: str, data: bytes) -> Inspection:
    return inspect_file(make.written(folder, "file", data), name)


def test_a_lora_shows_its_rank_scheme_family_and_claims(tmp_path: Path) -> None:
    metadata = {
        "ss_base_model_version": "sd_v1",
        "ss_output_name": "yun\u202ehai",
        "ss_dataset_dirs": "/home/alice/secret",
    }

    inspection = inspect(tmp_path, "style.safetensors", make.lora(rank=2, metadata=metadata))

    assert inspection.media_type == "application/vnd.safetensors"
    facts = inspection.facts
    roots = {facts.pop("tensor_root"), facts.pop("tensor_bag_root")}
    assert len(roots) == 2
    assert facts.pop("header_bytes") > 0
    assert facts == {
        "format": "worldloom/asset-facts/1",
        "kind": "weights",
        "network": "lora",
        "key_scheme": "kohya",
        "base_family": "sd15",
        "modules": 3,
        "ranks": [2],
        "tensors": 9,
        "parameters": 3 + 2 * (320 + 768 + 1280 + 1280 + 640 + 640),
        "dtypes": {"F16": 6, "F32": 3},
        "metadata_entries": 3,
        "claims": {"ss_base_model_version": "sd_v1", "ss_output_name": "yun\\u202ehai"},
        "claimed_base_family": "sd15",
    }


def test_the_tensor_root_is_what_the_format_page_says(tmp_path: Path) -> None:
    one, two = struct.pack("<f", 1.0), b"\x07\x08"
    data = make.safetensors({"b": ("F32", [1, 1], one), "a": ("U8", [2], two)})

    facts = inspect(tmp_path, "x.safetensors", data).facts

    leaves = [
        rfc8785.dumps({"dtype": "U8", "name": "a", "sha256": hashlib.sha256(two).hexdigest(), "shape": [2]}),
        rfc8785.dumps({"dtype": "F32", "name": "b", "sha256": hashlib.sha256(one).hexdigest(), "shape": [1, 1]}),
    ]
    chained = b"".join(hashlib.sha256(leaf).digest() for leaf in leaves)
    assert facts["tensor_root"] == hashlib.sha256(b"worldloom/tensor-root/1\n" + chained).hexdigest()
    bag = b"".join(sorted(hashlib.sha256(part).digest() for part in (one, two)))
    assert facts["tensor_bag_root"] == hashlib.sha256(b"worldloom/tensor-bag-root/1\n" + bag).hexdigest()


def test_the_tensor_root_outlives_order_and_metadata_and_the_bag_root_outlives_names(tmp_path: Path) -> None:
    a, b = ("U8", [2], b"\1\2"), ("U8", [2], b"\3\4")
    first = inspect(tmp_path, "x.safetensors", make.safetensors({"a": a, "b": b})).facts
    moved = inspect(tmp_path, "x.safetensors", make.safetensors({"b": b, "a": a}, {"title": "mine"})).facts
    renamed = inspect(tmp_path, "x.safetensors", make.safetensors({"c": a, "d": b})).facts

    assert moved["tensor_root"] == first["tensor_root"]
    assert renamed["tensor_root"] != first["tensor_root"]
    assert renamed["tensor_bag_root"] == first["tensor_bag_root"]


@pytest.mark.parametrize("blanks", [0, 1, 7])
def test_blanks_that_pad_the_header_are_part_of_the_format(blanks: int) -> None:
    header = '{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' + " " * blanks

    (tensor,) = read_header(io.BytesIO(make.header_and_data(header, b"\1")), Limits()).tensors

    assert (tensor.name, tensor.dtype, tensor.shape, tensor.begin, tensor.end) == ("t", "U8", (1,), 0, 1)


def test_a_header_length_that_spells_a_magic_number_is_no_program_and_no_archive(tmp_path: Path) -> None:
    for magic in (b"\x80\x02", b"MZ", b"#!", b"BM"):
        length = int.from_bytes(magic, "little")
        header = '{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.ljust(length)
        assert inspect(tmp_path, "x.safetensors", make.header_and_data(header, b"\1")).facts["tensors"] == 1


@pytest.mark.parametrize(
    ("table", "kind", "scheme", "ranks"),
    [
        ({"unet.a.lora_A.weight": (8, 3), "unet.a.lora_B.weight": (5, 8)}, "lora", "peft", (8,)),
        ({"unet.a.lora.down.weight": (8, 3), "unet.a.lora.up.weight": (5, 8)}, "lora", "diffusers", (8,)),
        (
            {"a.to_q_lora.down.weight": (1, 3), "a.to_q_lora.up.weight": (5, 1)},
            "lora",
            "diffusers-attn-processor",
            (1,),
        ),
        ({"unet:0:down": (4, 320), "unet:0:up": (320, 4)}, "lora", "indexed", (4,)),
        ({"c.lora_down.weight": (2, 3, 3, 3), "c.lora_up.weight": (5, 2, 1, 1)}, "lora", "kohya", (2,)),
        (
            {"a.hada_w1_a": (5, 2), "a.hada_w1_b": (2, 3), "a.hada_w2_a": (5, 2), "a.hada_w2_b": (2, 3)},
            "loha",
            "lycoris",
            (2,),
        ),
        ({"a.lokr_w1": (5, 2), "a.lokr_w2_a": (7, 2), "a.lokr_w2_b": (2, 3)}, "lokr", "lycoris", (2,)),
        ({"a.lokr_w1": (5, 2), "a.lokr_w2": (7, 3, 3, 3)}, "lokr", "lycoris", ()),
        ({"emb_params": (4, 768)}, "embedding", "textual-inversion", ()),
        ({"anything": (4, 768)}, "unknown", "unknown", ()),
        ({"model.diffusion_model.out.2.weight": (4, 320, 3, 3)}, "checkpoint", "full", ()),
    ],
)
def test_the_tensor_table_tells_the_network(
    table: dict[str, tuple[int, ...]], kind: str, scheme: str, ranks: tuple[int, ...]
) -> None:
    network = describe(table)

    assert (network.kind, network.key_scheme, network.ranks) == (kind, scheme, ranks)


@pytest.mark.parametrize(
    ("family", "modules"),
    [
        ("sd15", [("lora_unet_a", 320, 320), ("b", 768, 640), ("c", 1280, 1280)]),
        ("sd2", [("lora_unet_a", 320, 320), ("b", 1024, 640), ("c", 1280, 1280)]),
        ("sdxl", [("lora_unet_a", 2048, 640), ("b", 1280, 1280)]),
        ("flux1", [("lora_unet_double_blocks_18_img_attn_qkv", 3072, 9216)]),
        ("flux1", [("transformer.single_transformer_blocks.37.attn.to_q", 3072, 3072)]),
        ("unknown", [("lora_unet_double_blocks_19_img_attn_qkv", 3072, 9216)]),
        ("sd3", [("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", 1536, 4608)]),
        ("unknown", [("lora_te_text_model_a", 768, 768)]),
        ("unknown", [("a", 64, 64)]),
    ],
)
def test_the_base_family_is_told_only_when_the_shapes_leave_no_doubt(
    family: str, modules: list[tuple[str, int, int]]
) -> None:
    assert base_family(Module(*module) for module in modules) == family


def test_a_lora_made_by_others_is_accepted_with_true_facts() -> None:
    folder = os.environ.get("WORLDLOOM_SAMPLES")
    if not folder:
        pytest.skip("WORLDLOOM_SAMPLES names no folder of real files")

    facts = inspect_file(Path(folder) / "analog_svd_rank4.safetensors", "analog.safetensors").facts

    assert (facts["network"], facts["key_scheme"], facts["base_family"]) == ("lora", "indexed", "sd15")
    assert (facts["ranks"], facts["modules"], facts["tensors"]) == ([4], 192, 384)
    assert (facts["dtypes"], facts["parameters"]) == ({"F16": 384}, 1_541_376)
    assert facts["metadata_entries"] == 194


@pytest.mark.parametrize(
    ("container", "name", "mode", "options", "expected"),
    [
        ("PNG", "a.png", "RGB", {}, {"container": "png"}),
        ("PNG", "a.PNG", "RGBA", {}, {"container": "png", "mode": "RGBA", "has_alpha": True}),
        ("PNG", "a.png", "P", {}, {"container": "png", "mode": "P"}),
        ("PNG", "a.png", "1", {}, {"container": "png", "mode": "1"}),
        ("PNG", "a.png", "RGB", {"icc_profile": make.srgb_profile()}, {"container": "png", "icc": "sRGB built-in"}),
        ("JPEG", "a.jpeg", "RGB", {"progressive": True}, {"container": "jpeg"}),
        ("JPEG", "a.jpg", "CMYK", {}, {"container": "jpeg", "mode": "CMYK"}),
        ("JPEG", "a.jpg", "L", {}, {"container": "jpeg", "mode": "L"}),
        ("JPEG", "a.jpg", "RGB", {"icc_profile": make.srgb_profile()}, {"container": "jpeg", "icc": "sRGB built-in"}),
        (
            "JPEG",
            "turned.jpg",
            "RGB",
            {"exif": make.exif(6, place=True)},
            {"container": "jpeg", "width": 30, "height": 40, "orientation": 6, "has_exif": True, "has_location": True},
        ),
        ("WEBP", "a.webp", "RGB", {}, {"container": "webp"}),
        ("WEBP", "a.webp", "RGB", {"lossless": True}, {"container": "webp"}),
        ("WEBP", "a.webp", "RGBA", {"exif": make.exif()}, {"container": "webp", "has_exif": True}),
    ],
)  # fmt: skip
def test_a_picture_shows_what_it_is(
    container: str, name: str, mode: str, options: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    inspection = inspect(tmp_path, name, make.picture(container, mode=mode, **options))

    plain = {
        "format": "worldloom/asset-facts/1",
        "kind": "picture",
        "width": 40,
        "height": 30,
        "mode": "RGB",
        "has_alpha": False,
        "icc": None,
        "orientation": 1,
        "has_exif": False,
        "has_location": False,
    }
    assert inspection.media_type == f"image/{container.lower()}"
    assert inspection.facts == plain | expected


def test_an_interlaced_png_is_measured_pass_by_pass(tmp_path: Path) -> None:
    # (columns, rows) of the seven Adam7 passes over 5 × 3 pixels; the third has none.
    passes = [(1, 1), (1, 1), (0, 0), (1, 1), (3, 1), (2, 2), (5, 1)]
    raw = b"".join((b"\0" + bytes(width)) * height for width, height in passes)
    header = struct.pack(">IIBBBBB", 5, 3, 8, 0, 0, 0, 1)

    facts = inspect(tmp_path, "a.png", make.png(header=header, pixels=zlib.compress(raw))).facts

    assert (facts["width"], facts["height"]) == (5, 3)


def test_a_preview_is_upright_bare_and_never_larger() -> None:
    turned = make.picture("JPEG", (200, 100), exif=make.exif(6, place=True), icc_profile=make.srgb_profile())

    small = preview(turned, 50)
    whole = preview(turned, 960)

    assert (small.format, small.size) == ("WEBP", (50, 100))
    assert whole.size == (100, 200)
    assert set(whole.info) <= {"loop", "background", "timestamp", "duration"}


def test_a_preview_is_the_same_bytes_each_time() -> None:
    data = make.picture(size=(600, 400))
    picture = decode(io.BytesIO(data))
    assert copies_of(picture, 480) == copies_of(decode(io.BytesIO(data)), 480)


def test_a_preview_converts_the_colors_of_another_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    lab_profile_on_rgb = make.picture(size=(8, 8), icc_profile=profile)
    assert preview(lab_profile_on_rgb, 8).size == (8, 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_has_a_preview(mode: str) -> None:
    image = Image.new(mode, (9, 7))
    out = io.BytesIO()
    image.save(out, "PNG")

    drawn = preview(out.getvalue(), 480)

    assert drawn.size == (9, 7)


def test_sixteen_bit_gray_keeps_its_middle() -> None:
    out = io.BytesIO()
    Image.new("I;16", (8, 8), 0x8000).save(out, "PNG")

    drawn = preview(out.getvalue(), 480).convert("L")

    assert abs(drawn.getpixel((4, 4)) - 128) <= 2


def test_a_text_prompt_set_shows_languages_variables_and_wildcards(tmp_path: Path) -> None:
    text = "a {color} cloak, __weather/storm__\r\n\n云海之上,{时间} 的灯火 red\n  an empty street  \n"

    inspection = inspect(tmp_path, "prompts.txt", text.encode())

    assert inspection.media_type == "text/plain"
    assert inspection.facts == {
        "format": "worldloom/asset-facts/1",
        "kind": "prompts",
        "prompts": 3,
        "characters": 34 + 17 + 15,
        "languages": ["en", "zh-Hans"],
        "claimed_languages": [],
        "variables": ["color", "时间"],
        "wildcards": ["weather/storm"],
    }


@pytest.mark.parametrize(
    ("value", "prompts", "claimed"),
    [
        (["a cat", "云海"], 2, []),
        ({"prompts": ["a cat"]}, 1, []),
        ({"prompts": ["a", {"text": "云海", "lang": "zh-Hans", "weight": 0.5}], "title": "x"}, 2, ["zh-Hans"]),
    ],
)
def test_a_json_prompt_set_has_either_shape(value: object, prompts: int, claimed: list[str], tmp_path: Path) -> None:
    inspection = inspect(tmp_path, "p.json", json.dumps(value).encode())

    assert inspection.media_type == "application/json"
    assert (inspection.facts["prompts"], inspection.facts["claimed_languages"]) == (prompts, claimed)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("a night market in the rain", "en"),
        ("雨中的夜市", "zh-Hans"),
        ("這個國家來時說學習歷史", "zh-Hant"),
        ("雨の夜市を歩く", "ja"),
        ("비 오는 야시장", "ko"),
        ("ночной рынок", "und-Cyrl"),
        ("1 2 3 !", "und"),
    ],
)
def test_a_language_is_guessed_from_the_script(text: str, language: str) -> None:
    assert languages([text]) == [language]


@pytest.mark.parametrize("text", ["hello.", "cat\ndog\n(red:1.2)\nend.", "MZ900 robot", "BMW in the rain", "I."])
def test_plain_words_are_not_mistaken_for_programs_or_pickles(text: str, tmp_path: Path) -> None:
    assert inspect(tmp_path, "p.txt", text.encode()).media_type == "text/plain"
