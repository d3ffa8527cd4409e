"""What a buyer asks for, and what an order would cost: nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from marketplace.checkout.models import OrderLine, Subscription
from marketplace.checkout.taxes.base import TaxPart
from marketplace.checkout.taxes.rules import TaxSum
from marketplace.licensing.bargains import Collection, DiscountCode, QuoteRequest
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer, OfferPrice
from marketplace.licensing.pricing import Priced
from marketplace.ui.words import Words


class UnableToBuy(Exception):
    """The order could not be placed; nothing was charged and nothing granted."""

    code = "order-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnableToBuyYet(UnableToBuy):
    """The order could not be placed at this moment; the same request anew may be."""


class UnableToBuySoLittle(UnableToBuy):
    """The order costs something, but less than the gateway takes; the same for more, or for nothing, may be placed."""


QUOTE_IS_GOOD_FOR = timedelta(days=30)
"""How long after it was accepted a quote can be bought."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One license in an order.

    `seats` 0 is one seat where the price is for each, and what the terms give elsewhere. `pays_minor` goes with
    pay-what-you-want, `quote` with an offer on request. `kind` is `buy`, or `renewal` or `upgrade` of the grant that
    it `replaces`. `code` takes something off where it applies. With `expect_minor` the order is refused when the line
    costs anything else. `fixed` and `subscription` are for renewals and added seats, which checkout itself asks for.
    """

    offer: Offer
    seats: int = 0
    project: Project | None = None
    pays_minor: int | None = None
    starts_at: datetime | None = None
    code: str = ""
    quote: QuoteRequest | None = None
    collection: Collection | None = None
    kind: str = OrderLine.BUY
    replaces: Grant | None = None
    expect_minor: int | None = None
    ends_at: datetime | None = None
    fixed: Priced | None = None
    subscription: Subscription | None = None

    def numbers(self) -> tuple[int, int]:
        """The numbers that a buyer chooses."""
        return self.seats, self.pays_minor or 0

    def shape(self) -> dict[str, Any]:
        """What is asked for, as data that names the request."""
        named = {
            name: str(value.pk)
            for name in ("project", "quote", "collection", "replaces", "subscription")
            if (value := getattr(self, name)) is not None
        }
        said: dict[str, Any] = {"seats": self.seats, "code": self.code.strip().upper()}
        if self.pays_minor is not None:
            said["pays_minor"] = self.pays_minor
        if self.starts_at is not None:
            said["starts_at"] = int(self.starts_at.timestamp())
        kind = {} if self.kind == OrderLine.BUY else {"kind": self.kind}
        return {name: value for name, value in (named | said | kind).items() if value}


def asks_in(offers: Sequence[Offer | Ask]) -> list[Ask]:
    """This will take plain offers for asks without more."""
    return [one if isinstance(one, Ask) else Ask(one) for one in offers]


def with_projects(asks: Sequence[Ask]) -> list[Ask]:
    """This will ask for what a quote is about: a price that was agreed on for one project is for that one."""
    return [
        replace(ask, project=ask.quote.project) if ask.quote is not None and ask.project is None else ask
        for ask in asks
    ]


def asks_of(collection: Collection, *, project: Project | None = None) -> list[Ask]:
    """This will ask for everything in a collection, at its price."""
    items = collection.items.select_related(
        "offer__terms", "offer__release__split", "offer__release__pack__creator", "offer__release__pack__owner"
    )
    return [Ask(item.offer, project=project, collection=collection) for item in items.order_by("position")]


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """What one license would cost, and how that comes about; amounts are minor units of the order's currency."""

    ask: Ask
    price_minor: int
    list_minor: int
    credit_minor: int
    seats: int
    starts_at: datetime | None
    ends_at: datetime | None
    lines: tuple[Words, ...]
    price: OfferPrice | None = None
    code: DiscountCode | None = None
    taxes: tuple[TaxPart, ...] = ()
    trial_days: int = 0

    @property
    def offer(self) -> Offer:
        return self.ask.offer


