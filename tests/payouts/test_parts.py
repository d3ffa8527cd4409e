"""Any sequence of parts of what remains is exact, none is below zero or above what there is, and all leaves nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payouts.parts import take_part
from marketplace.payouts.rules import AmountBelowZero, largest_remainder

REMAINING = st.lists(st.integers(0, 10**15), min_size=1, max_size=12)


@given(REMAINING, st.lists(st.integers(1, 10**15), max_size=8))
def test_any_parts_of_what_remains_leave_nothing(remaining, asked):
    for amount in [*asked, sum(remaining)]:
        whole = sum(remaining)
        amount = min(amount, whole)
        taken = take_part(remaining, amount)
        assert sum(taken) == amount
        for part, there in zip(taken, remaining, strict=True):
            assert 0 <= part <= there
            assert abs(part * whole - amount * there) < max(1, whole)
        remaining = [there - part for there, part in zip(remaining, taken, strict=True)]
    assert sum(remaining) == 0
    assert take_part(remaining, 0) == remaining


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6), st.lists(st.integers(1, 9), min_size=1))
def test_many_small_parts_end_at_zero(remaining, parts):
    for part in [*parts, 10**6]:
        taken = take_part(remaining, min(part, sum(remaining)))
        remaining = [there - one for there, one in zip(remaining, taken, strict=True)]
        assert min(remaining) >= 0
    assert sum(remaining) == 0


def test_the_difference_of_two_allocations_would_take_below_zero_and_parts_do_not():
    """Largest remainder may give a payee less of a larger amount: 28 of 1441 and 27 of 1442."""
    shares = [751, 31, 481, 45, 316]
    assert [largest_remainder(1441, shares)[1], largest_remainder(1442, shares)[1]] == [28, 27]
    before, after = largest_remainder(1442, shares), largest_remainder(1441, shares)
    assert min(one - other for one, other in zip(before, after, strict=True)) == -1  # what must never be refunded

    assert take_part(before, 1) == [1, 0, 0, 0, 0]


def test_what_is_not_there_is_not_taken():
    with pytest.raises(ValueError, match="4 is more than the 3 that remain"):
        take_part([1, 2], 4)
    with pytest.raises(AmountBelowZero):
        take_part([1, 2], -1)
    with pytest.raises(AmountBelowZero):
        take_part([1, -2, 4], 1)
