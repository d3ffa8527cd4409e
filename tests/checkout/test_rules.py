"""The plain arithmetic of a sale."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.checkout import rules

PRICES = st.integers(0, 2**63 - 1)
SHARES = st.integers(0, rules.WHOLE_PPB)


@given(PRICES, SHARES)
def test_a_fee_is_the_exact_share_rounded_down(price: int, share: int) -> None:
    fee = rules.platform_fee(price, share)
    exact = Fraction(price) * share / rules.WHOLE_PPB

    assert isinstance(fee, int)
    assert 0 <= fee <= price
    assert 0 <= exact - fee < 1


@given(PRICES, PRICES, SHARES)
def test_a_dearer_price_never_has_a_smaller_fee(one: int, other: int, share: int) -> None:
    low, high = sorted([one, other])

    assert rules.platform_fee(low, share) <= rules.platform_fee(high, share)


def test_known_fees() -> None:
    tenth = 100_000_000
    assert [rules.platform_fee(price, tenth) for price in (0, 1, 9, 10, 19, 10_001)] == [0, 0, 0, 1, 1, 1000]
    assert rules.platform_fee(10_001, rules.WHOLE_PPB) == 10_001


@pytest.mark.parametrize(("price", "share"), [(-1, 0), (1, -1), (1, rules.WHOLE_PPB + 1)])
def test_a_fee_of_nonsense_is_refused(price: int, share: int) -> None:
    with pytest.raises(ValueError, match="A fee needs"):
        rules.platform_fee(price, share)


@given(
    st.lists(st.uuids(), min_size=1, max_size=5, unique=True).flatmap(
        lambda ids: st.tuples(st.just(ids), st.permutations(ids))
    )
)
def test_a_request_is_the_same_in_any_order_of_offers(pair: tuple[list[object], list[object]]) -> None:
    one, other = ([str(item) for item in ids] for ids in pair)

    assert rules.request_digest(offers=one, method="success") == rules.request_digest(offers=other, method="success")
    assert rules.request_digest(offers=one, method="success") != rules.request_digest(offers=one, method="declined")
    assert rules.request_digest(offers=one[1:], method="m") != rules.request_digest(offers=one, method="m")


@given(st.text(alphabet="0123456789", min_size=11, max_size=18))
def test_one_wrong_digit_is_no_card_number(digits: str) -> None:
    numbers = [digits + str(check) for check in range(10)]
    cards = [number for number in numbers if rules.card_digits(number)]

    assert len(cards) == 1  # ISO/IEC 7812-1: exactly one check digit fits
    (card,) = cards
    wrong = card[:3] + str((int(card[3]) + 1) % 10) + card[4:]
    assert rules.card_digits(wrong) is None
    assert rules.card_digits(f" {card[:4]} {card[4:8]}-{card[8:]} ") == card


@pytest.mark.parametrize(
    "text", ["", "4242", "4" * 20, "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "4242\x00424242424242", "4242.4242.4242.4242"]
)
def test_what_is_no_card_number(text: str) -> None:
    assert rules.card_digits(text) is None


@given(st.text(max_size=210))
def test_idempotency_keys_are_visible_ascii(text: str) -> None:
    fits = 1 <= len(text) <= 200 and all("!" <= sign <= "~" for sign in text)

    assert rules.is_idempotency_key(text) is fits
