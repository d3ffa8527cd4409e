"""Each kind of line of a gateway: what it is held against, what it books, and that it does so once."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.checkout.models import PaymentOutcome
from marketplace.checkout.operations import refund_line
from marketplace.checkout.reconciling.equating import prove
from marketplace.checkout.reconciling.importing import import_lines
from marketplace.checkout.reconciling.matching import match_lines
from marketplace.checkout.reconciling.operations import UnableToClear, UnableToSetAside, clear, reconcile, set_aside
from marketplace.checkout.reconciling.ports.base import Exchanged
from marketplace.checkout.reconciling.reading import in_suspense
from marketplace.checkout.reconciling.tables import (
    ProviderLine,
    ProviderLineMatched,
    ProviderLineOpen,
    ReconciledTransaction,
    SuspenseCleared,
)
from marketplace.checkout.refunds import RefundOutcome
from marketplace.payouts.models import AccountKind, Transaction
from marketplace.payouts.operations import record_bank_transfer
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.checkout.reconciling.ledgers import BALANCE, BANK, CLEARING, FEES, SUSPENSE, Told, sets, sums

NOW = later(hours=5)


@pytest.fixture
def line(shop):
    """One license of 50.00 that Carol bought."""
    return shop.line(shop.offer())


@pytest.fixture
def charge(line):
    return PaymentOutcome.objects.get(order=line.order).reference


def written():
    counted = (Transaction, ReconciledTransaction, ProviderLineMatched, ProviderLineOpen)
    return tuple(each.objects.count() for each in counted)


def again(told: Told) -> None:
    """All of it once more changes nothing."""
    before = written()
    assert reconcile(port=told, now=later(hours=6)) == (0, 0)
    assert written() == before
    assert check_books() == []


def test_a_charge_is_settled_with_its_fee(told, charge):
    told.line("charge", charge, 50_00, 1_75)
    assert reconcile(port=told, now=NOW) == (1, 1)
    assert sums(BALANCE, CLEARING, FEES) == (48_25, 0, 1_75)
    assert sets() == ([], [], [])
    again(told)


def test_a_line_comes_twice_and_before_we_know_of_it(told, shop):
    told.line("charge", "ch_unknown", 50_00, 1_75)
    told.told.append(told.told[0])
    assert reconcile(port=told, now=NOW) == (1, 0)
    assert sets() == ([], [("charge", 48_25)], [])
    line = shop.line(shop.offer())
    paid = PaymentOutcome.objects.get(order=line.order)
    told.line("charge", paid.reference, 50_00, 1_75)
    assert reconcile(port=told, now=NOW) == (1, 1)
    assert sets() == ([], [("charge", 48_25)], [])


def test_another_amount_is_no_match(told, line, charge):
    told.line("charge", charge, 49_99, 1_75)
    assert reconcile(port=told, now=NOW) == (1, 0)
    assert sets() == ([], [], [("charge", 1)])
    assert sums(BALANCE, CLEARING) == (0, 50_00)
    made = prove(port=told, now=NOW)
    assert [(one["what"], one["amount_minor"]) for one in made.problems] == [("differs", 1)]
    equation = made.equations.get()
    assert (equation.difference_minor, equation.differing_minor, equation.unexplained_minor) == (176, 176, 0)
    row = ProviderLine.objects.get()
    set_aside(line=row, reason="they rounded", by="mo", now=NOW)
    # The fee was not booked: it is part of what is set aside.
    assert [(one.amount_minor, one.reason) for one in in_suspense()] == [(-1_76, "they rounded")]
    assert (sums(BALANCE, SUSPENSE), sets()) == ((-1_76, 1_76), ([], [], []))
    assert check_books() == []


def test_the_fee_of_three_lines_is_shared_by_largest_remainder(told, shop):
    order = shop.buy(shop.offer(price_minor=10_00), shop.offer("enterprise", price_minor=10_00))
    told.line("charge", PaymentOutcome.objects.get(order=order).reference, 20_00, 61)
    reconcile(port=told, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT fee_minor FROM payouts_provider_settlement ORDER BY 1")
        assert [fee for (fee,) in cursor.fetchall()] == [30, 31]
    again(told)


def test_a_refund_is_known_by_its_reference(told, line, charge):
    told.line("charge", charge, 50_00, 1_75)
    refund_line(line=line, amount_minor=20_00, reason="a broken file", now=NOW)
    back = RefundOutcome.objects.get().reference
    told.line("refund", back, -20_00)
    assert reconcile(port=told, now=NOW) == (2, 2)
    assert (sums(BALANCE, CLEARING, FEES), sets()) == ((28_25, 0, 1_75), ([], [], []))
    again(told)


def test_our_bank_and_what_comes_back_from_it(told, line, charge):
    told.line("charge", charge, 50_00, 1_75)
    told.line("payout", "po_1", -40_00)
    told.line("payout_reversal", "po_1", 40_00)
    told.line("payout", "po_2", -30_00, 25)
    told.line("topup", "tu_1", 5_00)
    assert reconcile(port=told, now=NOW) == (5, 5)
    assert sums(BALANCE, BANK, FEES) == (48_25 - 30_25 + 5_00, 30_00 - 5_00, 2_00)
    assert set(ProviderLineMatched.objects.values_list("way", flat=True)) == {"known", "bank"}
    again(told)


def test_a_payout_that_an_operator_booked_first_is_not_booked_again(told, db):
    record_bank_transfer(
        amount=Money(40_00, "USD"),
        paid_from=AccountKind.PSP_BALANCE,
        paid_to=AccountKind.BANK,
        reference="po_1",
        now=NOW,
    )
    told.line("payout", "po_1", -40_00)
    assert reconcile(port=told, now=NOW) == (1, 1)
    assert sums(BALANCE, BANK) == (-40_00, 40_00)
    again(told)


def test_fees_of_their_own_and_what_they_reserve(told, db):
    told.line("fee", "", -2_00)
    told.line("fee", "", 50)
    told.line("connect_reserved_funds", "rt_1", -9_00)
    assert reconcile(port=told, now=NOW) == (3, 3)
    assert (sums(BALANCE, FEES), sets()) == ((-1_50, 1_50), ([], [], []))
    assert prove(port=told, now=NOW).problems == []
    again(told)


def test_an_unknown_category_is_suspended_loudly_and_cleared_by_an_operator(told, db, caplog):
    told.line("climate_order_purchase", "climorder_1", -7_00)
    assert reconcile(port=told, now=NOW) == (1, 1)
    assert "1 lines that nobody understands are in suspense: climate_order_purchase" in caplog.text
    assert sums(BALANCE, SUSPENSE) == (-7_00, 7_00)
    made = prove(port=told, now=NOW)
    assert [(one["what"], one["count"], one["amount_minor"]) for one in made.problems] == [("suspense", 1, -7_00)]
    row = ProviderLine.objects.get()
    for wrong, why in (({"to": "bank", "reason": ""}, "say why"), ({"to": "creator_available"}, "cannot belong")):
        with pytest.raises(UnableToClear, match=why):
            clear(line=row, **({"reason": "x", "by": "mo", "now": NOW} | wrong))
    assert not SuspenseCleared.objects.exists()
    said = {"line": row, "to": "dispute_loss", "reason": "trees", "by": "mo", "now": NOW}
    assert clear(**said) == clear(**said)
    with pytest.raises(UnableToClear, match="to another account"):
        clear(**(said | {"to": "bank"}))
    assert sums(SUSPENSE, AccountKind.DISPUTE_LOSS) == (0, 7_00)
    assert (prove(port=told, now=NOW).problems, check_books()) == ([], [])


def test_somebody_elses_charge_stays_theirs_until_it_is_set_aside(told, line, charge):
    told.line("charge", charge, 50_00)
    told.line("charge", "ch_of_another_site", 9_00, 40)
    assert reconcile(port=told, now=NOW) == (2, 1)
    row = ProviderLine.objects.get(source="ch_of_another_site")
    assert prove(port=told, now=NOW).problems == []
    old = prove(port=told, now=later(days=3))
    assert [(one["what"], one["amount_minor"]) for one in old.problems] == [("only-theirs", 8_60)]
    with pytest.raises(UnableToSetAside, match="say why"):
        set_aside(line=row, reason="", by="mo", now=NOW)
    with pytest.raises(UnableToSetAside, match="it is matched"):
        set_aside(line=ProviderLine.objects.get(source=charge), reason="x", by="mo", now=NOW)
    set_aside(line=row, reason="another site's", by="mo", now=NOW)
    assert sums(BALANCE, SUSPENSE) == (58_60, -8_60)
    clear(line=row, to="platform_fee", reason="kept", by="mo", now=NOW)
    assert (sums(SUSPENSE), check_books()) == ((0,), [])
    again(told)


def test_only_ours_grows_old(told, line):
    assert sets() == ([("sale", 50_00)], [], [])
    assert prove(port=told, now=NOW).problems == []
    old = prove(port=told, now=later(days=2))
    assert [(one["what"], one["count"], one["amount_minor"]) for one in old.problems] == [("only-ours", 1, 50_00)]
    equation = old.equations.get()
    assert (equation.difference_minor, equation.only_ours_minor, equation.unexplained_minor) == (50_00, 50_00, 0)


def test_what_no_line_tells_is_named(told, line, charge):
    told.line("charge", charge, 50_00)
    told.more["USD"] = 3
    made = prove(port=told, now=NOW)
    assert [(one["what"], one["amount_minor"]) for one in made.problems] == [("unread", 3)]
    equation = made.equations.get()
    assert (equation.difference_minor, equation.unread_minor, equation.unexplained_minor) == (-3, 3, 0)


def test_a_charge_and_its_refund_that_were_exchanged(told, line, charge):
    told.line("charge", charge, 45_55, 1_60, currency="EUR", exchanged=Exchanged(50_00, "USD", "0.911"))
    refund_line(line=line, amount_minor=20_00, reason="a broken file", now=NOW)
    back = RefundOutcome.objects.get().reference
    told.line("refund", back, -18_40, currency="EUR", exchanged=Exchanged(-20_00, "USD", "0.92"))
    assert reconcile(port=told, now=NOW) == (2, 2)
    assert sums(BALANCE, CLEARING, FEES) == (0, 0, 0)
    assert sums(BALANCE, FEES, currency="EUR") == (45_55 - 1_60 - 18_40, 1_60)
    assert sums(AccountKind.FX_POSITION) == (30_00,)
    assert (prove(port=told, now=NOW).problems, sets()) == ([], ([], [], []))
    again(told)


def test_a_crash_between_copy_and_match_loses_nothing(told, charge, monkeypatch):
    told.line("charge", charge, 50_00, 1_75)
    told.line("fee", "", -2_00)
    assert import_lines(port=told, now=NOW) == 2
    from marketplace.checkout.reconciling import matching

    def dies(*_args, **_more):
        raise RuntimeError("killed")

    before = written()
    with monkeypatch.context() as killed:
        killed.setattr(matching, "_write", dies)
        assert match_lines(gateway="sandbox", now=NOW) == 0
    assert written() == before
    assert sums(BALANCE, FEES) == (0, 0)
    assert match_lines(gateway="sandbox", now=NOW) == 2
    again(told)


def test_one_that_cannot_be_booked_does_not_hold_up_the_others(told, line, charge, caplog):
    told.line("fee", "", -2_00)
    told.line("charge", charge, 50_00, 1_75)
    told.line("payout", "po_1", -1_00)
    record_bank_transfer(
        amount=Money(9, "USD"), paid_from=AccountKind.BANK, paid_to=AccountKind.PSP_BALANCE, reference="txn_2", now=NOW
    )
    assert reconcile(port=told, now=NOW) == (3, 2)
    assert "line txn_2 of sandbox cannot be booked" in caplog.text
    assert ProviderLineOpen.objects.get().line.line_id == "txn_2"


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE checkout_provider_line SET amount_minor = 1", "checkout_provider_line_is_only_added"),
        ("DELETE FROM checkout_provider_line_open", "checkout_provider_line_open_kept_by_triggers"),
        (
            "INSERT INTO checkout_provider_line_matched (line_id, way, at) SELECT id, 'known', now()"
            " FROM checkout_provider_line",
            "checkout_line_equals_what_moved",
        ),
    ],
)
def test_the_database_keeps_copies_queue_and_matches(told, db, sql, constraint):
    told.line("charge", "ch_1", 50_00, 1_75)
    import_lines(port=told, now=NOW)
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert refused.value.__cause__.diag.constraint_name == constraint


def test_nothing_is_added_to_a_match(told, charge):
    told.line("charge", charge, 50_00, 1_75)
    reconcile(port=told, now=NOW)
    row = ProviderLine.objects.get()
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        ReconciledTransaction.objects.create(transaction_id=uuid4(), line=row)
    assert refused.value.__cause__.diag.constraint_name == "checkout_line_is_matched_whole"
