"""Which triangle is seen at which pixel: a z-buffer over arrays, many triangles at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.inspectors.base import refused
from marketplace.ui.words import gettext_noop as _

Array = np.ndarray[Any, Any]
Keep = Callable[[Array, Array], Array]
"""Of triangles and barycentric coordinates (n × 3), which fragments are there."""

_TESTS_AT_ONCE = 2_000_000
_ALONE = 128  # Triangles with a longer side are tested one by one, within their own box.


@dataclass(frozen=True, slots=True)
class Screen:
    """Pixels row by row from the bottom: how near the nearest thing is (1 / depth, 0 for nothing), and which."""

    width: int
    height: int
    nearness: Array
    seen: Array


def empty(width: int, height: int) -> Screen:
    """Return a screen that shows nothing: -1 stands for no triangle."""
    return Screen(width, height, np.zeros(width * height, np.float32), np.full(width * height, -1, np.int64))


def draw(
    screen: Screen,
    places: Array,
    nearness: Array,
    corners: Array,
    which: Array,
    *,
    tests: int,
    keep: Keep | None = None,
) -> int:
    """Draw the triangles `which` of `corners` (t × 3) whose vertices stand at `places` (v × 2, in pixels).

    Those that are clockwise or no larger than a line are left out. Return how many of `tests` pixel tests are
    left; raise Refused with `preview-not-drawn` where they are not enough.
    """
    triangle = places[corners[which]]
    area = _cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
    which, triangle, area = which[area > 1e-9], triangle[area > 1e-9], area[area > 1e-9]
    low = np.ceil(triangle.min(axis=1) - 0.5).astype(np.int64).clip(0)
    high = np.floor(triangle.max(axis=1) - 0.5).astype(np.int64)
    high = np.minimum(high, [screen.width - 1, screen.height - 1])
    sides = high - low + 1
    inside = (sides > 0).all(axis=1)
    which, triangle, area, low, sides = (one[inside] for one in (which, triangle, area, low, sides))
    for chosen, box in _batches(sides):
        tests -= len(chosen) * int(box[0] * box[1])
        if tests < 0:
            raise refused("preview-not-drawn", _("the triangles cover the picture too often to be drawn."))
        x = low[chosen, 0, None] + np.arange(box[0])
        y = low[chosen, 1, None] + np.arange(box[1])
        found, pixels, weights = _fragments(triangle[chosen], area[chosen], x, y, screen)
        triangles = which[chosen[found]]
        near = (weights * nearness[corners[triangles]]).sum(axis=1).astype(np.float32)
        visible = near > screen.nearness[pixels]
        if keep is not None:
            visible[visible] = keep(triangles[visible], weights[visible])
        order = np.flatnonzero(visible)[np.argsort(near[visible], kind="stable")]
        # Where an index repeats the last value stays, so that the nearest is assigned last.
        screen.nearness[pixels[order]] = near[order]
        screen.seen[pixels[order]] = triangles[order]
    return tests


def weights_at(screen: Screen, pixels: Array, places: Array, corners: Array) -> Array:
    """Return the barycentric coordinates (n × 3, in the picture) of pixels in the triangles seen there."""
    triangle = places[corners[screen.seen[pixels]]]
    point = np.stack([pixels % screen.width, pixels // screen.width], axis=1) + 0.5
    a, b, c = triangle[:, 0], triangle[:, 1], triangle[:, 2]
    parts = np.stack([_cross(c - b, point - b), _cross(a - c, point - c), _cross(b - a, point - a)], axis=1)
    found: Array = parts / _cross(b - a, c - a)[:, None]
    return found


def _batches(sides: Array) -> Iterator[tuple[Array, Array]]:
    """Yield triangles by their numbers, in groups whose boxes are of about one size, with that size."""
    longest = sides.max(axis=1) if len(sides) else np.zeros(0, np.int64)
    side = 1
    while side <= _ALONE:
        chosen = np.flatnonzero((longest <= side) & (longest > side // 2))
        step = max(1, _TESTS_AT_ONCE // (side * side))
        for start in range(0, len(chosen), step):
            yield chosen[start : start + step], np.array([side, side])
        side *= 2
    for number in np.flatnonzero(longest > _ALONE):
        yield np.array([number]), sides[number]


def _fragments(triangle: Array, area: Array, x: Array, y: Array, screen: Screen) -> tuple[Array, Array, Array]:
    """Return triangle, pixel and barycentric coordinates of all that lies inside, of pixels `x` × `y` a triangle."""
    inside = np.broadcast_to(True, (len(triangle), y.shape[1], x.shape[1]))
    edges = []
    for number in range(3):
        start, end = triangle[:, (number + 1) % 3], triangle[:, (number + 2) % 3]
        along = end - start
        right = -along[:, 1, None] * (x + 0.5 - start[:, 0, None])
        up = along[:, 0, None] * (y + 0.5 - start[:, 1, None])
        edge = up[:, :, None] + right[:, None, :]
        inside = inside & (edge >= 0)
        edges.append(edge)
    inside = inside & (x < screen.width)[:, None, :] & (y < screen.height)[:, :, None]
    found, row, column = np.nonzero(inside)
    weights = np.stack([edge[found, row, column] for edge in edges], axis=1) / area[found, None]
    return found, y[found, row] * screen.width + x[found, column], weights


def _cross(one: Array, other: Array) -> Array:
    found: Array = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    return found
