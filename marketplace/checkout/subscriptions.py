"""What becomes of subscriptions as orders are paid, declined and taken back."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_noop

from marketplace.checkout.models import OrderLine, PaymentOutcome, Subscription, SubscriptionEnd, SubscriptionSeats
from marketplace.checkout.subscription_models import SubscriptionCancelled, SubscriptionMethod, TrialLine
from marketplace.checkout.worth import RESTORED
from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing
from marketplace.licensing import queries as licensing_queries
from marketplace.licensing.models import Grant, GrantStatus

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
        elif held := grace_of(line):
            _end_grace(held, now)
        return
    if line.offer.model in pricing.PERIODS:
        Subscription.objects.create(
            studio=line.order.studio,
            buyer=line.order.buyer,
            offer=line.offer,
            line=line,
            anchor_at=(grant.ends_at or grant.starts_at) if is_trial(line) else grant.starts_at,
            method=method or line.order.method,
            started_at=now,
        )


def is_trial(line: OrderLine) -> bool:
    """This will tell whether a line gives a trial; the first period is paid when it ends."""
    return TrialLine.objects.filter(line=line).exists()


def grace_source(line: OrderLine) -> str:
    """This will name the license that goes on while a renewal is not paid."""
    return f"grace:{line.pk}"


def grace_of(line: OrderLine) -> Grant | None:
    """This will find that license, where there is one and nothing took its place."""
    if line.kind != OrderLine.RENEWAL:
        return None
    held = Grant.objects.filter(source=grace_source(line)).first()
    if held is None or licensing_queries.status_of(held) in (GrantStatus.REVOKED, GrantStatus.SUPERSEDED):
        return None
    return held


def _end_grace(held: Grant, now: datetime) -> None:
    licensing.supersede(grant=held, reason=_RENEWED, now=now)


_RENEWED = gettext_noop("The renewal was paid.")


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
    """This will find the subscriptions that licenses were bought or renewed under, or go on under for a time."""
    keys = [
        key
        for kind, _, key in (one.source.partition(":") for one in grants)
        if kind in ("order-line", "grace", "restored")
    ]
    return Subscription.objects.filter(Q(line__in=keys) | Q(lines__in=keys)).distinct()


def current_grant(subscription: Subscription) -> Grant | None:
    """This will find the newest license of a subscription."""
    newest = subscription.lines.filter(PAID).order_by("-order__placed_at", "-order_id").first()
    line = newest or subscription.line
    # What was added goes back at times, and what was there before is there again.
    return Grant.objects.filter(source__in=[line.source, f"{RESTORED}{line.pk}"]).order_by("-granted_at", "-id").first()


def seats_of(subscription: Subscription) -> int:
    """This will tell with how many seats a subscription is renewed."""
    newest = subscription.seat_changes.order_by("-id").first()
    return newest.seats if newest else subscription.line.seats


def method_of(subscription: Subscription) -> str:
    """This will name what a subscription is charged with, as the gateway does: the newest that was chosen."""
    newest = SubscriptionMethod.objects.filter(subscription=subscription).order_by("-id").first()
    return newest.token if newest else subscription.method


def cancellation_of(subscription: Subscription) -> SubscriptionCancelled | None:
    """This will find the cancellation of a subscription that stands, also after its end."""
    newest = subscription.cancellations.select_related("resumed").order_by("-number").first()
    return None if newest is None or hasattr(newest, "resumed") else newest


def due(until: datetime) -> QuerySet[Subscription]:
    """This will list what runs out by then and is to be renewed, what runs out first first; each has `.runs_until`.

    One whose renewal is open, since the gateway has not answered, is not asked again.
    """
    renewed = Max("lines__ends_at", filter=Q(lines__order__outcome__outcome__in=["succeeded", "free"]))
    is_open = OrderLine.objects.filter(kind=OrderLine.RENEWAL, order__outcome=None, subscription__isnull=False)
    rows = Subscription.objects.filter(end=None).exclude(pk__in=is_open.values("subscription"))
    rows = rows.annotate(runs_until=Greatest(F("line__ends_at"), Coalesce(renewed, F("line__ends_at"))))
    return rows.filter(runs_until__lte=until).order_by("runs_until", "id")
