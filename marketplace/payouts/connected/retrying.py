"""Paying a bank again that sent a payout back, because the creator says that it is right by now."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.attempts import BankRetry, BankWord
from marketplace.payouts.connected.accounts import account_of, state_of
from marketplace.people.models import Creator


class UnableToRetry(Exception):
    """There is nothing of theirs that a bank sent back and that stops the next payout; nothing was written."""

    code = "unable-to-retry"

    def __init__(self) -> None:
        super().__init__(_("No payout of yours waits because a bank sent one back."))


def failures_of(creator: Creator) -> list[BankWord]:
    """Return, a currency each, the newest payout that the bank sent back which a creator still names."""
    account = account_of(creator.pk)
    state = state_of(account) if account else None
    if state is None:
        return []
    words = (
        BankWord.objects.filter(attempt__account=account, state=BankWord.State.FAILED)
        .select_related("attempt__payout")
        .order_by("pk")
    )
    newest = {word.attempt.payout.currency: word for word in words}
    standing = [word for word in newest.values() if word.bank == state.bank]
    done = set(
        BankRetry.objects.filter(attempt__in=[word.attempt_id for word in standing]).values_list("attempt", flat=True)
    )
    return [word for word in standing if word.attempt_id not in done]


@transaction.atomic
def retry_bank(*, creator: Creator, attempt: int, now: datetime) -> BankRetry:
    """Let the next payout go to a bank that sent one back; the same again returns the first. Raises UnableToRetry."""
    if before := BankRetry.objects.filter(attempt=attempt, attempt__payout__creator=creator).first():
        return before
    word = next((one for one in failures_of(creator) if one.attempt_id == attempt), None)
    if word is None:
        raise UnableToRetry
    made, _new = BankRetry.objects.get_or_create(attempt=word.attempt, defaults={"asked_at": now})
    return made
