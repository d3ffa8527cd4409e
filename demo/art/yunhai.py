"""Sea of Clouds: dawn over a country whose valleys are filled with cloud."""

from __future__ import annotations

import numpy as np
from PIL import Image

from demo.art import beasts, figures, land
from demo.art.kit import Canvas, draw, mix, noise, rgb, rng, smooth, whole
from demo.art.shapes import branch, curve, skyline, stroke

DAWN = ((0.0, "#24507c"), (0.26, "#6f96b4"), (0.44, "#dcb9a6"), (0.62, "#f6cf9f"), (0.75, "#fbe3bd"), (1.0, "#f3d9c4"))


def pine(
    canvas: Canvas,
    x: float,
    y: float,
    length: float,
    angle: float,
    *seed: object,
    bark: str = "#2b2224",
    leaf: str = "#23403f",
    lit: str = "#5f8a72",
) -> None:
    """Paint a wind-bent cliff pine that grows from (x, y)."""
    wood, tips = branch(x, y, length, angle, length * 0.13, *seed, depth=5, spread=0.66, bend=0.36)
    canvas.paint(draw(wood, scale=2), bark)
    keep = rng("pine", *seed).random(len(tips)) < 0.42
    tips = [tip for tip, kept in zip(tips, keep, strict=True) if kept and tip[1] < y - length * 0.3]
    for layer, (tone, size) in enumerate([(leaf, 0.25), (_hex(mix(rgb(leaf), rgb(lit), 0.45)), 0.19), (lit, 0.12)]):
        some = draw(
            [p - [length * 0.02 * layer, length * 0.035 * layer] for p in land.pads(tips, length * size, *seed, layer)],
            scale=2,
        )  # type: ignore[operator]
        canvas.paint(some.textured(*seed, layer, cell=9, low=0.18, high=0.52) if layer else some, tone, 0.9)
        if layer == 0:
            canvas.light(some.rim(3, 5, 2), "#ffdca8", 0.22)


def cliff(
    canvas: Canvas, points: list[tuple[float, float]], *seed: object, color: str = "#2a2a36", lit: str = "#a4705c"
) -> None:
    """Paint a foreground rock with lit facets."""
    edge = curve(points, closed=True, steps=16)
    random = rng("cliff", *seed)
    edge = edge + random.normal(0, 1.6, edge.shape)
    rock = draw([edge], scale=2)
    canvas.paint(rock, color)
    pattern = noise(*rock.a.shape, 130, *seed, octaves=5, gain=0.5, stretch=0.6)
    slope = np.gradient(pattern, axis=1) * 110 + np.gradient(pattern, axis=0) * 60
    canvas.paint(rock.times(smooth(0.15, 1.3, slope)), lit, 0.62)
    canvas.paint(rock.times(smooth(-0.15, -1.2, slope)), "#14141d", 0.6)
    canvas.light(rock.rim(3, 6, 2.5), "#ffcf9a", 0.45)


def sea(
    canvas: Canvas,
    top: float,
    bottom: float,
    *seed: object,
    count: int = 6,
    far: tuple[str, str] = ("#e7bfa9", "#fff0d6"),
    near: tuple[str, str] = ("#8c93b5", "#fff3e2"),
) -> None:
    """Paint a sea of clouds in perspective, far banks first."""
    for i in range(count):
        t = i / max(1, count - 1)
        shade = mix(rgb(far[0]), rgb(near[0]), t)
        lit = mix(rgb(far[1]), rgb(near[1]), t)
        size = 16 + (t**1.5) * (bottom - top) * 0.30
        y = top + (bottom - top) * t**1.3
        if size < 48:
            land.billow(canvas, y, size, _hex(shade), _hex(lit), *seed, i)
        else:
            land.cloud_bank(canvas, y, size, _hex(shade), _hex(lit), *seed, i, lift=0.7)


def _hex(color: np.ndarray) -> str:
    return "#" + "".join(f"{round(float(c) * 255):02x}" for c in color)


