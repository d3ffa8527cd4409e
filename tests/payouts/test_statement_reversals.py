"""What is taken back of sales, and given back, on the statements of those who shared in them."""

from datetime import UTC, datetime

import pytest

from marketplace.payouts.explaining_queries import explained, payout_of, story_of
from marketplace.payouts.models import Payout, RoyaltyLine
from marketplace.payouts.operations import (
    allocate_royalties,
    award_takedown,
    close_dispute,
    close_month,
    ensure_split,
    fail_refund,
    lift_takedown,
    open_dispute,
    record_returned,
    refund,
    release_holds,
    settle,
    take_down,
    write_off,
)
from marketplace.payouts.queries import lines_of
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.payouts.statement_queries import closed, running
from tests.payouts.cast import NOON
from tests.payouts.test_statements import DAY, amounts, told, written

WORK, CLAIM = "release:" + "a" * 64, "claim:1"
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def parts(document, number):
    return [(part["what"], part["sale"], part["amount_minor"]) for part in document["lines"][number]["parts"]]


def give_back(source, amount_minor, number, now):
    refund(source=source, amount_minor=amount_minor, key=f"refund:{number}", reason="asked for", now=now)


def test_a_whole_month_added_up_by_hand(alice, bob, shared, sell, right, faulty_rail):
    """Alice: 7.56 + 0.64 + 7.56, less 1.89 refunded, less 7.56 lost, a payout refused, one sent, one more sale."""
    sell(shared, "order-line:1")
    sell(shared, "order-line:2", gross=1_01, fee=10)
    sell(shared, "order-line:3")
    allocate_royalties(now=NOON - 20 * DAY)
    give_back("order-line:1", 3_00, 1, NOON - 19 * DAY)  # fee 0.30, Alice 1.89, Bob 0.81
    open_dispute(source="order-line:3", now=NOON - 18 * DAY)
    close_dispute(source="order-line:3", outcome="lost", now=NOON - 17 * DAY)
    release_holds(now=NOON - 6 * DAY)
    faulty_rail.plan = ["refuse"]
    settle(now=NOON - 5 * DAY)
    settle(now=NOON - 4 * DAY)
    sell(shared, "order-line:4", gross=2_00, fee=20)
    allocate_royalties(now=NOON)
    close_month(period="2026-11", currency="USD", now=DECEMBER)

    document = told(closed(alice, period="2026-11", currency="USD"))
    assert amounts(document) == [
        ("royalty_run", 756 + 64 + 756),
        ("refund", -189),
        ("dispute_lost", -756),
        ("payout_reserve", -631),
        ("payout_failed", 631),
        ("payout_reserve", -631),
        ("royalty_run", 126),
    ]
    assert (document["opening_minor"], document["closing_minor"], document["buckets"]["pending"]) == (0, 126, 126)
    assert parts(document, 1) == [("reversed", "order-line:1", -189)]
    assert document["lines"][1]["parts"][0]["reversal"] == "refund:1"
    assert document["lines"][1]["parts"][0]["reason"] == "asked for"
    assert told(closed(bob, period="2026-11", currency="USD"))["closing_minor"] == 54


def test_refunds_in_parts_and_one_that_fails(alice, shared, sell, right):
    sell(shared, "order-line:1")
    allocate_royalties(now=NOON)
    give_back("order-line:1", 4_00, 1, NOON)
    give_back("order-line:1", 8_00, 2, NOON)
    fail_refund(key="refund:2", now=NOON)
    document = told(running(alice, currency="USD"))

    assert amounts(document) == [("royalty_run", 756), ("refund", -252), ("refund", -504), ("refund_failed", 504)]
    assert parts(document, 3) == [("returned", "order-line:1", 504)]
    assert document["closing_minor"] == 504


def test_a_takedown_and_what_comes_of_it(alice, bob, shared, sell, right):
    for number in (1, 2):
        sell(shared, f"order-line:{number}", subject=WORK)
    allocate_royalties(now=NOON)
    before = written(running(bob, currency="USD"))
    take_down(subject=WORK, reason=CLAIM, now=NOON + DAY)
    give_back("order-line:1", 6_00, 1, NOON + 2 * DAY)  # fee 0.60, and 5.40 of what was put aside
    lift_takedown(subject=WORK, reason=CLAIM, now=NOON + 3 * DAY)
    fail_refund(key="refund:1", now=NOON + 4 * DAY)
    document = told(running(alice, currency="USD"))

    assert amounts(document) == [
        ("royalty_run", 1512),
        ("takedown", -1512),
        ("takedown_lifted", 1512 - 378),
        ("refund_failed", 378),
    ]
    assert sorted(parts(document, 1)) == [("reversed", "order-line:1", -756), ("reversed", "order-line:2", -756)]
    assert sorted(parts(document, 2)) == [("returned", "order-line:1", 378), ("returned", "order-line:2", 756)]
    assert parts(document, 3) == [("returned", "order-line:1", 378)]
    assert document["closing_minor"] == 1512
    assert written(running(bob, currency="USD")) != before


