"""Cactus Planet: a ringed desert world where everything that grows keeps its thorns and blooms at night."""

from __future__ import annotations

import numpy as np
from PIL import Image

from demo.art import land
from demo.art.desert import barrel, column, flower, giant, ground, mesa, saguaro
from demo.art.kit import Canvas, draw, mix, noise, rgb, rng, smooth, whole
from demo.art.shapes import circle, curve

DUSK = ((0.0, "#1c1e4f"), (0.3, "#59386f"), (0.52, "#c75b62"), (0.66, "#f59a5d"), (0.8, "#ffd08a"), (1.0, "#ffdba2"))


def cover() -> Image.Image:
    """Dusk on the cactus planet, the ringed giant rising (1600 x 900)."""
    c = Canvas(1600, 900, *DUSK)
    land.stars(c, 300, 420, "cactus")
    giant(c, 1090, 300, 186, "#ffd9a8", "#a2476a", "#ffe2bf", "cactus", air="#d98a7a", haze=0.10)
    c.paint(draw([circle(330, 190, 34, points=50)]), "#ffe8cf", 0.92)
    c.paint(draw([circle(318, 184, 32, points=50)]), "#5a3a70", 0.55)
    streaks = noise(900, 1600, 46, "cactus", "cirrus", octaves=5, stretch=8)
    c.paint(
        whole(
            smooth(0.5, 0.8, streaks)
            * smooth(620, 380, np.arange(900, dtype=np.float32))[:, None]
            * smooth(120, 380, np.arange(900, dtype=np.float32))[:, None]
        ),
        "#ffb78a",
        0.5,
    )
    mesa(c, 640, 150, 420, "#a9506a", "#ffb98a", "#ff9d78", "cactus", 1, fade=150)
    mesa(c, 690, 230, 520, "#7a3354", "#f09a72", "#ff8f62", "cactus", 5, fade=210)
    ground(c, 690, "#b2484e", "#ffb56e", "cactus", 1, height=46)
    for x, y, s in (
        (250, 700, 0.40),
        (640, 706, 0.34),
        (820, 696, 0.24),
        (1300, 700, 0.38),
        (1480, 706, 0.28),
        (460, 694, 0.22),
    ):
        saguaro(c, x, y, s, "cover", round(x), tone="#4c5a5c", dark="#3a2a48")
    ground(c, 790, "#7c2c46", "#f08a58", "cactus", 2, height=70)
    saguaro(c, 330, 830, 1.5, "cover", 31)
    saguaro(c, 1370, 850, 1.1, "cover", 9)
    barrel(c, 560, 856, 66, "cover", 1)
    barrel(c, 660, 876, 40, "cover", 2, bloom="#ffd05a")
    barrel(c, 1180, 880, 50, "cover", 3, bloom="#ff5f8f")
    c.vignette(0.22)
    return c.image()


def planet() -> Image.Image:
    """The whole planet, small enough to walk around (1200 x 1200)."""
    c = Canvas(1200, 1200, (0, "#0c0f2e"), (0.6, "#231c4c"), (1, "#3a2358"))
    land.stars(c, 520, 1200, "planet")
    dust = noise(1200, 1200, 260, "planet", "dust", octaves=5)
    c.light(whole(smooth(0.45, 0.85, dust)), "#6a3a86", 0.5)
    giant(c, 950, 210, 72, "#ffd9a8", "#b0527a", "#ffe2bf", "planet2")
    x, y, r = 580.0, 680.0, 270.0
    c.glow(x, y, r * 1.9, "#ff9a78", 0.5, 2.2)
    random = rng("planet")
    for a in np.linspace(-3.5, 0.5, 15) + random.normal(0, 0.05, 15):
        _standing(c, x, y, r, float(a), float(random.uniform(0.26, 0.66)), "planet")
    ball = draw([circle(x, y, r, points=160)])
    rough = noise(*ball.a.shape, 90, "planet", "rock", octaves=6, gain=0.55)
    yy, xx = np.mgrid[0 : ball.a.shape[0], 0 : ball.a.shape[1]].astype(np.float32)
    dx, dy = (xx + ball.x - x) / r, (yy + ball.y - y) / r
    slope = (np.gradient(rough, axis=1) - np.gradient(rough, axis=0)) * 26
    day = np.clip(0.52 + 0.62 * (dx * 0.6 - dy * 0.75) + slope * 0.5, 0, 1)
    body = mix(rgb("#3a1744"), rgb("#ffb070"), (day**1.3)[..., None])
    alpha, under, _ = c.window(ball)
    under += (body - under) * alpha[..., None]
    c.light(ball.rim(-7, 9, 8), "#ffd9a0", 0.6)
    for px, py, s in ((470, 560, 0.5), (690, 600, 0.56), (560, 760, 0.62), (720, 790, 0.5), (420, 720, 0.45)):
        c.paint(draw([circle(px - 24 * s, py, 80 * s, 12 * s)]).softened(5), "#2a1038", 0.55)
        if s > 0.52:
            saguaro(c, px, py, s, "planet", px, mound=False)
        else:
            barrel(c, px, py, 70 * s, "planet", px)
    c.vignette(0.3)
    return c.image()


