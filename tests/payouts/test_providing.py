"""What provider, bank and chain did with money that is in the books: each once, balanced, and refused by name."""

import pytest

from marketplace.payouts.bookkeeping.books import UnableToPost
from marketplace.payouts.checkpoints import Exchange
from marketplace.payouts.models import Account, AccountKind, Posting, Transaction
from marketplace.payouts.operations import (
    UnableToExchange,
    UnableToRecordSettlement,
    allocate_royalties,
    close_dispute,
    exchange,
    give_credit,
    open_dispute,
    publish_claims,
    record_bank_transfer,
    record_claimed,
    record_sale,
    record_settled,
    record_transfer_reversed,
    refund,
    release_holds,
    settle,
)
from marketplace.payouts.queries import check_books, house_sum, trial_balance
from marketplace.payouts.rules import Money
from marketplace.payouts.statements import ProviderSettlement

BANK, BALANCE, ESCROW = AccountKind.BANK, AccountKind.PSP_BALANCE, AccountKind.CHAIN_ESCROW


def written():
    return Transaction.objects.count(), Posting.objects.count(), Account.objects.count()


def sums():
    return {(row.currency, row.kind): row.debit_minor - row.credit_minor for row in trial_balance()}


def test_a_settled_sale_is_in_the_balance_less_the_fee(alices, sell, noon):
    sell(alices, "order-line:1", gross=12_00)
    settled = record_settled(source="order-line:1", fee_minor=65, reference="txn_1", now=noon)
    assert record_settled(source="order-line:1", fee_minor=65, reference="txn_1", now=noon) == settled
    assert (house_sum(BALANCE, "USD"), house_sum(AccountKind.PSP_FEE, "USD")) == (11_35, 65)
    assert house_sum(AccountKind.PSP_CLEARING, "USD") == 0
    assert check_books() == []


def test_a_fee_may_be_more_than_the_sale(alices, sell, noon):
    sell(alices, "order-line:1", gross=10, fee=1)
    record_settled(source="order-line:1", fee_minor=30, reference="txn_1", now=noon)
    assert house_sum(BALANCE, "USD") == -20
    assert check_books() == []


def test_what_was_disputed_before_is_not_settled_and_comes_back_where_the_money_is(alices, sell, noon):
    sell(alices, "order-line:1", gross=12_00)
    open_dispute(source="order-line:1", now=noon)
    record_settled(source="order-line:1", fee_minor=65, reference="txn_1", now=noon)
    assert (house_sum(AccountKind.PSP_CLEARING, "USD"), house_sum(BALANCE, "USD")) == (0, -65)
    close_dispute(source="order-line:1", outcome="won", now=noon)
    assert (house_sum(AccountKind.PSP_CLEARING, "USD"), house_sum(BALANCE, "USD")) == (0, 11_35)
    assert check_books() == []


def test_what_was_refunded_before_is_not_settled(alices, sell, noon):
    sell(alices, "order-line:1", gross=12_00)
    sent = {"source": "order-line:1", "reason": "not as shown", "now": noon}
    refund(amount_minor=5_00, key="refund:1", **sent)
    record_settled(source="order-line:1", fee_minor=65, reference="txn_1", now=noon)
    assert (house_sum(AccountKind.PSP_CLEARING, "USD"), house_sum(BALANCE, "USD")) == (0, 7_00 - 65)
    refund(amount_minor=7_00, key="refund:2", **sent)
    assert (house_sum(AccountKind.PSP_CLEARING, "USD"), house_sum(BALANCE, "USD")) == (0, -65)
    assert check_books() == []


def test_what_the_provider_did_not_settle_is_refused_and_nothing_is_written(alices, sell, noon):
    sell(alices, "order-line:1")
    sell(alices, "order-line:2")
    give_credit(source="goodwill:1", amount=Money(5_00, "USD"), now=noon)
    from_credit = {"tax_minor": 0, "fee_minor": 0, "paid_from": AccountKind.BUYER_CREDIT, "now": noon}
    record_sale(source="order-line:3", split=alices, gross=Money(5_00, "USD"), **from_credit)
    record_settled(source="order-line:1", fee_minor=65, reference="txn_1", now=noon)
    before = written()
    for source, fee_minor, reference in [
        ("order-line:1", 66, "txn_1"),
        ("order-line:1", 65, "txn_2"),
        ("order-line:2", 65, "txn_1"),
        ("order-line:2", -1, "txn_2"),
        ("order-line:2", 65, ""),
        ("order-line:2", 65, "x" * 201),
        ("order-line:3", 65, "txn_3"),
        ("order-line:9", 65, "txn_9"),
    ]:
        with pytest.raises(UnableToRecordSettlement, match=source):
            record_settled(source=source, fee_minor=fee_minor, reference=reference, now=noon)
        assert written() == before
    assert ProviderSettlement.objects.count() == 1
    assert check_books() == []


def test_money_of_the_house_moves_between_its_places(db, noon):
    moved = {"amount": Money(50_00, "USD"), "paid_from": BALANCE, "paid_to": BANK, "reference": "po_1", "now": noon}
    first = record_bank_transfer(**moved)
    assert record_bank_transfer(**moved) == first
    record_bank_transfer(
        amount=Money(20_00, "USD"), paid_from=BANK, paid_to=ESCROW, reference="top-up", token="usdc:8453", now=noon
    )
    assert sums() == {("USD", "psp_balance"): -50_00, ("USD", "bank"): 30_00, ("USD", "chain_escrow"): 20_00}
    before = written()
    for wrong in (
        {"amount": Money(51_00, "USD")},
        {"amount": Money(50_00, "EUR")},
        {"paid_to": AccountKind.PLATFORM_FEE, "reference": "po_2"},
        {"paid_from": BANK, "reference": "po_2"},
        {"amount": Money(0, "USD"), "reference": "po_2"},
        {"reference": "p" * 201},
    ):
        with pytest.raises(UnableToPost):
            record_bank_transfer(**moved | wrong)
        assert written() == before
    assert check_books() == []


