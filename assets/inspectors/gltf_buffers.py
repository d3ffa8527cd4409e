"""Numbers of a glTF model: buffer views inside BIN, accessors inside their views, every float finite.

glTF 2.0, sections 3.6 "Binary data storage" and 5.1 "Accessor". An accessor without a view is all zeros, and a
sparse one has some of its elements replaced.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.inspectors import gltf_fields as fields
from assets.inspectors.gltf_container import Container
from assets.inspectors.gltf_fields import wrong
from marketplace.ui.words import gettext_noop as _

BYTE, UBYTE, SHORT, USHORT, UINT, FLOAT = 5120, 5121, 5122, 5123, 5125, 5126
_DTYPES = {BYTE: "i1", UBYTE: "u1", SHORT: "<i2", USHORT: "<u2", UINT: "<u4", FLOAT: "<f4"}
_COMPONENT_BYTES = {BYTE: 1, UBYTE: 1, SHORT: 2, USHORT: 2, UINT: 4, FLOAT: 4}
# (columns, rows); a column of a matrix begins on a multiple of 4 bytes.
_SHAPES = {
    "SCALAR": (1, 1),
    "VEC2": (1, 2),
    "VEC3": (1, 3),
    "VEC4": (1, 4),
    "MAT2": (2, 2),
    "MAT3": (3, 3),
    "MAT4": (4, 4),
}
# Accessors may share bytes: what all of them read together is bounded, so that checking stays linear in the file.
_READ_FACTOR, _READ_FLOOR_BYTES = 4, 1024**3
_UNBACKED_ELEMENTS = 5_000_000
_BLOCK_ELEMENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class View:
    """A range of BIN. `stride_bytes` is 0 where elements follow each other without a gap."""

    begin: int
    length: int
    stride_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """Elements of one shape in a view: `view` None means zeros."""

    view: View | None
    offset: int
    component: int
    shape: tuple[int, int]
    count: int

    @property
    def column_bytes(self) -> int:
        column = _COMPONENT_BYTES[self.component] * self.shape[1]
        return column if self.shape[0] == 1 else -(-column // 4) * 4

    @property
    def element_bytes(self) -> int:
        return self.column_bytes * self.shape[0]

    @property
    def stride_bytes(self) -> int:
        return (self.view.stride_bytes if self.view else 0) or self.element_bytes

    @property
    def width(self) -> int:
        return self.shape[0] * self.shape[1]


@dataclass(frozen=True, slots=True)
class Accessor:
    """A checked accessor: its elements, those that replace some of them, and the box that it claims."""

    place: str
    kind: str
    elements: Run
    normalized: bool
    at: Run | None
    replaced_by: Run | None
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None

    @property
    def count(self) -> int:
        return self.elements.count

    @property
    def component(self) -> int:
        return self.elements.component


@dataclass(frozen=True, slots=True)
class Buffers:
    """The numbers of one model. `unused_bytes` are those of the buffer that no view covers."""

    data: memoryview
    views: tuple[View, ...]
    accessors: tuple[Accessor, ...]
    unused_bytes: int


def read_buffers(container: Container) -> Buffers:
    """Return the checked buffer views and accessors of a model; every float in them is finite. Raise Refused."""
    root, data = container
    size_bytes = _buffer_bytes(root, data)
    whole = data if data is not None else memoryview(b"")
    views = tuple(_view(view, place, size_bytes) for place, view in fields.items(root, "bufferViews"))
    accessors = tuple(_accessor(accessor, place, views) for place, accessor in fields.items(root, "accessors"))
    total = sum(run.element_bytes * run.count for accessor in accessors for run in _runs(accessor))
    most = _READ_FACTOR * size_bytes + _READ_FLOOR_BYTES
    if total > most:
        template = _("the accessors read %(total)s bytes in all, the limit for this file is %(limit)s.")
        raise wrong("gltf-too-many", template, "accessors", total=total, limit=most)
    buffers = Buffers(whole, views, accessors, size_bytes - _covered(views))
    for accessor in accessors:
        _check_numbers(accessor, whole)
    return buffers


def numbers_of(accessor: Accessor, data: memoryview) -> np.ndarray[Any, Any]:
    """Return the elements as an array of `count` rows, a matrix as one row column by column, as they are stored."""
    found = array_of(accessor.elements, data)
    if accessor.at is None or accessor.replaced_by is None:
        return found
    changed = np.array(found)
    changed[array_of(accessor.at, data)[:, 0]] = array_of(accessor.replaced_by, data)
    return changed


def floats_of(accessor: Accessor, data: memoryview) -> np.ndarray[Any, Any]:
    """Return the elements as float64, normalized integers as numbers from -1 or 0 to 1 (glTF 2.0, 3.11)."""
    found = numbers_of(accessor, data)
    floats: np.ndarray[Any, Any] = found.astype(np.float64)
    if accessor.normalized and accessor.component != FLOAT:
        floats = np.maximum(floats / np.iinfo(found.dtype).max, -1.0)
    return floats


def array_of(run: Run, data: memoryview) -> np.ndarray[Any, Any]:
    """Return the elements of a run as an array of rows: a look at BIN, no copy, where they are no matrices."""
    dtype = np.dtype(_DTYPES[run.component])
    if run.view is None:
        return np.zeros((run.count, run.width), dtype)
    columns, rows = run.shape
    begin = run.view.begin + run.offset
    end = begin + run.stride_bytes * (run.count - 1) + run.element_bytes
    raw = np.frombuffer(data[begin:end], np.uint8)
    wide = np.ndarray(
        (run.count, columns, rows),
        dtype,
        buffer=raw,
        strides=(run.stride_bytes, run.column_bytes, dtype.itemsize),
    )
    return wide[:, 0, :] if columns == 1 else wide.reshape(run.count, columns * rows)


def _buffer_bytes(root: dict[str, Any], data: memoryview | None) -> int:
    """Return the length of the one buffer, which is the BIN chunk (glTF 2.0, 4.4.3.3)."""
    found = fields.items(root, "buffers")
    if len(found) > 1:
        template = _("the model has %(count)s buffers, a GLB has one; save it with all its data in one buffer.")
        raise wrong("gltf-buffer", template, "buffers", count=len(found))
    if not found:
        if data is not None:
            raise wrong("gltf-buffer", _("the file has a BIN chunk that no buffer names."), "buffers")
        return 0
    size_bytes = fields.count(found[0][1], "byteLength", found[0][0])
    given = -1 if data is None else len(data)
    if not size_bytes <= given <= size_bytes + 3 or size_bytes == 0:
        template = _("%(place)s has %(claimed)s bytes, the BIN chunk has %(given)s.")
        raise wrong("gltf-buffer", template, "buffers[0]", claimed=size_bytes, given=max(given, 0))
    assert data is not None
    if any(data[size_bytes:]):
        raise wrong("gltf-buffer", _("the BIN chunk is not padded with zeros behind %(place)s."), "buffers[0]")
    return size_bytes


def _view(view: dict[str, Any], place: str, size_bytes: int) -> View:
    fields.needed_index(view, "buffer", place, 1 if size_bytes else 0)
    begin, length = fields.count(view, "byteOffset", place, 0), fields.count(view, "byteLength", place)
    if length == 0 or begin + length > size_bytes:
        template = _("%(place)s goes from byte %(begin)s to %(end)s, the buffer has %(size)s.")
        raise wrong("gltf-view-bounds", template, place, begin=begin, end=begin + length, size=size_bytes)
    stride_bytes = 0
    if "byteStride" in view:
        stride_bytes = fields.count(view, "byteStride", place)
        if not 4 <= stride_bytes <= 252 or stride_bytes % 4:
            template = _("%(place)s has the stride %(stride)s, which is no multiple of 4 from 4 to 252.")
            raise wrong("gltf-stride", template, place, stride=stride_bytes)
    return View(begin, length, stride_bytes)


def _accessor(accessor: dict[str, Any], place: str, views: tuple[View, ...]) -> Accessor:
    kind = fields.choice(accessor, "type", place, tuple(_SHAPES))
    component = fields.choice(accessor, "componentType", place, tuple(_DTYPES))
    normalized = fields.choice(accessor, "normalized", place, (True, False), default=False)
    elements = _run(accessor, place, views, "bufferView", component, kind, fields.count(accessor, "count", place))
    if normalized and component in (UINT, FLOAT):
        raise wrong("gltf-accessor", _("%(place)s cannot be normalized."), place)
    at, replaced_by = _sparse(accessor, place, views, elements, kind)
    low, high = (fields.numbers(accessor, key, place, elements.width) for key in ("min", "max"))
    return Accessor(
        place,
        kind,
        elements,
        normalized,
        at,
        replaced_by,
        None if low is None else tuple(low),
        None if high is None else tuple(high),
    )


def _run(
    source: dict[str, Any], place: str, views: tuple[View, ...], key: str, component: int, kind: str, count: int
) -> Run:
    """Return the elements that `source` describes; raise Refused when they do not lie inside their view."""
    chosen = fields.index(source, key, place, len(views))
    offset = fields.count(source, "byteOffset", place, 0)
    run = Run(None if chosen is None else views[chosen], offset, component, _SHAPES[kind], count)
    if count == 0:
        raise wrong("gltf-accessor", _("%(place)s has no elements."), place)
    if run.view is None:
        if offset or count > _UNBACKED_ELEMENTS:
            template = _("%(place)s names no buffer view for its %(count)s elements.")
            raise wrong("gltf-accessor", template, place, count=count)
        return run
    if run.stride_bytes < run.element_bytes:
        template = _("%(place)s has elements of %(size)s bytes every %(stride)s bytes.")
        raise wrong("gltf-stride", template, place, size=run.element_bytes, stride=run.stride_bytes)
    size = _COMPONENT_BYTES[component]
    if offset % size or (run.view.begin + offset) % size or run.stride_bytes % size:
        template = _("%(place)s does not begin on a multiple of its %(size)s-byte numbers.")
        raise wrong("gltf-alignment", template, place, size=size)
    end = offset + run.stride_bytes * (count - 1) + run.element_bytes
    if end > run.view.length:
        template = _("%(place)s ends at byte %(end)s of a buffer view of %(size)s bytes.")
        raise wrong("gltf-accessor-bounds", template, place, end=end, size=run.view.length)
    return run


def _sparse(
    accessor: dict[str, Any], place: str, views: tuple[View, ...], elements: Run, kind: str
) -> tuple[Run | None, Run | None]:
    """Return the places and the values of a sparse accessor, None and None of another."""
    if "sparse" not in accessor:
        return None, None
    where = f"{place}.sparse"
    sparse = fields.mapping(accessor["sparse"], where)
    count = fields.count(sparse, "count", where)
    if count > elements.count:
        template = _("%(place)s replaces %(count)s of %(all)s elements.")
        raise wrong("gltf-sparse", template, where, count=count, all=elements.count)
    found = []
    for key in ("indices", "values"):
        source = fields.mapping(sparse.get(key), f"{where}.{key}")
        if "bufferView" not in source:
            raise wrong("gltf-sparse", _("%(place)s names no buffer view."), f"{where}.{key}")
        component = elements.component
        if key == "indices":
            component = fields.choice(source, "componentType", f"{where}.indices", (UBYTE, USHORT, UINT))
        shape = "SCALAR" if key == "indices" else kind
        run = _run(source, f"{where}.{key}", views, "bufferView", component, shape, count)
        if run.view is not None and run.view.stride_bytes:
            raise wrong("gltf-stride", _("%(place)s has a stride."), f"{where}.{key}")
        found.append(run)
    return found[0], found[1]


def _runs(accessor: Accessor) -> Iterator[Run]:
    yield from (run for run in (accessor.elements, accessor.at, accessor.replaced_by) if run)


def _check_numbers(accessor: Accessor, data: memoryview) -> None:
    """Refuse numbers that are not finite, and sparse places that do not rise or lie behind the last element."""
    for run in _runs(accessor):
        if run.component != FLOAT or run.view is None:
            continue
        found = array_of(run, data)
        for start in range(0, len(found), _BLOCK_ELEMENTS):
            finite = np.isfinite(found[start : start + _BLOCK_ELEMENTS])
            if not finite.all():
                row = start + int((~finite.all(axis=1)).argmax())
                template = _("%(place)s is NaN or infinite at element %(index)s.")
                raise wrong("gltf-not-finite", template, accessor.place, index=row)
    if accessor.at:
        places = array_of(accessor.at, data)[:, 0].astype(np.int64)
        if int(places[-1]) >= accessor.count or (np.diff(places) <= 0).any():
            template = _("%(place)s replaces elements whose places do not rise within the accessor.")
            raise wrong("gltf-sparse", template, f"{accessor.place}.sparse")


def _covered(views: tuple[View, ...]) -> int:
    """Return how many bytes the views cover together."""
    covered = end = 0
    for view in sorted(views, key=lambda view: view.begin):
        covered += max(0, view.begin + view.length - max(view.begin, end))
        end = max(end, view.begin + view.length)
    return covered
