"""Renewals and bills for use whose payment was declined or waits: tried again, told of, and at last given up.

One order stays what it is about; each new try is an attempt of it (paying.py). A subscription's license goes on for a
time of grace meanwhile.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop

from marketplace.checkout import billing_letters, fulfilling, methods, paying, subscriptions
from marketplace.checkout.attempts import AttemptDeclined, PaymentAttempt, PaymentStep
from marketplace.checkout.gateways.base import HOSTED, GatewayUnavailable
from marketplace.checkout.models import Order, OrderLine, PaymentOutcome, Subscription
from marketplace.checkout.paying import UnableToPay
from marketplace.database.paging import each
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, GrantStatus

log = logging.getLogger(__name__)

BEFORE_THE_END = timedelta(minutes=10)
"""How long before a period ends the license of grace is there, so that nothing is interrupted."""
CANCELLED = gettext_noop("The subscription was cancelled.")


def grace() -> timedelta:
    """This will tell how long a license goes on whose renewal is not paid."""
    return timedelta(days=settings.SUBSCRIPTION_GRACE_DAYS)


def chase_payments(*, now: datetime) -> int:
    """This will go on with renewals and bills for use that are not paid yet; tells how many came to their end.

    After a decline a new attempt is made after each of SUBSCRIPTION_RETRY_DAYS, or at once by another card that was
    chosen since; the buyer is told of each. When the time of grace is over, the order is given up, and a subscription
    ends with it.
    """
    ended = 0
    rows = Order.objects.filter(outcome=None, lines__kind__in=[OrderLine.RENEWAL, OrderLine.USAGE]).distinct()
    for order in each(rows.select_related("studio", "buyer"), "placed_at"):
        try:
            ended += chase(order=order, now=now)
        except GatewayUnavailable as error:
            log.log(error.level(str(order)), "order %s stays open: %s", order.pk, error)
        except Exception:
            # One that cannot be tried again must not hold up those behind it.
            log.exception("order %s stays open", order.pk)
    return ended


def chase(*, order: Order, now: datetime) -> bool:
    """This will take one such order a step on; tells whether it is at its end."""
    attempt = paying.attempt_of(order)
    line = order.lines.filter(kind=OrderLine.RENEWAL).select_related("subscription", "offer", "replaces").first()
    subscription = line.subscription if line else None
    if attempt is None:
        return False
    if subscription is not None and hasattr(subscription, "end"):
        return _give_up(order, now)
    if line is not None:
        give_grace(order=order, line=line, now=now)
    declined = hasattr(attempt, "declined")
    billing_letters.tell_of_attempt(order=order, attempt=attempt, subscription=subscription, now=now)
    if now >= ends_on(order, line):
        return _give_up(order, now)
    token = token_for(order, subscription)
    if declined and _is_due(order, attempt, token, now):
        outcome = paying.retry(order=order, token=token, now=now)
        newest = paying.attempt_of(order)
        if outcome is None and newest is not None:
            billing_letters.tell_of_attempt(order=order, attempt=newest, subscription=subscription, now=now)
        return outcome is not None
    return False


def ends_on(order: Order, line: OrderLine | None) -> datetime:
    """This will tell when an order that is not paid is given up."""
    begins = line.starts_at if line is not None and line.starts_at else order.placed_at
    return begins + grace()


def _is_due(order: Order, attempt: PaymentAttempt, token: str, now: datetime) -> bool:
    """Whether it is time for the next try: by another card at once, by the same on its day."""
    if not token or token == HOSTED:
        return False
    if token != attempt.method:
        return True
    first = AttemptDeclined.objects.filter(attempt__order=order).order_by("attempt__number").first()
    days = settings.SUBSCRIPTION_RETRY_DAYS
    if first is None or attempt.number > len(days):
        return False
    return now >= first.at + timedelta(days=days[attempt.number - 1])


def token_for(order: Order, subscription: Subscription | None) -> str:
    """This will name what an order is charged with next: of a bill for use, by what the studio uses where it says
    nothing, or else by the card of the order that the license came of."""
    if subscription is not None:
        return token_for_renewal(subscription)
    default = methods.default_of(order.studio)
    return default.token if default else order.method


def token_for_renewal(subscription: Subscription) -> str:
    """This will name what a subscription is charged with: the card that was chosen for it, or where there is none, or
    it was removed since, the one that the studio uses where it says nothing."""
    return methods.to_charge(subscription.studio, subscriptions.method_of(subscription))


def _give_up(order: Order, now: datetime) -> bool:
    try:
        outcome = paying.give_up(order=order, now=now)
    except UnableToPay:
        return False  # a bank is deciding: whatever it says, the order is at its end then
    if outcome.outcome == PaymentOutcome.DECLINED:
        billing_letters.tell_of_end(order=order, now=now)
    return True


@transaction.atomic
def give_grace(*, order: Order, line: OrderLine, now: datetime) -> Grant | None:
    """This will let a subscription's license go on while its renewal is not paid, as one of its own that costs
    nothing; None where it is not time, or where what is licensed cannot be granted so.

    It begins where the period does that is not paid, and ends after SUBSCRIPTION_GRACE_DAYS.
    """
    assert line.starts_at is not None
    source = subscriptions.grace_source(line)
    if there := Grant.objects.filter(source=source).first():
        return there
    if now < line.starts_at - BEFORE_THE_END or now >= line.starts_at + grace():
        return None
    Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=order.pk)
    if PaymentOutcome.objects.filter(order=order).exists():
        return None
    ends_at = line.starts_at + grace()
    try:
        with transaction.atomic():
            return licensing.grant(
                offer=line.offer,
                studio=order.studio,
                source=source,
                now=now,
                ordered_at=order.placed_at,
                seats=line.seats,
                project=line.project,
                starts_at=line.starts_at,
                ends_at=min(ends_at, line.ends_at) if line.ends_at else ends_at,
                kind=Grant.RENEWAL,
                replaces=line.replaces,
                price_minor=0,
                currency=order.currency,
            )
    except fulfilling.REFUSALS as error:
        log.warning("no license of grace for the order %s: %s", order.pk, error)
        return None


def open_renewal(subscription: Subscription) -> Order | None:
    """This will find the renewal of a subscription that is not paid and not given up."""
    rows = Order.objects.filter(lines__subscription=subscription, lines__kind=OrderLine.RENEWAL, outcome=None)
    return rows.select_related("studio", "buyer").first()


def call_off(*, subscription: Subscription, now: datetime) -> None:
    """This will give up the renewal that is not paid, of a subscription that has ended, and end the license of grace.

    Where the gateway does not answer, the worker goes on with it.
    """
    order = open_renewal(subscription)
    if order is None:
        return
    for line in order.lines.filter(kind=OrderLine.RENEWAL):
        held = Grant.objects.filter(source=subscriptions.grace_source(line)).first()
        if held is not None:
            licensing.set_status(grant=held, status=GrantStatus.REVOKED, reason=CANCELLED, now=now)
    try:
        _give_up(order, now)
    except GatewayUnavailable as error:
        log.log(error.level(str(order)), "order %s stays open: %s", order.pk, error)


def waits_at(order: Order) -> str:
    """This will tell what an order waits for: "declined", "action", "pending", or nothing that we know."""
    attempt = paying.attempt_of(order)
    if attempt is None:
        return ""
    if hasattr(attempt, "declined"):
        return "declined"
    step = paying.step_of(attempt)
    return {PaymentStep.ACTION: "action", PaymentStep.PENDING: "pending"}.get(step.state, "") if step else ""
