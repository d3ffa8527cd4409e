"""One table of currencies, held against the list of others; what Stripe cannot be told exactly is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency as Listed

from marketplace.payouts.currencies import CURRENCIES, WORLD, UnsayableAmount, from_stripe, step_minor, to_stripe
from marketplace.ui.currencies import ISO_4217
from marketplace.ui.formats import money_text


def test_the_table_is_that_of_iso_4217():
    assert dict(ISO_4217) == {one.code: one.exponent for one in Listed if one.exponent is not None}
    assert {code: one.exponent for code, one in WORLD.items()} == dict(ISO_4217)
    assert dict(CURRENCIES) == {code: ISO_4217[code] for code in CURRENCIES}
    assert list(CURRENCIES) == sorted(CURRENCIES)
    assert money_text(1234, "KWD", language="en") == "KWD\u00a01.234"


def test_stripe_differs_where_it_says_so():
    zero = {code for code, one in WORLD.items() if one.stripe_exponent == 0}
    assert zero == {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UYI", "VND", "VUV", "XAF",
                    "XOF", "XPF"}  # fmt: skip
    assert {code for code, one in WORLD.items() if one.stripe_exponent != one.exponent} == {"MGA", "ISK", "UGX"}


@pytest.mark.parametrize(
    ("amount_minor", "currency", "payout", "stripe_minor"),
    [
        (12_00, "USD", False, 12_00),
        (900, "JPY", False, 900),
        (5, "ISK", False, 500),
        (5, "UGX", True, 500),
        (500, "MGA", False, 5),
        (1_230, "KWD", False, 1_230),
        (12_34, "HUF", False, 12_34),
        (12_00, "HUF", True, 12_00),
        (12_34, "TWD", False, 12_34),
        (12_00, "TWD", True, 12_00),
        (-12_00, "USD", False, -12_00),
        (0, "MGA", False, 0),
        (2**63 - 1, "USD", False, 2**63 - 1),
    ],
)
def test_amounts_as_stripe_writes_them(amount_minor, currency, payout, stripe_minor):
    assert to_stripe(amount_minor, currency, payout=payout) == stripe_minor
    assert from_stripe(stripe_minor, currency) == amount_minor


@pytest.mark.parametrize(
    ("amount_minor", "currency", "payout", "step"),
    [(501, "MGA", False, 100), (1_234, "KWD", False, 10), (12_34, "HUF", True, 100), (1, "TWD", True, 100)],
)
def test_what_cannot_be_said_exactly_is_refused(amount_minor, currency, payout, step):
    with pytest.raises(UnsayableAmount, match=f"{amount_minor} minor units of {currency}") as refused:
        to_stripe(amount_minor, currency, payout=payout)
    assert refused.value.step == step


def test_what_stripe_says_is_taken_exactly_or_refused():
    assert from_stripe(1_700, "ISK") == 17
    with pytest.raises(UnsayableAmount):
        from_stripe(1_750, "ISK")
    with pytest.raises(KeyError):
        from_stripe(1, "XYZ")
    with pytest.raises(KeyError):
        to_stripe(1, "usd")


@given(st.sampled_from(sorted(WORLD)), st.integers(-(2**63), 2**63), st.booleans())
def test_there_and_back_is_the_same_or_refused_with_a_step_that_works(currency, amount_minor, payout):
    try:
        assert from_stripe(to_stripe(amount_minor, currency, payout=payout), currency) == amount_minor
    except UnsayableAmount as refused:
        rounded = amount_minor - amount_minor % refused.step
        assert from_stripe(to_stripe(rounded, currency, payout=payout), currency) == rounded


def test_what_is_a_multiple_of_its_step_can_be_charged():
    assert {code: step_minor(code) for code in CURRENCIES if step_minor(code) > 1} == {"KWD": 10}
    assert [step_minor(code) for code in ("ISK", "UGX", "MGA", "HUF")] == [1, 1, 100, 1]
    for code in WORLD:
        assert to_stripe(7 * step_minor(code), code) > 0
