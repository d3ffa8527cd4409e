"""Questions about orders; none writes."""

from collections.abc import Iterable, Sequence

from django.db.models import Sum

from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.people.models import Studio


def sources_of(order: Order) -> list[str]:
    """This will list how the lines of an order are named in grants and books."""
    return [line.source for line in order.lines.all()]


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