def cover() -> Image.Image:
    """The wanderer on a cliff at dawn, a whale rising out of the clouds (1600 x 900)."""
    c = Canvas(1600, 900, *DAWN)
    c.glow(1010, 470, 900, "#ffd59a", 0.55, 2.0)
    c.paint(draw([[(1010 + 92 * np.cos(a), 452 + 92 * np.sin(a)) for a in np.linspace(0, 6.283, 90)]]), "#fff3d2", 0.96)
    c.glow(1010, 452, 260, "#fff0c8", 0.6, 1.7)
    streaks = noise(900, 1600, 60, "yunhai", "cirrus", octaves=5, stretch=7.0)
    fade = smooth(470, 60, np.arange(900, dtype=np.float32))[:, None]
    c.paint(whole(smooth(0.46, 0.86, streaks) * fade), "#ffdcc0", 0.42)
    for i, (base, rise, color, haze) in enumerate(
        [(560, 150, "#a9a3ba", "#f3cfb0"), (600, 230, "#7d86a8", "#efc7ae"), (650, 330, "#546a91", "#e3b9ab")]
    ):
        land.ridge(
            c,
            skyline(1600, base, rise, 330 - 40 * i, "yunhai", "ridge", i, sharp=1.6),
            color,
            haze,
            "yunhai",
            i,
            fade=150 + 40 * i,
            relief=0.36,
            sun=1,
            lit="#f7c9a4",
        )
        land.billow(c, base - 26 + 14 * i, 26 + 8 * i, "#dfb9aa", "#fff0da", "yunhai", "gap", i)
    land.cloud_bank(
        c, 372, 30, "#c9b3b8", "#fff0da", "yunhai", "wake", x0=420, x1=640, density=1.3, fill=False, opacity=0.85
    )
    beasts.whale(c, 716, 300, 0.74, "#41587f", "#d8c3c4", "#ffe0b4", turn=-0.22, flip=True)
    land.cloud_bank(
        c, 398, 34, "#d8bdbb", "#fff4e0", "yunhai", "veil", x0=560, x1=800, density=1.2, fill=False, opacity=0.9
    )
    sea(c, 625, 905, "yunhai", "sea", count=7)
    cliff(
        c,
        [
            (-40, 960),
            (-40, 610),
            (60, 640),
            (150, 668),
            (262, 690),
            (330, 716),
            (392, 728),
            (380, 770),
            (342, 800),
            (322, 860),
            (350, 960),
        ],
        "yunhai",
        "cover",
    )
    pine(c, 60, 690, 150, -1.05, "yunhai", "pine-c")
    figures.wanderer(c, 300, 690, 0.74)
    for x, y, s in ((1180, 250, 0.34), (1250, 214, 0.26), (1306, 246, 0.22)):
        c.paint(draw(beasts.crane(x, y, s, 0.4, flip=True)), "#fff8ea", 0.95)
    c.vignette(0.22)
    c.grain(0.006, "yunhai")
    return c.image()


def wanderer() -> Image.Image:
    """The wanderer before the morning, close (1024 x 1024)."""
    c = Canvas(1024, 1024, (0, "#7fa3b8"), (0.4, "#e9cdb2"), (0.62, "#fbe0b4"), (1, "#e6c3b4"))
    c.glow(560, 470, 720, "#ffd08a", 0.6, 1.9)
    c.paint(
        draw([[(560 + 250 * np.cos(a), 430 + 250 * np.sin(a)) for a in np.linspace(0, 6.283, 140)]]), "#fff1cf", 0.9
    )
    land.ridge(
        c,
        skyline(1024, 700, 190, 300, "wanderer", 1, sharp=1.6),
        "#b3a3b3",
        "#f6d3b4",
        "wanderer",
        1,
        fade=150,
        relief=0.3,
        lit="#f7cfae",
    )
    land.billow(c, 690, 40, "#e4bba9", "#fff1dc", "wanderer", "far")
    land.ridge(
        c,
        skyline(1024, 800, 260, 340, "wanderer", 4, sharp=1.8),
        "#6f7f9f",
        "#eec9b4",
        "wanderer",
        2,
        fade=190,
        relief=0.35,
        lit="#f2c6a8",
    )
    sea(c, 770, 1010, "wanderer", "sea", count=4)
    cliff(
        c,
        [
            (-60, 1100),
            (-60, 930),
            (80, 900),
            (230, 868),
            (380, 838),
            (560, 826),
            (690, 852),
            (760, 900),
            (742, 960),
            (800, 1100),
        ],
        "wanderer",
    )
    figures.wanderer(c, 470, 818, 2.55)
    for x, y, s in ((170, 250, 0.5), (262, 200, 0.38)):
        c.paint(draw(beasts.crane(x, y, s, 0.2)), "#fffaf0", 0.95)
    c.vignette(0.2)
    return c.image()


