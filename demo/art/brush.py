"""Brush Prompts: what single strokes can say; an enso, a sampler of strokes, a lone pine."""

from __future__ import annotations

import numpy as np
from PIL import Image

from demo.art.ink import INK, brush, paper, seal, wash
from demo.art.kit import Canvas, draw, noise, rng, smooth, whole
from demo.art.shapes import circle, curve, stroke


def _enso(c: Canvas, x: float, y: float, r: float, width: float, *seed: object, color: str = INK) -> None:
    """Draw a circle in one breath."""
    angle = np.linspace(-2.2, 3.72, 26)
    radius = r * (1 + 0.025 * np.sin(angle * 1.7 + 1))
    points = np.stack([x + np.cos(angle) * radius, y + np.sin(angle) * radius * 0.97], axis=1)
    brush(c, points, width, *seed, "wet", density=0.55, dry=0.25, color=color, hairs=60, taper=0.35)
    brush(c, points, width * 0.94, *seed, "dry", density=1.5, dry=0.78, color=color, hairs=90, taper=0.45)


def splash(c: Canvas, x: float, y: float, r: float, count: int, *seed: object, color: str = INK) -> None:
    """Throw drops of ink around a point."""
    random = rng("splash", *seed)
    drops = []
    for _ in range(count):
        a, d = random.random() * 6.28, abs(random.normal(0, r))
        size = min(14.0, 1.0 + random.pareto(1.5) * 1.4)
        drops.append(
            circle(x + np.cos(a) * d, y + np.sin(a) * d, size, size * random.uniform(0.6, 1), points=18, turn=a)
        )
    wash(c, draw(drops), 1.3, *seed, "drops", color=color, cell=20, pool=0.2, wet=0.6)


def cover() -> Image.Image:
    """An enso with a red sun in it (1600 x 900)."""
    c = paper(1600, 900, "brush-cover")
    gold = noise(900, 1600, 34, "brush-cover", "gold", octaves=4)
    fleck = smooth(0.70, 0.74, gold)
    c.paint(
        whole(fleck * smooth(0.45, 0.65, noise(900, 1600, 300, "brush-cover", "where", octaves=2))), "#d9b25f", 0.85
    )
    _enso(c, 800, 450, 300, 92, "brush-cover")
    c.paint(draw([circle(868, 400, 62, points=80)]).textured("dot", cell=40, low=-0.3, high=0.4), "#c23a2a", 0.92)
    brush(
        c, [(600, 560), (720, 520), (800, 546), (900, 500), (1010, 560)], 46, "hill", density=0.55, dry=0.35, hairs=50
    )
    brush(c, [(640, 600), (780, 580), (960, 604)], 16, "water", density=0.4, dry=0.75, hairs=22)
    splash(c, 500, 260, 60, 26, "cover-a")
    splash(c, 1110, 690, 50, 18, "cover-b")
    seal(c, 1180, 726, 56)
    return c.image()


def sampler() -> Image.Image:
    """Twelve strokes, from wet to dry (1080 x 1080)."""
    c = paper(1080, 1080, "sampler")
    for k in range(12):
        x, y = 90 + (k % 3) * 320, 110 + (k // 3) * 250
        dry, density, width = 0.12 + 0.075 * k, 1.5 - 0.07 * k, (24, 52, 84)[k % 3]
        shapes = (
            [(0, 60), (120, 30), (250, 70)],
            [(10, 120), (80, 0), (160, 110), (250, 10)],
            [(20, 10), (130, 100), (240, 20)],
            [(0, 90), (130, 84), (250, 30)],
        )
        points = [(x + px, y + py) for px, py in shapes[k // 3]]
        brush(
            c,
            points,
            width,
            "sampler",
            k,
            density=density,
            dry=dry,
            hairs=int(width),
            taper=(0.1, 0.5, 0.9)[(k + k // 3) % 3],
            color=(INK, INK, "#8f2b25", "#2f4f63")[(k * 7) % 4],
        )
        if k % 4 == 1:
            splash(c, x + 220, y + 40, 26, 10, "sampler", k)
    seal(c, 956, 960, 50)
    return c.image()


def pine() -> Image.Image:
    """A lone pine on a rock (1024 x 1280, gray)."""
    c = paper(960, 1200, "lone-pine")
    trunk = [(250, 1120), (300, 960), (250, 800), (360, 640), (470, 560), (430, 420), (520, 330)]
    brush(c, trunk, 74, "trunk", density=1.0, dry=0.7, hairs=60, taper=0.72)
    brush(c, [(x + 8, y) for x, y in trunk], 40, "trunk2", density=0.9, dry=0.9, hairs=26, taper=0.7)
    limbs = [
        [(360, 640), (520, 660), (660, 600), (780, 640)],
        [(260, 820), (170, 720), (110, 730)],
        [(460, 560), (600, 480), (720, 470)],
        [(430, 420), (320, 360), (230, 380)],
        [(520, 330), (620, 270), (690, 280)],
        [(520, 330), (480, 230), (400, 200)],
    ]
    random = rng("lone-pine")
    for k, limb in enumerate(limbs):
        brush(c, limb, 22, "limb", k, density=1.2, dry=0.6, hairs=18, taper=0.7)
        path = curve(limb, steps=10)
        for x, y in path[8::5]:
            needles = []
            for a in np.linspace(-3.3, 0.2, 26):
                r = random.uniform(38, 62)
                needles.append(
                    stroke(
                        [
                            (x, y),
                            (x + np.cos(a) * r * 0.6, y - 8 + np.sin(a) * r * 0.5),
                            (x + np.cos(a) * r, y - 8 + np.sin(a) * r * 0.8),
                        ],
                        [2.2, 1.5, 0.4],
                        steps=3,
                    )
                )
            wash(
                c,
                draw(needles, scale=2),
                random.uniform(0.7, 1.3),
                "needles",
                k,
                round(float(x)),
                cell=50,
                pool=0.1,
                wet=0.5,
            )
            wash(c, draw([circle(x, y - 20, 50, 26)]).softened(10), 0.16, "haze", k, round(float(x)), pool=0.0, wet=6)
    brush(c, [(60, 1180), (220, 1110), (380, 1130), (540, 1190)], 60, "rock", density=0.9, dry=0.7, hairs=50)
    brush(c, [(40, 1200), (300, 1160), (600, 1215)], 90, "rock2", density=0.5, dry=0.5, hairs=60)
    seal(c, 800, 1050, 58)
    return c.image()
