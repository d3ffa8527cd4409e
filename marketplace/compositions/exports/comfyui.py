"""A lock as a workflow of ComfyUI's core nodes: what it paints with which models, and where. No Django in here.

Each layer has its own words and, through hooks, its own models; a region is a mask on both. What no region covers is
painted by the layers that say [rest], or else by the style's words alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from marketplace.compositions.exports import canvas
from marketplace.compositions.exports.base import Written
from marketplace.compositions.exports.graph import Graph, Link, Value
from marketplace.compositions.exports.masks import BLUR_LIMIT, Masks, feather_of
from marketplace.compositions.exports.painting import Model, Painted, Painting, decimal, emphasized, joined, with_words
from marketplace.compositions.exports.provenance import KEY, provenance
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.notation.model import BOX, FULL, MASK, MILLION, REST
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

TITLE_LIMIT = 80

Pair = tuple[Link, Link]


def api(painting: Painting, lock: Lock, site: str) -> Written:
    """This will write what `POST /prompt` takes: the prompt, and what is saved into every picture."""
    said = {KEY: provenance(lock, site=site)}
    return _written(
        {"prompt": _prompt(graph_of(painting, lock)), "extra_data": {"extra_pnginfo": said}}, painting, lock
    )


def prompt(painting: Painting, lock: Lock) -> Written:
    """This will write the prompt alone; the title of its last node and the names of its models still say the recipe."""
    return _written(_prompt(graph_of(painting, lock)), painting, lock)


def workflow(painting: Painting, lock: Lock, site: str) -> Written:
    """This will write the graph that ComfyUI's pages open (format 0.4), whose `extra` they save into every picture."""
    extra = {KEY: provenance(lock, site=site)}
    written = _written(canvas.drawn(graph_of(painting, lock), lock.digest, extra), painting, lock)
    commented = [layer.label for layer in painting.layers if "//" in layer.words or "/*" in layer.words]
    text = _("ComfyUI's pages take what follows // in the words of the layer “%(layer)s” for a comment.")
    return Written(
        written.data, (*written.lost, *(Words(text, {"layer": label}) for label in commented)), written.notes
    )


def _written(document: Any, painting: Painting, lock: Lock) -> Written:
    data = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Written(data, (*painting.lost, *_lost(painting, lock)), painting.notes)


def _prompt(graph: Graph) -> dict[str, Any]:
    return {
        node.id: {
            "class_type": node.kind,
            "inputs": {name: list(value) if isinstance(value, tuple) else value for name, value in node.inputs.items()},
            "_meta": {"title": node.title or node.kind},
        }
        for node in graph.nodes.values()
    }


def graph_of(painting: Painting, lock: Lock) -> Graph:
    """This will make the graph of a painting, in which every node leads to the one that saves the picture."""
    graph = Graph()
    base = graph.add("CheckpointLoaderSimple", {"ckpt_name": painting.checkpoint})
    model, clip = (base, 0), (base, 1)
    for label, lora in _global_loras(painting):
        model = graph.one(label, "LoraLoader", model=model, clip=clip, lora_name=lora.name, **_strengths(lora))
        clip = (model[0], 1)
    positive, negative = _Conditions(graph, clip, painting, lock).pair()
    sampled = graph.one(
        "",
        "KSampler",
        model=model,
        seed=lock.seed,
        steps=lock.steps,
        cfg=number(lock.cfg_ppm),
        sampler_name=lock.sampler,
        scheduler=lock.scheduler,
        positive=positive,
        negative=negative,
        latent_image=graph.one("", "EmptyLatentImage", width=lock.width, height=lock.height, batch_size=1),
        denoise=1.0,
    )
    decoded = graph.one("", "VAEDecode", samples=sampled, vae=(base, 2))
    saved: dict[str, Value] = {"images": decoded, "filename_prefix": f"worldloom_{lock.digest[:12]}"}
    graph.add("SaveImage", saved, title=f"Worldloom {lock.digest}")
    return graph


def number(ppm: int) -> float:
    """This will write parts per million as the number that ComfyUI takes."""
    return ppm / MILLION


def _strengths(model: Model) -> dict[str, float]:
    return {"strength_model": number(model.weight_ppm), "strength_clip": number(model.weight_ppm)}


def _global_loras(painting: Painting) -> Iterable[tuple[str, Model]]:
    """Gives the models that change the whole picture: the style's, and those of a layer that has it for itself."""
    alone = painting.layers if _is_alone(painting) else ()
    for layer in (*alone, painting.style):
        for lora in layer.loras:
            yield layer.label, lora


def _is_alone(painting: Painting) -> bool:
    if len(painting.layers) != 1:
        return False
    layer = painting.layers[0]
    return layer.region in (FULL, REST) and layer.is_always_on and layer.strength_ppm != 0


