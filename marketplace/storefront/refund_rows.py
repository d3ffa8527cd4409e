"""What buyers read about refunds: what they asked, what was answered, where each refund is and when it is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.checkout import asking_back
from marketplace.checkout.models import OrderLine
from marketplace.checkout.refund_requests import RefundRequest
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.ways.reading import refund_state
from marketplace.people.models import Person, Studio
from marketplace.storefront.held import buying_studios
from marketplace.storefront.words import TERMS
from marketplace.ui.formats import Names, date_text, say

SHOWN = 100
BANK_DAYS = 10
"""How many days after it left a refund has arrived at the latest, as card networks promise."""
_WHERE = ("line__order__studio", "line__offer__release__pack__creator", "line__offer__terms")

STATES: Names = {
    "open": gettext_lazy("On its way"),
    "pending": gettext_lazy("On its way"),
    "succeeded": gettext_lazy("Given back"),
    "overtaken": gettext_lazy("Given back"),
    "failed": gettext_lazy("Your bank sent it back"),
    "again": gettext_lazy("Sent once more"),
    "otherwise": gettext_lazy("Given another way"),
    "settled": gettext_lazy("You have it already"),
    "refused": gettext_lazy("Could not be given back"),
}
_TONES = {"open": "warn", "pending": "warn", "failed": "bad", "refused": "bad"}


@dataclass(frozen=True, slots=True)
class Back:
    """One refund as its buyer reads it; `when` is a sentence."""

    refund: RefundIntent
    state: str
    tone: str
    when: str


def refunds_of(studios: Sequence[Studio]) -> list[Back]:
    """This will list the refunds of studios, newest first; two queries."""
    rows = RefundIntent.objects.filter(line__order__studio__in=studios).select_related(*_WHERE, "outcome", "mended")
    return [_back(row) for row in rows.prefetch_related("steps").order_by("-intended_at", "-id")[:SHOWN]]


def _back(row: RefundIntent) -> Back:
    state = refund_state(row)
    return Back(row, say(STATES, state), _TONES.get(state, ""), _when(row, state))


def _when(row: RefundIntent, state: str) -> str:
    if state in ("open", "pending"):
        return _("Expected by %s.") % date_text(_by(row.intended_at))
    if state in ("succeeded", "overtaken"):
        return _("Your bank shows it by %s.") % date_text(_by(row.outcome.at))
    if state == "failed":
        return _("We give it to you another way.")
    return row.mended.note if state == "otherwise" else ""


def _by(moment: datetime) -> datetime:
    return moment + timedelta(days=BANK_DAYS)


def requests_of(studios: Sequence[Studio]) -> list[RefundRequest]:
    """This will list what studios asked for and got no refund by yet, newest first: waiting, refused, withdrawn."""
    rows = RefundRequest.objects.filter(line__order__studio__in=studios).select_related(*_WHERE, "by", "answer__refund")
    return list(rows.order_by("-asked_at", "-id")[:SHOWN])


def line_of(person: Person, line: UUID) -> OrderLine | None:
    """This will find a line of an order of a studio that a person buys for."""
    related = ("order__studio", "offer__release__pack__creator", "offer__terms")
    rows = OrderLine.objects.select_related(*related).filter(pk=line)
    return rows.filter(order__studio__in=buying_studios(person)).first()


def request_of(person: Person, request: UUID) -> RefundRequest | None:
    """This will find a request of a studio that a person buys for."""
    rows = RefundRequest.objects.select_related("line__order__studio").filter(pk=request)
    return rows.filter(line__order__studio__in=buying_studios(person)).first()


def open_lines(studios: Sequence[Studio], now: datetime) -> list[OrderLine]:
    """This will list the lines that a refund can be asked for now, of the newest orders first; each has `.left_minor`,
    `.until` and `.license`, the name of its terms."""
    rows = OrderLine.objects.filter(
        order__studio__in=studios,
        order__outcome__outcome="succeeded",
        order__outcome__at__gte=now - timedelta(days=_days()),
        price_minor__gt=0,
    ).exclude(refund_requests__in=RefundRequest.objects.filter(answer=None))
    related = ("order__studio", "order__outcome", "offer__release__pack__creator", "offer__terms")
    found = []
    for line in rows.select_related(*related).order_by("-order__placed_at", "-order_id", "position")[:SHOWN]:
        line.left_minor = asking_back.left_to_ask(line)  # type: ignore[attr-defined]
        line.license = say(TERMS, line.offer.terms.name)  # type: ignore[attr-defined]
        line.until = line.order.outcome.at + timedelta(days=_days())  # type: ignore[attr-defined]
        if line.left_minor:  # type: ignore[attr-defined]
            found.append(line)
    return found


def _days() -> int:
    return int(settings.REFUND_REQUEST_DAYS)
