"""A lock as a Python script for diffusers: one picture from all layers' words and models. No Django in here.

Everything from the lock stands in the script as literals, so that nothing in a prompt can run.
"""

import re
from collections.abc import Mapping
from pprint import pformat
from types import MappingProxyType
from typing import Any

from marketplace.compositions.exports.base import Written
from marketplace.compositions.exports.painting import LOW_RANK, Model, Painting, joined, strongest
from marketplace.compositions.exports.provenance import KEY, provenance
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.notation.model import MASK, MILLION
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

PIPELINES: Mapping[str, str] = MappingProxyType(
    {
        "sd15": "StableDiffusionPipeline",
        "sdxl": "StableDiffusionXLPipeline",
        "sd3": "StableDiffusion3Pipeline",
        "flux1": "FluxPipeline",
    }
)
_SPACED = {"karras": {"use_karras_sigmas": True}, "exponential": {"use_exponential_sigmas": True}}
SCHEDULERS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "euler": ("EulerDiscreteScheduler", {}),
        "euler_ancestral": ("EulerAncestralDiscreteScheduler", {}),
        "heun": ("HeunDiscreteScheduler", {}),
        "dpm_2": ("KDPM2DiscreteScheduler", {}),
        "dpm_2_ancestral": ("KDPM2AncestralDiscreteScheduler", {}),
        "lms": ("LMSDiscreteScheduler", {}),
        "dpmpp_2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
        "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        "dpmpp_sde": ("DPMSolverSinglestepScheduler", {}),
        "ddim": ("DDIMScheduler", {}),
        "uni_pc": ("UniPCMultistepScheduler", {}),
        "lcm": ("LCMScheduler", {}),
    }
)
"""For the families that are sampled by diffusion; those by flow keep their own."""
DIFFUSED = ("sd15", "sdxl")
_UNSAFE = re.compile(r"[^a-z0-9]+")

_SCRIPT = '''\
#!/usr/bin/env python3
"""An approximation of the recipe {digest} for diffusers.

Regions are lost, and each model changes the whole picture. Needs torch, diffusers, transformers, accelerate, peft
and pillow, and the folder "models" of the recipe's kit, beside this file or one up. Writes recipe.png.
"""

import json
from pathlib import Path

import diffusers
import torch
from PIL.PngImagePlugin import PngInfo

HERE = Path(__file__).resolve().parent
MODELS = next((one / "models" for one in (HERE, HERE.parent) if (one / "models").is_dir()), HERE / "models")
RECIPE = {recipe}
PROVENANCE = {provenance}


def main():
    on_gpu = torch.cuda.is_available()
    pipe = getattr(diffusers, RECIPE["pipeline"]).from_single_file(
        str(MODELS / "checkpoints" / RECIPE["checkpoint"]),
        torch_dtype=torch.float16 if on_gpu else torch.float32,
    )
    if RECIPE["scheduler"]:
        scheduler = getattr(diffusers, RECIPE["scheduler"])
        pipe.scheduler = scheduler.from_config(pipe.scheduler.config, **RECIPE["scheduler_options"])
    for adapter in RECIPE["adapters"]:
        pipe.load_lora_weights(str(MODELS / "loras"), weight_name=adapter["file"], adapter_name=adapter["name"])
    if RECIPE["adapters"]:
        pipe.set_adapters(
            [adapter["name"] for adapter in RECIPE["adapters"]],
            [adapter["weight"] for adapter in RECIPE["adapters"]],
        )
    for embedding in RECIPE["embeddings"]:
        pipe.load_textual_inversion(str(MODELS / "embeddings" / embedding["file"]), token=embedding["token"])
    if on_gpu:
        pipe.to("cuda")
    against = {{"negative_prompt": RECIPE["negative"]}} if RECIPE["negative"] else {{}}
    picture = pipe(
        prompt=RECIPE["prompt"],
        width=RECIPE["width"],
        height=RECIPE["height"],
        num_inference_steps=RECIPE["steps"],
        guidance_scale=RECIPE["cfg"],
        generator=torch.Generator("cpu").manual_seed(RECIPE["seed"]),
        **against,
    ).images[0]
    said = PngInfo()
    said.add_text("{key}", json.dumps(PROVENANCE))
    picture.save("recipe.png", pnginfo=said)


if __name__ == "__main__":
    main()
'''


