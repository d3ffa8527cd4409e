"""Alice's honest models with their exact facts; Dave's hostile ones, each refused for its trick."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from assets.inspectors.base import Inspection, Limits, Refused
from assets.inspectors.dispatch import inspect_file
from tests.assets import makers_3d as make3d
from tests.assets.hostile import Hostile
from tests.assets.hostile_3d import HOSTILE_MODELS
from tests.assets.makers import written


def inspect(folder: Path, name: str, data: bytes, limits: Limits | None = None) -> Inspection:
    return inspect_file(written(folder, "file", data), name, limits)


@pytest.mark.parametrize("hostile", HOSTILE_MODELS, ids=lambda hostile: f"{hostile.name}: {hostile.trick}")
def test_a_hostile_model_is_refused_for_its_trick(hostile: Hostile, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        inspect(tmp_path, hostile.name, hostile.data)
    (finding,) = refusal.value.findings
    assert finding.code == hostile.code
    assert finding.message.endswith(".")
    assert len(finding.message) < 600
    assert finding.message.isprintable()


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE_MODELS) >= 45
    assert len({(one.name, one.trick) for one in HOSTILE_MODELS}) == len(HOSTILE_MODELS)


PLAIN: dict[str, Any] = {
    "format": "worldloom/asset-facts/1",
    "kind": "model",
    "profile": "glb",
    "meshes": 1,
    "primitives": 1,
    "triangles": 2,
    "vertices": 4,
    "morph_targets": 1,
    "nodes": 4,
    "skins": 1,
    "materials": 1,
    "textures": 1,
    "images": 1,
    "image_pixels": 1200,
    "joints": 2,
    "animations": 1,
    "animation_ms": 1250,
    "box_mm": [1000, 2000, 0],
    "extensions": [],
    "unused_bytes": 2,
    "claims": {"generator": "tests", "copyright": "© Alice"},
}


def test_a_model_shows_what_it_is(tmp_path: Path) -> None:
    inspection = inspect(tmp_path, "banner.glb", make3d.model())

    assert inspection.media_type == "model/gltf-binary"
    assert inspection.facts == PLAIN


def test_a_vrm_1_shows_its_license_with_the_defaults_of_the_specification(tmp_path: Path) -> None:
    facts = inspect(tmp_path, "lin.vrm", make3d.vrm1()).facts

    assert facts == PLAIN | {
        "profile": "vrm1",
        "nodes": 19,
        "extensions": ["VRMC_vrm"],
        "bones": 15,
        "claims": PLAIN["claims"] | {"title": "Lin 林", "authors": "Alice, Bob", "version": "1.2"},
        "license": {
            "avatar_permission": "author",
            "commercial_usage": "none",
            "modification": "none",
            "redistribution": "none",
            "credit": "required",
            "violent": False,
            "sexual": False,
            "political_or_religious": False,
            "antisocial_or_hate": False,
            "license_name": None,
            "license_url": "https://vrm.dev/licenses/1.0/",
            "other_license_url": None,
            "other_permission_url": None,
        },
    }


def test_a_vrm_0_is_read_into_the_same_form(tmp_path: Path) -> None:
    facts = inspect(tmp_path, "lin.vrm", make3d.vrm0()).facts

    assert facts["profile"] == "vrm0"
    assert facts["claims"] == PLAIN["claims"] | {"title": "Lin", "authors": "Alice"}
    assert facts["license"] == {
        "avatar_permission": "everyone",
        "commercial_usage": "none",
        "modification": "share",
        "redistribution": "allowed",
        "credit": "required",
        "violent": False,
        "sexual": False,
        "political_or_religious": None,
        "antisocial_or_hate": None,
        "license_name": "CC_BY_NC",
        "license_url": None,
        "other_license_url": None,
        "other_permission_url": None,
    }


def test_a_vrm_animation_shows_how_long_it_lasts(tmp_path: Path) -> None:
    facts = inspect(tmp_path, "wave.vrma", make3d.vrma()).facts

    assert (facts["profile"], facts["bones"], facts["animation_ms"]) == ("vrma", 15, 1250)
    assert (facts["meshes"], facts["box_mm"]) == (0, None)


def test_the_facts_are_of_the_bytes_and_not_of_the_name(tmp_path: Path) -> None:
    assert inspect(tmp_path, "lin.glb", make3d.vrm1()) == inspect(tmp_path, "lin.vrm", make3d.vrm1())


@pytest.mark.parametrize(
    ("change", "box_mm"),
    [
        (lambda root: root["nodes"][1].update(scale=[2, 2, 2]), [2000, 4000, 0]),
        (lambda root: root["nodes"][3].pop("skin"), [1000, 2000, 0]),
        (lambda root: root["nodes"][3].update(translation=[5, 5, 5]), [1000, 2000, 0]),
        (lambda root: (root["nodes"][3].pop("skin"), root["nodes"][3].update(scale=[3, 1, 1])), [3000, 2000, 0]),
        (
            lambda root: (root["nodes"][3].pop("skin"), root["nodes"][3].update(rotation=[0, 0, 0.5**0.5, 0.5**0.5])),
            [2000, 1000, 0],
        ),
        (lambda root: root["scenes"][0].update(nodes=[0]), None),
    ],
)
def test_the_box_is_where_nodes_and_joints_put_it(change: Any, box_mm: list[int] | None, tmp_path: Path) -> None:
    assert inspect(tmp_path, "a.glb", make3d.model(change)).facts["box_mm"] == box_mm


def test_what_exporters_write_is_understood(tmp_path: Path) -> None:
    root, data = make3d.parts()
    text = json.dumps(root).replace('"translation": [0, 1, 0]', '"translation": [-0, 1, -0.0]')
    assert "-0," in text
    assert inspect(tmp_path, "a.glb", make3d.glb(text, data)).facts == PLAIN
    # A view that counts as its own the zeros which fill it to a multiple of 4 bytes.
    root["bufferViews"][-1]["byteLength"] += -len(data) % 4
    root["buffers"][0]["byteLength"] += -len(data) % 4
    assert len(data) % 4
    assert inspect(tmp_path, "a.glb", make3d.glb(root, data)).facts == PLAIN


def test_the_limits_are_those_of_the_caller(tmp_path: Path) -> None:
    size_bytes = len(make3d.model())
    for limits, code in (
        (Limits(model_bytes=size_bytes - 1), "file-too-large"),
        (Limits(model_json_bytes=1000), "gltf-json-too-long"),
        (Limits(model_objects=20), "gltf-too-many"),
        (Limits(json_depth=4), "json-too-deep"),
        (Limits(pixels=1000), "picture-too-many-pixels"),
    ):
        with pytest.raises(Refused) as refusal:
            inspect(tmp_path, "a.glb", make3d.model(), limits)
        assert refusal.value.findings[0].code == code
    assert inspect(tmp_path, "a.glb", make3d.model(), Limits(model_bytes=size_bytes)).facts == PLAIN


def test_no_damage_is_more_than_a_refusal(tmp_path: Path) -> None:
    rng = random.Random(3)
    odd = [None, -1, 0, 2, 255, 2**53, 1.5, 1e308, "x", [], {}, True, [0], {"index": 0}]
    makers = [make3d.model, make3d.vrm0, make3d.vrm1, make3d.vrma]
    refusals: list[str] = []
    for _turn in range(300):
        data = rng.choice(makers)()
        (length,) = struct.unpack_from("<I", data, 12)
        root = json.loads(data[20 : 20 + length])
        holder, key = rng.choice(list(_places(root)))
        holder[key] = rng.choice(odd)
        damaged = bytearray(data[28 + length :])
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        try:
            inspection = inspect(tmp_path, "a.glb", make3d.glb(root, bytes(damaged)))
        except Refused as refusal:
            refusals.append(str(refusal))
        else:
            assert inspection.facts["kind"] == "model"
    assert len(refusals) > 200
    assert all(words.isprintable() for words in refusals)


def _places(value: Any) -> Any:
    """Yields each thing in the JSON as what holds it and its key there."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(one, dict | list):
            yield from _places(one)


def test_a_batch_of_models_is_inspected_in_the_box(tmp_path: Path) -> None:
    from assets.inspectors.sandbox import Candidate, inspect_files

    good = written(tmp_path, "good", make3d.model())
    bad = written(tmp_path, "bad", make3d.model()[:-4])

    passed, refused = inspect_files([Candidate(good, "a.glb"), Candidate(bad, "b.glb")])

    assert isinstance(passed, Inspection)
    assert passed.facts == PLAIN
    assert isinstance(refused, Refused)
    assert [finding.code for finding in refused.findings] == ["glb-truncated"]
