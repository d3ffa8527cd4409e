"""Nodes, scenes and skins of a glTF model: a forest in which every node has one parent at most.

glTF 2.0, sections 3.5 "Concepts" and 3.7.3 "Skins".
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.inspectors import gltf_fields as fields
from assets.inspectors.gltf_buffers import FLOAT, Buffers, floats_of
from assets.inspectors.gltf_fields import wrong
from assets.inspectors.gltf_meshes import Mesh
from marketplace.ui.words import gettext_noop as _

Matrix = np.ndarray[Any, Any]
"""Float64, 4 × 4, for column vectors."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node: the indices of what hangs on it, and its own transformation."""

    children: tuple[int, ...]
    mesh: int | None
    skin: int | None
    local: Matrix


@dataclass(frozen=True, slots=True)
class Skin:
    """A skin: the nodes that are its joints, and how many inverse bind matrices stand at which accessor."""

    joints: tuple[int, ...]
    inverse_bind: int | None


@dataclass(frozen=True, slots=True)
class Forest:
    """All nodes, parents before children in `order`; `drawn` are those that the scene shows."""

    nodes: tuple[Node, ...]
    parents: tuple[int, ...]
    order: tuple[int, ...]
    drawn: tuple[int, ...]
    skins: tuple[Skin, ...]


def read_forest(root: dict[str, Any], buffers: Buffers, meshes: tuple[Mesh, ...]) -> Forest:
    """Return the checked nodes, scenes and skins of a model; raise Refused."""
    found = fields.items(root, "nodes")
    skins = tuple(_skin(place, skin, buffers, len(found)) for place, skin in fields.items(root, "skins"))
    cameras = len(fields.values(root, "cameras"))
    nodes = tuple(_node(place, node, len(found), meshes, skins, cameras) for place, node in found)
    parents = _parents(nodes)
    order = _order(nodes, parents)
    scenes = [_scene(place, scene, parents) for place, scene in fields.items(root, "scenes")]
    chosen = fields.index(root, "scene", "", len(scenes))
    # Without a scene of its own a model shows its first one or, where there is none, all of its nodes.
    roots = scenes[chosen or 0] if scenes else [n for n, parent in enumerate(parents) if parent < 0]
    return Forest(nodes, parents, order, _below(nodes, roots), skins)


def world_matrices(forest: Forest) -> dict[int, Matrix]:
    """Return where each node stands, by its index."""
    found: dict[int, Matrix] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for index in forest.order:
            parent = forest.parents[index]
            local = forest.nodes[index].local
            found[index] = local if parent < 0 else found[parent] @ local
    return found


