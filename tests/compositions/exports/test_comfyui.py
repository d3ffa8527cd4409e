"""A recipe in ComfyUI: each layer's words and models in its own region, and the recipe's id in what is saved."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.compositions.exports.forms import UnableToExport, export
from marketplace.compositions.exports.masks import box_of
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.notation.settings import SAMPLERS, SCHEDULERS
from tests.compositions.exports import schema
from tests.compositions.exports.locks import file, harbor, hexed, layer, lock, ref

LIN = "alice__lin__1.0.0__body-dd737727bc3c.safetensors"
MARKET = "bob__market__1.0.0__body-34f3635e059d.safetensors"
CATS = "alice__cats__1.0.0__body-2e23bda89755.safetensors"
FUR = "bob__fur__1.0.0__body-5cffa32d71b3.safetensors"
INK = "mo__ink__1.0.0__body-721dda77a4ee.safetensors"


def prompt_of(found: Lock) -> dict[str, Any]:
    """The workflow in API format, which a server that has its files would take."""
    prompt = json.loads(export(found, "comfyui-prompt").data)
    assert schema.faults_in(prompt, schema.files_of(prompt)) == []
    return prompt


def named(prompt: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [node["inputs"] for node in prompt.values() if node["class_type"] == kind]


def texts(prompt: dict[str, Any], link: list[Any]) -> list[str]:
    """The words behind a condition, in paint order."""
    inputs = prompt[link[0]]["inputs"]
    if "text" in inputs:
        return [inputs["text"]]
    side = "positive" if link[1] == 0 else "negative"
    order = (f"{side}", f"{side}_NEW", f"{side}_DEFAULT", "conditioning", "conditioning_1", "conditioning_2")
    return [text for name in order if name in inputs for text in texts(prompt, inputs[name])]


def test_each_layer_is_painted_with_its_own_models_in_its_own_region() -> None:
    prompt = prompt_of(harbor())
    (style,) = named(prompt, "LoraLoader")
    person, cats = named(prompt, "PairConditioningSetProperties")
    (sampler,) = named(prompt, "KSampler")

    assert (style["lora_name"], style["strength_model"], style["strength_clip"]) == (INK, 0.9, 0.9)
    hooks = {
        one["lora_name"]: (one["strength_model"], one.get("prev_hooks")) for one in named(prompt, "CreateHookLora")
    }
    assert {name: weight for name, (weight, _before) in hooks.items()} == {LIN: 0.8, CATS: -0.5, FUR: 0.5, MARKET: 1.0}
    assert prompt[hooks[FUR][1][0]]["inputs"]["lora_name"] == CATS
    assert [one[1] for one in (hooks[LIN], hooks[CATS], hooks[MARKET])] == [None, None, None]
    for inputs in named(prompt, "SetClipHooks"):
        assert (inputs["clip"][1], inputs["apply_to_conds"], inputs["schedule_clip"]) == (1, True, False)

    assert texts(prompt, person["positive_NEW"]) == ["person walking, (smile:1.2), linlin, ink wash"]
    assert texts(prompt, sampler["positive"]) == [
        "person walking, (smile:1.2), linlin, ink wash",
        "three cats, ink wash",
        "night market, ink wash",
    ]
    assert texts(prompt, sampler["negative"]) == ["lowres, bad hands"] * 3
    assert (person["strength"], "timesteps" in person) == (1.2, False)
    laid = prompt[person["mask"][0]]["inputs"]
    soft = prompt[laid["source"][0]]["inputs"]
    assert (laid["x"], laid["y"], laid["operation"]) == (24, 40, "add")
    assert [soft[side] for side in ("left", "top", "right", "bottom")] == [38, 38, 38, 38]
    assert prompt[soft["mask"][0]]["inputs"] == {"value": 1.0, "width": 232, "height": 328}
    assert prompt[laid["destination"][0]]["inputs"] == {"value": 0.0, "width": 512, "height": 384}
    assert prompt[cats["timesteps"][0]]["inputs"] == {"start_percent": 0.2, "end_percent": 1.0}
    (mask,) = named(prompt, "LoadImageMask")
    assert mask == {"image": f"worldloom-mask-{hexed('cats')[:12]}.png", "channel": "red"}
    assert named(prompt, "ImageBlur")[0]["blur_radius"] == 7
    (rest,) = named(prompt, "PairConditioningSetDefaultCombine")
    assert texts(prompt, rest["positive_DEFAULT"]) == ["night market, ink wash"]
    assert (sampler["seed"], sampler["steps"], sampler["cfg"], sampler["sampler_name"]) == (42, 20, 6.5, "dpmpp_2m")


def test_what_comfyui_saves_carries_the_recipes_id() -> None:
    found = harbor()
    body = json.loads(export(found, "comfyui-api", site="https://worldloom.example").data)
    said = body["extra_data"]["extra_pnginfo"]["worldloom"]
    opened = json.loads(export(found, "comfyui", site="https://worldloom.example").data)

    assert (said["format"], said["recipe"], said["site"]) == (
        "worldloom/provenance/1",
        found.digest,
        "https://worldloom.example",
    )
    assert [pack["pack"] for pack in said["packs"]] == [f"{ref.pack}@1.0.0" for ref in found.refs]
    assert body["prompt"] == json.loads(export(found, "comfyui-prompt").data)
    assert opened["extra"]["worldloom"] == said
    (last,) = [node for node in body["prompt"].values() if node["class_type"] == "SaveImage"]
    assert last["_meta"]["title"] == f"Worldloom {found.digest}"
    assert last["inputs"]["filename_prefix"] == f"worldloom_{found.digest[:12]}"
    assert export(found, "comfyui-api").data == export(harbor(), "comfyui-api").data


def test_one_layer_without_a_region_needs_no_hooks() -> None:
    prompt = prompt_of(lock(layer("one", "a pier", [ref("alice/lin")]), style=layer("style", "ink", [ref("mo/ink")])))

    assert [one["lora_name"] for one in named(prompt, "LoraLoader")] == [LIN, INK]
    assert sorted({node["class_type"] for node in prompt.values()}) == [
        "CLIPTextEncode",
        "CheckpointLoaderSimple",
        "EmptyLatentImage",
        "KSampler",
        "LoraLoader",
        "SaveImage",
        "VAEDecode",
    ]


def test_where_no_region_is_the_style_paints() -> None:
    left = layer("left", "a pier", [ref("alice/lin")], region="box", box_ppm=(0, 0, 500_000, 1_000_000))
    gap = prompt_of(lock(left, style=layer("style", "ink")))
    (default,) = named(gap, "PairConditioningSetDefaultCombine")
    assert (texts(gap, default["positive_DEFAULT"]), texts(gap, default["negative_DEFAULT"])) == (["ink"], [""])

    late = [
        layer(label, label, region="rest", options=(("from", start),))
        for label, start in (("b", 500_000), ("a", 250_000))
    ]
    rests = prompt_of(lock(left, *late))
    starts = [
        (texts(rests, one["conditioning"]), one["start"], one["end"])
        for one in named(rests, "ConditioningSetTimestepRange")
    ]
    assert (["b"], 0.5, 1.0) in starts
    assert (["a"], 0.25, 1.0) in starts
    assert ([""], 0.0, 0.25) in starts
    assert len(named(rests, "PairConditioningSetDefaultCombine")) == 3


def test_beside_a_layer_that_covers_all_the_rest_is_a_mask_of_its_own() -> None:
    prompt = prompt_of(
        lock(
            layer("left", "a pier", region="box", box_ppm=(0, 0, 500_000, 1_000_000)),
            layer("cats", "cats", region="mask", mask="../in/my cats.png"),
            layer("mood", "fog", options=(("strength", 500_000),)),
            layer("sky", "clouds", region="rest"),
        )
    )
    (outside,) = named(prompt, "InvertMask")
    sky = named(prompt, "PairConditioningSetProperties")[-1]
    assert prompt[sky["mask"][0]]["inputs"] == outside
    assert named(prompt, "PairConditioningSetDefaultCombine") == []
    assert {"value": 1.0, "width": 512, "height": 384} in named(prompt, "SolidMask")
    assert named(prompt, "LoadImageMask")[0]["image"] == "my-cats.png"
    said = export(lock(layer("cats", "cats", region="mask", mask="my cats.png")), "comfyui-api")
    assert [str(note) for note in said.notes] == [
        "Put the mask of the layer “cats” as my-cats.png among the tool's input pictures."
    ]


def test_embeddings_and_checkpoints_of_packs_are_used_and_the_rest_is_said() -> None:
    hat, paint = file("alice/lin", "hat.safetensors", "embedding"), file("mo/ink", "base.safetensors", "checkpoint")
    contents = file("mo/ink", "composition.json", "", "application/json")
    other = file("bob/other", "x", "checkpoint")
    vrm = file("alice/lin", "models/lin.vrm", "", "model/gltf-binary")
    found = lock(
        layer("a", "a girl", [ref("alice/lin", hat, vrm, weight=700_000), ref("alice/hat", hat, weight=-1_000_000)]),
        layer(
            "b",
            "a wall",
            [ref("bob/wall", service="service.json"), ref("bob/other", other)],
        ),
        style=layer("style", "ink, soft", [ref("mo/ink", paint, contents)], options=(("strength", 800_000),)),
        negative="blur",
        checkpoint="",
    )
    prompt = prompt_of(found)
    sampler = named(prompt, "KSampler")[0]

    assert named(prompt, "CheckpointLoaderSimple")[0]["ckpt_name"].startswith("bob__other__1.0.0__x-")
    assert texts(prompt, sampler["positive"])[0] == f"a girl, (embedding:{Path(hat.name).stem}:0.7), (ink, soft:0.8)"
    assert texts(prompt, sampler["negative"])[0] == f"blur, embedding:{Path(hat.name).stem}"
    said = export(found, "comfyui-api")
    assert said.fidelity == "approximate"
    assert [str(words) for words in said.lost] == [
        "ComfyUI cannot use models/lin.vrm of alice/lin@1.0.0 in the layer “a”.",
        "bob/wall@1.0.0, which paints the layer “b”, is a service: only a run here can ask it.",
        f"One checkpoint is the base, {named(prompt, 'CheckpointLoaderSimple')[0]['ckpt_name']}: "
        "that of the layer “style” is left out.",
    ]
    with pytest.raises(UnableToExport, match="All packs of this recipe are services"):
        export(lock(layer("b", "a wall", [ref("bob/wall", service="service.json")])), "comfyui-api")
    bare = export(lock(layer("a", "x"), checkpoint="", base_model="sdxl"), "comfyui")
    assert [str(note) for note in bare.notes] == [
        "The recipe names no checkpoint: sd_xl_base_1.0.safetensors stands in: choose yours, "
        "or write %checkpoint= in the recipe."
    ]


def test_a_box_is_whole_cells_and_never_nothing() -> None:
    assert box_of((0, 0, 1_000_000, 1_000_000), 1024, 768) == (0, 0, 1024, 768)
    assert box_of((50_000, 100_000, 500_000, 950_000), 1024, 1024) == (48, 104, 464, 872)
    assert box_of((999_999, 0, 1_000_000, 1), 64, 4096) == (56, 0, 8, 8)
    # What shares an edge neither overlaps nor leaves a gap.
    assert box_of((0, 0, 333_333, 1), 520, 64)[2] == box_of((333_333, 0, 666_666, 1), 520, 64)[0]


def test_the_graph_says_what_the_prompt_says() -> None:
    """Braces are marked there, since ComfyUI's pages draw lots; comments cannot be, so they are said."""
    found = lock(layer("a", "a {sign} // b"), layer("b", "x", [ref("bob/market")]), style=layer("style", "ink"))
    opened = json.loads(export(found, "comfyui").data)
    prompt = prompt_of(found)

    assert [(node["id"], node["type"]) for node in opened["nodes"]] == [
        (int(key), node["class_type"]) for key, node in prompt.items()
    ]
    for node in opened["nodes"]:
        said = prompt[str(node["id"])]["inputs"]
        values = [value for value in node["widgets_values"] if value != "fixed"]
        plain = [value.replace("\\{", "{").replace("\\}", "}") if isinstance(value, str) else value for value in values]
        assert sorted(map(str, plain)) == sorted(str(value) for value in said.values() if not isinstance(value, list))
        for port in node["inputs"]:
            link = next((one for one in opened["links"] if one[0] == port["link"]), None)
            assert ([str(link[1]), link[2]] if link else None) == said.get(port["name"])
    assert [group["title"] for group in opened["groups"]] == ["a", "b"]
    assert opened["nodes"][1]["widgets_values"] == ["a \\{sign\\} // b, ink"]
    assert [str(words) for words in export(found, "comfyui").lost] == [
        "ComfyUI's pages take what follows // in the words of the layer “a” for a comment."
    ]


