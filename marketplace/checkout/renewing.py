"""Every write about running subscriptions: renewed, with more or fewer seats; whether they go on: going_on.py."""

import logging
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from marketplace.checkout import operations, past_due, subscriptions
from marketplace.checkout.asking import Ask, UnableToBuy, UnableToBuySoLittle, UnableToBuyYet
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.going_on import cancel_subscription as cancel_subscription
from marketplace.checkout.going_on import check_buyer
from marketplace.checkout.going_on import resume_subscription as resume_subscription
from marketplace.checkout.going_on import use_method as use_method
from marketplace.checkout.models import (
    Order,
    OrderLine,
    PaymentOutcome,
    Subscription,
    SubscriptionEnd,
    SubscriptionSeats,
)
from marketplace.checkout.placing import FREE, OURS, KeyUsedOtherwise, place
from marketplace.checkout.rules import is_idempotency_key
from marketplace.checkout.worth import worth_of
from marketplace.database.paging import each
from marketplace.licensing import pricing, pricing_queries
from marketplace.licensing.exclusivity import UnableToGrantExclusively
from marketplace.licensing.granting import UnableToGrant
from marketplace.licensing.models import Grant, GrantStatus, Offer
from marketplace.licensing.pricing import Priced
from marketplace.licensing.rules import BACKDATED_AT_MOST
from marketplace.people.models import Person
from marketplace.ui.words import Words, gettext_noop

log = logging.getLogger(__name__)

AHEAD = timedelta(hours=1)
"""How long before a period ends the next one is paid, so that nothing is interrupted; a trial is free to its end."""
_REST = gettext_noop("For the rest of the period: %(amount)s")


def renew_subscriptions(*, now: datetime) -> int:
    """This will renew what runs out within the hour, each for its next period, and trials that are over; tells how many
    were renewed.

    A renewal costs what the offer costs then; where that is less than the gateway takes, the subscription ends. One
    that is declined is tried again (past_due.py). Where the offer is not sold any more, or the subscription was
    cancelled, it ends: the license runs to the end of what was paid for.
    """
    renewed = 0
    for subscription in each(subscriptions.due(now + AHEAD), "runs_until"):
        try:
            renewed += _renew(subscription, now)
        except GatewayUnavailable as error:
            level = error.level(f"subscription {subscription}")
            log.log(level, "subscription %s waits for the gateway: %s", subscription.pk, error)
        except Exception:
            # One that cannot be renewed must not hold up those behind it.
            log.exception("subscription %s is not renewed", subscription.pk)
    return renewed


def _renew(subscription: Subscription, now: datetime) -> bool:
    grant = subscriptions.current_grant(subscription)
    offer = _offer(subscription)
    if grant is None or grant.ends_at is None or grant.ends_at > now + AHEAD:
        return False  # somebody else has renewed it since it was listed
    if now < min(grant.ends_at, subscription.anchor_at):
        return False  # a trial: until its last second it can be cancelled, and nothing is charged
    newest = GrantStatus.objects.filter(grant=grant).order_by("-id").first()
    if newest is not None and newest.status == GrantStatus.SUSPENDED:
        return False  # while a payment is disputed nobody is charged again; what is late then costs less
    if subscriptions.cancellation_of(subscription):
        if grant.ends_at <= now:  # until then it can be resumed
            subscriptions.end(subscription, SubscriptionEnd.CANCELLED, now=now)
        return False
    if hasattr(offer, "withdrawal"):
        subscriptions.end(subscription, SubscriptionEnd.WITHDRAWN, now=now)
        return False
    number, ask = _next(subscription, offer, grant, now)
    try:
        order = place(
            studio=subscription.studio,
            buyer=subscription.buyer,
            asks=[ask],
            token=past_due.token_for_renewal(subscription) or FREE,
            idempotency_key=f"subscription:{subscription.pk}:{number}",
            now=now,
        )
    except UnableToBuySoLittle as error:
        if ask.fixed is None:  # this price is what each period costs: no card can pay it
            subscriptions.end(subscription, SubscriptionEnd.REFUSED, reason=str(error), now=now)
        return False  # what is left of a period is let go, and the next is paid whole
    except UnableToBuyYet as error:
        log.warning("subscription %s waits: %s", subscription.pk, error)
        if now >= grant.ends_at - past_due.BEFORE_THE_END:
            _call_off_others(grant, now)
        return False
    except (UnableToBuy, UnableToGrant, UnableToGrantExclusively, UnableToUseMethod, KeyUsedOtherwise) as error:
        subscriptions.end(subscription, SubscriptionEnd.REFUSED, reason=str(error), now=now)
        return False
    outcome = operations.pay(order=order, now=now)
    return outcome is not None and outcome.outcome != PaymentOutcome.DECLINED


def _call_off_others(grant: Grant, now: datetime) -> None:
    """Gives up orders that were to take the place of a license which runs out, and that nobody has paid yet, so that it
    is renewed before; what a bank is deciding about goes on."""
    waiting = Order.objects.filter(outcome=None, lines__replaces=grant, lines__kind=OrderLine.UPGRADE).distinct()
    for order in waiting.select_related("studio", "buyer"):
        try:
            operations.cancel_order(order=order, now=now)
        except operations.UnableToPay as error:
            log.warning("order %s stays open: %s", order.pk, error.reason)


