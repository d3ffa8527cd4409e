"""Questions about orders; none writes."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count

from marketplace.checkout import past_due, subscriptions
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome, Subscription
from marketplace.licensing.models import Grant, Offer
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


def subscriptions_of(studio: Studio) -> list[Subscription]:
    """This will list a studio's subscriptions, newest first.

    Each has its newest license as `.grant`, in `.renews_with` the seats of its next period, `.end` if it ended, the
    `.cancelled` that stands, and as `.owes` the order of a renewal that is not paid, as `.grace` the license that goes
    on meanwhile.
    """
    rows = Subscription.objects.filter(studio=studio)
    found = list(rows.select_related("offer__terms", "offer__release__pack__creator", "line", "end"))
    for one in found:
        _filled(one)
    return found


def subscription_of(grant: Grant) -> Subscription | None:
    """This will find the subscription that a license belongs to, as `subscriptions_of` gives it."""
    found = subscriptions.of_grants([grant]).select_related("offer__terms", "line", "end").first()
    return _filled(found) if found else None


def _filled(one: Subscription) -> Subscription:
    one.grant = subscriptions.current_grant(one)  # type: ignore[attr-defined]
    one.renews_with = subscriptions.seats_of(one)  # type: ignore[attr-defined]
    one.cancelled = subscriptions.cancellation_of(one)  # type: ignore[attr-defined]
    one.owes = past_due.open_renewal(one)  # type: ignore[attr-defined]
    lines = one.owes.lines.all() if one.owes else ()  # type: ignore[attr-defined]
    one.grace = next(filter(None, map(subscriptions.grace_of, lines)), None)  # type: ignore[attr-defined]
    return one


def sales_of(offers: Iterable[Offer]) -> dict[UUID, int]:
    """This will count the licenses of each offer that were paid for or taken for free; renewals count."""
    lines = OrderLine.objects.filter(offer__in=list(offers), order__outcome__outcome__in=["succeeded", "free"])
    rows = lines.exclude(kind=OrderLine.USAGE).values("offer").annotate(sales=Count("pk")).order_by("offer")
    return {row["offer"]: row["sales"] for row in rows}
