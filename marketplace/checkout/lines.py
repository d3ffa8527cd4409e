"""What each line of an order costs, from the rows that count now; nothing here writes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from marketplace.checkout import trying
from marketplace.checkout.asking import (
    QUOTE_IS_GOOD_FOR,
    Ask,
    Quoted,
    QuotedLine,
    Taken,
    UnableToBuy,
    UnableToBuyYet,
    check_asks,
    with_price,
    with_projects,
)
from marketplace.checkout.models import OrderLine, Subscription, SubscriptionEnd
from marketplace.checkout.worth import worth_of
from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing, pricing_queries
from marketplace.licensing.bargains import DiscountCode, QuoteRequest, QuoteStep
from marketplace.licensing.models import Grant, OfferPrice
from marketplace.licensing.months import limits_of
from marketplace.licensing.pricing import Priced, Size, UnableToPrice
from marketplace.licensing.terms.model import shown
from marketplace.payouts.currencies import step_minor
from marketplace.people.models import Studio
from marketplace.ui.formats import money_text, sentence
from marketplace.ui.words import Words, gettext_noop

BEGINS_WITHIN = timedelta(days=3660)
DECLINED = Q(order__outcome__outcome="declined")


def quoted(*, studio: Studio, asks: Sequence[Ask], now: datetime) -> Quoted:
    """This will price an order; raises UnableToBuy, UnableToGrant, or UnableToGrantExclusively where it cannot be."""
    asks = with_projects(asks)
    check_asks(asks)
    size, taken, lines = pricing_queries.size_of(studio), Taken(), []
    for ask in asks:
        if ask.subscription is not None and SubscriptionEnd.objects.filter(subscription=ask.subscription).exists():
            raise UnableToBuy(_("The subscription has ended: buy a new license."))
        if ask.starts_at is not None and ask.starts_at > now + BEGINS_WITHIN:
            raise UnableToBuy(_("A license begins within ten years: choose an earlier day."))
        if ask.kind == OrderLine.UPGRADE and ask.starts_at is not None and ask.starts_at > now:
            raise UnableToBuy(_("An upgrade takes the place of a license at once: leave out its first day."))
        line = _line(studio, ask, size, taken, now)
        taken.count(line)
        lines.append(line)
    _check_codes(lines)
    lines = _as_expected([_in_steps(line) for line in _with_collections(lines)])
    later = any(line.offer.model in (*pricing.PERIODS, *pricing.BILLED_LATER) for line in lines)
    total = sum(line.price_minor for line in lines)
    return Quoted(
        lines=tuple(lines),
        total_minor=total,
        list_minor=sum(line.list_minor for line in lines),
        currency=asks[0].offer.currency,
        needs_method=total > 0 or later,
    )


def lock(asks: Sequence[Ask]) -> None:
    """This will let nobody else take what only so many may have, until the transaction ends; each kind in one order.

    Licenses come before their subscriptions, as where they are granted.
    """
    offers = [ask.offer.pk for ask in asks]
    codes = {code for ask in asks if pricing.CODE.fullmatch(code := ask.code.strip().upper())}
    quotes = [ask.quote.pk for ask in asks if ask.quote is not None]
    grants = [ask.replaces.pk for ask in asks if ask.replaces is not None]
    running = [ask.subscription.pk for ask in asks if ask.subscription is not None]
    for rows in (
        OfferPrice.objects.filter(offer__in=offers, most_sales__gt=0),
        DiscountCode.objects.filter(code__in=codes, creator__in={ask.offer.release.pack.owner_id for ask in asks}),
        QuoteRequest.objects.filter(pk__in=quotes),
        Grant.objects.filter(pk__in=grants),
        Subscription.objects.filter(pk__in=running),
    ):
        list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))


def _line(studio: Studio, ask: Ask, size: Size | None, taken: Taken, now: datetime) -> QuotedLine:
    offer = ask.offer
    seats = ask.seats or seats_of(ask)
    row = _price_row(ask, taken, now)
    code = None
    if ask.quote is not None or offer.model == "on-request":
        step = _agreed(studio, ask, now)
        seats = ask.seats or step.seats or ask.seats
        priced = pricing.price_of(
            model="on-request", price_minor=0, currency=offer.currency, pays_minor=step.price_minor
        )
    else:
        code = _code(ask, taken, now)
        priced = ask.fixed or priced_at(ask, row, code, seats, size)
    trial = trying.days_for(studio, ask)
    if trial:
        priced = trying.as_trial(priced, trial)
    period = licensing.check_grant(
        offer=offer,
        studio=studio,
        now=now,
        seats=seats,
        project=ask.project,
        starts_at=ask.starts_at,
        ends_at=ask.ends_at,
        kind=Grant.NEW if ask.kind == OrderLine.BUY else ask.kind,
        replaces=ask.replaces,
    )
    starts_at, ends_at = ask.starts_at, ask.ends_at
    if offer.model in pricing.PERIODS:
        starts_at = period.starts_at
        first = trying.ends_of(starts_at, trial) if trial else pricing.period_start(starts_at, offer.model, 1)
        ends_at = min(filter(None, (period.ends_at, ask.ends_at or first)))
    line = QuotedLine(
        ask=ask,
        price_minor=priced.price_minor,
        list_minor=priced.list_minor,
        credit_minor=0,
        seats=seats,
        starts_at=starts_at,
        ends_at=ends_at,
        lines=priced.lines,
        # What is sold in a collection is no sale at the offer's own price.
        price=None if ask.collection is not None else row,
        code=code,
        trial_days=trial,
    )
    return _with_credit(line, now)


def seats_of(ask: Ask) -> int:
    """This will tell how many seats are meant where none are named: those of what is replaced, or one."""
    if ask.offer.model not in pricing.BY_SEAT:
        return 0
    return ask.replaces.seats if ask.replaces is not None and ask.replaces.seats else 1


def _price_row(ask: Ask, taken: Taken, now: datetime) -> OfferPrice:
    rows = pricing_queries.price_history(ask.offer)
    sales = pricing_queries.sold(rows)
    for key, more in taken.prices.items():
        sales[key] = sales.get(key, 0) + more
    return pricing_queries.current(rows, now, sales)


def priced_at(ask: Ask, row: OfferPrice, code: DiscountCode | None, seats: int, size: Size | None) -> Priced:
    """This will price one license by a row of its offer's prices, or raise UnableToBuy."""
    offer = ask.offer
    try:
        priced = pricing.price_of(
            model=offer.model,
            price_minor=row.price_minor,
            currency=offer.currency,
            tiers=pricing.read_tiers(row.tiers, model=offer.model),
            seats=max(seats, 1) if offer.model not in pricing.BY_SEAT else seats,
            size=size,
            pays_minor=ask.pays_minor,
            discount=pricing_queries.discount_of(code) if code else None,
            unit=offer.unit,
            share_ppb=offer.share_ppb,
        )
    except UnableToPrice as error:
        raise UnableToBuy(f"{offer.release}: {sentence(error)}") from error
    return replace(priced, lines=(*priced.lines, *limits_of(row).said(offer.currency)))


