"""Which policy counts for whom, when a schedule pays, and what creators may wish."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payouts.operations import (
    UnableToSetPolicy,
    UnableToWish,
    allocate_royalties,
    settle,
    wish,
)
from marketplace.payouts.policies import (
    PayoutPolicy,
    PayoutPreference,
)
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.terms import Schedule, hold_days, read_schedule, terms_of
from marketplace.payouts.when_queries import next_payouts
from tests.payouts.policing import ALWAYS, DAY, policy, transfers


@pytest.mark.parametrize(
    ("schedule", "slot", "after"),
    [
        ("daily", "2026-11-22", "2026-11-23"),
        ("weekly:7", "2026-11-22", "2026-11-29"),
        ("weekly:1", "2026-11-16", "2026-11-23"),
        ("monthly:22", "2026-11-22", "2026-12-22"),
        ("monthly:23", "2026-10-23", "2026-11-23"),
        ("monthly:1", "2026-11-01", "2026-12-01"),
    ],
)
def test_each_has_a_newest_and_a_next_moment(noon, schedule, slot, after):
    found = read_schedule(schedule)
    assert (f"{found.slot(noon):%Y-%m-%d}", f"{found.next_slot(noon):%Y-%m-%d}") == (slot, after)


def test_moments_are_of_utc_wherever_the_clock_stands():
    from zoneinfo import ZoneInfo

    night = datetime(2026, 12, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai"))  # still November in UTC
    assert Schedule("monthly", 1).slot(night) == datetime(2026, 11, 1, tzinfo=UTC)


@given(st.integers(0, 110 * 365 * 24 * 3600))
def test_no_moment_is_skipped_or_doubled(seconds):
    now = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    for schedule in [Schedule("daily"), *(Schedule("weekly", day) for day in range(1, 8)),
                     *(Schedule("monthly", day) for day in (1, 15, 28))]:  # fmt: skip
        slot, after = schedule.slot(now), schedule.next_slot(now)
        assert slot <= now < after
        assert schedule.slot(after) == after
        assert schedule.slot(after - timedelta(microseconds=1)) == slot


@pytest.mark.parametrize("text", ["", "hourly", "daily:1", "weekly", "weekly:8", "weekly:0", "monthly:29",
                                  "monthly:-1", "weekly:٣", "weekly: 1", "monthly:001", "always:0x1"])  # fmt: skip
def test_others_are_not_known(text):
    assert read_schedule(text) is None


def test_settings_that_say_another_stop_at_once(alice, settings):
    settings.PAYOUT_SCHEDULE = "hourly"
    with pytest.raises(ImproperlyConfigured, match="WORLDLOOM_PAYOUT_SCHEDULE is “hourly”"):
        terms_of(currency="USD", owner_ids=[alice.pk])


def test_the_newest_of_the_closest_scope_and_else_the_settings(alice, bob, settings):
    settings.PAYOUT_THRESHOLD_MINOR, settings.PAYOUT_SCHEDULE = 7, "weekly:5"

    def counts(creator, currency="USD"):
        [terms] = terms_of(currency=currency, owner_ids=[creator.pk])
        return terms.threshold_minor, terms.schedule, terms.reason

    assert counts(alice) == (7, ("weekly", 5), "")
    policy(threshold_minor=10)
    assert counts(alice) == (10, ("always", 0), "so we agreed")
    policy(currency="USD", threshold_minor=20)
    assert (counts(alice)[0], counts(alice, "JPY")[0]) == (20, 10)
    policy(creator=alice, threshold_minor=30)
    assert (counts(alice)[0], counts(alice, "JPY")[0], counts(bob)[0]) == (30, 30, 20)
    policy(creator=alice, currency="USD", threshold_minor=40)
    policy(creator=alice, threshold_minor=50)
    policy(threshold_minor=60)
    assert (counts(alice)[0], counts(alice, "JPY")[0], counts(bob)[0]) == (40, 50, 20)
    assert terms_of(currency="JPY", owner_ids=[None])[0].threshold_minor == 60


def test_hold_days_are_of_a_currency_or_of_all(alice, settings):
    settings.PAYOUT_HOLD_DAYS = 3
    assert hold_days("USD") == 3
    policy(hold_days=30)
    policy(hold_days=7, currency="USD")
    policy(creator=alice)
    assert (hold_days("USD"), hold_days("JPY")) == (7, 30)


def test_a_run_holds_for_the_days_of_its_currency_and_older_ones_keep_theirs(alices, sell, noon):
    sell(alices, "order-line:1")
    [first] = allocate_royalties(now=noon)
    policy(hold_days=30, currency="USD")
    sell(alices, "order-line:2")
    sell(alices, "order-line:3", currency="JPY")
    runs = {run.currency: run for run in allocate_royalties(now=noon)}

    held = [run.available_at - noon for run in (first, runs["USD"], runs["JPY"])]
    assert held == [14 * DAY, 30 * DAY, 14 * DAY]


def test_the_same_again_is_the_same_and_another_is_new(alice):
    first = policy(creator=alice, threshold_minor=500)
    assert policy(creator=alice, threshold_minor=500, by="dave@example.org") == first
    assert policy(creator=alice, threshold_minor=501) != first
    assert policy(creator=alice, threshold_minor=500) != first
    assert PayoutPolicy.objects.count() == 3


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"currency": "XXX"}, "“XXX” is not a currency we sell in"),
        ({"hold_days": None}, "the hold period is 0 to 3650 days"),
        ({"hold_days": -1}, "the hold period"),
        ({"hold_days": 3651}, "the hold period"),
        ({"reserve_ppb": 1}, "a reserve is up to the whole"),
        ({"reserve_days": 1}, "a reserve is up to the whole"),
        ({"reserve_ppb": WHOLE_PPB + 1, "reserve_days": 1}, "a reserve is up to the whole"),
        ({"threshold_minor": 0}, "the least that is paid out is above zero"),
        ({"threshold_minor": 2**63}, "the least that is paid out"),
        ({"schedule": Schedule("weekly", 8)}, "there is no such schedule"),
        ({"schedule": Schedule("hourly")}, "there is no such schedule"),
        ({"reason": ""}, "say why"),
        ({"reason": "x" * 401}, "say why"),
        ({"by": ""}, "who sets it"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(db, changes, why):
    with pytest.raises(UnableToSetPolicy, match=why) as refused:
        policy(**changes)
    assert refused.value.code == "unable-to-set-policy"
    assert not PayoutPolicy.objects.exists()


def test_one_creator_has_no_hold_period_of_their_own(alice):
    with pytest.raises(UnableToSetPolicy, match="keep a reserve of this one"):
        policy(creator=alice, hold_days=60)


def test_a_creator_may_be_paid_more_rarely_or_larger_amounts(alice, bob, earn, alices, noon):
    wish(creator=alice, currency="USD", threshold_minor=20_00, schedule=Schedule("monthly", 1), now=noon)
    earn(alices, "order-line:1", noon)

    assert settle(now=noon).answered == 0
    earn(alices, "order-line:2", noon)
    assert settle(now=noon).answered == 1  # of the first of November, which has had none
    earn(alices, "order-line:3", noon + DAY, gross=50_00)
    assert settle(now=noon + DAY).answered == 0
    assert settle(now=datetime(2026, 11, 30, 23, 59, tzinfo=UTC)).answered == 0
    assert settle(now=datetime(2026, 12, 1, tzinfo=UTC)).answered == 1
    assert transfers() == [2160, 4880]


def test_a_laxer_wish_is_refused_and_nothing_is_written(alice, noon):
    policy(threshold_minor=50_00, schedule=Schedule("weekly", 1))

    def wishes(threshold_minor=50_00, schedule=Schedule("weekly", 5), currency="USD"):
        return wish(creator=alice, currency=currency, threshold_minor=threshold_minor, schedule=schedule, now=noon)

    for changes, why in [
        ({"threshold_minor": 49_99}, "we pay out 50.00 USD or more"),
        ({"schedule": Schedule("daily")}, "that is more often than we pay out"),
        ({"schedule": ALWAYS}, "that is more often than we pay out"),
        ({"schedule": Schedule("monthly", 31)}, "there is no such schedule"),
        ({"threshold_minor": 2**63}, "we pay out 50.00 USD or more"),
        ({"currency": "XXX"}, "“XXX” is not a currency"),
    ]:
        with pytest.raises(UnableToWish, match=why):
            wishes(**changes)
    assert not PayoutPreference.objects.exists()
    assert wishes() == wishes()


def test_a_policy_that_becomes_stricter_counts_before_the_wish(alice, noon):
    wish(creator=alice, currency="USD", threshold_minor=20_00, schedule=Schedule("weekly", 5), now=noon)

    def counts():
        [found] = next_payouts(alice, now=noon, currency="USD")
        return found.threshold_minor, found.terms

    assert counts() == (20_00, ("weekly", 5))
    policy(threshold_minor=30_00, schedule=Schedule("monthly", 3))
    assert counts() == (30_00, ("monthly", 3))
    policy(threshold_minor=10_00, schedule=Schedule("weekly", 1))
    assert counts() == (20_00, ("weekly", 5))
