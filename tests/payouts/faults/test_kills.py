"""Whatever writes the books is killed with -9 at each of its points in turn; done again, it ends as if nothing was.

A judge chooses the points:

    WORLDLOOM_KILL_AT="1,17,40" python -m pytest tests/payouts/faults/test_kills.py

Then each story dies at these instead of at some that chance has chosen. `-m deep` has each die at every ninth of them,
or at every nth with `WORLDLOOM_KILL_EVERY=n`: 1 is all, which takes long.
"""

import os
import random
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pytest

from marketplace.payouts.models import Payout
from marketplace.payouts.operations import (
    award_takedown,
    close_dispute,
    close_months,
    fail_refund,
    freeze,
    lift_takedown,
    open_dispute,
    record_returned,
    refund,
    take_down,
    thaw,
)
from tests.payouts.faults.lives import points_of
from tests.payouts.faults.proofs import check_all_is_paid, repeat
from tests.payouts.faults.world import SUBJECTS, World, settlement

Act = Callable[[], Any]
Story = Callable[[World], Act]


def chosen(points: int, some: int) -> list[int]:
    """Returns where to die: at the points that the judge names, else at a few."""
    if named := os.environ.get("WORLDLOOM_KILL_AT"):
        return [int(number) for number in named.split(",")]
    return sorted(random.Random(points).sample(range(1, points + 1), min(some, points)))


def die(world: World, story: Story, points: Iterable[int]) -> int:
    """Dies at each of the points, in one history that goes on, and returns the first that was not reached."""
    for die_at in points:
        act = story(world)
        lived = points_of(act, die_at)
        repeat(act)
        if lived is not None:
            return die_at
    return 0


def a_settlement(world: World) -> Act:
    """What was sold fourteen days ago is released and paid, and what was sold since is allocated."""
    now = world.later(14)
    world.sell_each()
    return lambda: settlement(now)


def a_dispute(world: World) -> Act:
    """A buyer's bank takes back a sale that was paid out, and gives it back."""
    now, sale = world.later(14), world.sell(2, "USD")
    settlement(now)
    settlement(world.later(14))

    def act() -> None:
        open_dispute(source=sale.source, now=now)
        close_dispute(source=sale.source, outcome="won", now=now)

    return act


def a_freeze(world: World) -> Act:
    """A claim holds what is pending, what is available and what waits, and lets go of it."""
    now, reason = world.later(14), f"claim:{world.number}"
    world.sell_each()
    settlement(now)
    world.sell_each()

    def act() -> None:
        freeze(subject=SUBJECTS[2], reason=reason, now=now)
        thaw(subject=SUBJECTS[2], reason=reason, now=now)

    return act


def a_closed_month(world: World) -> Act:
    """A month is over in two currencies."""
    world.sell_each()
    settlement(world.later(31))
    now = world.now
    return lambda: close_months(now=now)


def a_payout_that_comes_back(world: World) -> Act:
    """A payout that was sent two weeks ago comes back while the creator owes some of it and a claim holds the rest."""
    sale, reason = world.sell(2, "USD"), f"claim:{world.number}"
    settlement(world.later(14))
    settlement(world.later(14))
    now, payout = world.now, Payout.objects.filter(currency="USD", creator=world.erin).latest("reserved_at")
    open_dispute(source=sale.source, amount_minor=500, key=f"dispute:{world.number}", now=now)
    freeze(subject=SUBJECTS[2], reason=reason, now=now)

    def act() -> None:
        record_returned(key=payout.idem_key, reference="the account is closed", now=now)
        thaw(subject=SUBJECTS[2], reason=reason, now=now)

    return act


def a_refund(world: World) -> Act:
    """A buyer gets a part of a sale back that was paid out, then another, and the bank returns the first."""
    sale, now = world.sell(2, "USD"), world.now
    settlement(now)
    settlement(world.later(14))

    def act() -> None:
        for number, amount_minor in enumerate((3_33, 5_00)):
            key = f"refund:{sale.source}:{number}"
            refund(source=sale.source, amount_minor=amount_minor, key=key, reason="not as shown", now=now)
        fail_refund(key=f"refund:{sale.source}:0", now=now)

    return act


def a_takedown(world: World) -> Act:
    """What one work earned is taken down and given back; what another earned is awarded to Alice."""
    now, reason = world.later(14), f"claim:{world.number}"
    world.sell_each()
    settlement(now)
    world.sell_each()

    def act() -> None:
        take_down(subject=SUBJECTS[2], reason=reason, now=now)
        lift_takedown(subject=SUBJECTS[2], reason=reason, now=now)
        take_down(subject=SUBJECTS[1], reason=reason, now=now)
        award_takedown(subject=SUBJECTS[1], reason=reason, split=world.splits[0], now=now)

    return act


STORIES: dict[str, Story] = {
    "settlement": a_settlement,
    "dispute": a_dispute,
    "refund": a_refund,
    "freeze": a_freeze,
    "takedown": a_takedown,
    "closed month": a_closed_month,
    "returned payout": a_payout_that_comes_back,
}


@pytest.mark.parametrize("name", STORIES)
def test_killed_at_some_points(committed, name):
    world = World()
    STORIES[name](world)()  # so that the next time there is something to release
    points = points_of(STORIES[name](world))
    assert points is not None
    die(world, STORIES[name], chosen(points, 4))
    settlement(world.later(14))
    settlement(world.later(14))
    check_all_is_paid()


@pytest.mark.deep
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_many_points(committed, name):
    world = World()
    STORIES[name](world)()
    assert die(world, STORIES[name], count(1, int(os.environ.get("WORLDLOOM_KILL_EVERY", "9")))) > 10
    settlement(world.later(14))
    settlement(world.later(14))
    check_all_is_paid()
