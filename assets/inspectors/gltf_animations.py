"""Animations of a glTF model: times that rise, a value for each time, one channel a target.

glTF 2.0, section 3.11 "Animations".
"""

from typing import Any

import numpy as np

from assets.inspectors import gltf_fields as fields
from assets.inspectors.gltf_buffers import BYTE, FLOAT, SHORT, UBYTE, USHORT, Accessor, Buffers, array_of, numbers_of
from assets.inspectors.gltf_fields import wrong
from assets.inspectors.gltf_meshes import Mesh
from assets.inspectors.gltf_nodes import Node
from marketplace.ui.words import gettext_noop as _

_KINDS = {"translation": "VEC3", "rotation": "VEC4", "scale": "VEC3", "weights": "SCALAR"}
_LINEAR, _CUBIC = "LINEAR", "CUBICSPLINE"


def check_animations(
    root: dict[str, Any], buffers: Buffers, nodes: tuple[Node, ...], meshes: tuple[Mesh, ...], most: int
) -> int:
    """Return how long the longest animation lasts in ms, 0 without any; raise Refused.

    At most `most` channels and samplers are read.
    """
    reader = _Reader(buffers, nodes, meshes)
    seen, longest = 0, 0.0
    for place, animation in fields.items(root, "animations"):
        samplers, channels = (fields.items(animation, key, place) for key in ("samplers", "channels"))
        seen += len(samplers) + len(channels)
        if seen > most:
            raise wrong("gltf-too-many", _("the model has more than %(limit)s objects."), place, limit=most)
        if not samplers or not channels:
            raise wrong("gltf-animation", _("%(place)s has no channels or no samplers."), place)
        read = [reader.sampler(where, sampler) for where, sampler in samplers]
        targets = [reader.channel(where, channel, read) for where, channel in channels]
        aimed = [target for target in targets if target is not None]
        if len(set(aimed)) != len(aimed):
            raise wrong("gltf-animation", _("two channels of %(place)s move one thing."), place)
        longest = max([longest, *(end for _times, _values, _mode, end in read)])
    return round(longest * 1000)


_Sampler = tuple[Accessor, Accessor, str, float]


class _Reader:
    def __init__(self, buffers: Buffers, nodes: tuple[Node, ...], meshes: tuple[Mesh, ...]) -> None:
        self._buffers, self._nodes, self._meshes = buffers, nodes, meshes
        self._ends: dict[str, float] = {}

    def sampler(self, place: str, sampler: dict[str, Any]) -> _Sampler:
        """Return the accessors of times and values, the interpolation and the last time."""
        count = len(self._buffers.accessors)
        times = self._buffers.accessors[fields.needed_index(sampler, "input", place, count)]
        values = self._buffers.accessors[fields.needed_index(sampler, "output", place, count)]
        mode = fields.choice(sampler, "interpolation", place, (_LINEAR, "STEP", _CUBIC), default=_LINEAR)
        if mode == _CUBIC and times.count < 2:
            raise wrong("gltf-animation", _("%(place)s is a spline of one point."), place)
        return times, values, mode, self._end(times)

    def channel(self, place: str, channel: dict[str, Any], samplers: list[_Sampler]) -> tuple[int, str] | None:
        """Return the node and the path that a channel moves, None where an extension knows the target."""
        times, values, mode, _end = samplers[fields.needed_index(channel, "sampler", place, len(samplers))]
        where = f"{place}.target"
        target = fields.mapping(channel.get("target"), where)
        path = fields.choice(target, "path", where, tuple(_KINDS))
        index = fields.index(target, "node", where, len(self._nodes))
        if values.kind != _KINDS[path] or not _can_be(values, path):
            template = _("%(place)s moves a %(path)s with values of another kind.")
            raise wrong("gltf-animation", template, where, path=path)
        each = 3 if mode == _CUBIC else 1
        if path == "weights" and index is not None:
            mesh = self._nodes[index].mesh
            each *= 0 if mesh is None else self._meshes[mesh].targets
            if not each:
                raise wrong("gltf-animation", _("%(place)s moves weights of a node without morph targets."), where)
        if (path != "weights" or index is not None) and values.count != times.count * each:
            template = _("%(place)s has %(values)s values for %(times)s times.")
            raise wrong("gltf-animation", template, where, values=values.count, times=times.count)
        return None if index is None else (index, path)

    def _end(self, times: Accessor) -> float:
        """Return the last time in seconds of an input, which must rise from 0 or later."""
        if times.place not in self._ends:
            if (times.kind, times.component) != ("SCALAR", FLOAT) or times.low is None or times.high is None:
                template = _("%(place)s holds times and must be floats with min and max.")
                raise wrong("gltf-animation", template, times.place)
            raw = numbers_of(times, self._buffers.data) if times.at else array_of(times.elements, self._buffers.data)
            seconds = raw[:, 0].astype(np.float64)
            if seconds[0] < 0 or seconds[-1] > 1e6 or (np.diff(seconds) <= 0).any():
                raise wrong("gltf-animation", _("%(place)s holds times that do not rise."), times.place)
            if abs(times.low[0] - seconds[0]) > 1e-3 or abs(times.high[0] - seconds[-1]) > 1e-3:
                template = _("%(place)s claims other bounds in min and max than its times have.")
                raise wrong("gltf-bounds", template, times.place)
            self._ends[times.place] = float(seconds[-1])
        return self._ends[times.place]


def _can_be(values: Accessor, path: str) -> bool:
    """Say whether the numbers may move this path: floats, or for rotations and weights normalized integers."""
    if values.component == FLOAT:
        return True
    return path in ("rotation", "weights") and values.normalized and values.component in (BYTE, UBYTE, SHORT, USHORT)
