"""The canvas: float32 sRGB in 0..1, painted through masks, lit, finished; all chance comes from named seeds.

Arrays are indexed [row, column]; points are (x, y) in pixels with y downward, as Pillow has them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[np.float32]
Point = tuple[float, float]
Points = Sequence[Point] | NDArray[Any]


def rng(*words: object) -> np.random.Generator:
    """Make the generator that these words name: the same words give the same numbers on every machine."""
    digest = hashlib.sha256("/".join(str(word) for word in words).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def rgb(color: str) -> Array:
    """Read "#rrggbb" as three floats in 0..1."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / np.float32(255)


def mix(a: Array, b: Array, t: float | Array) -> Array:
    """Interpolate from `a` (t=0) to `b` (t=1)."""
    out = np.asarray((b - a) * np.asarray(t, np.float32), np.float32)
    out += a
    return out


def smooth(low: float, high: float, x: Array) -> Array:
    """Rise from 0 at `low` to 1 at `high` along the cubic smoothstep; works downward when low > high."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def resize(a: Array, height: int, width: int, box: tuple[float, float, float, float] | None = None) -> Array:
    """Resample a 2-D array bicubically."""
    picture = Image.fromarray(np.ascontiguousarray(a, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, box=box), np.float32)


def noise(
    height: int, width: int, cell: float, *seed: object, octaves: int = 4, stretch: float = 1.0, gain: float = 0.5
) -> Array:
    """Sum octaves of value noise; `cell` is the height in pixels of the coarsest cell, `stretch` its aspect.

    Values lie around 0.5, mostly within 0.2..0.8.
    """
    random = rng("noise", *seed)
    # A smooth field is worth no more samples than its finest octave can fill.
    factor = min(6, int(cell * min(1.0, stretch) / 2 ** (octaves - 1) / 3))
    if factor > 1:
        small = noise(
            -(-height // factor), -(-width // factor), cell / factor, *seed, octaves=octaves, stretch=stretch, gain=gain
        )
        return resize(small, height, width)
    total = np.zeros((height, width), np.float32)
    amplitude, weight = 1.0, 0.0
    for octave in range(octaves):
        cy = max(cell / 2**octave, 1.0)
        cx = max(cy * stretch, 1.0)
        grid = random.random((int(height / cy) + 3, int(width / cx) + 3), dtype=np.float32)
        total += np.float32(amplitude) * resize(grid, height, width, (1, 1, 1 + width / cx, 1 + height / cy))
        weight += amplitude
        amplitude *= gain
    return total / np.float32(weight)


def line_noise(width: int, cell: float, *seed: object, octaves: int = 5, gain: float = 0.5) -> Array:
    """Sum octaves of 1-D noise, as for a skyline; shape (width,), values in about 0..1."""
    return noise(3, width, cell, *seed, octaves=octaves, gain=gain, stretch=1.0)[1]


def blur(a: Array, radius: float) -> Array:
    """Blur a 2-D array with a Gaussian of about `radius` pixels, at a lower resolution where that cannot be seen."""
    if radius <= 0:
        return a
    height, width = a.shape
    factor = max(1, int(radius / 2.2))
    small = a if factor == 1 else resize_down(a, factor)
    sigma = radius / factor
    reach = max(1, int(sigma * 2.5))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1, dtype=np.float64) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        pad = [(reach, reach) if i == axis else (0, 0) for i in (0, 1)]
        padded = np.pad(small, pad, mode="edge")
        size = small.shape[axis]
        small = sum(
            k * (padded[i : i + size] if axis == 0 else padded[:, i : i + size]) for i, k in enumerate(kernel)
        ).astype(np.float32)
    return small if factor == 1 else resize(small, height, width)


def resize_down(a: Array, factor: int) -> Array:
    """Average blocks of `factor` x `factor` pixels; the last blocks may be smaller."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(a, np.float32)).reduce(factor), np.float32)


