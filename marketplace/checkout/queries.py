"""Questions about orders; none writes."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Sum

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


def orders_of(studios: Iterable[Studio], *, size: int = 50) -> Sequence[Order]:
    """This will list what studios ordered, newest first, with the outcome of each."""
    return list(
        Order.objects.filter(studio__in=list(studios))
        .select_related("studio", "outcome")
        .prefetch_related("lines__offer__terms", "lines__offer__release__pack__creator")
        .order_by("-placed_at", "-id")[:size]
    )


def spent_total() -> dict[str, int]:
    """This will add up what buyers paid, by currency, in minor units."""
    rows = (
        Order.objects.filter(outcome__outcome=PaymentOutcome.SUCCEEDED)
        .values_list("currency")
        .annotate(total=Sum("total_minor"))
        .order_by("currency")
    )
    return dict(rows)
