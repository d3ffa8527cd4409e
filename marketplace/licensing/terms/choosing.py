"""The search behind fixes: for each layer one of its options, so that nothing clashes, at the lowest price.

Layers each of which allows a use can only clash in three ways (docs/formats/composition.md): by two licenses to share
under, by a party that owns what is made while another one claims it too, and by royalties above the whole. So the
layers are passed once, and of what was chosen so far only that is kept which may still turn out best.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import add, le
from typing import NamedTuple

from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import WHOLE_PPB, Terms

OFFER, PACK = "offer", "pack"
MOST_KEPT = 256
"""How many ways are followed at once; where there are more, what is found need not be the smallest, and says so."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a layer may be used under instead: an `offer` of the same pack, or another `pack`; `key` is the asker's.

    `price_minor` is what it costs to take it, in minor units of `currency`, 0 or more.
    """

    kind: str
    name: str
    party: str
    terms: Terms
    price_minor: int
    currency: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A layer as it would be, and what is taken for that; `to` is None where it stays as it is."""

    layer: Layer
    to: Alternative | None = None

    @property
    def sign(self) -> tuple[str, ...]:
        """What decides between options that are as good, staying first."""
        return (self.to.name, self.to.kind, self.to.key, self.to.party) if self.to else ()

    @property
    def royalties(self) -> tuple[int, int]:
        """The shares in parts per billion that it takes of revenue and of profit."""
        share = self.layer.terms.royalty_ppb
        return (share, 0) if self.layer.terms.royalty_basis == "revenue" else (0, share)

    def costs_only(self, purse: tuple[str, ...]) -> bool:
        """Whether it can be paid with these currencies, or costs nothing."""
        return self.to is None or self.to.price_minor == 0 or self.to.currency in purse


@dataclass(frozen=True, slots=True)
class Choice:
    """An option for each layer, and what they cost: (currency, minor units) by currency, without amounts of 0."""

    options: tuple[Option, ...]
    prices: tuple[tuple[str, int], ...]


class _Way(NamedTuple):
    """What was chosen for the first layers. Two with equal bonds can go on with the same options.

    `cost` is the number of changes, of other packs, and the price in each currency that is looked at.
    """

    cost: tuple[int, ...]
    royalties: tuple[int, ...] = (0, 0)
    signs: tuple[tuple[str, ...], ...] = ()
    bonds: tuple[bool, str, bool, tuple[str, ...]] = (False, "", False, ())
    """Whether another pack is taken, the license to share under, whether somebody owns all, and up to two who own."""
    options: tuple[Option, ...] = ()


def cheapest(rows: Sequence[Sequence[Option]], *, with_pack: bool) -> tuple[list[Choice], bool]:
    """Return the best choices of one option a row that do not clash, and whether they are certainly the best.

    Every option must allow the use by itself. Best are the fewest changes; of these, where `with_pack`, those with
    another pack, as few as can be; then the fewest currencies; then those of which no other is cheaper in one
    currency and no dearer in any. They come by currency; of those at the same prices only the one is there whose
    names come first. Where `with_pack` and as few changes do only without another pack, there are none.
    """
    certain = True
    for budget in range(_needed(rows), len(rows) + 1):
        # First whatever it costs, which is soon known.
        ways, complete = _ways(rows, (budget, budget if with_pack else 0), ())
        certain &= complete
        if not ways:
            continue
        packs = min((way.cost[1] for way in ways if way.cost[1] or not with_pack), default=None)
        if packs is None:
            return [], certain
        choices, complete = _priced(rows, (budget, packs))
        return sorted(choices, key=lambda choice: choice.prices), certain and complete
    return [], certain


def _priced(rows: Sequence[Sequence[Option]], limits: tuple[int, int]) -> tuple[list[Choice], bool]:
    """Returns the best choices with so many changes and other packs, in as few currencies as do."""
    currencies = sorted({option.to.currency for row in rows for option in row if option.to and option.to.price_minor})
    complete = True
    for count in range(len(currencies) + 1):
        choices: list[Choice] = []
        # Three or more are looked for among all at once: there may be too many sets of them.
        for purse in combinations(currencies, count) if count <= _FEW else [tuple(currencies)]:
            payable = [[option for option in row if option.costs_only(purse)] for row in rows]
            ways, all_looked_at = _ways(payable, limits, purse)
            complete &= all_looked_at
            choices += [_choice(way, purse) for way in _best(way for way in ways if way.cost[1] == limits[1])]
        if choices:
            return choices, complete
    return [], complete


