"""The same recipe in other tools: text for A1111, a script for diffusers, a clip for editing programs."""

import json
import re
import runpy
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import opentimelineio
import pytest
from PIL import Image

from marketplace.compositions.exports.base import FIDELITIES, METADATA
from marketplace.compositions.exports.forms import FORMS, export
from marketplace.compositions.exports.graph import KINDS
from marketplace.compositions.exports.painting import Model
from marketplace.compositions.exports.provenance import PROVENANCE_FORMAT
from marketplace.compositions.exports.scripts import adapter_name
from marketplace.compositions.lockfile import Lock
from tests.compositions.exports.locks import file, harbor, layer, lock, ref

SITE = "https://worldloom.example"
LIN, MARKET, CATS, FUR, INK = (
    "alice__lin__1.0.0__body-dd737727bc3c",
    "bob__market__1.0.0__body-34f3635e059d",
    "alice__cats__1.0.0__body-2e23bda89755",
    "bob__fur__1.0.0__body-5cffa32d71b3",
    "mo__ink__1.0.0__body-721dda77a4ee",
)


def lines(found: Lock) -> list[str]:
    return export(found, "a1111").data.decode().splitlines()


def lost(found: Lock, form: str) -> list[str]:
    return [str(words) for words in export(found, form).lost]


def test_every_form_says_how_faithful_it_is() -> None:
    found = harbor()
    assert {name: form.fidelity for name, form in FORMS.items()} == {
        "comfyui-api": "exact",
        "comfyui-prompt": "exact",
        "comfyui": "exact",
        "a1111": "approximate",
        "diffusers": "approximate",
        "otio": "metadata",
    }
    for name, form in FORMS.items():
        written = export(found, name, site=SITE)
        assert (written.form, written.data[-1:]) == (form, b"\n")
        assert written.file_name == f"worldloom-{found.digest[:12]}-{form.file}"
        assert form.fidelity in FIDELITIES
        assert bool(form.lost) is (form.fidelity == "approximate")
        assert found.digest in written.data.decode()
    with pytest.raises(KeyError):
        export(found, "photoshop")


def test_regions_become_columns_of_regional_prompter() -> None:
    found = harbor()
    weights = {LIN: "0.8", MARKET: "1", CATS: "-0.5", FUR: "0.5", INK: "0.9"}
    everything = " ".join(f"<lora:{name}:{weight}>" for name, weight in weights.items())
    *prompt, against, settings = lines(found)
    assert prompt == [
        "ink wash ADDCOMM",
        "person walking, (smile:1.2), linlin BREAK",
        "three cats BREAK",
        f"night market {everything}",
    ]
    assert against == "Negative prompt: lowres, bad hands"
    assert settings.startswith(
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 512x384, Model: base, "
        "RP Active: True, RP Divide mode: Matrix, RP Matrix submode: Columns, "
    )
    assert 'RP Ratios: "0.45,0.333333,0.333334", ' in settings
    assert settings.endswith(f", Worldloom recipe: {found.digest}")
    assert lost(found, "a1111") == [
        "The strength and the steps of the layer “layer1” are lost.",
        "The strength and the steps of the layer “图层三” are lost.",
        "The mask of the layer “图层三” becomes a column.",
    ]


def test_regional_prompter_takes_nothing_of_a_prompt_for_structure() -> None:
    """It looks for its words inside of others too, and copies what is common, with its models, into each column."""
    sand = file("alice/dune", "models/SAND.safetensors")
    found = lock(
        layer("ISLAND", "", [ref("alice/dune", sand)], region="box", box_ppm=(0, 0, 250_000, 1_000_000)),
        layer("b", "BRANDY at BREAKFAST, ratio 16:9", region="rest"),
        negative="GRAND",
        checkpoint="base, v1: final.safetensors",
    )
    assert lines(found)[:3] == [
        "ISLand BREAK",
        f"BRandY at breakFAST, ratio 16:9 :1 <lora:{sand.name.removesuffix('.safetensors')}:1>",
        "Negative prompt: GRand",
    ]
    assert 'Model: "base, v1: final", RP Active: True, ' in lines(found)[-1]
    assert (
        ', RP Ratios: "0.25,0.75", RP Base Ratios: 0.2, RP Use Base: False, RP Use Common: False, ' in lines(found)[-1]
    )
    assert lost(found, "a1111") == [
        f"Regional Prompter reads structure in the name of {sand.name}: give the file another name there.",
        "Words for structure, such as AND and BREAK, are written small in the layer “b”.",
    ]
    alone = lock(layer("a", "ratio 16:9, GRAND", [ref("bob/market")]))
    assert lines(alone)[0] == f"ratio 16:9, GRAND <lora:{MARKET}:1>"
    assert lines(lock(layer("a", "ratio 16:9")))[0] == "ratio 16:9 :1"


def test_layers_without_regions_are_mixed_and_words_for_structure_are_no_trap() -> None:
    hat = file("alice/lin", "hat.safetensors", "embedding")
    found = lock(
        layer("a", "salt AND BREAK pepper", [ref("alice/lin", hat, weight=700_000), ref("bob/market")]),
        layer("b", "band", [ref("bob/market", weight=-2_000_000)]),
        style=layer("style", "ink", options=(("strength", 1_500_000),)),
        sampler="ipndm",
        seed=7,
    )
    stem = hat.name.rsplit(".", 1)[0]
    assert lines(found)[:2] == [
        f"salt and break pepper, ({stem}:0.7), (ink:1.5) :0.5",
        f"AND band, (ink:1.5) :0.5 <lora:{MARKET}:-2>",
    ]
    assert lost(found, "a1111") == [
        "Words for structure, such as AND and BREAK, are written small in the layer “a”.",
        "The tool may not know “ipndm”: choose its nearest by hand.",
    ]


