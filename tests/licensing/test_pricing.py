"""Prices in whole minor units: nothing is lost, nothing is rounded twice, and every step is said."""

import calendar
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing import pricing
from marketplace.licensing.pricing import Discount, Priced, Size, Tier, UnableToPrice
from marketplace.payouts.rules import WHOLE_PPB

amounts = st.integers(0, 10**12)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
moments = st.integers(0, 30_000 * 86_400).map(lambda seconds: NOON - timedelta(days=9_000) + timedelta(seconds=seconds))
TIERS = (Tier(10, 0, 500), Tier(50, 1_000_000, 2_000), Tier(0, 5_000_000, 4_000))


def price(model: str = "one-off", price_minor: int = 9_999, **more: Any) -> Priced:
    return pricing.price_of(model=model, price_minor=price_minor, currency="USD", **more)


def said(priced: Priced) -> list[str]:
    return [str(line) for line in priced.lines]


def test_each_model_has_its_price_and_says_it() -> None:
    assert (price().price_minor, said(price())) == (9_999, ["9999 USD for the license"])
    assert price("per-seat", seats=3).price_minor == 29_997
    assert said(price("per-seat", seats=3)) == ["9999 USD for a seat", "Seats: 3"]
    assert said(price("monthly", seats=2)) == ["9999 USD a month for a seat", "Seats: 2"]
    assert said(price("yearly", seats=1)) == ["9999 USD a year for a seat", "Seats: 1"]
    assert (price("free", 0).price_minor, said(price("free", 0))) == (0, ["Free"])
    metered = price("metered", 7, unit="image")
    assert (metered.price_minor, metered.unit_minor, said(metered)) == (0, 7, ["Nothing now; later 7 USD × image"])
    share = price("revenue-share", 1_000, share_ppb=25_000_000)
    assert (share.price_minor, said(share)[-1]) == (1_000, "Later 2.5% of the revenue that you report")
    assert price("pay-what-you-want", 100, pays_minor=250).price_minor == 250
    assert price("pay-what-you-want", 100).price_minor == 100
    assert price("on-request", 0, pays_minor=777).price_minor == 777


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"model": "pay-what-you-want", "price_minor": 100, "pays_minor": 99}, "99 USD is too little"),
        ({"model": "pay-what-you-want", "price_minor": 100, "pays_minor": 2**53}, "more than the books can hold"),
        ({"model": "on-request", "price_minor": 0}, "ask for a quote first"),
        ({"pays_minor": 5}, "The price of this offer is fixed"),
        ({"model": "per-seat", "seats": 0}, "from 1 to 1,000,000 seats"),
        ({"model": "per-seat", "seats": 1_000_001}, "from 1 to 1,000,000 seats"),
        ({"model": "per-seat", "price_minor": 2**52, "seats": 3}, "more than the books can hold"),
        ({"model": "metered", "unit": "image", "discount": Discount("INK", 1)}, "“INK” takes nothing off"),
    ],
)
def test_what_has_no_price_says_why(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnableToPrice, match=sentence):
        price(**asked)


@pytest.mark.parametrize(
    ("model", "more", "sentence"),
    [
        ("rent", {}, "“rent” is no price model: use one of one-off"),
        ("one-off", {"price_minor": -1}, "between 0 and 9007199254740991"),
        ("one-off", {"price_minor": 2**53}, "between 0 and 9007199254740991"),
        ("one-off", {"price_minor": 1.5}, "between 0 and"),
        ("free", {}, "has no price: give 0"),
        ("metered", {}, "needs the unit that it counts"),
        ("one-off", {"unit": "image"}, "needs the unit that it counts"),
        ("metered", {"unit": "i" * 41}, "at most 40 characters"),
        ("revenue-share", {}, "between 1 part per billion"),
        ("revenue-share", {"share_ppb": WHOLE_PPB + 1}, "between 1 part per billion"),
        ("one-off", {"share_ppb": 1}, "Only a share of revenue has a share"),
    ],
)
def test_models_and_their_numbers_go_together(model: str, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnableToPrice, match=sentence):
        pricing.check_price(**{"model": model, "price_minor": 100} | more)


