"""Letters to operators about disputes: one was opened, its evidence is due within three days, it was decided."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from marketplace.checkout.disputes import Dispute
from marketplace.checkout.evidence.standing import OPEN, PART, WON, Standing, standing_of, standings_of
from marketplace.checkout.evidence.tables import DisputeLetter
from marketplace.people.queries import operators
from marketplace.ui.formats import moment_text, money_text

AT_ONCE = 200


def write_letters(*, now: datetime) -> int:
    """This will lay down the letters that are due, each once; tells how many were new."""
    told = DisputeLetter.objects.filter(kind=DisputeLetter.ENDED).values("dispute")
    rows = Dispute.objects.exclude(pk__in=told).order_by("opened_at", "id")[:AT_ONCE]
    return sum(_write(one, kind, now) for one in standings_of(rows) for kind in _due(one, now))


def _due(one: Standing, now: datetime) -> Iterator[str]:
    if one.state != OPEN:
        yield DisputeLetter.ENDED
        return
    yield DisputeLetter.OPENED
    if one.is_urgent(now):
        yield DisputeLetter.DUE


def _write(one: Standing, kind: str, now: datetime) -> bool:
    """Writes that operators are told, and a job for each letter, together; tells whether nobody had before."""
    if DisputeLetter.objects.filter(dispute=one.dispute, kind=kind).exists():
        return False
    job = app.configure_task("checkout.tell_of_dispute")
    told = {person.email: person.language for person in operators() if person.is_active}
    try:
        with transaction.atomic():
            DisputeLetter.objects.create(dispute=one.dispute, kind=kind, at=now)
            for address in {**dict.fromkeys(settings.ALARM_ADDRESSES, settings.LANGUAGE_CODE), **told}:
                language = told.get(address, settings.LANGUAGE_CODE)
                job.defer(dispute_id=str(one.dispute.pk), kind=kind, address=address, language=language)
    except IntegrityError:  # checkout_dispute_letter_is_sent_once: another worker was faster
        return False
    return True


def send_letter(*, dispute_id: str, kind: str, address: str, language: str) -> None:
    """This will write one operator of a dispute, in their language; raises OSError when the mail is not taken."""
    one = standing_of(Dispute.objects.select_related("order__studio").get(pk=dispute_id))
    with translation.override(language):
        subject, body = letter(one, kind)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [address])


def _ended(one: Standing) -> tuple[str, str]:
    if one.state == WON:
        first = _("The dispute %(reference)s about %(amount)s paid by %(studio)s was decided for the seller.")
        return _("Dispute won: %(amount)s"), first
    if one.state == PART:
        first = _(
            "The dispute %(reference)s about %(amount)s paid by %(studio)s was won in part: %(returned)s came back."
        )
        return _("Dispute won in part: %(returned)s of %(amount)s"), first
    first = _("The dispute %(reference)s about %(amount)s paid by %(studio)s was decided for the buyer.")
    return _("Dispute lost: %(amount)s"), first


def letter(one: Standing, kind: str) -> tuple[str, str]:
    """This will give subject and text of a letter, in the language that is active."""
    dispute = one.dispute
    values = {
        "amount": money_text(dispute.amount_minor, dispute.currency),
        "returned": money_text(one.returned_minor, dispute.currency),
        "studio": dispute.order.studio.name,
        "reference": dispute.reference,
        "due": moment_text(one.due_by) if one.due_by else "",
        "address": f"{settings.SITE_URL}/desk/disputes/{dispute.pk}",
    }
    if kind == DisputeLetter.ENDED:
        subject, first = _ended(one)
    elif kind == DisputeLetter.DUE:
        subject = _("Evidence is due soon: %(amount)s")
        first = _(
            "No evidence was sent yet in the dispute %(reference)s about %(amount)s paid by %(studio)s. It is due on"
            " %(due)s; without it the dispute is lost."
        )
    else:
        subject = _("A payment is disputed: %(amount)s")
        first = _(
            "The bank of %(studio)s disputes %(amount)s (%(reference)s). The evidence is being put together; look at"
            " it, and send it in time."
        )
        if one.due_by:
            first += " " + _("It is due on %(due)s.")
    lines = [first, _("The dispute: %(address)s")]
    return subject % values, "\n\n".join(line % values for line in lines) + "\n"
