"""Bugs that others have made, planted one at a time: the machine finds each of them, or a guard of the database does.

A bug that could be planted and not found would be a hole in the machine. Each test plays the same histories every time.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError

from marketplace.payouts.bookkeeping import (
    closing,
    due,
    outcomes,
    refunds,
    releasing,
    reversing,
    risking,
    royalties,
    settlement,
    takedown_sql,
)
from marketplace.payouts.bookkeeping import remaining as reading
from marketplace.payouts.bookkeeping.books import UnableToPost, constraint_of, credit
from marketplace.payouts.bookkeeping.remaining import Parts, Remaining
from marketplace.payouts.models import AccountKind, PayoutState, RoyaltyLine
from marketplace.payouts.numbers import taken_of
from marketplace.payouts.rules import largest_remainder
from marketplace.payouts.terms import Schedule
from tests.payouts.fakes import FaultyRail
from tests.payouts.machine.beginnings import as_usual, owing, paid_weekly, risky
from tests.payouts.machine.play import Play
from tests.payouts.machine.playing import play_among

SEED, HISTORIES, STEPS = 7, 60, 15
Plant = Callable[[pytest.MonkeyPatch], None]


def said(patch: pytest.MonkeyPatch, module: Any, name: str, right: str, wrong: str) -> None:
    """Has one of the product's statements say something else."""
    text = getattr(module, name)
    assert right in text
    patch.setattr(module, name, text.replace(right, wrong))


def remainder_to_the_last(patch: pytest.MonkeyPatch) -> None:
    said(patch, royalties, "_ALLOCATE", "ORDER BY rest DESC, payee_id", "ORDER BY payee_id DESC")


def ties_to_the_higher_payee(patch: pytest.MonkeyPatch) -> None:
    said(patch, royalties, "_ALLOCATE", "ORDER BY rest DESC, payee_id", "ORDER BY rest DESC, payee_id DESC")


def truncation(patch: pytest.MonkeyPatch) -> None:
    said(patch, royalties, "_ALLOCATE", "+ (row_number() OVER whole <= sum(rest) OVER whole / 1000000000)::int", "+ 0")


