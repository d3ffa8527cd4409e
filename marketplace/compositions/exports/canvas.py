"""A graph as ComfyUI's pages open it: nodes with places, numbered links, a frame a layer (format 0.4).

Its schema is in ComfyUI's documentation under "Workflow JSON". No Django in here.
"""

import unicodedata
import uuid
from collections.abc import Mapping
from typing import Any

from marketplace.compositions.exports.graph import KINDS, Graph, Node

WIDTH, GAP_X, GAP_Y, TOP, ROW = 300, 60, 40, 40, 24
"""Of nodes, in the units of ComfyUI's canvas."""
_LETTER, _WIDE_LETTER, _MARGIN = 8, 16, 40
COLORS = ("#3f789e", "#8a8", "#b58b2a", "#a1309b", "#88a", "#b06634")
_AFTER: Mapping[str, Mapping[str, str]] = {
    # What ComfyUI's pages put behind an input that people set: what to do with a seed after a run, a button.
    "KSampler": {"seed": "fixed"},
    "LoadImageMask": {"channel": "image"},
}


def drawn(graph: Graph, digest: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """This will draw a graph: from left to right in the order of its links, each layer in a band of its own."""
    places = _places(graph)
    links, outgoing = _links(graph)
    incoming = {(link[3], link[4]): link[0] for link in links}
    nodes = [_node(node, order, places[node.id], incoming, outgoing) for order, node in enumerate(graph.nodes.values())]
    return {
        "id": str(uuid.UUID(digest[:32])),
        "revision": 0,
        "last_node_id": len(nodes),
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "groups": _groups(graph, places),
        "config": {},
        "extra": dict(extra),
        "version": 0.4,
    }


def _links(graph: Graph) -> tuple[list[list[Any]], dict[tuple[int, int], list[int]]]:
    """Numbers the links: [id, from, output, to, input, type]; and lists them by what they come from."""
    links: list[list[Any]] = []
    outgoing: dict[tuple[int, int], list[int]] = {}
    for node in graph.nodes.values():
        for slot, (name, kind) in enumerate(KINDS[node.kind].links):
            value = node.inputs.get(name)
            if isinstance(value, tuple):
                source, output = int(value[0]), value[1]
                links.append([len(links) + 1, source, output, int(node.id), slot, kind])
                outgoing.setdefault((source, output), []).append(len(links))
    return links, outgoing


def _node(
    node: Node,
    order: int,
    place: tuple[int, int],
    incoming: Mapping[tuple[int, int], int],
    outgoing: Mapping[tuple[int, int], list[int]],
) -> dict[str, Any]:
    kind, number = KINDS[node.kind], int(node.id)
    drawn: dict[str, Any] = {
        "id": number,
        "type": node.kind,
        "pos": list(place),
        "size": [_width(node), _height(node)],
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": [
            {"name": name, "type": type_, "link": incoming.get((number, slot))}
            for slot, (name, type_) in enumerate(kind.links)
        ],
        "outputs": [
            {"name": name, "type": type_, "links": outgoing.get((number, slot), []), "slot_index": slot}
            for slot, (name, type_) in enumerate(kind.outputs)
        ],
        "properties": {"Node name for S&R": node.kind},
        "widgets_values": _widgets(node),
    }
    return {**drawn, "title": node.title} if node.title else drawn


def _widgets(node: Node) -> list[Any]:
    """Lists what people set, in the class's order; braces are marked, since ComfyUI's pages draw lots."""
    values: list[Any] = []
    for name in KINDS[node.kind].widgets:
        value = node.inputs[name]
        if name == "text" and isinstance(value, str):
            value = value.replace("{", "\\{").replace("}", "\\}")
        values.append(value)
        if after := _AFTER.get(node.kind, {}).get(name):
            values.append(after)
    return values


def _height(node: Node) -> int:
    kind = KINDS[node.kind]
    rows = max(len(kind.links), len(kind.outputs)) + len(kind.widgets)
    return TOP + ROW * rows + (80 if node.kind == "CLIPTextEncode" else 0)


def _width(node: Node) -> int:
    """Tells how wide a node is drawn: ComfyUI's pages widen it to its title."""
    letters = (_WIDE_LETTER if unicodedata.east_asian_width(sign) in "WF" else _LETTER for sign in node.title)
    return max(WIDTH, sum(letters) + _MARGIN)


def _depths(graph: Graph) -> dict[str, int]:
    """Tells how far each node is from those that take nothing."""
    depths: dict[str, int] = {}
    for node in graph.nodes.values():
        before = [depths[value[0]] for value in node.inputs.values() if isinstance(value, tuple)]
        depths[node.id] = max(before, default=-1) + 1
    return depths


def _places(graph: Graph) -> dict[str, tuple[int, int]]:
    """Puts nodes into columns by depth, and into bands by layer; in a cell of both they stand below each other."""
    depths = _depths(graph)
    bands: dict[str, dict[int, int]] = {}
    for node in graph.nodes.values():
        heights = bands.setdefault(node.group, {})
        heights[depths[node.id]] = heights.get(depths[node.id], 0) + _height(node) + GAP_Y
    tops, at = {}, 0
    for group in sorted(bands, key=lambda group: group != ""):
        tops[group] = at
        at += max(bands[group].values()) + 2 * GAP_Y
    lefts = _lefts(graph, depths)
    used: dict[tuple[str, int], int] = {}
    places = {}
    for node in graph.nodes.values():
        cell = (node.group, depths[node.id])
        places[node.id] = (lefts[depths[node.id]], tops[node.group] + used.get(cell, 0))
        used[cell] = used.get(cell, 0) + _height(node) + GAP_Y
    return places


def _lefts(graph: Graph, depths: Mapping[str, int]) -> list[int]:
    """Tells where each column begins: behind the widest node of the one before."""
    widths = [0] * (max(depths.values()) + 1)
    for node in graph.nodes.values():
        widths[depths[node.id]] = max(widths[depths[node.id]], _width(node))
    return [sum(widths[:depth]) + depth * GAP_X for depth in range(len(widths))]


def _groups(graph: Graph, places: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """Frames what belongs to a layer."""
    members: dict[str, list[Node]] = {}
    for node in graph.nodes.values():
        if node.group:
            members.setdefault(node.group, []).append(node)
    groups = []
    for number, (label, nodes) in enumerate(members.items()):
        left, top = (min(places[node.id][side] for node in nodes) for side in (0, 1))
        right = max(places[node.id][0] + _width(node) for node in nodes)
        bottom = max(places[node.id][1] + _height(node) for node in nodes)
        groups.append(
            {
                "id": number + 1,
                "title": label,
                "bounding": [left - 20, top - 60, right - left + 40, bottom - top + 80],
                "color": COLORS[number % len(COLORS)],
                "font_size": 24,
                "flags": {},
            }
        )
    return groups