def whale() -> Image.Image:
    """The cloud whale in the last light, a calf under it (1200 x 900)."""
    c = Canvas(1200, 900, (0, "#1f3e66"), (0.35, "#5f7fa3"), (0.6, "#d7a99c"), (0.78, "#f3cf9f"), (1, "#c9a6a6"))
    land.stars(c, 120, 260, "whale")
    c.glow(980, 560, 620, "#ffc98a", 0.6, 2.0)
    sea(c, 600, 760, "whale", "far", count=3, far=("#c79a9d", "#ffdcb4"), near=("#9a8aa6", "#ffe3c4"))
    land.cloud_bank(
        c, 520, 46, "#b79aa4", "#ffe2bd", "whale", "wake", x0=620, x1=1180, density=1.3, fill=False, opacity=0.9
    )
    beasts.whale(c, 560, 360, 1.22, "#31507b", "#cdbcc6", "#ffd7a2", turn=0.10)
    beasts.whale(c, 790, 616, 0.40, "#4b688f", "#d9c8cc", "#ffe0b4", turn=0.02)
    land.cloud_bank(
        c, 500, 54, "#b59da9", "#ffe8c8", "whale", "veil", x0=420, x1=800, density=1.1, fill=False, opacity=0.92
    )
    sea(c, 740, 915, "whale", "near", count=4, far=("#a58fa8", "#ffe3c4"), near=("#6d75a0", "#ffeedb"))
    for x, y, s in ((170, 170, 0.34), (236, 140, 0.26), (128, 214, 0.24)):
        c.paint(draw(beasts.crane(x, y, s, 0.5, flip=True)), "#fff3e2", 0.9)
    c.vignette(0.25)
    c.grain(0.006, "whale")
    return c.image()


def plant() -> Image.Image:
    """A lantern pine whose cones glow at dusk (1024 x 1024)."""
    c = Canvas(1024, 1024, (0, "#16304f"), (0.4, "#456a86"), (0.7, "#c7a89a"), (0.86, "#eac69f"), (1, "#caa8a0"))
    land.stars(c, 140, 420, "plant")
    land.moon(c, 742, 236, 92, "#fff4d8", "#c9b79a", "plant", strength=0.45)
    land.ridge(
        c,
        skyline(1024, 800, 170, 300, "plant", 1, sharp=1.6),
        "#75849f",
        "#d9b8a6",
        "plant",
        fade=160,
        relief=0.3,
        lit="#d9b4a4",
    )
    sea(c, 790, 1010, "plant", "sea", count=5, far=("#bb9da2", "#ffe6c6"), near=("#7f88ab", "#fff0dc"))
    cliff(c, [(-60, 1100), (-60, 760), (70, 770), (190, 800), (300, 826), (360, 880), (330, 960), (370, 1100)], "plant")
    wood, tips = branch(200, 832, 215, -0.98, 36, "plant", 12, depth=5, spread=0.58, bend=0.34, shrink=0.78)
    c.paint(draw(wood, scale=2), "#241c22")
    keep = rng("plant", "keep").random(len(tips)) < 0.55
    tips = [tip for tip, kept in zip(tips, keep, strict=True) if kept and tip[1] < 640]
    for layer, (tone, size) in enumerate([("#1d3a3c", 58), ("#2f5a55", 44), ("#6d9c80", 27)]):
        some = draw([p - [4.0 * layer, 8.0 * layer] for p in land.pads(tips, size, "plant", layer)], scale=2)  # type: ignore[operator]
        c.paint(some.textured("plant", layer, cell=11, low=0.2, high=0.52) if layer else some, tone, 0.95)
    random = rng("plant", "cones")
    for index in random.permutation(len(tips))[:26]:
        x, y, _ = tips[int(index)]
        x, y, r = x + random.normal(0, 14), y + 14 + random.random() * 18, random.uniform(5, 9)
        c.glow(x, y, r * 9, "#ff9a4a", 0.62)
        c.paint(draw([curve([(x, y - r * 1.5), (x + r, y), (x, y + r * 1.4), (x - r, y)], closed=True)]), "#ffb35c")
        c.light(
            draw(
                [curve([(x, y - r * 0.7), (x + r * 0.5, y), (x, y + r * 0.8), (x - r * 0.5, y)], closed=True)]
            ).softened(1.5),
            "#fff1c4",
            0.95,
        )
    c.vignette(0.25)
    return c.image()


