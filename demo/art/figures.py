"""The people in the pictures and what they carry: the wanderer, walkers in the rain, boats, lanterns."""

from __future__ import annotations

import numpy as np

from demo.art.kit import Canvas, Mask, Points, draw, rng
from demo.art.shapes import circle, curve, place, stroke

CLOAK = [
    (-10, -150),
    (12, -150),
    (30, -128),
    (46, -84),
    (74, -40),
    (128, -14),
    (176, -20),
    (150, 4),
    (104, 16),
    (60, 8),
    (30, 2),
    (0, 4),
    (-26, 0),
    (-40, 2),
    (-36, -40),
    (-30, -90),
    (-26, -130),
]


HAT = [(0, -208), (16, -190), (62, -160), (56, -152), (0, -146), (-56, -152), (-62, -160), (-16, -190)]


def wanderer(
    canvas: Canvas, x: float, y: float, size: float, rim: str = "#ffd9a0", flip: bool = False, ink: bool = False
) -> None:
    """Paint the wanderer from behind, feet at (x, y), about 208 units of `size` tall, the red cloak in the wind."""

    def at(points: Points) -> np.ndarray:
        return place(points, x, y, size, flip=flip)

    dark, red, deep = ("#241c1c", "#b3261e", "#6f1414") if not ink else ("#1c1c1e", "#a8281f", "#701a16")
    legs = draw([at([(-20, -6), (-4, -6), (-6, 26), (-22, 26)]), at([(6, -6), (22, -6), (24, 24), (8, 26)])])
    canvas.paint(legs, dark)
    canvas.paint(draw([], [(at([(-58, 28), (-50, -236)]), 5 * size)]), "#3a2a20")
    canvas.light(draw([], [(at([(-56, 28), (-48, -236)]), 1.6 * size)]), rim, 0.5)
    cloak = draw([at(curve(CLOAK, closed=True))])
    canvas.paint(cloak, red, to=deep)
    folds = [
        [(4, -120), (14, -70), (34, -26), (84, 4)],
        [(20, -112), (36, -64), (70, -26), (130, -8)],
        [(-12, -118), (-10, -60), (-14, -4)],
        [(-2, -100), (4, -50), (14, -2)],
    ]
    shade = draw([at(stroke(f, [1, 8, 3])) for f in folds])
    canvas.paint(shade.softened(2 * size), "#4a0c10", 0.55)
    glint = draw([at(stroke([(px + 7, py + 1) for px, py in f], [0.5, 5, 1])) for f in folds])
    canvas.paint(glint.softened(2 * size), "#e9553a", 0.6)
    canvas.light(cloak.rim(5 * size * (1 if not flip else -1), 4 * size, 2.2 * size), rim, 0.75)
    scarf = draw([at(stroke([(14, -146), (60, -160), (104, -140), (150, -158), (196, -142)], [13, 12, 10, 8, 1]))])
    canvas.paint(scarf, "#d9432e")
    canvas.light(scarf.rim(0, 3 * size, 1.2 * size), rim, 0.45)
    hat = draw([at(curve(HAT, closed=True, steps=6))])
    canvas.paint(hat, "#d7ac6a", to="#7d5426")
    ribs = draw([], [(at([(0, -206), (px, -154)]), 1.2 * size) for px in (-44, -24, -6, 12, 30, 46)])
    canvas.paint(Mask(ribs.a, ribs.x, ribs.y), "#6b4420", 0.55)
    canvas.light(hat.rim(5 * size, 4 * size, 2 * size), rim, 0.6)


