"""Layers over each other in paint order: the same pictures give the same bytes. No Django and no strangers in here.

All pictures are decoded already, as `pictures.py` does it.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import rfc8785
from PIL import Image, ImageChops, ImageFilter, ImageOps
from PIL.PngImagePlugin import PngInfo

from marketplace.compositions.exports.masks import BLUR_LIMIT, box_of, feather_of
from marketplace.compositions.exports.painting import Painted
from marketplace.compositions.exports.provenance import KEY, provenance
from marketplace.compositions.lockfile import Lock, LockedLayer
from marketplace.compositions.notation.model import BOX, MASK, MILLION, REST

_FULL = 255


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer's picture lies, and how much of each pixel of the whole picture is its own."""

    x: int
    y: int
    width: int
    height: int
    mask: Image.Image


def composed(lock: Lock, pictures: Iterable[Image.Image], masks: Mapping[str, Image.Image]) -> Image.Image:
    """This will lay the pictures of a lock's layers over each other, in RGB on black; `pictures` come in paint order.

    `masks` are those of the lock by their SHA-256. A picture that has another size than its place is scaled to cover
    it, and cut at both sides alike.
    """
    ground = Image.new("RGB", (lock.width, lock.height))
    for layer, picture in zip(lock.layers, pictures, strict=True):
        place = place_in(lock, layer, masks)
        fitting = fitted(picture, place.width, place.height)
        shown = Image.new("RGBA", ground.size)
        shown.paste(fitting, (place.x, place.y))
        opaque = ImageChops.multiply(shown.getchannel("A"), place.mask)
        ground.paste(shown.convert("RGB"), (0, 0), opaque)
    return ground


def styled(lock: Lock, ground: Image.Image, picture: Image.Image) -> Image.Image:
    """This will lay what the style made of a picture over it, as much as the style's strength says."""
    assert lock.style is not None
    fitting = fitted(picture, lock.width, lock.height)
    opaque = _scaled(fitting.getchannel("A"), _strength(lock.style))
    return Image.composite(fitting.convert("RGB"), ground, opaque)


def png(picture: Image.Image, lock: Lock | None = None, *, site: str = "") -> bytes:
    """This will write a picture as PNG; with a lock, that it was made by it, as the text `worldloom` (exports.md)."""
    info = PngInfo()
    if lock is not None:
        info.add_itxt(KEY, rfc8785.dumps(provenance(lock, site=site)).decode())
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def place_in(lock: Lock, layer: LockedLayer, masks: Mapping[str, Image.Image]) -> Place:
    """This will say where a layer lies in the whole picture, its edges and its strength counted."""
    x, y, width, height = 0, 0, lock.width, lock.height
    if layer.region == BOX and layer.box_ppm is not None:
        x, y, width, height = box_of(layer.box_ppm, lock.width, lock.height)
    covered = _region(lock, layer, masks)
    return Place(x, y, width, height, _scaled(covered, _strength(layer)))


def _region(lock: Lock, layer: LockedLayer, masks: Mapping[str, Image.Image]) -> Image.Image:
    if layer.region == BOX and layer.box_ppm is not None:
        return _boxed(lock, layer)
    if layer.region == MASK:
        return _drawn(lock, layer, masks[layer.mask_sha256])
    if layer.region == REST:
        return ImageOps.invert(_covered(lock, masks))
    return _solid(lock, _FULL)


def _covered(lock: Lock, masks: Mapping[str, Image.Image]) -> Image.Image:
    """Gives what boxes and masks cover together."""
    found = _solid(lock, 0)
    for layer in lock.layers:
        if layer.region in (BOX, MASK):
            found = ImageChops.add(found, _region(lock, layer, masks))
    return found


def _solid(lock: Lock, value: int) -> Image.Image:
    return Image.new("L", (lock.width, lock.height), value)


def _boxed(lock: Lock, layer: LockedLayer) -> Image.Image:
    """Draws a box whose edges fade inwards, but those that are the picture's own."""
    assert layer.box_ppm is not None
    x, y, width, height = box_of(layer.box_ppm, lock.width, lock.height)
    soft = _feather(layer, lock)
    across = _ramp(width, soft if x else 0, soft if x + width < lock.width else 0)
    down = _ramp(height, soft if y else 0, soft if y + height < lock.height else 0)
    inside = (np.outer(down, across) + _FULL // 2) // _FULL
    drawn = _solid(lock, 0)
    drawn.paste(Image.fromarray(inside.astype(np.uint8)), (x, y))
    return drawn


def _ramp(length: int, first: int, last: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Gives how much of each pixel in a row counts, of 255: rising over the first ones, falling over the last."""
    found = np.full(length, _FULL, np.int64)
    for soft, rising in ((first, found[:first]), (last, found[::-1][:last])):
        if soft:
            rising *= np.arange(1, soft + 1)
            rising //= soft
    return found


def _drawn(lock: Lock, layer: LockedLayer, mask: Image.Image) -> Image.Image:
    """Scales a mask to the picture and blurs its edges."""
    drawn = mask.convert("L")
    if drawn.size != (lock.width, lock.height):
        drawn = drawn.resize((lock.width, lock.height), Image.Resampling.BILINEAR)
    soft = min(_feather(layer, lock), BLUR_LIMIT)
    return drawn.filter(ImageFilter.GaussianBlur(max(soft // 3, 1))) if soft else drawn


def _feather(layer: LockedLayer, lock: Lock) -> int:
    ppm = dict(layer.options).get("feather", 0)
    painted = Painted(layer.label, "", region=layer.region, box_ppm=layer.box_ppm, feather_ppm=ppm)
    return feather_of(painted, lock)


def _strength(layer: LockedLayer) -> int:
    return min(dict(layer.options).get("strength", MILLION), MILLION)


def _scaled(mask: Image.Image, ppm: int) -> Image.Image:
    if ppm == MILLION:
        return mask
    table: Sequence[int] = [(value * ppm + MILLION // 2) // MILLION for value in range(_FULL + 1)]
    return mask.point(list(table))


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """This will scale a picture to cover a size, and cut it at both sides alike, in RGBA."""
    found = picture.convert("RGBA")
    return found if found.size == (width, height) else ImageOps.fit(found, (width, height), Image.Resampling.LANCZOS)
