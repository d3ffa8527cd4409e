"""What Cactus Planet is made of: the ringed giant, cacti and their flowers, dunes, table mountains."""

from __future__ import annotations

import numpy as np

from demo.art import land
from demo.art.kit import Canvas, Mask, draw, mix, noise, rgb, rng, smooth
from demo.art.shapes import circle, curve, place, skyline, stroke


def giant(
    c: Canvas,
    x: float,
    y: float,
    r: float,
    light: str,
    dark: str,
    ring: str,
    *seed: object,
    tilt: float = -0.32,
    haze: float = 0.0,
    air: str = "#c75b62",
) -> None:
    """Hang a banded, ringed planet in the sky; `haze` mixes it into the air."""
    c.glow(x, y, r * 2.4, light, 0.28, 2.4)
    _rings(c, x, y, r, ring, tilt, back=True, opacity=1 - haze)
    disc = draw([circle(x, y, r, points=140)])
    height, width = disc.a.shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    dx, dy = (xx + disc.x - x) / r, (yy + disc.y - y) / r
    lat = dy * np.cos(tilt) - dx * np.sin(tilt)
    swirl = noise(height, width, r * 0.5, *seed, "bands", octaves=5, stretch=4) - 0.5
    bands = 0.5 + 0.5 * np.sin((lat + swirl * 0.20) * 15 + 2.2 * np.sin(lat * 4))
    body = mix(rgb(dark), rgb(light), (0.25 + 0.75 * bands)[..., None])
    day = smooth(-0.55, 0.75, dx * 0.75 - dy * 0.62)
    body = body * (0.16 + 0.92 * day)[..., None]
    body = mix(body, rgb(air), haze)
    alpha, under, (oy, ox) = c.window(disc)
    under += (body[oy : oy + alpha.shape[0], ox : ox + alpha.shape[1]] - under) * alpha[..., None]
    c.light(disc.rim(-3, 4, 4), light, 0.5 * (1 - haze))
    _rings(c, x, y, r, ring, tilt, back=False, opacity=1 - haze)


def _rings(c: Canvas, x: float, y: float, r: float, color: str, tilt: float, back: bool, opacity: float) -> None:
    """Paint the far or the near half of a planet's rings."""
    reach = int(r * 2.45)
    yy, xx = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32) / np.float32(r)
    u, v = xx * np.cos(tilt) + yy * np.sin(tilt), (-xx * np.sin(tilt) + yy * np.cos(tilt)) / 0.23
    radius = np.hypot(u, v)
    grooves = 0.55 + 0.45 * np.sin(radius * 38) * np.sin(radius * 13 + 1)
    a = (
        smooth(1.28, 1.36, radius)
        * smooth(2.36, 2.2, radius)
        * (1 - 0.75 * np.exp(-(((radius - 1.86) / 0.035) ** 2)))
        * grooves
    )
    half = smooth(0.02, -0.02, v) if back else smooth(-0.02, 0.02, v)
    shadow = 1 - 0.8 * (smooth(1.0, 0.9, np.abs(u + 0.5)) if back else 0.0 * u)
    c.paint(Mask((a * half * shadow).astype(np.float32), round(x) - reach, round(y) - reach), color, 0.85 * opacity)


def saguaro(
    c: Canvas,
    x: float,
    y: float,
    size: float,
    *seed: object,
    tone: str = "#2f6b54",
    dark: str = "#173a3d",
    lit: str = "#ffc27a",
    bloom: str = "#ff5f8f",
    sun: float = 1.0,
    mound: bool = True,
) -> None:
    """Paint a branching column cactus, foot at (x, y), about 300 units of `size` tall, lit from the right at sun=1."""
    random = rng("saguaro", *seed)
    c.paint(
        draw([circle(x - 60 * size * sun, y + 4 * size, 130 * size, 13 * size)]).softened(7 * size), "#2a1030", 0.42
    )
    limbs = [([(0, 10), (0, -120), (2, -296)], 62)]
    for side in (-1, 1):
        if random.random() < 0.9:
            h, out, tall = random.uniform(-190, -110), random.uniform(60, 84), random.uniform(50, 130)
            limbs.insert(
                0, ([(0, h), (side * out * 0.6, h + 4), (side * out, h - 20), (side * out, h - 40 - tall)], 44)
            )
    for points, width in limbs:
        path = curve(place(points, x, y, size), steps=16)
        column(c, path, width * size, tone, dark, lit, sun, *seed)
        tip = path[-1]
        if random.random() < 0.8:
            for k in (-1, 0, 1):
                flower(
                    c,
                    tip[0] + k * width * size * 0.3,
                    tip[1] - (4 if k else 12) * size - width * size * 0.36,
                    12 * size,
                    bloom,
                    *seed,
                    k,
                )
    if not mound:
        return
    heap = draw(
        [
            curve(
                [
                    (x - 70 * size, y + 22 * size),
                    (x - 40 * size, y - 2 * size),
                    (x, y - 9 * size),
                    (x + 40 * size, y - 2 * size),
                    (x + 70 * size, y + 22 * size),
                ]
            )
        ]
    )
    here = c.px[min(c.height - 1, max(0, round(y + 16 * size))), min(c.width - 1, max(0, round(x + 66 * size)))].copy()
    t = np.linspace(1, 0, heap.a.shape[0], dtype=np.float32)[:, None]
    c.paint(heap.times(smooth(0.0, 0.45, t)), here)