_FEW = 2


def _needed(rows: Sequence[Sequence[Option]]) -> int:
    """Returns how many rows cannot stay as they are."""
    return sum(all(option.to for option in row) for row in rows)


def _ways(rows: Sequence[Sequence[Option]], limits: tuple[int, int], purse: tuple[str, ...]) -> tuple[list[_Way], bool]:
    """Returns the ways through all rows with at most so many changes and other packs, and whether none was given up."""
    if not all(rows):
        return [], True
    ways, complete = [_Way((0,) * (2 + len(purse)))], True
    for place, row in enumerate(rows):
        rest = rows[place + 1 :]
        most, bounds = (limits[0] - _needed(rest), limits[1]), (_bounds(rest, 0), _bounds(rest, 1))
        longer = [step for way in ways for option in row for step in _steps(way, option, purse, bounds)]
        ways = _undominated(step for step in longer if step.cost[0] <= most[0] and step.cost[1] <= most[1])
        if len(ways) > MOST_KEPT:
            ways, complete = sorted(ways, key=_order)[:MOST_KEPT], False
    return ways, complete


def _bounds(rest: Sequence[Sequence[Option]], basis: int) -> tuple[int, int]:
    """Returns up to which royalties whatever follows fits, and above which nothing does."""
    shares = [[option.royalties[basis] for option in row] for row in rest]
    return WHOLE_PPB - sum(map(max, shares)), WHOLE_PPB - sum(map(min, shares))


def _steps(way: _Way, option: Option, purse: tuple[str, ...], bounds: Sequence[tuple[int, int]]) -> Iterator[_Way]:
    """Gives the way with one option more, unless that clashes, or whatever follows would."""
    terms, to = option.layer.terms, option.to
    has_pack, label, is_owned, owners = way.bonds
    is_owned = is_owned or terms.output_owner == "provider"
    if terms.output_owner != "licensee":
        # Three are no other than two: they share.
        owners = tuple(sorted({*owners, option.layer.party})[:2])
    if (label and terms.share_alike not in ("", label)) or (is_owned and len(owners) > 1):
        return
    royalties = tuple(map(add, way.royalties, option.royalties))
    if any(share > ceiling for share, (_floor, ceiling) in zip(royalties, bounds, strict=True)):
        return
    cost = way.cost
    if to:
        has_pack = has_pack or to.kind == PACK
        prices = (to.price_minor * (to.currency == currency) for currency in purse)
        cost = tuple(map(add, cost, (1, to.kind == PACK, *prices)))
    yield _Way(
        cost,
        # Below the floor it does not matter how low they are.
        tuple(max(share, floor) for share, (floor, _ceiling) in zip(royalties, bounds, strict=True)),
        (*way.signs, option.sign),
        (has_pack, label or terms.share_alike, is_owned, owners),
        (*way.options, option),
    )


def _undominated(ways: Iterable[_Way]) -> list[_Way]:
    """Returns the ways without those to which another one with the same bonds is preferable, whatever follows."""
    alike: dict[object, list[_Way]] = {}
    # What is preferable comes first in this order.
    for way in sorted(ways, key=_order):
        kept = alike.setdefault(way.bonds, [])
        if not any(_is_preferable(other, way) for other in kept):
            kept.append(way)
    return [way for kept in alike.values() for way in kept]


def _order(way: _Way) -> tuple[object, ...]:
    return way.cost, way.royalties, way.signs


def _is_preferable(one: _Way, other: _Way) -> bool:
    """Returns whether whatever the other may lead to, the one leads to as well, and to no worse."""
    return (
        all(map(le, one.cost, other.cost))
        and all(map(le, one.royalties, other.royalties))
        and (one.cost != other.cost or one.signs <= other.signs)
    )


def _best(ways: Iterable[_Way]) -> list[_Way]:
    """Returns those in the fewest currencies that no other one undercuts, of ways with equally many changes."""
    ordered = sorted(ways, key=lambda way: (way.cost, way.signs))
    fewest = min((sum(map(bool, way.cost[2:])) for way in ordered), default=0)
    best: list[_Way] = []
    for way in ordered:
        if sum(map(bool, way.cost[2:])) == fewest and not any(all(map(le, one.cost, way.cost)) for one in best):
            best.append(way)
    return best


def _choice(way: _Way, purse: tuple[str, ...]) -> Choice:
    prices = tuple((currency, price) for currency, price in zip(purse, way.cost[2:], strict=True) if price)
    return Choice(way.options, prices)
