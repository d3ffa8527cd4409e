"""What becomes of subscriptions as orders are paid, declined and taken back."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest

from marketplace.checkout.models import OrderLine, PaymentOutcome, Subscription, SubscriptionEnd, SubscriptionSeats
from marketplace.licensing import pricing
from marketplace.licensing.models import Grant

PAID = Q(order__outcome__outcome__in=[PaymentOutcome.SUCCEEDED, PaymentOutcome.FREE])


def begin(line: OrderLine, grant: Grant, now: datetime, *, method: str = "") -> None:
    """This will begin a subscription with the license of its first period, and end those of what the line replaces.

    It is renewed by `method`, or by the order's.
    """
    if line.replaces is not None and line.subscription is None:
        for former in of_grants([line.replaces]):
            end(former, SubscriptionEnd.REPLACED, now=now)
    if line.subscription is not None:
        if line.kind == OrderLine.UPGRADE:
            by = line.order.buyer
            SubscriptionSeats.objects.create(subscription=line.subscription, seats=line.seats, by=by, at=now)
        return
    if line.offer.model in pricing.PERIODS:
        Subscription.objects.create(
            studio=line.order.studio,
            buyer=line.order.buyer,
            offer=line.offer,
            line=line,
            anchor_at=grant.starts_at,
            method=method or line.order.method,
            started_at=now,
        )


@transaction.atomic
def end(subscription: Subscription, cause: str, *, now: datetime, reason: str = "") -> bool:
    """This will stop the renewals of a subscription; tells whether this did it."""
    # A renewal that is being placed is placed first, or not at all.
    Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
    _row, made = SubscriptionEnd.objects.get_or_create(
        subscription=subscription, defaults={"cause": cause, "reason": reason[:300], "ended_at": now}
    )
    return made


def of_grants(grants: Iterable[Grant]) -> QuerySet[Subscription]:
    """This will find the subscriptions that licenses were bought or renewed under."""
    keys = [grant.source.removeprefix("order-line:") for grant in grants if grant.source.startswith("order-line:")]
    return Subscription.objects.filter(Q(line__in=keys) | Q(lines__in=keys)).distinct()


def current_grant(subscription: Subscription) -> Grant | None:
    """This will find the newest license of a subscription."""
    newest = subscription.lines.filter(PAID).order_by("-order__placed_at", "-order_id").first()
    return Grant.objects.filter(source=(newest or subscription.line).source).first()


def seats_of(subscription: Subscription) -> int:
    """This will tell with how many seats a subscription is renewed."""
    newest = subscription.seat_changes.order_by("-id").first()
    return newest.seats if newest else subscription.line.seats


def due(until: datetime) -> QuerySet[Subscription]:
    """This will list what runs out by then and is to be renewed, what runs out first first; each has `.runs_until`.

    One whose renewal is open, since the gateway has not answered, is not asked again.
    """
    renewed = Max("lines__ends_at", filter=Q(lines__order__outcome__outcome__in=["succeeded", "free"]))
    is_open = OrderLine.objects.filter(kind=OrderLine.RENEWAL, order__outcome=None, subscription__isnull=False)
    rows = Subscription.objects.filter(end=None).exclude(pk__in=is_open.values("subscription"))
    rows = rows.annotate(runs_until=Greatest(F("line__ends_at"), Coalesce(renewed, F("line__ends_at"))))
    return rows.filter(runs_until__lte=until).order_by("runs_until", "id")
