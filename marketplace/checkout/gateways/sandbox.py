"""The embedded gateway: no money moves, test cards decide what happens, and it says so."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketplace.checkout import rules
from marketplace.checkout.gateways.base import (
    DISPUTE_LOST,
    DISPUTE_OPENED,
    DISPUTE_WON,
    REFUND_FAILED,
    Charge,
    Event,
    Returned,
    UnableToUseMethod,
)
from marketplace.checkout.models import SandboxCharge
from marketplace.checkout.refunds import SandboxRefund

# Numbers that Stripe documents for its own test mode, so that habits carry over.
TEST_CARDS: Mapping[str, tuple[str, str]] = {
    "4242424242424242": ("success", gettext_noop("pays")),
    "4000000000000002": ("declined", gettext_noop("is declined")),
    "4000000000009995": ("no-funds", gettext_noop("is declined for lack of funds")),
    "4000000000005126": (REFUND_FAILED, gettext_noop("pays, and a refund of it fails later")),
    "4000000000000259": (DISPUTE_LOST, gettext_noop("pays, is disputed later, and the dispute is lost")),
    "4000000000001976": (DISPUTE_WON, gettext_noop("pays, is disputed later, and the dispute is won")),
}
_DECLINES = {
    "declined": gettext_noop("The card was declined: use another card."),
    "no-funds": gettext_noop("The card was declined for lack of funds: use another card."),
}


class SandboxGateway:
    """A gateway whose memory is one table; charges commit on their own, as they would in another house."""

    name = "sandbox"

    def method(self, text: str) -> str:
        """This will name the test card behind a number; real numbers are refused and kept nowhere."""
        digits = rules.card_digits(text)
        if digits is None:
            raise UnableToUseMethod(_("This is not a card number: check the digits."))
        if digits not in TEST_CARDS:
            raise UnableToUseMethod(
                _("This marketplace runs on its sandbox gateway, which takes test cards only: try 4242 4242 4242 4242.")
            )
        return TEST_CARDS[digits][0]

    def charge(self, *, key: str, amount_minor: int, currency: str, method: str, now: datetime) -> Charge:
        """This will remember one charge for each key and answer the same for ever after."""
        reason = _DECLINES.get(method, "")
        reference = "ch_" + hashlib.sha256(key.encode()).hexdigest()[:24]
        with transaction.atomic():
            SandboxCharge.objects.bulk_create(
                [
                    SandboxCharge(
                        key=key,
                        reference=reference,
                        amount_minor=amount_minor,
                        currency=currency,
                        method=method,
                        succeeded=not reason,
                        reason=reason,
                        charged_at=now,
                    )
                ],
                ignore_conflicts=True,
            )
        row = SandboxCharge.objects.get(key=key)
        return Charge(reference=row.reference, succeeded=row.succeeded, reason=row.reason)

    def refund(self, *, key: str, charge_reference: str, amount_minor: int, now: datetime) -> Returned:
        """This will remember one refund for each key and answer the same for ever after."""
        reference = "re_" + hashlib.sha256(key.encode()).hexdigest()[:24]
        with transaction.atomic():
            charge = SandboxCharge.objects.select_for_update().filter(reference=charge_reference).first()
            before = SandboxRefund.objects.filter(key=key).first()
            if before is not None and (before.charge != charge or before.amount_minor != amount_minor):
                return Returned(before.reference, False, _("The key was used for another refund."))
            if before is None:
                gone = SandboxRefund.objects.filter(charge=charge).aggregate(all=Sum("amount_minor"))["all"] or 0
                if charge is None or not charge.succeeded or gone + amount_minor > charge.amount_minor:
                    return Returned("", False, _("The charge does not have so much left."))
                SandboxRefund.objects.create(
                    key=key, reference=reference, charge=charge, amount_minor=amount_minor, refunded_at=now
                )
        return Returned(reference, True)

    def events(self, *, now: datetime) -> Sequence[Event]:
        """This will tell of the disputes and failed refunds that test cards bring about, each in its time."""
        delay = timedelta(minutes=settings.SANDBOX_DISPUTE_AFTER_MINUTES)
        rows = SandboxCharge.objects.filter(
            method__in=[DISPUTE_WON, DISPUTE_LOST], succeeded=True, charged_at__lte=now - delay
        ).order_by("charged_at", "key")
        events: list[Event] = []
        for row in rows:
            opened = row.charged_at + delay
            events.append(Event(f"evt_open_{row.reference}", DISPUTE_OPENED, row.reference, opened))
            if opened + delay <= now:
                events.append(Event(f"evt_close_{row.reference}", row.method, row.reference, opened + delay))
        failed = SandboxRefund.objects.filter(charge__method=REFUND_FAILED, refunded_at__lte=now - delay)
        for back in failed.order_by("refunded_at", "key"):
            events.append(Event(f"evt_fail_{back.reference}", REFUND_FAILED, back.reference, back.refunded_at + delay))
        return sorted(events, key=lambda event: (event.happened_at, event.kind != DISPUTE_OPENED, event.event_id))
