"""Alice's plain files that come near to what hostile ones do: they pass, and their facts are true."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from assets.inspectors.dispatch import inspect_file
from tests.assets import makers as make
from tests.assets import makers_3d
from tests.assets.hostile_cards import card
from tests.assets.makers import written
from tests.assets.zips import descriptor, member, zipped

PARAMETERS = b"a cat, <lora:ink:0.8>, on a table\nNegative prompt: dog"


def facts_of(name: str, data: bytes, folder: Path) -> dict[str, Any]:
    return inspect_file(written(folder, "file", data), name).facts


@pytest.mark.parametrize(
    ("claim", "family"),
    [
        ("SD 1.5", "sd15"),
        ("sd_v1", "sd15"),
        ("SD1.5", "sd15"),
        ("stable-diffusion-v1-5/lora", "sd15"),
        ("FLUX.2", None),
    ],
)
def test_weights_name_their_family_in_any_spelling(claim: str, family: str | None, tmp_path: Path) -> None:
    facts = facts_of("a.safetensors", make.lora(metadata={"modelspec.architecture": claim}), tmp_path)

    assert facts["claimed_base_family"] == family


@pytest.mark.parametrize(
    "chunk",
    [
        make.png_chunk(b"tEXt", b"parameters\0" + PARAMETERS),
        make.png_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(PARAMETERS)),
        make.png_chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(PARAMETERS)),
        make.png_chunk(b"iTXt", b"workflow\0\0\0\0\0" + json.dumps({"note": "see <b>x</b>, on = 1"}).encode()),
        make.png_chunk(b"tEXt", b"a\0b") * 500,
    ],
    ids=["text", "packed text", "packed international text", "workflow", "500 texts"],
)
def test_a_picture_keeps_what_it_was_made_with(chunk: bytes, tmp_path: Path) -> None:
    assert facts_of("a.png", make.png(chunk), tmp_path)["container"] == "png"


def test_a_picture_comes_in_waves(tmp_path: Path) -> None:
    assert facts_of("a.jpg", make.picture("JPEG", progressive=True), tmp_path)["width"] == 40


@pytest.mark.parametrize(
    "text",
    [
        "See [her page][1].\n\n[1]: https://example.org/lin",
        '<a href="https://example.org/lin">her page</a>',
        '<div style="color: red">the end = near</div>',
        "Her path is C:\\\\boats; the start of it all.",
    ],
)
def test_a_card_may_link_and_be_styled(text: str, tmp_path: Path) -> None:
    assert facts_of("lin.json", json.dumps(card(creator_notes=text)).encode(), tmp_path)["kind"] == "card"


def test_a_figure_has_springs_that_are_there(tmp_path: Path) -> None:
    def change(root: makers_3d.Root) -> None:
        root["extensionsUsed"].append("VRMC_springBone")
        root["extensions"]["VRMC_springBone"] = {
            "specVersion": "1.0",
            "colliders": [{"node": 4, "shape": {"sphere": {"offset": [0, 0, 0], "radius": 0.1}}}],
            "colliderGroups": [{"name": "hips", "colliders": [0]}],
            "springs": [{"joints": [{"node": 5}, {"node": 6}], "colliderGroups": [0], "center": 4}, {"joints": []}],
        }

    assert facts_of("lin.vrm", makers_3d.vrm1(change), tmp_path)["profile"] == "vrm1"


def test_a_model_says_where_its_license_is(tmp_path: Path) -> None:
    def change(root: makers_3d.Root) -> None:
        root["extensionsUsed"] = ["KHR_xmp_json_ld"]
        packet = {"@context": {"dc": "http://purl.org/dc/elements/1.1/"}, "dc:rights": "https://example.org/license"}
        root["extensions"] = {"KHR_xmp_json_ld": {"packets": [packet]}}
        root["asset"]["extras"] = {"source": "https://example.org/model"}

    assert facts_of("a.glb", makers_3d.model(change), tmp_path)["profile"] == "glb"


def test_a_stored_member_has_its_size_behind_it(tmp_path: Path) -> None:
    data = zipped([descriptor(member(name="a.png", data=make.png(), method=0))])

    assert facts_of("a.zip", data, tmp_path)["count"] == 1


@pytest.mark.parametrize("text", ["👩‍🚀 on the moon", "می‌خواهم", "葛\U000e0100飾", "★"])
def test_a_prompt_may_join_and_vary_its_signs(text: str, tmp_path: Path) -> None:
    assert facts_of("a.txt", text.encode(), tmp_path)["prompts"] == 1
