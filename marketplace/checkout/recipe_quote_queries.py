"""Questions about quotes of recipes: what was quoted beside what it would cost now; none writes."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import orjson
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from marketplace.checkout.asking import Ask, UnableToBuy
from marketplace.checkout.charges import RecipeQuote, RecipeQuoteLine
from marketplace.checkout.lines import priced_at, seats_of
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome
from marketplace.checkout.taxes import ordering as taxes
from marketplace.checkout.taxes.base import TaxedLine
from marketplace.checkout.taxes.faults import TaxUnavailable
from marketplace.compositions.notation.document import from_document
from marketplace.compositions.notation.model import Layer, Recipe
from marketplace.compositions.notation.reading import read
from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing_queries
from marketplace.licensing.exclusivity import UnableToGrantExclusively
from marketplace.licensing.holdings import Exclusivity
from marketplace.licensing.models import Grant, OfferPrice, OfferWithdrawal
from marketplace.licensing.operations import UnableToGrant
from marketplace.licensing.pricing import BILLED_LATER, PERIODS, Size
from marketplace.licensing.terms.model import Use
from marketplace.licensing.terms.using import use_from
from marketplace.people.models import Studio
from marketplace.ui.formats import money_text
from marketplace.ui.words import Words

SAME, CHANGED, WITHDRAWN, TAKEN, HELD, BOUGHT = "same", "changed", "withdrawn", "taken", "held", "bought"
LINE_STATES = (SAME, CHANGED, WITHDRAWN, TAKEN, HELD, BOUGHT)
"""What a line is now: as quoted; at another price; not sold any more; not to be had, by somebody's exclusivity or for
another reason; licensed otherwise since; or bought by this quote."""
OPEN, STALE, EXPIRED, PAID = "open", "changed", "expired", "bought"
QUOTE_STATES = (OPEN, STALE, EXPIRED, PAID)


@dataclass(frozen=True, slots=True)
class LineNow:
    """A line of a quote beside what it costs now: None where it cannot be bought, and then `reason` says why.

    `unit_minor` is the price of a seat or a unit as it was quoted, `unit_now_minor` what it is now.
    """

    line: RecipeQuoteLine
    state: str
    price_minor: int | None
    unit_minor: int = 0
    unit_now_minor: int = 0
    reason: str = ""
    explained: tuple[Words, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether it can be bought as it was quoted."""
        return self.state == SAME


@dataclass(frozen=True, slots=True)
class QuoteNow:
    """A quote as it stands now. `totals` are what was quoted, by currency, with taxes on top: one order each."""

    quote: RecipeQuote
    state: str
    lines: tuple[LineNow, ...]
    totals: tuple[tuple[str, int], ...]
    needs_method: bool
    orders: Sequence[Order]


def quote_of(studios: Iterable[Studio], quote_id: UUID | str) -> RecipeQuote | None:
    """This will find a quote of one of the studios, with its lines; to everybody else it does not exist."""
    lines = RecipeQuoteLine.objects.select_related(
        *("offer__terms", "offer__withdrawal", "offer__release__split"),
        *("offer__release__pack__creator", "offer__release__pack__owner"),
    ).order_by("position")
    rows = RecipeQuote.objects.select_related("studio", "project", "recipe", "person")
    return rows.prefetch_related(Prefetch("lines", lines)).filter(studio__in=list(studios), pk=quote_id).first()


def recipe_of(quote: RecipeQuote) -> Recipe:
    """This will read the recipe of a quote, with the versions that were quoted, and the places of its text."""
    fixed, said = from_document(orjson.loads(bytes(quote.document))), read(quote.text)
    style = _placed(fixed.style, said.style) if fixed.style and said.style else None
    return replace(fixed, layers=tuple(map(_placed, fixed.layers, said.layers)), style=style)


def _placed(layer: Layer, said: Layer) -> Layer:
    refs = tuple(replace(ref, at=there.at) for ref, there in zip(layer.refs, said.refs, strict=True))
    region = replace(layer.region, at=said.region.at) if layer.region and said.region else None
    return replace(layer, refs=refs, region=region, at=said.at)


def use_of(quote: RecipeQuote) -> Use:
    """This will read what the studio wants to do with it."""
    return use_from(quote.use)


def lines_of(quote: RecipeQuote) -> list[RecipeQuoteLine]:
    """This will list the lines in their order, with everything that an order asks of an offer."""
    lines = list(quote.lines.all())
    if lines and "terms" not in lines[0].offer._state.fields_cache:
        again = quote_of([quote.studio], quote.pk)
        assert again is not None
        lines = list(again.lines.all())
    return lines