def test_a_won_dispute_over_what_was_put_aside_says_what_it_gave(alice, alices, sell, right):
    sell(alices, "order-line:1", subject=WORK)
    allocate_royalties(now=NOON)
    take_down(subject=WORK, reason=CLAIM, now=NOON + DAY)
    open_dispute(source="order-line:1", amount_minor=6_00, now=NOON + 2 * DAY)  # fee 0.60, 5.40 of what is put aside
    lift_takedown(subject=WORK, reason=CLAIM, now=NOON + 3 * DAY)
    close_dispute(source="order-line:1", outcome="won", now=NOON + 4 * DAY)
    document = told(running(alice, currency="USD"))

    assert amounts(document) == [
        ("royalty_run", 1080),
        ("takedown", -1080),
        ("takedown_lifted", 540),
        ("dispute_won", 540),
    ]
    assert parts(document, 3) == [("returned", "order-line:1", 540)]
    assert document["closing_minor"] == 1080


def test_what_is_awarded_is_a_royalty_like_any_other(alice, bob, alices, sell, right):
    sell(alices, "order-line:1", subject=WORK)
    allocate_royalties(now=NOON)
    take_down(subject=WORK, reason=CLAIM, now=NOON + DAY)
    bobs = ensure_split(own={bob: WHOLE_PPB}, parents=[], now=NOON)
    award_takedown(subject=WORK, reason=CLAIM, split=bobs, now=NOON + 2 * DAY)
    allocate_royalties(now=NOON + 2 * DAY)

    assert amounts(told(running(alice, currency="USD"))) == [("royalty_run", 1080), ("takedown", -1080)]
    document = told(running(bob, currency="USD"))
    assert parts(document, 0) == [("royalty", f"award:{CLAIM}:USD", 1080)]


def test_a_debt_that_is_given_up(alice, alices, sell, right):
    sell(alices, "order-line:1")
    allocate_royalties(now=NOON)
    release_holds(now=NOON + 14 * DAY)
    settle(now=NOON + 14 * DAY)
    give_back("order-line:1", 12_00, 1, NOON + 15 * DAY)
    write_off(creator=alice, amount=Money(80, "USD"), reason="small", key="1", now=NOON + 16 * DAY)
    document = told(running(alice, currency="USD"))

    assert amounts(document)[-2:] == [("refund", -1080), ("write_off", 80)]
    assert (document["closing_minor"], document["buckets"]["owed"]) == (-1000, 1000)


def test_a_line_is_explained_with_what_was_taken_of_it(alice, shared, sell, right):
    sell(shared, "order-line:1", gross=1_01, fee=10)
    allocate_royalties(now=NOON)
    give_back("order-line:1", 50, 1, NOON)
    give_back("order-line:1", 51, 2, NOON)
    fail_refund(key="refund:2", now=NOON)
    line = RoyaltyLine.objects.get(payee=alice)
    found = explained(alice, line.pk)

    divided = [(one.quotient_minor, one.remainder, one.odd_minor, one.amount_minor) for one in found.shares]
    assert divided == [(63, 700_000_000, 1, 64), (27, 300_000_000, 0, 27)]
    assert [(one.key, one.kind, one.outcome) for one in found.reversals] == [
        ("refund:1", "refund", ""),
        ("refund:2", "refund", "failed"),
    ]
    assert found.reversals[1].taken_minor == found.reversals[1].returned_minor
    assert found.remaining_minor == 64 - found.reversals[0].taken_minor
    assert found.mine.payee == alice
    assert explained(alice, line.pk + 10**6) is None
    assert explained(alice, RoyaltyLine.objects.exclude(payee=alice).get().pk) is None
    assert lines_of(alice)[0][0].id == line.pk


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_payout_is_what_became_available_since_the_one_before(alice, bob, alices, sell, right, comes_back):
    sell(alices, "order-line:1")
    allocate_royalties(now=NOON)
    release_holds(now=NOON + 14 * DAY)
    settle(now=NOON + 14 * DAY)
    first = Payout.objects.get()
    if comes_back:
        record_returned(key=first.idem_key, reference="unknown account", now=NOON + 15 * DAY)
    give_back("order-line:1", 6_00, 1, NOON + 16 * DAY)
    sell(alices, "order-line:2", gross=30_00, fee=3_00)
    allocate_royalties(now=NOON + 17 * DAY)
    release_holds(now=NOON + 40 * DAY)
    settle(now=NOON + 40 * DAY)
    second = Payout.objects.exclude(pk=first.pk).get()
    story = story_of(second)

    assert sum(one.amount_minor for one in story) == second.amount_minor == (1080 if comes_back else 0) - 540 + 2700
    assert [one.kind for one in story] == (["payout_returned", "refund"] if comes_back else []) + ["hold_release"]
    assert [line.sale.source for line in story[-1].lines] == ["order-line:2"]
    assert story[-1].buckets["pending"] == -2700
    if not comes_back:
        assert story[-1].buckets["owed"] == -540
    assert sum(one.amount_minor for one in story_of(first)) == first.amount_minor
    assert payout_of(bob, second.pk) is None
