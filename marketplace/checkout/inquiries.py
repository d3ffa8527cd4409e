"""Inquiries: a bank asks about a payment before it disputes it. No money moves; operators are told, and may answer."""

import logging
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from marketplace.checkout.stripe_models import GatewayInquiry
from marketplace.payouts.rules import Money
from marketplace.people.queries import operators

log = logging.getLogger(__name__)


class Inquiry(Protocol):
    """What is known of an inquiry; `status` is the gateway's word, the amount is in ISO minor units."""

    @property
    def reference(self) -> str: ...
    @property
    def charge_reference(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def due_by(self) -> datetime | None: ...


def hear_inquiry(*, gateway: str, disputed: Inquiry, now: datetime) -> bool:
    """This will keep where an inquiry is, and write to the operators of one that begins; tells whether it is news.

    Belongs into the transaction of whoever hears it.
    """
    earlier = GatewayInquiry.objects.filter(gateway=gateway, reference=disputed.reference)
    begins = not earlier.exists()
    row, made = earlier.get_or_create(
        gateway=gateway,
        reference=disputed.reference,
        status=disputed.status,
        defaults={
            "charge_reference": disputed.charge_reference,
            "amount_minor": disputed.amount_minor,
            "currency": disputed.currency,
            "reason": disputed.reason,
            "due_by": disputed.due_by,
            "at": now,
        },
    )
    if made:
        log.warning("inquiry %s about %s: %s", disputed.reference, disputed.charge_reference, disputed.status)
    if made and begins:
        told = {person.email: person.language for person in operators() if person.is_active}
        job = app.configure_task("checkout.tell_of_inquiry")
        for address in {**dict.fromkeys(settings.ALARM_ADDRESSES), **told}:
            job.defer(inquiry_id=row.pk, address=address, language=told.get(address, settings.LANGUAGE_CODE))
    return made


def send_letter(*, inquiry_id: int, address: str, language: str) -> None:
    """This will write one operator of an inquiry, in their language; raises OSError when the mail is not taken."""
    row = GatewayInquiry.objects.get(pk=inquiry_id)
    with translation.override(language):
        subject, body = letter(row)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [address])


def letter(row: GatewayInquiry) -> tuple[str, str]:
    """This will give subject and text of what an operator is told, in the language that is active."""
    values = {
        "amount": str(Money(row.amount_minor, row.currency)),
        "charge": row.charge_reference,
        "reference": row.reference,
        "due": row.due_by.date().isoformat() if row.due_by else "–",
    }
    lines = [
        _("A bank asks about the payment %(charge)s of %(amount)s. No money was taken, and nobody's license changes.")
        % values,
        _("It is %(reference)s at the payment provider. Answer it there until %(due)s, or give the payment back:")
        % values,
        _("what is neither answered nor given back may become a dispute, which costs a fee."),
    ]
    return _("A bank asks about a payment"), "\n\n".join(lines) + "\n"
