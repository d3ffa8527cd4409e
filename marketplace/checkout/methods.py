"""Ways to pay that a studio lets us keep: kept, chosen, removed. What a card's number was, nobody here knows."""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from marketplace.checkout import rules
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.method_models import (
    BRANDS,
    OTHER,
    PaymentMethod,
    PaymentMethodDefault,
    PaymentMethodEnd,
    PaymentMethodForgotten,
)
from marketplace.checkout.models import Subscription
from marketplace.checkout.placing import gateway
from marketplace.people.models import Person, Seat, Studio

log = logging.getLogger(__name__)


class UnableToKeepMethod(Exception):
    """A way to pay cannot be kept, chosen or removed so; nothing was written."""

    code = "unable-to-keep-method"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def saved(studio: Studio) -> list[PaymentMethod]:
    """This will list what a studio may pay with here, the default first, then the newest; each has `.is_default` and
    `.label`. Two queries.

    Only what the gateway of today knows is among them.
    """
    rows = PaymentMethod.objects.filter(studio=studio, gateway=gateway().name, end=None)
    found = list(rows.order_by("-kept_at", "-number", "id"))
    chosen = PaymentMethodDefault.objects.filter(method__in=found).order_by("-id").first()
    default = chosen.method_id if chosen else found[-1].pk if found else None
    for one in found:
        one.is_default = one.pk == default  # type: ignore[attr-defined]
        one.label = label_of(one)  # type: ignore[attr-defined]
    return sorted(found, key=lambda one: one.pk != default)


def kept(studio: Studio, method: UUID | str) -> PaymentMethod | None:
    """This will find one of what `saved` lists by its id; None for those of others, and for what is none."""
    return next((one for one in saved(studio) if str(one.pk) == str(method)), None)


def default_of(studio: Studio) -> PaymentMethod | None:
    """This will find what a studio pays with where it says nothing."""
    return next(iter(saved(studio)), None)


def label_of(method: PaymentMethod) -> str:
    """This will say which card it is: brand and last four digits, in the language that is active."""
    brand = BRANDS.get(method.brand) or _(OTHER)
    return f"{brand} •••• {method.last4}" if method.last4 else brand


def is_expired(method: PaymentMethod, now: datetime) -> bool:
    """This will tell whether a card's last month (UTC) is over."""
    return bool(method.exp_year) and (method.exp_year, method.exp_month) < (now.year, now.month)


def keep(
    *,
    studio: Studio,
    gateway: str,
    token: str,
    now: datetime,
    brand: str = "",
    last4: str = "",
    exp_month: int = 0,
    exp_year: int = 0,
    by: Person | None = None,
) -> PaymentMethod:
    """This will keep a way to pay that a gateway named; one that is kept already stays as it is.

    The first one of a studio is its default. What the gateway says that we cannot read is left out rather than refused.
    """
    known = 1 <= exp_month <= 12 and 2000 <= exp_year < 2200
    ours = {
        "brand": brand[:20],
        "last4": last4 if len(last4) == 4 and last4.isascii() and last4.isdigit() else "",
        "exp_month": exp_month if known else 0,
        "exp_year": exp_year if known else 0,
        "by": by,
        "kept_at": now,
    }
    rows = PaymentMethod.objects.filter(studio=studio, gateway=gateway, token=token)
    try:
        with transaction.atomic():
            if there := rows.filter(end=None).first():
                return there
            number = (rows.aggregate(newest=Max("number"))["newest"] or 0) + 1
            return PaymentMethod.objects.create(studio=studio, gateway=gateway, token=token, number=number, **ours)
    except IntegrityError:
        if there := rows.filter(end=None).first():
            return there
        raise


def add_card(*, studio: Studio, card: str, by: Person, now: datetime) -> PaymentMethod:
    """This will keep a card that was typed here, where the gateway takes such: the sandbox, whose cards are no cards.

    Raises UnableToUseMethod for what is no test card, and UnableToKeepMethod for who may not.
    """
    _check_buyer(studio, by)
    token = gateway().method(card)
    digits = rules.card_digits(card) or ""
    # Test cards have no last month; they end when they say so.
    return keep(
        studio=studio,
        gateway=gateway().name,
        token=token,
        brand=_brand(digits),
        last4=digits[-4:],
        by=by,
        now=now,
    )


