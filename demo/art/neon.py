"""Neon Harbor: a port city that trades at night and in the rain."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from demo.art import figures, land
from demo.art.city import RAIN_SKY, TUBES, Tubes, box, person, rain, reflect, steam, street, towers
from demo.art.glyphs import ICONS
from demo.art.kit import Canvas, Points, draw, noise, rgb, rng, smooth, whole
from demo.art.shapes import circle, curve


def cover() -> Image.Image:
    """The night market in the rain (1600 x 900)."""
    c = Canvas(1600, 900, *RAIN_SKY)
    base = 636
    tubes = street(c, base, "neon-cover")
    tubes.shine(c)
    for a, b, sag in (((-20, 330), (560, 390), 60), ((540, 390), (1120, 360), 66), ((1100, 360), (1640, 320), 60)):
        t = np.linspace(0, 1, 12)[1:-1]
        c.paint(
            draw(
                [],
                [
                    (
                        np.stack(
                            [
                                a[0] + (b[0] - a[0]) * np.linspace(0, 1, 40),
                                a[1]
                                + (b[1] - a[1]) * np.linspace(0, 1, 40)
                                + 4 * sag * np.linspace(0, 1, 40) * (1 - np.linspace(0, 1, 40)),
                            ],
                            axis=1,
                        ),
                        1.5,
                    )
                ],
            ),
            "#0b0818",
        )
        for u in t:
            figures.lantern(
                c,
                a[0] + (b[0] - a[0]) * u,
                a[1] + (b[1] - a[1]) * u + 4 * sag * u * (1 - u) + 10,
                0.52,
                "#ff5a36",
                "#ffe9b0",
                0.6,
            )
    reflect(c, base, "neon-cover")
    steam(c, (250, 770, 1330), base - 60, "neon-cover")
    random = rng("neon-cover", "crowd")
    crowd = sorted((float(random.uniform(644, 740)), float(x)) for x in (96, 330, 424, 1010, 1210, 1290, 1500))
    for y, x in crowd:
        person(c, x, y, (y - 470) / 200 * 0.76, "neon-cover", round(x))
    person(c, 690, 850, 1.5, "neon-cover", "hero", brolly="#c22a33")
    rain(c, 240, "neon-cover")
    c.vignette(0.32)
    return c.image()


@lru_cache(maxsize=1)
def harbor() -> Image.Image:
    """The port across the water, ferries crossing (1200 x 900)."""
    c = Canvas(1200, 900, (0, "#0b1030"), (0.35, "#2a2760"), (0.56, "#8a3f7d"), (0.66, "#e07a78"), (1, "#2a1a3d"))
    base = 560
    c.glow(620, base, 700, "#ff7a9a", 0.5, 2.0)
    sky = noise(900, 1200, 80, "harbor", "sky", octaves=5, stretch=5)
    c.paint(whole(smooth(0.46, 0.8, sky) * smooth(560, 200, np.arange(900, dtype=np.float32))[:, None]), "#55326f", 0.7)
    tubes = Tubes(1200, 900)
    for k, (low, high, color, haze) in enumerate(
        ((120, 330, "#5b3a78", "#c2637f"), (70, 260, "#37285f", "#7a3f74"), (34, 170, "#1c173c", "#3a2352"))
    ):
        towers(c, tubes, base, low, high, color, haze, "harbor", k, lit=0.12 + 0.13 * k, cell=7 + k)
        if k == 2:
            for i, x in enumerate((120, 330, 505, 700, 905, 1080)):
                tubes.sign(
                    ["串", "fish", "茶", "moon", "米", "wave"][i], x, base - 92 - 26 * (i % 3), 44, TUBES[i], 2.6
                )
            for x in range(10, 1200, 46):
                tubes.fill(circle(x, base - 4, 2.4, points=10), "#ffd9a0")
    tubes.shine(c, 0.6)
    c.px[base:] = rgb("#0e0f2a")
    land.mirror(c, base, "harbor", strength=0.86, jitter=12, tint="#101232", streak=7)
    for x, y, s in ((330, 690, 0.62), (870, 640, 0.36)):
        ferry(c, x, y, s, "harbor", round(x))
    figures.boat(c, 690, 800, 1.05, "#120d1e", "#2c1e38", "#120d1e")
    figures.lantern(c, 654, 742, 0.5, "#ff6a3a", "#ffe9b0", 1.2)
    c.vignette(0.3)
    return c.image()


def ferry(c: Canvas, x: float, y: float, size: float, *seed: object) -> None:
    """Paint a two-deck ferry with its lights and their path on the water."""

    def at(points: Points) -> list[tuple[float, float]]:
        return [(x + px * size, y + py * size) for px, py in points]

    tubes = Tubes(c.width, c.height)
    c.paint(
        draw(
            [
                at([(-230, -34), (230, -34), (196, 12), (-196, 12)]),
                at(box(-176, -80, 350, 48)),
                at(box(-140, -122, 270, 44)),
                at(box(40, -170, 46, 52)),
                at(box(-90, -142, 70, 24)),
            ]
        ),
        "#17122a",
        to="#0b0916",
    )
    c.paint(draw([at(box(-226, -34, 452, 9))]), "#c23a4a")
    for k in range(13):
        tubes.fill(at(box(-166 + k * 26, -70, 18, 24)), "#ffc777")
    for k in range(10):
        tubes.fill(at(box(-130 + k * 26, -112, 18, 22)), "#ffe0a8")
    for k in range(15):
        wide = 150 * (1 - k / 18)
        tubes.fill(
            at(box(-wide + 14 * ((k * 7) % 5 - 2), 20 + k * 11, wide * 2 * (0.55 + 0.3 * ((k * 5) % 3)), 3.2)),
            "#" + "".join(f"{int(v * (0.5 - 0.03 * k)):02x}" for v in (255, 180, 110)),
        )
    tubes.shine(c, 0.5)


@lru_cache(maxsize=1)
def alley() -> Image.Image:
    """An alley between kitchens, a cat on the wall (1024 x 1280)."""
    c = Canvas(1024, 1280, (0, "#141336"), (0.4, "#3c2560"), (0.62, "#9a4480"), (1, "#1a1430"))
    vx, vy = 520, 700
    c.glow(vx, vy, 520, "#ff7fb0", 0.75, 1.8)
    c.glow(vx, vy + 20, 220, "#ffd9a0", 0.7, 1.8)
    tubes = Tubes(1024, 1280)
    far = 0.1
    for d, color in ((0.16, "#6a3a78"), (0.28, "#4a2c66"), (0.46, "#33214f"), (0.74, "#20173a"), (1.15, "#120e24")):
        _walls(c, tubes, vx, vy, d, far, color)
        far = d
    tubes.shine(c)
    for d in (0.25, 0.4, 0.62):
        for u in np.linspace(-0.7, 0.7, 5):
            figures.lantern(
                c, vx + u * 420 * d, vy - 560 * d + 90 * d * (1 - u * u), 0.9 * d, "#ff5a36", "#ffe9b0", 0.6
            )
    floor = draw([[(vx - 42, vy + 30), (vx + 42, vy + 30), (vx + 840, 1300), (vx - 840, 1300)]], scale=2)
    wet = Canvas(1024, 1280, (0, "#000000"), (1, "#000000"))
    wet.px[:] = c.px
    reflect(wet, vy + 34, "alley")
    alpha, under, (oy, ox) = c.window(floor)
    y, x = floor.y + oy, floor.x + ox
    under += (wet.px[y : y + alpha.shape[0], x : x + alpha.shape[1]] - under) * alpha[..., None]
    steam(c, (240, 800), 900, "alley")
    person(c, 560, 1010, 1.0, "alley", 3, brolly="#2f7f8f")
    person(c, 470, 950, 0.62, "alley", 5)
    rain(c, 200, "alley")
    c.vignette(0.3)
    return c.image()


def _walls(c: Canvas, tubes: Tubes, vx: float, vy: float, d: float, far: float, color: str) -> None:
    """Set the two walls of the alley at depth `d`, with signs that face us."""
    random = rng("alley", d)
    half, top, bottom = 420 * d, vy - 900 * d, vy + 300 * d
    for side in (-1, 1):
        x = vx + side * half
        wall = box(x, top, side * 1200, bottom - top)
        depth = [
            (x, top),
            (vx + side * 420 * far, vy - 900 * far),
            (vx + side * 420 * far, vy + 300 * far),
            (x, bottom),
        ]
        tubes.fill(depth, "#000000")
        c.paint(draw([depth], scale=2), "#1a1230", to=color)
        tubes.fill(wall, "#000000")
        c.paint(draw([wall], scale=1), color, to="#100c1e")
        for k in range(5):
            for u, v in ((0.12, 0.42), (0.58, 0.86)):
                near, back = far + (d - far) * v, far + (d - far) * u
                xs, high, low = (vx + side * 420 * near, vx + side * 420 * back), -780 + k * 190, -690 + k * 190
                pane = [
                    (xs[0], vy + high * near),
                    (xs[1], vy + high * back),
                    (xs[1], vy + low * back),
                    (xs[0], vy + low * near),
                ]
                tubes.fill(pane, ["#6b4420", "#452a4c", "#1b4258", "#000000", "#000000"][int(random.integers(5))])
        pick = ["肉串", "白茶", "大吉", "山茶", "月白"][int(random.integers(5))]
        size = 96 * d
        sx = x - side * size * 0.25 - (size if side > 0 else 0)
        sy = vy + random.uniform(-560, -420) * d
        board = box(sx - 10 * d, sy - 10 * d, size + 20 * d, len(pick) * size * 1.1 + 14 * d)
        tubes.fill(board, "#0b0918")
        tubes.line([*board, board[0]], TUBES[int(random.integers(6))], max(1.2, 4 * d))
        tint = TUBES[int(random.integers(6))]
        for k, word in enumerate(pick):
            tubes.sign(word, sx + 5 * d, sy + k * size * 1.1, size - 10 * d, tint, max(1.2, 6 * d))
        icon = list(ICONS)[int(random.integers(len(ICONS)))]
        tubes.sign(
            icon,
            x + (side * 40 - (90 if side < 0 else 0)) * d,
            vy - 60 * d,
            110 * d,
            TUBES[int(random.integers(6))],
            max(1.2, 6 * d),
        )


def window() -> Image.Image:
    """The market through a wet window: drops over blurred light (1024 x 1024)."""
    c = Canvas(1024, 1024, (0, "#0b0d24"), (0.6, "#2b1b45"), (1, "#120d22"))
    random = rng("window")
    spots = np.zeros((256, 256, 3), np.float32)
    yy, xx = np.mgrid[0:256, 0:256].astype(np.float32)
    for _ in range(64):
        x, y, r = random.random() * 256, random.normal(150, 44), random.uniform(6, 17)
        disc = smooth(r + 1.2, r - 1.2, np.hypot(xx - x, yy - y)) * (
            0.6 + 0.4 * smooth(r * 0.5, r, np.hypot(xx - x, yy - y))
        )
        spots += (
            disc[..., None]
            * rgb(TUBES[int(random.integers(6))] if random.random() < 0.8 else "#ffe2b0")
            * random.uniform(0.3, 0.8)
        )
    big = np.stack(
        [np.asarray(Image.fromarray(spots[..., i]).resize((1024, 1024), Image.Resampling.BICUBIC)) for i in range(3)],
        axis=-1,
    )
    c.px += (1 - c.px) * np.clip(big, 0, 1)
    sharp = c.px.copy()
    fog = noise(1024, 1024, 200, "window", "fog", octaves=4)
    c.paint(whole(smooth(0.3, 0.75, fog)), "#5a4a78", 0.28)
    for _ in range(330):
        _drop(c, sharp, random.random() * 1024, random.random() * 1024, 4 + random.pareto(1.6) * 3.6)
    for x in (150, 388, 640, 866):
        track = [(x + float(random.normal(0, 5)), y) for y in np.arange(-20, random.uniform(420, 900), 60)]
        trail = draw([], [(curve(track), random.uniform(5, 8))])
        alpha, under, _ = c.window(trail)
        y0, x0 = max(trail.y, 0), max(trail.x, 0)
        under += (sharp[y0 : y0 + alpha.shape[0], x0 : x0 + alpha.shape[1]] * 1.08 - under) * alpha[..., None]
        _drop(c, sharp, track[-1][0], track[-1][1], 13)
    c.vignette(0.35)
    return c.image()


def _drop(c: Canvas, scene: np.ndarray, x: float, y: float, r: float) -> None:
    """Set one drop on the glass: it shows the scene upside down, dark above and bright below."""
    r = min(r, 26.0)
    mask = draw([circle(x, y, r, r * 1.12)])
    alpha, under, (oy, ox) = c.window(mask)
    if not alpha.size:
        return
    yy, xx = np.mgrid[0 : alpha.shape[0], 0 : alpha.shape[1]].astype(np.float32)
    dx, dy = (xx + mask.x + ox - x) / r, (yy + mask.y + oy - y) / r
    sy = np.clip(y - dy * r * 5 + 40, 0, 1023).astype(np.int32)
    sx = np.clip(x - dx * r * 5, 0, 1023).astype(np.int32)
    look = 0.06 + scene[sy, sx] * (1.25 + 0.6 * np.clip(dy, -1, 1))[..., None]
    under += (look - under) * alpha[..., None]
    c.paint(mask.rim(0, -max(1.0, r * 0.2), 1.0), "#07060f", 0.5)
    c.light(draw([circle(x - r * 0.32, y - r * 0.42, r * 0.22, r * 0.16)]), "#ffffff", 0.85)
