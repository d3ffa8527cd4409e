"""Buyers get money of sales back, in any parts: through co-creators and ancestors, to the unit."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.payouts.models import AwaitingAllocation, RoyaltyLine, Transaction
from marketplace.payouts.operations import (
    UnableToDispute,
    UnableToPost,
    UnableToRefund,
    UnableToWriteOff,
    allocate_royalties,
    close_dispute,
    ensure_split,
    fail_refund,
    freeze,
    open_dispute,
    record_dispute_fee,
    record_sale,
    record_settled,
    refund,
    release_holds,
    settle,
    thaw,
    write_off,
)
from marketplace.payouts.queries import check_books, lines_of
from marketplace.payouts.reversals import Reversal, ReversalOutcome
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.payouts.cast import NOON, add_creator
from tests.payouts.test_disputes import books, buckets
from tests.payouts.test_freezes import CLAIM, STOLEN, states, usd

LATER = timedelta(days=14)


def give(noon, amount, key="refund:1", source="order-line:1", reason="unhappy"):
    return refund(source=source, amount_minor=amount, key=key, reason=reason, now=noon)


def refused(noon, match, **said):
    written = (Transaction.objects.count(), Reversal.objects.count())
    with pytest.raises(UnableToRefund, match=match):
        give(noon, **said)
    assert (Transaction.objects.count(), Reversal.objects.count()) == written


def remaining():
    return {
        line.payee.handle: line.amount_minor
        - sum(part.amount_minor for part in line.reversals.all())
        + sum(part.amount_minor for part in line.returns.all())
        for line in RoyaltyLine.objects.order_by("payee_id")
    }


def test_through_three_co_creators_and_two_ancestors_to_the_cent(alice, bob, erin, sell, noon, right):
    """Bob's work is derived from Alice's and Erin's, of which Mo and Hu have a part; 3.33 of 12.34 go back."""
    mo, hu = add_creator("mo", 4), add_creator("hu", 5)
    first = ensure_split(own={alice: 666_666_667, erin: 333_333_333}, parents=[], now=noon)
    second = ensure_split(own={mo: WHOLE_PPB}, parents=[(first, 250_000_000)], now=noon)
    third = ensure_split(own={bob: 500_000_000, hu: 300_000_000, mo: 200_000_000}, parents=[(second, 300_000_000)],
                         now=noon)  # fmt: skip
    sell(third, "order-line:1", gross=12_34, tax=98, fee=1_23)
    allocate_royalties(now=noon)
    assert remaining() == {"alice": 51, "bob": 354, "erin": 25, "mo": 370, "hu": 213}

    refunded = give(noon, 3_33)

    # 333 of 1234: 98 → 26.45, 123 → 33.19, 51 → 13.76, 354 → 95.53, 25 → 6.75, 370 → 99.85, 213 → 57.48
    assert (refunded.tax_minor, refunded.fee_minor, refunded.net_minor) == (26, 33, 274)
    assert remaining() == {"alice": 37, "bob": 258, "erin": 18, "mo": 270, "hu": 156}
    assert books()["psp_clearing"] == 12_34 - 3_33
    assert (books()["tax_payable"], books()["platform_fee"]) == (-72, -90)
    assert check_books() == []

    give(noon, 5_00, "refund:2")
    give(noon, 4_01, "refund:3")
    assert remaining() == dict.fromkeys(["alice", "bob", "erin", "mo", "hu"], 0)
    assert books() == {}
    assert states(bob) == {"order-line:1": "reversed"}
    refused(noon, "only 0.00 USD of it are left", amount=1, key="refund:4")


def test_a_sale_that_waits_is_allocated_first_and_no_other(alice, shared, sell, noon, right):
    sell(shared, "order-line:1")
    sell(shared, "order-line:2")

    give(noon, 6_00)

    assert usd(alice) == {"pending": 378}
    assert [waiting.sale.source for waiting in AwaitingAllocation.objects.all()] == ["order-line:2"]
    [line] = lines_of(alice)[0]
    assert (line.state, line.amount_minor, line.remaining_minor, line.reversed_minor) == ("pending", 756, 378, 378)


