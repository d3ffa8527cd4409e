"""Night markets: stalls, lantern strings, a pier over clouds; shared by Sea of Clouds and what is derived from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from demo.art import beasts, figures, land
from demo.art.kit import Canvas, Points, draw, noise, rng, smooth
from demo.art.shapes import circle, curve, place, skyline

ROOF = [(-136, -140), (-96, -156), (-60, -188), (0, -200), (60, -188), (96, -156), (136, -140)]
ROOF += [(120, -136), (60, -142), (0, -144), (-60, -142), (-120, -136)]
JAR = [(-6, 0), (-6, -0.7), (-2, -1), (2, -1), (6, -0.7), (6, 0)]
BOWL = [(-8, -58), (-6, -65), (0, -69), (6, -65), (8, -58)]


def stall(c: Canvas, x: float, y: float, size: float, roof: str, *seed: object, flip: bool = False) -> None:
    """Paint a lit market stall with a curved roof, its counter's foot at (x, y), about 200 units of `size` wide."""

    def at(points: Points) -> np.ndarray:
        return place(points, x, y, size, flip=flip)

    c.glow(x, y - 90 * size, 260 * size, "#ffb45e", 0.55, 2.0)
    c.paint(draw([at([(-90, 0), (-90, -150), (90, -150), (90, 0)])]), "#ffd58a", to="#b4602c")
    _wares(c, at, size, *seed)
    c.paint(draw([at([(-100, 0), (-100, -50), (100, -50), (100, 0)])]), "#6b3320", to="#33161a")
    c.paint(draw([at([(-106, -48), (-106, -57), (106, -57), (106, -48)])]), "#d88b48")
    bowls = [at(curve([(px + dx, dy) for dx, dy in BOWL], closed=True)) for px in (-80, -60, 34, 54, 76)]
    c.paint(draw(bowls), "#ffe6b8")
    c.paint(draw([at([(px, 0), (px, -156), (px + 6, -156), (px + 6, 0)]) for px in (-100, 94)]), "#2a1416")
    top = draw([at(curve(ROOF, closed=True))])
    c.paint(top, roof, to="#1d1424")
    c.light(top.rim(0, -4 * size, 2 * size), "#ffb868", 0.7)
    tiles = draw([], [(at([(k * 17, -198 + abs(k) ** 1.9 * 0.9), (k * 23, -143)]), 1.6 * size) for k in range(-5, 6)])
    c.paint(tiles, "#120c18", 0.4)
    for px in (-112, 112) if size > 0.35 else ():
        spot = at([(px, -128)])[0]
        figures.lantern(c, float(spot[0]), float(spot[1]), size * 0.62, "#ef4a2c", "#ffe6a8", 0.8)


def _wares(c: Canvas, at: Callable[[Points], np.ndarray], size: float, *seed: object) -> None:
    """Fill a stall with a shelf of jars and its keeper."""
    random = rng("stall", *seed)
    shelf = [at([(-84, -98), (84, -98), (84, -93), (-84, -93)])]
    for k in range(9):
        px, tall = -76 + k * 19 + random.normal(0, 2), random.uniform(14, 30)
        shelf.append(at([(px + dx, -98 + dy * tall) for dx, dy in JAR]))
    c.paint(draw(shelf), "#7a3c1e", 0.85)
    kx = random.uniform(-30, 30)
    head = at([(kx, -96)])[0]
    shoulders = curve([(kx - 22, 0), (kx - 20, -74), (kx, -84), (kx + 20, -74), (kx + 22, 0)])
    c.paint(draw([circle(head[0], head[1], 11 * size, 13 * size), at(shoulders)]), "#3a1c1c")


def string(
    c: Canvas,
    a: tuple[float, float],
    b: tuple[float, float],
    sag: float,
    count: int,
    size: float,
    color: str = "#f0562f",
) -> None:
    """Hang a string of lanterns from `a` to `b`."""
    t = np.linspace(0, 1, 30)
    line = np.stack([a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t + sag * 4 * t * (1 - t)], axis=1)
    c.paint(draw([], [(line, 1.4)]), "#1a1218", 0.85)
    for k in range(1, count + 1):
        u = k / (count + 1)
        x, y = a[0] + (b[0] - a[0]) * u, a[1] + (b[1] - a[1]) * u + sag * 4 * u * (1 - u)
        figures.lantern(c, x, y + 12 * size, size, color, "#ffe9b0", 0.7)


