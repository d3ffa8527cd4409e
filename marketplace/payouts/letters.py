"""Letters to creators: a payout was refused for good, or came back, and what becomes of its money."""

from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from marketplace.payouts.attempts import BankWord
from marketplace.payouts.held import bank_text
from marketplace.payouts.models import PayoutOutcome, PayoutState
from marketplace.ui.formats import money_text


def send_letter(*, outcome_id: int) -> None:
    """Write a creator, in their language, that a payout failed or came back; OSError when the mail is not taken."""
    outcome = PayoutOutcome.objects.select_related("payout__creator__person").get(pk=outcome_id)
    person = outcome.payout.creator.person
    with translation.override(person.language):
        subject, body = letter(outcome)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [person.email])


def letter(outcome: PayoutOutcome) -> tuple[str, str]:
    """Return subject and text of what a creator is told, in the language that is active."""
    payout = outcome.payout
    values = {
        "person": payout.creator.person.display_name,
        "amount": money_text(payout.amount_minor, payout.currency),
        "why": _why(outcome),
        "address": f"{settings.SITE_URL}/portal/earnings/payouts/{payout.pk}",
    }
    lines = [_("Hello %(person)s,")]
    if outcome.state == PayoutState.FAILED:
        subject = _("A payout was refused: %(amount)s")
        lines.append(_("%(amount)s could not be sent to you."))
    else:
        subject = _("A payout came back: %(amount)s")
        lines.append(_("%(amount)s that were on their way to you came back."))
    if values["why"]:
        lines.append(_("The reason: %(why)s"))
    lines += [
        _("The money is in your balance again, less what you owe; what a claim has frozen is held."),
        _("The payout, and what comes next: %(address)s"),
    ]
    return subject % values, "\n\n".join(line % values for line in lines) + "\n"


def _why(outcome: PayoutOutcome) -> str:
    """Return why, where anybody said it: the provider of what it refused, the bank of what it sent back."""
    if outcome.state == PayoutState.FAILED:
        return outcome.reference
    words = BankWord.objects.filter(attempt__payout=outcome.payout).exclude(state=BankWord.State.PAID)
    word = words.order_by("pk").last()
    return bank_text(word) if word else ""
