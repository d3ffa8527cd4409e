"""ComfyUI's graphs in one form, whether they come as a prompt or as its pages draw them. No Django in here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marketplace.compositions.exports.graph import KINDS
from marketplace.compositions.importing.refusals import refuse
from marketplace.ui.words import gettext_noop as _

MOST_NODES = 10_000
MOST_LINKS = 50_000
_OFF = frozenset({2, 4})
"""Modes of nodes that never run, or are passed by."""
_AFTER = {"seed": ("fixed", "increment", "decrement", "randomize")}
_TOO_MANY = _("The workflow has more than %(most)d nodes or links: that is more than anybody draws.")


@dataclass(frozen=True, slots=True)
class Link:
    """An output of a node."""

    node: str
    slot: int


@dataclass(slots=True)
class Node:
    """A node: what it is, and what goes into it, by name: links, and what people set."""

    kind: str
    title: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)

    def links(self) -> Iterator[tuple[str, Link]]:
        """This will give the inputs that come from other nodes."""
        for name, value in self.inputs.items():
            if isinstance(value, Link):
                yield name, value

    def texts(self) -> Iterator[tuple[str, str]]:
        """This will give the inputs that are text."""
        for name, value in self.inputs.items():
            if isinstance(value, str):
                yield name, value


Nodes = Mapping[str, Node]


def of_prompt(prompt: Mapping[str, Any]) -> Nodes:
    """This will read the form that runs: `{id: {class_type, inputs}}`."""
    if len(prompt) > MOST_NODES:
        refuse(_TOO_MANY, most=MOST_NODES)
    nodes: dict[str, Node] = {}
    for key, said in prompt.items():
        if not isinstance(said, dict) or not isinstance(said.get("class_type"), str):
            continue
        meta, inputs = said.get("_meta"), said.get("inputs")
        title = meta.get("title") if isinstance(meta, dict) else ""
        made = Node(said["class_type"], title if isinstance(title, str) else "")
        for name, value in inputs.items() if isinstance(inputs, dict) else ():
            made.inputs[name] = _link(value) or value
        nodes[key] = made
    return nodes


def _link(value: Any) -> Link | None:
    is_one = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)
    return Link(str(value[0]), value[1]) if is_one and type(value[1]) is int else None


def of_drawing(drawing: Mapping[str, Any]) -> Nodes:
    """This will read the form that pages save, 0.4 and 1.0, with the graphs that stand for single nodes in it."""
    nodes: dict[str, Node] = {}
    for prefix, graph in _graphs(drawing):
        listed, links = _list(graph, "nodes"), dict(_links(_list(graph, "links"), prefix))
        if len(nodes) + len(listed) > MOST_NODES or len(links) > MOST_LINKS:
            refuse(_TOO_MANY, most=MOST_NODES)
        for said in listed:
            if isinstance(said, dict) and isinstance(said.get("type"), str) and not _is_off(said.get("mode")):
                nodes[f"{prefix}{_key(said.get('id'))}"] = _drawn(said, links)
    return nodes


def _is_off(mode: Any) -> bool:
    return isinstance(mode, int) and mode in _OFF


def _graphs(drawing: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", drawing
    definitions = drawing.get("definitions")
    inner = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    for place, graph in enumerate(inner if isinstance(inner, list) else ()):
        if place >= MOST_NODES:
            refuse(_TOO_MANY, most=MOST_NODES)
        if isinstance(graph, dict):
            yield f"{place}:", graph


def _links(links: Sequence[Any], prefix: str) -> Iterator[tuple[str, Link]]:
    """Reads `[id, from, output, to, input, type]`, or an object of these."""
    for said in links:
        if isinstance(said, list) and len(said) >= 3:
            number, origin, slot = said[:3]
        elif isinstance(said, dict):
            number, origin, slot = (said.get(name) for name in ("id", "origin_id", "origin_slot"))
        else:
            continue
        yield _key(number), Link(f"{prefix}{_key(origin)}", slot if type(slot) is int else 0)


def _drawn(said: Mapping[str, Any], links: Mapping[str, Link]) -> Node:
    title = said.get("title")
    node = Node(said["type"], title if isinstance(title, str) else "")
    linked = set()
    for one in _list(said, "inputs"):
        if isinstance(one, dict) and isinstance(one.get("name"), str) and one.get("link") is not None:
            link = links.get(_key(one["link"]))
            linked.add(one["name"])
            if link is not None:
                node.inputs[one["name"]] = link
    values = said.get("widgets_values")
    if isinstance(values, dict):
        node.inputs |= {name: value for name, value in values.items() if name not in linked}
    elif isinstance(values, list):
        for name, value in _named(said, values):
            if name not in linked:
                node.inputs[name] = value
    return node


def _named(said: Mapping[str, Any], values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Gives what people set by its name: a class that we know says its order, a newer file its inputs' own."""
    kind = KINDS.get(said["type"])
    if kind is not None:
        names: Sequence[str] = kind.widgets
    else:
        widgets = [one for one in _list(said, "inputs") if isinstance(one, dict) and "widget" in one]
        names = [str(one.get("name")) for one in widgets]
    place = 0
    for name in names:
        if place >= len(values):
            return
        yield name, values[place]
        place += 1
        # Behind a seed stands what is done with it after a run.
        if place < len(values) and values[place] in _AFTER.get(name, ()):
            place += 1
    for number, value in enumerate(values[place:], start=place):
        yield f"value {number}", value


def _list(said: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = said.get(name)
    return found if isinstance(found, list) else []


def _key(value: Any) -> str:
    return str(value) if isinstance(value, int | str) else ""
