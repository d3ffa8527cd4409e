"""What a workflow of ComfyUI names: models with their weights, and the words that paint, as layers.

Every walk keeps what it has seen, so that a graph that leads round in a circle ends it. No Django in here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeGuard

from marketplace.compositions.importing.claims import EMBEDDING, FILE, LORA, WHOLE, Mention, Painted, Workflow
from marketplace.compositions.importing.graphs import Link, Node, Nodes, of_drawing, of_prompt
from marketplace.compositions.notation.model import MILLION
from marketplace.compositions.notation.numbers import write_decimal

SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".gguf", ".onnx")
NAME_LIMIT = 260
MOST_MENTIONS = 2_000
MOST_ENDS, MOST_WORDS = 64, 256
"""How many samplers, and how many nodes of words, are looked at: a recipe has fewer layers."""
_TITLED = re.compile(r"Worldloom ([0-9a-f]{64})")
_EMBEDDING = re.compile(r"embedding:([\w.+/\\-]{1,200})(?::(\d{0,3}\.?\d{1,6})\))?")
_TAG = re.compile(r"<(?:lora|lyco):([^:<>]{1,200}+)(?::([^:<>]{0,20}+))?+[^<>]{0,80}+>")
_STRENGTHS = ("strength_model", "strength", "lora_strength", "weight", "model_strength")
_TEXTS = ("text", "text_g", "prompt", "clip_l", "t5xxl", "string", "value", "text_l", "wildcard_text")
_SAID = {"seed": "seed", "steps": "steps", "sampler": "sampler_name", "scheduler": "scheduler"}
# What no words come through.
_NO_WORDS = re.compile(r"(model|clip|vae|image|mask|hook|timestep|latent|sample|pixel|control|noise|sigma|audio)")


def is_prompt(found: Any) -> TypeGuard[dict[str, Any]]:
    """This will tell whether a value is the form that runs."""
    return isinstance(found, dict) and any(
        isinstance(node, dict) and isinstance(node.get("class_type"), str) for node in found.values()
    )


def is_drawn(found: Any) -> TypeGuard[dict[str, Any]]:
    """This will tell whether a value is what ComfyUI's pages save."""
    return isinstance(found, dict) and isinstance(found.get("nodes"), list)


def from_prompt(prompt: Mapping[str, Any]) -> Workflow:
    """This will read the form that runs."""
    return _read(of_prompt(prompt))


def from_drawn(drawing: Mapping[str, Any]) -> Workflow:
    """This will read what ComfyUI's pages save; braces that they mark are as they were."""
    nodes = of_drawing(drawing)
    for node in nodes.values():
        for name, text in list(node.texts()):
            node.inputs[name] = text.replace("\\{", "{").replace("\\}", "}")
    return _read(nodes)


def titled(prompt: Mapping[str, Any]) -> str:
    """This will find the digest of a lock in the title of what saves the picture, where only the prompt is kept."""
    for node in of_prompt(prompt).values():
        if match := _TITLED.fullmatch(node.title):
            return match[1]
    return ""


def _read(nodes: Nodes) -> Workflow:
    roots = [node for node in nodes.values() if _is_root(node)][:MOST_ENDS]
    words, against = (_words_of(nodes, roots, side)[:MOST_WORDS] for side in ("positive", "negative"))
    hooked: dict[str, int] = {}
    reached: set[str] = set()
    for place, key in enumerate(words):
        for hook in _hooks(nodes, key, reached):
            hooked.setdefault(hook, place)
    places = {key: place for place, key in enumerate(words)}
    mentions: list[Mention] = []
    for key, node in nodes.items():
        layer = hooked.get(key, places.get(key, WHOLE))
        named = _mentions(node, 0 if layer == WHOLE and len(words) == 1 else layer)
        mentions += unwanted(named) if key in against and key not in places else named
        if len(mentions) > MOST_MENTIONS:
            break
    return Workflow(
        tuple(mentions[:MOST_MENTIONS]),
        tuple(Painted(_label(nodes[key]), without_tags(_text(nodes, nodes[key]))) for key in words),
        ", ".join(dict.fromkeys(text for key in against if (text := without_tags(_text(nodes, nodes[key]))))),
        tuple(_settings(nodes, roots)),
    )


def _is_root(node: Node) -> bool:
    """Tells whether a node takes what is to be painted: a sampler, or what guides one."""
    takes = {name for name, _link in node.links()}
    if "conditioning" in takes and "guider" in node.kind.lower():
        return True
    return "positive" in takes and not takes & {"positive_NEW", "positive_DEFAULT", "control_net"}


def _words_of(nodes: Nodes, roots: Iterable[Node], side: str) -> list[str]:
    """Lists the nodes of words that samplers lead to; what one of them led to is not walked again for the next."""
    seen: set[tuple[str, int]] = set()
    return list(dict.fromkeys(key for node in roots for key in _words(nodes, node, side, seen)))


