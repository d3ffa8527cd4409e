"""Questions about prices, codes, collections and quotes; none writes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from django.db import connection
from django.db.models import Count, Prefetch, Q, QuerySet

from marketplace.catalog.models import Pack, Release
from marketplace.licensing.bargains import Collection, CollectionItem, DiscountCode, QuoteRequest, QuoteStep
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.licensing.pricing import CODE, Discount, Size
from marketplace.people.models import Creator, SizeDeclaration, Studio


def price_now(offer: Offer, now: datetime) -> OfferPrice:
    """This will find the price that counts: the newest whose time it is, and that is not sold out."""
    return current(list(price_history(offer)), now, sold(price_history(offer)))


def regular_price(offer: Offer, now: datetime) -> OfferPrice:
    """This will find the price that counts when nothing is on sale."""
    return current([row for row in price_history(offer) if row.kind == OfferPrice.REGULAR], now, {})


def price_history(offer: Offer) -> list[OfferPrice]:
    """This will list all prices that an offer had, has and is to have, oldest first."""
    return list(OfferPrice.objects.filter(offer=offer).order_by("number"))


def current(rows: Sequence[OfferPrice], now: datetime, sales: Mapping[UUID, int]) -> OfferPrice:
    """This will pick from an offer's prices in their order; the first holds from the offer on, whatever the clock says.

    `sales` counts those that only so many may have.
    """
    due = [
        row
        for row in rows
        if (row.starts_at <= now or row.number == 0)
        and (row.ends_at is None or now < row.ends_at)
        and not (row.most_sales and sales.get(row.pk, 0) >= row.most_sales)
    ]
    return due[-1]


def sold(rows: Iterable[OfferPrice]) -> dict[UUID, int]:
    """This will count the sales at each price that only so many may have; declined orders are none.

    A price that nobody bought is not in the answer.
    """
    limited = [row.pk for row in rows if row.most_sales]
    if not limited:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_sold(), [limited])
        return dict(cursor.fetchall())


@cache
def _sold() -> str:
    """Writes the question once: a check asks it while somebody types.

    Orders are kept above (checkout's `OrderLine.price`), so they are found by the name of that relation.
    """
    line = OfferPrice._meta.get_field("order_lines").related_model
    outcome = line._meta.get_field("order").related_model._meta.get_field("outcome").related_model
    return f"""
        SELECT line.price_id, count(*)
          FROM {line._meta.db_table} line LEFT JOIN {outcome._meta.db_table} ended ON ended.order_id = line.order_id
         WHERE line.price_id = ANY(%s) AND ended.outcome IS DISTINCT FROM 'declined'
         GROUP BY line.price_id
    """


def with_prices(offers: Iterable[Offer], now: datetime) -> list[Offer]:
    """This will give offers `.now`, the price that counts, and `.regular_minor`; two queries for all."""
    found = list(offers)
    rows = list(OfferPrice.objects.filter(offer__in=found).order_by("offer_id", "number"))
    sales = sold(rows)
    of: dict[UUID, list[OfferPrice]] = {offer.pk: [] for offer in found}
    for row in rows:
        of[row.offer_id].append(row)
    for offer in found:
        mine = of[offer.pk]
        regular = [row for row in mine if row.kind == OfferPrice.REGULAR]
        offer.now = current(mine, now, sales)  # type: ignore[attr-defined]
        offer.regular_minor = current(regular, now, {}).price_minor  # type: ignore[attr-defined]
    return found


def priced_offers(release: Release, now: datetime) -> list[Offer]:
    """This will list what a release is sold under, cheapest first, each with `.now` and `.regular_minor`."""
    live = Offer.objects.filter(release=release, withdrawal=None).select_related("terms")
    priced = with_prices(live, now)
    return sorted(priced, key=lambda one: (one.currency, one.now.price_minor, str(one.pk)))  # type: ignore[attr-defined]


def lowest_in(offer: Offer, *, since: datetime, until: datetime) -> int:
    """This will find the lowest price, in minor units, of an offer from `since` until before `until`.

    What a reduction is compared with (Directive 98/6/EC, article 6a) is the lowest of the 30 days before it.
    """
    rows = price_history(offer)
    edges = {moment for row in rows for moment in (row.starts_at, row.ends_at) if moment and since < moment < until}
    return min(current(rows, moment, {}).price_minor for moment in {since, *edges})


def declared_size(studio: Studio) -> SizeDeclaration | None:
    """This will find what a studio said last of its size."""
    return SizeDeclaration.objects.filter(studio=studio).order_by("-id").first()


def size_of(studio: Studio) -> Size | None:
    """This will give that size as prices take it, None where nothing was said."""
    said = declared_size(studio)
    return Size(said.people, said.revenue_usd) if said else None


def code_for(*, offer: Offer, code: str, now: datetime) -> DiscountCode | None:
    """This will find the code that takes something off an offer now; whether it is used up is counted with orders."""
    said = code.strip().upper()
    if not CODE.fullmatch(said):
        return None
    row = DiscountCode.objects.filter(creator=offer.release.pack.owner, code=said, end=None).first()
    if row is None or row.starts_at > now or (row.ends_at is not None and row.ends_at <= now):
        return None
    about = row.offer_id in (None, offer.pk) and row.pack_id in (None, offer.release.pack_id)
    return row if about and row.currency in ("", offer.currency) else None


def discount_of(row: DiscountCode) -> Discount:
    """This will give a stored code as prices take it."""
    return Discount(row.code, row.percent_ppb, row.amount_minor)


def codes_of(creator: Creator) -> list[DiscountCode]:
    """This will list a creator's codes, newest first, each with `.end` where it ended and `.uses` in orders."""
    taken = ~Q(order_lines__order__outcome__outcome="declined") & Q(order_lines__isnull=False)
    rows = DiscountCode.objects.filter(creator=creator).select_related("end", "pack", "offer__terms")
    return list(rows.annotate(uses=Count("order_lines", filter=taken)).order_by("-created_at", "id"))


def collections_of(*, creator: Creator | None = None, pack: Pack | None = None, live: bool = True) -> list[Collection]:
    """This will list collections of a creator, or those that hold a pack; `live` leaves out what is not sold now.

    Each has `.offers` in their order. One is not sold when it or any of its offers is withdrawn.
    """
    items = CollectionItem.objects.select_related(
        "offer__terms", "offer__withdrawal", "offer__release__pack__creator", "offer__release__split"
    )
    rows = Collection.objects.select_related("withdrawal", "creator").prefetch_related(Prefetch("items", items))
    if creator is not None:
        rows = rows.filter(creator=creator)
    if pack is not None:
        rows = rows.filter(items__offer__release__pack=pack).distinct()
    found = list(rows)
    for row in found:
        row.offers = [item.offer for item in row.items.all()]  # type: ignore[attr-defined]
    return [row for row in found if not live or is_sold(row)]


def is_sold(collection: Collection) -> bool:
    """This will tell whether a collection can be bought: neither it nor one of its offers is withdrawn."""
    offers = [item.offer for item in collection.items.all()]
    return not hasattr(collection, "withdrawal") and not any(hasattr(one, "withdrawal") for one in offers)


def collection(collection_id: UUID | str) -> Collection | None:
    """This will find a collection that is sold now."""
    row = Collection.objects.filter(pk=collection_id).first()
    if row is None or not is_sold(row):
        return None
    row.offers = [item.offer for item in row.items.select_related("offer__terms", "offer__release__pack__creator")]  # type: ignore[attr-defined]
    return row


def _quotes() -> QuerySet[QuoteRequest]:
    rows = QuoteRequest.objects.select_related("offer__terms", "offer__release__pack__creator", "studio", "project")
    return rows.prefetch_related("steps").order_by("-asked_at", "id")


def quotes_for(*, studio: Studio | None = None, creator: Creator | None = None) -> list[QuoteRequest]:
    """This will list requests for a quote of a studio, or for what a creator owns, newest first, with their steps."""
    rows = _quotes()
    if studio is not None:
        rows = rows.filter(studio=studio)
    if creator is not None:
        rows = rows.filter(offer__release__pack__owner=creator)
    return list(rows)


def agreed(request: QuoteRequest) -> QuoteStep | None:
    """This will find the price that both sides said yes to: the step before the newest, where that accepts it."""
    steps = list(request.steps.order_by("number"))
    if len(steps) < 2 or steps[-1].kind != QuoteStep.ACCEPT:
        return None
    return steps[-2]


def quote_request(request_id: UUID | str) -> QuoteRequest | None:
    """This will find a request for a quote, with its steps."""
    return _quotes().filter(pk=request_id).first()
