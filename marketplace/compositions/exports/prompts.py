"""A lock as text for stable-diffusion-webui (A1111) and its Regional Prompter. No Django in here.

The text is what the tool writes into its own pictures, so that its arrow button reads the settings as well. Without
regions the layers are joined by AND, each with an equal part; with regions they become columns.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from marketplace.compositions.exports.base import Written
from marketplace.compositions.exports.painting import Model, Painted, Painting, decimal, emphasized, joined, strongest
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.notation.model import BOX, FULL, MASK, MILLION, REST
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

SAMPLERS: Mapping[str, str] = MappingProxyType(
    {
        "euler": "Euler",
        "euler_ancestral": "Euler a",
        "heun": "Heun",
        "dpm_2": "DPM2",
        "dpm_2_ancestral": "DPM2 a",
        "lms": "LMS",
        "dpm_fast": "DPM fast",
        "dpm_adaptive": "DPM adaptive",
        "dpmpp_2s_ancestral": "DPM++ 2S a",
        "dpmpp_sde": "DPM++ SDE",
        "dpmpp_2m": "DPM++ 2M",
        "dpmpp_2m_sde": "DPM++ 2M SDE",
        "dpmpp_3m_sde": "DPM++ 3M SDE",
        "lcm": "LCM",
        "ddim": "DDIM",
        "uni_pc": "UniPC",
    }
)
SCHEDULERS: Mapping[str, str] = MappingProxyType(
    {
        "karras": "Karras",
        "exponential": "Exponential",
        "sgm_uniform": "SGM Uniform",
        "simple": "Simple",
        "normal": "Normal",
        "ddim_uniform": "DDIM",
        "beta": "Beta",
        "kl_optimal": "KL Optimal",
    }
)
_STRUCTURE = re.compile(r"\b(AND|BREAK|ADDCOL|ADDROW|ADDBASE|ADDCOMM)\b")
_INSIDE = re.compile(r"AND|BREAK|ADDCOL|ADDROW|ADDBASE|ADDCOMM|ADDP")
"""Regional Prompter takes its words for structure also where they stand inside of others."""
_WEIGHTED = re.compile(r":\s*[-+]?(\d+\.?|\d*\.\d+)\Z")
"""An end that A1111 reads as the weight of the whole prompt, such as that of “ratio 16:9”."""
_UNPLACED = MILLION // 3


@dataclass(frozen=True, slots=True)
class _Column:
    """A layer as a column: where its middle is, and how wide it is, both in ppm of the picture."""

    layer: Painted
    middle: int
    width: int


def write(painting: Painting, lock: Lock) -> Written:
    """This will write a prompt, what is against it, and a line of settings."""
    structure = _INSIDE if any(layer.region in (BOX, MASK) for layer in painting.layers) else _STRUCTURE
    plain = _plain(painting, structure)
    columns = _columns(plain)
    prompt = _regional(plain, columns) if columns else _mixed(plain)
    against = joined([plain.negative, *(_embedded(one) for one in _embeddings(plain) if one.weight_ppm < 0)])
    lines = [prompt, *([f"Negative prompt: {against}"] if against else []), _settings(plain, lock, columns)]
    lost = (*painting.lost, *_lost(painting, lock, structure))
    return Written(("\n".join(lines) + "\n").encode(), lost, painting.notes)


def _plain(painting: Painting, structure: re.Pattern[str]) -> Painting:
    """Writes the tool's own words for structure small where prompts have them."""

    def small(text: str) -> str:
        return structure.sub(lambda found: found[0].lower(), text)

    def said(layer: Painted) -> Painted:
        return replace(layer, words=small(layer.words), label=small(layer.label))

    layers = tuple(said(layer) for layer in painting.layers)
    return replace(painting, layers=layers, style=said(painting.style), negative=small(painting.negative))


def _embeddings(painting: Painting) -> list[Model]:
    return strongest(one for layer in (*painting.layers, painting.style) for one in layer.embeddings)


def _embedded(embedding: Model) -> str:
    weight = abs(embedding.weight_ppm)
    return embedding.stem if weight == MILLION else f"({embedding.stem}:{decimal(weight)})"


def _words(layer: Painted) -> str:
    """Gives a layer's words and embeddings; a layer without any still takes its place."""
    said = [layer.words, *(_embedded(one) for one in layer.embeddings if one.weight_ppm > 0)]
    return joined(said) or layer.label


def _loras(painting: Painting) -> str:
    loras = strongest(one for layer in (*painting.layers, painting.style) for one in layer.loras)
    return " ".join(f"<lora:{one.stem}:{decimal(one.weight_ppm)}>" for one in loras)


def _style(painting: Painting) -> str:
    style = replace(painting.style, words=emphasized(painting.style))
    return _words(style) if style.words or style.embeddings else ""


def _mixed(painting: Painting) -> str:
    """Mixes layers that all cover the whole picture; A1111 adds up what AND joins, so each gets its part."""
    style, count = _style(painting), len(painting.layers)
    texts = [joined([_words(layer), style]) for layer in painting.layers]
    part = f" :{decimal(MILLION // count)}"
    mixed = "\nAND ".join(f"{text}{part}" for text in texts) if count > 1 else _unweighted(texts[0])
    return " ".join(one for one in (mixed, _loras(painting)) if one)