def by_currency(quote: RecipeQuote) -> dict[str, list[RecipeQuoteLine]]:
    """This will group the lines as they are ordered: one order for each currency, in the order of their codes."""
    groups: dict[str, list[RecipeQuoteLine]] = {}
    for line in sorted(lines_of(quote), key=lambda one: (one.currency, one.position)):
        groups.setdefault(line.currency, []).append(line)
    return groups


def key_of(quote: RecipeQuote, currency: str = "", declined: int = 0) -> str:
    """This will name the order that buys a quote, or its part in one currency, after some that were declined."""
    parts = [f"recipe-quote:{quote.pk}", *([currency] if currency else []), *([str(declined + 1)] if declined else [])]
    return ":".join(parts)


def orders_of(quote: RecipeQuote) -> list[Order]:
    """This will list the orders that bought a quote or tried to, oldest first, with their outcomes at hand."""
    named = f"recipe-quote:{quote.pk}"
    rows = Order.objects.filter(studio=quote.studio_id, idempotency_key__startswith=named)
    return list(rows.select_related("outcome").order_by("placed_at", "id"))


def outcome_of(order: Order) -> str:
    """This will tell what came of an order as it was read; empty where nobody knows yet."""
    found: PaymentOutcome | None = getattr(order, "outcome", None)
    return found.outcome if found else ""


def ask_of(quote: RecipeQuote, line: RecipeQuoteLine, *, expect: bool = False) -> Ask:
    """This will ask for a line as an order does; with `expect` at the price that was quoted, or not at all."""
    wanted = line.offer.model == "pay-what-you-want"
    return Ask(
        line.offer,
        seats=line.seats,
        project=quote.project,
        pays_minor=line.price_minor if wanted else None,
        expect_minor=line.price_minor if expect else None,
    )


def now_of(quote: RecipeQuote, now: datetime) -> QuoteNow:
    """This will put each line beside its price now, and tell whether the quote can be bought as it says."""
    orders = orders_of(quote)
    lines = lines_now(quote, now, orders)
    totals: dict[str, int] = {}
    for one in lines:
        totals[one.line.currency] = totals.get(one.line.currency, 0) + one.line.price_minor
    totals = _taxed(quote, lines, totals, orders, now)
    if orders and all(one.state == BOUGHT for one in lines):
        state = PAID
    elif quote.expires_at <= now:
        state = EXPIRED
    else:
        state = OPEN if all(one.state in (SAME, BOUGHT) for one in lines) else STALE
    later = any(one.line.offer.model in (*PERIODS, *BILLED_LATER) for one in lines)
    return QuoteNow(quote, state, tuple(lines), tuple(sorted(totals.items())), any(totals.values()) or later, orders)


def _taxed(
    quote: RecipeQuote, lines: Sequence[LineNow], totals: dict[str, int], orders: Sequence[Order], now: datetime
) -> dict[str, int]:
    """Adds the taxes that come on top; what is paid is what was paid. Where nobody said where the buyer is, or nobody
    knows the taxes, buying is refused, and the prices stand as they are."""
    if not taxes.is_calculated():
        return totals
    done = dict(totals)
    paid = {one.currency: one for one in orders if outcome_of(one) in (PaymentOutcome.SUCCEEDED, PaymentOutcome.FREE)}
    for currency, total_minor in totals.items():
        if currency in paid:
            done[currency] = paid[currency].total_minor
        elif total_minor:
            asked = [TaxedLine(one.line.price_minor, OrderLine.BUY) for one in lines if one.line.currency == currency]
            with suppress(taxes.PlaceUnknown, TaxUnavailable):
                party = taxes.party_of(quote.studio, now)
                done[currency] += taxes.asked_of(party, asked, currency).added_minor if party else 0
    return done


def lines_now(quote: RecipeQuote, now: datetime, orders: Sequence[Order] = ()) -> list[LineNow]:
    """This will put each line of a quote, and of the orders that bought it, beside what it costs now.

    It asks as many questions whatever the number of lines, but for packs that somebody has exclusively in part.
    """
    lines = lines_of(quote)
    granted = _granted_since(quote, lines)
    paid = [one.pk for one in orders if outcome_of(one) in (PaymentOutcome.SUCCEEDED, PaymentOutcome.FREE)]
    bought = {line.source for line in OrderLine.objects.filter(order__in=paid)} if paid else set()
    found = []
    for one in _prices_of(quote, lines, now):
        sources, release = granted.get(one.line.offer_id, set()), one.line.offer.release
        if sources & bought:
            one = LineNow(one.line, BOUGHT, one.line.price_minor)
        elif sources:
            one = LineNow(one.line, HELD, None, reason=_("%s was licensed since, in another order.") % release)
        found.append(one)
    return found


