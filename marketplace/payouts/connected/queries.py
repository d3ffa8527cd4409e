"""How far a payout over the provider is, step by step, for who reads of it."""

from datetime import date, datetime
from typing import NamedTuple

from marketplace.payouts.attempts import BankWord, PayoutAttempt, TransferReversal
from marketplace.payouts.models import Payout


class Step(NamedTuple):
    """One thing that was tried, or was said of it later, in order of time.

    `what` is `transfer`, `bank`, `return` or `recovery`; `how` is `asked`, `done`, `refused`, `paid`, `failed`,
    `canceled` or `back`, which is a part that was taken back at the provider itself. `number` is that of the attempt,
    `code` and `reason` are the provider's for a refusal.
    """

    at: datetime
    number: int
    what: str
    how: str
    amount_minor: int
    reference: str = ""
    code: str = ""
    reason: str = ""
    arrives_on: date | None = None
    word: BankWord | None = None


def steps_of(payout: Payout) -> list[Step]:
    """Return what was tried for a payout, and what came of it, the oldest first; nothing for one over another rail."""
    found = PayoutAttempt.objects.filter(payout=payout).select_related("end").prefetch_related("words", "reversals")
    steps = []
    for one in found.order_by("number"):
        end = getattr(one, "end", None)
        if end is None:
            steps.append(Step(one.made_at, one.number, one.kind, "asked", one.amount_minor))
        else:
            said = (end.reference, end.code, end.reason or end.code, end.arrives_on)
            steps.append(Step(end.at, one.number, one.kind, end.state, one.amount_minor, *said))
        steps += [
            Step(word.at, one.number, one.kind, word.state, one.amount_minor, end.reference if end else "", word=word)
            for word in one.words.all()
        ]
        steps += [_back(one, reversal) for reversal in one.reversals.all() if not reversal.is_ours]
    return sorted(steps, key=lambda step: (step.at, step.number))


def _back(transfer: PayoutAttempt, reversal: TransferReversal) -> Step:
    return Step(reversal.at, transfer.number, transfer.kind, "back", reversal.amount_minor, reversal.reference)
