"""What of a model can be drawn: its triangles where the nodes and skins put them, in one table."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.inspectors.base import refused
from assets.inspectors.gltf_buffers import Accessor, floats_of, numbers_of
from assets.inspectors.gltf_meshes import FAN, STRIP, TRIANGLES, Primitive
from assets.inspectors.gltf_nodes import Matrix, joint_matrices, world_matrices
from assets.inspectors.models3d import Model
from marketplace.ui.words import gettext_noop as _

MAX_TRIANGLES, MAX_VERTICES = 1_000_000, 3_000_000

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Scenery:
    """All triangles of a scene.

    `points`, `normals` (v × 3), `colors` (v × 4) and `uvs` (v × 2, set 0 and set 1) belong to vertices, `corners`
    (t × 3) and `materials` (t, -1 for none) to triangles. Fronts are counterclockwise.
    """

    points: Array
    normals: Array
    colors: Array
    uvs: tuple[Array, Array]
    corners: Array
    materials: Array


def scenery_of(model: Model) -> Scenery:
    """Return the triangles of the model's scene in the pose of its nodes, morph targets at rest.

    Raise Refused with `preview-not-drawn` where there is none, more than a million, or more than 3 million vertices.
    """
    forest, world = model.forest, world_matrices(model.forest)
    drawn: list[tuple[Array, ...]] = []
    vertices = triangles = 0
    for index in forest.drawn:
        node = forest.nodes[index]
        if node.mesh is None:
            continue
        skin = None if node.skin is None else joint_matrices(forest.skins[node.skin], world, model.buffers)
        for primitive in model.meshes[node.mesh].primitives:
            if not primitive.triangles:
                continue
            vertices += primitive.attributes["POSITION"].count
            triangles += primitive.triangles
            if vertices > MAX_VERTICES or triangles > MAX_TRIANGLES:
                template = _("the model has more than %(limit)s triangles or three times as many vertices.")
                raise refused("preview-not-drawn", template, limit=MAX_TRIANGLES)
            part = _part(primitive, world[index], skin, model.buffers.data)
            drawn.append((*part[:-2], part[-2] + vertices - len(part[0]), part[-1]))
    if not drawn:
        raise refused("preview-not-drawn", _("the model has no triangles to draw."))
    points, normals, colors, uv0, uv1, corners, materials = (
        np.concatenate(columns) for columns in zip(*drawn, strict=True)
    )
    return Scenery(points, normals, colors, (uv0, uv1), corners, materials)


def _part(primitive: Primitive, matrix: Matrix, skin: Matrix | None, data: memoryview) -> tuple[Array, ...]:
    """Return points, normals, colors, both sets of texture coordinates, corners and materials of a primitive."""
    attributes = primitive.attributes
    points = floats_of(attributes["POSITION"], data)
    corners = _corners(primitive, len(points), data)
    normals = floats_of(attributes["NORMAL"], data) if "NORMAL" in attributes else _face_normals(points, corners)
    if skin is not None and "JOINTS_0" in attributes:
        points, normals = _skinned(points, normals, attributes, skin, data)
    else:
        points, normals = points @ matrix[:3, :3].T + matrix[:3, 3], _turned(normals, matrix[:3, :3])
        if np.linalg.det(matrix[:3, :3]) < 0:
            corners = corners[:, ::-1]
    colors = np.ones((len(points), 4), np.float32)
    if "COLOR_0" in attributes:
        given = floats_of(attributes["COLOR_0"], data)
        colors[:, : given.shape[1]] = given
    uvs = [
        floats_of(attributes[name], data) if name in attributes else np.zeros((len(points), 2))
        for name in ("TEXCOORD_0", "TEXCOORD_1")
    ]
    material = -1 if primitive.material is None else primitive.material
    return (
        points,
        normals.astype(np.float32),
        colors,
        *(uv.astype(np.float32) for uv in uvs),
        corners,
        np.full(len(corners), material),
    )


def _corners(primitive: Primitive, vertices: int, data: memoryview) -> Array:
    if primitive.indices is None:
        order = np.arange(vertices)
    else:
        order = numbers_of(primitive.indices, data)[:, 0].astype(np.int64)
    if primitive.mode == TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if primitive.mode == FAN:
        return np.stack([order[1:-1], order[2:], np.full(len(order) - 2, order[0])], axis=1)
    assert primitive.mode == STRIP
    corners = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
    corners[1::2] = corners[1::2, [1, 0, 2]]
    return corners


def _face_normals(points: Array, corners: Array) -> Array:
    """Return for each vertex the sum of the normals of its triangles, large ones counting more."""
    a, b, c = (points[corners[:, n]] for n in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for n in range(3):
        np.add.at(normals, corners[:, n], faces)
    return normals


def _turned(normals: Array, matrix: Array) -> Array:
    """Return normals under a matrix: by its cofactors, which are right under any scale and need no inverse."""
    columns = [np.cross(matrix[(n + 1) % 3], matrix[(n + 2) % 3]) for n in range(3)]
    found: Array = normals @ np.array(columns).T
    return found


def _skinned(
    points: Array, normals: Array, attributes: dict[str, Accessor], skin: Matrix, data: memoryview
) -> tuple[Array, Array]:
    moved, turned = np.zeros_like(points), np.zeros_like(normals)
    total = np.zeros((len(points), 1))
    for number in range(4):
        if f"JOINTS_{number}" not in attributes:
            break
        joints = numbers_of(attributes[f"JOINTS_{number}"], data)
        weights = floats_of(attributes[f"WEIGHTS_{number}"], data)
        for influence in range(4):
            weight = weights[:, influence, None]
            matrices = skin[joints[:, influence]]
            moved += weight * (np.einsum("vij,vj->vi", matrices[:, :3, :3], points) + matrices[:, :3, 3])
            turned += weight * np.einsum("vij,vj->vi", matrices[:, :3, :3], normals)
            total += weight
    total[total <= 0] = 1.0
    return moved / total, turned
