"""Every write of a sale: rights and money together, or neither."""

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils.translation import gettext as _

from marketplace.checkout.asking import Ask as Ask
from marketplace.checkout.asking import Quoted as Quoted
from marketplace.checkout.asking import UnableToBuy as UnableToBuy
from marketplace.checkout.asking import asks_of as asks_of
from marketplace.checkout.attempts import PaymentStep
from marketplace.checkout.events import collect_events as collect_events
from marketplace.checkout.events import handle_event as handle_event
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.money_asked import OFF_SESSION
from marketplace.checkout.paying import OPEN_FOR, attempt_of, expire, is_off_session, step_of
from marketplace.checkout.paying import PaymentWaits as PaymentWaits
from marketplace.checkout.paying import UnableToPay as UnableToPay
from marketplace.checkout.paying import call_off_spares as call_off_spares
from marketplace.checkout.paying import cancel_order as cancel_order
from marketplace.checkout.paying import give_up as give_up
from marketplace.checkout.paying import pay as pay
from marketplace.checkout.paying import retry as retry
from marketplace.checkout.paying import try_again as try_again
from marketplace.checkout.placing import KeyUsedOtherwise as KeyUsedOtherwise
from marketplace.checkout.placing import gateway as gateway
from marketplace.checkout.placing import place_order as place_order
from marketplace.checkout.placing import quote as quote
from marketplace.checkout.refunding import UnableToRefundLine as UnableToRefundLine
from marketplace.checkout.refunding import finish_refunds as finish_refunds
from marketplace.checkout.refunding import refund_line as refund_line
from marketplace.checkout.strays import return_strays as return_strays
from marketplace.database.paging import each
from marketplace.licensing.models import Offer
from marketplace.payouts.operations import UnableToRefund as UnableToRefund
from marketplace.people.models import Person, Studio

log = logging.getLogger(__name__)

_OFF_SESSION = reduce(or_, (Q(idempotency_key__startswith=begins) for begins in OFF_SESSION))


class PaymentDeclined(Exception):
    """The gateway refused the payment; nothing was granted."""

    code = "payment-declined"

    def __init__(self, order: Order, reason: str) -> None:
        super().__init__(_(reason))
        self.order, self.reason = order, reason


def buy(
    *,
    studio: Studio,
    buyer: Person,
    offers: Sequence[Offer | Ask],
    method: str,
    idempotency_key: str,
    now: datetime,
) -> Order:
    """This will license offers to a studio: order and intent first, then the money, then rights and postings at once.

    An offer is asked for as it is, or as an `Ask` with seats, a project, an amount and so on. The same key with the
    same request returns the same order, whatever became of it in between.
    Where the payment waits for the buyer or for the bank the order has no outcome yet, and nothing is granted.
    Raises what `place_order` raises, PaymentDeclined, or GatewayUnavailable when the outcome is not known yet; then
    `finish_orders` brings the order to its end.
    """
    order = place_order(
        studio=studio, buyer=buyer, offers=offers, method=method, idempotency_key=idempotency_key, now=now
    )
    outcome = pay(order=order, now=now)
    if outcome is not None and outcome.outcome == PaymentOutcome.DECLINED:
        raise PaymentDeclined(order, outcome.reason)
    return order


def finish_orders(*, now: datetime) -> int:
    """This will bring orders on that a crash or a silent gateway left open, or that wait for a bank or a buyer; tells
    how many it brought to their end. Who does not pay within a day is not waited for."""
    finished = 0
    for order in each(_to_look_at(now), "placed_at"):
        try:
            finished += _finished(order, now)
        except GatewayUnavailable as error:
            log.log(error.level(str(order)), "order %s stays open: %s", order.pk, error)
        except Exception:
            # One order that cannot be finished must not hold up those behind it.
            log.exception("order %s stays open", order.pk)
    return finished


def _to_look_at(now: datetime) -> Any:
    """Lists open orders except those that it is too early to ask about, and those whose buyer has to choose."""
    later = PaymentStep.objects.filter(attempt__order=OuterRef("pk"), look_at__gt=now)
    rows = Order.objects.filter(outcome=None).exclude(Exists(later)).select_related("studio", "buyer")
    rows = rows.annotate(tried=Count("attempts"), declined=Count("attempts__declined"))
    # What was declined while nobody was there is tried again by past_due.py: there is nothing to look at here.
    over = Q(placed_at__lte=now - OPEN_FOR) & ~_OFF_SESSION
    runs = ~Q(tried=F("declined")) | Q(tried=0) | over
    return rows.filter(runs)


def _finished(order: Order, now: datetime) -> bool:
    attempt = attempt_of(order)
    is_late = attempt is not None and order.placed_at <= now - OPEN_FOR and not is_off_session(order)
    if attempt is not None and is_late and not hasattr(attempt, "declined") and step_of(attempt) is None:
        return expire(order=order, now=now) is not None  # nobody is charged any more who waited for a day in vain
    outcome = pay(order=order, now=now)
    if outcome is None and is_late:
        attempt = attempt_of(order)
        step = step_of(attempt) if attempt is not None else None
        if attempt is not None and (hasattr(attempt, "declined") or (step and step.state == PaymentStep.ACTION)):
            outcome = expire(order=order, now=now)
    return outcome is not None