@pytest.mark.parametrize(
    ("size", "due"),
    [
        (None, 9_999),
        (Size(10, 9_000_000), 500),
        (Size(11, 1_000_000), 2_000),
        (Size(11, 1_000_001), 4_000),
        (Size(51, 5_000_000), 4_000),
        (Size(51, 5_000_001), 9_999),
    ],
)
def test_the_first_tier_that_fits_what_was_declared_counts(size: Size | None, due: int) -> None:
    assert price(tiers=TIERS, size=size).price_minor == due


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"price_minor": 5}], "needs a limit of people or of revenue"),
        ([{"up_to_people": 10, "price_minor": -1}], "whole and not negative"),
        ([{"up_to_people": 10, "price_minor": 1, "discount": 2}], "and nothing else"),
        ([{"up_to_people": 10}], "and nothing else"),
        ([Tier(50, 0, 2), Tier(10, 0, 1)], "put the narrowest first"),
        ([Tier(0, 9, 2), Tier(10, 9, 1)], "put the narrowest first"),
        ([Tier(n, 0, 1) for n in range(1, 22)], "at most 20 tiers"),
    ],
)
def test_tiers_that_nobody_could_reach_are_refused(rows: list[Any], sentence: str) -> None:
    with pytest.raises(UnableToPrice, match=sentence):
        pricing.read_tiers(rows)
    with pytest.raises(UnableToPrice, match="this price model has none"):
        pricing.read_tiers(TIERS, model="pay-what-you-want")


@given(listed=amounts, seats=st.integers(1, 1000), part=st.integers(1, WHOLE_PPB))
def test_the_fraction_that_a_code_leaves_goes_to_the_buyer(listed: int, seats: int, part: int) -> None:
    priced = price("per-seat", listed, seats=seats, discount=Discount("INK", part))

    assert priced.list_minor == listed * seats
    off = priced.list_minor - priced.price_minor
    assert 0 <= off * WHOLE_PPB - priced.list_minor * part < WHOLE_PPB  # the part, rounded up
    assert priced.price_minor >= 0


@given(listed=amounts, off=st.integers(1, 10**12))
def test_an_amount_takes_off_no_more_than_there_is(listed: int, off: int) -> None:
    assert price(price_minor=listed, discount=Discount("TEN", amount_minor=off)).price_minor == max(0, listed - off)


@given(total=amounts, singles=st.lists(amounts, min_size=1, max_size=50))
def test_the_price_of_a_collection_is_shared_out_to_the_unit(total: int, singles: list[int]) -> None:
    parts = pricing.shared_out(total, singles)

    assert sum(parts) == total
    weights = singles if any(singles) else [1] * len(singles)
    assert all(abs(part * sum(weights) - total * one) < sum(weights) for part, one in zip(parts, weights, strict=True))


@given(amount=amounts, begins=moments, lasts=st.integers(1, 10**8), cuts=st.lists(st.integers(0, 10**8), max_size=4))
def test_time_is_worth_its_part_and_never_more(amount: int, begins: datetime, lasts: int, cuts: list[int]) -> None:
    def left(seconds: int) -> int:
        at = begins + timedelta(seconds=seconds)
        return pricing.prorated(amount, starts_at=begins, ends_at=begins + timedelta(seconds=lasts), at=at)

    assert (left(0), left(lasts)) == (amount, 0)
    worth = [left(cut) for cut in sorted(cuts)]
    assert worth == sorted(worth, reverse=True)
    assert all(0 <= amount * max(0, lasts - cut) - left(cut) * lasts < lasts for cut in cuts)


