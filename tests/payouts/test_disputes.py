"""A buyer's bank takes a sale back, and gives it back or keeps it."""

from datetime import timedelta

import pytest

from marketplace.payouts.models import HoldRelease, Transaction
from marketplace.payouts.operations import (
    UnableToCloseDispute,
    UnableToDispute,
    allocate_royalties,
    close_dispute,
    open_dispute,
    release_holds,
    settle,
)
from marketplace.payouts.queries import balances_of, check_books, lines_of, paid_total, trial_balance
from marketplace.payouts.reversals import Reversal, ReversalLine, ReversalOutcome

LATER = timedelta(days=14)


def books():
    """Return kind → net debit, over all creators."""
    return {row.kind: row.debit_minor - row.credit_minor for row in trial_balance()}


def usd(creator):
    [balance] = balances_of(creator)
    return {
        name: value
        for name, value in (
            ("pending", balance.pending_minor),
            ("available", balance.available_minor),
            ("on hold", balance.on_hold_minor),
            ("owed", balance.owed_minor),
            ("paid", balance.paid_minor),
        )
        if value
    }


def buckets():
    rows = ReversalLine.objects.order_by("line__payee_id", "bucket")
    return [(row.line.payee.handle, row.bucket, row.amount_minor) for row in rows]


def test_in_the_hold_period_it_is_taken_from_pending(alice, bob, shared, sell, noon):
    sell(shared, "order-line:1", tax=96)
    sell(shared, "order-line:2", tax=96)
    allocate_royalties(now=noon)

    open_dispute(source="order-line:1", now=noon)

    # each sale nets 9.84: 6.888 to Alice and 2.952 to Bob
    assert usd(alice) == {"pending": 689, "on hold": 689}
    assert usd(bob) == {"pending": 295, "on hold": 295}
    assert buckets() == [("alice", "creator_pending", 689), ("bob", "creator_pending", 295)]
    assert books()["dispute_suspense"] == 1200
    assert books()["psp_clearing"] == 1200
    states = {line.source: line.state for line in lines_of(alice)[0]}
    assert states == {"order-line:1": "disputed", "order-line:2": "pending"}
    assert check_books() == []

    release_holds(now=noon + LATER)
    assert usd(alice) == {"available": 689, "on hold": 689}
    assert check_books() == []


def test_lost_it_takes_lines_fee_and_tax(alice, bob, shared, sell, noon):
    sell(shared, "order-line:1", tax=96)
    allocate_royalties(now=noon)
    open_dispute(source="order-line:1", now=noon)

    close_dispute(source="order-line:1", outcome="lost", now=noon)

    assert usd(alice) == usd(bob) == {}
    assert books() == {}
    assert lines_of(alice)[0][0].state == "reversed"
    assert check_books() == []
    [release] = release_holds(now=noon + LATER)
    assert release.transaction_id is None
    assert check_books() == []


def test_won_in_the_hold_period_it_returns_to_pending(alice, shared, sell, noon):
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)
    before = books()
    open_dispute(source="order-line:1", now=noon)

    close_dispute(source="order-line:1", outcome="won", now=noon)

    assert (usd(alice), books()) == ({"pending": 756}, before)
    release_holds(now=noon + LATER)
    assert usd(alice) == {"available": 756}
    assert lines_of(alice)[0][0].state == "available"
    assert check_books() == []


def test_won_after_the_release_it_becomes_available(alice, shared, sell, noon):
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)
    open_dispute(source="order-line:1", now=noon)
    release_holds(now=noon + LATER)
    assert usd(alice) == {"on hold": 756}

    close_dispute(source="order-line:1", outcome="won", now=noon + LATER)

    assert usd(alice) == {"available": 756}
    settle(now=noon + LATER)
    assert usd(alice) == {"paid": 756}
    assert lines_of(alice)[0][0].state == "paid"
    assert check_books() == []


def test_a_sale_that_awaits_its_allocation_is_allocated_first(alice, shared, sell, noon):
    sell(shared, "order-line:1")

    open_dispute(source="order-line:1", now=noon)

    assert usd(alice) == {"on hold": 756}
    assert check_books() == []


