"""Questions about orders; none writes."""

from collections.abc import Iterable
from uuid import UUID

from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.people.models import Studio


def sources_of(order: Order) -> list[str]:
    """This will list how the lines of an order are named in grants and books."""
    return [line.source for line in order.lines.all()]


def order_of(studios: Iterable[Studio], order_id: UUID | str) -> Order | None:
    """This will find an order that one of the studios placed; to everybody else it does not exist."""
    return Order.objects.select_related("outcome").filter(studio__in=list(studios), pk=order_id).first()


def status_of(order: Order) -> str:
    """This will tell whether an order is paid, free, declined, or open while nobody knows yet."""
    outcome = PaymentOutcome.objects.filter(order=order).first()
    if outcome is None:
        return "open"
    return {PaymentOutcome.SUCCEEDED: "paid"}.get(outcome.outcome, outcome.outcome)
