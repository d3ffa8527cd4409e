"""What Carol pays ahead is earned month by month, and goes back from the end: each cent, in any order."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.payouts.deferral_models import Deferral, DeferralPart, DeferralReversal, RecognizedPart
from marketplace.payouts.left_queries import left_of_sale, tax_taken
from marketplace.payouts.models import Sale, Transaction
from marketplace.payouts.operations import (
    UnableToCloseDispute,
    UnableToDispute,
    UnableToPayAhead,
    UnableToPost,
    UnableToRefund,
    allocate_royalties,
    close_dispute,
    dispute_state,
    fail_refund,
    open_dispute,
    recognize_periods,
    record_dispute_fee,
    refund,
)
from marketplace.payouts.queries import check_books
from tests.payouts.ahead import FROM, SOURCE, month, months, paid, sold, sums, waiting

DAY = timedelta(days=1)


def give(amount, at, key="refund:1", reason="unhappy", source=SOURCE):
    return refund(source=source, amount_minor=amount, key=key, reason=reason, now=at)


def test_a_year_is_earned_month_by_month(alices):
    """120.00 for 365 days, with 20.00 of tax and a fee of 10.00: tax is due at once, each month by its days."""
    paid(alices, tax=20_00, fee=10_00)
    assert sums() == {"psp_clearing": 120_00, "tax_payable:FR": -20_00, "deferred_subscription": -100_00}
    assert recognize_periods(now=month(2) - timedelta(seconds=1)) == 0
    assert recognize_periods(now=month(2)) == 1
    assert recognize_periods(now=month(2)) == 0
    assert sold() == [("order-line:1:1", 8_50, 85)]
    assert recognize_periods(now=month(4)) == 2
    assert sold()[1:] == [("order-line:1:2", 7_67, 77), ("order-line:1:3", 8_50, 85)]
    assert recognize_periods(now=month(13)) == 9

    assert sum(gross for _, gross, _ in sold()) == 100_00
    assert sum(fee for *_, fee in sold()) == 10_00
    assert sums() == {
        "psp_clearing": 120_00,
        "tax_payable:FR": -20_00,
        "platform_fee": -10_00,
        "royalty_unallocated": -90_00,
    }
    assert (waiting(), check_books()) == ([], [])


def test_a_month_is_earned_at_its_end(alices):
    paid(alices, gross=9_99, fee=1_00, times=months(1))
    assert sold() == []
    assert recognize_periods(now=month(2)) == 1
    sale = Sale.objects.get()
    assert (sale.source, sale.gross_minor, sale.fee_minor, sale.sold_at) == ("order-line:1:1", 9_99, 1_00, month(2))
    assert (sale.subject, sale.paid_from) == ("release:ab", "deferred_subscription")


def test_two_cents_a_year_are_earned_in_the_longest_months(alices):
    """Of 12 months only the first two of 31 days get one; a month of nothing is no sale."""
    paid(alices, gross=2, fee=1)
    assert list(DeferralPart.objects.values_list("number", "amount_minor", "fee_minor")) == [(1, 1, 1), (3, 1, 0)]
    assert recognize_periods(now=month(13)) == 2
    assert check_books() == []


def test_paid_twice_is_paid_once_and_other_content_is_refused(alices, bob):
    first = paid(alices)
    assert paid(alices) == first
    for more in ({"gross": 121_00}, {"fee": 1}, {"tax": 1}, {"times": months(11)}):
        with pytest.raises(UnableToPost, match="other content"):
            paid(alices, **more)
    for why, more in (
        ("no price beyond its tax", {"gross": 20_00, "tax": 20_00}),
        ("fee is below zero or more", {"gross": 20_00, "fee": 20_01}),
        ("no time", {"times": []}),
        ("no time", {"times": [(FROM, FROM)]}),
        ("empty or too long", {"source": ""}),
    ):
        with pytest.raises(UnableToPayAhead, match=why):
            paid(alices, **({"source": "order-line:2"} | more))
    assert (Deferral.objects.count(), Transaction.objects.count(), DeferralPart.objects.count()) == (1, 1, 12)


def test_a_refund_takes_what_is_not_earned_first_and_then_the_newest_sale(alices):
    paid(alices, gross=12_00, fee=1_20, times=months(3))
    recognize_periods(now=month(3))  # 4.13 and 3.74 of 4.13 + 3.74 + 4.13
    allocate_royalties(now=month(3))
    assert left_of_sale(SOURCE) == 12_00

    give(4_13, month(3), key="refund:1")  # March, of which nobody has anything
    assert sums().get("deferred_subscription", 0) == 0
    assert waiting() == []
    give(4_00, month(3), key="refund:2")  # all of February and a bit of January
    assert left_of_sale("order-line:1:2") == 0
    assert left_of_sale("order-line:1:1") == 3_87
    assert left_of_sale(SOURCE) == 3_87
    with pytest.raises(UnableToRefund, match=r"only 3.87 USD of it are left"):
        give(3_88, month(3), key="refund:3")
    give(3_87, month(3), key="refund:3")
    assert sums() == {}
    assert recognize_periods(now=month(13)) == 0
    assert check_books() == []


def test_the_tax_goes_back_by_what_is_left_of_it(alices):
    paid(alices, gross=12_00, tax=2_00, fee=1_00, times=months(2))
    recognize_periods(now=month(2))
    made = give(6_00, month(2), key="refund:1")
    assert (made.tax_minor, made.deferred_minor, made.sales_minor) == (1_00, 4_75, 25)
    assert tax_taken("refund:1") == 1_00
    give(6_00, month(2), key="refund:2")
    assert (tax_taken("refund:2"), tax_taken("refund:9"), left_of_sale(SOURCE)) == (1_00, 0, 0)
    assert sums() == {}
    assert check_books() == []


def test_a_refund_that_fails_comes_back_and_is_earned_then(alices):
    paid(alices, gross=12_00, fee=1_20, times=months(2))
    given = give(7_00, FROM + DAY)  # all of February, and of January 1.31
    assert [row.part.number for row in given.taken.order_by("part__number")] == [1, 2]
    recognize_periods(now=month(3))
    assert sold() == [("order-line:1:1", 5_00, 50)]
    ended = fail_refund(key="refund:1", now=month(3))
    assert fail_refund(key="refund:1", now=month(3)) == ended
    assert recognize_periods(now=month(3)) == 2
    assert sold() == [("order-line:1:1", 5_00, 50), ("order-line:1:1:2", 1_31, 13), ("order-line:1:2", 5_69, 57)]
    assert sum(fee for *_, fee in sold()) == 1_20
    assert check_books() == []


def test_a_refund_of_what_was_earned_fails_as_well(alices):
    paid(alices, gross=10_00, fee=1_00, times=months(1))
    recognize_periods(now=month(2))
    allocate_royalties(now=month(2))
    before = sums()
    give(4_00, month(2))
    fail_refund(key="refund:1", now=month(2) + DAY)
    assert sums() == before
    assert (left_of_sale(SOURCE), left_of_sale("order-line:1:1")) == (10_00, 10_00)
    assert check_books() == []


def test_what_is_disputed_waits_and_is_earned_when_it_is_won(alices):
    paid(alices, gross=12_00, tax=1_00, fee=1_10, times=months(3))
    recognize_periods(now=month(2))
    dispute = open_dispute(source=SOURCE, now=month(2) + DAY)
    assert (dispute.amount_minor, dispute.sales_minor, dispute.deferred_minor) == (12_00, 3_79, 7_21)
    assert open_dispute(source=SOURCE, now=month(3)) == dispute
    assert (dispute_state(source=SOURCE), left_of_sale(SOURCE), waiting()) == ("open", 0, [])
    assert recognize_periods(now=month(12)) == 0
    with pytest.raises(UnableToRefund, match="only 0.00"):
        give(1, month(3))
    close_dispute(source=SOURCE, outcome="won", now=month(12))
    assert (dispute_state(source=SOURCE), waiting()) == ("won", [2, 3])
    with pytest.raises(UnableToCloseDispute, match="was closed as"):
        close_dispute(source=SOURCE, outcome="lost", now=month(12))
    assert recognize_periods(now=month(12)) == 2
    assert sum(gross for _, gross, _ in sold()) == 11_00
    assert check_books() == []


def test_what_is_lost_is_never_earned_and_what_is_beyond_is_a_loss(alices):
    paid(alices, gross=12_00, tax=1_00, fee=1_10, times=months(2))
    recognize_periods(now=month(2))
    give(2_00, month(2))
    open_dispute(source=SOURCE, amount_minor=12_00, key="dispute:du_1", now=month(2))
    record_dispute_fee(source=SOURCE, fee_minor=15_00, key="du_1", now=month(2))
    close_dispute(source=SOURCE, outcome="lost", key="dispute:du_1", now=month(2))
    assert dispute_state(source=SOURCE, key="dispute:du_1") == "lost"
    assert recognize_periods(now=month(9)) == 0
    assert sums() == {"psp_clearing": -17_00, "dispute_fee": 15_00, "dispute_loss": 2_00}
    with pytest.raises(UnableToDispute, match="nothing of it remains"):
        open_dispute(source=SOURCE, key="dispute:du_2", now=month(3))
    assert check_books() == []


def test_a_part_of_it_is_disputed_from_the_end(alices):
    """The months before go on; the last one waits."""
    paid(alices, gross=9_00, fee=0, times=months(3))
    open_dispute(source=SOURCE, amount_minor=3_00, now=FROM + DAY)
    assert waiting() == [1, 2]
    recognize_periods(now=month(13))
    assert [name for name, *_ in sold()] == ["order-line:1:1", "order-line:1:2"]
    close_dispute(source=SOURCE, outcome="lost", now=month(13))
    recognize_periods(now=month(13))
    assert (sold()[2:], sums().get("dispute_suspense", 0)) == (
        [("order-line:1:3", 10, 0)],
        0,
    )
    assert check_books() == []


def test_refusals_write_nothing(alices):
    paid(alices)
    give(1_00, FROM)
    count = (Transaction.objects.count(), DeferralReversal.objects.count())
    assert give(1_00, FROM) == DeferralReversal.objects.get()
    for why, said in (
        ("named something else", {"amount": 2_00}),
        ("named something else", {"amount": 1_00, "reason": "other"}),
        ("not above zero", {"amount": 0, "key": "refund:2"}),
        ("name the refund", {"amount": 1, "key": ""}),
        ("no such sale", {"amount": 1, "key": "refund:2", "source": "order-line:9"}),
    ):
        with pytest.raises(UnableToRefund, match=why):
            give(said.pop("amount"), FROM, **said)
    with pytest.raises(UnableToDispute, match="not above zero"):
        open_dispute(source=SOURCE, amount_minor=0, now=FROM)
    with pytest.raises(UnableToDispute, match="named something else"):
        open_dispute(source=SOURCE, key="refund:1", now=FROM)
    with pytest.raises(UnableToCloseDispute, match="none was opened"):
        close_dispute(source=SOURCE, outcome="won", now=FROM)
    with pytest.raises(UnableToDispute, match="fee is not above zero"):
        record_dispute_fee(source=SOURCE, fee_minor=0, key="x", now=FROM)
    assert (Transaction.objects.count(), DeferralReversal.objects.count()) == count
    assert left_of_sale("order-line:9") is None


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payouts_deferral SET gross_minor = 1",
        "DELETE FROM payouts_deferral_part",
        "UPDATE payouts_recognized_part SET number = 2",
        "DELETE FROM payouts_deferral_reversal",
        "DELETE FROM payouts_deferral_taken",
        "DELETE FROM payouts_deferral_waiting",
        "INSERT INTO payouts_deferral_waiting (part_id, due_at) SELECT id, due_at FROM payouts_deferral_part",
        "TRUNCATE payouts_deferral_reversal_outcome CASCADE",
    ],
)
def test_the_database_refuses_what_unmakes_a_fact(alices, sql):
    paid(alices)
    recognize_periods(now=month(2))
    give(1_00, month(2))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert check_books() == []


def test_the_database_refuses_more_than_is_left_of_a_part(alices):
    payment = paid(alices, times=months(1))
    recognize_periods(now=month(2))
    [part] = payment.parts.all()
    refunded = give(50_00, month(2))
    with pytest.raises(IntegrityError, match="would be -1 left"), transaction.atomic():
        part.taken.create(reversal=refunded, amount_minor=1, fee_minor=0)
    with pytest.raises(IntegrityError, match="are not what was paid"), transaction.atomic():
        payment.parts.create(number=2, starts_at=month(2), due_at=month(3), amount_minor=1, fee_minor=0)
    with pytest.raises(IntegrityError, match="its transaction posted"), transaction.atomic():
        Deferral.objects.create(
            source="x", split=alices, currency="USD", gross_minor=5, tax_minor=0, fee_minor=0, paid_at=FROM,
            transaction_id=Transaction.objects.exclude(pk=payment.transaction_id).first().pk,
        )  # fmt: skip
    assert RecognizedPart.objects.count() == 1