def _standing(c: Canvas, x: float, y: float, r: float, angle: float, size: float, *seed: object) -> None:
    """Stand a cactus on the rim of the small planet, pointing outward."""
    c0, s0 = np.cos(angle), np.sin(angle)
    random = rng("standing", *seed, angle)
    foot = np.array([x + c0 * (r - 8), y + s0 * (r - 8)])
    out, side = np.array([c0, s0]), np.array([-s0, c0])
    tall = 300 * size
    column(
        c,
        curve([tuple(foot), tuple(foot + out * tall * 0.5), tuple(foot + out * tall)]),
        60 * size,
        "#347058",
        "#1a3b44",
        "#ffc27a",
        1.0,
    )
    for sign in (-1, 1):
        if random.random() < 0.75:
            h, w, up = random.uniform(0.3, 0.55) * tall, 70 * size, random.uniform(0.2, 0.42) * tall
            limb = [
                foot + out * h,
                foot + out * h + side * sign * w * 0.6,
                foot + out * (h + 18 * size) + side * sign * w,
                foot + out * (h + up) + side * sign * w,
            ]
            column(c, curve([tuple(p) for p in limb]), 40 * size, "#347058", "#1a3b44", "#ffc27a", 1.0)
    tip = foot + out * (tall + 26 * size)
    flower(
        c, float(tip[0]), float(tip[1]), 17 * size, str(random.choice(["#ff5f8f", "#ffb04a", "#ff7a5a"])), *seed, angle
    )


def bloom_night() -> Image.Image:
    """A barrel cactus in flower under the rings (1024 x 1024)."""
    c = Canvas(1024, 1024, (0, "#0e1540"), (0.5, "#3a2f74"), (0.75, "#8a4f8a"), (1, "#a8567a"))
    land.stars(c, 260, 620, "bloom")
    giant(c, 250, 240, 120, "#ffe0c0", "#8a4f86", "#ffe9d4", "bloom", tilt=0.3)
    mesa(c, 730, 150, 330, "#4d2f68", "#a3608c", "#8a5a94", "bloom", fade=150)
    ground(c, 720, "#3d2050", "#b0608a", "bloom", height=30)
    saguaro(c, 880, 750, 0.9, "bloom", 1, tone="#2c5566", dark="#1b2348", lit="#c7b4ff")
    saguaro(c, 130, 744, 0.6, "bloom", 2, tone="#2c5566", dark="#1b2348", lit="#c7b4ff")
    barrel(c, 520, 950, 250, "bloom", 3, tone="#2f7a70", dark="#142c4a", lit="#d8ccff", bloom="#ff5fa0")
    barrel(c, 826, 990, 96, "bloom", 4, tone="#2f7a70", dark="#142c4a", lit="#d8ccff", bloom="#ffd05a")
    random = rng("bloom", "flies")
    for _ in range(26):
        c.glow(random.random() * 1024, random.uniform(380, 980), random.uniform(7, 18), "#d8ff9a", 0.75)
    c.vignette(0.28)
    return c.image()


def mesas() -> Image.Image:
    """Table mountains at noon and a stone arch (1200 x 900)."""
    c = Canvas(1200, 900, (0, "#2f7f9c"), (0.4, "#8fc7c4"), (0.7, "#ffe3b4"), (1, "#ffd9a0"))
    giant(c, 320, 190, 130, "#f4f0dc", "#9cc0bf", "#f7f3e0", "mesas", tilt=-0.2, haze=0.35, air="#8fc7c4")
    land.billow(c, 470, 34, "#e5d9c0", "#fffaf0", "mesas", 1)
    mesa(c, 600, 170, 360, "#c98a74", "#ffe0b4", "#ffc79a", "mesas", 2, fade=170)
    mesa(c, 660, 300, 420, "#a9573f", "#f7bf8c", "#ffa26a", "mesas", 6, fade=260)
    ground(c, 660, "#c9683f", "#ffd08c", "mesas", 1, height=30)
    outer = [(680, 800), (690, 600), (720, 470), (830, 380), (960, 366), (1080, 430), (1120, 560), (1150, 800)]
    inner = [(1040, 800), (1030, 640), (990, 530), (900, 490), (820, 530), (786, 640), (790, 800)]
    random = rng("arch")
    edge = np.vstack([curve(outer, steps=20), curve(inner, steps=20)])
    edge = edge + random.normal(0, 1.8, edge.shape)
    arch = draw([edge], scale=2)
    c.paint(arch, "#b55a3c", to="#7a3030")
    rough = noise(*arch.a.shape, 80, "arch", octaves=6, gain=0.55, stretch=1.6)
    slope = np.gradient(rough, axis=1) * 50 + np.gradient(rough, axis=0) * 40
    c.paint(arch.times(smooth(0.1, 1.1, slope)), "#ffb27a", 0.6)
    y = np.arange(arch.a.shape[0], dtype=np.float32)[:, None]
    c.paint(arch.times(0.5 + 0.5 * np.sin(y * 0.22 + rough * 16)), "#8a3a30", 0.35)
    c.light(arch.rim(-5, 7, 4), "#ffe0b0", 0.7)
    ground(c, 790, "#b5532f", "#ffc27a", "mesas", 2, height=46)
    for px, py, s in ((210, 830, 1.05), (60, 800, 0.6), (560, 820, 0.5), (930, 800, 0.42), (1100, 850, 0.8)):
        saguaro(c, px, py, s, "mesas", px, tone="#4a8a5c", dark="#22504a", lit="#fff0c0")
    barrel(c, 380, 866, 52, "mesas", 1)
    c.vignette(0.15)
    return c.image()
