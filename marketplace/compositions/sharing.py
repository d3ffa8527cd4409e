"""How much of a picture each pack paints: whole parts per billion that add up to the whole. No Django in here.

docs/formats/recipe-lock.md works an example by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.compositions.notation.model import MILLION
from marketplace.payouts.rules import WHOLE_PPB, largest_remainder

WEIGHT_AREA, EQUAL, NEGOTIATED = "weight-area", "equal", "negotiated"
POLICIES = (WEIGHT_AREA, EQUAL, NEGOTIATED)


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
