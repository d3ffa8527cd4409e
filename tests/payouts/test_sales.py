"""What a buyer paid is booked once, balanced, and awaits its allocation."""

import pytest

from marketplace.payouts.models import AwaitingAllocation, Posting, Sale, Transaction
from marketplace.payouts.operations import UnableToPost, UnableToRecordSale, record_sale
from marketplace.payouts.queries import check_books, trial_balance
from marketplace.payouts.rules import Money


def test_a_sale_is_booked_to_the_cent(alices, sell, noon):
    sale = sell(alices, "order-line:1", gross=12_00, fee=1_20, tax=96)

    assert (sale.gross_minor, sale.tax_minor, sale.fee_minor, sale.net_minor) == (1200, 96, 120, 984)
    legs = Posting.objects.filter(transaction=sale.transaction).values_list("account__kind", "amount_minor")
    assert dict(legs) == {
        "psp_clearing": 1200,
        "tax_payable": -96,
        "platform_fee": -120,
        "royalty_unallocated": -984,
    }
    assert [waiting.sale for waiting in AwaitingAllocation.objects.all()] == [sale]
    assert check_books() == []


def test_legs_of_zero_are_not_written(alices, sell):
    sale = sell(alices, "order-line:1", gross=5_00, fee=0, tax=0)

    assert sale.transaction.postings.count() == 2


def test_a_sale_whose_fee_takes_all_awaits_nothing(alices, sell):
    sell(alices, "order-line:1", gross=1, fee=1)

    assert not AwaitingAllocation.objects.exists()
    assert check_books() == []


def test_the_same_source_again_returns_the_same_sale(alices, sell):
    first = sell(alices, "order-line:1")

    assert sell(alices, "order-line:1") == first
    assert (Sale.objects.count(), Transaction.objects.count(), Posting.objects.count()) == (1, 1, 3)


@pytest.mark.parametrize("other", [{"gross": 13_00}, {"fee": 1_00}, {"tax": 1}, {"currency": "EUR"}])
def test_the_same_source_with_other_content_is_refused(alices, sell, other):
    sell(alices, "order-line:1")

    with pytest.raises(UnableToPost, match="order-line:1"):
        sell(alices, "order-line:1", **other)

    assert (Sale.objects.count(), Transaction.objects.count(), Posting.objects.count()) == (1, 1, 3)


def test_the_same_source_with_another_split_is_refused(alices, shared, sell):
    sell(alices, "order-line:1")

    with pytest.raises(UnableToPost):
        sell(shared, "order-line:1")


@pytest.mark.parametrize(("gross", "tax", "fee"), [(0, 0, 0), (-1, 0, 0), (100, -1, 0), (100, 0, -1), (100, 60, 41)])
def test_what_is_not_a_sale_is_refused_and_nothing_is_written(alices, noon, gross, tax, fee):
    with pytest.raises(UnableToRecordSale):
        record_sale(
            source="order-line:1",
            split=alices,
            gross=Money(gross, "USD"),
            tax_minor=tax,
            fee_minor=fee,
            now=noon,
        )

    assert not Sale.objects.exists()
    assert not Transaction.objects.exists()


def test_the_trial_balance_sums_to_zero(alices, shared, sell):
    sell(alices, "order-line:1", tax=96)
    sell(shared, "order-line:2", gross=900, currency="JPY", fee=90)

    rows = {(row.currency, row.kind): (row.debit_minor, row.credit_minor) for row in trial_balance()}
    assert rows == {
        ("JPY", "platform_fee"): (0, 90),
        ("JPY", "psp_clearing"): (900, 0),
        ("JPY", "royalty_unallocated"): (0, 810),
        ("USD", "platform_fee"): (0, 120),
        ("USD", "psp_clearing"): (1200, 0),
        ("USD", "royalty_unallocated"): (0, 984),
        ("USD", "tax_payable"): (0, 96),
    }