def _agreed(studio: Studio, ask: Ask, now: datetime) -> QuoteStep:
    """Finds the price that both sides agreed on; raises UnableToBuy where they did not, or where it was bought."""
    request = ask.quote
    if request is None:
        raise UnableToBuy(_("“%s” is priced on request: ask for a quote first.") % ask.offer.terms.name)
    if request.studio_id != studio.pk or request.offer_id != ask.offer.pk:
        raise UnableToBuy(_("The quote is for another offer or another studio: choose one of yours."))
    if request.project_id is not None and getattr(ask.project, "pk", None) != request.project_id:
        raise UnableToBuy(_("The quote is for another project: ask for a new one for this one."))
    step = pricing_queries.agreed(request)
    if step is None:
        raise UnableToBuy(_("The quote is not agreed on yet: both sides have to say yes to one price."))
    accepted = request.steps.order_by("-number").first()
    if accepted is None or accepted.at + QUOTE_IS_GOOD_FOR < now:
        raise UnableToBuy(_("The quote was accepted more than 30 days ago: ask for a new one."))
    if OrderLine.objects.filter(quote=request).exclude(DECLINED).exists():
        raise UnableToBuy(_("The quote was bought already: ask for a new one."))
    if ask.code or ask.pays_minor is not None:
        raise UnableToBuy(_("The price of a quote is agreed on: leave out codes and amounts."))
    if ask.seats and step.seats and ask.seats != step.seats:
        raise UnableToBuy(_("The quote is for %d seats: ask for a new one for any other number.") % step.seats)
    return step