def test_two_exact_amounts_are_exchanged_in_two_transactions(db, noon):
    asked = {"gave": Money(100_00, "USD"), "got": Money(91_73, "EUR"), "rate": "0.9174", "reference": "txn_fx"}
    made = exchange(**asked, now=noon)
    assert exchange(**asked, now=noon) == made
    assert sums() == {
        ("USD", "fx_position"): 100_00,
        ("USD", "psp_balance"): -100_00,
        ("EUR", "fx_position"): -91_73,
        ("EUR", "psp_balance"): 91_73,
    }
    assert (made.rate, Exchange.objects.count(), Transaction.objects.count()) == ("0.9174", 1, 2)
    before = written()
    for wrong in (
        {"got": Money(91_74, "EUR")},
        {"rate": "0.9175"},
        {"reference": "txn_2", "gave": Money(0, "USD")},
        {"reference": "txn_2", "got": Money(91_73, "USD")},
        {"reference": "txn_2", "rate": "1e5"},
        {"reference": "txn_2", "rate": ".5"},
        {"reference": "txn_2", "rate": "５"},
        {"reference": "", "rate": "1"},
        {"reference": "r" * 181, "rate": "1"},
    ):
        with pytest.raises(UnableToExchange):
            exchange(**asked | wrong, now=noon)
        assert written() == before
    assert check_books() == []


def test_what_a_creator_owes_is_taken_from_their_account_with_the_provider(alice, alices, sell, noon):
    """Alice was paid for a sale that is disputed afterwards."""
    sell(alices, "order-line:1")
    [run] = allocate_royalties(now=noon)
    release_holds(now=run.available_at)
    settle(now=run.available_at)
    open_dispute(source="order-line:1", now=run.available_at)
    assert Account.objects.get(kind="creator_receivable").balance_minor == 10_80
    taken = {"creator": alice, "amount": Money(5_00, "USD"), "reference": "trr_1", "now": noon}
    assert record_transfer_reversed(**taken) == record_transfer_reversed(**taken)
    assert Account.objects.get(kind="creator_receivable").balance_minor == 5_80
    assert house_sum(BALANCE, "USD") == 5_00
    before = written()
    for wrong in (
        {"amount": Money(5_81, "USD"), "reference": "trr_2"},
        {"amount": Money(4_00, "USD")},
        {"amount": Money(0, "USD"), "reference": "trr_2"},
    ):
        with pytest.raises(UnableToPost):
            record_transfer_reversed(**taken | wrong)
        assert written() == before
    assert check_books() == []


def test_claims_on_a_chain_are_of_what_is_available_and_taken_out_once(alice, alices, sell, noon):
    sell(alices, "order-line:1")
    [run] = allocate_royalties(now=noon)
    release_holds(now=run.available_at)
    record_bank_transfer(
        amount=Money(50_00, "USD"), paid_from=BANK, paid_to=ESCROW, reference="top-up", token="usdc:8453", now=noon
    )
    claims = {"currency": "USD", "token": "usdc:8453", "now": noon}
    first = publish_claims(source="tree:1", amounts={alice.pk: 6_00}, **claims)
    assert publish_claims(source="tree:1", amounts={alice.pk: 6_00}, **claims) == first
    taken = {"amount": Money(4_00, "USD"), "token": "usdc:8453", "now": noon}
    assert record_claimed(source="claim:1", **taken) == record_claimed(source="claim:1", **taken)
    assert Account.objects.get(kind="creator_available").balance_minor == 4_80
    assert house_sum(AccountKind.CHAIN_CLAIMS, "USD", "usdc:8453") == -2_00
    assert house_sum(ESCROW, "USD", "usdc:8453") == 46_00
    before = written()
    for amounts in ({alice.pk: 4_81}, {alice.pk: 0}, {}):
        with pytest.raises(UnableToPost):
            publish_claims(source="tree:2", amounts=amounts, **claims)
        assert written() == before
    for wrong in ({"amount": Money(2_01, "USD")}, {"amount": Money(0, "USD")}, {"token": "other"}, {"token": ""}):
        with pytest.raises(UnableToPost):
            record_claimed(source="claim:2", **taken | wrong)
        assert written() == before
    assert check_books() == []


def test_credit_is_set_aside_once(db, noon):
    bought = {"source": "gift:1", "amount": Money(9_00, "USD"), "now": noon}
    assert give_credit(**bought, prepaid=True) == give_credit(**bought, prepaid=True)
    assert sums() == {
        ("USD", "psp_clearing"): 9_00,
        ("USD", "buyer_credit"): -9_00,
    }
    before = written()
    for verb, asked in [
        (give_credit, bought),  # not prepaid: other content
        (give_credit, bought | {"amount": Money(10_00, "USD"), "prepaid": True}),
        (give_credit, {"source": "gift:2", "amount": Money(0, "USD"), "now": noon}),
        (give_credit, {"source": "gift:2", "amount": Money(-1, "USD"), "now": noon}),
    ]:
        with pytest.raises(UnableToPost):
            verb(**asked)
        assert written() == before
