"""Processes that start together: settlements beside settlements, sellers, reversals and freezes, again and again."""

import random
from collections import Counter

import pytest

from marketplace.payouts.models import Payout, RecordedTransfer, RoyaltyLine, Sale
from marketplace.payouts.operations import close_dispute, freeze, open_dispute, release_holds, thaw
from marketplace.payouts.queries import check_books
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


def race(world: World, *more) -> None:
    """Starts two settlements and four sellers, and whatever else, at one moment; then settles until all is paid."""
    world.sell_each()
    now, before = world.later(14), Sale.objects.count()
    settlements = [lambda: settlement(now)] * 2
    all_at_once(*settlements, *(selling(world, seller) for seller in range(SELLERS)), *more)
    world.number += 10_000_000
    assert Sale.objects.count() == before + SELLERS * EACH
    assert check_books() == []
    repeat(lambda: settlement(now))


def check_nothing_is_left(world: World, refused: int = 0) -> None:
    """Once all hold periods are over, what creators were paid is what their lines come to, but for refused payouts."""
    for _ in range(2):
        now = world.later(14)
        settlement(now)
    check_all_is_paid()
    earned, sent = Counter(), Counter()
    for line in RoyaltyLine.objects.select_related("run"):
        earned[line.payee_id, line.run.currency] += line.amount_minor
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
    two_settlements_at_once(40)


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


def everything_at_once_again_and_again(times: int) -> None:
    world, chance = World(), random.Random(11)
    for number in range(times):
        everything_at_once(world, f"claim:{number}", chance.choice(SUBJECTS))
    check_nothing_is_left(world)


def test_everything_at_once(committed):
    everything_at_once_again_and_again(2)


@pytest.mark.deep
def test_everything_at_once_many_times(committed):
    everything_at_once_again_and_again(30)