def _code(ask: Ask, taken: Taken, now: datetime) -> DiscountCode | None:
    """Finds the code that was typed where it applies to this line, and sees that it is not used up."""
    if not ask.code.strip() or ask.collection is not None or ask.offer.model not in pricing.DISCOUNTABLE:
        return None
    row = pricing_queries.code_for(offer=ask.offer, code=ask.code, now=now)
    if row is None or not row.most_uses:
        return row
    uses = OrderLine.objects.filter(code=row).exclude(DECLINED).count() + taken.codes.get(row.pk, 0)
    if uses >= row.most_uses:
        raise UnableToBuy(_("The code “%s” is used up.") % row.code)
    return row


def _check_codes(lines: Sequence[QuotedLine]) -> None:
    """Raises UnableToBuy for a code that takes nothing off any line that names it."""
    named = {line.ask.code.strip().upper() for line in lines if line.ask.code.strip()}
    for code in sorted(named - {line.code.code for line in lines if line.code is not None}):
        raise UnableToBuy(_("The code “%s” takes nothing off what you chose: check it, or leave it out.") % shown(code))


def _with_credit(line: QuotedLine, now: datetime) -> QuotedLine:
    """Takes off what the license that is upgraded is still worth, and no more than the price: nothing is paid out."""
    former, ask = line.ask.replaces, line.ask
    if former is None:
        return line
    follows = OrderLine.objects.filter(replaces=former, kind__in=[OrderLine.RENEWAL, OrderLine.UPGRADE])
    if follows.filter(order__outcome=None).exists():
        raise UnableToBuyYet(_("An order for the license %s is still being paid: wait until it is.") % former.pk)
    if follows.exclude(DECLINED).exists():
        raise UnableToBuy(
            _("The license %s was renewed or upgraded already: look at the one that follows it.") % former.pk
        )
    if ask.kind != OrderLine.UPGRADE:
        return line
    if ask.fixed is not None:  # seats added to a subscription: what the others are worth is in both prices
        return replace(line, credit_minor=line.list_minor - line.price_minor)
    if ask.offer.pk == former.offer_id and (not former.seats or line.seats <= former.seats):
        raise UnableToBuy(_("The license %s has all of that already: choose another offer or more seats.") % former.pk)
    if former.currency != ask.offer.currency:
        raise UnableToBuy(
            _("The license was paid in %(former)s: choose an offer in that currency, so that it can be credited.")
            % {"former": former.currency}
        )
    credit = min(worth_of(former, at=now), line.price_minor)
    values = {"credit": pricing.money(credit, former.currency)}
    words = Words(gettext_noop("The license that it replaces takes off %(credit)s"), values)
    return replace(with_price(line, line.price_minor - credit, words), credit_minor=credit)


def _with_collections(lines: Sequence[QuotedLine]) -> list[QuotedLine]:
    """Divides the price of a collection among its lines, in proportion to what they cost one by one."""
    done = list(lines)
    for collection in {line.ask.collection.pk: line.ask.collection for line in lines if line.ask.collection}.values():
        places = [place for place, line in enumerate(done) if line.ask.collection == collection]
        parts = pricing.shared_out(collection.price_minor, [done[place].list_minor for place in places])
        for place, part in zip(places, parts, strict=True):
            values = {"part": pricing.money(part, collection.currency)}
            done[place] = with_price(
                done[place], part, Words(gettext_noop("Its part of the price of the collection: %(part)s"), values)
            )
    return done


def _in_steps(line: QuotedLine) -> QuotedLine:
    """Rounds a line down to what can be charged, and given back, by itself: dinars go in steps of ten fils."""
    currency = line.offer.currency
    rest = line.price_minor % step_minor(currency)
    if not rest:
        return line
    words = Words(
        gettext_noop("Rounded down to what can be paid: %(rest)s less"), {"rest": pricing.money(rest, currency)}
    )
    return with_price(line, line.price_minor - rest, words)


def _as_expected(lines: Sequence[QuotedLine]) -> list[QuotedLine]:
    """Raises UnableToBuy where a line costs something else than the buyer was told."""
    for line in lines:
        told, currency = line.ask.expect_minor, line.offer.currency
        if told is not None and told != line.price_minor:
            raise UnableToBuy(
                _("The price of %(release)s changed from %(old)s to %(new)s: look at it again, then order.")
                % {
                    "release": line.offer.release,
                    "old": money_text(told, currency),
                    "new": money_text(line.price_minor, currency),
                }
            )
    return list(lines)
