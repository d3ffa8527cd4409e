"""What the provider moved of itself, and sales settled by the thousand: each once, balanced, refused by name."""

import pytest

from marketplace.payouts.bookkeeping.books import UnableToPost
from marketplace.payouts.bookkeeping.providing import UnableToRecordSettlement, record_settled
from marketplace.payouts.bookkeeping.settling import Collected, record_settlements
from marketplace.payouts.bookkeeping.suspense import clear_suspense, record_collected, record_provider_fee, suspend
from marketplace.payouts.models import AccountKind, Posting, Transaction
from marketplace.payouts.operations import open_dispute, refund
from marketplace.payouts.queries import check_books, house_sum
from marketplace.payouts.statements import ProviderSettlement
from tests.payouts.ahead import paid

BALANCE, CLEARING, FEES, SUSPENSE = (
    AccountKind.PSP_BALANCE,
    AccountKind.PSP_CLEARING,
    AccountKind.PSP_FEE,
    AccountKind.SUSPENSE,
)


def sums(*kinds):
    return tuple(house_sum(kind, "USD") for kind in kinds)


def written():
    return Transaction.objects.count(), Posting.objects.count(), ProviderSettlement.objects.count()


@pytest.mark.django_db
def test_a_fee_is_taken_once_and_may_be_given_back(noon):
    first = record_provider_fee(amount_minor=2_00, currency="USD", reference="txn_1", now=noon)
    assert record_provider_fee(amount_minor=2_00, currency="USD", reference="txn_1", now=noon) == first
    assert sums(BALANCE, FEES) == (-2_00, 2_00)
    with pytest.raises(UnableToPost, match="with other content"):
        record_provider_fee(amount_minor=3_00, currency="USD", reference="txn_1", now=noon)
    record_provider_fee(amount_minor=-50, currency="USD", reference="txn_2", now=noon)
    assert sums(BALANCE, FEES) == (-1_50, 1_50)
    assert check_books() == []


@pytest.mark.django_db
@pytest.mark.parametrize("amount_minor", [7_00, -7_00])
def test_what_is_not_understood_is_suspended_and_then_belongs_somewhere(noon, amount_minor):
    suspend(amount_minor=amount_minor, currency="USD", reference="txn_1", now=noon)
    assert sums(BALANCE, SUSPENSE) == (amount_minor, -amount_minor)
    said = {"amount_minor": amount_minor, "currency": "USD", "reference": "txn_1", "now": noon}
    first = clear_suspense(to=AccountKind.DISPUTE_LOSS, **said)
    assert clear_suspense(to=AccountKind.DISPUTE_LOSS, **said) == first
    assert sums(BALANCE, SUSPENSE, AccountKind.DISPUTE_LOSS) == (amount_minor, 0, -amount_minor)
    with pytest.raises(UnableToPost, match="with other content"):
        clear_suspense(to=AccountKind.BANK, **said)
    with pytest.raises(UnableToPost, match="does not belong to “creator_available”"):
        clear_suspense(to=AccountKind.CREATOR_AVAILABLE, **said)
    assert (Transaction.objects.count(), check_books()) == (2, [])


def test_many_sales_are_settled_as_one_is(alices, sell, noon):
    for place in range(4):
        sell(alices, f"order-line:{place}", gross=12_00 + place)
    refund(source="order-line:1", amount_minor=2_00, key="r1", reason="a broken file", now=noon)
    open_dispute(source="order-line:2", now=noon)
    record_settled(source="order-line:3", fee_minor=33, reference="txn_3", now=noon)
    asked = [Collected(f"order-line:{place}", 30 + place, f"txn_{place}") for place in range(4)]
    assert record_settlements(settled=asked, now=noon) == 3
    # 12.00, 12.01 less 2.00, nothing left of 12.02, and 12.03
    assert sums(CLEARING, FEES) == (0, 30 + 31 + 32 + 33)
    assert sums(BALANCE) == (12_00 + 10_01 + 12_03 - 126,)
    assert check_books() == []
    before = written()
    assert record_settlements(settled=asked, now=noon) == 0
    assert record_settled(source="order-line:1", fee_minor=31, reference="txn_1", now=noon).fee_minor == 31
    assert written() == before


def test_nothing_left_and_no_fee_is_passed_by(alices, sell, noon):
    sell(alices, "order-line:1")
    refund(source="order-line:1", amount_minor=12_00, key="r1", reason="a broken file", now=noon)
    assert record_settlements(settled=[Collected("order-line:1", 0, "txn_1")], now=noon) == 0
    assert record_settlements(settled=[], now=noon) == 0
    assert not ProviderSettlement.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (Collected("order-line:9", 5, "txn_9"), "there is no such sale"),
        (Collected("order-line:2", -1, "txn_2"), "a fee is zero or more"),
        (Collected("order-line:2", 1, ""), "its reference is empty"),
        (Collected("order-line:1", 6, "txn_1"), "settled before with other content"),
    ],
)
def test_one_that_cannot_be_booked_keeps_all_of_them_out(alices, sell, noon, wrong, why):
    sell(alices, "order-line:1")
    sell(alices, "order-line:2")
    sell(alices, "order-line:3")
    record_settlements(settled=[Collected("order-line:1", 5, "txn_1")], now=noon)
    before = written()
    with pytest.raises(UnableToRecordSettlement, match=why):
        record_settlements(settled=[Collected("order-line:3", 5, "txn_3"), wrong], now=noon)
    assert written() == before


def test_what_was_collected_for_periods_to_come_is_in_the_balance(alices, noon):
    paid(alices, gross=30_00, fee=0, now=noon)
    first = record_collected(amount_minor=30_00, currency="USD", reference="txn_1", now=noon)
    assert record_collected(amount_minor=30_00, currency="USD", reference="txn_1", now=noon) == first
    assert sums(BALANCE, CLEARING) == (30_00, 0)
    assert check_books() == []