def column(
    c: Canvas, path: np.ndarray, width: float, tone: str, dark: str, lit: str, sun: float, *seed: object
) -> None:
    """Paint one ribbed, round-tipped column along a path."""
    profile = [width * 0.86, width, width, width * 0.96]
    body = stroke(path, profile, smooth=False)
    cap = circle(*path[-1], width * 0.48, width * 0.5)
    mask = draw([body, cap], scale=2)
    c.paint(mask, tone, to=dark)
    n = np.gradient(path, axis=0)
    n = np.stack([-n[:, 1], n[:, 0]], axis=1) / np.maximum(np.hypot(n[:, 0], n[:, 1]), 1e-6)[:, None]
    if n[len(n) // 2, 0] < 0:
        n = -n
    ribs = [(path + n * (width * 0.5 * np.sin(a)), max(0.8, width * 0.045)) for a in np.linspace(-1.2, 1.2, 7)]
    c.paint(draw([], ribs, scale=2), dark, 0.75)
    glint = [
        (path + n * (width * 0.5 * np.sin(a + 0.17 * sun)), max(0.8, width * 0.05)) for a in np.linspace(-1.2, 1.2, 7)
    ]
    c.paint(draw([], glint, scale=2).within(mask), mix(rgb(tone), rgb(lit), 0.42), 0.5)
    c.light(mask.rim(-sun * width * 0.16, width * 0.05, width * 0.09), lit, 0.85)
    c.paint(mask.rim(sun * width * 0.24, 0, width * 0.16), dark, 0.65)
    step = max(2, int(len(path) / max(4, (np.hypot(*(path[-1] - path[0])) / max(width * 0.22, 2)))))
    thorns = []
    for a in np.linspace(-1.2, 1.2, 7):
        for p, q in zip((path + n * (width * 0.5 * np.sin(a)))[::step], n[::step], strict=True):
            for turn in (-0.5, 0.0, 0.5):
                direction = q * np.sign(a if abs(a) > 0.1 else 0.3) + [0, turn]
                thorns.append(([tuple(p), tuple(p + direction * width * 0.10)], max(0.7, width * 0.018)))
    c.paint(draw([], thorns, scale=2), "#ffe9c4", 0.7)


def flower(c: Canvas, x: float, y: float, r: float, color: str, *seed: object) -> None:
    """Open one cactus flower with a lit heart."""
    turn = float(rng("flower", *seed, round(x)).random())
    c.glow(x, y, r * 4, color, 0.28)
    for ring, (count, size) in enumerate(((9, 1.0), (7, 0.66))):
        petals = [
            place(
                curve([(0, 0), (r * 0.42, -r * 0.5), (0, -r * 1.15), (-r * 0.42, -r * 0.5)], closed=True, steps=6),
                x,
                y,
                size,
                turn + k * 6.2832 / count,
            )
            for k in range(count)
        ]
        c.paint(draw(petals), mix(rgb(color), np.ones(3, np.float32), 0.3 * ring))
    c.paint(draw([circle(x, y, r * 0.26)]), "#ffe28a")


def barrel(
    c: Canvas,
    x: float,
    y: float,
    r: float,
    *seed: object,
    tone: str = "#3c7f5c",
    dark: str = "#17403f",
    lit: str = "#ffd08a",
    bloom: str = "#ff7a4a",
) -> None:
    """Paint a barrel cactus, its foot at (x, y)."""
    cy = y - r * 0.86
    ball = draw([circle(x, cy, r, r * 0.92, points=90)])
    c.paint(draw([circle(x, y, r * 1.2, r * 0.16)]).softened(r * 0.08), "#2a1430", 0.5)
    c.paint(ball, tone, to=dark)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 30)
    ribs, glint, thorns = [], [], []
    for a in np.linspace(-1.35, 1.35, 11):
        line = np.stack([x + r * np.sin(a) * np.cos(angle), cy + r * 0.92 * np.sin(angle)], axis=1)
        ribs.append((line, r * 0.035))
        glint.append((line + np.array([r * 0.05, 0]), r * 0.05))
        for p in line[3:-3:3]:
            thorns += [
                ([tuple(p), (p[0] + np.cos(t) * r * 0.12, p[1] + np.sin(t) * r * 0.12)], max(0.8, r * 0.014))
                for t in (-2.6 + a, -1.57 + a * 0.6, -0.5 + a, 0.6 + a)
            ]
    c.paint(draw([], glint, scale=2).within(ball), mix(rgb(tone), rgb(lit), 0.45), 0.55)
    c.paint(draw([], ribs, scale=2).within(ball), dark, 0.85)
    c.light(ball.rim(-r * 0.14, r * 0.12, r * 0.1), lit, 0.7)
    c.paint(ball.rim(r * 0.3, -r * 0.2, r * 0.2), dark, 0.6)
    c.paint(draw([], thorns, scale=2), "#fff0cc", 0.85)
    for k in range(7):
        a = k * 6.2832 / 7
        flower(c, x + np.cos(a) * r * 0.34, cy - r * 0.86 + np.sin(a) * r * 0.09, r * 0.16, bloom, *seed, k)


