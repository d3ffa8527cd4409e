"""A rail that drops three answers in ten, refuses, is slow and is down, while the clock jumps: each is paid once."""

import random

import pytest

from marketplace.payouts.models import PayoutOutcome
from marketplace.payouts.operations import UnableToSettle
from marketplace.payouts.queries import check_books
from tests.payouts.faults.proofs import check_the_rail, facts
from tests.payouts.faults.test_side_by_side import check_nothing_is_left
from tests.payouts.faults.world import World, settlement

FAULTS = ["drop answer"] * 6 + ["refuse", "refuse", "slow", "slow", "down"] + ["work"] * 9
"""Of twenty calls six are answered and the answer is lost."""


def weeks_on_a_bad_rail(rail, weeks: int, jumps: tuple[int, ...] = (7,)) -> None:
    world, chance = World(), random.Random(3)
    for _ in range(weeks):
        world.sell_each()
        rail.plan = [chance.choice(FAULTS) for _ in range(100)]
        for _attempt in range(100):
            now = world.later(chance.choice(jumps))
            try:
                settlement(now)
            except UnableToSettle:
                assert check_books() == []
                check_the_rail()
            else:
                break
        assert check_books() == []
    rail.plan = []
    world.now = max(world.now, world.latest)
    check_nothing_is_left_but_refusals(world)


def check_nothing_is_left_but_refusals(world: World) -> None:
    """The rail works again: all that was refused is sent, and a repetition finds nothing to do."""
    for _ in range(3):
        settlement(world.later(30))
    after = facts()
    settlement(world.now)
    assert facts() == after
    check_nothing_is_left(world, refused=PayoutOutcome.objects.filter(state="failed").count())


def test_three_answers_in_ten_are_lost(committed, faulty_rail):
    weeks_on_a_bad_rail(faulty_rail, 4)


@pytest.mark.deep
def test_a_year_of_lost_answers(committed, faulty_rail):
    weeks_on_a_bad_rail(faulty_rail, 52)


def test_the_clock_jumps_days_and_months_while_the_rail_is_bad(committed, faulty_rail):
    weeks_on_a_bad_rail(faulty_rail, 5, jumps=(-40, -3, -1, 0, 1, 14, 400))


@pytest.mark.deep
def test_the_clock_jumps_for_a_year(committed, faulty_rail):
    weeks_on_a_bad_rail(faulty_rail, 52, jumps=(-400, -40, -3, -1, 0, 1, 14, 400))