def _unweighted(text: str) -> str:
    """Gives a prompt its own weight, 1, where its end would be read as another."""
    return f"{text} :1" if _WEIGHTED.search(text) else text


def _regional(painting: Painting, columns: Sequence[_Column]) -> str:
    """Writes what is common to all, what lies under all, and the columns.

    Models stand behind the last column: what is common is copied into each, where models would count once more.
    """
    common = _style(painting)
    under = joined(_words(layer) for layer in painting.layers if layer.region == FULL)
    lines = [f"{common} ADDCOMM"] if common else []
    lines += [f"{under} ADDBASE"] if under else []
    parts = _unweighted(" BREAK\n".join(_words(column.layer) for column in columns))
    return "\n".join([*lines, " ".join(one for one in (parts, _loras(painting)) if one)])


def _columns(painting: Painting) -> list[_Column]:
    """Orders what has a region from left to right; none where all cover the whole picture."""
    if not any(layer.region in (BOX, MASK) for layer in painting.layers):
        return []
    placed = []
    for layer in painting.layers:
        if layer.box_ppm is not None and layer.region == BOX:
            left, right = layer.box_ppm[0], layer.box_ppm[2]
            placed.append(_Column(layer, (left + right) // 2, right - left))
        elif layer.region == MASK:
            placed.append(_Column(layer, MILLION // 2, _UNPLACED))
    free, middle = _gap(placed)
    rests = [layer for layer in painting.layers if layer.region == REST]
    placed += [_Column(layer, middle, max(free // len(rests), MILLION // 20)) for layer in rests]
    return sorted(placed, key=lambda column: column.middle)


def _gap(placed: Sequence[_Column]) -> tuple[int, int]:
    """Finds the widest part of the picture, from left to right, that no column covers: its width and its middle."""
    widest, at = (0, MILLION), 0
    for column in sorted(placed, key=lambda column: column.middle - column.width // 2):
        left = column.middle - column.width // 2
        if left - at > widest[0]:
            widest = (left - at, (left + at) // 2)
        at = max(at, column.middle + column.width // 2)
    return (MILLION - at, (MILLION + at) // 2) if MILLION - at > widest[0] else widest


def _settings(painting: Painting, lock: Lock, columns: Sequence[_Column]) -> str:
    said = {
        "Steps": str(lock.steps),
        "Sampler": SAMPLERS.get(lock.sampler, lock.sampler),
        "Schedule type": SCHEDULERS.get(lock.scheduler, lock.scheduler),
        "CFG scale": decimal(lock.cfg_ppm),
        "Seed": str(lock.seed),
        "Size": f"{lock.width}x{lock.height}",
        "Model": painting.checkpoint.rsplit(".", 1)[0],
    }
    if columns:
        ratios = ",".join(decimal(column.width) for column in columns)
        full = any(layer.region == FULL for layer in painting.layers)
        said |= {
            "RP Active": "True",
            "RP Divide mode": "Matrix",
            "RP Matrix submode": "Columns",
            "RP Mask submode": "Mask",
            "RP Prompt submode": "Prompt",
            "RP Calc Mode": "Attention",
            "RP Ratios": ratios,
            "RP Base Ratios": "0.2",
            "RP Use Base": str(full),
            "RP Use Common": str(bool(_style(painting))),
            "RP Use Ncommon": "False",
            "RP threshold": "0.4",
        }
    said["Worldloom recipe"] = lock.digest
    return ", ".join(f"{name}: {_quoted(value)}" for name, value in said.items())


def _quoted(value: str) -> str:
    """Marks a value as the tool itself does where it would be read as two."""
    return json.dumps(value, ensure_ascii=False) if any(sign in value for sign in ",:\n") else value


def _lost(painting: Painting, lock: Lock, structure: re.Pattern[str]) -> list[Words]:
    """Says what this tool cannot do for this very lock."""
    lost = []
    if structure is _INSIDE:
        models = strongest(one for layer in (*painting.layers, painting.style) for one in layer.loras)
        for name in (one.name for one in (*models, *_embeddings(painting)) if structure.search(one.stem)):
            text = _("Regional Prompter reads structure in the name of %(file)s: give the file another name there.")
            lost.append(Words(text, {"file": name}))
    for layer in painting.layers:
        if layer.strength_ppm != MILLION or not layer.is_always_on:
            text = _("The strength and the steps of the layer “%(layer)s” are lost.")
            lost.append(Words(text, {"layer": layer.label}))
        if layer.region == MASK:
            lost.append(Words(_("The mask of the layer “%(layer)s” becomes a column."), {"layer": layer.label}))
        if structure.search(layer.words):
            text = _("Words for structure, such as AND and BREAK, are written small in the layer “%(layer)s”.")
            lost.append(Words(text, {"layer": layer.label}))
    for name, known in ((lock.sampler, SAMPLERS), (lock.scheduler, SCHEDULERS)):
        if name not in known:
            lost.append(Words(_("The tool may not know “%(name)s”: choose its nearest by hand."), {"name": name}))
    return lost
