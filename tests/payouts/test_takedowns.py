"""A claim is upheld: what remains of a work's earnings is put aside, refunded from, given back, or awarded."""

from datetime import timedelta

import pytest

from marketplace.payouts.models import AwaitingAllocation, RoyaltyLine, Sale, Transaction
from marketplace.payouts.operations import (
    UnableToDispute,
    UnableToRefund,
    UnableToTakeDown,
    allocate_royalties,
    award_takedown,
    close_dispute,
    ensure_split,
    fail_refund,
    freeze,
    lift_takedown,
    open_dispute,
    refund,
    release_holds,
    settle,
    take_down,
    thaw,
)
from marketplace.payouts.queries import check_books, lines_of, paid_total
from marketplace.payouts.reversals import ReturnedLine, Reversal, ReversalLine, ReversalOutcome
from marketplace.payouts.rules import WHOLE_PPB
from tests.payouts.test_disputes import books, buckets
from tests.payouts.test_freezes import CLAIM, OWN, STOLEN, states, usd

LATER = timedelta(days=14)


def down(noon, days=0):
    return take_down(subject=STOLEN, reason=CLAIM, now=noon + timedelta(days=days))


def lift(noon, days=0):
    return lift_takedown(subject=STOLEN, reason=CLAIM, now=noon + timedelta(days=days))


def give(noon, amount, key="refund:1", source="order-line:1"):
    return refund(source=source, amount_minor=amount, key=key, reason="stolen", now=noon)


