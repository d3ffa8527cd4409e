"""Processes that start together: settlements beside settlements, sellers, reversals and freezes, again and again."""

import random
from collections import Counter

import pytest

from marketplace.payouts.models import Account, Payout, RecordedTransfer, RoyaltyLine, Sale
from marketplace.payouts.operations import (
    UnableToRefund,
    close_dispute,
    freeze,
    open_dispute,
    refund,
    release_holds,
    thaw,
)
from marketplace.payouts.queries import check_books
from marketplace.payouts.reversals import ReturnedLine, ReversalLine
from tests.payouts.faults.lives import all_at_once
from tests.payouts.faults.proofs import check_all_is_paid, repeat
from tests.payouts.faults.world import CURRENCIES, SUBJECTS, World, settlement

SELLERS, EACH = 4, 10


def selling(world: World, seller: int):
    """Books sales of its own, under names that no other process uses."""

    def sell() -> int:
        world.number += (seller + 1) * 1_000_000
        for number in range(EACH):
            world.sell((seller + number) % 3, CURRENCIES[number % 2], 500 + 37 * number)
        return EACH

    return sell


def race(world: World, *more) -> list[str]:
    """Starts two settlements and four sellers at one moment, and whatever else; returns what that said."""
    world.sell_each()
    now, before = world.later(14), Sale.objects.count()
    settlements = [lambda: settlement(now)] * 2
    said = all_at_once(*settlements, *(selling(world, seller) for seller in range(SELLERS)), *more)
    world.number += 10_000_000
    assert Sale.objects.count() == before + SELLERS * EACH
    assert check_books() == []
    repeat(lambda: settlement(now))
    return said[-len(more) :] if more else []


def check_nothing_is_left(world: World, refused: int = 0) -> None:
    """Once all hold periods are over, creators were paid what remains of their lines, and what they owe back."""
    for _ in range(2):
        now = world.later(14)
        settlement(now)
    check_all_is_paid()
    earned, sent = Counter(), Counter()
    for line in RoyaltyLine.objects.select_related("run"):
        earned[line.payee_id, line.run.currency] += line.amount_minor
    for taken in ReversalLine.objects.select_related("line__run"):
        earned[taken.line.payee_id, taken.line.run.currency] -= taken.amount_minor
    for back in ReturnedLine.objects.select_related("line__run"):
        earned[back.line.payee_id, back.line.run.currency] += back.amount_minor
    for debt in Account.objects.filter(kind="creator_receivable", balance_minor__gt=0):
        earned[debt.owner_id, debt.currency] += debt.balance_minor
    for transfer in RecordedTransfer.objects.all():
        sent[transfer.creator_id, transfer.currency] += transfer.amount_minor
    assert sent == earned
    assert RecordedTransfer.objects.count() == Payout.objects.count() - refused


def two_settlements_at_once(times: int) -> None:
    world = World()
    for _ in range(times):
        race(world)
    check_nothing_is_left(world)


def test_two_settlements_at_once(committed):
    two_settlements_at_once(3)


@pytest.mark.deep
def test_two_settlements_at_once_many_times(committed):
    two_settlements_at_once(15)


def everything_at_once(world: World, reason: str, frozen: str) -> None:
    """A dispute of what is just released, another that is won in this moment, a freeze and a thaw, amid settlements."""
    opened, won, now = world.sell(2, "USD"), world.sell(1, "USD"), world.now
    open_dispute(source=won.source, now=now)
    race(
        world,
        lambda: open_dispute(source=opened.source, now=now),
        lambda: close_dispute(source=won.source, outcome="won", now=now),
        lambda: freeze(subject=frozen, reason=reason, now=now),
        lambda: release_holds(now=now),
    )
    all_at_once(
        lambda: thaw(subject=frozen, reason=reason, now=now),
        lambda: close_dispute(source=opened.source, outcome="won", now=now),
        lambda: settlement(now),
    )
    assert check_books() == []


def refunding(sale: Sale, key: str):
    """Gives all of a sale back, and says whether it did."""

    def give_back() -> str:
        try:
            refund(source=sale.source, amount_minor=sale.gross_minor, key=key, reason="not as shown", now=sale.sold_at)
        except UnableToRefund:
            return "refused"
        return "refunded"

    return give_back


def refunds_at_once(times: int) -> None:
    """Two refunds of the same rest, amid settlements that release and pay it: one is made, the other refused."""
    world = World()
    for number in range(times):
        sale = world.sell(2, "USD")
        settlement(world.now)
        said = race(world, refunding(sale, f"refund:{number}:a"), refunding(sale, f"refund:{number}:b"))
        assert sorted(said) == ["refunded", "refused"]
    check_nothing_is_left(world)


def test_two_refunds_at_once(committed):
    refunds_at_once(2)


@pytest.mark.deep
def test_two_refunds_at_once_many_times(committed):
    refunds_at_once(12)


def everything_at_once_again_and_again(times: int) -> None:
    world, chance = World(), random.Random(11)
    for number in range(times):
        everything_at_once(world, f"claim:{number}", chance.choice(SUBJECTS))
    check_nothing_is_left(world)


def test_everything_at_once(committed):
    everything_at_once_again_and_again(2)


@pytest.mark.deep
def test_everything_at_once_many_times(committed):
    everything_at_once_again_and_again(12)
