"""Taxes in integers: exact within a unit, whole in sum, and never more than the price."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.checkout.taxes.base import TaxPart
from marketplace.checkout.taxes.rules import Rate, half_up, name_of, summed, taken, taxed, without_tax
from marketplace.checkout.taxes.vat import UnreadableVatId, is_reverse_charged, read_vat_id
from tests.checkout.taxes.rates import PERCENT

GERMAN = Rate("DE", "VAT", 19 * PERCENT)
FEDERAL, PROVINCIAL = Rate("CA", "GST", 5 * PERCENT), Rate("CA-BC", "PST", 7 * PERCENT)
AMOUNTS = st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=12)
RATES = st.lists(st.builds(Rate, st.just("DE"), st.just("VAT"), st.integers(1, 500_000_000)), min_size=1, max_size=2)


def numbers(lines):
    return [[(part.base_minor, part.tax_minor) for part in parts] for parts in lines]


def test_a_tax_on_top_is_rounded_once_for_the_whole_order():
    """3 × 3.33 at 19 %: 1.8981 is 1.90, of which the first two lines have 0.63 and the last, by its place, 0.64."""
    lines = taxed([333, 333, 333], [GERMAN], is_included=False)
    assert numbers(lines) == [[(333, 64)], [(333, 63)], [(333, 63)]]


def test_a_tax_within_the_price_leaves_the_rest_as_its_base():
    """119.00 with 19 % in it are 100.00 and 19.00; 1.00 is 0.84 and 0.16."""
    assert numbers(taxed([11_900], [GERMAN], is_included=True)) == [[(10_000, 1_900)]]
    assert numbers(taxed([100], [GERMAN], is_included=True)) == [[(84, 16)]]


def test_two_taxes_each_have_their_own_sum():
    assert numbers(taxed([10_000, 5], [FEDERAL, PROVINCIAL], is_included=False)) == [
        [(10_000, 500), (10_000, 700)],
        [(5, 0), (5, 0)],
    ]
    assert numbers(taxed([11_200], [FEDERAL, PROVINCIAL], is_included=True)) == [[(10_000, 500), (10_000, 700)]]


def test_nothing_costs_nothing():
    assert numbers(taxed([0, 0], [GERMAN], is_included=True)) == [[(0, 0)], [(0, 0)]]
    assert half_up(0, 5) == 0


@settings(deadline=None)
@given(amounts=AMOUNTS, rates=RATES)
def test_base_and_taxes_are_the_price_that_includes_them(amounts, rates):
    whole = sum(rate.rate_ppb for rate in rates)
    lines = taxed(amounts, rates, is_included=True)
    for amount, parts in zip(amounts, lines, strict=True):
        assert {part.base_minor for part in parts} == {amount - sum(part.tax_minor for part in parts)}
        tax = sum(part.tax_minor for part in parts)
        assert 0 <= tax <= amount
        assert abs(tax * (10**9 + whole) - amount * whole) < 2 * (10**9 + whole)
    total = sum(part.tax_minor for parts in lines for part in parts)
    assert abs(total * (10**9 + whole) - sum(amounts) * whole) * 2 <= 10**9 + whole


@settings(deadline=None)
@given(amounts=AMOUNTS, rates=RATES)
def test_a_tax_on_top_is_within_a_unit_of_exact(amounts, rates):
    lines = taxed(amounts, rates, is_included=False)
    for place, rate in enumerate(rates):
        column = [parts[place].tax_minor for parts in lines]
        assert abs(sum(column) * 10**9 - sum(amounts) * rate.rate_ppb) * 2 <= 10**9
        for amount, tax in zip(amounts, column, strict=True):
            assert tax >= 0
            assert abs(tax * 10**9 - amount * rate.rate_ppb) < 2 * 10**9


@settings(deadline=None)
@given(amounts=AMOUNTS, rates=RATES)
def test_a_tax_on_top_in_steps_of_ten_is_within_a_step_of_exact(amounts, rates):
    lines = taxed(amounts, rates, is_included=False, step_minor=10)
    for place, rate in enumerate(rates):
        column = [parts[place].tax_minor for parts in lines]
        assert {tax % 10 for tax in column} <= {0}
        assert abs(sum(column) * 10**9 - sum(amounts) * rate.rate_ppb) <= 5 * 10**9
        for amount, tax in zip(amounts, column, strict=True):
            assert abs(tax * 10**9 - amount * rate.rate_ppb) < 20 * 10**9


@settings(deadline=None)
@given(taxes=st.lists(st.integers(0, 10**12), min_size=1, max_size=5), steps=st.lists(st.integers(1, 99), max_size=9))
def test_what_is_taken_back_in_any_parts_leaves_nothing(taxes, steps):
    left = list(taxes)
    for percent in (*steps, 100):
        step = taken(left, sum(left) * percent // 100)
        left = [have - gone for have, gone in zip(left, step, strict=True)]
        assert min(left) >= 0
    assert left == [0] * len(taxes)


def test_the_fee_is_of_the_price_without_the_tax():
    assert without_tax(1_190, 11_900, 1_900) == 1_000
    assert without_tax(500, 5_000, 0) == 500
    assert without_tax(1, 1, 1) == 0


def test_the_account_of_a_tax_is_its_jurisdictions():
    parts = [TaxPart("CA", "GST", 1, 10, 1), TaxPart("CA-BC", "PST", 1, 10, 1), TaxPart("CA-ON", "HST", 1, 10, 0)]
    assert name_of(parts) == "CA+CA-BC"
    assert name_of([TaxPart("A" * 30, "x", 1, 9, 1), TaxPart("B" * 30, "y", 1, 9, 1)]) == "A" * 30
    [first, *rest] = summed([parts, parts])
    assert (first.base_minor, first.tax_minor, len(rest)) == (20, 2, 2)


@pytest.mark.parametrize(
    "text,country,kept",
    [
        ("de 136 695 976", "DE", "DE136695976"),
        ("136695976", "DE", "DE136695976"),
        ("EL094259216", "GR", "EL094259216"),
        ("094259216", "GR", "EL094259216"),
        ("GB980780684", "GB", "GB980780684"),
        ("91-1144442", "US", "91-1144442"),
        ("", "FR", ""),
        ("  ", "US", ""),
    ],
)
def test_a_vat_id_has_one_form(text, country, kept):
    assert read_vat_id(text, country) == kept


@pytest.mark.parametrize(
    "text,country",
    [("DE136695977", "DE"), ("FR136695976", "DE"), ("12", "US"), ("é" * 9, "US"), ("9" * 21, "JP"), ("GB1", "GB")],
)
def test_a_vat_id_that_cannot_be_is_refused(text, country):
    with pytest.raises(UnreadableVatId):
        read_vat_id(text, country)


@pytest.mark.parametrize(
    "seller,buyer,vat_id,expected",
    [
        ("DE", "FR", "FR40303265045", True),
        ("DE", "FR", "", False),
        ("DE", "DE", "DE136695976", False),
        ("US", "FR", "FR40303265045", True),
        ("DE", "GB", "GB980780684", False),
        ("", "FR", "FR40303265045", False),
    ],
)
def test_who_accounts_for_the_vat(seller, buyer, vat_id, expected):
    assert is_reverse_charged(seller_country=seller, buyer_country=buyer, vat_id=vat_id) is expected
