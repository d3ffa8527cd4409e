"""Pictures known again: PDQ and pHash, however a copy was turned, mirrored, trimmed a little or framed.

PDQ follows Meta's "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (2019); pHash is the
one of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), in the form of the
Python package ImageHash.

Both bear re-saving, resizing and recoloring, but not the loss of a margin: two percent on every side change a fifth of
PDQ's bits. So a picture is kept under sixteen crops, each side whole or less five percent, and a border of one color
is left away first. And it is looked for in all eight ways to turn and mirror it, each truly turned: to turn the signs
of the transform instead, as Meta's tools do, loses a tenth of the bits, because their sampling is not symmetric.
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from assets.originality.base import PICTURE_PDQ, PICTURE_PHASH, Print

HASH_BYTES = {PICTURE_PDQ: 32, PICTURE_PHASH: 8}
PDQ_QUALITY = 50
LEAST_VARIETY = 1.25
"""What a picture must have to be known: Meta's least quality, and bits of entropy, which one dark shape has not."""
PDQ_BITS, PDQ_BITS_IF_CONFIRMED, PHASH_BITS = 31, 60, 14
"""The most bits by which a copy differs: Meta's limit for PDQ, and a wider one where pHash agrees."""

CROP_PERCENT = 5

# The reference shrinks a larger picture to this side, whatever its proportions, before it looks at it.
_SIDE = 512
_LEAST_SIDE = 5
_GRID, _WAVES = 64, 16
_PHASH_GRID, _PHASH_WAVES = 32, 8
_LUMA = np.array([0.299, 0.587, 0.114])
_BORDER_STEP, _BORDER_SHARE = 14, 0.98

Floats = NDArray[np.float64]
Hashes = NDArray[np.uint8]
Region = tuple[int, int, int, int]
"""The first row, the row behind the last, the first column and the column behind the last."""


@dataclass(frozen=True, slots=True)
class Alike:
    """How near one picture is to another: bits that differ, and of which look and which crop that is."""

    pdq_bits: int
    phash_bits: int
    look: int
    crop: int

    @property
    def is_match(self) -> bool:
        wide = self.pdq_bits <= PDQ_BITS_IF_CONFIRMED and self.phash_bits <= PHASH_BITS
        return wide or self.pdq_bits <= PDQ_BITS


def prints_of(picture: Image.Image) -> list[Print]:
    """Return the PDQ and pHash prints of a decoded picture in sRGB; none when it is too flat or small to be known.

    A value is one byte, the number of looks; the hashes of the looks, by which copies are searched: the picture
    without its border in eight turns, then, where that is another, with it; and the hashes of the crops, by which
    it is found, sixteen without its border, then with it. Transparent parts count as white.
    """
    luma = _luma(picture)
    rows, columns = luma.shape
    whole = (0, rows, 0, columns)
    regions = [region for region in dict.fromkeys((_without_border(luma), whole)) if _is_known(luma, region)]
    if not regions:
        return []
    crops = [crop for region in regions for crop in _crops(region)]
    gray = Image.fromarray(np.rint(luma).astype(np.uint8))
    pdq_grids = [turn for region in regions for turn in _turns(luma, region)] + [_small(luma, crop) for crop in crops]
    phash_grids = [turn for region in regions for turn in _turned(_phash_grid(gray, region))]
    phash_grids += [_phash_grid(gray, crop) for crop in crops]
    looks = bytes([len(pdq_grids) - len(crops)])
    return [
        Print(PICTURE_PDQ, looks + b"".join(pdq_of_grid(grid).tobytes() for grid in pdq_grids)),
        Print(PICTURE_PHASH, looks + b"".join(phash_of_grid(grid).tobytes() for grid in phash_grids)),
    ]


def looks_of(kind: str, value: bytes) -> Hashes:
    """Return the hashes (looks, bytes) by which a print's copies are searched; raise ValueError when it is none."""
    return _hashes(kind, value)[: value[0]]


def crops_of(kind: str, value: bytes) -> Hashes:
    """Return the hashes (crops, bytes) by which a print is found; raise ValueError when it is none."""
    return _hashes(kind, value)[value[0] :]


