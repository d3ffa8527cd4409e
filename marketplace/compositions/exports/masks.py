"""Where layers paint, as masks that ComfyUI's core nodes make: boxes, drawn masks, the rest. No Django in here."""

from marketplace.compositions.exports.graph import Graph, Link
from marketplace.compositions.exports.painting import Painted, Painting
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.notation.model import BOX, MASK, MILLION, REST

CELL = 8
"""Pixels of a latent's cell: boxes are whole cells, since the model sees no less."""
BLUR_LIMIT = 31
"""The widest blur that ComfyUI's ImageBlur makes, in pixels."""


def box_of(box_ppm: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """This will give a box as x, y, width and height in pixels: the nearest whole cells, at least one each way."""
    left, right = _cells(box_ppm[0], box_ppm[2], width // CELL)
    top, bottom = _cells(box_ppm[1], box_ppm[3], height // CELL)
    return left * CELL, top * CELL, (right - left) * CELL, (bottom - top) * CELL


def _cells(from_ppm: int, to_ppm: int, cells: int) -> tuple[int, int]:
    first, end = ((ppm * cells + MILLION // 2) // MILLION for ppm in (from_ppm, to_ppm))
    if first < end:
        return first, end
    first = min((from_ppm + to_ppm) * cells // (2 * MILLION), cells - 1)
    return first, first + 1


def feather_of(layer: Painted, lock: Lock) -> int:
    """This will give over how many pixels an edge fades: a part of the picture's shorter side, half a box at most."""
    soft = layer.feather_ppm * min(lock.width, lock.height) // MILLION
    if layer.region == BOX and layer.box_ppm is not None:
        _x, _y, width, height = box_of(layer.box_ppm, lock.width, lock.height)
        soft = min(soft, width // 2, height // 2)
    return soft


class Masks:
    """Makes the masks of a painting's layers."""

    def __init__(self, graph: Graph, painting: Painting, lock: Lock) -> None:
        self.graph, self.lock = graph, lock
        self.regions = [layer for layer in painting.layers if layer.region in (BOX, MASK)]

    def of(self, layer: Painted) -> Link | None:
        """This will give a layer's mask, or None where it covers the whole picture with its full strength."""
        if layer.region in (BOX, MASK):
            return self._region(layer)
        if layer.region == REST and self.regions:
            return self._outside(layer.label)
        if layer.strength_ppm != MILLION:  # which counts with a mask only
            return self._solid(layer.label, 1.0, self.lock.width, self.lock.height)
        return None

    def _solid(self, label: str, value: float, width: int, height: int) -> Link:
        return self.graph.one(label, "SolidMask", value=value, width=width, height=height)

    def _nothing(self) -> Link:
        return self._solid("", 0.0, self.lock.width, self.lock.height)

    def _laid(self, label: str, under: Link, over: Link, x: int = 0, y: int = 0) -> Link:
        return self.graph.one(label, "MaskComposite", destination=under, source=over, x=x, y=y, operation="add")

    def _region(self, layer: Painted, *, scaled: bool = False) -> Link:
        if layer.region == MASK or layer.box_ppm is None:
            return self._drawn(layer, scaled=scaled)
        x, y, width, height = box_of(layer.box_ppm, self.lock.width, self.lock.height)
        inside, soft = self._solid(layer.label, 1.0, width, height), feather_of(layer, self.lock)
        # An edge of the picture has nothing to fade into.
        sides = {
            "left": soft if x else 0,
            "top": soft if y else 0,
            "right": soft if x + width < self.lock.width else 0,
            "bottom": soft if y + height < self.lock.height else 0,
        }
        if any(sides.values()):
            inside = self.graph.one(layer.label, "FeatherMask", mask=inside, **sides)
        return self._laid(layer.label, self._nothing(), inside, x, y)

    def _drawn(self, layer: Painted, *, scaled: bool) -> Link:
        """Loads a mask; where it is softened or laid over others it is scaled to the picture first."""
        add, label = self.graph.one, layer.label
        mask, soft = add(label, "LoadImageMask", image=layer.mask, channel="red"), feather_of(layer, self.lock)
        if not soft and not scaled:
            return mask
        size = {"width": self.lock.width, "height": self.lock.height}
        picture = add(label, "MaskToImage", mask=mask)
        picture = add(label, "ImageScale", image=picture, upscale_method="bilinear", crop="disabled", **size)
        if soft:
            radius = min(soft, BLUR_LIMIT)
            sigma = max(min(radius * 10 // 3, 100), 1) / 10
            picture = add(label, "ImageBlur", image=picture, blur_radius=radius, sigma=sigma)
        return add(label, "ImageToMask", image=picture, channel="red")

    def _outside(self, label: str) -> Link:
        """Gives what no box and no mask covers, as a mask of its own."""
        covered = self._nothing()
        for layer in self.regions:
            covered = self._laid(label, covered, self._region(layer, scaled=True))
        return self.graph.one(label, "InvertMask", mask=covered)
