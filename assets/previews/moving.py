"""A picture of a glTF animation without meshes, such as a VRM animation: its nodes in a few poses through time."""

from typing import Any

import numpy as np
from PIL import Image

from assets.inspectors import gltf_fields as fields
from assets.inspectors.gltf_buffers import floats_of
from assets.inspectors.gltf_nodes import Matrix, rotation
from assets.inspectors.models3d import Model
from assets.previews.skeleton import POSES, draw_poses

Array = np.ndarray[Any, Any]
_Track = tuple[int, str, str, Array, Array]
"""A node, what of it moves, how it goes from one value to the next, times in seconds, and values."""


def draw_animation(model: Model, width: int) -> Image.Image:
    """Return the longest animation of an inspected model in five poses, as `draw_poses` draws them.

    Points are the nodes that it moves and the joints and humanoid bones of the model; each is joined to the nearest
    of them above it. The travel of the first over the ground is left out. Raise Refused with `preview-not-drawn`
    where there are no two such nodes.
    """
    tracks = max((_tracks(model, place, one) for place, one in fields.items(model.root, "animations")), key=_end)
    forest = model.forest
    chosen = {node for node, *_rest in tracks} | {joint for skin in forest.skins for joint in skin.joints}
    chosen |= _humanoid(model)
    points = [node for node in forest.order if node in chosen]
    numbers = {node: number for number, node in enumerate(points)}
    above = [_above(node, forest.parents, chosen) for node in points]
    bones = [(numbers[node], number) for number, node in enumerate(above) if node >= 0]
    poses = []
    for part in range(POSES):
        world = _world(model, tracks, part * _end(tracks) / (POSES - 1))
        pose = np.array([world[node][:3, 3] for node in points])
        pose[:, [0, 2]] -= pose[:1, [0, 2]]
        poses.append(pose)
    return draw_poses(poses, bones, width)


def _end(tracks: list[_Track]) -> float:
    return max((float(times[-1]) for _node, _path, _mode, times, _values in tracks), default=0.0)


def _tracks(model: Model, place: str, animation: dict[str, Any]) -> list[_Track]:
    found = []
    data, accessors = model.buffers.data, model.buffers.accessors
    for _where, channel in fields.items(animation, "channels", place):
        sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
        if "node" in target and target["path"] != "weights":
            times = floats_of(accessors[sampler["input"]], data)[:, 0]
            values = floats_of(accessors[sampler["output"]], data)
            found.append((target["node"], target["path"], sampler.get("interpolation", "LINEAR"), times, values))
    return found


def _humanoid(model: Model) -> set[int]:
    """Return the nodes of a VRM animation's bones."""
    extensions = fields.child(model.root, "extensions", "glTF")
    humanoid = extensions.get("VRMC_vrm_animation", {}).get("humanoid", {})
    return {bone["node"] for bone in humanoid.get("humanBones", {}).values()}


def _above(node: int, parents: tuple[int, ...], chosen: set[int]) -> int:
    node = parents[node]
    while node >= 0 and node not in chosen:
        node = parents[node]
    return node


def _world(model: Model, tracks: list[_Track], second: float) -> dict[int, Matrix]:
    """Return where each node stands at a time."""
    moved: dict[int, dict[str, Array]] = {}
    for node, path, mode, times, values in tracks:
        moved.setdefault(node, {})[path] = _at(mode, times, values, second, turn=path == "rotation")
    found: dict[int, Matrix] = {}
    for node in model.forest.order:
        local = model.forest.nodes[node].local
        if node in moved:
            local = _local(model.root["nodes"][node] | moved[node])
        parent = model.forest.parents[node]
        found[node] = local if parent < 0 else found[parent] @ local
    return found


def _local(node: dict[str, Any]) -> Matrix:
    found = np.eye(4)
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    found[:3, :3] = rotation(x, y, z, w) * np.array(node.get("scale", (1, 1, 1)))
    found[:3, 3] = node.get("translation", (0, 0, 0))
    return found


def _at(mode: str, times: Array, values: Array, second: float, *, turn: bool) -> Array:
    """Return the value at a time (glTF 2.0, appendix C); turns are unit quaternions."""
    spline = mode == "CUBICSPLINE"
    points = values[1::3] if spline else values
    after = int(np.searchsorted(times, second, side="right"))
    if after == 0 or after == len(times):
        found = points[0] if after == 0 else points[-1]
    elif mode == "STEP":
        found = points[after - 1]
    else:
        lasts = times[after] - times[after - 1]
        part = (second - times[after - 1]) / lasts
        one, other = points[after - 1], points[after]
        if spline:
            leaving, arriving = values[3 * after - 1], values[3 * after]
            found = (2 * part**3 - 3 * part**2 + 1) * one + (part**3 - 2 * part**2 + part) * lasts * leaving
            found = found + (3 * part**2 - 2 * part**3) * other + (part**3 - part**2) * lasts * arriving
        else:
            found = _between(one, other, part) if turn else one + (other - one) * part
    length = float(np.linalg.norm(found)) if turn else 1.0
    scaled: Array = found / (length or 1.0)
    return scaled


def _between(one: Array, other: Array, part: float) -> Array:
    """Return the quaternion that far on the shorter arc from one to the other."""
    cosine = float(one @ other)
    if cosine < 0:
        other, cosine = -other, -cosine
    if cosine > 0.9995:
        near: Array = one + (other - one) * part
        return near
    angle = np.arccos(cosine)
    found: Array = (np.sin((1 - part) * angle) * one + np.sin(part * angle) * other) / np.sin(angle)
    return found
