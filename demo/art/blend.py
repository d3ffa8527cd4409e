"""Composition for real: layers over one another, then an ink-wash pass over all; night ink with its neon."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from demo.art import beasts, city, figures, ink, land, neon
from demo.art.kit import Array, Canvas, Mask, blur, draw, noise, resize, resize_down, rng, smooth, whole
from demo.art.shapes import circle, curve, stroke


def ink_wash(picture: Array, *seed: object, color: float = 1.0, margin: float = 46.0, lift: float = 0.0) -> Canvas:
    """Paint a picture again in ink: darkness becomes washes on paper, saturated light stays as thin pigment."""
    height, width = picture.shape[:2]
    wobble_x, wobble_y = (
        noise(height, width, 26, *seed, "wx", octaves=3) - 0.5,
        noise(height, width, 26, *seed, "wy", octaves=3) - 0.5,
    )
    iy = np.clip(np.arange(height, dtype=np.float32)[:, None] + wobble_y * 7, 0, height - 1).astype(np.int32)
    ix = np.clip(np.arange(width, dtype=np.float32)[None, :] + wobble_x * 7, 0, width - 1).astype(np.int32)
    warped = picture[iy, ix]
    gray = warped @ np.array([0.30, 0.55, 0.15], np.float32)
    near, far = resize(resize_down(gray, 2), height, width), blur(gray, 6.0)
    line = np.clip((far - near) * 5.0, 0, 1)
    tone = np.clip((np.float32(0.92) - np.clip(near, 0, 1) ** np.float32(0.62 - lift)) * 1.25, 0, 1)
    pool = noise(height, width, 120, *seed, "pool", octaves=5, gain=0.58)
    tone = tone * (0.45 + 1.1 * smooth(0.2, 0.8, pool)) + 0.9 * line
    across, down = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    ragged = noise(height, width, 60, *seed, "edge", octaves=5, gain=0.6) - 0.5
    inset = (
        np.minimum(np.minimum(across, width - 1 - across)[None, :], np.minimum(down, height - 1 - down)[:, None])
        + ragged * margin * 2.2
    )
    inside = smooth(margin * 0.7, margin * 1.5, inset)
    sheet = ink.paper(width, height, *seed)
    sheet.stain(whole((tone * inside).astype(np.float32)), ink.INK, 1.15)
    pigment = warped - gray[..., None]
    soft = np.stack([resize(resize_down(pigment[..., i], 2), height, width) for i in range(3)], axis=-1)
    sheet.px += soft * (np.float32(1.25 * color) * inside * (0.5 + 0.8 * smooth(0.25, 0.7, pool)))[..., None]
    np.clip(sheet.px, 0, 1, out=sheet.px)
    return sheet


def pixels(picture: Image.Image) -> Array:
    """A picture as floats in 0..1."""
    return np.asarray(picture.convert("RGB"), np.float32) / np.float32(255)


@lru_cache(maxsize=1)
def layer_scene() -> Image.Image:
    """Layer 2 alone: a street of the harbor market in the rain, nobody in it (1600 x 900)."""
    c = Canvas(1600, 900, *city.RAIN_SKY)
    tubes = city.street(c, 640, "night", widths=(220, 320), heights=(300, 420))
    tubes.shine(c)
    city.reflect(c, 640, "night")
    city.steam(c, (300, 1240), 590, "night")
    return c.image()


def layer_wanderer() -> Image.Image:
    """Layer 1 alone: the wanderer, cut out on transparency (900 x 900)."""
    plain = []
    for ground in ("#000000", "#ffffff"):
        c = Canvas(900, 900, (0, ground), (1, ground))
        figures.wanderer(c, 380, 800, 2.9, rim="#ff9ac0")
        plain.append(np.clip(c.px, 0, 1))
    alpha = 1 - np.clip((plain[1] - plain[0]).mean(axis=-1), 0, 1)
    color = np.where(alpha[..., None] > 0.003, plain[0] / np.maximum(alpha[..., None], 0.003), 0)
    cut = np.concatenate([np.clip(color, 0, 1), alpha[..., None]], axis=-1)
    return Image.fromarray((cut * 255 + 0.5).astype(np.uint8), "RGBA")


@lru_cache(maxsize=1)
def layers() -> Image.Image:
    """Layer 1 over layer 2, before any style (1600 x 900)."""
    base = layer_scene().copy()
    size = 560
    figure = layer_wanderer().resize((size, size), Image.Resampling.LANCZOS)
    shade = Image.fromarray(
        (np.asarray(figure)[::-1].astype(np.float32) * [0.5, 0.5, 0.55, 0.45]).astype(np.uint8), "RGBA"
    )
    base.paste(shade.resize((size, size // 3)), (520, 818), shade.resize((size, size // 3)))
    base.paste(figure, (520, 310), figure)
    return base


def night_cover() -> Image.Image:
    """All three layers: the wanderer, the market in the rain, the ink (1600 x 900)."""
    sheet = ink_wash(pixels(layers()), "night-cover", color=1.05, margin=52, lift=0.16)
    ink.seal(sheet, 1472, 764, 50)
    return sheet.image()


def night_whale() -> Image.Image:
    """The whale over the harbor, in ink (1200 x 900)."""
    c = Canvas(1200, 900, (0, "#000000"), (1, "#000000"))
    c.px[:] = pixels(neon.harbor())
    beasts.whale(c, 560, 210, 0.86, "#3c4f86", "#c8b4cf", "#ffb9d6", turn=0.06)
    land.cloud_bank(
        c, 320, 34, "#7a4f8c", "#f0b4c4", "night", "veil", x0=380, x1=860, density=1.2, fill=False, opacity=0.9
    )
    sheet = ink_wash(c.px, "night-whale", color=1.05, lift=0.12)
    ink.seal(sheet, 1090, 780, 46)
    return sheet.image()


def _night_paper(width: int, height: int, *seed: object) -> Canvas:
    """Indigo-black paper with fibers and a cloud of dried ink."""
    c = Canvas(width, height, (0, "#0b0c1c"), (0.6, "#14122b"), (1, "#0a0a16"))
    cloud = noise(height, width, 280, *seed, "cloud", octaves=5, gain=0.55)
    c.light(whole(smooth(0.42, 0.85, cloud)), "#3a2a66", 0.5)
    fiber = noise(height, width, 3, *seed, "fiber", octaves=1, stretch=9)
    c.px *= (0.94 + 0.12 * fiber)[..., None]
    return c


def _ridge(
    c: Canvas, tubes: city.Tubes, profile: Array, color: str, mistc: str, fade: float, *seed: object, width: float = 2.4
) -> None:
    """Paint a range in black ink with a broken neon contour and colored mist at its foot."""
    top, bottom = max(0, int(profile.min()) - 2), min(c.height, int(profile.max() + fade * 2))
    rows = bottom - top
    depth = np.arange(top, bottom, dtype=np.float32)[:, None] - profile[None, :]
    inside = np.clip(depth + 0.5, 0, 1)
    rough = noise(rows, c.width, 70, *seed, "cun", octaves=5, gain=0.58, stretch=0.4) + 0.0030 * profile[None, :]
    lines = smooth(0.72, 1.0, np.abs(((rough * 5) % 1.0) - 0.5) * 2) * smooth(fade * 0.8, 0, depth)
    wet = smooth(0.4, 0.7, noise(rows, c.width, 120, *seed, "wet", octaves=3))
    mist = smooth(fade * 0.35, fade, depth) * smooth(fade * 2.0, fade, depth)
    c.paint(Mask(inside * smooth(fade * 1.5, fade * 0.5, depth), 0, top), "#07070f", 0.96)
    c.light(Mask(inside * lines * wet, 0, top), color, 0.42)
    c.light(Mask(inside * mist, 0, top), mistc, 0.42)
    tubes.fill(
        [(0, c.height), *[(float(x), float(profile[x])) for x in range(0, c.width, 3)], (c.width, c.height)], "#000000"
    )
    gaps = noise(3, c.width, 60, *seed, "gap", octaves=3)[1]
    start = 0
    for x in range(0, c.width, 4):
        if gaps[x] < 0.4 or x >= c.width - 5:
            if x - start > 16:
                tubes.line([(float(i), float(profile[i])) for i in range(start, x, 4)], color, width)
            start = x + 4


def neon_cover() -> Image.Image:
    """Black mountains with burning edges, their light in the water (1600 x 900)."""
    c = _night_paper(1600, 900, "ink-neon")
    land.stars(c, 140, 360, "ink-neon")
    c.glow(1080, 270, 420, city.PINK, 0.5, 2.0)
    ring = city.Tubes(1600, 900)
    ring.line(np.vstack([circle(1080, 270, 104, points=90), circle(1080, 270, 104, points=90)[:1]]), city.PINK, 5)
    ring.shine(c)
    tubes = city.Tubes(1600, 900)
    for k, (base, height, cell, color, mistc) in enumerate(
        (
            (500, 220, 420, city.VIOLET, "#5a2a9a"),
            (570, 300, 460, city.PINK, "#a02a78"),
            (640, 330, 380, city.CYAN, "#1c6a9a"),
        )
    ):
        _ridge(
            c,
            tubes,
            ink.peaked(1600, base, height, cell, "ink-neon", k + 3),
            color,
            mistc,
            150,
            "ink-neon",
            k,
            width=2.2 + 0.6 * k,
        )
    tubes.shine(c, 0.8)
    land.mirror(c, 690, "ink-neon", strength=0.82, jitter=6, tint="#070713", streak=8)
    flock = city.Tubes(1600, 900)
    for x, y, s in ((560, 190, 0.6), (640, 150, 0.48), (706, 196, 0.40)):
        for part in beasts.crane(x, y, s, 0.3, flip=True):
            flock.fill(part, "#c9f4ff")
    flock.shine(c, 0.5)
    figures.boat(c, 560, 770, 1.0, "#04040a", "#1c1430", "#04040a")
    figures.lantern(c, 600, 716, 0.5, "#ff5a8a", "#ffe0f0", 1.2)
    c.vignette(0.3)
    return c.image()


def neon_koi() -> Image.Image:
    """Koi of light in black water (1080 x 1080)."""
    c = _night_paper(1080, 1080, "neon-koi")
    tubes = city.Tubes(1080, 1080)
    for k, (x, y, s, turn, bend, color, mark) in enumerate(
        (
            (420, 390, 1.45, 0.75, 50, city.PINK, city.AMBER),
            (690, 720, 1.25, 2.55, -54, city.CYAN, city.VIOLET),
            (260, 800, 0.7, -0.5, 40, city.AMBER, city.PINK),
        )
    ):
        fish = ink.koi_shape(x, y, s, turn, bend)
        for part in (*fish["tail"], *fish["fins"]):
            c.light(draw([part]).softened(2).textured("fin", k, cell=22, low=0.25, high=0.75), color, 0.5)
        body = draw(fish["body"])
        c.paint(body, "#0a0914", 0.9)
        c.light(body.textured("scale", k, cell=16, low=0.4, high=0.7), color, 0.35)
        c.light(draw(fish["marks"]).softened(4).textured("mark", k, cell=40, low=0.2, high=0.6), mark, 0.9)
        for part in (*fish["body"], *fish["tail"], *fish["fins"][:2]):
            tubes.line(np.vstack([part, part[:1]]), color, 2.2 * max(0.8, s * 0.8))
        for part in fish["eyes"]:
            tubes.fill(part, "#ffffff")
    for x, y, r in ((820, 250, 150), (180, 160, 80), (930, 930, 110), (520, 1010, 70)):
        for grow in (1.0, 1.5):
            tubes.line(circle(x, y, r * grow, r * 0.42 * grow)[3:40], "#27406b", 1.2, core=False)
    tubes.shine(c)
    petals = rng("neon-koi")
    for _ in range(24):
        x, y = petals.random() * 1080, petals.random() * 1080
        c.light(draw([circle(x, y, 8, 4.5, turn=petals.random() * 3)]), city.PINK, 0.75)
    c.vignette(0.3)
    return c.image()


def neon_alley() -> Image.Image:
    """The alley of Neon Harbor again, as bob's style sees it (1024 x 1280)."""
    sheet = ink_wash(pixels(neon.alley()), "neon-alley", color=1.7, margin=50, lift=0.10)
    ink.seal(sheet, 890, 1150, 52)
    return sheet.image()


