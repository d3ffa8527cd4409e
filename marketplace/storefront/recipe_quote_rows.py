"""What the page of a recipe's quote shows of each license and each order, and how its state is said."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from marketplace.checkout import recipe_quote_queries as queries
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.recipe_quote_queries import LineNow, QuoteNow
from marketplace.compositions.models import RecipeLock
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant
from marketplace.licensing.pricing import BILLED_LATER
from marketplace.storefront import words
from marketplace.ui.formats import Names, sentence

LINE_STATES: Names = {
    queries.CHANGED: gettext_lazy("Price changed"),
    queries.WITHDRAWN: gettext_lazy("Not sold any more"),
    queries.TAKEN: gettext_lazy("Cannot be licensed now"),
    queries.HELD: gettext_lazy("Licensed otherwise"),
    queries.BOUGHT: gettext_lazy("Licensed"),
}
LINE_TONES = {queries.CHANGED: "warn", queries.WITHDRAWN: "bad", queries.TAKEN: "bad"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
NEVER, WAITING, DECLINED, PAID = "never", "waiting", "declined", "paid"
PAYMENTS: Names = {
    NEVER: gettext_lazy("Nothing was charged"),
    WAITING: gettext_lazy("Payment under way"),
    DECLINED: gettext_lazy("Declined: nothing was charged"),
    PAID: gettext_lazy("Paid"),
}
PAYMENT_TONES = {DECLINED: "bad", WAITING: "accent"}


@dataclass(frozen=True, slots=True)
class Part:
    """What is ordered in one currency: its lines, their sum, and what became of it so far."""

    currency: str
    total_minor: int
    rows: Sequence[Mapping[str, Any]]
    payment: str
    payment_name: str
    payment_tone: str

    @property
    def is_paid(self) -> bool:
        """Whether nothing is left to be paid of it."""
        return self.payment == PAID


def parts_of(found: QuoteNow) -> list[Part]:
    """This will put the lines of a quote by currency, as they are ordered."""
    lines: dict[str, list[LineNow]] = {}
    for one in found.lines:
        lines.setdefault(one.line.currency, []).append(one)
    totals = dict(found.totals)
    return [_part(currency, totals[currency], lines[currency], found.orders) for currency in sorted(lines)]


def _part(currency: str, total: int, lines: Iterable[LineNow], orders: Sequence[Order]) -> Part:
    payment = _payment([one for one in orders if one.currency == currency])
    return Part(
        currency,
        total,
        [_row(one) for one in lines],
        payment,
        words.say(PAYMENTS, payment),
        PAYMENT_TONES.get(payment, ""),
    )


def _payment(orders: Sequence[Order]) -> str:
    outcomes = [queries.outcome_of(one) for one in orders]
    if PaymentOutcome.SUCCEEDED in outcomes or PaymentOutcome.FREE in outcomes:
        return PAID
    if "" in outcomes:
        return WAITING
    return DECLINED if outcomes else NEVER


def _row(one: LineNow) -> dict[str, Any]:
    offer = one.line.offer
    later, seats = offer.model in BILLED_LATER, one.line.seats
    is_told = one.state not in (queries.SAME, queries.BOUGHT)
    return {
        "line": one.line,
        "offer": offer,
        "release": offer.release,
        "terms": words.say(words.TERMS, offer.terms.name),
        "summary": words.summary_text(licensing.terms_of(offer.terms)),
        # A single price that is the price of the line says nothing more than the line.
        "explained": [sentence(text) for text in one.explained] if len(one.explained) > 1 or later or seats else [],
        "is_later": later,
        "state": words.say(LINE_STATES, one.state) if one.state != queries.SAME else "",
        "tone": LINE_TONES.get(one.state, ""),
        "told": queries.told(one) if is_told else "",
        "now_minor": one.price_minor if one.state == queries.CHANGED else None,
        "unit_now_minor": one.unit_now_minor if one.unit_now_minor != one.unit_minor else None,
    }


def may_go_on(found: QuoteNow) -> bool:
    """This will tell whether a quote can be bought as it says: in time, or what is left of it once a part was paid."""
    if found.state == queries.OPEN:
        return True
    is_begun = any(queries.outcome_of(one) in (PaymentOutcome.SUCCEEDED, PaymentOutcome.FREE) for one in found.orders)
    return (
        found.state == queries.EXPIRED
        and is_begun
        and all(one.state in (queries.SAME, queries.BOUGHT) for one in found.lines)
    )


def grants_of(found: QuoteNow) -> list[Grant]:
    """This will list the licenses that came of the orders of a quote, in the order of its lines."""
    sources = [line.source for order in found.orders for line in order.lines.all()]
    return licensing.grants_from(sources)


def lock_of(found: QuoteNow, grants: Iterable[Grant], digest: str = "") -> RecipeLock | None:
    """This will find the lock that was made of a quote: the one that is named, else the first with its licenses."""
    rows = RecipeLock.objects.filter(studio=found.quote.studio_id).defer("document")
    if _DIGEST.fullmatch(digest):
        return rows.filter(digest=digest).first()
    made = rows.filter(packs__grant__in=list(grants), locked_at__gte=found.quote.quoted_at)
    return made.order_by("locked_at", "digest").first()
