"""Skies and ground that several packs share: cumulus, ridges in mist, peaks, moons, stars, still water."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from demo.art.kit import (
    Array,
    Canvas,
    Mask,
    Points,
    blur,
    draw,
    line_noise,
    mix,
    noise,
    resize,
    rgb,
    rng,
    smooth,
    whole,
)
from demo.art.shapes import circle, stroke


@lru_cache(maxsize=1)
def _puffs() -> tuple[tuple[Array, Array], ...]:
    """Make a few lit cloud balls at 160 pixels: (coverage, light)."""
    axis = np.linspace(-1, 1, 160, dtype=np.float32)
    x, y = axis[None, :], axis[:, None]
    made = []
    for index in range(6):
        wobble = noise(160, 160, 46, "puff", index, octaves=5, gain=0.55) - 0.5
        radius = np.hypot(x, y) + wobble * np.float32(0.55)
        coverage = smooth(0.86, 0.66, radius)
        height = np.sqrt(np.clip(0.9 - radius, 0, 1))
        light = np.clip(0.62 - 0.52 * y - 0.3 * x * 1.0 + wobble * 0.9, 0, 1) * (0.55 + 0.45 * height)
        made.append((coverage * smooth(0.95, 0.1, y + 0 * x), np.clip(light * 1.25, 0, 1).astype(np.float32)))
    return tuple(made)


def puff(
    canvas: Canvas,
    x: float,
    y: float,
    size: float,
    shade: Array,
    lit: Array,
    which: int,
    flip: bool,
    opacity: float = 1.0,
) -> None:
    """Paint one cloud ball of radius `size` centered at (x, y)."""
    coverage, light = _puffs()[which % 6]
    side = max(6, int(size * 2))
    tall = max(6, int(side * 0.82))
    a, s = resize(coverage, tall, side), resize(light, tall, side)
    if flip:
        a, s = a[:, ::-1], s[:, ::-1]
    mask = Mask(np.clip(a, 0, 1), round(x - side / 2), round(y - tall / 2))
    alpha, under, (oy, ox) = canvas.window(mask)
    if alpha.size:
        cut = s[oy : oy + alpha.shape[0], ox : ox + alpha.shape[1], None]
        under += (mix(shade, lit, np.clip(cut, 0, 1)) - under) * (alpha * np.float32(opacity))[..., None]


def cloud_bank(
    canvas: Canvas,
    y: float,
    size: float,
    shade: str,
    lit: str,
    *seed: object,
    density: float = 1.0,
    x0: float | None = None,
    x1: float | None = None,
    lift: float = 0.5,
    fill: bool = True,
    opacity: float = 1.0,
) -> None:
    """Paint a bank of cumulus whose crest wanders around row `y`, with a soft floor of mist under it."""
    random = rng("bank", *seed)
    left, right = -size if x0 is None else x0, canvas.width + size if x1 is None else x1
    low, high = rgb(shade), rgb(lit)
    span = right - left
    if fill:
        billow(canvas, y - size * 0.15, size, shade, lit, *seed)
    crest = line_noise(256, 60, *seed, "crest", octaves=3)
    count = max(3, int(span / size * 1.05 * density))
    for row in range(2 if fill else 3):
        spots = random.random(count) * span + left
        for spot in spots:
            t = (spot - left) / span
            rise = (float(crest[int(t * 255)]) - 0.42) * 2.4 * lift * size
            edge = min(1.0, 3 * min(t, 1 - t)) if x0 is not None else 1.0
            r = size * (0.42 + 0.85 * random.random() ** 1.6) * (0.8 + 0.25 * row) * (0.35 + 0.65 * edge)
            puff(
                canvas,
                spot,
                y - max(0.0, rise) + row * size * 0.5 + random.normal(0, size * 0.12),
                r,
                low,
                high,
                int(random.integers(6)),
                bool(random.integers(2)),
                opacity,
            )


def billow(canvas: Canvas, y: float, size: float, shade: str, lit: str, *seed: object) -> None:
    """Paint a far bank as one scalloped veil around row `y`: bright along its crest, sinking into shadow below."""
    random = rng("billow", *seed)
    across = np.arange(canvas.width, dtype=np.float32)
    crest = (line_noise(canvas.width, size * 5, *seed, "billow", octaves=3) - 0.5) * np.float32(size * 2.0)
    top = np.zeros(canvas.width, np.float32)
    for center in random.random(int(canvas.width / size * 2.6)) * canvas.width:
        r = size * (0.25 + 1.15 * random.random() ** 2)
        low, high = max(0, int(center - r)), min(canvas.width, int(center + r) + 1)
        u = (across[low:high] - np.float32(center)) / np.float32(r)
        top[low:high] = np.maximum(top[low:high], np.sqrt(np.clip(1 - u * u, 0, 1)) * np.float32(r * 0.46))
    top += (line_noise(canvas.width, size * 0.3, *seed, "edge", octaves=3) - 0.5) * np.float32(size * 0.22)
    profile = np.float32(y) - crest - top
    first, last = rows(canvas, float(profile.min()) - 2, y + size * 4.2)
    if last <= first:
        return
    depth = np.arange(first, last, dtype=np.float32)[:, None] - profile[None, :]
    rough = noise(last - first, canvas.width, size * 0.7, *seed, "rough", octaves=3, stretch=1.6) - np.float32(0.5)
    tone = np.clip(depth / np.float32(size * 0.95) + rough * 1.5, 0, 1)
    body = mix(rgb(lit), rgb(shade), (tone**0.7)[..., None])
    cover = np.clip(depth / 1.6 + 0.5, 0, 1) * smooth(size * 4.0, size * 1.1, depth)
    canvas.px[first:last] += (body - canvas.px[first:last]) * cover[..., None]


def mist(canvas: Canvas, top: float, bottom: float, color: str, opacity: float = 1.0, fade: bool = False) -> None:
    """Lay a flat veil that thickens from row `top` to row `bottom`, and stays below it unless it fades again."""
    y = np.arange(canvas.height, dtype=np.float32)
    veil = smooth(top, bottom, y)
    if fade:
        veil = veil * smooth(bottom + (bottom - top), bottom, y)
    canvas.paint(whole(np.repeat(veil[:, None], canvas.width, axis=1)), color, opacity)


def rows(canvas: Canvas, top: float, bottom: float) -> tuple[int, int]:
    """Clamp a band of rows to the canvas."""
    return max(0, int(top)), min(canvas.height, int(bottom))


def ridge(
    canvas: Canvas,
    profile: Array,
    color: str,
    haze: str,
    *seed: object,
    fade: float = 300,
    relief: float = 0.35,
    sun: float = -1.0,
    lit: str | None = None,
    cell: float = 110,
) -> None:
    """Paint a mountain ridge below `profile` (a row a column) that dissolves into haze `fade` pixels further down."""
    top, bottom = rows(canvas, float(profile.min()) - 3, float(profile.max()) + fade + 4)
    seen = np.flatnonzero(profile < bottom)
    left, right = int(seen[0]), int(seen[-1]) + 1
    profile = profile[left:right]
    y = np.arange(top, bottom, dtype=np.float32)[:, None]
    depth = y - profile[None, :].astype(np.float32)
    inside = np.clip(depth + 0.5, 0, 1)
    pattern = noise(bottom - top, right - left, cell, *seed, "rock", octaves=5, gain=0.58, stretch=0.62)
    pattern += np.float32(0.0035) * profile[None, :].astype(np.float32)
    soft = blur(pattern, cell * 0.022)
    slope = (np.gradient(soft, axis=1) - 0.35 * np.gradient(soft, axis=0)) * np.float32(cell * 0.30 * sun)
    light = np.clip(0.5 + slope, 0, 1)
    base, air = rgb(color), rgb(haze)
    bright = rgb(lit) if lit else mix(base, air, 0.55)
    body = mix(
        base * np.float32(1 - relief * 0.45),
        mix(base, bright, min(1.0, relief * 2.2)),
        smooth(0.35, 1.0, light)[..., None],
    )
    veil = smooth(fade * 0.02, fade, depth)[..., None]
    body = mix(body, air, veil * np.float32(0.96))
    under = canvas.px[top:bottom, left:right]
    under += (body - under) * (inside * smooth(fade * 1.02, fade * 0.72, depth))[..., None]


def pillar(width: int, x: float, top: float, half: float, foot: float, *seed: object) -> Array:
    """The profile of one karst tower: steep, flat-shouldered, rough; rows below `foot` mean no rock."""
    across = np.arange(width, dtype=np.float32)
    rough = (line_noise(width, 46, *seed, octaves=5, gain=0.55) - 0.5) * np.float32(half * 0.9)
    u = np.abs(across - np.float32(x) + rough) / np.float32(half)
    crown = (line_noise(width, half * 0.8, *seed, "crown", octaves=5, gain=0.6) - 0.5) * np.float32(half * 0.9)
    profile = top + (foot - top) * np.clip(u**3.2 * 0.32 + smooth(0.8, 1.3, u) * 4, 0, 4) + crown
    profile[np.abs(across - np.float32(x)) > half * 1.15] = foot * 6
    return profile.astype(np.float32)


def stars(canvas: Canvas, count: int, bottom: float, *seed: object, color: str = "#fff6e0") -> None:
    """Scatter stars of several sizes above row `bottom`, rarer toward it."""
    random = rng("stars", *seed)
    x = random.random(count) * canvas.width
    y = random.random(count) ** 1.4 * bottom
    size = random.pareto(2.6, count) * 0.35 + 0.35
    dots = [circle(px, py, min(s, 2.0), points=10) for px, py, s in zip(x, y, size, strict=True)]
    canvas.light(draw(dots, scale=3), color, 0.85)
    for px, py in zip(x[size > 1.6], y[size > 1.6], strict=True):
        canvas.glow(px, py, 10, color, 0.35)


def moon(
    canvas: Canvas,
    x: float,
    y: float,
    r: float,
    color: str,
    shade: str,
    *seed: object,
    halo: float = 5.0,
    strength: float = 0.5,
) -> None:
    """Paint a full moon with maria, a soft limb and a wide halo."""
    canvas.glow(x, y, r * halo, color, strength * 0.7, 2.6)
    canvas.glow(x, y, r * 1.9, color, strength * 0.55, 1.6)
    disc = draw([circle(x, y, r, points=120)])
    canvas.paint(disc, color)
    seas = noise(*disc.a.shape, r * 0.62, *seed, "maria", octaves=5, gain=0.55)
    canvas.paint(disc.times(smooth(0.47, 0.66, seas)), shade, 0.62)
    yy, xx = np.mgrid[0 : disc.a.shape[0], 0 : disc.a.shape[1]].astype(np.float32)
    limb = np.hypot(xx - (x - disc.x) + r * 0.25, yy - (y - disc.y) + r * 0.25) / np.float32(r)
    canvas.paint(disc.times(smooth(0.75, 1.3, limb)), shade, 0.6)


def mirror(
    canvas: Canvas,
    row: int,
    *seed: object,
    strength: float = 0.8,
    jitter: float = 14,
    tint: str | None = None,
    streak: float = 0.0,
) -> None:
    """Replace what lies below `row` by a rippled, darkened mirror image of what lies above it."""
    deep = canvas.height - row
    t = np.arange(deep, dtype=np.float32)[:, None] / np.float32(deep)
    ripple = noise(deep, canvas.width, 14, *seed, "ripple", octaves=3, stretch=6.0) - 0.5
    shift = noise(deep, canvas.width, 5, *seed, "shift", octaves=2, stretch=26.0) - 0.5
    source_y = (
        row
        - 1
        - np.arange(deep, dtype=np.float32)[:, None] * np.float32(min(1.0, row / deep))
        + ripple * jitter * 2.2 * (0.3 + t)
    )
    source_x = np.arange(canvas.width, dtype=np.float32)[None, :] + shift * jitter * 2.4 * (0.35 + t)
    iy = np.clip(source_y, 0, row - 1).astype(np.int32)
    ix = np.clip(source_x, 0, canvas.width - 1).astype(np.int32)
    image = canvas.px[iy, ix]
    if streak:
        image = np.stack([_streak(image[..., i], streak) for i in range(3)], axis=-1)
    ground = canvas.px[row:] if tint is None else rgb(tint)
    canvas.px[row:] = mix(np.broadcast_to(ground, image.shape), image, np.float32(strength) * (1 - 0.45 * t)[..., None])


def _streak(a: Array, length: float) -> Array:
    """Average a channel vertically over `length` rows."""
    reach = int(length)
    total = np.cumsum(np.pad(a, ((reach + 1, reach), (0, 0)), mode="edge"), axis=0, dtype=np.float64)
    return ((total[2 * reach + 1 :] - total[: -2 * reach - 1]) / (2 * reach + 1)).astype(np.float32)


def needles(tips: list[tuple[float, float, float]], size: float, *seed: object) -> list[Points]:
    """Clusters of pine needles fanned around each twig's end."""
    random = rng("needles", *seed)
    out: list[Points] = []
    for x, y, _ in tips:
        for _ in range(9):
            a = random.uniform(-np.pi, 0.0)
            r = size * random.uniform(0.6, 1.1)
            out.append(
                stroke([(x, y), (x + np.cos(a) * r, y + np.sin(a) * r * 0.55)], [size * 0.13, 0.4], smooth=False)
            )
    return out


def pads(tips: list[tuple[float, float, float]], size: float, *seed: object) -> list[Points]:
    """Flat lens-shaped pads of foliage, as a painted mountain pine wears them."""
    random = rng("pads", *seed)
    out: list[Points] = []
    for x, y, _ in tips:
        for _ in range(4):
            r = size * random.uniform(0.45, 1.0)
            dx, dy = random.normal(0, size * 0.55), random.normal(0, size * 0.14)
            angle = np.linspace(0, 2 * np.pi, 26, endpoint=False)
            edge = 1 + 0.16 * random.standard_normal(26)
            out.append(
                np.stack(
                    [
                        x + dx + np.cos(angle) * r * edge,
                        y + dy + np.where(np.sin(angle) < 0, 0.42, 0.16) * np.sin(angle) * r * edge,
                    ],
                    axis=1,
                )
            )
    return out