@dataclass(frozen=True)
class Mask:
    """Coverage in 0..1 of the rectangle whose upper left corner is (x, y)."""

    a: Array
    x: int
    y: int

    def softened(self, radius: float) -> Mask:
        """Blur the mask within its rectangle, grown by the reach of the blur."""
        grow = int(radius * 2.5) + 1
        return Mask(blur(np.pad(self.a, grow), radius), self.x - grow, self.y - grow)

    def textured(
        self, *seed: object, cell: float = 40, low: float = 0.2, high: float = 0.6, stretch: float = 1.0
    ) -> Mask:
        """Multiply the mask with noise whose values low..high become 0..1."""
        pattern = noise(*self.a.shape, cell, *seed, stretch=stretch)
        return Mask(self.a * smooth(low, high, pattern), self.x, self.y)

    def rim(self, dx: float, dy: float, radius: float = 2.0) -> Mask:
        """Keep the edge that faces away from (dx, dy): the side that the light comes from."""
        shifted = np.zeros_like(self.a)
        ix, iy = round(dx), round(dy)
        height, width = self.a.shape
        shifted[max(iy, 0) : height + min(iy, 0), max(ix, 0) : width + min(ix, 0)] = self.a[
            max(-iy, 0) : height - max(iy, 0), max(-ix, 0) : width - max(ix, 0)
        ]
        return Mask(np.clip(self.a - blur(shifted, radius), 0, 1) * self.a, self.x, self.y)

    def within(self, other: Mask) -> Mask:
        """Keep what the other mask covers as well."""
        kept = np.zeros_like(self.a)
        y0, x0 = max(self.y, other.y), max(self.x, other.x)
        y1 = min(self.y + self.a.shape[0], other.y + other.a.shape[0])
        x1 = min(self.x + self.a.shape[1], other.x + other.a.shape[1])
        if y1 > y0 and x1 > x0:
            kept[y0 - self.y : y1 - self.y, x0 - self.x : x1 - self.x] = other.a[
                y0 - other.y : y1 - other.y, x0 - other.x : x1 - other.x
            ]
        return self.times(kept)

    def times(self, factor: Array | float) -> Mask:
        """Multiply the coverage."""
        return Mask((self.a * factor).astype(np.float32), self.x, self.y)


def draw(shapes: Sequence[Points], lines: Sequence[tuple[Points, float]] = (), scale: int = 3) -> Mask:
    """Fill polygons and draw constant-width lines into one antialiased mask just large enough."""
    every = [np.asarray(s, np.float64) for s in shapes] + [np.asarray(p, np.float64) for p, _ in lines]
    reach = max([w for _, w in lines], default=0) + 2
    low = np.floor(np.min([p.min(axis=0) for p in every], axis=0) - reach).astype(int)
    high = np.ceil(np.max([p.max(axis=0) for p in every], axis=0) + reach).astype(int)
    low, high = np.maximum(low, -700), np.minimum(high, 2500)
    size = np.maximum(high - low, 1)
    sheet = Image.new("L", (int(size[0]) * scale, int(size[1]) * scale))
    pen = ImageDraw.Draw(sheet)
    for shape in shapes:
        pen.polygon([tuple(p) for p in ((np.asarray(shape) - low) * scale).tolist()], fill=255)
    for points, width in lines:
        path = [tuple(p) for p in ((np.asarray(points) - low) * scale).tolist()]
        pen.line(path, fill=255, width=max(1, round(width * scale)), joint="curve")
    return Mask(np.asarray(sheet.reduce(scale), np.float32) / np.float32(255), int(low[0]), int(low[1]))


