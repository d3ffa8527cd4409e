"""Handles and keys, as plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.people import rules


@pytest.mark.parametrize("handle", ["a", "mo", "neon-harbor", "x1", "a" * 40])
def test_handles_that_may_stand_in_an_address(handle: str) -> None:
    assert rules.is_handle(handle)


@pytest.mark.parametrize("handle", ["", "-a", "a-", "A", "a_b", "a--b", "云", "a" * 41, "a b", "a/b", "a\n"])
def test_handles_that_may_not(handle: str) -> None:
    assert not rules.is_handle(handle)


@given(st.binary(min_size=32, max_size=48))
def test_a_key_carries_its_own_checksum(random: bytes) -> None:
    key = rules.make_key(random)

    assert len(key) == 39
    assert rules.is_key(key)


@given(st.binary(min_size=32, max_size=32), st.integers(3, 38), st.sampled_from("0123456789abcXYZ"))
def test_a_mistyped_key_is_refused_without_asking_anybody(random: bytes, place: int, sign: str) -> None:
    key = rules.make_key(random)
    typed = key[:place] + sign + key[place + 1 :]

    assert rules.is_key(typed) == (typed == key)


def test_a_key_needs_enough_randomness() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        rules.make_key(b"short")
