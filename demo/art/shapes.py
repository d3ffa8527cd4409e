"""Curves and growth: splines, brush strokes, skylines, trees, as point lists for `kit.draw`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.art.kit import Points, line_noise, noise, rng

Path = NDArray[Any]


def curve(points: Points, closed: bool = False, steps: int = 14) -> Path:
    """Run a Catmull-Rom spline through the points; shape (n, 2)."""
    p = np.asarray(points, np.float64)
    p = np.vstack([p[-1], p, p[:2]]) if closed else np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for i in range(1, len(p) - 2):
        a, b, c, d = p[i - 1], p[i], p[i + 1], p[i + 2]
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    if not closed:
        pieces.append(p[-2][None, :])
    return np.vstack(pieces)


def place(points: Points, x: float, y: float, size: float = 1.0, turn: float = 0.0, flip: bool = False) -> Path:
    """Scale, turn (radians, clockwise on screen) and move a figure's points."""
    p = np.asarray(points, np.float64) * size
    if flip:
        p = p * [-1, 1]
    c, s = math.cos(turn), math.sin(turn)
    return p @ np.array([[c, s], [-s, c]]) + [x, y]


def normals(path: Path) -> Path:
    """The unit normals along a path."""
    d = np.gradient(path, axis=0)
    d /= np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-9)[:, None]
    return np.stack([-d[:, 1], d[:, 0]], axis=1)


def stroke(points: Points, widths: Sequence[float], steps: int = 10, smooth: bool = True) -> Path:
    """Turn a path into the polygon of a brush stroke whose width passes through `widths`."""
    path = curve(points, steps=steps) if smooth else np.asarray(points, np.float64)
    half = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(widths)), widths)[:, None] / 2
    n = normals(path)
    return np.vstack([path + n * half, (path - n * half)[::-1]])


def bristles(
    points: Points, width: float, *seed: object, hairs: int = 40, dry: float = 0.4, taper: float = 0.15
) -> list[tuple[Path, float]]:
    """Draw a path with the separate hairs of a brush; `dry` is how much of the stroke's end breaks into white."""
    random = rng("bristles", *seed)
    path = curve(points, steps=24)
    n = normals(path)
    t = np.linspace(0, 1, len(path))
    lines: list[tuple[Path, float]] = []
    wander = noise(hairs, len(path), 1.0, *seed, "hair", octaves=2, stretch=30, gain=0.5) - np.float32(0.5)
    ink = noise(hairs, len(path), 1.0, *seed, "ink", octaves=3, stretch=26, gain=0.5)
    for row, hair in enumerate(np.linspace(-1, 1, hairs)):
        offset = width / 2 * hair * (1 - taper * t**2) + random.normal(0, width * 0.008)
        track = path + n * (offset + wander[row] * width * 0.07)[:, None]
        limit = dry * (0.10 + 0.62 * t) + 0.18 * abs(float(hair)) ** 3 + random.normal(0, 0.05)
        wet = ink[row] > limit
        wet &= t < 1 - random.random() * dry * 0.25
        wet &= t > random.random() * 0.02
        edges = np.flatnonzero(np.diff(np.concatenate([[0], wet.astype(int), [0]])))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start > 2:
                lines.append((track[start:end], width / hairs * random.uniform(1.3, 2.1)))
    return lines


def circle(x: float, y: float, rx: float, ry: float | None = None, *, points: int = 48, turn: float = 0.0) -> Path:
    """An ellipse as a polygon."""
    angle = np.linspace(0, 2 * math.pi, points, endpoint=False)
    return place(np.stack([np.cos(angle) * rx, np.sin(angle) * (ry or rx)], axis=1), x, y, turn=turn)


def skyline(width: int, base: float, height: float, cell: float, *seed: object, sharp: float = 1.0) -> Path:
    """Heights of a mountain ridge, one row number a column; `sharp` above 1 makes fewer and steeper peaks."""
    n = line_noise(width, cell, *seed, octaves=7, gain=0.48)
    ridge = 1 - np.abs(2 * n - 1)
    rise = 0.55 * np.clip((n - 0.2) / 0.6, 0, 1) ** sharp + 0.45 * np.clip(ridge, 0, 1) ** (2 * sharp)
    return base - height * rise


def branch(
    x: float,
    y: float,
    length: float,
    angle: float,
    width: float,
    *seed: object,
    depth: int = 5,
    spread: float = 0.55,
    bend: float = 0.25,
    shrink: float = 0.74,
) -> tuple[list[Path], list[tuple[float, float, float]]]:
    """Grow a tree by the rule trunk → trunk[left][right]; gives stroke polygons and (x, y, angle) of the twigs."""
    random = rng("branch", *seed)
    strokes: list[Path] = []
    tips: list[tuple[float, float, float]] = []
    todo = [(x, y, length, angle, width, depth)]
    while todo:
        px, py, size, a, w, level = todo.pop()
        points = [(px, py)]
        for _ in range(3):
            a += random.normal(0, bend) * 0.6
            px += math.cos(a) * size / 3
            py += math.sin(a) * size / 3
            points.append((px, py))
            if level < depth and level <= 3:
                tips.append((px, py, a))
        end = w * 0.66
        strokes.append(stroke(points, [w, end], steps=6))
        if level <= 1:
            tips.append((px, py, a))
            continue
        for side in (-1, 1) if level > 1 else ():
            if random.random() < 0.93:
                todo.append(
                    (
                        px,
                        py,
                        size * shrink * random.uniform(0.8, 1.15),
                        a + side * spread * random.uniform(0.5, 1.3),
                        end,
                        level - 1,
                    )
                )
    return strokes, tips