def test_no_node_of_the_graph_lies_on_another_however_long_its_title_is() -> None:
    """ComfyUI's pages widen a node to its title: 663 of their units for 80 letters of which 24 are Chinese."""
    words = "雨中夜市，霓虹港夜市，" * 2 + "neon harbor night market, neon harbor waterfront, neon harbor"
    found = replace(harbor(), layers=(*harbor().layers, layer("夜", words)))
    nodes = json.loads(export(found, "comfyui").data)["nodes"]
    boxes = [(*one["pos"], one["pos"][0] + one["size"][0], one["pos"][1] + one["size"][1]) for one in nodes]

    assert max(one["size"][0] for one in nodes if one["type"] == "CLIPTextEncode") >= 663
    for one, other in combinations(boxes, 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


@pytest.mark.parametrize("form", ["comfyui-prompt", "comfyui"])
def test_comfy_cli_takes_it(form: str, tmp_path: Path) -> None:
    """Comfy's own tool, against our schema of the classes that we use, without a network."""
    full = layer("mood", "fog {thick}", [ref("alice/cats")], options=(("until", 500_000),))
    found = replace(harbor(), layers=(*harbor().layers, full))
    path, info = tmp_path / "workflow.json", tmp_path / "object_info.json"
    path.write_bytes(export(found, form).data)
    info.write_text(json.dumps(schema.files_of(prompt_of(found))))
    asked = ["--json", "workflow", "validate", "--workflow", str(path), "--input", str(info)]
    tool = Path(sys.executable).parent / "comfy"
    quiet = {**os.environ, "DO_NOT_TRACK": "1", "HOME": str(tmp_path), "COMFY_WHERE": "local"}
    ran = subprocess.run([str(tool), *asked], env=quiet, capture_output=True, text=True, timeout=60, check=False)
    answer = json.loads(ran.stdout.splitlines()[-1])["data"]

    assert (answer["valid"], answer["errors"], answer["warnings"]) == (True, [], [])
    if form == "comfyui":
        assert answer["converted_node_count"] == len(prompt_of(found))


def test_the_schema_refuses_what_a_server_would() -> None:
    assert set(SAMPLERS) <= set(schema.SAMPLERS)
    assert set(SCHEDULERS) <= set(schema.SCHEDULERS)
    prompt = prompt_of(harbor())
    info = schema.files_of(prompt)
    broken = json.loads(json.dumps(prompt))
    broken["3"]["inputs"]["strength_model"] = 21
    broken["4"]["inputs"]["clip"] = ["2", 0]
    broken["99"] = {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 8, "height": 8}}
    assert schema.faults_in(broken, info) == [
        "4: clip takes no ['2', 0]",
        "3: strength_model cannot be 21",
        "99: leads nowhere",
    ]