def joint_matrices(skin: Skin, world: dict[int, Matrix], buffers: Buffers) -> Matrix:
    """Return what a skin does to its vertices in the pose that the nodes are in, as an array of 4 × 4 matrices."""
    joints: Matrix = np.array([world[joint] for joint in skin.joints])
    if skin.inverse_bind is None:
        return joints
    raw = floats_of(buffers.accessors[skin.inverse_bind], buffers.data)[: len(joints)]
    inverse = raw.reshape(-1, 4, 4).transpose(0, 2, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        found: Matrix = joints @ inverse
    return found


def _skin(place: str, skin: dict[str, Any], buffers: Buffers, nodes: int) -> Skin:
    joints = fields.indices(skin, "joints", place, nodes)
    if not joints:
        raise wrong("gltf-skin", _("%(place)s has no joints."), place)
    fields.index(skin, "skeleton", place, nodes)
    inverse_bind = fields.index(skin, "inverseBindMatrices", place, len(buffers.accessors))
    if inverse_bind is not None:
        accessor = buffers.accessors[inverse_bind]
        if (accessor.kind, accessor.component) != ("MAT4", FLOAT) or accessor.count < len(joints):
            template = _("%(place)s has no inverse bind matrix for each of its %(count)s joints.")
            raise wrong("gltf-skin", template, place, count=len(joints))
    return Skin(tuple(joints), inverse_bind)


def _node(
    place: str, node: dict[str, Any], nodes: int, meshes: tuple[Mesh, ...], skins: tuple[Skin, ...], cameras: int
) -> Node:
    children = fields.indices(node, "children", place, nodes)
    mesh = fields.index(node, "mesh", place, len(meshes))
    skin = fields.index(node, "skin", place, len(skins))
    fields.index(node, "camera", place, cameras)
    if skin is not None:
        if mesh is None:
            raise wrong("gltf-skin", _("%(place)s has a skin and no mesh."), place)
        if not meshes[mesh].joints:
            raise wrong("gltf-skin", _("%(place)s has a skin and a mesh that names no joints."), place)
        if meshes[mesh].joints > len(skins[skin].joints):
            template = _("%(place)s has a mesh that names %(named)s joints and a skin of %(count)s.")
            raise wrong("gltf-skin", template, place, named=meshes[mesh].joints, count=len(skins[skin].joints))
    if "weights" in node:
        if mesh is None:
            raise wrong("gltf-mesh", _("%(place)s has weights and no mesh."), place)
        fields.numbers(node, "weights", place, meshes[mesh].targets)
    return Node(tuple(children), mesh, skin, _local(place, node))


def _local(place: str, node: dict[str, Any]) -> Matrix:
    matrix = fields.numbers(node, "matrix", place, 16)
    move = fields.numbers(node, "translation", place, 3)
    turn = fields.numbers(node, "rotation", place, 4)
    scale = fields.numbers(node, "scale", place, 3)
    if matrix is not None:
        if move or turn or scale:
            raise wrong("gltf-node", _("%(place)s has both a matrix and its parts."), place)
        found = np.array(matrix).reshape(4, 4).T
        if tuple(found[3]) != (0, 0, 0, 1):
            raise wrong("gltf-node", _("%(place)s has a matrix that does not end in 0, 0, 0, 1."), place)
        return found
    found = np.eye(4)
    if turn:
        if abs(math.fsum(part * part for part in turn) - 1) > 1e-2:
            raise wrong("gltf-node", _("%(place)s has a rotation whose length is not 1."), place)
        found[:3, :3] = rotation(*turn)
    if scale:
        found[:3, :3] *= np.array(scale)
    if move:
        found[:3, 3] = move
    return found


def rotation(x: float, y: float, z: float, w: float) -> Matrix:
    """Return the 3 × 3 matrix of a unit quaternion."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _parents(nodes: tuple[Node, ...]) -> tuple[int, ...]:
    parents = [-1] * len(nodes)
    for index, node in enumerate(nodes):
        for child in node.children:
            if parents[child] >= 0:
                raise wrong("gltf-node-graph", _("%(place)s has two parents."), f"nodes[{child}]")
            parents[child] = index
    return tuple(parents)


def _order(nodes: tuple[Node, ...], parents: tuple[int, ...]) -> tuple[int, ...]:
    """Return all nodes, parents first; raise Refused where some are their own ancestors."""
    order = [index for index, parent in enumerate(parents) if parent < 0]
    for index in order:
        order += nodes[index].children
    if len(order) != len(nodes):
        left = min(set(range(len(nodes))) - set(order))
        raise wrong("gltf-node-graph", _("%(place)s is its own ancestor."), f"nodes[{left}]")
    return tuple(order)


def _scene(place: str, scene: dict[str, Any], parents: tuple[int, ...]) -> list[int]:
    found = fields.indices(scene, "nodes", place, len(parents))
    for index in found:
        if parents[index] >= 0:
            template = _("%(place)s shows node %(index)s, which has a parent.")
            raise wrong("gltf-node-graph", template, place, index=index)
    return found


def _below(nodes: tuple[Node, ...], roots: list[int]) -> tuple[int, ...]:
    found = list(roots)
    for index in found:
        found += nodes[index].children
    return tuple(found)