def _granted_since(quote: RecipeQuote, lines: Sequence[RecipeQuoteLine]) -> Mapping[UUID, set[str]]:
    """Finds what the studio licensed of this since it was quoted, by offer: what each license came of."""
    found: dict[UUID, set[str]] = {}
    offers = [line.offer_id for line in lines]
    rows = Grant.objects.filter(
        studio=quote.studio_id, offer__in=offers, project=quote.project_id, granted_at__gte=quote.quoted_at
    )
    for offer, source in rows.values_list("offer_id", "source"):
        found.setdefault(offer, set()).add(source)
    return found


def _prices_of(quote: RecipeQuote, lines: Sequence[RecipeQuoteLine], now: datetime) -> list[LineNow]:
    """Prices lines as an order would: with tiers, sales and exclusivity."""
    offers = [line.offer for line in lines]
    if not offers:
        return []
    size, packs = pricing_queries.size_of(quote.studio), [one.release.pack_id for one in offers]
    history: dict[UUID, list[OfferPrice]] = {}
    for row in OfferPrice.objects.filter(offer__in=offers).order_by("offer_id", "number"):
        history.setdefault(row.offer_id, []).append(row)
    sales = pricing_queries.sold(row for rows in history.values() for row in rows)
    taken = Exclusivity.objects.filter(pack__in=packs, ended_at=None).values_list("pack_id", flat=True)
    contested = set(taken)
    withdrawn = set(OfferWithdrawal.objects.filter(offer__in=offers).values_list("offer_id", flat=True))
    found = []
    for line in lines:
        if line.offer_id in withdrawn:
            reason = _("%s is not sold under these terms any more.") % line.offer.release
            found.append(LineNow(line, WITHDRAWN, None, reason=reason))
        else:
            is_contested = line.offer.release.pack_id in contested
            found.append(_line_now(quote, line, history[line.offer_id], sales, size, is_contested, now))
    return found


def _line_now(
    quote: RecipeQuote,
    line: RecipeQuoteLine,
    rows: Sequence[OfferPrice],
    sales: Mapping[UUID, int],
    size: Size | None,
    is_contested: bool,
    now: datetime,
) -> LineNow:
    offer, ask = line.offer, ask_of(quote, line)
    if is_contested and (reason := _taken(quote, ask, now)):
        return LineNow(line, TAKEN, None, reason=reason)
    known = [row for row in rows if row.created_at <= quote.quoted_at or not row.number]
    row, then = pricing_queries.current(rows, now, sales), pricing_queries.current(known, quote.quoted_at, {})
    seats = line.seats or seats_of(ask)
    try:
        priced = priced_at(ask, row, None, seats, size)
        # What is billed later costs nothing now, so a unit that costs something else is another price.
        unit = priced_at(ask, then, None, seats, size).unit_minor
    except UnableToBuy as error:
        return LineNow(line, TAKEN, None, reason=str(error))
    months = row.month_minimum_minor, row.month_cap_minor
    is_same = priced.price_minor == line.price_minor
    reason = ""
    if offer.model in BILLED_LATER:
        is_same = is_same and unit == priced.unit_minor
        if is_same and months != (then.month_minimum_minor, then.month_cap_minor):
            is_same = False
            reason = _("What %s costs a month at least or at most changed.") % offer.release
    state = SAME if is_same else CHANGED
    return LineNow(line, state, priced.price_minor, unit, priced.unit_minor, reason, priced.lines)


def _taken(quote: RecipeQuote, ask: Ask, now: datetime) -> str:
    """Says why a license could not be granted now, where somebody has something of the pack exclusively."""
    try:
        licensing.check_grant(offer=ask.offer, studio=quote.studio, now=now, seats=ask.seats, project=ask.project)
    except (UnableToGrant, UnableToGrantExclusively) as error:
        return str(error)
    return ""


def told(one: LineNow) -> str:
    """This will say in a sentence what became of a line since it was quoted."""
    if one.reason:
        return one.reason
    currency = one.line.currency
    if one.price_minor is not None and one.price_minor != one.line.price_minor:
        old, new = one.line.price_minor, one.price_minor
    else:
        old, new = one.unit_minor, one.unit_now_minor
    return _("The price of %(release)s changed from %(old)s to %(new)s.") % {
        "release": one.line.offer.release,
        "old": money_text(old, currency),
        "new": money_text(new, currency),
    }