PPM = st.integers(0, 1_000_000)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """Any lock that a recipe may become."""
    refs = st.builds(
        lambda pack, weight, network: ref(pack, file(pack, f"{network}.x", network), weight=weight or 1),
        st.sampled_from(["alice/lin", "bob/market", "alice/cats"]),
        st.integers(-4_000_000, 4_000_000),
        st.sampled_from(["lora", "loha", "embedding", "checkpoint", "unknown", ""]),
    )

    def painted(label: str) -> Any:
        kind = draw(st.sampled_from(["full", "rest", "box", "mask"])) if label != "style" else "full"
        (left, right), (top, bottom) = (sorted(draw(st.tuples(PPM, PPM))) for _ in range(2))
        limits = {"strength": 10_000_000, "feather": 500_000, "from": 1_000_000, "until": 1_000_000}
        options = draw(st.dictionaries(st.sampled_from(sorted(limits)), PPM, max_size=3))
        return layer(
            label,
            draw(st.text("abc,{}|", max_size=12)),
            draw(st.lists(refs, max_size=3)),
            region=kind,
            box_ppm=(left, top, right, bottom) if kind == "box" else None,
            mask="m.png" if kind == "mask" else "",
            options=tuple(sorted((name, value * limits[name] // 1_000_000) for name, value in options.items())),
        )

    layers = [painted(f"l{number}") for number in range(draw(st.integers(1, 6)))]
    size = st.integers(8, 512).map(lambda cells: cells * 8)
    style = painted("style") if draw(st.booleans()) else None
    return lock(*layers, style=style, width=draw(size), height=draw(size), seed=draw(st.integers(0, 2**53 - 1)))


@settings(max_examples=60, deadline=None)
@given(locks())
def test_any_lock_becomes_a_workflow_without_fault(found: Lock) -> None:
    prompt = prompt_of(found)
    assert len(json.loads(export(found, "comfyui").data)["nodes"]) == len(prompt)
