"""Questions that the pages about prices ask; none writes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet

from marketplace.catalog.models import Pack, Release
from marketplace.checkout.rules import platform_fee
from marketplace.licensing import pricing_queries
from marketplace.licensing.bargains import QuoteRequest, QuoteStep
from marketplace.licensing.models import Grant, Offer, OfferPrice
from marketplace.licensing.months import limits_of
from marketplace.licensing.pricing import DISCOUNTABLE, WITHOUT_PRICE
from marketplace.licensing.queries import terms_of
from marketplace.licensing.words import summary_text
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people.models import Creator
from marketplace.portal import words
from marketplace.portal.queries import own_shares
from marketplace.ui.formats import sentence


def sold_of(offers: Iterable[Offer]) -> dict[UUID, int]:
    """This will count the licenses granted under offers, in one query."""
    rows = Grant.objects.filter(offer__in=list(offers)).values_list("offer")
    return dict(rows.annotate(n=Count("pk")))


def offer_rows(creator: Creator, release: Release, now: datetime) -> list[dict[str, Any]]:
    """This will say each offer of a release, withdrawn ones last: its price now, what it leaves, and what it sold."""
    offers = list(Offer.objects.filter(release=release).select_related("terms", "withdrawal"))
    pricing_queries.with_prices(offers, now)
    sold, own_ppb = sold_of(offers), own_shares(creator, [release]).get(release.split_id, 0)
    rows = [offer_row(offer, own_ppb) | {"sold": sold.get(offer.pk, 0)} for offer in offers]
    return sorted(rows, key=lambda row: (bool(row["withdrawn_at"]), row["offer"].currency, row["price_minor"]))


def offer_row(offer: Any, own_ppb: int) -> dict[str, Any]:
    """This will say an offer that has its price now at hand."""
    price_minor = offer.now.price_minor
    return {
        "offer": offer,
        "name": words.say(words.TERMS, offer.terms.name),
        "summary": summary_text(terms_of(offer.terms)),
        "price": price_said(offer, price_minor),
        "price_minor": price_minor,
        "regular": price_said(offer, offer.regular_minor) if offer.regular_minor != price_minor else "",
        "kind": words.say(words.PRICE_KINDS, offer.now.kind) if offer.now.kind != OfferPrice.REGULAR else "",
        "ends_at": offer.now.ends_at,
        "most_sales": offer.now.most_sales,
        "may_change": offer.model not in WITHOUT_PRICE,
        "may_be_on_sale": offer.model in DISCOUNTABLE,
        "withdrawn_at": getattr(getattr(offer, "withdrawal", None), "withdrawn_at", None),
        **parts_of(price_minor, own_ppb),
    }


def price_said(offer: Offer, price_minor: int) -> str:
    """This will say a price of an offer by what it is for."""
    return words.price_text(offer.model, Money(price_minor, offer.currency), offer.unit, offer.share_ppb)


def parts_of(price_minor: int, own_ppb: int) -> dict[str, int]:
    """This will share a price out: our fee, what goes to sources and other makers, and what is left to the creator.

    What is left is rounded down; a sale may give one unit more.
    """
    fee = platform_fee(price_minor, settings.PLATFORM_FEE_PPB)
    net = (price_minor - fee) * own_ppb // WHOLE_PPB
    return {"fee_minor": fee, "others_minor": price_minor - fee - net, "net_minor": net}


def history_of(offer: Offer, now: datetime) -> list[dict[str, Any]]:
    """This will say all prices of an offer, the newest first, and which of them counts now."""
    current = pricing_queries.price_now(offer, now)
    return [
        {
            "row": row,
            "kind": words.say(words.PRICE_KINDS, row.kind),
            "price": price_said(offer, row.price_minor),
            "month": [sentence(words) for words in limits_of(row).said(offer.currency)],
            "tiers": [{**tier, "price": price_said(offer, tier["price_minor"])} for tier in row.tiers],
            "is_now": row.pk == current.pk,
            "is_to_come": row.starts_at > now,
        }
        for row in reversed(pricing_queries.price_history(offer))
    ]


def offer_of(creator: Creator, offer_id: UUID) -> Offer | None:
    """This will find an offer of what a creator owns, with everything that its page shows."""
    rows = Offer.objects.select_related("terms", "withdrawal", "release__pack__creator", "release__pack__owner")
    return rows.filter(pk=offer_id, release__pack__owner=creator).first()


def packs_of(creator: Creator) -> QuerySet[Pack]:
    """This will list what a creator owns, by name."""
    return Pack.objects.filter(owner=creator).select_related("creator").order_by("handle", "id")


def collectable(creator: Creator) -> QuerySet[Offer]:
    """This will list the offers that may go into a collection: of what the creator owns, sold now, once or free."""
    rows = Offer.objects.filter(release__pack__owner=creator, withdrawal=None, model__in=["one-off", "free"])
    return rows.select_related("terms", "release__pack__creator").order_by("release__pack__handle", "price_minor", "id")


def waiting_quotes(creator: Creator) -> list[QuoteRequest]:
    """This will list the requests for a quote that wait for the creator's answer."""
    return [row for row in pricing_queries.quotes_for(creator=creator) if is_my_turn(row)]


def is_my_turn(request: QuoteRequest) -> bool:
    """This will tell whether the creator speaks next: first of all, or after a price of the studio's."""
    steps = list(request.steps.all())
    return not steps or (steps[-1].kind == QuoteStep.PRICE and steps[-1].side == QuoteStep.STUDIO)