def peaks() -> Image.Image:
    """Stone towers standing in cloud, each with its crown of trees (1200 x 1200)."""
    c = Canvas(1200, 1200, (0, "#9db9c4"), (0.35, "#dfdfd2"), (0.55, "#f5e3c6"), (1, "#dfc9bf"))
    c.glow(880, 240, 700, "#fff0c8", 0.7, 2.0)
    sets = [
        ("#b9c0c0", "#eadfce", [(180, 470, 46), (420, 400, 58), (690, 520, 40), (1010, 440, 60)], 700, "#ece0cd"),
        ("#8fa3a8", "#e2d6c8", [(70, 520, 60), (300, 430, 64), (860, 400, 78), (1140, 560, 60)], 900, "#f0dcc0"),
        ("#5a7580", "#d8cabf", [(560, 330, 104), (1050, 640, 84), (160, 690, 84)], 1130, "#f2d4ac"),
    ]
    for layer, (color, haze, towers, foot, lit) in enumerate(sets):
        for index, (x, top, half) in enumerate(towers):
            profile = land.pillar(1200, x, top, half, foot + 200, "peaks", layer, index)
            land.ridge(
                c, profile, color, haze, "peaks", layer, index, fade=foot - top, relief=0.42, sun=1, lit=lit, cell=70
            )
            _crown(
                c,
                profile,
                x,
                half,
                "peaks",
                layer,
                index,
                tone=_hex(mix(rgb("#2e4b46"), rgb(haze), 0.62 - 0.27 * layer)),
                fade=0.95,
            )
        y = (640, 840, 1010)[layer]
        land.billow(c, y - 30, 46 + 14 * layer, "#d9cfca", "#fffaf0", "peaks", "far", layer)
    sea(c, 940, 1215, "peaks", "sea", count=4, far=("#d3c6c2", "#fffaf0"), near=("#a4adc0", "#fffaf2"))
    for x, y, s in ((330, 210, 0.5), (410, 170, 0.4), (470, 226, 0.34), (250, 250, 0.3)):
        c.paint(draw(beasts.crane(x, y, s, 0.3)), "#ffffff", 0.95)
    c.vignette(0.16)
    c.grain(0.006, "peaks")
    return c.image()


def _crown(c: Canvas, profile: np.ndarray, x: float, half: float, *seed: object, tone: str, fade: float) -> None:
    """Grow small trees on a tower's shoulders."""
    random = rng("crown", *seed)
    shapes = []
    for _ in range(int(half * 0.9)):
        px = random.normal(x, half * 0.36)
        if abs(px - x) > half * 0.85 or not 0 <= px < 1200:
            continue
        py = float(profile[int(px)]) + random.random() ** 2 * half * 0.9
        r = half * random.uniform(0.06, 0.13)
        shapes.append(
            stroke([(px, py + r), (px + random.normal(0, r * 0.3), py - r * 2.4)], [r * 0.4, r * 0.2], smooth=False)
        )
        for k in range(3):
            angle = np.linspace(0, 6.283, 16, endpoint=False)
            edge = 1 + 0.22 * random.standard_normal(16)
            shapes.append(
                np.stack(
                    [
                        px + np.cos(angle) * r * (1.5 - 0.35 * k) * edge,
                        py - r * (0.9 + 0.8 * k) + np.sin(angle) * r * 0.6 * edge,
                    ],
                    axis=1,
                )
            )
    if shapes:
        mask = draw(shapes, scale=2)
        c.paint(mask, tone, fade)
        c.light(mask.rim(2, 3, 1.5), "#fff0cc", 0.3)