def test_a_license_without_end_keeps_its_worth() -> None:
    day = timedelta(days=1)
    assert pricing.credit_of(9_999, starts_at=NOON, ends_at=None, at=NOON + 999 * day) == 9_999
    assert pricing.credit_of(9_999, starts_at=NOON, ends_at=NOON + 2 * day, at=NOON + day) == 4_999
    assert pricing.credit_of(9_999, starts_at=NOON, ends_at=NOON + 2 * day, at=NOON - day) == 9_999


def test_shares_of_revenue_are_rounded_down() -> None:
    assert (pricing.share_of(999, 25_000_000), pricing.share_of(1_000, 25_000_000)) == (24, 25)
    assert pricing.used(1_234, 7) == 8_638


def test_months_are_those_of_the_calendar() -> None:
    anchor = datetime(2027, 12, 31, 9, 30, tzinfo=UTC)
    starts = [pricing.period_start(anchor, "monthly", number) for number in range(5)]
    assert [f"{one:%Y-%m-%d %H:%M}" for one in starts] == [
        "2027-12-31 09:30",
        "2028-01-31 09:30",
        "2028-02-29 09:30",
        "2028-03-31 09:30",
        "2028-04-30 09:30",
    ]
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    years = [f"{pricing.period_start(leap, 'yearly', number):%Y-%m-%d}" for number in range(5)]
    assert years == ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]


@given(anchor=moments, model=st.sampled_from(list(pricing.PERIODS)), number=st.integers(0, 300))
def test_every_moment_is_in_one_period(anchor: datetime, model: str, number: int) -> None:
    begins, ends = (pricing.period_start(anchor, model, number + more) for more in (0, 1))

    assert begins < ends
    assert begins.day == min(anchor.day, calendar.monthrange(begins.year, begins.month)[1])
    for moment in (begins, begins + (ends - begins) / 2, ends - timedelta(microseconds=1)):
        assert pricing.period_of(anchor, model, moment) == number


@given(
    number=st.integers(0, 99),
    minor=amounts,
    tiers=st.lists(st.builds(Tier, st.integers(0, 99), st.integers(0, 99), amounts), max_size=4),
    begins=st.none() | moments,
    unit=st.text(max_size=40).filter(lambda text: text.isprintable()),
)
def test_what_a_price_says_is_read_back(
    number: int, minor: int, tiers: list[Tier], begins: datetime | None, unit: str
) -> None:
    said = {"offer": "o", "number": number, "kind": "regular", "model": "metered", "unit": unit, "share_ppb": 0}
    said |= {"price_minor": minor, "currency": "USD", "most_sales": 0, "salt": "aa"}
    document = pricing.price_document(**said, tiers=tiers, starts_at=begins, ends_at=None)  # type: ignore[arg-type]
    read = json.loads(document)

    assert rfc8785.dumps(read) == document
    assert {name: read[name] for name in said} == said
    assert [Tier(**one) for one in read["tiers"]] == tiers
    assert (read["starts_at"], read["ends_at"]) == (int(begins.timestamp()) if begins else 0, 0)


def test_a_price_is_this_document() -> None:
    document = pricing.price_document(
        offer="00000000-0000-4000-8000-000000000001",
        number=1,
        kind="sale",
        model="per-seat",
        unit="",
        share_ppb=0,
        price_minor=900,
        currency="USD",
        tiers=(Tier(10, 0, 500),),
        starts_at=NOON,
        ends_at=NOON + timedelta(days=1),
        most_sales=0,
        salt="aa",
    )
    assert document == (
        b'{"currency":"USD","ends_at":1795435200,"format":"worldloom/price/2","kind":"sale","model":"per-seat",'
        b'"most_sales":0,"number":1,"offer":"00000000-0000-4000-8000-000000000001","price_minor":900,"salt":"aa",'
        b'"share_ppb":0,"starts_at":1795348800,"tiers":[{"price_minor":500,"up_to_people":10,"up_to_revenue_usd":0}],'
        b'"unit":""}'
    )
    assert rfc8785.dumps(json.loads(document)) == document
