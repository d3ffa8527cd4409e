"""The search behind fixes: for each layer one of its options, so that nothing clashes, at the lowest price.

Layers each of which allows a use can only clash in three ways (docs/formats/composition.md): by two licenses to share
under, by a party that owns what is made while another one claims it too, and by royalties above the whole. So the
layers are passed once, and of what was chosen so far only that is kept which may still turn out best.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

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


@dataclass(frozen=True, slots=True)
class Choice:
    """An option for each layer, and what they cost: (currency, minor units) by currency, without amounts of 0."""

    options: tuple[Option, ...]
    prices: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """What was chosen for the first layers. Two with equal bonds can go on with the same options."""

    options: tuple[Option, ...] = ()
    signs: tuple[tuple[str, ...], ...] = ()
    changes: int = 0
    packs: int = 0
    prices: tuple[int, ...] = ()
    royalties: tuple[int, int] = (0, 0)
    label: str = ""
    owners: tuple[str, ...] = ()
    is_owned: bool = False

    @property
    def bonds(self) -> tuple[str, bool, tuple[str, ...], bool]:
        return self.label, self.is_owned, self.owners, self.packs > 0

    @property
    def cost(self) -> tuple[int, ...]:
        return self.changes, self.packs, *self.prices

    @property
    def order(self) -> tuple[tuple[int, ...], tuple[int, int], tuple[tuple[str, ...], ...]]:
        return self.cost, self.royalties, self.signs

    def is_no_worse(self, other: "_Way") -> bool:
        """Whether whatever the other may lead to, this one leads to as well, and no worse."""
        if not all(
            mine <= its for mine, its in zip(self.cost + self.royalties, other.cost + other.royalties, strict=True)
        ):
            return False
        return self.cost != other.cost or self.signs <= other.signs


def cheapest(rows: Sequence[Sequence[Option]], *, with_pack: bool) -> tuple[list[Choice], bool]:
    """Return the best choices of one option a row that do not clash, and whether they are certainly the best.

    Every option must allow the use by itself. Best are the fewest changes; of these, where `with_pack`, those with
    another pack, as few as can be; then the fewest currencies; then those of which no other is cheaper in one
    currency and no dearer in any. They come by currency; of those at the same prices only the one is there whose
    names come first. Where `with_pack` and as few changes do only without another pack, there are none.
    """
    if not all(rows):
        return [], True
    currencies = sorted({option.to.currency for row in rows for option in row if option.to and option.to.price_minor})
    certain = True
    for budget in range(_needed(rows), len(rows) + 1):
        ways, complete = _ways(rows, budget, currencies)
        certain &= complete
        if ways:
            wanted = [way for way in ways if way.packs or not with_pack]
            return sorted(
                [_choice(way, currencies) for way in _best(wanted)], key=lambda choice: choice.prices
            ), certain
    return [], certain


def _needed(rows: Sequence[Sequence[Option]]) -> int:
    """Returns how many rows cannot stay as they are."""
    return sum(all(option.to for option in row) for row in rows)


def _ways(rows: Sequence[Sequence[Option]], budget: int, currencies: list[str]) -> tuple[list[_Way], bool]:
    """Returns the ways through all rows with at most so many changes, and whether none was given up."""
    # Royalties that cannot get above the whole do not tie layers together.
    counted = any(sum(max(option.royalties[basis] for option in row) for row in rows) > WHOLE_PPB for basis in (0, 1))
    ways, complete = [_Way(prices=(0,) * len(currencies))], True
    for place, row in enumerate(rows):
        left = budget - _needed(rows[place + 1 :])
        longer = [step for way in ways for option in row for step in _steps(way, option, currencies, counted)]
        ways = _undominated(step for step in longer if step.changes <= left)
        if len(ways) > MOST_KEPT:
            ways, complete = sorted(ways, key=lambda way: way.order)[:MOST_KEPT], False
    return ways, complete


def _steps(way: _Way, option: Option, currencies: list[str], counted: bool) -> Iterator[_Way]:
    """Gives the way with one option more, unless that clashes."""
    terms, to = option.layer.terms, option.to
    revenue, profit = option.royalties if counted else (0, 0)
    royalties = (way.royalties[0] + revenue, way.royalties[1] + profit)
    owners, is_owned = way.owners, way.is_owned or terms.output_owner == "provider"
    if terms.output_owner != "licensee":
        # Three are no other than two: a third party claims it either way.
        owners = tuple(sorted({*owners, option.layer.party})[:2])
    if (way.label and terms.share_alike not in ("", way.label)) or (is_owned and len(owners) > 1):
        return
    if max(royalties) > WHOLE_PPB:
        return
    price = to.price_minor if to else 0
    yield _Way(
        options=(*way.options, option),
        signs=(*way.signs, option.sign),
        changes=way.changes + (to is not None),
        packs=way.packs + (to is not None and to.kind == PACK),
        prices=tuple(
            [
                amount + (price if to and to.currency == currency else 0)
                for currency, amount in zip(currencies, way.prices, strict=True)
            ]
        ),
        royalties=royalties,
        label=way.label or terms.share_alike,
        owners=owners,
        is_owned=is_owned,
    )


def _undominated(ways: Iterable[_Way]) -> list[_Way]:
    """Returns the ways without those that another one with the same bonds is no worse than."""
    kept: list[_Way] = []
    for _bonds, alike in groupby(sorted(ways, key=lambda way: (way.bonds, way.order)), key=lambda way: way.bonds):
        best: list[_Way] = []
        # One that is no worse comes first in this order.
        for way in alike:
            if not any(other.is_no_worse(way) for other in best):
                best.append(way)
        kept += best
    return kept


def _best(ways: list[_Way]) -> list[_Way]:
    """Returns those that `cheapest` promises, of ways with equally many changes."""
    if not ways:
        return []

    def rank(way: _Way) -> tuple[int, int]:
        return way.packs, sum(price > 0 for price in way.prices)

    least = min(map(rank, ways))
    best: list[_Way] = []
    for way in sorted((way for way in ways if rank(way) == least), key=lambda way: (way.prices, way.signs)):
        if not any(all(a <= b for a, b in zip(other.prices, way.prices, strict=True)) for other in best):
            best.append(way)
    return best


def _choice(way: _Way, currencies: list[str]) -> Choice:
    prices = tuple((name, price) for name, price in zip(currencies, way.prices, strict=True) if price)
    return Choice(way.options, prices)
