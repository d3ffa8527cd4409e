"""Why no payout is made to a creator now, in words that they read: of operators, of checks, and of their account."""

from datetime import UTC, date, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.payouts.attempts import BankWord, PayoutAttempt, PayoutAttemptEnd
from marketplace.payouts.bookkeeping.unwinding import is_given_up
from marketplace.payouts.checks.words import check_reasons
from marketplace.payouts.claims.ways import is_on_chain, way_of
from marketplace.payouts.connected.accounts import STRIPE, account_of, is_connected_rail, state_of
from marketplace.payouts.connected.backing_off import Refused
from marketplace.payouts.connected.stops import stop_of
from marketplace.payouts.models import Payout
from marketplace.payouts.policies import PayoutHold
from marketplace.payouts.rails.configured import rail_names
from marketplace.people.models import Creator
from marketplace.ui.formats import Names, moment_text, say

PROVISIONAL_DAYS = 5
"""Business days after a bank payout was paid in which its bank may still send it back."""

STOPS: Names = {
    "no-account": gettext_lazy("you have no account with Stripe yet that money can be sent to"),
    "onboarding": gettext_lazy("Stripe still asks for details of you"),
    "closed": gettext_lazy("your account with Stripe was closed; open another"),
    "negative": gettext_lazy("your balance at Stripe is below zero"),
    "short": gettext_lazy("money of sales has not reached us yet"),
    "given-up": gettext_lazy("Stripe refused a part of it; we take the rest back, and then you have all of it again"),
}
DISABLED: Names = {
    "requirements.past_due": gettext_lazy("Stripe has waited too long for details of you"),
    "requirements.pending_verification": gettext_lazy("Stripe is checking what you told it"),
    "under_review": gettext_lazy("Stripe is reviewing your account"),
    "listed": gettext_lazy("Stripe is reviewing your account"),
    "rejected": gettext_lazy("Stripe has rejected your account"),
}
BANKS: Names = {
    "account_closed": gettext_lazy("the bank account is closed"),
    "account_frozen": gettext_lazy("the bank account is frozen"),
    "bank_account_restricted": gettext_lazy("the bank account takes no such payments"),
    "incorrect_account_holder_name": gettext_lazy("the bank account is in another name"),
    "invalid_account_number": gettext_lazy("the account number is wrong"),
    "invalid_currency": gettext_lazy("the bank account does not take this currency"),
    "no_account": gettext_lazy("there is no such bank account"),
}
DUE = (
    ("external_account", gettext_lazy("your bank account")),
    ("tos_acceptance", gettext_lazy("that you agree to Stripe’s terms")),
    ("business_type", gettext_lazy("whether you are a person or a company")),
    ("business_profile", gettext_lazy("what you sell, and where")),
    ("company", gettext_lazy("details of your company")),
    ("owners", gettext_lazy("who owns your company")),
    ("directors", gettext_lazy("who directs your company")),
    ("representative", gettext_lazy("who speaks for your company")),
    ("individual.dob", gettext_lazy("your date of birth")),
    ("individual.address", gettext_lazy("your address")),
    ("individual.first_name", gettext_lazy("your name")),
    ("individual.last_name", gettext_lazy("your name")),
    ("individual.email", gettext_lazy("your e-mail address")),
    ("individual.phone", gettext_lazy("your phone number")),
    ("individual.verification", gettext_lazy("a picture of a passport or identity card")),
    ("individual.id_number", gettext_lazy("your tax or identity number")),
    ("individual.ssn_last_4", gettext_lazy("your tax or identity number")),
    ("individual", gettext_lazy("more about you")),
)
"""Beginnings of Stripe's names of what it asks for, and what they mean; the first that fits counts."""


def held_reasons(creator: Creator, currency: str) -> list[str]:
    """Return why payouts to a creator in a currency are held now, each as the end of a sentence; none when they go."""
    holds = PayoutHold.objects.filter(creator=creator, currency__in=[currency, ""], end=None).order_by("pk")
    said = holds.values_list("reason", flat=True)
    return [*said, *check_reasons(creator.pk), *account_reasons(creator, currency)]


def account_reasons(creator: Creator, currency: str) -> list[str]:
    """Return what of it is not an operator's word: what the creator's account with the provider lacks."""
    if not is_connected_rail() or is_on_chain(creator, currency):
        return []
    payout = Payout.objects.filter(creator=creator, currency=currency, outcomes=None).order_by("reserved_at").last()
    if ((payout.rail or rail_names()[0]) if payout else way_of(creator, currency)) != STRIPE:
        return []
    if code := stop_of(creator.pk, currency):
        return [_stop_text(creator, currency, code)]
    if payout is None:
        return []
    if is_given_up(payout):
        return [say(STOPS, "given-up")]
    return [say(STOPS, "short")] if _is_short(payout) else []


def _stop_text(creator: Creator, currency: str, code: str) -> str:
    if code == "restricted":
        account = account_of(creator.pk)
        state = state_of(account) if account else None
        return disabled_text(state.disabled_reason if state else "")
    if code == "currency":
        return _("your account with Stripe has no bank account in %(currency)s; add one there") % {"currency": currency}
    if code == "bank-failed":
        word = BankWord.objects.filter(
            attempt__payout__creator=creator, attempt__payout__currency=currency, state=BankWord.State.FAILED
        ).latest("pk")
        return _("your bank sent the last payout back, because %(why)s") % {"why": bank_text(word)}
    return say(STOPS, code)


def refused_text(refused: Refused) -> str:
    """Return that the last payout was refused and when it is tried again, as the end of a sentence."""
    said = {"why": refused.why.rstrip("."), "when": moment_text(refused.until)}
    return _("Stripe refused the last one (%(why)s), and we try again after %(when)s") % said


def disabled_text(reason: str) -> str:
    """Return Stripe's word for why payouts are switched off, as the end of a sentence."""
    known = reason if reason in DISABLED else reason.split(".")[0]
    return say(DISABLED, known) if known in DISABLED else _("Stripe pays nothing out to your account for now")


def bank_text(word: BankWord) -> str:
    """Return why a bank sent a payout back, as the end of a sentence."""
    if word.state == BankWord.State.CANCELED:
        return _("it was taken back before it was on its way")
    return say(BANKS, word.code) if word.code in BANKS else _("the bank could not take it")


def due_texts(due: str) -> list[str]:
    """Return what Stripe still asks for, each once, from its own names of it with blanks between."""
    found = (next((str(text) for name, text in DUE if one.startswith(name)), _("more details")) for one in due.split())
    return list(dict.fromkeys(found))


def _is_short(payout: Payout) -> bool:
    """Whether a payout waits because our balance with the provider was short of it when it was last tried."""
    last = PayoutAttempt.objects.filter(payout=payout).order_by("number").last()
    end = PayoutAttemptEnd.objects.filter(attempt=last).first() if last else None
    return end is not None and end.code == "balance_insufficient"


def settled_on(paid_at: datetime) -> date:
    """Return the day, in UTC, until which a bank payout may still come back: so many business days after."""
    day, left = paid_at.astimezone(UTC).date(), PROVISIONAL_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.isoweekday() < 6
    return day
