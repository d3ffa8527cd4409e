"""What the contract fees of a metered composition leave of the shares that its parents are owed.

docs/formats/composition-pack.md says the rule. Nothing here writes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.catalog.rules import COMPOSITION
from marketplace.licensing.pricing import Tier
from marketplace.payouts.rules import WHOLE_PPB, Money

Owed = tuple[Release, int]
"""A release that something is made from, and the share in parts per billion of every sale that it gets."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The price of a unit where uses are counted: the least that anybody pays, and whether a month has a most."""

    unit: str
    currency: str
    least_minor: int
    is_capped: bool


def counted_of(model: str, unit: str, price: Money, tiers: Iterable[Tier], cap_minor: int) -> Counted | None:
    """This will say what of a price counts against fees; None where uses are not counted."""
    if model != "metered":
        return None
    least = min([price.amount_minor, *(one.price_minor for one in tiers)])
    return Counted(unit.strip(), price.currency, least, cap_minor > 0)


def composed_of(release: Release) -> Mapping[str, Any]:
    """This will read what a composition says of itself, as inspection found it; of other releases nothing."""
    if release.pack.kind != COMPOSITION:
        return {}
    row = ReleaseAsset.objects.filter(
        release=release, path="composition.json", asset__facts__kind=COMPOSITION
    ).values_list("asset__facts", flat=True)
    return row.first() or {}


def fees_in(facts: Mapping[str, Any], counted: Counted | None) -> dict[str, int]:
    """This will give the fees that are paid first of each counted unit: minor units by the release's digest."""
    if counted is None or facts.get("currency") != counted.currency or facts.get("unit") not in ("", counted.unit):
        return {}
    return {str(one["release"]): int(one["amount_minor"]) for one in facts.get("fees") or ()}


def owed_beside(parents: Sequence[Owed], fees: Mapping[str, int], counted: Counted | None) -> list[Owed]:
    """This will say what each parent gets of a counted unit at least: its fee, and its share of what fees leave.

    Rounded down to parts per billion. Where fees take all, by the price or by the month's most, it is the fee's part
    of all fees: docs/usage.md says how they share what there is.
    """
    total = sum(fees.values())
    if counted is None or not total:
        return list(parents)
    price = counted.least_minor
    if counted.is_capped or total >= price:
        return [(release, fees.get(release.digest, 0) * WHOLE_PPB // total) for release, _share in parents]
    return [
        (release, (fees.get(release.digest, 0) * WHOLE_PPB + (price - total) * share_ppb) // price)
        for release, share_ppb in parents
    ]
