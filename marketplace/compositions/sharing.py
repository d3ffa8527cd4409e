"""How much of a picture each pack paints: whole parts per billion that add up to the whole. No Django in here.

docs/formats/recipe-lock.md works an example by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from marketplace.compositions.notation.model import BOX, FULL, MASK, MILLION, REST, Layer, Recipe
from marketplace.compositions.notation.settings import EQUAL, NEGOTIATED, WEIGHT_AREA, settings_of
from marketplace.payouts.rules import WHOLE_PPB, largest_remainder


@dataclass(frozen=True, slots=True)
class Part:
    """A pack as it counts: the label of its layer, its weight, and the area of that layer; both in ppm."""

    layer: str
    weight_ppm: int = MILLION
    area_ppm: int = MILLION


def shares(
    parts: Sequence[Part], policy: str = WEIGHT_AREA, negotiated: Mapping[str, int] | None = None
) -> tuple[int, ...]:
    """This will share the whole out, in parts per billion; none for no parts.

    `weight-area` goes by |weight| × area, `equal` by the number of packs; `negotiated` gives each layer, by its label,
    what was agreed on (any whole numbers, in proportion), which its packs share by |weight|. Parts are rounded down;
    what is left goes one each to the largest remainders, the first of equal ones. What would give nothing to
    anybody is shared equally.
    """
    if not parts:
        return ()
    return tuple(largest_remainder(WHOLE_PPB, _weights(parts, policy, negotiated or {})))


def _weights(parts: Sequence[Part], policy: str, negotiated: Mapping[str, int]) -> list[int]:
    if policy == NEGOTIATED:
        weights = _agreed(parts, negotiated)
    elif policy == EQUAL:
        weights = [1] * len(parts)
    else:
        weights = [abs(part.weight_ppm) * part.area_ppm for part in parts]
    return weights if any(weights) else [1] * len(parts)


def _agreed(parts: Sequence[Part], negotiated: Mapping[str, int]) -> list[int]:
    """Gives each pack its part of its layer's share, all over one denominator, so that nothing is rounded twice."""
    totals: dict[str, int] = {}
    for part in parts:
        totals[part.layer] = totals.get(part.layer, 0) + abs(part.weight_ppm)
    common = 1
    for total in totals.values():
        common *= total
    return [negotiated.get(part.layer, 0) * abs(part.weight_ppm) * (common // totals[part.layer]) for part in parts]


def policy_of(recipe: Recipe) -> tuple[str, dict[str, int]]:
    """This will read by which policy a recipe shares, and what was agreed on for each layer, in parts per billion."""
    settings = settings_of(recipe)
    return settings.policy, dict(settings.shares_ppb)


def areas(layers: Sequence[Layer], masks: Mapping[str, int]) -> list[int]:
    """This will measure what part of the picture each layer covers, in parts per million, rounded down.

    A box has its own area; the rest is what all boxes together leave uncovered, wherever they overlap; a mask has the
    area of its picture in `masks`, else what its option `area` says, else the whole.
    """
    boxes = [layer.region.box_ppm for layer in layers if layer.region and layer.region.box_ppm]
    return [_area(layer, boxes, masks) for layer in layers]


Box = tuple[int, int, int, int]


def _area(layer: Layer, boxes: Sequence[Box], masks: Mapping[str, int]) -> int:
    kind = layer.region.kind if layer.region else FULL
    if layer.region is None or kind == FULL:
        return MILLION
    if kind == BOX and layer.region.box_ppm:
        left, top, right, bottom = layer.region.box_ppm
        return (right - left) * (bottom - top) // MILLION
    if kind == REST:
        return (MILLION * MILLION - _union(boxes)) // MILLION
    if kind == MASK and layer.region.mask in masks:
        return masks[layer.region.mask]
    return dict(layer.options).get("area", MILLION)


def _union(boxes: Sequence[Box]) -> int:
    """Measures what boxes cover together, in (parts per million)², strip by strip between their edges."""
    edges = sorted({edge for left, _top, right, _bottom in boxes for edge in (left, right)})
    covered = 0
    for left, right in pairwise(edges):
        reach, height = 0, 0
        for top, bottom in sorted((one[1], one[3]) for one in boxes if one[0] <= left and right <= one[2]):
            height += max(0, bottom - max(top, reach))
            reach = max(reach, bottom)
        covered += (right - left) * height
    return covered
