"""Ways to pay that a studio lets us keep: kept and chosen. What the number of a card was, nobody here knows."""

import logging
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from marketplace.checkout import rules
from marketplace.checkout.gateways.base import HOSTED, GatewayUnavailable
from marketplace.checkout.method_models import (
    BRANDS,
    OTHER,
    PaymentMethod,
    PaymentMethodDefault,
    PaymentMethodEnd,
)
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


def to_charge(studio: Studio, token: str) -> str:
    """This will name what is charged while nobody is there: `token`, or where that names no card (the gateway's page),
    or one that was removed since, what the studio uses where it says nothing. Without that it is HOSTED: a card that
    its buyer removed is not charged again, and they are asked for another one."""
    rows = PaymentMethod.objects.filter(studio=studio, token=token)
    if token != HOSTED and (not rows.exists() or rows.filter(end=None).exists()):
        return token
    default = default_of(studio)
    return default.token if default else HOSTED


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
    if there := rows.filter(end=None).first():
        return there
    with transaction.atomic():
        lock(studio)  # who waited here sees what the other kept
        if there := rows.filter(end=None).first():
            return there
        number = (rows.aggregate(newest=Max("number"))["newest"] or 0) + 1
        return PaymentMethod.objects.create(studio=studio, gateway=gateway, token=token, number=number, **ours)


def add_card(*, studio: Studio, card: str, by: Person, now: datetime) -> PaymentMethod:
    """This will keep a card that was typed here, where the gateway takes such: the sandbox, whose cards are no cards.

    Raises UnableToUseMethod for what is no test card, and UnableToKeepMethod for who may not.
    """
    check_buyer(studio, by)
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
    check_buyer(method.studio, by)
    lock(method.studio)
    there = kept(method.studio, method.pk)
    if there is None:
        raise UnableToKeepMethod(_("This way to pay was removed: choose another one."))
    if there.is_default:  # type: ignore[attr-defined]
        return None
    return PaymentMethodDefault.objects.create(method=there, by=by, at=now)


def begin(*, studio: Studio, by: Person, return_url: str, key: str, now: datetime) -> str:
    """This will give the address of the gateway's page where a studio gives a card to keep; `key` names this wish.

    Raises UnableToKeepMethod for who may not, UnableToUseMethod where cards are typed here, or GatewayUnavailable.
    """
    check_buyer(studio, by)
    return gateway().begin_method(studio=studio.pk, email=by.email, return_url=return_url, key=key, now=now)


def look_for(studios: Iterable[Studio], *, now: datetime) -> int:
    """This will keep at once what studios gave at the gateway's page, where it can be asked; tells how many are new."""
    find = getattr(gateway(), "find_methods", None)
    if find is None:
        return 0
    found = list(studios)
    before = PaymentMethod.objects.filter(studio__in=found).count()
    for studio in found:
        try:
            find(studio=studio.pk, now=now)
        except GatewayUnavailable as error:
            log.warning("the gateway does not say what %s keeps: %s", studio.pk, error)
    return PaymentMethod.objects.filter(studio__in=found).count() - before


def is_hosted() -> bool:
    """This will tell whether cards are given at the gateway's page, and never here."""
    return bool(getattr(gateway(), "hosted", False))


def gone(*, gateway: str, token: str, now: datetime) -> int:
    """This will use no more what a gateway says is gone, whoever kept it; tells how many were kept."""
    ended = 0
    for method in PaymentMethod.objects.filter(gateway=gateway, token=token, end=None):
        _row, made = PaymentMethodEnd.objects.get_or_create(
            method=method, defaults={"cause": PaymentMethodEnd.GONE, "at": now}
        )
        ended += made
    return ended


def check_buyer(studio: Studio, by: Person) -> None:
    """This will raise UnableToKeepMethod for somebody who does not buy for a studio."""
    if not Seat.objects.filter(studio=studio, person=by, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToKeepMethod(_("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)


def lock(studio: Studio) -> None:
    """This will let the second of two who change what a studio pays with wait, and see what the first did."""
    Studio.objects.select_for_update(no_key=True).get(pk=studio.pk)