def ground(c: Canvas, top: float, color: str, lit: str, *seed: object, height: float = 50) -> np.ndarray:
    """Lay wind-ribbed sand below a dune line near row `top`; gives the dune line."""
    profile = skyline(c.width, top, height, 700, *seed, sharp=0.8).astype(np.float32)
    y0 = max(0, int(profile.min()) - 1)
    depth = np.arange(y0, c.height, dtype=np.float32)[:, None] - profile[None, :]
    bend = noise(c.height - y0, c.width, 160, *seed, "dune", octaves=3, stretch=2.6)
    ribs = 0.5 + 0.5 * np.sin(np.sqrt(np.clip(depth, 0, None) + 6) * 6.5 + bend * 26)
    tone = np.clip(
        0.20
        + 0.55 * bend
        + 0.28 * ribs * smooth(0, 90, depth)
        - depth / (c.height - top + 1) * 0.45
        + 0.55 * np.exp(-np.clip(depth, 0, None) / 26),
        0,
        1,
    )
    body = mix(rgb(color), rgb(lit), tone[..., None])
    c.px[y0:] += (body - c.px[y0:]) * np.clip(depth + 0.5, 0, 1)[..., None]
    return profile


def mesa(
    c: Canvas,
    base: float,
    height: float,
    cell: float,
    color: str,
    haze: str,
    lit: str,
    *seed: object,
    fade: float = 200,
) -> None:
    """Paint table mountains: flat tops, sheer sides, layered rock."""
    n = skyline(c.width, 0, 1, cell, *seed, sharp=1.0) * -1
    steps = (0.30 * smooth(0.30, 0.36, n) + 0.42 * smooth(0.42, 0.47, n) + 0.28 * smooth(0.56, 0.60, n)).astype(
        np.float32
    )
    profile = (base - height * (steps + 0.05 * n)).astype(np.float32)
    land.ridge(c, profile, color, haze, *seed, fade=fade, relief=0.45, sun=1, lit=lit, cell=60)
    top = max(0, int(profile.min()))
    y = np.arange(top, int(base), dtype=np.float32)[:, None]
    strata = 0.5 + 0.5 * np.sin(y * 0.42 + 2 * np.sin(y * 0.11))
    c.paint(
        Mask(
            (smooth(0, 6, y - profile[None, :]) * strata * smooth(base, base - height * 0.5, y)).astype(np.float32),
            0,
            top,
        ),
        color,
        0.35,
    )
