"""Whether a subscription goes on, and what it is paid with: cancelled, resumed, moved to another card."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout import past_due, subscriptions
from marketplace.checkout.asking import UnableToBuy
from marketplace.checkout.models import Subscription, SubscriptionEnd
from marketplace.checkout.subscription_models import SubscriptionCancelled, SubscriptionMethod, SubscriptionResumed
from marketplace.people.models import Person, Seat


def check_buyer(subscription: Subscription, by: Person) -> None:
    """This will raise UnableToBuy for who may not buy for the subscription's studio."""
    studio = subscription.studio
    if not Seat.objects.filter(studio=studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToBuy(_("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)


def cancel_subscription(*, subscription: Subscription, by: Person, now: datetime) -> SubscriptionCancelled | None:
    """This will renew a subscription no more; its license runs to the end of the period, and nothing is paid back.

    Until then it can be resumed. One whose renewal is not paid ends at once, with its license of grace; then, and where
    it had ended before, None is returned. Doing it twice changes nothing. Raises UnableToBuy for who may not.
    """
    check_buyer(subscription, by)
    with transaction.atomic():
        _lock(subscription)
        if SubscriptionEnd.objects.filter(subscription=subscription).exists():
            return None
        owes = past_due.open_renewal(subscription) is not None
        if not owes:
            if there := subscriptions.cancellation_of(subscription):
                return there
            number = subscription.cancellations.count() + 1
            return SubscriptionCancelled.objects.create(subscription=subscription, number=number, by=by, at=now)
        subscriptions.end(subscription, SubscriptionEnd.CANCELLED, now=now)
    past_due.call_off(subscription=subscription, now=now)
    return None


@transaction.atomic
def resume_subscription(*, subscription: Subscription, by: Person, now: datetime) -> SubscriptionResumed | None:
    """This will let a cancelled subscription go on, before its period is over; None where it was not cancelled.

    Raises UnableToBuy for who may not, and for one that has ended.
    """
    check_buyer(subscription, by)
    _lock(subscription)
    if SubscriptionEnd.objects.filter(subscription=subscription).exists():
        raise UnableToBuy(_("The subscription has ended: buy a new license."))
    standing = subscriptions.cancellation_of(subscription)
    if standing is None:
        return None
    grant = subscriptions.current_grant(subscription)
    if grant is not None and grant.ends_at is not None and grant.ends_at <= now:
        raise UnableToBuy(_("The subscription has ended: buy a new license."))
    return SubscriptionResumed.objects.create(cancelled=standing, by=by, at=now)


@transaction.atomic
def use_method(
    *, subscription: Subscription, token: str, now: datetime, by: Person | None = None
) -> SubscriptionMethod | None:
    """This will charge a subscription by another method from now on, as the gateway names it; None where it is so.

    A renewal that was declined is tried again by it soon. Raises UnableToBuy for who may not.
    """
    if by is not None:
        check_buyer(subscription, by)
    _lock(subscription)
    if token == subscriptions.method_of(subscription):
        return None
    return SubscriptionMethod.objects.create(subscription=subscription, token=token, by=by, at=now)


def _lock(subscription: Subscription) -> None:
    Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
