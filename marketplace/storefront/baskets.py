"""What somebody is about to license: offers as the address names them, a collection, or what was agreed on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.http import QueryDict

from marketplace.checkout.models import OrderLine
from marketplace.checkout.operations import asks_of
from marketplace.licensing import pricing_queries
from marketplace.licensing import queries as licensing
from marketplace.licensing.bargains import Collection, QuoteRequest
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer
from marketplace.people.models import Person, Studio
from marketplace.storefront.held import buying_studios

MOST_OFFERS = 50
"""So many offers go into one order of a page."""


@dataclass(frozen=True)
class Basket:
    """Offers with `.now` and `.regular_minor`, and what goes for all of them; `kind` as in `checkout.Ask`."""

    offers: tuple[Offer, ...]
    collection: Collection | None = None
    quote: QuoteRequest | None = None
    replaces: Grant | None = None
    kind: str = OrderLine.BUY

    @property
    def studio(self) -> Studio | None:
        """Who it must be for, where that is settled."""
        if self.replaces is not None:
            return self.replaces.studio
        return self.quote.studio if self.quote is not None else None

    @property
    def project(self) -> Project | None:
        """What it must be for, where the studio is settled."""
        if self.replaces is not None:
            return self.replaces.project
        return self.quote.project if self.quote is not None else None

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The names and values that name this basket again."""
        names = [("offer", str(offer.pk)) for offer in self.offers] if self.collection is None else []
        if self.collection is not None:
            names.append(("collection", str(self.collection.pk)))
        if self.quote is not None:
            names.append(("quote", str(self.quote.pk)))
        if self.replaces is not None:
            names.append(("renew" if self.kind == OrderLine.RENEWAL else "upgrade", str(self.replaces.pk)))
        return names


@dataclass(frozen=True)
class Wanted:
    """A basket with all that the buyer says; numbers and amounts are by offer, in its currency's minor units."""

    basket: Basket
    studio_id: UUID | None = None
    studio_name: str = ""
    project_id: UUID | None = None
    project_name: str = ""
    starts_at: datetime | None = None
    code: str = ""
    country: str = ""
    vat_id: str = ""
    people: int | None = None
    revenue_usd: int | None = None
    seats: Mapping[UUID, int] = field(default_factory=dict)
    pays: Mapping[UUID, int] = field(default_factory=dict)
    expects: Mapping[UUID, int] = field(default_factory=dict)


def read_basket(given: QueryDict, *, person: Person, now: datetime) -> Basket | None:
    """This will read which basket an address or a form names; None where any part of it is not there for the person."""
    try:
        collection, quote = _one(given, "collection"), _one(given, "quote")
        renew, upgrade = _one(given, "renew"), _one(given, "upgrade")
        offers = list(dict.fromkeys(UUID(text) for text in given.getlist("offer")[: MOST_OFFERS + 1]))
    except ValueError:
        return None
    if collection is not None:
        return _of_collection(collection, now)
    if quote is not None:
        return _of_quote(quote, person, now)
    found = licensing.offers(offers)
    rows = [found[key] for key in offers if key in found and not hasattr(found[key], "withdrawal")]
    if not offers or len(rows) != len(offers) or len(rows) > MOST_OFFERS:
        return None
    if renew is None and upgrade is None:
        return Basket(_priced(rows, now))
    grant = licensing.grant_of(buying_studios(person), renew or upgrade or "")
    if grant is None or len(rows) != 1:
        return None
    kind = OrderLine.RENEWAL if renew is not None else OrderLine.UPGRADE
    return Basket(_priced(rows, now), replaces=grant, kind=kind)


def _one(given: QueryDict, name: str) -> UUID | None:
    return UUID(given[name]) if given.get(name) else None


def _priced(offers: Sequence[Offer], now: datetime) -> tuple[Offer, ...]:
    return tuple(pricing_queries.with_prices(offers, now))


def _of_collection(key: UUID, now: datetime) -> Basket | None:
    collection = pricing_queries.collection(key)
    if collection is None:
        return None
    return Basket(_priced([ask.offer for ask in asks_of(collection)], now), collection=collection)


def _of_quote(key: UUID, person: Person, now: datetime) -> Basket | None:
    quote = pricing_queries.quote_request(key)
    if quote is None or quote.studio_id not in {studio.pk for studio in buying_studios(person)}:
        return None
    offer = licensing.offer(quote.offer_id)
    return Basket(_priced([offer], now), quote=quote) if offer is not None else None