class Canvas:
    """A picture in the making."""

    def __init__(self, width: int, height: int, *stops: tuple[float, str]) -> None:
        """Start with a vertical gradient through (position 0..1, color) stops."""
        self.width, self.height = width, height
        self.px = np.empty((height, width, 3), np.float32)
        self.px[:] = ramp(height, *stops)[:, None, :]

    def window(self, mask: Mask) -> tuple[Array, Array, tuple[int, int]]:
        """Cut mask and canvas to their common rectangle; the third item is the cut's offset inside the mask."""
        x0, y0 = max(mask.x, 0), max(mask.y, 0)
        x1 = max(x0, min(mask.x + mask.a.shape[1], self.width))
        y1 = max(y0, min(mask.y + mask.a.shape[0], self.height))
        oy, ox = y0 - mask.y, x0 - mask.x
        return mask.a[oy : oy + y1 - y0, ox : ox + x1 - x0], self.px[y0:y1, x0:x1], (oy, ox)

    def paint(self, mask: Mask, color: Array | str, opacity: float = 1.0, to: Array | str | None = None) -> None:
        """Lay a color over the canvas; with `to`, a gradient from the mask's top to its bottom."""
        alpha, under, (oy, _) = self.window(mask)
        first = rgb(color) if isinstance(color, str) else color
        if to is not None:
            last = rgb(to) if isinstance(to, str) else to
            t = np.linspace(0, 1, mask.a.shape[0], dtype=np.float32)[oy : oy + alpha.shape[0], None, None]
            first = mix(first, last, t)
        change = first - under
        change *= (alpha * np.float32(opacity))[..., None]
        under += change

    def light(self, mask: Mask, color: Array | str, strength: float = 1.0) -> None:
        """Add light by screening, which never burns out."""
        alpha, under, _ = self.window(mask)
        tint = rgb(color) if isinstance(color, str) else color
        glare = alpha[..., None] * (tint * np.float32(strength))
        np.clip(glare, 0, 1, out=glare)
        glare *= 1 - under
        under += glare

    def stain(self, mask: Mask, absorb: Array | str, density: float = 1.0) -> None:
        """Absorb light as ink on paper does; a color means: what a density of 1 leaves of white."""
        alpha, under, _ = self.window(mask)
        leaves = rgb(absorb) if isinstance(absorb, str) else absorb
        optical = -np.log(np.maximum(leaves, np.float32(0.02)))
        under *= np.exp(-(alpha * np.float32(density))[..., None] * optical)

    def glow(
        self, x: float, y: float, radius: float, color: Array | str, strength: float = 1.0, power: float = 2.0
    ) -> None:
        """Screen a round glow that ends at `radius`."""
        x0, x1 = max(0, int(x - radius)), min(self.width, int(x + radius) + 1)
        y0, y1 = max(0, int(y - radius)), min(self.height, int(y + radius) + 1)
        if x1 > x0 and y1 > y0:
            dx = (np.arange(x0, x1, dtype=np.float32) - np.float32(x)) ** 2
            dy = (np.arange(y0, y1, dtype=np.float32) - np.float32(y)) ** 2
            fall = np.clip(1 - np.sqrt(dy[:, None] + dx[None, :]) / np.float32(max(radius, 1)), 0, 1) ** np.float32(
                power
            )
            self.light(Mask(fall, x0, y0), color, strength)

    def vignette(self, strength: float = 0.25) -> None:
        """Darken the corners."""
        y = np.linspace(-1, 1, self.height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, self.width, dtype=np.float32)[None, :]
        self.px *= (1 - np.float32(strength) * smooth(0.5, 1.9, x * x + y * y))[..., None]

    def grain(self, amount: float, *seed: object) -> None:
        """Add monochrome film grain, tiled from one 256-pixel square."""
        tile = rng("grain", *seed).standard_normal((256, 256), dtype=np.float32) * np.float32(amount)
        down, across = -(-self.height // 256), -(-self.width // 256)
        self.px += np.tile(tile, (down, across))[: self.height, : self.width, None]

    def image(self) -> Image.Image:
        """Round to 8 bits with an ordered dither, so that skies do not band."""
        dither = np.tile((BAYER - 0.5), (-(-self.height // 8), -(-self.width // 8)))[: self.height, : self.width, None]
        scaled = self.px * np.float32(255)
        scaled += dither + np.float32(0.5)
        np.clip(scaled, 0, 255, out=scaled)
        return Image.fromarray(scaled.astype(np.uint8))


def _bayer(order: int) -> Array:
    grid = np.zeros((1, 1))
    for _ in range(order):
        grid = np.block([[4 * grid, 4 * grid + 2], [4 * grid + 3, 4 * grid + 1]])
    return ((grid + 0.5) / grid.size).astype(np.float32)


BAYER = _bayer(3)


def ramp(length: int, *stops: tuple[float, str]) -> Array:
    """Interpolate color stops over `length` samples; shape (length, 3)."""
    at = np.linspace(0, 1, length)
    colors = np.array([rgb(color) for _, color in stops])
    places = [place for place, _ in stops]
    return np.stack([np.interp(at, places, colors[:, i]) for i in range(3)], axis=1).astype(np.float32)


def whole(a: Array) -> Mask:
    """Use an array of the canvas's size as a mask."""
    return Mask(a, 0, 0)


def bloom(light: Image.Image, *levels: tuple[float, float]) -> Array:
    """Blur an emission picture at several (radius, strength) levels and add them up; shape (h, w, 3)."""
    total = np.zeros((light.height, light.width, 3), np.float32)
    for radius, strength in levels:
        factor = max(1, int(radius / 2))
        small = light.reduce(factor) if factor > 1 else light
        soft = small.filter(ImageFilter.GaussianBlur(radius / factor))
        big = soft.resize(light.size, Image.Resampling.BICUBIC) if factor > 1 else soft
        total += np.asarray(big, np.float32) * np.float32(strength / 255)
    return total


def encode(picture: Image.Image, suffix: str, quality: int = 86) -> bytes:
    """Write a picture as `.webp`, `.jpg` or `.png`, without a clock or a name in it."""
    sheet = io.BytesIO()
    if suffix == ".webp":
        picture.save(sheet, "WEBP", quality=quality + 3, method=2)
    elif suffix == ".jpg":
        picture.save(sheet, "JPEG", quality=quality, optimize=True, progressive=True, subsampling="4:4:4")
    else:
        picture.save(sheet, "PNG", compress_level=6)
    return sheet.getvalue()