def alike(pdq: bytes, phash: bytes, other_pdq: bytes, other_phash: bytes) -> Alike:
    """Return how near the first picture is to the other by their prints: the look and crop that match best."""
    far = _distances(looks_of(PICTURE_PDQ, pdq), crops_of(PICTURE_PDQ, other_pdq))
    confirm = _distances(looks_of(PICTURE_PHASH, phash), crops_of(PICTURE_PHASH, other_phash))
    if far.shape != confirm.shape:
        raise ValueError("the prints are of two pictures")
    matches = (far <= PDQ_BITS) | (far <= PDQ_BITS_IF_CONFIRMED) & (confirm <= PHASH_BITS)
    at = int(np.argmin(np.where(matches, 0, 1 << 20) + far * 256 + confirm))
    look, crop = divmod(at, far.shape[1])
    return Alike(int(far[look, crop]), int(confirm[look, crop]), look, crop)


def pdq_bits(mine: bytes, theirs: bytes) -> int:
    """Return the fewest bits by which a look of the first PDQ print and a crop of the second differ."""
    return int(_distances(looks_of(PICTURE_PDQ, mine), crops_of(PICTURE_PDQ, theirs)).min())


def pdq(picture: Image.Image) -> tuple[bytes, int]:
    """Return the PDQ hash of a picture, 32 bytes as Meta's tools print them, and its quality, 0 to 100."""
    luma = _luma(picture)
    small = _small(luma, (0, luma.shape[0], 0, luma.shape[1]))
    return pdq_of_grid(small).tobytes(), _quality(small)


def phash(picture: Image.Image) -> bytes:
    """Return the pHash of a picture, 8 bytes, the lowest wave first."""
    gray = picture.convert("L")
    return phash_of_grid(_phash_grid(gray, (0, gray.height, 0, gray.width))).tobytes()


