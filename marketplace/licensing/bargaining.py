"""Every write about bargains: discount codes, collections, quotes."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from marketplace.catalog.models import Pack
from marketplace.licensing import pricing, pricing_queries, rules
from marketplace.licensing.bargains import (
    Collection,
    CollectionItem,
    CollectionWithdrawal,
    DiscountCode,
    DiscountCodeEnd,
    QuoteRequest,
    QuoteStep,
)
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Offer
from marketplace.payouts.rules import WHOLE_PPB, Money, UnknownCurrency, exponent_of
from marketplace.people.models import Creator, Person, Seat, Studio

TITLE_LENGTH, MESSAGE_LENGTH, ITEMS_LIMIT = 120, 2000, 50


class UnableToBargain(Exception):
    """The code, the collection or the quote could not be made or changed; nothing was written."""

    code = "bargain-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# --- codes -----------------------------------------------------------------------------------------------
@transaction.atomic
def add_code(
    *,
    creator: Creator,
    code: str,
    now: datetime,
    percent_ppb: int = 0,
    amount_minor: int = 0,
    currency: str = "",
    pack: Pack | None = None,
    offer: Offer | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    most_uses: int = 0,
) -> DiscountCode:
    """This will let a code take a part, or an amount in a currency, off each license of what a creator owns.

    It is about everything, or only a pack or an offer. Every line of an order that it takes something off is a use;
    `most_uses` 0 is without limit. Raises UnableToBargain.
    """
    said, begins = code.strip().upper(), starts_at or now
    if not pricing.CODE.fullmatch(said):
        raise UnableToBargain(_("A code has 3 to 32 letters from A to Z, digits and hyphens."))
    part = 1 <= percent_ppb <= WHOLE_PPB and not amount_minor and not currency
    amount = 1 <= amount_minor <= rules.PRICE_LIMIT_MINOR and not percent_ppb
    if not part and not amount:
        raise UnableToBargain(_("A code takes off a part of up to 100%, or an amount in a currency: give one of them."))
    if amount:
        _check_currency(currency)
    if begins < now or (ends_at is not None and ends_at <= begins):
        raise UnableToBargain(_("A code begins today or later, and ends after that."))
    if not 0 <= most_uses <= pricing.TIMES_LIMIT:
        raise UnableToBargain(_("A code is used so many times, or 0 for without limit: it cannot be fewer."))
    about = offer.release.pack if offer is not None else pack
    if about is not None and about.owner_id != creator.pk:
        raise UnableToBargain(_("The code is about what somebody else owns: choose a pack of yours."))
    try:
        with transaction.atomic():
            return DiscountCode.objects.create(
                creator=creator,
                code=said,
                percent_ppb=percent_ppb,
                amount_minor=amount_minor,
                currency=currency,
                pack=None if offer is not None else pack,
                offer=offer,
                starts_at=begins,
                ends_at=ends_at,
                most_uses=most_uses,
                created_at=now,
            )
    except IntegrityError as error:  # licensing_code_is_said_once
        raise UnableToBargain(_("You have used the code “%s” before: choose another word.") % said) from error


def _check_currency(currency: str) -> None:
    try:
        exponent_of(currency)
    except UnknownCurrency as error:
        raise UnableToBargain(_("“%s” is not a currency we sell in: choose another.") % currency[:10]) from error


@transaction.atomic
def end_code(*, code: DiscountCode, creator: Creator, now: datetime) -> DiscountCodeEnd:
    """This will let a code take nothing off from here on; ending it twice changes nothing."""
    if code.creator_id != creator.pk:
        raise UnableToBargain(_("The code “%s” is not yours.") % code.code)
    row, _made = DiscountCodeEnd.objects.get_or_create(code=code, defaults={"ended_at": now})
    return row


# --- collections -----------------------------------------------------------------------------------------
@transaction.atomic
def make_collection(
    *, creator: Creator, title: Mapping[str, str], offers: Sequence[Offer], price: Money, now: datetime
) -> Collection:
    """This will sell several one-off or free offers of one owner together at one price.

    `title` is by language, as a pack's. The price is divided among the licenses in proportion to what they cost one
    by one. Raises UnableToBargain.
    """
    names = {tag: text.strip() for tag, text in title.items() if text.strip()}
    if not names or any(len(text) > TITLE_LENGTH or not text.isprintable() for text in names.values()):
        raise UnableToBargain(_("A collection needs a title of at most 120 characters."))
    if not 2 <= len({one.pk for one in offers}) == len(offers) <= ITEMS_LIMIT:
        raise UnableToBargain(_("A collection has 2 to 50 offers, each once."))
    if not 0 <= price.amount_minor <= rules.PRICE_LIMIT_MINOR:
        raise UnableToBargain(_("The price of a collection cannot be that: give zero or more."))
    for one in offers:
        if one.release.pack.owner_id != creator.pk or hasattr(one, "withdrawal"):
            raise UnableToBargain(_("“%s” is not yours to sell, or not sold any more.") % one)
        if one.model not in ("one-off", "free") or one.currency != price.currency:
            raise UnableToBargain(
                _("“%(offer)s” is not a one-off or free offer in %(currency)s: only those go into this collection.")
                % {"offer": one, "currency": price.currency}
            )
    alone = sum(pricing_queries.regular_price(one, now).price_minor for one in offers)
    if price.amount_minor > alone:
        raise UnableToBargain(_("A collection costs no more than its offers one by one: lower its price."))
    made = Collection.objects.create(
        creator=creator, title=names, price_minor=price.amount_minor, currency=price.currency, created_at=now
    )
    CollectionItem.objects.bulk_create(
        CollectionItem(collection=made, position=place, offer=one) for place, one in enumerate(offers)
    )
    return made


@transaction.atomic
def withdraw_collection(*, collection: Collection, creator: Creator, now: datetime) -> CollectionWithdrawal:
    """This will stop the sale of a collection; its offers are sold on. Doing it twice changes nothing."""
    if collection.creator_id != creator.pk:
        raise UnableToBargain(_("This collection is not yours."))
    row, _made = CollectionWithdrawal.objects.get_or_create(collection=collection, defaults={"withdrawn_at": now})
    return row


# --- quotes ----------------------------------------------------------------------------------------------
@transaction.atomic
def ask_quote(
    *,
    offer: Offer,
    studio: Studio,
    person: Person,
    now: datetime,
    seats: int = 1,
    project: Project | None = None,
    message: str = "",
) -> QuoteRequest:
    """This will ask the owner of an offer that is on request for a price. Raises UnableToBargain."""
    _check_buyer(studio, person)
    if offer.model != "on-request" or hasattr(offer, "withdrawal"):
        raise UnableToBargain(_("This offer is not on request, or not sold any more: choose another."))
    _check_seats(seats)
    _check_message(message)
    if project is not None and project.studio_id != studio.pk:
        raise UnableToBargain(_("The project “%s” is another studio's: choose one of yours.") % project.name)
    return QuoteRequest.objects.create(
        offer=offer,
        studio=studio,
        project=project,
        seats=seats,
        message=message.strip(),
        asked_by=person,
        asked_at=now,
    )


def _check_buyer(studio: Studio, person: Person) -> None:
    if not Seat.objects.filter(studio=studio, person=person, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToBargain(_("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)


def _check_message(message: str) -> None:
    if len(message.strip()) > MESSAGE_LENGTH or "\0" in message:
        raise UnableToBargain(_("A message has at most 2,000 characters: make it shorter."))


def _check_seats(seats: int) -> None:
    if not 1 <= seats <= pricing.SEATS_LIMIT:
        raise UnableToBargain(_("A quote is for 1 to 1,000,000 seats."))


@transaction.atomic
def answer_quote(
    *,
    request: QuoteRequest,
    person: Person,
    side: str,
    now: datetime,
    price_minor: int | None = None,
    seats: int | None = None,
    message: str = "",
    valid_until: datetime | None = None,
    kind: str = QuoteStep.PRICE,
) -> QuoteStep:
    """This will add one side's step: a price that is good until a moment, or yes or no to the other's.

    The creator speaks first, then the sides take turns. Only the other side's price can be accepted, while it is good;
    a yes or a no ends the talk. What was accepted is bought once, within 30 days. Raises UnableToBargain.
    """
    request = QuoteRequest.objects.select_for_update(no_key=True).get(pk=request.pk)
    newest = request.steps.order_by("-number").first()
    _check_side(request, person, side)
    _check_turn(newest, side, kind)
    _check_message(message)
    if kind == QuoteStep.PRICE:
        if price_minor is None or not 0 <= price_minor <= rules.PRICE_LIMIT_MINOR:
            raise UnableToBargain(_("Name a price of zero or more."))
        if valid_until is None or valid_until <= now:
            raise UnableToBargain(_("Say until when the price is good: a moment that is still to come."))
        _check_seats(seats if seats is not None else request.seats)
    elif price_minor is not None or seats is not None or valid_until is not None:
        raise UnableToBargain(_("A yes or a no names no price of its own."))
    elif (
        newest is not None and kind == QuoteStep.ACCEPT and newest.valid_until is not None and newest.valid_until < now
    ):
        raise UnableToBargain(_("The price is not good any more: ask for a new one."))
    return QuoteStep.objects.create(
        request=request,
        number=newest.number + 1 if newest else 0,
        side=side,
        kind=kind,
        price_minor=price_minor,
        seats=(seats if seats is not None else request.seats) if kind == QuoteStep.PRICE else None,
        message=message.strip(),
        valid_until=valid_until,
        person=person,
        at=now,
    )


def _check_side(request: QuoteRequest, person: Person, side: str) -> None:
    if side == QuoteStep.STUDIO:
        _check_buyer(request.studio, person)
    elif side != QuoteStep.CREATOR or request.offer.release.pack.owner.person_id != person.pk:
        raise UnableToBargain(_("Only the owner of the pack and the studio that asked speak about this quote."))


def _check_turn(newest: QuoteStep | None, side: str, kind: str) -> None:
    """Raises UnableToBargain for a step that cannot follow the newest one."""
    if kind not in (QuoteStep.PRICE, QuoteStep.ACCEPT, QuoteStep.DECLINE):
        raise UnableToBargain(_("An answer is a price, a yes or a no."))
    if newest is not None and newest.kind != QuoteStep.PRICE:
        raise UnableToBargain(_("The quote was accepted or declined already: ask for a new one."))
    if newest is None and kind == QuoteStep.ACCEPT:
        raise UnableToBargain(_("There is no price yet that could be accepted."))
    # Whoever named the newest price, or asked, may still take it back, and waits otherwise.
    if (newest.side if newest else QuoteStep.STUDIO) == side and kind != QuoteStep.DECLINE:
        raise UnableToBargain(_("It is the other side's turn: wait for the answer."))
