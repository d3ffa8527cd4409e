"""Who is at which level of risk, what is kept back for it and until when, to the minor unit and the second."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payouts.bookkeeping.risking import facts_of, newest_assessments
from marketplace.payouts.models import Payout, RoyaltyRun, Transaction
from marketplace.payouts.operations import (
    UnableToSetRiskLevel,
    allocate_royalties,
    assess_risk,
    close_dispute,
    freeze,
    open_dispute,
    refund,
    release_holds,
    release_reserves,
    set_risk_level,
    settle,
    thaw,
)
from marketplace.payouts.policies import ReserveLine
from marketplace.payouts.queries import check_books
from marketplace.payouts.risk import RiskAssessment, RiskLevel
from marketplace.payouts.risk_rules import Facts, Kept, holds_for, kept_by, staircase, steps_of
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.when_queries import next_payouts, reserves_of, ripening_of
from tests.payouts.policing import DAY, LATER, has, policy, transfers

START = datetime(2026, 1, 1, tzinfo=UTC)
FEW = Facts(days_selling=3, days_here=3, sales=1, earned_minor=1080, disputed_minor=0, refunded_minor=0)


def level(number=1, *, kept=Kept(30, 100_000_000, 60), **changes):
    """Sets a level of risk that holds for nobody, but for the changes."""
    said = {
        "days_selling_below": None,
        "days_here_below": None,
        "disputed_ppb_from": None,
        "refunded_ppb_from": None,
        "window_days": 90,
        "least_sales": 1,
        "reason": "you are new here",
        "by": "olga@example.org",
        "now": START,
    }
    return set_risk_level(level=number, kept=kept, **{**said, **changes})


def test_money_of_a_new_creator_is_held_for_longer_and_a_share_of_it_longer_still(alice, alices, earn, noon, right):
    level(days_selling_below=60)
    earn(alices, "order-line:1", noon)  # allocated 14 days before noon

    assert has(alice) == {"reserved": 1080}
    held_until = noon + 16 * DAY  # 30 days from the allocation on
    assert [(one.amount_minor, one.until, one.reason) for one in reserves_of(alice)] == [
        (972, held_until, "you are new here"),
        (108, held_until + 60 * DAY, "you are new here"),
    ]
    assert settle(now=noon).answered == 0
    assert release_reserves(now=held_until - timedelta(seconds=1)) == 0
    assert release_reserves(now=held_until) == 1
    assert has(alice) == {"reserved": 108, "available": 972}
    settle(now=held_until)
    assert transfers() == [972]
    assert release_reserves(now=held_until + 60 * DAY) == 1
    settle(now=held_until + 60 * DAY)
    assert transfers() == [972, 108]


def test_nobody_else_waits(alice, bob, shared, sell, noon, right):
    level(disputed_ppb_from=100_000_000)
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)
    open_dispute(source="order-line:1", now=noon)
    close_dispute(source="order-line:1", outcome="won", now=noon)
    release_holds(now=noon + LATER)
    assert (has(alice), has(bob)) == ({"available": 756}, {"available": 324})
    assert {one.level for one in RiskAssessment.objects.all()} == {0}


def test_each_moment_the_more_of_policy_and_risk_is_kept(alice, alices, earn, noon, right):
    level(days_selling_below=60, kept=Kept(0, 100_000_000, 60))
    mine = policy(creator=alice, reserve_ppb=500_000_000, reserve_days=7, reason="as you asked")
    earn(alices, "order-line:1", noon)

    assert list(ReserveLine.objects.order_by("until").values_list("amount_minor", "until", "policy_id")) == [
        (432, noon + 7 * DAY, mine.pk),
        (108, noon + 60 * DAY, mine.pk),
    ]
    assert has(alice) == {"reserved": 540, "available": 540}
    release_reserves(now=noon + 7 * DAY)
    assert has(alice) == {"reserved": 108, "available": 972}


def test_a_risk_that_asks_for_less_than_the_policy_keeps_what_the_policy_keeps(alice, alices, earn, noon, right):
    level(days_selling_below=60, kept=Kept(10, 100_000_000, 7))
    policy(creator=alice, reserve_ppb=500_000_000, reserve_days=30)
    earn(alices, "order-line:1", noon)
    assert [(one.amount_minor, one.until) for one in reserves_of(alice)] == [(540, noon + 30 * DAY)]


def test_a_higher_level_keeps_what_those_below_keep_and_its_own(alice, alices, earn, noon, right):
    level(1, kept=Kept(21, 0, 0), days_selling_below=1)
    level(2, kept=Kept(0, 200_000_000, 90), days_here_below=400, reason="many disputes")
    earn(alices, "order-line:1", noon)
    [at] = RiskAssessment.objects.all()
    assert (at.level, at.hold_days, at.reserve_ppb, at.reserve_days, at.reason) == (
        2,
        21,
        200_000_000,
        90,
        "many disputes",
    )
    assert [(one.amount_minor, one.until) for one in reserves_of(alice)] == [
        (864, noon + 7 * DAY),
        (216, noon + 97 * DAY),
    ]


def test_shares_are_of_what_was_earned_in_the_window(alice, bob, shared, sell, noon):
    level(disputed_ppb_from=250_000_000, refunded_ppb_from=500_000_000, least_sales=4, window_days=30)
    for number in range(1, 5):
        sell(shared, f"order-line:{number}")
    allocate_royalties(now=noon)
    open_dispute(source="order-line:1", now=noon)
    refund(source="order-line:2", amount_minor=6_00, key="refund:2", reason="broken", now=noon)

    facts = facts_of(currency="USD", window_days=30, owner_ids=None, now=noon + DAY)
    assert facts == {
        alice.pk: Facts(1, 1, 4, 4 * 756, 756, 378),
        bob.pk: Facts(1, 1, 4, 4 * 324, 324, 162),
    }
    assert (facts[alice.pk].disputed_ppb, facts[alice.pk].refunded_ppb) == (250_000_000, 125_000_000)
    assert assess_risk(now=noon + DAY) == 2
    assert assess_risk(now=noon + DAY) == 0
    assert {one.level for one in newest_assessments("USD").values()} == {1}
    # The window moves on: nothing was earned in it, and nothing is kept for it any more.
    assert assess_risk(now=noon + 31 * DAY) == 2
    assert {one.level for one in newest_assessments("USD").values()} == {0}
    assert facts_of(currency="USD", window_days=30, owner_ids=[bob.pk], now=noon + 31 * DAY) == {
        bob.pk: Facts(31, 31, 0, 0, 0, 0)
    }


def test_less_than_the_least_sales_say_nothing(alice, alices, sell, noon):
    level(disputed_ppb_from=1, least_sales=2)
    sell(alices, "order-line:1")
    allocate_royalties(now=noon)
    open_dispute(source="order-line:1", now=noon)
    assess_risk(now=noon)
    assert newest_assessments("USD")[alice.pk].level == 0


def test_a_level_that_is_nobodys_any_more_keeps_nothing_of_what_is_released_next(alice, alices, earn, noon, right):
    level(days_selling_below=60)
    earn(alices, "order-line:1", noon)
    level(reason="no more")  # no condition
    earn(alices, "order-line:2", noon)
    assert has(alice) == {"reserved": 1080, "available": 1080}
    assert assess_risk(now=noon) == 1
    assert newest_assessments("USD")[alice.pk].level == 0


def test_the_days_that_she_reads_are_those_of_her_risk(alice, alices, sell, noon):
    level(days_selling_below=60)
    sell(alices, "order-line:1")
    allocate_royalties(now=noon)
    assert [one.until for one in ripening_of(alice)] == [(noon + 14 * DAY).date()]
    assess_risk(now=noon)
    assert [one.until for one in ripening_of(alice)] == [(noon + 30 * DAY).date()]
    [usd] = next_payouts(alice, now=noon, currency="USD")
    assert (usd.hold_days, usd.reserve_ppb, usd.reserve_days, usd.risk_reason) == (
        30,
        100_000_000,
        60,
        "you are new here",
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"number": 10}, "levels are 1 to 9, the riskiest last"),
        ({"days_selling_below": 0}, "days are up to 3650"),
        ({"kept": Kept(5000, 0, 0)}, "days are up to 3650"),
        ({"disputed_ppb_from": WHOLE_PPB + 1}, "a share is above zero and at most the whole, of one sale or more"),
        ({"least_sales": 0}, "a share is above zero and at most the whole, of one sale or more"),
        ({"kept": Kept(1, 5, 0)}, "a reserve is up to the whole, for 1 to 3650 days; say both as zero for none"),
        ({"reason": ""}, "say why, in at most 400 characters, and who sets it"),
    ],
)
def test_levels_that_cannot_be(db, changes, why):
    with pytest.raises(UnableToSetRiskLevel) as refused:
        level(**changes)
    assert refused.value.why == why
    assert RiskLevel.objects.count() == 0


def test_the_same_level_again_is_the_one_that_stands(db):
    assert level(days_here_below=7) == level(days_here_below=7, by="dave@example.org")
    assert level(days_here_below=8) != level(days_here_below=7)
    assert RiskLevel.objects.count() == 3


def test_without_levels_nothing_is_asked(alice, alices, earn, noon, django_assert_num_queries):
    earn(alices, "order-line:1", noon)
    assert has(alice) == {"available": 1080}
    assert RiskAssessment.objects.count() == 0
    assert assess_risk(now=noon) == 0


def refusal(verb):
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        verb()
    return refused.value.__cause__.diag.constraint_name


def test_the_database_refuses_a_reserve_for_anothers_risk(alice, bob, shared, earn, noon):
    level(days_selling_below=60)
    earn(shared, "order-line:1", noon)
    hers, his = (ReserveLine.objects.filter(creator=one).first() for one in (alice, bob))

    def write():
        ReserveLine.objects.create(
            release=hers.release, creator=alice, currency="USD", amount_minor=1, until=noon, risk=his.risk
        )

    assert refusal(write) in ("payouts_reserve_names_its_risk", "payouts_reserves_equal_postings")
    with pytest.raises(DatabaseError), transaction.atomic():
        RiskAssessment.objects.filter(pk=hers.risk_id).delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        RiskLevel.objects.update(hold_days=0)


def test_the_proof_finds_a_risk_that_was_not_kept(alice, alices, sell, noon, monkeypatch):
    from marketplace.payouts.bookkeeping import releasing

    level(days_selling_below=60)
    sell(alices, "order-line:1")
    allocate_royalties(now=noon)
    short = monkeypatch.setattr(releasing, "staircase", lambda steps: staircase(steps)[:1])
    assert short is None
    release_holds(now=noon + LATER)
    [problem] = check_books()
    risk = RiskAssessment.objects.get()
    assert problem == (
        f"Of 1080 of {alice.pk}, 108 is kept until {noon + 30 * DAY} for risk {risk.pk}, which asks for 1080."
    )


def test_the_proof_finds_more_than_a_risk_asks_for(alice, alices, sell, noon, monkeypatch):
    from marketplace.payouts.bookkeeping import releasing

    level(days_selling_below=60, kept=Kept(0, 100_000_000, 60))
    policy(creator=alice, reserve_ppb=1, reserve_days=1)
    sell(alices, "order-line:1")
    allocate_royalties(now=noon)
    monkeypatch.setattr(releasing, "staircase", lambda steps: [(500, noon + 400 * DAY)])
    release_holds(now=noon + LATER)
    assert [problem.split(", and ")[1] for problem in check_books()] == ["nothing asks for more than 0."]


def test_a_run_is_never_lost_in_between(alice, alices, sell, noon, right):
    """A release that comes when the risk's days are over holds nothing for them."""
    level(days_selling_below=400, kept=Kept(20, 0, 0))
    sell(alices, "order-line:1")
    allocate_royalties(now=noon)
    release_holds(now=noon + 20 * DAY)
    assert has(alice) == {"available": 1080}
    assert (RoyaltyRun.objects.count(), ReserveLine.objects.count(), Payout.objects.count()) == (1, 0, 0)
    assert Transaction.objects.filter(kind="hold_release").count() == 1