def pdq_of_grid(small: Floats) -> Hashes:
    """Return the 32 bytes for 64 × 64 luminances: which of 16 × 16 waves are above their lower middle one."""
    waves = _cosines(_GRID)[1 : _WAVES + 1]
    spectrum = (waves @ small @ waves.T).ravel()
    middle = np.partition(spectrum, spectrum.size // 2 - 1)[spectrum.size // 2 - 1]
    return np.packbits((spectrum > middle)[::-1])


def phash_of_grid(small: Floats) -> Hashes:
    """Return the 8 bytes for 32 × 32 luminances: which of the 8 × 8 lowest waves are above their median."""
    waves = _cosines(_PHASH_GRID)[:_PHASH_WAVES]
    spectrum = (waves @ small @ waves.T).ravel()
    return np.packbits(spectrum > np.median(spectrum))


def _luma(picture: Image.Image) -> Floats:
    """Return the luminances (rows, columns), 0 to 255, at most 512 of each."""
    if max(picture.size) > _SIDE:
        picture = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(np.asarray(_on_white(picture)) @ _LUMA)


def _on_white(picture: Image.Image) -> Image.Image:
    """Return the picture as RGB, its transparent parts filled with white."""
    if picture.mode == "RGB":
        return picture
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _is_known(luma: Floats, region: Region) -> bool:
    """Say whether there is enough to see: a flat picture is like any other, and so is a lone square or circle."""
    top, bottom, left, right = region
    if min(bottom - top, right - left) < _LEAST_SIDE:
        return False
    small = _small(luma, region)
    return _quality(small) >= PDQ_QUALITY and _variety(small) >= LEAST_VARIETY


def _variety(small: Floats) -> float:
    """Return the entropy, 0 to 5 bits, of the luminances in 32 steps."""
    counts = np.bincount((small.ravel() / 8).astype(int).clip(0, 31))
    shares = counts[counts > 0] / small.size
    return float(-(shares * np.log2(shares)).sum())


def _quality(small: Floats) -> int:
    """Return how much there is to see in the 64 × 64 luminances, 0 to 100, by the sum of their clear steps."""
    steps = [np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum() for axis in (0, 1)]
    return min(100, int(sum(steps)) // 90)


def _without_border(luma: Floats) -> Region:
    """Return the region inside a border of nearly one color, at most a third of the picture from each side."""
    rows, columns = luma.shape
    top, bottom = _border(luma), _border(luma[::-1])
    left, right = _border(luma.T), _border(luma.T[::-1])
    return top, rows - bottom, left, columns - right


def _border(lines: Floats) -> int:
    """Return how many of the first lines look like the outermost pixels."""
    outer = np.median(lines[0])
    near = np.abs(lines[: len(lines) // 3] - outer) <= _BORDER_STEP
    plain = near.mean(axis=1) >= _BORDER_SHARE
    return int(plain.argmin()) if not plain.all() else len(plain)


def _turns(luma: Floats, region: Region) -> list[Floats]:
    """Return the region's 64 × 64 luminances turned in all eight ways, as it stands first."""
    top, bottom, left, right = region
    found = []
    for rows in _both_ways(bottom - top):
        half = rows @ luma[top:bottom, left:right]
        for columns in _both_ways(right - left):
            small = half @ columns.T
            found += [small, small.T]
    return found


def _turned(small: Floats) -> list[Floats]:
    """Return luminances in the eight ways and the order of `_turns`."""
    return [
        turn for mirrored in (small, small[:, ::-1], small[::-1], small[::-1, ::-1]) for turn in (mirrored, mirrored.T)
    ]


def _crops(region: Region) -> list[Region]:
    """Return the region with each side whole or less five percent: sixteen regions, the whole one first."""
    top, bottom, left, right = region
    down, across = ((side * CROP_PERCENT + 50) // 100 for side in (bottom - top, right - left))
    return [
        (top + down * above, bottom - down * below, left + across * before, right - across * behind)
        for above, below, before, behind in itertools.product((0, 1), repeat=4)
    ]


def _small(luma: Floats, region: Region) -> Floats:
    """Return the region blurred and sampled: 64 × 64 luminances."""
    top, bottom, left, right = region
    return np.asarray(_tent(bottom - top) @ luma[top:bottom, left:right] @ _tent(right - left).T)


def _phash_grid(gray: Image.Image, region: Region) -> Floats:
    """Return the region of an 8-bit gray picture as 32 × 32 luminances."""
    top, bottom, left, right = region
    small = gray.resize((_PHASH_GRID, _PHASH_GRID), Image.Resampling.LANCZOS, box=(left, top, right, bottom))
    return np.asarray(small, np.float64)


def _both_ways(length: int) -> tuple[Floats, Floats]:
    tent = _tent(length)
    return tent, tent[:, ::-1]


@lru_cache(maxsize=64)
def _tent(length: int) -> Floats:
    """Return the (64, length) matrix that blurs with Jarosz's filter, a moving mean twice, and samples 64 places.

    A mean reaches over ⌈length / 128⌉ numbers, fewer at the ends, where the missing ones do not count.
    """
    window = -(-length // (2 * _GRID))
    ahead = (window + 2) // 2 - 1
    at = np.arange(length)
    inside = (at[None, :] <= at[:, None] + ahead) & (at[None, :] > at[:, None] + ahead - window)
    mean = inside / inside.sum(axis=1, keepdims=True)
    taken = ((np.arange(_GRID) + 0.5) * length / _GRID).astype(int)
    return np.asarray(mean[taken] @ mean)


@lru_cache(maxsize=2)
def _cosines(side: int) -> Floats:
    """Return the (side, side) matrix of the discrete cosine transform (type II), but for its scale."""
    at = np.arange(side)
    return np.asarray(np.cos(np.pi / (2 * side) * at[:, None] * (2 * at[None, :] + 1)))


def _hashes(kind: str, value: bytes) -> Hashes:
    width = HASH_BYTES[kind]
    if not value or (len(value) - 1) % width or not 0 < value[0] < (len(value) - 1) // width:
        raise ValueError(f"not a {kind} print")
    return np.frombuffer(value, np.uint8, offset=1).reshape(-1, width)


def _distances(looks: Hashes, crops: Hashes) -> NDArray[np.int64]:
    """Return how many bits differ between each look and each crop, (looks, crops)."""
    differing = np.bitwise_count(looks[:, None] ^ crops[None])
    return np.asarray(differing.sum(axis=2, dtype=np.int64))
