"""A buyer's bank takes back what a claim froze: before, during and after, won and lost."""

from datetime import timedelta

import pytest

from marketplace.payouts.models import AwaitingAllocation
from marketplace.payouts.operations import (
    allocate_royalties,
    close_dispute,
    fail_refund,
    open_dispute,
    refund,
    release_holds,
    settle,
    take_down,
)
from marketplace.payouts.queries import check_books
from tests.payouts.test_disputes import books, buckets
from tests.payouts.test_freezes import LATER, STOLEN, claim, give_back, holds, states, usd


@pytest.fixture
def held(shared, sell, noon):
    """A sale in its hold period, frozen: 7.56 of Alice's and 3.24 of Bob's."""
    sell(shared, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    claim(noon)


def test_disputed_while_frozen_and_won_it_is_held_again(alice, held, noon, right):
    open_dispute(source="order-line:1", now=noon)
    assert usd(alice) == {"on hold": 756}
    assert buckets() == [("alice", "creator_claim_hold", 756), ("bob", "creator_claim_hold", 324)]
    assert states(alice) == {"order-line:1": "disputed"}
    assert check_books() == []

    close_dispute(source="order-line:1", outcome="won", now=noon)

    assert usd(alice) == {"frozen": 756}
    assert check_books() == []
    release_holds(now=noon + LATER)
    give_back(noon, 14)
    assert usd(alice) == {"available": 756}


def test_disputed_while_frozen_and_lost_it_is_gone(alice, bob, held, noon, right):
    open_dispute(source="order-line:1", now=noon)
    close_dispute(source="order-line:1", outcome="lost", now=noon)

    assert usd(alice) == usd(bob) == books() == {}
    give_back(noon)
    [release] = release_holds(now=noon + LATER)
    assert release.transaction_id is None
    assert usd(alice) == {}


def test_thawed_in_dispute_and_won_afterwards_it_is_given_as_ever(alice, held, noon, right):
    open_dispute(source="order-line:1", now=noon)
    give_back(noon)
    assert usd(alice) == {"on hold": 756}

    close_dispute(source="order-line:1", outcome="won", now=noon)

    assert usd(alice) == {"pending": 756}


@pytest.mark.parametrize("released", [False, True])
def test_frozen_in_dispute_and_won_it_is_held(alice, shared, sell, noon, released, right):
    sell(shared, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    open_dispute(source="order-line:1", now=noon)
    claim(noon)
    assert usd(alice) == {"on hold": 756}
    if released:
        release_holds(now=noon + LATER)

    close_dispute(source="order-line:1", outcome="won", now=noon + LATER)

    assert usd(alice) == {"frozen": 756}
    bucket = "creator_available" if released else "creator_pending"
    assert holds()[0] == ("alice", "order-line:1", bucket, 756)
    assert settle(now=noon + LATER).answered == 0


def test_won_while_frozen_a_debt_comes_first_but_not_from_what_was_held(alice, alices, sell, noon, right):
    """Of 10.80, 2.00 met a debt, 8.80 were held; the debt of a third sale takes nothing of the 8.80."""
    sell(alices, "order-line:1", gross=2_00, fee=0)
    sell(alices, "order-line:2", gross=3_00, fee=0)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    open_dispute(source="order-line:1", now=noon + LATER)
    sell(alices, "order-line:3", subject=STOLEN)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)
    claim(noon, 28)
    assert usd(alice) == {"frozen": 880, "on hold": 200, "paid": 500}
    open_dispute(source="order-line:2", now=noon + 2 * LATER)
    open_dispute(source="order-line:3", now=noon + 2 * LATER)
    assert usd(alice) == {"on hold": 1580, "owed": 500, "paid": 500}

    close_dispute(source="order-line:3", outcome="won", now=noon + 2 * LATER)

    assert usd(alice) == {"frozen": 880, "on hold": 500, "owed": 300, "paid": 500}


def test_a_frozen_sale_that_is_disputed_is_allocated_and_held_when_won(alice, alices, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    sell(shared, "order-line:2", subject=STOLEN)
    claim(noon)

    open_dispute(source="order-line:1", now=noon + timedelta(days=1))

    assert usd(alice) == {"on hold": 756}
    assert [waiting.sale.source for waiting in AwaitingAllocation.objects.all()] == ["order-line:2"]
    assert check_books() == []
    close_dispute(source="order-line:1", outcome="won", now=noon + timedelta(days=2))
    assert usd(alice) == {"frozen": 756}


def test_what_a_partial_refund_leaves_of_a_frozen_sale_is_held(alice, bob, alices, shared, sell, noon, right):
    """A third of 12.00 goes back to the buyer; the rest of the lines, 5.04 and 2.16, waits for the claim."""
    sell(shared, "order-line:1", subject=STOLEN)
    sell(shared, "order-line:2", subject=STOLEN)
    claim(noon)

    refund(source="order-line:1", amount_minor=4_00, key="refund:1", reason="asked", now=noon)

    assert usd(alice) == {"frozen": 504}
    assert usd(bob) == {"frozen": 216}
    assert [waiting.sale.source for waiting in AwaitingAllocation.objects.all()] == ["order-line:2"]
    assert check_books() == []
    release_holds(now=noon + LATER)
    assert settle(now=noon + LATER).answered == 0
    assert usd(alice) == {"frozen": 504}

    refund(source="order-line:1", amount_minor=4_00, key="refund:2", reason="asked", now=noon + LATER)
    assert usd(alice) == {"frozen": 252}
    fail_refund(key="refund:1", now=noon + LATER)
    assert usd(alice) == {"frozen": 504}

    give_back(noon, 14)
    assert usd(alice) == {"available": 504}
    assert usd(bob) == {"available": 216}


@pytest.mark.parametrize(("outcome", "left"), [("won", 756), ("lost", 504)])
def test_what_a_partial_dispute_leaves_of_a_frozen_sale_is_held(alice, shared, sell, noon, outcome, left, right):
    sell(shared, "order-line:1", subject=STOLEN)
    claim(noon)

    open_dispute(source="order-line:1", amount_minor=4_00, now=noon)

    assert usd(alice) == {"frozen": 504, "on hold": 252}
    assert check_books() == []
    release_holds(now=noon + LATER)
    close_dispute(source="order-line:1", outcome=outcome, now=noon + LATER)
    assert usd(alice) == {"frozen": left}
    assert settle(now=noon + LATER).answered == 0


@pytest.mark.parametrize("back", ["refund", "dispute"])
def test_what_comes_back_is_taken_down_again_while_newer_sales_wait(alice, alices, sell, noon, back, right):
    """Freeze and takedown stand, and a newer sale waits: what comes back of the old one is put aside, and no more."""
    sell(alices, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    if back == "refund":
        refund(source="order-line:1", amount_minor=6_00, key="refund:1", reason="asked", now=noon)
    else:
        open_dispute(source="order-line:1", amount_minor=6_00, now=noon)
    claim(noon)
    take_down(subject=STOLEN, reason="claim:1", now=noon)
    sell(alices, "order-line:2", subject=STOLEN)
    assert books()["taken_down"] == -540

    if back == "refund":
        fail_refund(key="refund:1", now=noon)
    else:
        close_dispute(source="order-line:1", outcome="won", now=noon)

    assert books()["taken_down"] == -1080
    assert usd(alice) == {}
    assert [waiting.sale.source for waiting in AwaitingAllocation.objects.all()] == ["order-line:2"]


def test_what_a_partial_dispute_left_is_held_and_other_disputes_count_for_nothing(alice, alices, sell, noon, right):
    """Of 10.80 that are available the bank takes 2.70, and of another sale all; a freeze holds the other 8.10."""
    sell(alices, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", gross=30_00, fee=0)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    open_dispute(source="order-line:2", now=noon + LATER)
    open_dispute(source="order-line:1", amount_minor=3_00, now=noon + LATER)
    assert usd(alice) == {"available": 810, "on hold": 3270}

    claim(noon, 14)

    assert usd(alice) == {"frozen": 810, "on hold": 3270}