class _Conditions:
    """Makes the two conditions, for and against, of all layers together."""

    def __init__(self, graph: Graph, clip: Link, painting: Painting, lock: Lock) -> None:
        self.graph, self.clip, self.painting = graph, clip, painting
        self.masks = Masks(graph, painting, lock)
        regions = [layer for layer in painting.layers if layer.region in (BOX, MASK)]
        rests = [layer for layer in painting.layers if layer.region == REST]
        fulls = [layer for layer in painting.layers if layer.region == FULL]
        # Without regions the rest is the whole. Beside a layer that covers the whole it is masked, as it would
        # otherwise be what is left of nothing.
        self.defaults = rests if regions and not fulls else []
        self.covers = [*fulls, *(() if regions else rests)]

    def pair(self) -> Pair:
        """This will give what the sampler takes."""
        first, *others = (self._placed(layer) for layer in self.painting.layers if layer not in self.defaults)
        made = first
        for other in others:
            made = self._both(made[0], other[0]), self._both(made[1], other[1])
        for layer in self.defaults:
            made = self._default(made, layer, layer.from_ppm, layer.until_ppm)
        for from_ppm, until_ppm in self._gaps():
            made = self._default(made, Painted("", ""), from_ppm, until_ppm)
        return made

    def _gaps(self) -> list[tuple[int, int]]:
        """Gives the steps in which nothing is sure to paint where no region is."""
        if any(layer.is_always_on and layer.strength_ppm for layer in self.covers):
            return []
        gaps, at = [], 0
        for layer in sorted(self.defaults, key=lambda layer: layer.from_ppm):
            if layer.from_ppm > at:
                gaps.append((at, layer.from_ppm))
            at = max(at, layer.until_ppm)
        return [*gaps, (at, MILLION)] if at < MILLION else gaps

    def _both(self, one: Link, other: Link) -> Link:
        """Combines two conditions; the same twice is itself, as their mean would be."""
        if one == other:
            return one
        return self.graph.one("", "ConditioningCombine", conditioning_1=one, conditioning_2=other)

    def _encoded(self, layer: Painted) -> Pair:
        """Reads a layer's words for and against, under the layer's own models."""
        add, label, clip = self.graph.one, layer.label, self.clip
        before: dict[str, Link] = {}
        for lora in () if _is_alone(self.painting) else layer.loras:
            before["prev_hooks"] = add(label, "CreateHookLora", lora_name=lora.name, **_strengths(lora), **before)
        if before:
            hooks = before["prev_hooks"]
            clip = add(label, "SetClipHooks", clip=clip, hooks=hooks, apply_to_conds=True, schedule_clip=False)
        words, against = texts_of(layer, self.painting)
        title = f"{label}: {words}"[:TITLE_LIMIT] if label else ""
        return (
            (self.graph.add("CLIPTextEncode", {"text": words, "clip": clip}, group=label, title=title), 0),
            (self.graph.add("CLIPTextEncode", {"text": against, "clip": clip}, group=label, title="!"), 0),
        )

    def _placed(self, layer: Painted) -> Pair:
        """Puts a layer's words where and when they belong."""
        words, against = self._encoded(layer)
        asked: dict[str, Link] = {}
        if not _is_alone(self.painting) and (mask := self.masks.of(layer)) is not None:
            asked["mask"] = mask
        if not layer.is_always_on:
            steps = {"start_percent": number(layer.from_ppm), "end_percent": number(layer.until_ppm)}
            asked["timesteps"] = self.graph.one(layer.label, "ConditioningTimestepsRange", **steps)
        if not asked:
            return words, against
        node, _slot = self.graph.one(
            layer.label,
            "PairConditioningSetProperties",
            positive_NEW=words,
            negative_NEW=against,
            strength=number(layer.strength_ppm),
            set_cond_area="default",
            **asked,
        )
        return (node, 0), (node, 1)

    def _default(self, made: Pair, layer: Painted, from_ppm: int, until_ppm: int) -> Pair:
        """Lets a layer paint what no mask covers, in some of the steps or in all."""
        words, against = self._encoded(layer)
        if (from_ppm, until_ppm) != (0, MILLION):
            steps = {"start": number(from_ppm), "end": number(until_ppm)}
            words = self.graph.one(layer.label, "ConditioningSetTimestepRange", conditioning=words, **steps)
            against = self.graph.one(layer.label, "ConditioningSetTimestepRange", conditioning=against, **steps)
        node, _slot = self.graph.one(
            layer.label,
            "PairConditioningSetDefaultCombine",
            positive=made[0],
            negative=made[1],
            positive_DEFAULT=words,
            negative_DEFAULT=against,
        )
        return (node, 0), (node, 1)


def texts_of(layer: Painted, painting: Painting) -> tuple[str, str]:
    """This will give a layer's words, then the style's, with their embeddings; and what is against them.

    An embedding with a weight below zero stands among what is against.
    """
    style = painting.style
    words = [*_in_order(layer.words, layer.embeddings), *_in_order(emphasized(style), style.embeddings)]
    against = [painting.negative]
    for embedding in (*layer.embeddings, *style.embeddings):
        if embedding.weight_ppm < 0:
            against.append(_embedded(embedding))
    return joined(words), joined(against)


def _in_order(words: str, embeddings: Sequence[Model]) -> list[str]:
    return [with_words(words), *(_embedded(one) for one in embeddings if one.weight_ppm > 0)]


def _embedded(embedding: Model) -> str:
    name, weight = f"embedding:{embedding.stem}", abs(embedding.weight_ppm)
    return name if weight == MILLION else f"({name}:{decimal(weight)})"


def _lost(painting: Painting, lock: Lock) -> Iterable[Words]:
    """Says what ComfyUI's core cannot do for this very lock."""
    regions = any(layer.region in (BOX, MASK) for layer in painting.layers)
    whole = any(layer.region == FULL for layer in painting.layers)
    rests = [layer for layer in painting.layers if layer.region == REST]
    for layer in painting.layers:
        if layer.region == MASK and feather_of(layer, lock) > BLUR_LIMIT:
            text = _("The mask of the layer “%(layer)s” is softened by %(limit)s pixels, the most that ComfyUI can.")
            yield Words(text, {"layer": layer.label, "limit": BLUR_LIMIT})
        if layer in rests and len(rests) > 1 and regions and not whole and layer.strength_ppm != MILLION:
            text = _("The layer “%(layer)s” paints the rest as strongly as the others that do: its strength is lost.")
            yield Words(text, {"layer": layer.label})