def write(painting: Painting, lock: Lock, site: str) -> Written:
    """This will write the script; names of adapters have a–z, 0–9 and _ alone, since diffusers takes no dots."""
    family = lock.base_model if lock.base_model in PIPELINES else "sdxl"
    everything = (*painting.layers, painting.style)
    loras = strongest(one for layer in everything for one in layer.loras)
    embeddings = strongest(one for layer in everything for one in layer.embeddings)
    able = [one for one in loras if one.network == "lora"]
    tokens = embeddings if family == "sd15" else []
    scheduler, options = _scheduler(lock, family)
    recipe = {
        "pipeline": PIPELINES[family],
        "checkpoint": painting.checkpoint,
        "prompt": joined(
            [*(layer.words for layer in everything), *(_token(one) for one in tokens if one.weight_ppm > 0)]
        ),
        "negative": joined([painting.negative, *(_token(one) for one in tokens if one.weight_ppm < 0)])
        if family != "flux1"
        else "",
        "width": lock.width,
        "height": lock.height,
        "steps": lock.steps,
        "cfg": lock.cfg_ppm / MILLION,
        "seed": lock.seed,
        "scheduler": scheduler,
        "scheduler_options": options,
        "adapters": [
            {"name": adapter_name(number, one), "file": one.name, "weight": one.weight_ppm / MILLION}
            for number, one in enumerate(able, 1)
        ],
        "embeddings": [{"token": _token(one), "file": one.name} for one in tokens],
    }
    text = _SCRIPT.format(
        digest=lock.digest,
        recipe=pformat(recipe, width=110, sort_dicts=False),
        provenance=pformat(provenance(lock, site=site), width=110, sort_dicts=False),
        key=KEY,
    )
    lost = [*painting.lost, *_lost(painting, lock, family, [one for one in loras if one not in able])]
    lost += [Words(_UNREAD, {"file": one.name}) for one in embeddings if one not in tokens]
    lost += [Words(_UNWEIGHTED, {"file": one.name}) for one in tokens if abs(one.weight_ppm) != MILLION]
    return Written(text.encode(), tuple(lost), painting.notes)


_UNREAD = _("The script cannot load %(file)s: what it does is lost.")
_UNWEIGHTED = _("The script uses %(file)s as strongly as it is: its weight is lost.")


def adapter_name(number: int, model: Model) -> str:
    """This will name an adapter after its file, with its number, so that no two are the same."""
    plain = _UNSAFE.sub("_", model.stem.lower()).strip("_")[:50]
    return f"l{number}_{plain}"


def _token(embedding: Model) -> str:
    return f"<{_UNSAFE.sub('-', embedding.stem.lower()).strip('-')}>"


def _scheduler(lock: Lock, family: str) -> tuple[str, dict[str, Any]]:
    if family not in DIFFUSED:
        return "", {}
    name, options = SCHEDULERS.get(lock.sampler, ("", {}))
    spaced = _SPACED.get(lock.scheduler, {}) if name.startswith(("DPM", "Euler")) else {}
    return name, {**options, **spaced}


def _lost(painting: Painting, lock: Lock, family: str, unable: list[Model]) -> list[Words]:
    """Says what the script cannot do for this very lock."""
    assert {one.network for one in unable} <= LOW_RANK
    lost = [Words(_UNREAD, {"file": one.name}) for one in unable]
    for layer in painting.layers:
        if layer.region == MASK:
            lost.append(Words(_("The mask of the layer “%(layer)s” is lost."), {"layer": layer.label}))
        if layer.strength_ppm != MILLION or not layer.is_always_on:
            text = _("The strength and the steps of the layer “%(layer)s” are lost.")
            lost.append(Words(text, {"layer": layer.label}))
    if painting.style.words and painting.style.strength_ppm != MILLION:
        lost.append(Words(_("The style's words count as much as all others: their strength is lost.")))
    if not _scheduler(lock, family)[0]:
        lost.append(Words(_("The pipeline's own sampler stands in for “%(name)s”."), {"name": lock.sampler}))
    if family == "flux1" and painting.negative:
        lost.append(Words(_("This model takes no negative words: they are lost.")))
    return lost