def neon_branch() -> Image.Image:
    """A plum branch whose blossoms are tubes (1080 x 1080)."""
    c = _night_paper(1080, 1080, "neon-branch")
    boughs = [
        ([(-40, 960), (200, 840), (330, 690), (470, 640), (620, 480), (760, 430), (930, 250)], 50),
        ([(330, 690), (520, 780), (760, 760), (900, 840)], 22),
        ([(600, 500), (560, 330), (640, 170)], 20),
    ]
    tubes = city.Tubes(1080, 1080)
    random = rng("neon-branch")
    c.glow(700, 360, 420, city.VIOLET, 0.4, 2.0)
    for points, width in boughs:
        limb = draw([stroke(points, [width, width * 0.7, width * 0.2])])
        c.paint(limb, "#05050b")
        c.light(limb.rim(-3, 5, 2.5), city.CYAN, 0.75)
        path = curve(points, steps=10)
        for x, y in path[12::4]:
            px, py, r = float(x) + random.normal(0, 24), float(y) + random.normal(0, 24), float(random.uniform(14, 30))
            turn = random.random() * 6.28
            color = city.PINK if random.random() < 0.8 else city.AMBER
            for k in range(5):
                a = turn + k * 1.2566
                petal = circle(px + np.cos(a) * r * 0.72, py + np.sin(a) * r * 0.66, r * 0.52, r * 0.46, points=20)
                tubes.line(np.vstack([petal, petal[:1]]), color, 1.8)
            tubes.fill(circle(px, py, 3.2, points=12), "#ffe6a0")
    tubes.shine(c)
    c.vignette(0.3)
    return c.image()
