"""The licenses that a pack's page lets one choose from, each with its price and what stands against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists

from marketplace.catalog.models import Release
from marketplace.licensing import holding_queries, pricing_queries
from marketplace.licensing import queries as licensing
from marketplace.licensing.bargains import Collection
from marketplace.licensing.exclusivity import earlier_grants
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.models import Offer
from marketplace.licensing.pricing import BILLED_LATER
from marketplace.licensing.terms.model import Terms
from marketplace.people.models import Person, Studio
from marketplace.people.queries import buying_studio
from marketplace.storefront import words
from marketplace.storefront.prices import Price, price_shown, until_text


@dataclass(frozen=True)
class Choice:
    """One license; `taken` says that others have it exclusively, `earlier` counts what an exclusive one lets stand."""

    offer: Offer
    terms: Terms
    name: str
    summary: str
    rights: list[dict[str, Any]]
    price: Price
    taken: str = ""
    earlier: int = 0


@dataclass(frozen=True)
class Offered:
    """A collection in which the pack is, with what its licenses cost one by one; 0 where that cannot be said."""

    collection: Collection
    items: list[tuple[Offer, str]]
    single_minor: int


def choices_of(release: Release, *, person: Person | None, now: datetime) -> list[Choice]:
    """This will list what a release is sold under now, the cheapest first, then what is billed later or on request.

    Two queries, where nothing is exclusive. What the studio of `person` has itself does not stand against it.
    """
    standing_of_pack = Exclusivity.objects.filter(pack=release.pack_id, ended_at=None)
    live = Offer.objects.filter(release=release, withdrawal=None).select_related("terms")
    offers = pricing_queries.with_prices(live.annotate(has_taken=Exists(standing_of_pack)), now)
    offers.sort(key=_place)
    taken = any(offer.has_taken for offer in offers)  # type: ignore[attr-defined]
    may_matter = taken or any(licensing.terms_of(offer.terms).exclusive for offer in offers)
    studio = buying_studio(person) if person is not None and may_matter else None
    made = []
    for offer in offers:
        offer.release = release
        terms = licensing.terms_of(offer.terms)
        standing = holding_queries.taken_against(offer=offer, studio=studio, now=now) if taken else None
        made.append(
            Choice(
                offer=offer,
                terms=terms,
                name=words.say(words.TERMS, terms.name),
                summary=words.summary_text(terms),
                rights=words.rights_of(terms),
                price=price_shown(offer),
                taken=until_text(standing.during.upper) if standing else "",
                earlier=earlier_of(offer, studio, now) if terms.exclusive and not standing else 0,
            )
        )
    return made


def _place(offer: Offer) -> tuple[int, str, int, str]:
    """What has a price comes first, then what is billed later, then what is on request."""
    rank = 2 if offer.model == "on-request" else int(offer.model in BILLED_LATER)
    return rank, offer.currency, offer.now.price_minor, str(offer.pk)  # type: ignore[attr-defined]


def earlier_of(offer: Offer, studio: Studio | None, now: datetime) -> int:
    """This will count the licenses that stand beside what an exclusive offer gives from now on."""
    return earlier_grants(offer=offer, studio=studio, starts_at=now, ends_at=None)  # type: ignore[arg-type]


def options_of(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """This will give choices as the component `c-license-options` takes them."""
    return [
        {
            "value": choice.offer.pk,
            "name": choice.name,
            "summary": choice.taken or choice.summary,
            "cost": choice.price.text,
            "note": choice.price.note,
            "was_minor": choice.price.was_minor,
            "currency": choice.price.currency,
            "disabled": bool(choice.taken),
        }
        for choice in choices
    ]


def chosen_of(choices: Sequence[Choice], asked: str) -> object:
    """This will tell which one is chosen at first: the one asked for, else the studio license, else the first."""
    free = [choice for choice in choices if not choice.taken]
    wanted = next((choice for choice in free if str(choice.offer.pk) == asked), None)
    wanted = wanted or next((choice for choice in free if choice.terms.name == "studio"), None)
    return (wanted or free[0]).offer.pk if free else ""


def collections_with(release: Release, now: datetime) -> list[Offered]:
    """This will list the collections on sale in which a pack is; four queries at most."""
    found = pricing_queries.collections_of(pack=release.pack)
    priced = pricing_queries.with_prices([one for row in found for one in row.offers], now) if found else []  # type: ignore[attr-defined]
    of = {offer.pk: offer for offer in priced}
    made = []
    for row in found:
        mine = [of[offer.pk] for offer in row.offers]  # type: ignore[attr-defined]
        prices = [price_shown(offer).minor for offer in mine]
        single = sum(price or 0 for price in prices)
        items = [(offer, words.say(words.TERMS, offer.terms.name)) for offer in mine]
        made.append(Offered(row, items, single if single > row.price_minor else 0))
    return made
