"""Many sales in one statement: all of them or none, each once, and each as if it had been booked alone."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from marketplace.payouts.models import Account, AccountKind, AwaitingAllocation, Posting, Sale, Transaction
from marketplace.payouts.operations import (
    Sold,
    UnableToPost,
    UnableToRecordSale,
    allocate_royalties,
    ensure_split,
    give_credit,
    recognize_periods,
    record_sale,
    record_sales,
)
from marketplace.payouts.queries import check_books, house_sum, trial_balance
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.payouts.ahead import paid
from tests.payouts.cast import NOON, add_creator


def sold(split, source, gross=12_00, **more):
    return Sold(
        source, split, Money(gross, more.pop("currency", "USD")), more.pop("tax", 0), more.pop("fee", 1_20), **more
    )


def counted():
    return Sale.objects.count(), Transaction.objects.count(), Posting.objects.count(), Account.objects.count()


def test_a_batch_is_booked_in_one_statement(alices, shared, noon, django_assert_num_queries):
    batch = [sold(alices, f"order-line:{n}", 12_00 + n, tax=n, fee=n % 3) for n in range(50)]
    batch += [sold(shared, "order-line:yen", 900, currency="JPY", subject="release:1")]
    record_sales(sales=batch[:1], now=noon)
    with django_assert_num_queries(4):  # a savepoint and its end, the statement, and what stood before
        made = record_sales(sales=batch, now=noon)

    assert [sale.source for sale in made] == [one.source for one in batch]
    assert [sale.net_minor for sale in made] == [one.net_minor for one in batch]
    assert Sale.objects.count() == AwaitingAllocation.objects.count() == 51
    assert house_sum(AccountKind.PSP_CLEARING, "USD") == sum(12_00 + n for n in range(50))
    assert house_sum(AccountKind.ROYALTY_UNALLOCATED, "JPY") == -(900 - 1_20)
    assert check_books() == []


def test_what_a_batch_returns_is_what_is_stored(alices, noon):
    [made] = record_sales(sales=[sold(alices, "order-line:1", tax=96, tax_of="FR", subject="release:1")], now=noon)
    stored = Sale.objects.get()
    for field in Sale._meta.concrete_fields:
        assert getattr(made, field.attname) == getattr(stored, field.attname), field.name


def test_one_that_is_known_is_returned_and_the_others_are_booked(alices, noon):
    first = record_sale(
        source="order-line:1", split=alices, gross=Money(5_00, "USD"), tax_minor=0, fee_minor=1, now=noon
    )
    again, other, twin = record_sales(
        sales=[sold(alices, "order-line:1", 5_00, fee=1), sold(alices, "order-line:2"), sold(alices, "order-line:2")],
        now=noon + timedelta(days=1),
    )
    assert (again, again.sold_at) == (first, noon)
    assert other == twin
    assert counted()[:2] == (2, 2)
    assert check_books() == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_other_content_under_a_known_source_refuses_the_whole_batch(alices, shared, noon, place):
    record_sale(source="order-line:1", split=alices, gross=Money(12_00, "USD"), tax_minor=0, fee_minor=1_20, now=noon)
    before = counted()
    for other in (
        sold(alices, "order-line:1", 13_00),
        sold(shared, "order-line:1"),
        sold(alices, "order-line:1", currency="EUR"),
        sold(alices, "order-line:1", fee=0),
        sold(alices, "order-line:1", subject="release:9"),
        sold(alices, "order-line:1", tax_of="FR"),
    ):
        batch = [sold(alices, "order-line:2"), sold(alices, "order-line:3", currency="KWD")]
        batch.insert(place, other)
        with pytest.raises(UnableToPost, match="order-line:1"):
            record_sales(sales=batch, now=noon)
        assert counted() == before


def test_one_that_is_no_sale_refuses_the_whole_batch_and_is_named(alices, noon):
    for wrong in (
        sold(alices, "order-line:bad", 0),
        sold(alices, "order-line:bad", 2**63),
        sold(alices, "order-line:bad", fee=-1),
        sold(alices, "order-line:bad", fee=12_01),
        sold(alices, "order-line:bad", subject="s" * 201),
        sold(alices, "order-line:bad", tax_of="t" * 41),
        sold(alices, "order-line:bad", paid_from=AccountKind.BANK),
    ):
        with pytest.raises(UnableToRecordSale, match="order-line:bad"):
            record_sales(sales=[sold(alices, "order-line:1"), wrong], now=noon)
    with pytest.raises(UnableToRecordSale):
        record_sales(sales=[sold(alices, "o" * 196)], now=noon)
    assert counted()[:3] == (0, 0, 0)
    assert record_sales(sales=[], now=noon) == []


def test_two_in_a_batch_that_say_something_else_of_one_sale_are_refused(alices, noon):
    with pytest.raises(UnableToPost, match="order-line:1"):
        record_sales(sales=[sold(alices, "order-line:1"), sold(alices, "order-line:1", 13_00)], now=noon)
    assert counted()[:3] == (0, 0, 0)


def test_sales_are_paid_from_where_the_money_is(alices, noon):
    """A period that was paid ahead, and a license that a buyer's credit pays; their tax goes to its jurisdiction."""
    days = [(noon + timedelta(days=n), noon + timedelta(days=n + 1)) for n in range(3)]
    paid(alices, "invoice:1", gross=33_00, tax=3_00, fee=3_60, times=days, now=noon)
    assert recognize_periods(now=days[0][1]) == 1
    give_credit(source="goodwill:1", amount=Money(5_00, "USD"), now=noon)
    record_sales(
        sales=[sold(alices, "order-line:1", 5_00, tax=67, tax_of="FR", fee=50, paid_from=AccountKind.BUYER_CREDIT)],
        now=noon,
    )
    allocate_royalties(now=noon)

    rows = {row.kind: row.debit_minor - row.credit_minor for row in trial_balance()}
    assert rows == {
        "psp_clearing": 33_00,
        "deferred_subscription": -20_00,
        "platform_fee": 5_00 - 1_20 - 50,
        "tax_payable": -3_67,
        "creator_pending": -(10_00 - 1_20) - (5_00 - 67 - 50),
    }
    assert Account.objects.get(kind="tax_payable").detail == "FR"
    assert house_sum(AccountKind.TAX_PAYABLE, "USD", "FR") == -3_67
    assert check_books() == []


