"""Moon Rabbits: the small people of the autumn moon, and what keeps them company."""

from __future__ import annotations

import numpy as np
from PIL import Image

from demo.art import beasts, figures, land
from demo.art.kit import Canvas, Points, draw, mix, noise, rgb, rng, smooth, whole
from demo.art.shapes import branch, circle, curve, place, stroke

NIGHT = ((0.0, "#17204f"), (0.45, "#3f4a8c"), (0.75, "#8b7db4"), (1.0, "#d8a9b8"))
FURS = {
    "white": beasts.Fur("#fbf6f2", "#c9bcd6", "#f4a9b4"),
    "jade": beasts.Fur("#dcefe2", "#9dbfb8", "#f2b6a8"),
    "ink": beasts.Fur("#5c5878", "#35324f", "#c98aa0"),
    "amber": beasts.Fur("#f6dcb4", "#cfa07e", "#ee9f8a"),
}


def hill(c: Canvas, y: float, rise: float, color: str, lit: str, *seed: object, blades: int = 500) -> np.ndarray:
    """Round a grassy hill whose top is `rise` above row `y`; gives its line."""
    x = np.arange(c.width, dtype=np.float32)
    profile = (y - rise * np.clip(np.sin(np.pi * np.clip((x / c.width) * 1.1 - 0.05, 0, 1)), 0, 1) ** 1.2).astype(
        np.float32
    )
    depth = np.arange(c.height, dtype=np.float32)[:, None] - profile[None, :]
    tone = np.exp(-np.clip(depth, 0, None) / 60) * (0.6 + 0.6 * noise(c.height, c.width, 90, *seed, "grass", octaves=3))
    body = mix(rgb(color), rgb(lit), np.clip(tone, 0, 1)[..., None])
    c.px += (body - c.px) * np.clip(depth + 0.5, 0, 1)[..., None]
    random = rng("grass", *seed)
    grass: list[Points] = []
    for _ in range(blades):
        px = random.random() * (c.width - 1)
        py = float(profile[int(px)]) + random.random() ** 2 * 90 + 4
        h = random.uniform(8, 22) * c.height / 900
        grass.append(
            stroke(
                [(px, py), (px + random.normal(0, 3), py - h * 0.6), (px + random.normal(0, 7), py - h)],
                [2.4, 1.6, 0.3],
                steps=3,
            )
        )
    c.paint(draw(grass, scale=2), mix(rgb(color), rgb(lit), 0.62), 0.85)
    return profile