def _next(subscription: Subscription, offer: Offer, grant: Grant, now: datetime) -> tuple[int, Ask]:
    """Asks for the period that follows, with at least the seats that are in use; where it began more than a day ago,
    only for the time from now on."""
    assert grant.ends_at is not None
    number = pricing.period_of(subscription.anchor_at, offer.model, max(grant.ends_at, now))
    begins, ends = (pricing.period_start(subscription.anchor_at, offer.model, number + more) for more in (0, 1))
    seats = max(subscriptions.seats_of(subscription), grant.assignments.filter(released_at=None).count())
    starts, fixed = max(begins, grant.ends_at), None
    if starts < now - BACKDATED_AT_MOST:
        whole = _price(subscription, offer, seats, now)
        due = pricing.prorated(whole.price_minor, starts_at=begins, ends_at=ends, at=now)
        words = Words(
            gettext_noop("For the rest of the period: %(amount)s"), {"amount": pricing.money(due, offer.currency)}
        )
        starts, fixed = now, Priced(due, due, offer.currency, (*whole.lines, words), whole.unit_minor)
    ask = Ask(
        offer,
        seats=seats,
        project=grant.project,
        kind=OrderLine.RENEWAL,
        replaces=grant,
        starts_at=starts,
        ends_at=ends,
        fixed=fixed,
        subscription=subscription,
    )
    return number, ask


def _offer(subscription: Subscription) -> Offer:
    related = ("terms", "withdrawal", "release__split", "release__pack__creator", "release__pack__owner")
    return Offer.objects.select_related(*related).get(pk=subscription.offer_id)


def _price(subscription: Subscription, offer: Offer, seats: int, now: datetime) -> Priced:
    """Prices so many seats for a whole period, as it is now."""
    row = pricing_queries.price_now(offer, now)
    return pricing.price_of(
        model=offer.model,
        price_minor=row.price_minor,
        currency=offer.currency,
        tiers=pricing.read_tiers(row.tiers, model=offer.model),
        seats=seats,
        size=pricing_queries.size_of(subscription.studio),
    )


def change_seats(
    *, subscription: Subscription, seats: int, by: Person, idempotency_key: str, now: datetime
) -> Order | None:
    """This will change how many seats a subscription has.

    More are there at once, and cost their part of the rest of the period, rounded down, by the card that is kept: that
    order is returned. Fewer are from the next period on, nothing is paid back, and None is returned. Raises
    UnableToBuy, also for fewer than are in use, UnableToGrant, PaymentDeclined, or PaymentWaits; they change nothing.
    """
    check_buyer(subscription, by)
    if not is_idempotency_key(idempotency_key) or idempotency_key.startswith(OURS):
        raise UnableToBuy(_("An order needs an idempotency key of 1 to 200 visible ASCII characters."))
    there = Order.objects.filter(studio=subscription.studio, idempotency_key=idempotency_key).first()
    if there is not None:
        return _again(there, subscription, seats, now)
    grant = subscriptions.current_grant(subscription)
    if grant is None or hasattr(subscription, "end") or not grant.starts_at <= now < (grant.ends_at or now):
        raise UnableToBuy(_("The subscription has ended, or its period has not begun: its seats cannot change now."))
    if seats < max(1, grant.assignments.filter(released_at=None).count()):
        raise UnableToBuy(_("More seats than that are in use: release seats first, or ask for more."))
    if seats <= grant.seats:
        if seats != subscriptions.seats_of(subscription):
            SubscriptionSeats.objects.create(subscription=subscription, seats=seats, by=by, at=now)
        return None
    ask = _added(subscription, _offer(subscription), grant, seats, now)
    order = place(
        studio=subscription.studio,
        buyer=by,
        asks=[ask],
        token=past_due.token_for_renewal(subscription) or FREE,
        idempotency_key=idempotency_key,
        now=now,
    )
    return _paid(order, now)


def _again(order: Order, subscription: Subscription, seats: int, now: datetime) -> Order:
    line = order.lines.first()
    if line is None or (line.subscription_id, line.seats) != (subscription.pk, seats):
        raise KeyUsedOtherwise(order.idempotency_key)
    return _paid(order, now)


def _paid(order: Order, now: datetime) -> Order:
    outcome = operations.pay(order=order, now=now)
    if outcome is None:
        raise operations.PaymentWaits(order)
    if outcome.outcome == PaymentOutcome.DECLINED:
        raise operations.PaymentDeclined(order, outcome.reason)
    return order


def _added(subscription: Subscription, offer: Offer, grant: Grant, seats: int, now: datetime) -> Ask:
    """Asks for a license with more seats for the rest of the period, in place of the one there is."""
    assert grant.ends_at is not None
    number = pricing.period_of(subscription.anchor_at, offer.model, now)
    begins, ends = (pricing.period_start(subscription.anchor_at, offer.model, number + more) for more in (0, 1))
    whole = _price(subscription, offer, seats - grant.seats, now)
    due = pricing.prorated(whole.price_minor, starts_at=begins, ends_at=ends, at=now)
    if now < subscription.anchor_at:  # a trial: what is added costs nothing until it ends
        due = 0
    rest = worth_of(grant, at=now)
    words = Words(
        gettext_noop("For the rest of the period: %(amount)s"), {"amount": pricing.money(due, offer.currency)}
    )
    return Ask(
        offer,
        seats=seats,
        project=grant.project,
        kind=OrderLine.UPGRADE,
        replaces=grant,
        ends_at=grant.ends_at,
        fixed=Priced(due, due + rest, offer.currency, (*whole.lines, words), whole.unit_minor),
        subscription=subscription,
    )