def test_after_the_payout_it_is_owed_and_later_earnings_meet_it_first(alice, bob, shared, sell, noon, right):
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)

    give(noon + LATER, 6_00)

    assert usd(alice) == {"owed": 378, "paid": 756}
    assert buckets() == [("alice", "creator_receivable", 378), ("bob", "creator_receivable", 162)]
    assert states(alice) == {"order-line:1": "paid"}
    sell(shared, "order-line:2", gross=10_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)
    assert usd(alice) == {"available": 700 - 378, "paid": 756}
    settle(now=noon + 2 * LATER)
    assert usd(alice) == {"paid": 756 + 322}


def test_a_dispute_after_a_part_was_refunded_takes_the_rest(alice, shared, sell, noon, right):
    sell(shared, "order-line:1", tax=96)
    allocate_royalties(now=noon)
    give(noon, 4_00)

    disputed = open_dispute(source="order-line:1", now=noon)

    assert (disputed.amount_minor, disputed.loss_minor) == (8_00, 0)
    assert books()["dispute_suspense"] == 8_00
    close_dispute(source="order-line:1", outcome="lost", now=noon)
    assert books() == {}
    assert states(alice) == {"order-line:1": "reversed"}


def test_a_bank_that_takes_more_than_remains_is_the_houses_loss(alice, shared, sell, noon, right):
    sell(shared, "order-line:1", tax=96)
    allocate_royalties(now=noon)
    give(noon, 4_00)

    disputed = open_dispute(source="order-line:1", amount_minor=12_00, key="dispute:whole", now=noon)

    assert (disputed.amount_minor, disputed.loss_minor) == (12_00, 4_00)
    assert check_books() == []
    close_dispute(source="order-line:1", outcome="lost", key="dispute:whole", now=noon)
    assert books() == {"dispute_loss": 4_00, "psp_clearing": -4_00}
    with pytest.raises(UnableToDispute, match="nothing of it remains"):
        open_dispute(source="order-line:1", now=noon)


def test_while_all_is_disputed_nothing_is_left_to_refund(alice, shared, sell, noon, right):
    sell(shared, "order-line:1")
    open_dispute(source="order-line:1", now=noon)

    refused(noon, "only 0.00 USD of it are left", amount=1)

    close_dispute(source="order-line:1", outcome="won", now=noon)
    give(noon, 12_00)
    assert usd(alice) == {}
    assert books() == {}


def test_several_disputes_of_parts_end_apart(alice, shared, sell, noon, right):
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)
    for number, amount in ((1, 3_00), (2, 4_00)):
        open_dispute(source="order-line:1", amount_minor=amount, key=f"dispute:{number}", now=noon)
    assert usd(alice) == {"pending": 756 - 189 - 252, "on hold": 189 + 252}
    assert states(alice) == {"order-line:1": "disputed"}
    refused(noon, "only 5.00 USD of it are left", amount=5_01)
    with pytest.raises(UnableToDispute, match="something else before"):
        open_dispute(source="order-line:1", amount_minor=9_99, key="dispute:1", now=noon)

    close_dispute(source="order-line:1", outcome="won", key="dispute:1", now=noon)
    close_dispute(source="order-line:1", outcome="lost", key="dispute:2", now=noon)

    assert usd(alice) == {"pending": 756 - 252}
    assert states(alice) == {"order-line:1": "pending"}
    give(noon, 8_00)
    assert books() == {}


def test_a_refund_that_failed_is_as_if_it_had_not_been(alice, bob, shared, sell, noon, right):
    sell(shared, "order-line:1", tax=96)
    allocate_royalties(now=noon)
    before = (usd(alice), usd(bob), books())
    give(noon, 5_55)

    ended = fail_refund(key="refund:1", now=noon)

    assert (usd(alice), usd(bob), books()) == before
    assert fail_refund(key="refund:1", now=noon + LATER) == ended
    with pytest.raises(UnableToRefund, match="no refund has that key"):
        fail_refund(key="refund:9", now=noon)
    give(noon, 12_00, "refund:2")
    assert books() == {}