def osmanthus(c: Canvas, x: float, y: float, length: float, angle: float, *seed: object, clusters: int = 60) -> None:
    """Grow an osmanthus with its small golden flowers."""
    wood, tips = branch(x, y, length, angle, length * 0.15, *seed, depth=5, spread=0.5, bend=0.24, shrink=0.78)
    c.paint(draw(wood, scale=2), "#2c2140")
    random = rng("osmanthus", *seed)
    leaves: list[Points] = []
    for tx, ty, _ in tips:
        for _ in range(6):
            a, r = random.random() * 6.28, length * random.uniform(0.06, 0.11)
            lx, ly = tx + random.normal(0, length * 0.09), ty + random.normal(0, length * 0.07)
            leaves.append(
                stroke(
                    [
                        (lx, ly),
                        (lx + np.cos(a) * r * 0.5, ly + np.sin(a) * r * 0.5),
                        (lx + np.cos(a) * r, ly + np.sin(a) * r),
                    ],
                    [0.6, r * 0.42, 0.5],
                    steps=4,
                )
            )
    half = len(leaves) // 2
    c.paint(draw(leaves[:half], scale=2), "#2a4a5e")
    c.paint(draw(leaves[half:], scale=2), "#4f7f7c")
    flowers: list[Points] = []
    for index in random.permutation(len(tips))[:clusters]:
        tx, ty, _ = tips[int(index)]
        c.glow(tx, ty, length * 0.16, "#ffc65a", 0.30)
        for _ in range(7):
            fx, fy = tx + random.normal(0, length * 0.035), ty + random.normal(0, length * 0.035)
            r = length * random.uniform(0.011, 0.018)
            flowers += [circle(fx + dx * r, fy + dy * r, r, points=10) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    c.paint(draw(flowers, scale=3), "#ffd977")
    c.paint(draw([p * [1, 1] + [-0.6, -0.8] for p in flowers[::3]], scale=3), "#fff3c4", 0.8)  # type: ignore[operator]


def petals(c: Canvas, count: int, *seed: object, color: str = "#ffd977") -> None:
    """Let petals drift."""
    random = rng("petals", *seed)
    some = [
        circle(
            random.random() * c.width,
            random.random() * c.height,
            random.uniform(2, 5),
            random.uniform(1.2, 2.6),
            points=12,
            turn=random.random() * 3,
        )
        for _ in range(count)
    ]
    c.paint(draw(some), color, 0.85)


def cover() -> Image.Image:
    """Three rabbits before the autumn moon (1600 x 900)."""
    c = Canvas(1600, 900, *NIGHT)
    land.stars(c, 260, 500, "rabbits")
    land.moon(c, 820, 400, 318, "#fff1cd", "#e0be94", "rabbits", halo=2.8, strength=0.55)
    for i, (y, size) in enumerate(((690, 46), (740, 66))):
        land.billow(c, y, size, ("#8a80b4", "#7a74ac")[i], ("#f0cfd0", "#e6d2e6")[i], "rabbits", i)
    hill(c, 930, 200, "#26305f", "#7f8fb4", "rabbits", blades=900)
    osmanthus(c, 1430, 960, 250, -1.66, "rabbits-tree", 26, clusters=80)
    mortar(c, 800, 752, 1.0)
    beasts.rabbit(c, 660, 760, 1.12, FURS["white"], flip=True, ears=0.05)
    beasts.rabbit(c, 948, 758, 1.02, FURS["amber"], ears=-0.1)
    beasts.rabbit(c, 420, 806, 0.74, FURS["jade"], flip=True, ears=0.16)
    beasts.rabbit(c, 1180, 796, 0.62, FURS["ink"], ears=0.0)
    figures.lantern(c, 508, 704, 0.72, "#ff9a4a", "#fff0c0", 1.0)
    c.paint(draw([stroke([(462, 770), (484, 712), (510, 684)], [4, 3, 2])]), "#4a3050")
    petals(c, 70, "rabbits")
    c.vignette(0.25)
    return c.image()


def mortar(c: Canvas, x: float, y: float, size: float) -> None:
    """Paint the stone mortar of the moon with a glowing paste and its pestle."""

    def at(points: Points) -> np.ndarray:
        return place(points, x, y, size)

    c.glow(x, y - 74 * size, 150 * size, "#ffd98a", 0.75)
    pestle = draw([at(stroke([(34, -190), (6, -74)], [13, 19]))])
    c.paint(pestle, "#8a6a5a", to="#5a4048")
    c.light(pestle.rim(3, 2, 2), "#fff0cc", 0.5)
    bowl = draw(
        [
            at(
                curve(
                    [(-56, -70), (-52, -40), (-34, -16), (-40, 4), (40, 4), (34, -16), (52, -40), (56, -70)],
                    closed=True,
                    steps=8,
                )
            )
        ]
    )
    c.paint(bowl, "#9a94b8", to="#4f4a74")
    rough = noise(*bowl.a.shape, 24, "mortar", octaves=3)
    c.paint(bowl.times(smooth(0.5, 0.8, rough)), "#c9c2dc", 0.4)
    c.light(bowl.rim(-4, 5, 3), "#fff0cc", 0.5)
    c.paint(draw([circle(*at([(0, -70)])[0], 55 * size, 13 * size)]), "#5a4f78")
    c.paint(draw([circle(*at([(0, -68)])[0], 45 * size, 9 * size)]), "#ffe6a0")


def portrait(fur: str, backdrop: tuple[str, str, str], *seed: object) -> Image.Image:
    """One rabbit, large, on a quiet ground (1024 x 1024)."""
    c = Canvas(1024, 1024, (0, backdrop[0]), (0.7, backdrop[1]), (1, backdrop[1]))
    c.paint(draw([circle(512, 480, 372, points=140)]), backdrop[2])
    c.glow(512, 440, 520, "#ffffff", 0.28, 2.0)
    halo = noise(1024, 1024, 160, *seed, "halo", octaves=4)
    c.light(whole(smooth(0.5, 0.85, halo)), backdrop[2], 0.22)
    return _finish(c, fur, *seed)


def _finish(c: Canvas, fur: str, *seed: object) -> Image.Image:
    """Set the rabbit, its shadow, and what it holds."""
    c.paint(draw([circle(512, 846, 250, 26)]).softened(16), "#2a2350", 0.42)
    beasts.rabbit(c, 492, 846, 3.0, FURS[fur])
    random = rng("portrait", *seed)
    for _ in range(34):
        x, y, r = random.random() * 1024, random.random() * 1024, random.uniform(3, 8)
        if abs(x - 512) > 250 or y < 180:
            c.paint(draw([circle(x, y, r, r * 0.55, points=14, turn=random.random() * 3)]), "#ffd58a", 0.8)
    c.vignette(0.12)
    return c.image()


def white() -> Image.Image:
    """Yutu, the apothecary."""
    return portrait("white", ("#3c4788", "#8f86bd", "#f6e3bf"), "white")


def ink() -> Image.Image:
    """Mo'er, who sleeps by day."""
    return portrait("ink", ("#e9d3cf", "#f3e4d8", "#cfd5ea"), "ink")


def moths() -> Image.Image:
    """Lantern moths over the osmanthus (1080 x 1080)."""
    c = Canvas(1080, 1080, (0, "#101a44"), (0.6, "#2f4a80"), (1, "#5a78a0"))
    land.stars(c, 180, 700, "moths")
    land.moon(c, 250, 230, 120, "#fff1cd", "#dcc09a", "moths", strength=0.45)
    osmanthus(c, 1010, 1180, 300, -2.05, "moths-tree", clusters=90)
    for k, (x, y, s, turn) in enumerate(
        ((430, 520, 1.55, -0.35), (800, 270, 0.85, 0.5), (230, 830, 0.8, 0.3), (640, 860, 0.5, -0.7))
    ):
        _moth(c, x, y, s, turn, k)
    petals(c, 40, "moths")
    c.vignette(0.25)
    return c.image()


MOTHS = (
    ("#ffd9a0", "#e07a5a", "#fff3d6"),
    ("#cfe8e0", "#5a9aa8", "#f3fffa"),
    ("#f3c4d4", "#b0688f", "#fff0f4"),
    ("#ffe3a8", "#d09a4a", "#fffbe6"),
)
FOREWING = [(4, -4), (50, -74), (120, -120), (186, -128), (178, -84), (150, -36), (112, 16), (56, 26), (8, 16)]
HINDWING = [(6, 6), (60, 30), (118, 66), (112, 108), (84, 150), (70, 190), (58, 150), (30, 100), (8, 40)]


def _moth(c: Canvas, x: float, y: float, size: float, turn: float, which: int) -> None:
    """Paint one lantern moth: four veined wings and a lit body."""
    c.glow(x, y, 300 * size, "#ffb35a", 0.55, 2.2)
    outer, inner, tone = MOTHS[which]
    for flip in (False, True):

        def at(points: Points, flip: bool = flip) -> np.ndarray:
            return place(place(points, 0, 0, 1, 0, flip), x, y, size, turn)

        rear, fore = draw([at(curve(HINDWING, closed=True))]), draw([at(curve(FOREWING, closed=True))])
        c.paint(rear, inner, 0.94)
        c.paint(fore, outer, 0.97)
        c.paint(fore.rim(0, -16 * size, 9 * size), inner, 0.7)
        c.paint(rear.rim(0, -12 * size, 7 * size), outer, 0.6)
        veins = [[(6, 0), (40 + k * 10, -46 + k * 13), (170 - k * 18, -112 + k * 32)] for k in range(5)]
        c.paint(draw([at(stroke(vein, [3, 1.6, 0.8])) for vein in veins]), inner, 0.55)
        eye = at([(118, -66)])[0]
        for r, color in ((22, inner), (15, tone), (8, "#3a2348")):
            c.paint(draw([circle(eye[0], eye[1], r * size)]), color)
        c.light(fore.rim(3, 4, 3), "#ffffff", 0.5)
        c.paint(draw([at(stroke([(2, -40), (16, -78), (44, -98)], [2.4, 1.8, 3.4]))]), "#4a3050")
    shape = curve([(0, -48), (9, -30), (8, 20), (0, 66), (-8, 20), (-9, -30)], closed=True)
    body = draw([place(shape, x, y, size, turn)])
    c.paint(body, "#fff0c0", to="#ff9a4a")
    c.light(body.softened(6 * size), "#ffe6a0", 0.8)