def _brand(digits: str) -> str:
    """Tells a card's brand by its first digits (ISO/IEC 7812): 4 Visa; 51-55, 2221-2720 Mastercard; 34, 37 Amex."""
    if digits.startswith("4"):
        return "visa"
    if "51" <= digits[:2] <= "55" or "2221" <= digits[:4] <= "2720":
        return "mastercard"
    return "amex" if digits[:2] in ("34", "37") else ""


@transaction.atomic
def choose(*, method: PaymentMethod, by: Person, now: datetime) -> PaymentMethodDefault | None:
    """This will make a way to pay the one that a studio uses where it says nothing; None where it was that already.

    Raises UnableToKeepMethod for who may not, and for one that was removed.
    """
    _check_buyer(method.studio, by)
    _lock(method.studio)
    there = kept(method.studio, method.pk)
    if there is None:
        raise UnableToKeepMethod(_("This way to pay was removed: choose another one."))
    if there.is_default:  # type: ignore[attr-defined]
        return None
    return PaymentMethodDefault.objects.create(method=there, by=by, at=now)


def remove(*, method: PaymentMethod, by: Person, now: datetime) -> PaymentMethodEnd:
    """This will use a way to pay no more, and let the gateway forget it; doing it twice changes nothing.

    Raises UnableToKeepMethod for who may not, and while a subscription that is renewed needs it: the last one, or one
    that a subscription names.
    """
    _check_buyer(method.studio, by)
    with transaction.atomic():
        _lock(method.studio)
        end = PaymentMethodEnd.objects.filter(method=method).first()
        if end is None:
            _check_unused(method)
            end = PaymentMethodEnd.objects.create(method=method, cause=PaymentMethodEnd.REMOVED, by=by, at=now)
    try:
        _forget(end, now)
    except GatewayUnavailable as error:
        log.warning("the gateway does not forget %s yet: %s", method.pk, error)
    return end


def _check_unused(method: PaymentMethod) -> None:
    using = subscriptions_with(method)
    if not using:
        return
    names = ", ".join(sorted({str(one.offer.release.pack) for one in using}))
    others = [one for one in saved(method.studio) if one.pk != method.pk]
    if others:
        why = _("%(card)s pays for the subscription to %(packs)s: let that be paid by another one first.")
    else:
        why = _("%(card)s pays for the subscription to %(packs)s, and there is no other: add another one first.")
    raise UnableToKeepMethod(why % {"card": label_of(method), "packs": names})


def subscriptions_with(method: PaymentMethod) -> Sequence[Subscription]:
    """This will list the subscriptions that are renewed with a way to pay."""
    rows = Subscription.objects.filter(studio=method.studio, end=None).select_related("offer__release__pack__creator")
    return [one for one in rows.order_by("started_at", "id") if token_of(one) == method.token]


def token_of(subscription: Subscription) -> str:
    """This will tell what a subscription is renewed with, as the gateway names it."""
    return subscription.method


def gone(*, gateway: str, token: str, now: datetime) -> int:
    """This will use no more what a gateway says is gone, whoever kept it; tells how many were kept."""
    ended = 0
    for method in PaymentMethod.objects.filter(gateway=gateway, token=token, end=None):
        _row, made = PaymentMethodEnd.objects.get_or_create(
            method=method, defaults={"cause": PaymentMethodEnd.GONE, "at": now}
        )
        ended += made
    return ended


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
        forget(method.token)
    PaymentMethodForgotten.objects.get_or_create(end=end, defaults={"at": now})
    return True


def _check_buyer(studio: Studio, by: Person) -> None:
    if not Seat.objects.filter(studio=studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToKeepMethod(_("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)


def _lock(studio: Studio) -> None:
    """Of two who change what a studio pays with, the second waits and sees what the first did."""
    Studio.objects.select_for_update(no_key=True).get(pk=studio.pk)