def run(script: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Runs a script beside a kit's models, with stand-ins for torch and diffusers."""
    (folder / "models").mkdir()
    (folder / "workflows").mkdir()
    path = folder / "workflows" / "diffusers.py"
    path.write_bytes(script)
    diffusers, torch = MagicMock(name="diffusers"), MagicMock(name="torch")
    torch.cuda.is_available.return_value = False
    pipe = diffusers.StableDiffusionPipeline.from_single_file.return_value
    pipe.return_value = types.SimpleNamespace(images=[Image.new("RGB", (8, 8))])
    monkeypatch.setitem(sys.modules, "diffusers", diffusers)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.chdir(folder)
    runpy.run_path(str(path), run_name="__main__")
    return diffusers


def test_the_script_loads_each_model_once_and_signs_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nasty = 'a "quoted" \'\'\' """ {x} \\ %s \n# line'
    again = layer("again", nasty, [ref("alice/lin", weight=-1_000_000)])
    found = replace(harbor(), layers=(*harbor().layers, again))
    diffusers = run(export(found, "diffusers", site=SITE).data, tmp_path, monkeypatch)
    pipe = diffusers.StableDiffusionPipeline.from_single_file.return_value

    stems = enumerate((LIN, MARKET, CATS, FUR, INK), 1)
    names = [adapter_name(number, Model(f"{stem}.safetensors")) for number, stem in stems]
    assert names[0] == "l1_alice_lin_1_0_0_body_dd737727bc3c"
    pipe.set_adapters.assert_called_once_with(names, [-1.0, 1.0, -0.5, 0.5, 0.9])
    loaded: list[Any] = pipe.load_lora_weights.call_args_list
    assert loaded[0].args == (str(tmp_path / "models" / "loras"),)
    assert loaded[0].kwargs == {"weight_name": f"{LIN}.safetensors", "adapter_name": names[0]}
    asked = pipe.call_args.kwargs
    assert asked["prompt"].endswith(f"three cats, {nasty}, ink wash")
    assert (asked["negative_prompt"], asked["width"], asked["num_inference_steps"]) == ("lowres, bad hands", 512, 20)
    scheduler = diffusers.DPMSolverMultistepScheduler.from_config
    assert scheduler.call_args.kwargs == {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}
    said = json.loads(Image.open(tmp_path / "recipe.png").text["worldloom"])  # type: ignore[attr-defined]
    assert (said["recipe"], said["site"]) == (found.digest, SITE)


def test_what_the_script_cannot_load_is_said() -> None:
    wide, hat = file("bob/market", "wide.safetensors", "loha"), file("alice/lin", "hat.safetensors", "embedding")
    found = lock(
        layer("a", "x", [ref("bob/market", wide), ref("alice/lin", hat)]),
        negative="blur",
        base_model="flux1",
        checkpoint="flux.safetensors",
    )
    assert lost(found, "diffusers") == [
        f"The script cannot load {wide.name}: what it does is lost.",
        "The pipeline's own sampler stands in for “dpmpp_2m”.",
        "This model takes no negative words: they are lost.",
        f"The script cannot load {hat.name}: what it does is lost.",
    ]
    soft = lock(layer("a", "x", [ref("alice/lin", hat, weight=700_000)]))
    assert lost(soft, "diffusers") == [f"The script uses {hat.name} as strongly as it is: its weight is lost."]


def test_a_clip_says_who_painted_it_and_to_which_share() -> None:
    fifths = [
        replace(one, refs=tuple(replace(ref, share_ppb=200_000_000) for ref in one.refs)) for one in harbor().painted
    ]
    found = replace(harbor(), layers=tuple(fifths[:-1]), style=fifths[-1])
    timeline = opentimelineio.adapters.read_from_string(export(found, "otio", site=SITE).data.decode(), "otio_json")
    (clip,) = timeline.find_clips()
    again = json.loads(opentimelineio.adapters.write_to_string(timeline, "otio_json"))
    said = again["tracks"]["children"][0]["children"][0]["metadata"]["worldloom"]

    assert isinstance(timeline, opentimelineio.schema.Timeline)
    assert (clip.name, clip.duration().value) == (f"worldloom_{found.digest[:12]}", 1)
    assert (said["recipe"], said["format"]) == (found.digest, "worldloom/provenance/1")
    assert [one["label"] for one in said["layers"]] == ["layer1", "layer2", "图层三", "style"]
    assert sum(pack["share_ppb"] for one in said["layers"] for pack in one["packs"]) == 1_000_000_000
    assert FORMS["otio"].fidelity == METADATA


def test_the_page_tells_of_every_form_and_of_every_class_that_is_used() -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats" / "exports.md").read_text(encoding="utf-8")
    for form in FORMS.values():
        assert f"| `{form.name}` | `{form.file}` | {form.fidelity} |" in page
    classes = page.split("Classes:")[1].split(".")[0]
    assert re.findall(r"`(\w+)`", classes) == sorted(KINDS)
    assert PROVENANCE_FORMAT in page
