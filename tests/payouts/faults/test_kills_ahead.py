"""Who makes sales of months that are over, or gives them back, is killed at points of it: all of it ends once."""

from datetime import timedelta

import pytest

from marketplace.payouts.models import Sale
from marketplace.payouts.operations import close_dispute, fail_refund, open_dispute, recognize_periods, refund
from marketplace.payouts.rules import Money
from tests.payouts.ahead import paid
from tests.payouts.faults.lives import points_of
from tests.payouts.faults.test_kills import Act, chosen, die
from tests.payouts.faults.world import SUBJECTS, World


def months_pass(world: World) -> Act:
    """Three payments of three parts each are due, in batches that are smaller than what is due."""
    now = world.later(40)
    ahead = [(now - timedelta(days=day), now - timedelta(days=day - 1)) for day in (3, 2, 1)]
    for which in range(3):
        world.number += 1
        split, subject = world.splits[which], SUBJECTS[which]
        paid(split, f"order-line:{world.number}", gross=12_01, tax=91, fee=1_11, times=ahead, subject=subject, now=now)
    return lambda: recognize_periods(now=now, at_once=4)


def money_goes_back(world: World) -> Act:
    """A refund takes what is not earned and some of what is, and fails; then a bank takes all, and gives it back."""
    now = world.later(40)
    world.number += 1
    source = f"order-line:{world.number}"
    ahead = [(now - timedelta(days=1), now), (now, now + timedelta(days=1))]
    paid(world.splits[1], source, gross=12_01, tax=91, fee=1_11, times=ahead, subject=SUBJECTS[1], now=now)
    recognize_periods(now=now)

    def act() -> None:
        refund(source=source, amount_minor=8_00, key=f"refund:{source}", reason="x", now=now)
        fail_refund(key=f"refund:{source}", now=now)
        open_dispute(source=source, now=now)
        close_dispute(source=source, outcome="won", now=now)

    return act


STORIES = {"months": months_pass, "back": money_goes_back}


@pytest.mark.parametrize("name", STORIES)
def test_killed_at_some_points(committed: None, name: str) -> None:
    world = World()
    STORIES[name](world)()
    points = points_of(STORIES[name](world))
    assert points is not None
    die(world, STORIES[name], chosen(points, 3))
    recognize_periods(now=world.later(10))
    sold = Sale.objects.filter(paid_from="deferred_subscription")
    assert sum(sold.values_list("gross_minor", flat=True)) % Money(11_10, "USD").amount_minor == 0


@pytest.mark.deep
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_many_points(committed: None, name: str) -> None:
    world = World()
    STORIES[name](world)()
    points = points_of(STORIES[name](world))
    assert points is not None
    die(world, STORIES[name], range(1, points + 1, 3))
    assert points > 10