def _words(nodes: Nodes, root: Node, side: str, seen: set[tuple[str, int]]) -> Iterator[str]:
    """Walks up from a sampler to the nodes whose words paint, or are not wanted, in the order of the inputs."""
    starts = [link for name, link in root.links() if name == side or (name == "conditioning" and side == "positive")]
    waiting = starts[::-1]
    while waiting:
        link = waiting.pop()
        node = nodes.get(link.node)
        if node is None or (link.node, link.slot) in seen:
            continue
        seen.add((link.node, link.slot))
        if any(name in _TEXTS for name in node.inputs) and any(name.startswith("clip") for name, _to in node.links()):
            yield link.node
            continue
        sides = ("positive", "negative")
        is_pair = all(any(name.startswith(one) for name, _to in node.links()) for one in sides)
        onward = [
            to
            for name, to in node.links()
            if (name.startswith(sides[min(link.slot, 1)]) if is_pair else not _NO_WORDS.match(name.lower()))
        ]
        waiting += onward[::-1]


def _hooks(nodes: Nodes, key: str, seen: set[str]) -> Iterator[str]:
    """Walks up from words to the hooks that change their models for them alone."""
    waiting = [link for name, link in nodes[key].links() if name.startswith(("clip", "hook"))]
    while waiting:
        link = waiting.pop()
        node = nodes.get(link.node)
        if node is None or link.node in seen:
            continue
        seen.add(link.node)
        if "hook" in node.kind.lower():
            yield link.node
            waiting += [to for name, to in node.links() if "hook" in name.lower()]


def _label(node: Node) -> str:
    """Reads what a layer is called, as our exports title its words: `label: words`."""
    label, found, _rest = node.title.partition(": ")
    return label.strip() if found and node.title != node.kind else ""


def _text(nodes: Nodes, node: Node) -> str:
    """Reads a node's words, its own or those of a node that holds nothing else."""
    found = []
    for name in _TEXTS:
        value = node.inputs.get(name)
        if isinstance(value, Link) and (other := nodes.get(value.node)) is not None:
            value = next((text for at, text in other.texts() if at in _TEXTS), "")
        if isinstance(value, str) and value.strip() and value not in found:
            found.append(value)
    return ", ".join(found)


def _mentions(node: Node, layer: int) -> Iterator[Mention]:
    weight = next((ppm for name in _STRENGTHS if (ppm := ppm_of(node.inputs.get(name))) is not None), None)
    for name, value in node.inputs.items():
        if isinstance(value, dict):
            yield from _switched(value, layer)
        elif isinstance(value, str):
            stripped = value.strip()
            if stripped.lower().endswith(SUFFIXES) and len(stripped) <= NAME_LIMIT and "\n" not in stripped:
                # A LoRA has its weight in the node that loads it; everything else that is loaded has none.
                yield Mention(FILE, stripped, weight if "lora" in f"{node.kind}{name}".lower() else None, layer)
            else:
                yield from named_in(value, layer)


def _switched(value: Mapping[str, Any], layer: int) -> Iterator[Mention]:
    """Reads a row of a node that holds several LoRAs, each with its switch."""
    name = value.get("lora")
    if isinstance(name, str) and 0 < len(name) <= NAME_LIMIT and name != "None" and value.get("on", True):
        yield Mention(FILE, name, ppm_of(value.get("strength")), layer)


def unwanted(mentions: Iterable[Mention]) -> Iterator[Mention]:
    """This will turn the weights of embeddings around: among what is not wanted they work against the picture."""
    for one in mentions:
        is_against = one.kind == EMBEDDING
        yield replace(one, weight_ppm=-(MILLION if one.weight_ppm is None else one.weight_ppm)) if is_against else one


def named_in(text: str, layer: int) -> Iterator[Mention]:
    """This will find what a prompt itself names: `embedding:name`, with a weight in brackets, and `<lora:name:0.8>`."""
    if "embedding:" in text:
        for match in _EMBEDDING.finditer(text):
            yield Mention(EMBEDDING, match[1].rstrip("."), ppm_of(match[2]) if match[2] else None, layer)
    if "<" in text:
        for match in _TAG.finditer(text):
            yield Mention(LORA, match[1], ppm_of(match[2]) if match[2] else MILLION, layer)


def without_tags(text: str) -> str:
    """This will take out of a prompt what names models."""
    return _TAG.sub("", text) if "<" in text else text


def ppm_of(value: Any) -> int | None:
    """This will read a weight as parts per million, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
        return round(number * MILLION) if number.is_finite() and abs(number) <= 1_000 else None
    except ArithmeticError:
        # No number, or one with more places than numbers can have.
        return None


def _settings(nodes: Nodes, roots: Iterable[Node]) -> Iterator[tuple[str, str]]:
    """Reads what a recipe can say of the whole picture, where a sampler says it."""
    said: dict[str, str] = {}
    for node in roots:
        for key, name in _SAID.items():
            value = node.inputs.get(name)
            if isinstance(value, int | str) and not isinstance(value, bool):
                said.setdefault(key, str(value))
        if (cfg := ppm_of(node.inputs.get("cfg"))) is not None:
            said.setdefault("cfg", write_decimal(cfg))
        link = node.inputs.get("latent_image")
        latent = nodes.get(link.node) if isinstance(link, Link) else None
        if latent is not None:
            width, height = latent.inputs.get("width"), latent.inputs.get("height")
            if type(width) is int and type(height) is int:
                said.setdefault("size", f"{width}x{height}")
    yield from sorted(said.items())