def debts_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A payout that fails gives the creator money while they owe some."""

    def available(*, currency: str, amounts: dict[Any, int]) -> list[Any]:
        return [credit(AccountKind.CREATOR_AVAILABLE, amount, owner) for owner, amount in amounts.items()]

    patch.setattr(outcomes, "credit_creators", available)


def failed_payout_kept_by_the_house(patch: pytest.MonkeyPatch) -> None:
    def fee(*, currency: str, amounts: dict[Any, int]) -> list[Any]:
        return [credit(AccountKind.PLATFORM_FEE, amount) for amount in amounts.values()]

    patch.setattr(outcomes, "credit_creators", fee)


def frozen_money_returned_as_available(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outcomes, "standing_freeze", lambda subject: None)


def holds_ignored(patch: pytest.MonkeyPatch) -> None:
    said(patch, due, "_DUE", "h.creator_id = who.owner_id", "false")


def held_payouts_sent(patch: pytest.MonkeyPatch) -> None:
    for name in ("_OPEN", "_MAY_BE_SENT"):
        said(patch, settlement, name, "h.creator_id = who.owner_id", "false")


def threshold_ignored(patch: pytest.MonkeyPatch) -> None:
    said(patch, due, "_DUE", "who.balance_minor >= terms.threshold_minor", "true")


def won_money_available_while_frozen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reversing, "standing_freeze", lambda subject: None)


def debt_while_money_is_available(patch: pytest.MonkeyPatch) -> None:
    """What is taken back becomes a debt at once, though the creator has money there."""
    order = [kind for kind in reversing.LINES_COME_FROM if kind != AccountKind.CREATOR_AVAILABLE]
    patch.setattr(reversing, "LINES_COME_FROM", order)


def reversal_by_the_original_shares(patch: pytest.MonkeyPatch) -> None:
    """Others divide each refund by the shares of the sale, and not by what remains of it."""

    def part(remaining: Any, amount_minor: int) -> Parts:
        lines = RoyaltyLine.objects.in_bulk([line.line_id for line in remaining.lines if line.line_id])
        weights = [lines[line.line_id].amount_minor if lines else line.amount_minor for line in remaining.lines]
        weights = [remaining.tax_minor, remaining.fee_minor, *weights, remaining.pot_minor]
        tax_minor, fee_minor, *parts, pot_minor = largest_remainder(amount_minor, weights)
        return Parts(tax_minor, fee_minor, tuple(parts), pot_minor)

    patch.setattr(Remaining, "part", part)


def truncated_reversal(patch: pytest.MonkeyPatch) -> None:
    """Each part is rounded down, and the first bears what is missing."""

    def truncated(remaining: list[int], amount_minor: int) -> list[int]:
        parts = [amount_minor * part // (sum(remaining) or 1) for part in remaining]
        return [amount_minor - sum(parts[1:]), *parts[1:]]

    patch.setattr(reading, "take_part", truncated)


def refund_that_keeps_the_fee(patch: pytest.MonkeyPatch) -> None:
    """The house keeps its fee, and pays the buyer out of the tax."""
    kinds = {AccountKind.PLATFORM_FEE: AccountKind.TAX_PAYABLE}
    debit = refunds.debit
    patch.setattr(refunds, "debit", lambda kind, *amount, **more: debit(kinds.get(kind, kind), *amount, **more))


def pot_given_twice(patch: pytest.MonkeyPatch) -> None:
    """A refund out of a pot leaves the pot as full as it was."""
    said(patch, reading, "REMAINING_OF_SALES", "ELSE coalesce(o.pot_minor, 0) - r.pot_minor END", "ELSE 0 END")


def release_of_what_is_disputed(patch: pytest.MonkeyPatch) -> None:
    said(patch, releasing, "STILL_PENDING", "-v.amount_minor", "0")


def returned_twice(patch: pytest.MonkeyPatch) -> None:
    """A rail tells twice that a payout came back, and each time the creator has the money again."""
    patch.setattr(outcomes, "_states_of", lambda payout: {PayoutState.SENT})
    post = outcomes.post

    def each_time(*, idem_key: str, **more: Any) -> Any:
        return post(idem_key=f"{idem_key}:{uuid4()}" if "returned" in idem_key else idem_key, **more)

    patch.setattr(outcomes, "post", each_time)


def months_by_the_clock(patch: pytest.MonkeyPatch) -> None:
    """A month takes what happened after it, where that was written before the month was closed."""
    said(patch, closing, "_CUT", "t.occurred_at >= %(end)s", "false AND t.occurred_at >= %(end)s")


def frozen_sales_allocated(patch: pytest.MonkeyPatch) -> None:
    """Neither the mark in the queue nor the freeze itself is asked."""
    for name, asked in (("_CURRENCIES", "NOT frozen"), ("_CURRENCIES", "NOT w.frozen"), ("_NEXT", "NOT frozen")):
        said(patch, royalties, name, asked, "true")
    said(patch, royalties, "_DUE", "NOT w.frozen", "true")
    said(patch, royalties, "_DUE", "s.subject NOT IN", "'' NOT IN")


def reserve_before_debts(patch: pytest.MonkeyPatch) -> None:
    """What is kept back is a part of all that is released, and not of what debts leave."""
    patch.setattr(releasing, "debts_met", lambda *, currency, amounts: dict.fromkeys(amounts, 0))


def risk_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(releasing, "risks_of", lambda **_asked: {})


def riskiest_level_alone(patch: pytest.MonkeyPatch) -> None:
    """A riskier level keeps what it says, and not what those below it keep as well."""
    every = risking.kept_by
    patch.setattr(risking, "kept_by", lambda levels: every(list(levels)[:1]))


def checks_ignored(patch: pytest.MonkeyPatch) -> None:
    said(patch, due, "_DUE", "c.state NOT IN ('passed', 'lifted')", "false")


def unchecked_payouts_sent(patch: pytest.MonkeyPatch) -> None:
    """A check that fails after a payout was reserved does not hold it."""
    for name in ("_OPEN", "_MAY_BE_SENT"):
        said(patch, settlement, name, "c.state NOT IN ('passed', 'lifted')", "false")


def weekly_pays_daily(patch: pytest.MonkeyPatch) -> None:
    slot = Schedule.slot

    def daily(self: Schedule, now: datetime) -> datetime | None:
        return slot(Schedule("daily") if self.kind == "weekly" else self, now)

    patch.setattr(Schedule, "slot", daily)


def takedown_of_what_is_gone(patch: pytest.MonkeyPatch) -> None:
    """A takedown takes whole lines, and not what refunds and disputes have left of them."""
    for name in ("OPEN", "TAKE"):
        said(patch, takedown_sql, name, f"l.amount_minor - {taken_of('l.id')}", "l.amount_minor")


def a_new_key_for_each_attempt(patch: pytest.MonkeyPatch) -> None:
    """What most systems do: the answer was lost, so the money is sent again under another key."""
    send = FaultyRail.send
    patch.setattr(FaultyRail, "send", lambda self, *, key, **more: send(self, key=f"{key}:{uuid4()}", **more))


# How a story begins that has money of several sales in several states.
EARN = ("sell", "allocate", "time_passes", "release")

FOUND: dict[Plant, tuple[str | None, tuple[str, ...]]] = {
    remainder_to_the_last: (None, EARN),
    ties_to_the_higher_payee: (None, ("sell", "allocate")),
    truncation: ("payouts_lines_sum_to_net", EARN),
    debts_forgotten: (None, ("settle", "refund", "come_back")),
    failed_payout_kept_by_the_house: ("payouts_transaction_moves_its_accounts", ("settle", "come_back")),
    frozen_money_returned_as_available: (None, ("settle", "freeze", "come_back")),
    holds_ignored: ("payouts_held_creator_waits", ("settle", "hold_payouts")),
    held_payouts_sent: (None, ("settle", "hold_payouts")),
    checks_ignored: ("payouts_unchecked_creator_waits", ("settle", "want_checks")),
    unchecked_payouts_sent: (None, ("settle", "decide_check")),
    risk_forgotten: (None, EARN),
    riskiest_level_alone: (None, EARN),
    threshold_ignored: (None, ("settle", "set_policy")),
    weekly_pays_daily: (None, ("settle", "time_passes", "come_back")),
    a_new_key_for_each_attempt: (None, ("settle",)),
    won_money_available_while_frozen: (None, ("dispute", "close", "freeze")),
    debt_while_money_is_available: (None, ("dispute", "refund")),
    reversal_by_the_original_shares: (None, ("dispute", "refund")),
    truncated_reversal: (None, ("refund",)),
    refund_that_keeps_the_fee: (None, ("refund",)),
    pot_given_twice: (None, ("take_down", "refund")),
    release_of_what_is_disputed: (None, (*EARN, "dispute", "refund")),
    returned_twice: (None, ("settle", "come_back")),
    reserve_before_debts: (None, (*EARN, "refund")),
    frozen_sales_allocated: ("payouts_frozen_sale_waits", ("freeze", "sell", "allocate")),
    takedown_of_what_is_gone: ("payouts_reversal_within_line", ("take_down", "refund")),
    months_by_the_clock: (None, (*EARN, "close_months")),
}
"""Bug → the guard that refuses it by name, or nothing where the machine sees it; and what its histories consist of."""
BEGINS = {
    reserve_before_debts: owing,
    weekly_pays_daily: paid_weekly,
    risk_forgotten: risky,
    riskiest_level_alone: risky,
}
"""Bug → what was before its histories, where they do not begin as usual."""
QUICK = {
    truncated_reversal,
    truncation,
    returned_twice,
    refund_that_keeps_the_fee,
    frozen_sales_allocated,
    takedown_of_what_is_gone,
}


@pytest.mark.parametrize(
    "plant", [pytest.param(bug, id=bug.__name__, marks=() if bug in QUICK else pytest.mark.deep) for bug in FOUND]
)
def test_a_planted_bug_is_found(db, faulty_rail, monkeypatch, plant):
    plant(monkeypatch)
    by, rules = FOUND[plant]
    with pytest.raises((AssertionError, IntegrityError, UnableToPost)) as found:
        play_among(rules, seed=SEED, histories=HISTORIES, steps=STEPS, begins=BEGINS.get(plant, as_usual))
    refusal = found.value.__cause__ if isinstance(found.value, UnableToPost) else found.value
    guard = constraint_of(refusal) if isinstance(refusal, IntegrityError) else None
    assert by in (None, guard), found.value


def test_a_reserve_that_is_released_too_early_is_refused(db, faulty_rail, monkeypatch):
    """Chance seldom comes so far, so this history is told: a third is kept for thirty days, and asked for at once."""
    story = Play()
    story.there_is_a_history()
    story.set_policy(who=None, currency="", hold=3, reserve=(333_333_333, 30), threshold=1, schedule=("always", 0))
    story.time_passes(14)
    story.release()
    for when in ("until <= %(now)s", "until > %(now)s"):
        said(monkeypatch, releasing, "_DUE", when, f"{when} + interval '60 days'")

    with pytest.raises(IntegrityError) as refused:
        story.release_reserves()

    assert constraint_of(refused.value) == "payouts_reserve_ends_when_due"