def test_all_that_remains_of_all_its_sales_is_put_aside(alice, bob, alices, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", subject=OWN)
    allocate_royalties(now=noon)
    sell(shared, "order-line:3", subject=STOLEN)

    assert down(noon) == {"USD": 2160}

    assert usd(alice) == {"pending": 1080}
    assert usd(bob) == {}
    assert books()["taken_down"] == -2160
    assert states(alice) == {"order-line:1": "reversed", "order-line:2": "pending", "order-line:3": "reversed"}
    assert not AwaitingAllocation.objects.exists()
    written = Transaction.objects.count()
    assert down(noon) == {}
    assert Transaction.objects.count() == written


def test_from_hold_pending_reserve_available_and_debt(alice, bob, alices, shared, sell, noon, settings, right):
    """Of three sales of the work one is paid out; the reserve and other money are taken before a debt is made."""
    settings.PAYOUT_RESERVE_PPB, settings.PAYOUT_RESERVE_DAYS = 100_000_000, 90
    sell(shared, "order-line:1", subject=STOLEN, fee=2_00)  # 7.00 and 3.00
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    sell(alices, "order-line:2", subject=OWN, gross=2_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)
    sell(shared, "order-line:3", subject=STOLEN, fee=2_00)
    allocate_royalties(now=noon + 2 * LATER)
    freeze(subject=STOLEN, reason=CLAIM, now=noon + 2 * LATER)

    assert down(noon, 28) == {"USD": 2000}

    assert buckets() == [
        ("alice", "creator_available", 180),
        ("alice", "creator_claim_hold", 700),
        ("alice", "creator_receivable", 430),
        ("alice", "creator_reserve", 90),
        ("bob", "creator_claim_hold", 300),
        ("bob", "creator_receivable", 270),
        ("bob", "creator_reserve", 30),
    ]
    assert usd(alice) == {"owed": 430, "paid": 630}
    assert check_books() == []
    assert lift(noon, 28) == {"USD": 2000}
    # What was held is held again; a debt takes of the rest first, and what is left of that is held as well.
    assert usd(alice) == {"frozen": 970, "paid": 630}
    assert check_books() == []
    thaw(subject=STOLEN, reason=CLAIM, now=noon + 2 * LATER)
    assert usd(alice) == {"available": 270, "pending": 700, "paid": 630}


def test_lifted_it_returns_to_pending_and_to_available(alice, bob, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    sell(shared, "order-line:2", subject=STOLEN)
    allocate_royalties(now=noon + LATER)
    before = (usd(alice), usd(bob), books())
    down(noon, 14)
    assert usd(alice) == {}

    assert lift(noon, 14) == {"USD": 2160}

    assert (usd(alice), usd(bob), books()) == before
    assert lift(noon, 14) == {}
    assert down(noon, 15) == {}  # a late repetition
    assert usd(alice) == before[0]


def test_refunds_come_out_of_the_pot_and_what_is_left_is_given_back(alice, bob, shared, sell, noon, right):
    sell(shared, "order-line:1", tax=96, subject=STOLEN)
    allocate_royalties(now=noon)
    down(noon)

    refunded = give(noon, 5_00)

    # of 12.00: 0.96 of tax, 1.20 of the fee, 9.84 of the pot
    assert (refunded.tax_minor, refunded.fee_minor, refunded.pot_minor, refunded.net_minor) == (40, 50, 410, 0)
    assert books()["taken_down"] == -574
    assert check_books() == []

    assert lift(noon) == {"USD": 574}

    # 5.74 over 6.89 and 2.95: 401.9 and 172.1
    assert usd(alice) == {"pending": 402}
    assert usd(bob) == {"pending": 172}
    assert "taken_down" not in books()
    assert check_books() == []
    fail_refund(key="refund:1", now=noon)
    assert usd(alice) == {"pending": 689}
    assert usd(bob) == {"pending": 295}
    give(noon, 12_00, "refund:2")
    assert books() == {}


def test_a_refund_that_fails_while_it_stands_returns_to_the_pot(alice, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    down(noon)
    give(noon, 12_00)
    assert books() == {}

    fail_refund(key="refund:1", now=noon)

    assert books()["taken_down"] == -1080
    assert lift(noon) == {"USD": 1080}
    assert usd(alice) == {"pending": 756}


@pytest.mark.parametrize("whole", ["refunded", "disputed"])
def test_lifted_when_nothing_is_left_it_is_over_and_what_comes_back_is_the_creators(
    alice, shared, sell, noon, whole, right
):
    sell(shared, "order-line:1", subject=STOLEN)
    down(noon)
    if whole == "refunded":
        give(noon, 12_00)
    else:
        open_dispute(source="order-line:1", now=noon)

    assert lift(noon) == {}

    assert ReversalOutcome.objects.get().transaction_id is None
    assert check_books() == []
    if whole == "refunded":
        fail_refund(key="refund:1", now=noon)
    else:
        close_dispute(source="order-line:1", outcome="won", now=noon)
    assert usd(alice) == {"pending": 756}
    assert "taken_down" not in books()


def test_of_two_sales_one_is_awarded_and_the_other_was_refunded_whole(alice, erin, shared, sell, noon, right):
    for number in (1, 2):
        sell(shared, f"order-line:{number}", subject=STOLEN)
    down(noon)
    give(noon, 12_00)
    erins = ensure_split(own={erin: WHOLE_PPB}, parents=[], now=noon)
    [sale] = award_takedown(subject=STOLEN, reason=CLAIM, split=erins, now=noon)
    assert sale.gross_minor == 1080

    fail_refund(key="refund:1", now=noon)

    assert award_takedown(subject=STOLEN, reason=CLAIM, split=erins, now=noon) == [sale]
    assert books()["taken_down"] == -1080  # the buyer's, who had not got it
    give(noon, 12_00, "refund:2")


def test_what_comes_back_of_a_sale_that_is_taken_down_is_put_aside_as_well(alice, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    sell(shared, "order-line:2", subject=STOLEN)
    allocate_royalties(now=noon)
    open_dispute(source="order-line:1", amount_minor=6_00, now=noon)
    give(noon, 4_00, source="order-line:2")
    assert down(noon) == {"USD": 540 + 720}

    close_dispute(source="order-line:1", outcome="won", now=noon)
    fail_refund(key="refund:1", now=noon)

    assert usd(alice) == {}
    assert books()["taken_down"] == -2160
    assert check_books() == []
    assert lift(noon) == {"USD": 2160}
    assert usd(alice) == {"pending": 1512}


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_disputed_from_the_pot_and_lifted_meanwhile(alice, bob, shared, sell, noon, outcome, right):
    sell(shared, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    down(noon)
    disputed = open_dispute(source="order-line:1", amount_minor=6_00, now=noon)
    assert (disputed.fee_minor, disputed.pot_minor) == (60, 540)
    with pytest.raises(UnableToRefund, match="only 6.00 USD"):
        give(noon, 6_01)
    assert books()["taken_down"] == -1080
    assert check_books() == []
    assert lift(noon) == {"USD": 540}
    assert usd(alice) == {"pending": 378}
    assert check_books() == []

    close_dispute(source="order-line:1", outcome=outcome, now=noon)

    assert usd(alice) == {"pending": 756 if outcome == "won" else 378}
    assert "taken_down" not in books()
    give(noon, 12_00 if outcome == "won" else 6_00)
    assert books() == {}


def test_awarded_it_is_a_sale_of_who_is_right(alice, bob, erin, shared, sell, noon, right):
    """Erin drew it: what the copy earned is hers, less what buyers got back, with a hold period as ever."""
    sell(shared, "order-line:1", subject=STOLEN)
    sell(shared, "order-line:2", gross=900, fee=90, currency="JPY", subject=STOLEN)
    allocate_royalties(now=noon)
    assert down(noon) == {"JPY": 810, "USD": 1080}
    give(noon, 4_00)
    erins = ensure_split(own={erin: WHOLE_PPB}, parents=[], now=noon)

    awarded = award_takedown(subject=STOLEN, reason=CLAIM, split=erins, now=noon)

    assert [(sale.source, sale.gross_minor, sale.net_minor) for sale in awarded] == [
        (f"award:{CLAIM}:JPY", 810, 810),
        (f"award:{CLAIM}:USD", 720, 720),
    ]
    assert "taken_down" not in books()
    assert award_takedown(subject=STOLEN, reason=CLAIM, split=erins, now=noon + LATER) == awarded
    assert lift(noon) == {}
    assert check_books() == []
    with pytest.raises(UnableToRefund, match="only 0.80 USD"):  # the rest of the fee
        give(noon, 81, "refund:2")
    give(noon, 80, "refund:2")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    assert paid_total() == {"JPY": 810, "USD": 720}
    assert states(erin) == {f"award:{CLAIM}:JPY": "paid", f"award:{CLAIM}:USD": "paid"}
    for verb in (open_dispute, refund):
        said = {"source": f"award:{CLAIM}:USD", "now": noon, "amount_minor": 1, "key": "x"}
        with pytest.raises((UnableToDispute, UnableToRefund), match="no buyer paid it"):
            verb(**said, **({"reason": "x"} if verb is refund else {}))


def test_a_refund_of_the_pot_that_fails_after_the_award_stays_aside(alice, erin, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    down(noon)
    give(noon, 4_00)
    erins = ensure_split(own={erin: WHOLE_PPB}, parents=[], now=noon)
    award_takedown(subject=STOLEN, reason=CLAIM, split=erins, now=noon)

    fail_refund(key="refund:1", now=noon)

    assert books()["taken_down"] == -360
    give(noon, 4_80, "refund:2")  # on another way, with what is left of the fee
    assert "taken_down" not in books()


def test_what_was_paid_is_owed_and_the_payee_is_not_paid_before(alice, bob, alices, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)

    down(noon, 14)

    assert usd(alice) == {"owed": 756, "paid": 756}
    sell(alices, "order-line:2", subject=OWN)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)
    assert usd(alice) == {"available": 1080 - 756, "paid": 756}
    assert lines_of(alice)[0][1].state == "reversed"


def test_two_takedowns_of_one_line_are_lifted_against_the_debt_together(alice, alices, sell, noon, right):
    """What came back after the first was put aside again, by a second of its own; the debt is met once, and whole."""
    sell(alices, "order-line:1", subject=STOLEN, gross=10_00, fee=0)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    give(noon + LATER, 5_00)
    down(noon, 14)
    fail_refund(key="refund:1", now=noon + LATER)
    assert [(part.bucket, part.amount_minor) for part in ReversalLine.objects.filter(reversal__kind="takedown")] == [
        ("creator_receivable", 500),
        ("creator_receivable", 500),
    ]
    sell(alices, "order-line:2", subject=OWN, gross=4_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)
    freeze(subject=STOLEN, reason=CLAIM, now=noon + 2 * LATER)
    assert usd(alice) == {"owed": 600, "paid": 1000}

    assert lift(noon, 28) == {"USD": 1000}

    lifted = ReturnedLine.objects.filter(outcome__outcome="lifted").order_by("outcome", "bucket")
    assert [(back.bucket, back.amount_minor) for back in lifted] == [
        ("creator_available", 500),
        ("creator_available", 100),
        ("creator_claim_hold", 400),
    ]
    assert usd(alice) == {"frozen": 400, "paid": 1000}
    assert check_books() == []
    thaw(subject=STOLEN, reason=CLAIM, now=noon + 2 * LATER)
    assert usd(alice) == {"available": 400, "paid": 1000}


def test_many_sales_are_taken_down_in_one_transaction_and_given_back_to_the_unit(alice, bob, erin, sell, noon, right):
    thirds = ensure_split(own={alice: 333_333_334, bob: 333_333_333, erin: 333_333_333}, parents=[], now=noon)
    for number in range(30):
        sell(thirds, f"order-line:{number}", gross=100 + 7 * number, fee=number, subject=STOLEN)
        if number in (9, 19):
            allocate_royalties(now=noon)
            release_holds(now=noon + (1 if number == 9 else 0) * LATER)
    earned = {line.pk: line.amount_minor for line in RoyaltyLine.objects.all()}

    total = down(noon, 14)["USD"]

    assert Transaction.objects.filter(kind="takedown").count() == 1
    assert sum(part.amount_minor for part in ReversalLine.objects.all()) == total
    for number in range(0, 30, 3):
        give(noon + LATER, 31, f"refund:{number}", f"order-line:{number}")
    assert check_books() == []
    left = -books()["taken_down"]
    assert lift(noon, 14) == {"USD": left}
    assert check_books() == []
    for number in range(0, 30, 3):
        fail_refund(key=f"refund:{number}", now=noon + LATER)
    assert check_books() == []
    assert all(earned.get(line.pk, line.amount_minor) == line.amount_minor for line in RoyaltyLine.objects.all())
    for sale in Sale.objects.all():
        give(noon + LATER, sale.gross_minor, f"all:{sale.pk}", sale.source)
    assert books() == {}


@pytest.mark.parametrize(("subject", "reason"), [("", CLAIM), (STOLEN, ""), ("x" * 201, CLAIM), (STOLEN, "x" * 141)])
def test_what_cannot_be_named_is_not_taken_down(db, noon, subject, reason):
    with pytest.raises(UnableToTakeDown):
        take_down(subject=subject, reason=reason, now=noon)
    assert not Reversal.objects.exists()


def test_what_never_sold_has_nothing_to_take(db, noon, alices):
    assert down(noon) == {}
    assert lift(noon) == {}
    assert award_takedown(subject=STOLEN, reason=CLAIM, split=alices, now=noon) == []
    assert not Transaction.objects.exists()