def test_the_most_that_the_books_hold_can_be_sold_once_and_summed_beyond(alices, noon):
    most = 2**63 - 1
    record_sales(sales=[sold(alices, f"order-line:{n}", most, fee=most) for n in range(3)], now=noon)
    assert house_sum(AccountKind.PSP_CLEARING, "USD") == 3 * most
    assert [row.debit_minor for row in trial_balance() if row.kind == "psp_clearing"] == [3 * most]
    assert check_books() == []


def test_two_batches_of_the_same_sales_in_opposite_order_at_once(committed, at_once):
    split = ensure_split(own={add_creator("alice", 1): WHOLE_PPB}, parents=[], now=NOON)
    rows = [sold(split, f"order-line:{n:02}", currency=["USD", "JPY", "KWD"][n % 3]) for n in range(40)]
    there, back = at_once(
        lambda: record_sales(sales=rows, now=NOON), lambda: record_sales(sales=list(reversed(rows)), now=NOON)
    )
    assert there == list(reversed(back))
    assert counted()[:2] == (40, 40)
    others = [[sold(split, f"order-line:{half}-{n}", currency="EUR") for n in range(20)] for half in "ab"]
    for made in at_once(*[lambda half=half: record_sales(sales=half, now=NOON) for half in others]):
        assert len(made) == 20
    assert house_sum(AccountKind.PSP_CLEARING, "EUR") == 40 * 12_00
    assert check_books() == []


SALES = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(["USD", "JPY"]), st.integers(1, 500), st.integers(0, 9)), max_size=8
)


class BatchesAreAsOneAtATime(TestCase):
    """Whatever is in a batch, and however it is cut, the books come out the same."""

    @settings(max_examples=15, deadline=None)
    @given(batch=SALES, cut=st.integers(0, 8))
    def test_a_batch_and_its_parts(self, batch, cut):
        split = ensure_split(own={add_creator("alice", 1): WHOLE_PPB}, parents=[], now=NOON)
        rows = [
            sold(split, f"order-line:{n}", gross + 10, fee=fee, currency=currency) for n, currency, gross, fee in batch
        ]
        expected = {}
        for row in rows:
            if expected.setdefault(row.source, row) != row:
                with pytest.raises(UnableToPost):
                    record_sales(sales=rows, now=NOON)
                assert not Sale.objects.exists()
                return
        record_sales(sales=rows[:cut], now=NOON)
        record_sales(sales=rows, now=NOON)
        for row in rows:
            record_sale(source=row.source, split=split, gross=row.gross, tax_minor=0, fee_minor=row.fee_minor, now=NOON)
        assert Sale.objects.count() == len(expected)
        for currency in ("USD", "JPY"):
            due = sum(row.gross.amount_minor for row in expected.values() if row.gross.currency == currency)
            assert house_sum(AccountKind.PSP_CLEARING, currency) == due
        assert check_books() == []