@pytest.mark.parametrize(("frozen", "left"), [("release:a", 864), ("release:b", 1080)])
def test_a_claim_of_a_work_holds_what_of_it_is_out_of_the_reserve(alice, alices, earn, noon, right, frozen, left):
    """What is in reserve is taken to be of the work that was released last, part by part or whole."""
    level(days_selling_below=60)
    earn(alices, "order-line:1", noon, subject="release:a")
    earn(alices, "order-line:2", noon, subject="release:b")
    release_reserves(now=noon + 16 * DAY)
    assert has(alice) == {"reserved": 216, "available": 1944}

    freeze(subject=frozen, reason="claim:1", now=noon + 16 * DAY)
    assert has(alice) == {"reserved": 216, "available": left, "frozen": 1944 - left}
    assert check_books() == []
    settle(now=noon + 16 * DAY)
    assert release_reserves(now=noon + 76 * DAY) == 0
    thaw(subject=frozen, reason="claim:1", now=noon + 76 * DAY)
    assert release_reserves(now=noon + 76 * DAY) == 2
    settle(now=noon + 76 * DAY)
    assert has(alice) == {"paid": 2160}


def test_refunds_take_from_every_step_of_the_staircase(alice, alices, earn, noon, right):
    level(days_selling_below=60)
    earn(alices, "order-line:1", noon)
    refund(source="order-line:1", amount_minor=6_00, key="refund:1", reason="broken", now=noon)
    assert has(alice) == {"reserved": 540}
    release_reserves(now=noon + 16 * DAY)
    assert has(alice) == {"reserved": 108, "available": 432}
    open_dispute(source="order-line:1", now=noon + 17 * DAY)
    release_reserves(now=noon + 76 * DAY)
    assert has(alice) == {}
    close_dispute(source="order-line:1", outcome="won", now=noon + 77 * DAY)
    assert has(alice) == {"available": 540}


