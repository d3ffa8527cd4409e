"""What the ways to pay that are kept pay for: a subscription is paid by another one, or one is removed."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout import going_on, subscriptions
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.method_models import PaymentMethod, PaymentMethodEnd, PaymentMethodForgotten
from marketplace.checkout.methods import UnableToKeepMethod, check_buyer, kept, label_of, lock, saved
from marketplace.checkout.models import Subscription, SubscriptionEnd
from marketplace.checkout.placing import gateway
from marketplace.people.models import Person, Studio

log = logging.getLogger(__name__)


def pay_with(*, subscription: Subscription, method: PaymentMethod, by: Person, now: datetime) -> None:
    """This will let a subscription be renewed with another way to pay that its studio keeps.

    Raises UnableToKeepMethod for one of another studio, one that was removed, for a subscription that has ended, and
    for who may not.
    """
    check_buyer(subscription.studio, by)
    if SubscriptionEnd.objects.filter(subscription=subscription).exists():
        raise UnableToKeepMethod(_("The subscription has ended: nothing more is charged for it."))
    if kept(subscription.studio, method.pk) is None:
        raise UnableToKeepMethod(_("This way to pay was removed: choose another one."))
    going_on.use_method(subscription=subscription, token=method.token, by=by, now=now)


def remove(*, method: PaymentMethod, by: Person, now: datetime) -> PaymentMethodEnd:
    """This will use a way to pay no more, and let the gateway forget it; doing it twice changes nothing.

    The subscriptions that it pays for are paid by the default from then on. Raises UnableToKeepMethod for who may not,
    and where there is no other for them.
    """
    check_buyer(method.studio, by)
    with transaction.atomic():
        lock(method.studio)
        end = PaymentMethodEnd.objects.filter(method=method).first()
        if end is None:
            _hand_over(method, by, now)
            end = PaymentMethodEnd.objects.create(method=method, cause=PaymentMethodEnd.REMOVED, by=by, at=now)
    try:
        _forget(end, now)
    except GatewayUnavailable as error:
        log.warning("the gateway does not forget %s yet: %s", method.pk, error)
    return end


def _hand_over(method: PaymentMethod, by: Person, now: datetime) -> None:
    using = subscriptions_with(method)
    others = [one for one in saved(method.studio) if one.pk != method.pk]
    if using and not others:
        names = ", ".join(sorted({str(one.offer.release.pack) for one in using}))
        raise UnableToKeepMethod(
            _("%(card)s pays for the subscription to %(packs)s, and there is no other: add another one first.")
            % {"card": label_of(method), "packs": names}
        )
    for one in using:
        going_on.use_method(subscription=one, token=others[0].token, by=by, now=now)


def subscriptions_with(method: PaymentMethod) -> Sequence[Subscription]:
    """This will list the subscriptions that are renewed with a way to pay."""
    return [one for one, token in renewed_for(method.studio) if token == method.token]


def renewed_for(studio: Studio) -> list[tuple[Subscription, str]]:
    """This will list a studio's subscriptions that are renewed, the oldest first, each with what pays for it as the
    gateway names it; those that are cancelled are not renewed."""
    rows = Subscription.objects.filter(studio=studio, end=None).select_related("offer__release__pack__creator")
    running = [one for one in rows.order_by("started_at", "id") if subscriptions.cancellation_of(one) is None]
    return [(one, subscriptions.method_of(one)) for one in running]


def finish_forgetting(*, now: datetime) -> int:
    """This will tell the gateway what was removed while it was silent; tells of how many."""
    told = 0
    rows = PaymentMethodEnd.objects.filter(cause=PaymentMethodEnd.REMOVED, forgotten=None).select_related("method")
    for end in rows.filter(method__gateway=gateway().name).order_by("at", "method_id")[:100]:
        try:
            told += _forget(end, now)
        except GatewayUnavailable as error:
            log.warning("the gateway does not forget %s yet: %s", end.method_id, error)
    return told


def _forget(end: PaymentMethodEnd, now: datetime) -> bool:
    """Lets the gateway forget a card that nobody here keeps any more; one that another studio keeps stays there."""
    if PaymentMethodForgotten.objects.filter(end=end).exists():
        return False
    method, port = end.method, gateway()
    if port.name != method.gateway:
        return False
    elsewhere = PaymentMethod.objects.filter(gateway=method.gateway, token=method.token, end=None)
    if not elsewhere.exists() and (forget := getattr(port, "forget_method", None)):
        forget(method.token, now=now)
    PaymentMethodForgotten.objects.get_or_create(end=end, defaults={"at": now})
    return True
