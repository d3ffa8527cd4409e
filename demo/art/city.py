"""What Neon Harbor is made of: glass tubes, shop houses, towers, rain, wet ground, people under umbrellas."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from demo.art import figures, land
from demo.art.glyphs import CHARACTERS, ICONS
from demo.art.kit import Canvas, Points, bloom, draw, mix, noise, rgb, rng, smooth, whole
from demo.art.shapes import circle, curve

PINK, CYAN, AMBER, VIOLET, LIME, RED = "#ff3d8b", "#35d8ff", "#ffb13d", "#a067ff", "#6dffb0", "#ff4a3a"


TUBES = (PINK, CYAN, AMBER, VIOLET, LIME, RED)


RAIN_SKY = ((0.0, "#0d1030"), (0.3, "#2a2257"), (0.55, "#6b3375"), (0.7, "#7d3a78"), (1.0, "#2a1a3d"))


class Tubes:
    """Everything that shines of itself, drawn at double size, laid over a canvas with its bloom."""

    def __init__(self, width: int, height: int) -> None:
        """Start dark."""
        self.sheet = Image.new("RGB", (width * 2, height * 2))
        self.pen = ImageDraw.Draw(self.sheet)

    def line(self, points: Points, color: str, width: float, core: bool = True) -> None:
        """Bend a tube along the points: colored wall, white-hot core."""
        path = [(float(x) * 2, float(y) * 2) for x, y in points]
        tint = tuple(int(v * 255) for v in rgb(color))
        self.pen.line(path, fill=tint, width=max(2, round(width * 2)), joint="curve")
        r = width
        for x, y in (path[0], path[-1]):
            self.pen.ellipse([x - r, y - r, x + r, y + r], fill=tint)
        if core:
            white = tuple(int(v * 255) for v in mix(rgb(color), np.ones(3, np.float32), 0.72))
            self.pen.line(path, fill=white, width=max(1, round(width * 0.85)), joint="curve")

    def fill(self, points: Points, color: str) -> None:
        """Fill a glowing area, such as a lit window."""
        self.pen.polygon(
            [(float(x) * 2, float(y) * 2) for x, y in points], fill=tuple(int(v * 255) for v in rgb(color))
        )

    def sign(self, which: str, x: float, y: float, size: float, color: str, width: float) -> None:
        """Bend a character or an icon into the square at (x, y)."""
        for stroke in CHARACTERS.get(which) or ICONS[which]:
            self.line([(x + px * size, y + py * size) for px, py in stroke], color, width)

    def shine(self, canvas: Canvas, spread: float = 1.0) -> None:
        """Screen the tubes and their bloom over the canvas."""
        light = self.sheet.reduce(2)
        total = bloom(light, (4 * spread, 0.55), (16 * spread, 0.45), (70 * spread, 0.62))
        total += np.asarray(light, np.float32) / np.float32(255)
        np.clip(total, 0, 1, out=total)
        total *= 1 - canvas.px
        canvas.px += total


def box(x: float, y: float, w: float, h: float) -> list[tuple[float, float]]:
    """The corners of an upright rectangle."""
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def towers(
    c: Canvas,
    tubes: Tubes,
    base: float,
    low: float,
    high: float,
    color: str,
    haze: str,
    *seed: object,
    lit: float = 0.2,
    cell: float = 9,
) -> None:
    """Set a skyline of towers with lit windows on row `base`."""
    random = rng("towers", *seed)
    x, shapes, windows = -20.0, [], []
    while x < c.width:
        w, h = random.uniform(36, 110), low + (high - low) * random.random() ** 1.8
        shapes.append(box(x, base - h, w, h + 4))
        if random.random() < 0.4:
            shapes.append(box(x + w * 0.3, base - h - 16, w * 0.4, 18))
            shapes.append(box(x + w * 0.5 - 1, base - h - 60 * random.random() - 14, 2, 80))
        tubes.fill(box(x, base - h, w, h + 4), "#000000")
        tint = str(random.choice(["#ffcf8a", "#8fd8ff", "#ff9ac4", "#ffe6b8"]))
        for wy in np.arange(base - h + 8, base - 8, cell):
            for wx in np.arange(x + 5, x + w - 6, cell * 0.8):
                if random.random() < lit:
                    windows.append((box(wx, wy, cell * 0.42, cell * 0.5), tint))
        x += w + random.uniform(-6, 16)
    c.paint(draw(shapes, scale=2), color, to=haze)
    for corners, tint in windows:
        tubes.fill(corners, "#" + "".join(f"{int(v * 255 * random.uniform(0.25, 0.85)):02x}" for v in rgb(tint)))


def shop(c: Canvas, tubes: Tubes, x: float, w: float, base: float, height: float, *seed: object) -> None:
    """Build one shop house: upper floors with windows, an awning, a lit front, its signs."""
    random = rng("shop", *seed)
    wall = ["#241d3f", "#2b2144", "#1d2340", "#332042", "#20284a"][int(random.integers(5))]
    c.paint(draw([box(x, base - height, w, height)], scale=1), wall, to="#171329")
    c.paint(draw([box(x - 4, base - height - 8, w + 8, 12)], scale=1), "#120f22")
    tubes.fill(box(x - 4, base - height - 8, w + 8, height + 8), "#000000")
    front, tint = 128.0, ["#ffc46b", "#ffd9a0", "#ff9d7a", "#ffe0b0"][int(random.integers(4))]
    columns = max(2, int(w / 58))
    for row in range(int((height - front - 60) / 66)):
        for col in range(columns):
            wx, wy = x + (col + 0.5) * w / columns - 17, base - height + 26 + row * 66
            lit = random.random() < 0.5
            c.paint(draw([box(wx - 3, wy - 3, 40, 46)], scale=1), "#0f0c1e")
            if lit:
                tubes.fill(box(wx, wy, 34, 40), ["#6b3f1c", "#4f2f45", "#1c4256", "#6f4a22"][int(random.integers(4))])
            c.paint(draw([box(wx, wy, 34, 40)], scale=1), "#2c3158", 0.7)
            c.paint(draw([box(wx + 15, wy, 3, 40), box(wx, wy + 18, 34, 3)], scale=1), "#0f0c1e")
            if random.random() < 0.35:
                c.paint(draw([box(wx + 2, wy + 44, 30, 16)], scale=1), "#39385c", to="#1c1b33")
    dim = "#" + "".join(f"{int(v * 255 * 0.40):02x}" for v in rgb(tint))
    tubes.fill(box(x + 10, base - front + 18, w - 20, front - 46), dim)
    for shelf in (base - 66, base - 34):
        for k in range(int((w - 30) / 13)):
            tall, gx = float(random.uniform(8, 22)), x + 15 + k * 13
            tubes.fill(
                box(gx, shelf - tall, 9, tall), ["#43202a", "#5a3020", "#2c2438", "#6b3a26"][int(random.integers(4))]
            )
        tubes.fill(box(x + 12, shelf, w - 24, 3), "#2a151c")
    keeper = x + w * random.uniform(0.3, 0.7)
    tubes.fill(
        curve(
            [
                (keeper - 20, base - 26),
                (keeper - 18, base - 58),
                (keeper, base - 68),
                (keeper + 18, base - 58),
                (keeper + 20, base - 26),
            ]
        ),
        "#160d18",
    )
    tubes.fill(circle(keeper, base - 78, 11, 13), "#160d18")
    for bulb in np.linspace(x + 34, x + w - 34, 3):
        tubes.fill(circle(bulb, base - 98, 5, points=16), "#fff0c8")
    tubes.fill(box(x + 6, base - 28, w - 12, 28), "#1d1226")
    stripes = int(w / 18)
    colors = [["#7a2338", "#c9b8a8"], ["#1f4a66", "#c7c2b8"], ["#6a3a1c", "#cbb48f"]][int(random.integers(3))]
    for k in range(stripes):
        a, b = x + w * k / stripes, x + w * (k + 1) / stripes
        mid, wide = x + w / 2, 1.07
        edge = [
            (a, base - front - 12),
            (b, base - front - 12),
            (mid + (b - mid) * wide, base - front + 22),
            (mid + ((a + b) / 2 - mid) * wide, base - front + 29),
            (mid + (a - mid) * wide, base - front + 22),
        ]
        c.paint(draw([edge], scale=2), colors[k % 2], 0.9, to="#2a1830")


def signs(c: Canvas, tubes: Tubes, x: float, w: float, base: float, height: float, *seed: object) -> None:
    """Hang a vertical sign and a shop sign on a shop house."""
    random = rng("signs", *seed)
    color = TUBES[int(random.integers(6))]
    size = random.uniform(46, 60)
    picks = ["肉串", "白茶", "大吉", "山茶", "大米", "月白", "豆", "串", "王"][int(random.integers(9))]
    sx, sy = x + w - size * 0.5, base - height + random.uniform(10, 50)
    tall = len(picks) * size * 1.12 + 14
    board = box(sx - 8, sy - 8, size + 16, tall + 4)
    tubes.fill(board, "#0b0918")
    c.paint(draw([board], scale=1), "#0d0a1a")
    tubes.line([*board, board[0]], TUBES[int(random.integers(6))], 2.2)
    for k, pick in enumerate(picks):
        tubes.sign(pick, sx + 3, sy + 2 + k * size * 1.12, size - 6, color, 3.4)
    icon = list(ICONS)[int(random.integers(len(ICONS)))]
    side = random.uniform(52, 74)
    ix, iy = x + w * random.uniform(0.12, 0.34), base - 128 - side - 34
    tubes.sign(icon, ix, iy, side, TUBES[int(random.integers(6))], 3.4)


def rain(c: Canvas, count: int, *seed: object, slant: float = 0.16, length: float = 46, opacity: float = 0.34) -> None:
    """Let it rain, in three depths."""
    random = rng("rain", *seed)
    for depth in (0.5, 0.8, 1.3):
        xs, ys = random.random(count) * c.width * 1.1, random.random(count) * c.height
        drops = [
            ([(x, y), (x - slant * length * depth, y + length * depth)], 0.9 * depth)
            for x, y in zip(xs, ys, strict=True)
        ]
        c.light(draw([], drops, scale=2), "#c9d8ff", opacity * depth * 0.62)


def street(
    c: Canvas, base: int, *seed: object, widths: tuple[int, int] = (190, 280), heights: tuple[int, int] = (330, 470)
) -> Tubes:
    """Build the shop row on row `base`, behind it the towers of the port; gives the tubes, not yet shining."""
    tubes = Tubes(c.width, c.height)
    towers(c, tubes, base, 260, 520, "#2a2552", "#57306b", *seed, "far", lit=0.10, cell=8)
    land.mist(c, base - 460, base, "#6a3674", 0.42)
    random = rng("street", *seed)
    x, index, row = -70.0, 0, []
    while x < c.width + 20:
        w = random.uniform(*widths)
        h = random.uniform(*heights)
        shop(c, tubes, x, w - 8, base, h, *seed, index)
        row.append((x, w - 8, h))
        x, index = x + w, index + 1
    for k, (sx, w, h) in enumerate(row):
        signs(c, tubes, sx, w, base, h, *seed, k)
    return tubes


def reflect(c: Canvas, base: int, *seed: object) -> None:
    """Wet the ground below row `base`."""
    c.px[base:] = rgb("#0e0c1e")
    land.mirror(c, base, *seed, strength=0.86, jitter=9, tint="#0d0b1c", streak=9)
    puddle = noise(c.height - base, c.width, 70, *seed, "puddle", octaves=4, stretch=4.5)
    dry = np.zeros((c.height, c.width), np.float32)
    dry[base:] = smooth(0.50, 0.62, puddle)
    c.paint(whole(dry), "#151129", 0.62)


def person(c: Canvas, x: float, y: float, size: float, *seed: object, brolly: str | None = None) -> None:
    """Paint a walker and the broken reflection under the feet."""
    random = rng("person", *seed)
    canopy = brolly or ["#27375f", "#55284f", "#1f4a55", "#5a3a2c"][int(random.integers(4))]
    rim = [PINK, CYAN, AMBER][int(random.integers(3))] if brolly is None else "#ff9ac0"
    under = draw(
        [
            curve(
                [
                    (x - 26 * size, y),
                    (x + 26 * size, y),
                    (x + 18 * size, y + 120 * size),
                    (x - 18 * size, y + 120 * size),
                ],
                closed=True,
            )
        ]
    ).softened(6 * size)
    t = np.linspace(1, 0, under.a.shape[0], dtype=np.float32)[:, None]
    c.paint(under.times(t * smooth(0.3, 0.55, noise(*under.a.shape, 12, *seed, octaves=2, stretch=5))), "#07060f", 0.75)
    c.paint(draw([circle(x, y, 34 * size, 5 * size)]).softened(4 * size), "#05040c", 0.8)
    figures.walker(c, x, y, size, "#100d1c", canopy, rim, *seed, lit=0.75)


def steam(c: Canvas, xs: tuple[float, ...], y: float, *seed: object) -> None:
    """Let steam rise from kitchens."""
    cloud = noise(c.height, c.width, 90, *seed, "steam", octaves=5, stretch=0.8)
    across = np.arange(c.width, dtype=np.float32)[None, :]
    up = np.float32(y) - np.arange(c.height, dtype=np.float32)[:, None]
    for x in xs:
        lean = x + 26 * np.sin(up / 60)
        shape = (
            np.exp(-(((across - lean) / (26 + 0.28 * np.clip(up, 0, 400))) ** 2))
            * smooth(-30, 50, up)
            * smooth(300, 80, up)
        )
        c.light(whole(shape * smooth(0.38, 0.72, cloud)), "#ffd0e6", 0.5)
