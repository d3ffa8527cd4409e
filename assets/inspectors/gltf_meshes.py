"""Meshes of a glTF model: attributes of the right shape and number, indices of vertices that are there.

glTF 2.0, section 3.7.2 "Meshes", and the extension KHR_mesh_quantization.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.inspectors import gltf_fields as fields
from assets.inspectors.base import shown_name
from assets.inspectors.gltf_buffers import (
    BYTE,
    FLOAT,
    SHORT,
    UBYTE,
    UINT,
    USHORT,
    Accessor,
    Buffers,
    array_of,
    numbers_of,
)
from assets.inspectors.gltf_fields import wrong
from marketplace.ui.words import gettext_noop as _

TRIANGLES, STRIP, FAN = 4, 5, 6
QUANTIZATION = "KHR_mesh_quantization"

_NORMALIZED = ((UBYTE, True), (USHORT, True))
_INTEGERS = tuple((component, flag) for component in (BYTE, UBYTE, SHORT, USHORT) for flag in (True, False))
# Which shapes and (component, normalized) an attribute may have; the second set with KHR_mesh_quantization.
_ATTRIBUTES: tuple[tuple[re.Pattern[str], tuple[str, ...], tuple[tuple[int, bool], ...], bool], ...] = (
    (re.compile(r"POSITION"), ("VEC3",), ((FLOAT, False),), True),
    (re.compile(r"NORMAL"), ("VEC3",), ((FLOAT, False),), True),
    (re.compile(r"TANGENT"), ("VEC4",), ((FLOAT, False),), True),
    (re.compile(r"TEXCOORD_(0|[1-9][0-9]?)"), ("VEC2",), ((FLOAT, False), *_NORMALIZED), True),
    (re.compile(r"COLOR_(0|[1-9][0-9]?)"), ("VEC3", "VEC4"), ((FLOAT, False), *_NORMALIZED), False),
    (re.compile(r"JOINTS_(0|[1-9][0-9]?)"), ("VEC4",), ((UBYTE, False), (USHORT, False)), False),
    (re.compile(r"WEIGHTS_(0|[1-9][0-9]?)"), ("VEC4",), ((FLOAT, False), *_NORMALIZED), False),
)
_MORPHED = re.compile(r"POSITION|NORMAL|TANGENT|(TEXCOORD|COLOR)_(0|[1-9][0-9]?)")
_BESIDE = {"JOINTS": "WEIGHTS", "WEIGHTS": "JOINTS"}
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Primitive:
    """One drawable part: its accessors by attribute, and how its vertices are joined (glTF's `mode`)."""

    attributes: dict[str, Accessor]
    indices: Accessor | None
    mode: int
    material: int | None
    triangles: int


@dataclass(frozen=True, slots=True)
class Mesh:
    """A mesh; `low` and `high` are the corners of its box in its own space, `joints` how many its vertices name."""

    primitives: tuple[Primitive, ...]
    targets: int
    joints: int
    low: tuple[float, float, float]
    high: tuple[float, float, float]


class MeshReader:
    """Reads the meshes of one model, and every accessor once however many primitives share it."""

    def __init__(self, root: dict[str, Any], buffers: Buffers, most: int) -> None:
        self._buffers, self._most = buffers, most
        self._materials = len(fields.values(root, "materials"))
        self._quantized = QUANTIZATION in fields.names(root, "extensionsRequired")
        self._boxes: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {}
        self._highest: dict[str, int] = {}
        self._seen = 0

    def read(self, place: str, mesh: dict[str, Any]) -> Mesh:
        """Return the mesh at `place`; raise Refused."""
        found = fields.items(mesh, "primitives", place)
        if not found:
            raise wrong("gltf-mesh", _("%(place)s has no primitives."), place)
        self._seen += len(found)
        if self._seen > self._most:
            template = _("the model has more than %(limit)s objects.")
            raise wrong("gltf-too-many", template, place, limit=self._most)
        primitives = tuple(self._primitive(where, primitive) for where, primitive in found)
        targets = {len(fields.values(primitive, "targets", where)) for where, primitive in found}
        if len(targets) > 1:
            raise wrong("gltf-mesh", _("the primitives of %(place)s have different numbers of morph targets."), place)
        morphs = targets.pop()
        fields.numbers(mesh, "weights", place, morphs)
        boxes = [self._box(primitive.attributes["POSITION"]) for primitive in primitives]
        low = [min(box[0][axis] for box in boxes) for axis in range(3)]
        high = [max(box[1][axis] for box in boxes) for axis in range(3)]
        return Mesh(primitives, morphs, self._joints(primitives), (low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def _primitive(self, place: str, primitive: dict[str, Any]) -> Primitive:
        where = f"{place}.attributes"
        given = fields.mapping(primitive.get("attributes"), where)
        attributes = dict(self._attribute(name, given, where) for name in given)
        position = attributes.get("POSITION")
        if position is None:
            raise wrong("gltf-mesh", _("%(place)s has no POSITION."), where)
        for name, accessor in attributes.items():
            if accessor.count != position.count:
                template = _("%(place)s has %(count)s elements for %(vertices)s vertices.")
                raise wrong("gltf-mesh", template, f"{where}.{name}", count=accessor.count, vertices=position.count)
        for name in attributes:
            word, _line, number = name.partition("_")
            other = f"{_BESIDE[word]}_{number}" if word in _BESIDE else name
            if other not in attributes:
                raise wrong("gltf-mesh", _("%(place)s has no %(other)s beside it."), f"{where}.{name}", other=other)
        self._box(position)
        self._check_targets(place, primitive, position.count)
        mode = fields.choice(primitive, "mode", place, tuple(range(7)), default=TRIANGLES)
        indices = self._indices(place, primitive, position.count)
        corners = indices.count if indices else position.count
        triangles = {TRIANGLES: corners // 3, STRIP: max(0, corners - 2), FAN: max(0, corners - 2)}.get(mode, 0)
        material = fields.index(primitive, "material", place, self._materials)
        return Primitive(attributes, indices, mode, material, triangles)

    def _attribute(self, name: str, given: dict[str, Any], place: str) -> tuple[str, Accessor]:
        accessor = self._accessor(given, name, place)
        where = f"{place}.{shown_name(name, 60)}"
        if name.startswith("_"):
            return name, accessor
        for pattern, kinds, components, quantized in _ATTRIBUTES:
            if not pattern.fullmatch(name):
                continue
            allowed = components + (_INTEGERS if quantized and self._quantized else ())
            if accessor.kind in kinds and (accessor.component, accessor.normalized) in allowed:
                self._check_alignment(accessor, where)
                return name, accessor
            template = _("%(place)s is %(kind)s of %(component)s, which this attribute cannot be.")
            raise wrong("gltf-attribute", template, where, kind=accessor.kind, component=accessor.component)
        raise wrong("gltf-attribute", _("%(place)s is no attribute of glTF."), where)

    def _check_alignment(self, accessor: Accessor, place: str) -> None:
        """Refuse an attribute that does not begin and step on multiples of 4 bytes (glTF 2.0, 3.6.2.4)."""
        run = accessor.elements
        if run.view is not None and (run.offset % 4 or run.stride_bytes % 4):
            template = _("%(place)s does not begin and step on multiples of 4 bytes.")
            raise wrong("gltf-alignment", template, place)

    def _accessor(self, parent: dict[str, Any], key: str, place: str) -> Accessor:
        return self._buffers.accessors[fields.needed_index(parent, key, place, len(self._buffers.accessors))]

    def _check_targets(self, place: str, primitive: dict[str, Any], vertices: int) -> None:
        for where, target in fields.items(primitive, "targets", place):
            self._seen += 1
            for name in target:
                accessor = self._accessor(target, name, where)
                shown = f"{where}.{shown_name(name, 60)}"
                if not _MORPHED.fullmatch(name) and not name.startswith("_"):
                    raise wrong("gltf-attribute", _("%(place)s is no attribute of a morph target."), shown)
                if accessor.count != vertices:
                    template = _("%(place)s has %(count)s elements for %(vertices)s vertices.")
                    raise wrong("gltf-mesh", template, shown, count=accessor.count, vertices=vertices)
                plain = self._quantized or (accessor.kind, accessor.component) == ("VEC3", FLOAT)
                if name == "POSITION" and not plain:
                    raise wrong("gltf-attribute", _("%(place)s is no list of three floats."), shown)
                if name == "POSITION":
                    self._box(accessor)

    def _indices(self, place: str, primitive: dict[str, Any], vertices: int) -> Accessor | None:
        if "indices" not in primitive:
            return None
        accessor, where = self._accessor(primitive, "indices", place), f"{place}.indices"
        if accessor.kind != "SCALAR" or accessor.component not in (UBYTE, USHORT, UINT) or accessor.normalized:
            raise wrong("gltf-indices", _("%(place)s are no unsigned integers."), where)
        if accessor.elements.view and accessor.elements.view.stride_bytes:
            raise wrong("gltf-stride", _("%(place)s has a stride."), where)
        highest = self._highest_of(accessor)
        if highest >= vertices:
            template = _("%(place)s name vertex %(index)s of %(vertices)s.")
            raise wrong("gltf-indices", template, where, index=highest, vertices=vertices)
        return accessor

    def _highest_of(self, accessor: Accessor) -> int:
        if accessor.place not in self._highest:
            self._highest[accessor.place] = int(numbers_of(accessor, self._buffers.data).max())
        return self._highest[accessor.place]

    def _joints(self, primitives: tuple[Primitive, ...]) -> int:
        """Return one more than the highest joint that a vertex names, 0 where no vertex names any."""
        accessors = [
            accessor
            for primitive in primitives
            for name, accessor in primitive.attributes.items()
            if name.startswith("JOINTS_")
        ]
        return max((self._highest_of(accessor) + 1 for accessor in accessors), default=0)

    def _box(self, accessor: Accessor) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the corners of the box around positions, which must be the one that they claim."""
        if accessor.place not in self._boxes:
            if accessor.low is None or accessor.high is None:
                template = _("%(place)s holds positions and must have min and max.")
                raise wrong("gltf-bounds", template, accessor.place)
            corners = [
                _corner(block, which) for block in _blocks(accessor, self._buffers.data) for which in (np.min, np.max)
            ]
            low = tuple(float(value) for value in np.min(corners, axis=0))
            high = tuple(float(value) for value in np.max(corners, axis=0))
            room = _TOLERANCE * max(1e-3, *(b - a for a, b in zip(low, high, strict=True)))
            claimed = (*accessor.low, *accessor.high)
            if any(abs(a - b) > room for a, b in zip(claimed, (*low, *high), strict=True)):
                template = _("%(place)s claims other bounds in min and max than its positions have.")
                raise wrong("gltf-bounds", template, accessor.place)
            self._boxes[accessor.place] = (low, high)
        low, high = self._boxes[accessor.place]
        if accessor.normalized:
            low, high = (tuple(_scaled(accessor.component, value) for value in corner) for corner in (low, high))
        return low, high


def read_meshes(root: dict[str, Any], buffers: Buffers, most: int) -> tuple[Mesh, ...]:
    """Return the checked meshes of a model with at most `most` primitives; raise Refused."""
    reader = MeshReader(root, buffers, most)
    return tuple(reader.read(place, mesh) for place, mesh in fields.items(root, "meshes"))


def _blocks(accessor: Accessor, data: memoryview) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the elements in pieces whose copies stay small; a sparse accessor whole."""
    found = numbers_of(accessor, data) if accessor.at else array_of(accessor.elements, data)
    for start in range(0, len(found), 1_000_000):
        yield found[start : start + 1_000_000]


def _corner(block: np.ndarray[Any, Any], which: Any) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = which(block, axis=0).astype(np.float64)
    return found


def _scaled(component: int, value: float) -> float:
    most = {BYTE: 127, UBYTE: 255, SHORT: 32_767, USHORT: 65_535}[component]
    return max(value / most, -1.0)