@dataclass(frozen=True, slots=True)
class Quoted:
    """What an order would cost. `needs_method` tells whether it asks for a way to pay, now or later.

    `total_minor` is what is paid, with the taxes: `tax_minor` in all, on top of the prices of the lines or, where
    `tax_included`, within them. `taxed` is what checkout itself keeps of them.
    """

    lines: tuple[QuotedLine, ...]
    total_minor: int
    list_minor: int
    currency: str
    needs_method: bool
    tax_minor: int = 0
    taxes: tuple[TaxSum, ...] = ()
    tax_included: bool = False
    taxed: Any = None

    @property
    def price_minor(self) -> int:
        """What the lines cost together, before taxes that come on top."""
        return sum(line.price_minor for line in self.lines)


@dataclass
class Taken:
    """What earlier lines of the same order took of prices and codes that only so many may have."""

    prices: dict[UUID, int] = field(default_factory=dict)
    codes: dict[UUID, int] = field(default_factory=dict)

    def count(self, line: QuotedLine) -> None:
        """Adds a line."""
        if line.price is not None:
            self.prices[line.price.pk] = self.prices.get(line.price.pk, 0) + 1
        if line.code is not None:
            self.codes[line.code.pk] = self.codes.get(line.code.pk, 0) + 1


def check_asks(asks: Sequence[Ask]) -> None:
    """This will raise UnableToBuy for what cannot be one order."""
    if not asks:
        raise UnableToBuy(_("The order is empty: choose at least one offer."))
    same = {(ask.offer.pk, getattr(ask.project, "pk", None), getattr(ask.replaces, "pk", None)) for ask in asks}
    if len(same) != len(asks):
        raise UnableToBuy(_("An offer stands twice in the order: name each once."))
    replaced = [ask.replaces.pk for ask in asks if ask.replaces is not None]
    if len(set(replaced)) != len(replaced):
        raise UnableToBuy(_("Two lines replace the same license: choose one of them."))
    quotes = [ask.quote.pk for ask in asks if ask.quote is not None]
    if len(set(quotes)) != len(quotes):
        raise UnableToBuy(_("A quote stands twice in the order: it is bought once."))
    currencies = {ask.offer.currency for ask in asks}
    if len(currencies) > 1:
        raise UnableToBuy(
            _("The offers are in several currencies (%s): place one order for each.") % ", ".join(sorted(currencies))
        )
    for ask in asks:
        if hasattr(ask.offer, "withdrawal"):
            raise UnableToBuy(_("The offer “%s” is no longer sold: choose another.") % ask.offer.terms.name)
        if ask.kind not in (OrderLine.BUY, OrderLine.RENEWAL, OrderLine.UPGRADE):
            raise UnableToBuy(_("A license is bought, renewed or upgraded: “%s” is none of these.") % ask.kind[:20])
    _check_collections(asks)


def _check_collections(asks: Sequence[Ask]) -> None:
    """Raises UnableToBuy where less or more than a collection is asked for at its price."""
    asked: dict[UUID, list[Ask]] = {}
    for ask in asks:
        if ask.collection is not None:
            asked.setdefault(ask.collection.pk, []).append(ask)
    for mine in asked.values():
        collection = mine[0].collection
        assert collection is not None
        if hasattr(collection, "withdrawal"):
            raise UnableToBuy(_("The collection is no longer sold: choose its offers one by one."))
        items = set(collection.items.values_list("offer_id", flat=True))
        if {ask.offer.pk for ask in mine} != items or len(mine) != len(items):
            raise UnableToBuy(_("A collection is bought as a whole: ask for each of its offers once."))
        if any(ask.code or ask.kind != OrderLine.BUY or ask.pays_minor is not None for ask in mine):
            raise UnableToBuy(_("A collection has its own price: leave out codes, amounts, renewals and upgrades."))


def with_price(line: QuotedLine, price_minor: int, *words: Words) -> QuotedLine:
    """This will give a line at another price, and say why."""
    return replace(line, price_minor=price_minor, lines=(*line.lines, *words))