amounts = st.integers(0, 10**15)
shares = st.integers(1, WHOLE_PPB)
reserves = st.one_of(st.just((0, 0)), st.tuples(shares, st.integers(1, 400)))
kepts = st.builds(lambda hold, reserve: Kept(hold, *reserve), st.integers(0, 400), reserves)


def kept_at(parts, moment):
    """Gives what is still kept at a moment."""
    return sum(amount for amount, until in parts if until > moment)


@given(steps=st.lists(st.tuples(amounts, st.integers(0, 50).map(lambda days: START + days * DAY)), max_size=6))
def test_a_staircase_keeps_the_most_at_each_moment(steps):
    parts = staircase(steps)
    assert all(amount > 0 for amount, _until in parts)
    assert len({until for _amount, until in parts}) == len(parts)
    for day in range(-1, 52):
        moment = START + day * DAY
        assert kept_at(parts, moment) == max((amount for amount, until in steps if until > moment), default=0)


@given(
    amount=amounts, levels=st.lists(kepts, min_size=1, max_size=9), one=st.integers(0, 9), late=st.integers(0, 60),
    own=kepts,
)  # fmt: skip
def test_a_riskier_level_never_releases_earlier(amount, levels, one, late, own):
    """Whatever the levels say: at each moment, who is at a higher one has at least as much kept back."""
    now, others = START + late * DAY, steps_of(amount, own, ran_at=START, now=START + late * DAY)
    lower, higher = (
        staircase([*others, *steps_of(amount, kept_by(levels[:number]), ran_at=START, now=now)])
        for number in (min(one, len(levels)) - 1 if one else 0, len(levels))
    )
    for moment in {now, *(until for _amount, until in [*lower, *higher])}:
        assert kept_at(lower, moment) <= kept_at(higher, moment) <= amount
        before = moment - timedelta(seconds=1)
        assert kept_at(lower, before) <= kept_at(higher, before)


counts = st.integers(0, 500)


@given(
    facts=st.builds(Facts, counts, counts, counts, amounts, amounts, amounts),
    older=counts,
    here=counts,
    less=st.tuples(amounts, amounts),
    rule=st.tuples(*[st.none() | st.integers(1, 500)] * 2, *[st.none() | shares] * 2, st.integers(1, 50)),
)
def test_who_is_older_and_disputed_less_is_never_at_a_level_that_the_other_is_not(facts, older, here, less, rule):
    names = ("days_selling_below", "days_here_below", "disputed_ppb_from", "refunded_ppb_from", "least_sales")
    conditions = SimpleNamespace(**dict(zip(names, rule, strict=True)))
    milder = facts._replace(
        days_selling=facts.days_selling + older,
        days_here=facts.days_here + here,
        disputed_minor=min(facts.disputed_minor, less[0]),
        refunded_minor=min(facts.refunded_minor, less[1]),
    )
    assert holds_for(conditions, facts) or not holds_for(conditions, milder)