def deck(c: Canvas, vx: float, vy: float, half: float, *seed: object) -> None:
    """Lay the planks of a pier from the bottom edge to near the vanishing point (vx, vy)."""
    low, far = c.height + 10, vy + (c.height - vy) * 0.085
    k = (far - vy) / (low - vy)
    mask = draw([[(vx - half, low), (vx - half * k, far), (vx + half * k, far), (vx + half, low)]], scale=2)
    c.paint(mask, "#8a5236", to="#3a2230")
    y = np.arange(mask.a.shape[0], dtype=np.float32)[:, None] + mask.y
    depth = (low - vy) / np.maximum(y - vy, 4)
    plank = np.abs((depth * 9.0) % 1.0 - 0.5) * 2
    c.paint(mask.times(smooth(0.88, 0.97, plank) * smooth(14, 3, depth)), "#1c1018", 0.75)
    wood = noise(*mask.a.shape, 10, *seed, "wood", octaves=3, stretch=14)
    c.paint(mask.times(smooth(0.42, 0.8, wood)), "#c07a48", 0.4)
    c.light(
        mask.times(
            np.exp(-(((np.arange(mask.a.shape[1], dtype=np.float32)[None, :] + mask.x - vx) / (0.5 * half)) ** 2))
        ),
        "#ff9c4a",
        0.22,
    )
    edges = [([(vx + s * half * k, far), (vx + s * half, low)], 5.0) for s in (-1, 1)]
    c.paint(draw([], edges, scale=2), "#241420")


def pier_night(c: Canvas, *seed: object, people: int = 7, half: float = 560.0) -> None:
    """Paint the market pier over a canvas that has its sky and clouds already."""
    vx, vy = c.width * 0.5, c.height * 0.56
    deck(c, vx, vy, half, *seed)
    drop = c.height - vy
    depths = [0.10, 0.15, 0.22, 0.33, 0.50, 0.76]
    roofs = ["#4a2f5c", "#2e4a6b", "#6b2c3a", "#2f5a58", "#57305f", "#33456e"]
    random = rng("pier", *seed)
    for index, d in enumerate(depths):
        y = vy + drop * d
        size = 1.34 * d * c.height / 900
        for side in (-1, 1):
            x = vx + side * half * d * (1.02 + 0.02 * index)
            for post in (-80, 80):
                c.paint(
                    draw([], [([(x + post * size, y), (x + post * size, y + 130 * size)], max(1.2, 9 * size))]),
                    "#1e1220",
                )
            stall(c, x, y, size, roofs[(index + (side > 0) * 3) % 6], *seed, index, side, flip=side > 0)
        if index in (1, 2, 3, 4):
            string(
                c,
                (vx - half * d * 0.9, y - 196 * size),
                (vx + half * d * 0.9, y - 196 * size),
                46 * size,
                5,
                size * 0.62,
            )
    for _ in range(people):
        d = float(np.clip(random.normal(0.28, 0.12), 0.13, 0.62))
        x = vx + random.uniform(-0.45, 0.45) * half * d
        passer(c, x, vy + drop * d * 1.04, d * 0.92 * c.height / 900, *seed, round(x))


def passer(c: Canvas, x: float, y: float, size: float, *seed: object) -> None:
    """Paint a market guest in a long robe, feet at (x, y), rim-lit from the stalls."""
    random = rng("passer", *seed)
    robe = ["#3b2a4c", "#2a3a55", "#4a2630", "#2c4444"][int(random.integers(4))]
    lean = random.uniform(-5, 5)

    def at(points: Points) -> np.ndarray:
        return place(points, x, y, size)

    shadow = draw([circle(x, y, 42 * size, 7 * size)])
    c.paint(shadow.softened(4 * size), "#140a12", 0.6)
    body = draw(
        [
            at(
                curve(
                    [
                        (-12 + lean, -140),
                        (12 + lean, -140),
                        (25 + lean, -122),
                        (24, -70),
                        (32, 0),
                        (-30, 0),
                        (-24, -70),
                        (-24 + lean, -122),
                    ],
                    closed=True,
                )
            ),
            circle(*at([(lean * 1.3, -158)])[0], 12.5 * size, 14.5 * size),
            circle(*at([(lean * 1.3, -173)])[0], 6 * size),
        ]
    )
    c.paint(body, robe, to="#160f1a")
    for s in (-1, 1):
        c.light(body.rim(3 * s * size, 2 * size, 2 * size), "#ffae62", 0.8)


def pier() -> Image.Image:
    """The night market on the pier above the clouds (1200 x 900)."""
    c = Canvas(1200, 900, (0, "#0e1a38"), (0.35, "#243a66"), (0.55, "#5b5a86"), (0.7, "#8a6f8a"), (1, "#4a4468"))
    land.stars(c, 220, 420, "pier")
    land.moon(c, 600, 250, 104, "#fff0cf", "#c7ad8c", "pier", strength=0.55)
    land.ridge(
        c,
        skyline(1200, 540, 150, 300, "pier", 1, sharp=1.7),
        "#47557f",
        "#7c7396",
        "pier",
        fade=150,
        relief=0.28,
        lit="#8f88a8",
    )
    for i, (y, size) in enumerate(((520, 26), (560, 38), (620, 56), (700, 80))):
        land.billow(
            c,
            y,
            size,
            ("#6a6088", "#5d5882", "#4f5080", "#454a7a")[i],
            ("#c3a7b4", "#b9a6bd", "#b2a8c8", "#a9a9d0")[i],
            "pier",
            i,
        )
    beasts.whale(c, 930, 300, 0.20, "#54628f", "#8d8aa8", "#d8cfe0", turn=0.1)
    land.cloud_bank(c, 800, 92, "#3c4274", "#9aa2d0", "pier", "near", lift=0.5)
    pier_night(c, "pier")
    c.vignette(0.3)
    c.grain(0.006, "pier")
    return c.image()
