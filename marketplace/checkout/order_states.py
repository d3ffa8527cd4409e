"""How an order stands: one word from the rows that follow it, and what that word says to people."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Max, Q
from django.db.models.functions import Coalesce

from marketplace.checkout.attempts import AttemptDeclined, PaymentStep
from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.placing import gateway
from marketplace.checkout.refund_requests import RefundMended
from marketplace.checkout.refunds import RefundIntent, RefundOutcome, RefundStep
from marketplace.ui.words import gettext_noop

FREE, PAID, WAITING, ACTION = "free", "paid", "waiting", "action"
DECLINED, EXPIRED, CANCELLED = "declined", "expired", "cancelled"
PART_REFUNDED, REFUNDED, DISPUTED = "part-refunded", "refunded", "disputed"

WORDS = {
    FREE: gettext_noop("Free"),
    PAID: gettext_noop("Paid"),
    WAITING: gettext_noop("Waiting for the bank"),
    ACTION: gettext_noop("Waiting for you"),
    DECLINED: gettext_noop("Declined"),
    EXPIRED: gettext_noop("Expired"),
    CANCELLED: gettext_noop("Cancelled"),
    PART_REFUNDED: gettext_noop("Refunded in part"),
    REFUNDED: gettext_noop("Refunded"),
    DISPUTED: gettext_noop("Disputed"),
}
"""What to call each state; translated where it is shown."""


def state_of(order: Order) -> str:
    """This will tell how one order stands, as `states_of` does."""
    return states_of([order])[order.pk]


def states_of(orders: Sequence[Order]) -> dict[UUID, str]:
    """This will tell how each order stands, in six queries at most.

    "waiting": the bank decides, or the gateway has not answered, or is none that payments go through any more.
    "action": the buyer goes on at the gateway. "declined" also where another card may still be tried. "disputed": a
    bank is deciding, or decided for the buyer, be it in part.
    """
    keys = [order.pk for order in orders]
    outcomes = {row.order_id: row for row in PaymentOutcome.objects.filter(order__in=keys)}
    open_keys = [key for key in keys if key not in outcomes]
    paid = [key for key, row in outcomes.items() if row.outcome == PaymentOutcome.SUCCEEDED]
    states = {key: _ended(row) for key, row in outcomes.items()}
    states |= _open(open_keys) if open_keys else {}
    states |= _taken_back([order for order in orders if order.pk in set(paid)]) if paid else {}
    return states


def _ended(row: PaymentOutcome) -> str:
    if row.cause in (PaymentOutcome.CANCELLED, PaymentOutcome.EXPIRED):
        return row.cause
    return {PaymentOutcome.FREE: FREE, PaymentOutcome.SUCCEEDED: PAID}.get(row.outcome, DECLINED)


def _open(keys: Iterable[UUID]) -> dict[UUID, str]:
    rows = Order.objects.filter(pk__in=list(keys)).annotate(newest=Max("attempts__number"))
    newest = {row.pk: row.newest for row in rows}
    states = dict.fromkeys(newest, WAITING)
    asks = gateway().name
    for step in PaymentStep.objects.filter(attempt__order__in=list(newest)).select_related("attempt").order_by("id"):
        if step.attempt.number == newest[step.attempt.order_id]:
            # Nobody can go on at a gateway that payments do not go through any more: an operator looks there.
            can_go_on = step.state == PaymentStep.ACTION and step.attempt.gateway == asks
            states[step.attempt.order_id] = ACTION if can_go_on else WAITING
    for row in AttemptDeclined.objects.filter(attempt__order__in=list(newest)).select_related("attempt"):
        if row.attempt.number == newest[row.attempt.order_id]:
            states[row.attempt.order_id] = DECLINED
    return states


def _taken_back(orders: Sequence[Order]) -> dict[UUID, str]:
    states, totals = {}, {order.pk: order.total_minor for order in orders}
    gone: dict[UUID, int] = {}
    went = RefundIntent.objects.filter(line__order__in=list(totals))
    went = went.filter(outcome__outcome__in=[RefundOutcome.SUCCEEDED, RefundOutcome.OVERTAKEN])
    came_back = Q(steps__state=RefundStep.FAILED)
    otherwise = RefundMended.objects.filter(refund__line__order__in=list(totals), again=None).annotate(
        gone_minor=Coalesce("amount_minor", "refund__amount_minor")
    )
    for key, amount_minor in (
        *went.exclude(came_back).values_list("line__order", "amount_minor"),
        *otherwise.exclude(gone_minor=0).values_list("refund__line__order", "gone_minor"),
    ):
        gone[key] = gone.get(key, 0) + amount_minor
    for key, amount_minor in gone.items():
        states[key] = REFUNDED if amount_minor >= totals[key] else PART_REFUNDED
    for dispute in Dispute.objects.filter(order__in=list(totals)).prefetch_related("steps"):
        back = (step.amount_minor for step in dispute.steps.all() if step.state in DisputeStep.CAME_BACK)
        if sum(back) < dispute.amount_minor:
            states[dispute.order_id] = DISPUTED
    return states
