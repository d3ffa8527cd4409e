"""The animals in the pictures: the cloud whale, cranes, moon rabbits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.art.kit import Canvas, Mask, Points, draw, noise, smooth
from demo.art.shapes import circle, curve, place, stroke

WHALE = [
    (-300, 8),
    (-262, -62),
    (-180, -104),
    (-70, -118),
    (50, -100),
    (160, -62),
    (246, -30),
    (318, -22),
    (300, 4),
    (236, 16),
    (150, 44),
    (50, 78),
    (-70, 98),
    (-180, 92),
    (-262, 60),
]


FLUKE = [
    (296, -14),
    (336, -44),
    (388, -92),
    (440, -106),
    (424, -68),
    (392, -34),
    (404, -2),
    (444, 34),
    (456, 62),
    (406, 52),
    (346, 20),
    (300, 2),
]
BELLY = [(-304, 12), (-270, 26), (-170, 34), (-40, 34), (90, 22), (180, 8), (300, 0), (200, 120), (-100, 160)]
BELLY += [(-300, 110)]
FIN = [(-120, 40), (-80, 44), (-44, 92), (-30, 150), (-4, 196), (-46, 178), (-92, 128), (-128, 76)]


def whale(
    canvas: Canvas,
    x: float,
    y: float,
    size: float,
    back: str,
    belly: str,
    rim: str,
    turn: float = -0.12,
    flip: bool = False,
    opacity: float = 1.0,
) -> None:
    """Paint the cloud whale, centered at (x, y), about 750 units of `size` long, heading left unless flipped."""

    def at(points: Points) -> np.ndarray:
        return place(points, x, y, size, turn, flip)

    body = draw([at(curve(WHALE, closed=True)), at(curve(FLUKE, closed=True))])
    canvas.paint(body, back, opacity)
    under = draw([at(curve(BELLY, closed=True))])
    common = body.within(under.softened(10 * size))
    canvas.paint(common, belly, opacity * 0.92)
    lines = [
        [(-286, 34 + i * 9), (-200, 46 + i * 12), (-90, 48 + i * 12), (20 - i * 16, 40 + i * 11)] for i in range(5)
    ]
    canvas.paint(body.within(draw([at(stroke(line, [1, 3.4, 1])) for line in lines])), back, opacity * 0.75)
    dapple = noise(*body.a.shape, 60 * size, "whale", size, octaves=4)
    canvas.light(body.times(smooth(0.5, 0.8, dapple)), rim, 0.22 * opacity)
    canvas.light(body.rim(4 * size, 9 * size, 5 * size), rim, 0.85 * opacity)
    fin = draw([at(curve(FIN, closed=True))])
    canvas.paint(fin, back, opacity)
    canvas.light(fin.rim(5 * size, 3 * size, 3 * size), rim, 0.55 * opacity)
    eye = at([(-222, 8)])[0]
    canvas.paint(draw([circle(eye[0], eye[1], 8 * size, 6.4 * size)]), "#10141f", opacity)
    canvas.light(draw([circle(eye[0] - 2 * size, eye[1] - 2 * size, 2.2 * size)]), "#ffffff", 0.9 * opacity)
    canvas.paint(
        draw([at(stroke([(-298, 16), (-262, 26), (-226, 24), (-196, 32)], [2, 4, 1]))]), "#10141f", 0.5 * opacity
    )


def crane(x: float, y: float, size: float, beat: float = 0.0, flip: bool = False) -> list[np.ndarray]:
    """A flying crane as brush strokes; `beat` -1..1 lowers or lifts the wings."""
    lift = 46 + 30 * beat
    parts = [
        stroke([(-70, 6), (-40, -4), (-14, 0), (10, 4), (34, 2)], [2, 5, 15, 13, 5]),
        stroke([(30, 2), (70, 6), (96, 5)], [4, 2.4, 1.4]),
        stroke([(-92, 10), (-70, 6)], [0.8, 3.2]),
        stroke([(-10, 0), (14, -lift * 0.7), (44, -lift), (84, -lift * 0.8)], [16, 13, 9, 1]),
        stroke([(2, 2), (0, -lift * 0.55), (14, -lift * 1.1), (40, -lift * 1.35)], [13, 10, 6, 1]),
    ]
    return [place(p, x, y, size, flip=flip) for p in parts]


EAR = [(0, 0), (-15, -30), (-13, -78), (2, -98), (15, -74), (13, -28)]
FAR_EAR = [(0, 0), (-13, -30), (-10, -74), (4, -92), (15, -70), (12, -28)]
INNER_EAR = [(0, -14), (-7, -36), (-6, -72), (1, -84), (7, -70), (6, -34)]
TORSO = [(-34, -92), (10, -92), (48, -66), (62, -30), (50, -4), (10, 2), (-34, 0), (-44, -30)]
HAUNCH = [(8, -4), (6, -36), (28, -54), (54, -38), (56, -8), (34, 2)]
PAWS = ([(0, 4), (6, -10), (30, -11), (40, -2), (30, 5)], [(-42, 4), (-40, -9), (-22, -10), (-14, 0), (-22, 5)])
HEAD = [(-20, -142), (14, -138), (30, -116), (22, -92), (-6, -82), (-36, -86), (-54, -100), (-50, -122)]


@dataclass(frozen=True)
class Fur:
    """The colors of a rabbit: coat, its shadow, the inside of the ears, and the light on its edge."""

    coat: str
    shade: str
    inner: str
    rim: str = "#ffffff"


def rabbit(canvas: Canvas, x: float, y: float, size: float, fur: Fur, flip: bool = False, ears: float = 0.0) -> None:
    """Paint a sitting moon rabbit, paws at (x, y), about 220 units of `size` tall, looking left unless flipped."""
    side = -1 if flip else 1

    def at(points: Points) -> np.ndarray:
        return place(points, x, y, size, flip=flip)

    def rounded(points: Points) -> Mask:
        return draw([at(curve(points, closed=True))])

    canvas.paint(rounded(place(FAR_EAR, 14, -118, 1.0, 0.30 + ears)), fur.shade)
    canvas.paint(draw([circle(*at([(62, -26)])[0], 19 * size)]).softened(1.5 * size), fur.coat)
    body = rounded(TORSO)
    canvas.paint(body, fur.coat, to=fur.shade)
    canvas.light(body.rim(-6 * size * side, 6 * size, 5 * size), fur.rim, 0.5)
    canvas.paint(rounded(HAUNCH).rim(4 * size * side, 5 * size, 5 * size), "#ffffff", 0.45)
    canvas.paint(draw([at(curve(paw, closed=True)) for paw in PAWS]), fur.coat)
    canvas.paint(draw([at(stroke([(-30, -62), (-35, -30), (-32, -2)], [10, 15, 17]))]).softened(1.5 * size), fur.coat)
    near = rounded(place(EAR, -16, -122, 1.0, -0.10 + ears))
    canvas.paint(near, fur.coat)
    inside = rounded(place(INNER_EAR, -16, -122, 1.0, -0.10 + ears))
    canvas.paint(inside.softened(1.5 * size), fur.inner, 0.85)
    canvas.light(near.rim(-4 * size * side, 4 * size, 3 * size), fur.rim, 0.5)
    head = rounded(HEAD)
    canvas.paint(head, fur.coat)
    canvas.paint(head.rim(0, -14 * size, 9 * size), fur.shade, 0.7)
    canvas.light(head.rim(-5 * size * side, 5 * size, 4 * size), fur.rim, 0.45)
    _face(canvas, at([(-22, -98), (-24, -115)]), size, fur)
    canvas.paint(draw([at(curve([(-55, -108), (-48, -108), (-50, -102)], closed=True, steps=5))]), fur.inner)
    canvas.paint(draw([at(stroke([(-50, -101), (-46, -95), (-38, -94)], [1.2, 2.0, 1.2]))]), "#6b4a55", 0.8)


def _face(canvas: Canvas, spots: np.ndarray, size: float, fur: Fur) -> None:
    """Paint the blush and the eye at the two spots."""
    cheek, eye = spots
    canvas.paint(draw([circle(cheek[0], cheek[1], 11 * size, 7 * size)]).softened(4 * size), fur.inner, 0.7)
    canvas.paint(draw([circle(eye[0], eye[1], 6.2 * size, 7.4 * size)]), "#2a1a24")
    canvas.paint(draw([circle(eye[0] - 1.8 * size, eye[1] - 2.6 * size, 2.1 * size)]), "#ffffff")