def test_after_the_payout_it_is_owed_back_and_taken_from_later_earnings(alice, bob, shared, sell, noon):
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)

    open_dispute(source="order-line:1", now=noon + LATER)
    close_dispute(source="order-line:1", outcome="lost", now=noon + LATER)

    assert usd(alice) == {"owed": 756, "paid": 756}
    assert buckets() == [("alice", "creator_receivable", 756), ("bob", "creator_receivable", 324)]
    assert settle(now=noon + LATER).answered == 0

    sell(shared, "order-line:2", gross=20_00, fee=2_00)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)

    assert usd(alice) == {"available": 1260 - 756, "paid": 756}
    settle(now=noon + 2 * LATER)
    assert usd(alice) == {"paid": 1260}
    assert paid_total() == {"USD": 1800}
    assert check_books() == []


def test_what_is_still_available_is_taken_and_only_the_rest_is_owed(alice, bob, alices, shared, sell, noon):
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    sell(alices, "order-line:2", gross=5_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)

    open_dispute(source="order-line:1", now=noon + 2 * LATER)

    assert usd(alice) == {"owed": 256, "on hold": 756, "paid": 756}
    assert buckets() == [
        ("alice", "creator_available", 500),
        ("alice", "creator_receivable", 256),
        ("bob", "creator_receivable", 324),
    ]
    close_dispute(source="order-line:1", outcome="won", now=noon + 2 * LATER)
    assert usd(alice) == {"available": 500, "paid": 756}
    assert usd(bob) == {"paid": 324}
    assert check_books() == []


def test_won_it_first_settles_what_another_dispute_left_owed(alice, alices, sell, noon):
    sell(alices, "order-line:1")
    sell(alices, "order-line:2")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    open_dispute(source="order-line:1", now=noon + LATER)
    settle(now=noon + LATER)
    open_dispute(source="order-line:2", now=noon + LATER)
    close_dispute(source="order-line:2", outcome="lost", now=noon + LATER)
    assert usd(alice) == {"on hold": 1080, "owed": 1080, "paid": 1080}

    close_dispute(source="order-line:1", outcome="won", now=noon + LATER)

    assert usd(alice) == {"paid": 1080}
    assert check_books() == []


def test_saying_it_again_changes_nothing(shared, sell, noon):
    sell(shared, "order-line:1")
    opened = open_dispute(source="order-line:1", now=noon)
    assert open_dispute(source="order-line:1", now=noon + LATER) == opened
    closed = close_dispute(source="order-line:1", outcome="lost", now=noon)
    written = Transaction.objects.count()

    assert close_dispute(source="order-line:1", outcome="lost", now=noon + LATER) == closed
    assert open_dispute(source="order-line:1", now=noon + LATER) == opened
    assert Transaction.objects.count() == written


def test_the_other_outcome_is_refused(shared, sell, noon):
    sell(shared, "order-line:1")
    open_dispute(source="order-line:1", now=noon)
    close_dispute(source="order-line:1", outcome="won", now=noon)

    with pytest.raises(UnableToCloseDispute, match="closed as “won” before"):
        close_dispute(source="order-line:1", outcome="lost", now=noon)

    assert ReversalOutcome.objects.get().outcome == "won"
    assert check_books() == []


def test_what_cannot_be_disputed_is_refused_and_nothing_is_written(shared, sell, noon):
    sell(shared, "order-line:1")

    with pytest.raises(UnableToDispute, match="no such sale"):
        open_dispute(source="order-line:9", now=noon)
    with pytest.raises(UnableToCloseDispute, match="none was opened"):
        close_dispute(source="order-line:1", outcome="won", now=noon)
    with pytest.raises(UnableToCloseDispute, match="none was opened"):
        close_dispute(source="order-line:9", outcome="won", now=noon)
    with pytest.raises(UnableToCloseDispute, match="“won” or “lost”"):
        close_dispute(source="order-line:1", outcome="draw", now=noon)

    assert not Reversal.objects.exists()
    assert not HoldRelease.objects.exists()
    assert Transaction.objects.count() == 1
