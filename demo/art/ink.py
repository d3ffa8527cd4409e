"""Ink wash: paper, washes that pool at their edge, dry brush, and the subjects a painter starts with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from demo.art import beasts, figures
from demo.art.glyphs import CHARACTERS
from demo.art.kit import Array, Canvas, Mask, Points, blur, draw, line_noise, noise, rng, smooth, whole
from demo.art.shapes import bristles, circle, curve, place, stroke

INK, PALE, SEAL, ROSE = "#22252b", "#5b626b", "#b32a1f", "#c9485a"


def paper(width: int, height: int, *seed: object, tone: str = "#f4eee0", edge: str = "#eadfc8") -> Canvas:
    """Make a sheet of raw rice paper with fibers and a warm edge."""
    c = Canvas(width, height, (0, tone), (1, tone))
    cloud = noise(height, width, 300, *seed, "paper", octaves=3)
    c.paint(whole(smooth(0.35, 0.8, cloud)), edge, 0.55)
    fiber = noise(height, width, 3, *seed, "fiber", octaves=1, stretch=9) - 0.5
    c.px *= (1 + 0.022 * fiber)[..., None]
    c.vignette(0.10)
    return c


def wash(
    c: Canvas,
    mask: Mask,
    density: float,
    *seed: object,
    color: str = INK,
    cell: float = 90,
    pool: float = 0.55,
    wet: float = 1.5,
    fade: Array | None = None,
) -> None:
    """Lay a wash: uneven inside, darker where it dried along its edge, bleeding a little into the paper."""
    soft = mask.softened(wet)
    height, width = soft.a.shape
    grain = noise(height, width, cell, *seed, "wash", octaves=5, gain=0.6)
    border = np.clip(soft.a - blur(soft.a, 7), 0, 1)
    tone = soft.a * (0.35 + 1.25 * smooth(0.25, 0.8, grain)) + pool * border * 2
    if fade is not None:
        tone = tone * np.pad(
            fade,
            [((height - fade.shape[0]) // 2, height - fade.shape[0] - (height - fade.shape[0]) // 2), (0, 0)],
            mode="edge",
        )
    c.stain(Mask(tone.astype(np.float32), soft.x, soft.y), color, density)


def brush(
    c: Canvas,
    points: Points,
    width: float,
    *seed: object,
    density: float = 1.2,
    dry: float = 0.4,
    color: str = INK,
    hairs: int = 36,
    taper: float = 0.2,
) -> None:
    """Pull one brush stroke with visible hairs."""
    hairlines = bristles(points, width, *seed, hairs=hairs, dry=dry, taper=taper)
    if hairlines:
        mask = draw([], hairlines, scale=2)
        c.stain(Mask(np.clip(blur(mask.a, 0.7) * 1.15, 0, 1), mask.x, mask.y), color, density)


def seal(c: Canvas, x: float, y: float, size: float) -> None:
    """Press a red seal: the character 山 in white, worn at the edges."""
    ground = draw([[(x, y), (x + size, y), (x + size, y + size), (x, y + size)]])
    worn = noise(*ground.a.shape, 9, "seal", x, y, octaves=3)
    cut = draw(
        [],
        [
            ([(x + size * (0.16 + 0.68 * px), y + size * (0.14 + 0.7 * py)) for px, py in line], size * 0.11)
            for line in CHARACTERS["山"]
        ],
    )
    a = ground.a.copy()
    oy, ox = cut.y - ground.y, cut.x - ground.x
    a[oy : oy + cut.a.shape[0], ox : ox + cut.a.shape[1]] *= 1 - cut.a
    c.paint(Mask(a * smooth(0.12, 0.3, worn), ground.x, ground.y), SEAL, 0.93)


def peaked(width: int, base: float, height: float, cell: float, *seed: object) -> Array:
    """Heights of a range as painters stack it: a few leaning peaks, each with its shoulders; one row a column."""
    random = rng("peaked", *seed)
    x = np.arange(width, dtype=np.float32)
    rise = np.zeros(width, np.float32)
    for center in np.arange(-cell * 0.3, width + cell, cell * 0.5):
        at, tall, half = (
            center + random.normal(0, cell * 0.16),
            random.uniform(0.35, 1.0),
            cell * random.uniform(0.3, 0.62),
        )
        u = np.abs(x - np.float32(at)) / np.float32(half)
        rise = np.maximum(rise, np.float32(tall) * np.exp(-(u**1.25)).astype(np.float32))
    rough = line_noise(width, cell * 0.28, *seed, octaves=6, gain=0.52) - 0.5
    return np.float32(base) - np.float32(height) * (rise + rough * (0.12 + 0.28 * rise))


def range_(
    c: Canvas,
    base: float,
    height: float,
    cell: float,
    density: float,
    *seed: object,
    fade: float = 260,
    color: str = INK,
    edge: float = 1.0,
    window: tuple[float, float] | None = None,
) -> Array:
    """Paint a mountain range in broken ink: a dry contour, slanting texture strokes, and a foot lost in mist."""
    profile = peaked(c.width, base, height, cell, *seed)
    if window:
        x = np.linspace(0, 1, c.width, dtype=np.float32)
        profile += np.float32(height * 2.0) * (
            1 - smooth(window[0] - 0.25, window[0], x) * smooth(window[1] + 0.25, window[1], x)
        )
    top, bottom = max(0, int(profile.min()) - 4), min(c.height, int(profile.max() + fade))
    depth = np.arange(top, bottom, dtype=np.float32)[:, None] - profile[None, :]
    inside = np.clip(depth + 0.5, 0, 1)
    rough = noise(bottom - top, c.width, 60, *seed, "cun", octaves=4, gain=0.5, stretch=0.42)
    rough += 0.0034 * profile[None, :]
    cut = np.abs(((rough * 5.0) % 1.0) - 0.5) * 2
    lines = smooth(0.66, 1.0, cut) * smooth(fade * 0.75, 0, depth)
    wet = noise(bottom - top, c.width, 140, *seed, "wet", octaves=4)
    contour = (
        np.exp(-((depth - 1.5) ** 2) / 7) * smooth(0.3, 0.6, line_noise(c.width, 40, *seed, "edge"))[None, :] * edge
    )
    tone = (
        inside * smooth(fade, 0, depth) ** 1.4 * (0.25 + 0.75 * smooth(0.25, 0.75, wet))
        + inside * lines * 0.42 * smooth(0.3, 0.6, wet)
        + contour * 1.1
    )
    c.stain(Mask(tone.astype(np.float32), 0, top), color, density)
    return profile


def dots(
    c: Canvas, profile: Array, count: int, size: float, *seed: object, density: float = 1.3, color: str = INK
) -> None:
    """Set moss dots and small trees along a ridge."""
    random = rng("dots", *seed)
    marks: list[Points] = []
    for x in random.random(count) * (c.width - 1):
        y = float(profile[int(x)]) + random.random() ** 2 * size * 5
        r = size * random.uniform(0.4, 1.2)
        marks.append(
            circle(x, y - r * 0.3, r * 0.55, r * random.uniform(0.4, 1.0), points=12, turn=random.normal(0, 0.5))
        )
        if random.random() < 0.3:
            marks.append(stroke([(x, y + r), (x + random.normal(0, r), y - r * 3)], [r * 0.35, r * 0.1], smooth=False))
    wash(c, draw(marks, scale=2), density, *seed, cell=20, pool=0.2, wet=0.7, color=color)


def cover() -> Image.Image:
    """Mountains in mist, a pale red sun, one boat (1600 x 900)."""
    c = paper(1600, 900, "ink-cover")
    c.paint(draw([circle(1150, 250, 74, points=90)]).textured("sun", cell=50, low=-0.2, high=0.45), "#cf4a35", 0.82)
    range_(c, 520, 230, 420, 0.34, "ink-cover", 1, fade=230)
    range_(c, 610, 360, 460, 0.62, "ink-cover", 8, fade=300, window=(0.0, 0.55))
    p = range_(c, 740, 500, 420, 1.05, "ink-cover", 3, fade=330, window=(-0.3, 0.26))
    dots(c, p, 170, 8, "ink-cover", 3)
    p = range_(c, 800, 300, 300, 0.95, "ink-cover", 4, fade=240, window=(0.86, 1.4))
    dots(c, p, 130, 8, "ink-cover", 4)
    for k in range(7):
        y, x, w = 742 + k * 17, 660 + 60 * np.sin(k * 2.1), 210 + 90 * np.sin(k * 1.3) ** 2
        brush(c, [(x, y), (x + w * 0.5, y + 3), (x + w, y)], 3.5, "water", k, density=0.35, dry=0.7, hairs=6)
    figures.boat(c, 850, 738, 0.95, "#2a2b30", "#5d5f63", "#26272b")
    for x, y, s in ((800, 210, 0.42), (862, 180, 0.34), (905, 216, 0.30), (742, 236, 0.26), (960, 190, 0.24)):
        c.stain(draw(beasts.crane(x, y, s, 0.3, flip=True)), INK, 1.2)
    seal(c, 1490, 780, 52)
    return c.image()


def bamboo() -> Image.Image:
    """Bamboo after rain (1024 x 1365), in gray ink."""
    c = paper(960, 1280, "bamboo")
    random = rng("bamboo")
    for k, (x, width, dark, lean) in enumerate(
        ((690, 26, 0.22, 30), (560, 34, 0.4, -46), (250, 30, 0.3, 60), (390, 46, 0.95, 84))
    ):
        y, joint = 1330.0, 190.0
        while y > -60:
            t = 1 - y / 1300
            x0, x1 = x + lean * t, x + lean * (t + joint / 1300)
            brush(
                c,
                [(x0, y - 7), ((x0 + x1) / 2 - 2, y - joint / 2), (x1, y - joint + 7)],
                width * (1 - 0.25 * t),
                "stem",
                k,
                round(y),
                density=dark,
                dry=0.34,
                hairs=26,
                taper=0.0,
            )
            c.stain(
                draw(
                    [
                        stroke(
                            [(x1 - width * 0.6, y - joint + 3), (x1, y - joint - 4), (x1 + width * 0.6, y - joint + 3)],
                            [1.5, 5.5, 1.5],
                        )
                    ]
                ),
                INK,
                dark * 1.1,
            )
            if random.random() < 0.85:
                _spray(c, x1, y - joint, dark, "spray", k, round(y))
            y -= joint
            joint *= 0.97
    seal(c, 820, 1130, 56)
    return c.image()


def _spray(c: Canvas, x: float, y: float, dark: float, *seed: object) -> None:
    """A twig with its fan of leaves."""
    random = rng("spray", *seed)
    side = 1 if random.random() < 0.5 else -1
    ex, ey = x + side * random.uniform(60, 150), y - random.uniform(20, 90)
    c.stain(draw([stroke([(x, y), ((x + ex) / 2, (y + ey) / 2 - 12), (ex, ey)], [4, 3, 2])]), INK, dark)
    leaves: list[Points] = []
    for _ in range(int(random.integers(6, 10))):
        a = np.pi / 2 - side * random.uniform(-0.5, 1.25)
        r = random.uniform(90, 170)
        sx, sy = ex + random.normal(0, 14), ey + random.normal(0, 8)
        leaves.append(
            stroke(
                [
                    (sx, sy),
                    (sx + np.cos(a) * r * 0.5, sy + np.sin(a) * r * 0.5 - 5),
                    (sx + np.cos(a) * r, sy + np.sin(a) * r),
                ],
                [2, 17, 13, 0.6],
            )
        )
    wash(c, draw(leaves, scale=2), dark * random.uniform(0.75, 1.2), *seed, cell=60, pool=0.3, wet=0.8)


def koi_shape(x: float, y: float, size: float, turn: float, bend: float) -> dict[str, list[Points]]:
    """A koi from above: body, fins, tail, and the spine along which it is bent."""
    spine = curve([(-150, 0), (-80, -bend * 0.25), (0, -bend * 0.3), (80, bend * 0.1), (150, bend)], steps=12)
    body = stroke(spine, [22, 56, 74, 70, 54, 34, 14], smooth=False)
    end = spine[-1]
    tail = [
        stroke(
            [end - [12, 0], end + np.array([60, dy * 0.5 + bend * 0.5]), end + np.array([130, dy + bend])], [14, 34, 2]
        )
        for dy in (-46, 4, 48)
    ]
    fins = [stroke([(-62, s * 26), (-30, s * 78), (10, s * 108)], [14, 36, 2]) for s in (-1, 1)] + [
        stroke([(54, s * 20), (76, s * 46), (104, s * 58)], [8, 18, 1]) for s in (-1, 1)
    ]
    marks = [
        stroke(spine[12:30], [10, 44, 40, 8], smooth=False),
        stroke(spine[36:52], [8, 32, 22, 4], smooth=False),
        circle(-128, 0, 20, 15),
    ]

    def at(parts: Sequence[Points]) -> list[Points]:
        return [place(p, x, y, size, turn) for p in parts]

    return {
        "body": at([body]),
        "tail": at(tail),
        "fins": at(fins),
        "marks": at(marks),
        "spine": at([spine[8:50]]),
        "eyes": at([circle(-132, -15, 4.5), circle(-132, 15, 4.5)]),
    }


def koi() -> Image.Image:
    """Three koi under lotus leaves (1080 x 1080)."""
    c = paper(1080, 1080, "koi")
    for k, (x, y, r) in enumerate(((900, 170, 190), (150, 930, 220), (1010, 480, 96))):
        leaf = circle(x, y, r, r * 0.86, points=60) + rng("leaf", k).normal(0, 3, (60, 2))
        wash(c, draw([leaf], scale=2), 0.5, "leaf", k, cell=120, pool=0.8, wet=3)
        for a in np.linspace(0, 6.28, 13)[:-1] + k:
            c.stain(
                draw(
                    [
                        stroke(
                            [
                                (x, y),
                                (x + np.cos(a) * r * 0.5, y + np.sin(a) * r * 0.42),
                                (x + np.cos(a) * r * 0.93, y + np.sin(a) * r * 0.8),
                            ],
                            [3.5, 2, 0.8],
                        )
                    ]
                ),
                INK,
                0.55,
            )
    for k, (x, y, s, turn, bend, red) in enumerate(
        ((430, 380, 1.25, 0.7, 46, True), (680, 700, 1.1, 2.5, -52, False), (330, 720, 0.72, -0.6, 40, True))
    ):
        fish = koi_shape(x, y, s, turn, bend)
        wash(c, draw([*fish["tail"], *fish["fins"]]), 0.34, "fin", k, cell=30, pool=0.7, wet=2)
        wash(c, draw(fish["body"]), 0.30 if red else 0.75, "body", k, cell=50, pool=1.3, wet=1.2)
        wash(
            c,
            draw(fish["marks"]),
            1.1 if red else 1.0,
            "marks",
            k,
            cell=34,
            color="#c8402e" if red else INK,
            pool=0.3,
            wet=4,
        )
        c.stain(draw([], [(p, 2.0) for p in fish["spine"]]), INK, 0.4)
        c.stain(draw(fish["eyes"]), INK, 2.2)
    for k in range(5):
        x, y = (560, 160, 870, 560, 250)[k], (170, 250, 860, 960, 540)[k]
        for r in (60, 96):
            c.stain(draw([], [(circle(x, y, r, r * 0.4)[4:40], 1.4)]), INK, 0.2)
    seal(c, 70, 70, 54)
    return c.image()


def plum() -> Image.Image:
    """A branch of plum blossom in snow light (1080 x 1080)."""
    c = paper(1080, 1080, "plum", tone="#f1ece2", edge="#dfdcd6")
    c.paint(draw([circle(740, 330, 230, points=100)]).softened(14), "#fbf8ef", 0.9)
    boughs = [
        ([(-40, 980), (160, 840), (300, 700), (420, 640), (560, 470), (720, 420), (900, 250)], 56),
        ([(300, 700), (420, 780), (600, 770), (800, 860)], 26),
        ([(540, 490), (520, 360), (580, 240), (560, 110)], 22),
        ([(720, 420), (840, 460), (980, 430)], 15),
        ([(160, 840), (170, 680), (120, 540)], 18),
    ]
    spots: list[tuple[float, float]] = []
    for k, (points, width) in enumerate(boughs):
        brush(c, points, width, "bough", k, density=1.1, dry=0.72, hairs=44, taper=0.82)
        brush(
            c,
            [(x + 3, y + width * 0.16) for x, y in points],
            width * 0.6,
            "bough2",
            k,
            density=0.9,
            dry=0.8,
            hairs=26,
            taper=0.8,
        )
        path = curve(points, steps=10)
        spots += [(float(x), float(y)) for x, y in path[10::3]]
    random = rng("plum", "blossom")
    for index in random.permutation(len(spots))[:60]:
        x, y = spots[int(index)]
        _blossom(c, x + random.normal(0, 22), y + random.normal(0, 22), random.uniform(13, 29), "blossom", int(index))
    for _ in range(18):
        x, y = random.random() * 1080, random.random() * 1080
        wash(c, draw([circle(x, y, 7, 4, turn=random.random() * 3)]), 0.5, "petal", round(x), color=ROSE, cell=12)
    seal(c, 950, 930, 58)
    return c.image()


def _blossom(c: Canvas, x: float, y: float, r: float, *seed: object) -> None:
    """Five wet petals around a few stamens."""
    random = rng("blossom", *seed)
    turn, squash = random.random() * 6.28, random.uniform(0.65, 1.0)
    petals = [
        circle(
            x + np.cos(turn + k * 1.2566) * r * 0.72,
            y + np.sin(turn + k * 1.2566) * r * 0.72 * squash,
            r * 0.56,
            r * 0.5 * squash,
        )
        for k in range(5)
    ]
    for k, petal in enumerate(petals):
        wash(c, draw([petal]), random.uniform(0.55, 1.05), *seed, k, color=ROSE, cell=14, pool=0.9, wet=1.0)
    hairs = [
        ([(x, y), (x + np.cos(a) * r * 0.7, y + np.sin(a) * r * 0.6)], 1.2) for a in np.linspace(0, 6.28, 9)[:-1] + turn
    ]
    c.stain(draw([circle(*p[-1], 2.0, points=10) for p, _ in hairs], hairs), "#4a1f28", 1.3)