def test_a_refund_that_fails_after_the_payout_meets_the_debt_first(alice, shared, sell, noon, right):
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    give(noon + LATER, 12_00)
    sell(shared, "order-line:2", gross=10_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)
    assert usd(alice) == {"owed": 56, "paid": 756}

    fail_refund(key="refund:1", now=noon + 2 * LATER)

    assert usd(alice) == {"available": 700, "paid": 756}


def test_of_what_is_frozen_a_part_is_taken_and_the_rest_is_held_anew(alice, bob, alices, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    freeze(subject=STOLEN, reason=CLAIM, now=noon + LATER)
    assert usd(alice) == {"available": 1080, "frozen": 756}

    give(noon + LATER, 4_00)

    assert usd(alice) == {"available": 1080, "frozen": 504}
    assert buckets() == [("alice", "creator_claim_hold", 252), ("bob", "creator_claim_hold", 108)]
    assert check_books() == []
    open_dispute(source="order-line:1", amount_minor=4_00, now=noon + LATER)
    assert usd(alice) == {"available": 1080, "frozen": 252, "on hold": 252}
    assert check_books() == []
    close_dispute(source="order-line:1", outcome="won", now=noon + LATER)
    assert usd(alice) == {"available": 1080, "frozen": 504}
    fail_refund(key="refund:1", now=noon + LATER)
    assert usd(alice) == {"available": 1080, "frozen": 756}
    assert check_books() == []
    thaw(subject=STOLEN, reason=CLAIM, now=noon + LATER)
    assert usd(alice) == {"available": 1836}


def test_a_part_of_what_is_available_is_of_its_own_sale(alice, alices, sell, noon, right):
    """4.00 of the stolen work's 12.00 go back: its 8.00 are frozen, the other work's 5.00 are not touched."""
    sell(alices, "order-line:1", subject="release:own", gross=5_00, fee=0)
    sell(alices, "order-line:2", subject=STOLEN, fee=0)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    give(noon + LATER, 4_00, source="order-line:2")

    freeze(subject=STOLEN, reason=CLAIM, now=noon + LATER)

    assert usd(alice) == {"available": 500, "frozen": 800}


def test_a_refund_before_the_release_frees_only_what_remains(alice, alices, sell, noon, right):
    sell(alices, "order-line:1", subject=STOLEN, fee=0)
    allocate_royalties(now=noon)
    give(noon, 5_00)
    release_holds(now=noon + LATER)
    assert usd(alice) == {"available": 700}

    freeze(subject=STOLEN, reason=CLAIM, now=noon + LATER)

    assert usd(alice) == {"frozen": 700}


def test_it_leaves_from_where_the_sales_money_is(alice, alices, sell, noon, right):
    sell(alices, "order-line:1", tax=1_00, tax_of="DE")
    sell(alices, "order-line:2")
    record_settled(source="order-line:1", fee_minor=40, reference="txn_1", now=noon)

    give(noon, 12_00)
    give(noon, 12_00, "refund:2", source="order-line:2")

    assert books() == {"psp_balance": -40, "psp_fee": 40}
    record_dispute_fee(source="order-line:2", fee_minor=15_00, key="dp_1", now=noon)
    record_dispute_fee(source="order-line:2", fee_minor=15_00, key="dp_1", now=noon)
    assert books()["dispute_fee"] == 15_00
    assert books()["psp_clearing"] == -15_00


def test_saying_it_again_changes_nothing_and_saying_something_else_is_refused(shared, sell, noon, right):
    sell(shared, "order-line:1")
    sell(shared, "order-line:2")
    first = give(noon, 5_00)
    written = Transaction.objects.count()
    assert give(noon + LATER, 5_00) == first
    assert Transaction.objects.count() == written

    refused(noon, "something else before", amount=5_01)
    refused(noon, "something else before", amount=5_00, source="order-line:2")
    refused(noon, "something else before", amount=5_00, reason="other")


def test_what_cannot_be_refunded_is_refused_and_nothing_is_written(shared, sell, noon, right):
    sell(shared, "order-line:1")
    refused(noon, "no such sale", amount=1, source="order-line:9")
    refused(noon, "not above zero", amount=0)
    refused(noon, "not above zero", amount=-1)
    refused(noon, "only 12.00 USD of it are left", amount=12_01)
    refused(noon, "at most 200 characters", amount=1, key="")
    refused(noon, "at most 200 characters", amount=1, reason="x" * 201)
    with pytest.raises(UnableToDispute, match="not above zero"):
        open_dispute(source="order-line:1", amount_minor=0, now=noon)
    with pytest.raises(UnableToDispute, match="no such sale"):
        record_dispute_fee(source="order-line:9", fee_minor=1, key="dp", now=noon)
    with pytest.raises(UnableToDispute, match="not above zero"):
        record_dispute_fee(source="order-line:1", fee_minor=0, key="dp", now=noon)
    assert not Reversal.objects.exists()
    assert AwaitingAllocation.objects.count() == 1


def test_a_debt_is_given_up_in_part_and_whole(alice, alices, sell, noon, right):
    sell(alices, "order-line:1")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    give(noon + LATER, 12_00)

    def give_up(amount, key, reason="closed her account"):
        return write_off(creator=alice, amount=Money(amount, "USD"), reason=reason, key=key, now=noon + LATER)

    first = give_up(80, "wo:1")
    assert give_up(80, "wo:1") == first
    assert usd(alice) == {"owed": 1000, "paid": 1080}
    for amount, key, why in ((1001, "wo:2", "only 10.00 USD is owed"), (0, "wo:2", "not above zero"),
                             (1, "", "at most 200 characters")):  # fmt: skip
        with pytest.raises(UnableToWriteOff, match=why):
            give_up(amount, key)
    with pytest.raises(UnableToPost, match="other content"):
        give_up(81, "wo:1")
    give_up(1000, "wo:3")
    assert usd(alice) == {"paid": 1080}
    assert books()["bad_debt"] == 1080


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_parts_in_any_order_leave_nothing(db, data):
    """Three payees, a tax and a fee: refunds and disputes of any amounts, some failed, won or lost, then the rest."""
    with transaction.atomic():
        cast = [add_creator(f"p{number}", 40 + number) for number in range(3)]
        shares = data.draw(st.lists(st.integers(1, 10**6), min_size=3, max_size=3))
        whole = sum(shares)
        ppb = [share * WHOLE_PPB // whole for share in shares]
        ppb[0] += WHOLE_PPB - sum(ppb)
        split = ensure_split(own=dict(zip(cast, ppb, strict=True)), parents=[], now=NOON)
        gross, tax, fee = data.draw(st.integers(20, 3000)), data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9))
        record_sale(source="s", split=split, gross=Money(gross, "USD"), tax_minor=tax, fee_minor=fee, now=NOON)
        left = gross
        for number in range(data.draw(st.integers(1, 6))):
            amount = data.draw(st.integers(1, max(1, left)))
            if amount > left:
                break
            if data.draw(st.booleans()):
                refund(source="s", amount_minor=amount, key=f"r{number}", reason="x", now=NOON)
                kept = data.draw(st.booleans())
                if not kept:
                    fail_refund(key=f"r{number}", now=NOON)
            else:
                open_dispute(source="s", amount_minor=amount, key=f"r{number}", now=NOON)
                kept = data.draw(st.booleans())
                close_dispute(source="s", outcome="lost" if kept else "won", key=f"r{number}", now=NOON)
            left -= amount if kept else 0
            assert check_books() == []
        if left:
            refund(source="s", amount_minor=left, key="rest", reason="x", now=NOON)
        assert books() == {}
        assert set(remaining().values()) <= {0}
        assert check_books() == []
        assert ReversalOutcome.objects.filter(outcome="lifted").count() == 0
        transaction.set_rollback(True)