def walker(
    canvas: Canvas, x: float, y: float, size: float, coat: str, brolly: str, rim: str, *seed: object, lit: float = 0.8
) -> None:
    """Paint someone walking under an umbrella, feet at (x, y), about 200 units of `size` tall."""
    random = rng("walker", *seed)
    flip = bool(random.integers(2))

    def at(points: Points) -> np.ndarray:
        return place(points, x, y, size, flip=flip)

    step = random.uniform(6, 16)
    body = [
        at(stroke([(-4, -74), (-6 - step, -34), (-10 - step, 0)], [20, 15, 11])),
        at(stroke([(6, -74), (8 + step * 0.5, -36), (4 + step, 0)], [20, 15, 11])),
        at(
            curve(
                [(-14, -140), (14, -140), (24, -118), (26, -70), (30, -44), (-28, -44), (-26, -70), (-24, -118)],
                closed=True,
            )
        ),
        at(stroke([(14, -128), (30, -108), (16, -142)], [11, 9, 8])),
        circle(*at([(0, -156)])[0], 13 * size, 15 * size),
    ]
    figure = draw(body)
    canvas.paint(figure, coat)
    edge = 1.2 + 0.9 * size
    canvas.light(figure.rim(-edge if flip else edge, edge * 0.6, edge * 0.5), rim, lit)
    canvas.paint(draw([], [(at([(14, -206), (15, -118)]), 2.4 * size)]), coat)
    dome = [
        (-66, -176),
        (-52, -200),
        (-24, -216),
        (8, -220),
        (44, -212),
        (70, -194),
        (86, -172),
        (66, -178),
        (48, -172),
        (30, -178),
        (10, -171),
        (-8, -178),
        (-28, -171),
        (-46, -178),
    ]
    top = draw([at(curve(dome, closed=True, steps=6))])
    canvas.paint(top, brolly)
    canvas.paint(draw([], [(at([(8, -219), (px, -175)]), 1.3 * size) for px in (-28, 10, 48)]), coat, 0.5)
    canvas.light(top.rim(2 * size, 4 * size, 2 * size), rim, lit * 0.7)
    canvas.paint(top.rim(0, -12 * size, 7 * size), coat, 0.45)


def boat(canvas: Canvas, x: float, y: float, size: float, wood: str, cover: str, person: str) -> None:
    """Paint a small covered boat with its boatman; the water line is at `y`."""

    def at(points: Points) -> np.ndarray:
        return place(points, x, y, size)

    canvas.paint(
        draw(
            [
                at(
                    curve(
                        [(-96, -16), (-60, -2), (0, 2), (60, -2), (104, -22), (84, 6), (50, 14), (-50, 14), (-80, 6)],
                        closed=True,
                    )
                )
            ]
        ),
        wood,
    )
    canvas.paint(draw([at(curve([(-36, -2), (-32, -26), (-4, -36), (24, -26), (28, -2)], closed=True))]), cover)
    canvas.paint(
        draw(
            [
                at(stroke([(62, -4), (64, -34), (60, -52)], [13, 14, 7])),
                circle(*at([(60, -60)])[0], 6.5 * size),
                at([(46, -60), (60, -72), (75, -60)]),
            ],
            [(at([(44, -46), (96, 20)]), 2.2 * size)],
        ),
        person,
    )


def lantern(canvas: Canvas, x: float, y: float, size: float, color: str, core: str, glow: float = 1.0) -> None:
    """Paint a paper lantern hung from (x, y), about 60 units of `size` tall, with the light it gives."""
    canvas.glow(x, y + 26 * size, 120 * size, color, 0.55 * glow, 2.2)
    canvas.paint(draw([], [([(x, y - 22 * size), (x, y + 2 * size)], max(0.8, 1.4 * size))]), "#1c1216", 0.9)
    paper = draw([circle(x, y + 26 * size, 24 * size, 22 * size)])
    canvas.paint(paper, color)
    canvas.light(draw([circle(x, y + 29 * size, 13 * size, 14 * size)]).softened(6 * size), core, 0.95)
    ribs = draw(
        [],
        [
            (
                curve(
                    [
                        (x + k * 6 * size, y + 5 * size),
                        (x + k * 22 * size, y + 26 * size),
                        (x + k * 6 * size, y + 47 * size),
                    ]
                ),
                max(0.6, 0.9 * size),
            )
            for k in (-0.66, -0.28, 0.28, 0.66)
        ],
    )
    canvas.paint(ribs, "#5a0f0c", 0.35)
    caps = [
        [(x - 9 * size, y), (x + 9 * size, y), (x + 9 * size, y + 6 * size), (x - 9 * size, y + 6 * size)],
        [
            (x - 8 * size, y + 46 * size),
            (x + 8 * size, y + 46 * size),
            (x + 8 * size, y + 51 * size),
            (x - 8 * size, y + 51 * size),
        ],
    ]
    canvas.paint(draw(caps), "#2a1512")
    canvas.paint(
        draw(
            [],
            [
                ([(x + k * size, y + 51 * size), (x + k * size * 1.4, y + (70 + abs(k)) * size)], max(0.6, 1.1 * size))
                for k in (-3, 0, 3)
            ],
        ),
        color,
        0.9,
    )
