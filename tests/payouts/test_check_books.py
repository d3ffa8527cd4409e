"""With the guards switched off, `check_books` still finds what was done to the books."""

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from marketplace.payouts.bookkeeping.books import UnableToPost, credit, debit, post
from marketplace.payouts.models import AccountKind, Posting, Transaction, TransactionKind
from marketplace.payouts.operations import allocate_royalties, open_dispute, release_holds, settle
from marketplace.payouts.queries import check_books
from tests.payouts.tampering import tamper


@pytest.fixture
def history(alice, bob, shared, sell, noon):
    """A sale that was paid out, one that is disputed, one in its hold period."""
    sell(shared, "order-line:1")
    [run] = allocate_royalties(now=noon)
    release_holds(now=run.available_at)
    settle(now=run.available_at)
    sell(shared, "order-line:2")
    open_dispute(source="order-line:2", now=noon)
    sell(shared, "order-line:3")
    allocate_royalties(now=noon)
    sell(shared, "order-line:4")
    assert check_books() == []


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("UPDATE payouts_account SET balance_minor = balance_minor + 1 WHERE kind = 'creator_pending'", "keeps 757"),
        (
            "UPDATE payouts_posting SET amount_minor = amount_minor + 1"
            " WHERE id = (SELECT min(id) FROM payouts_posting)",
            "Transaction sale:order-line:1 is off by 1 minor units of USD.",
        ),
        ("UPDATE payouts_transaction SET source = 'x' WHERE kind = 'sale'", "content digest"),
        ("DELETE FROM payouts_posting WHERE true", "Transaction payout-reserve:"),
        (
            "UPDATE payouts_royalty_line SET amount_minor = amount_minor + 1",
            "has a net of 1080 and royalty lines of 1082",
        ),
        ("UPDATE payouts_royalty_line SET share_ppb = share_ppb + 1", "another share than the sale's split"),
        ("DELETE FROM payouts_royalty_line", "has a net of 1080 and royalty lines of 0"),
        ("DELETE FROM payouts_awaiting_allocation", "Sale order-line:4 has a net of 1080 and royalty lines of 0."),
        ("UPDATE payouts_awaiting_allocation SET net_minor = 1", "waits with 1 in USD, and has a net of 1080"),
        ("UPDATE payouts_awaiting_allocation SET currency = 'EUR'", "waits with 1080 in EUR, and has a net of"),
        ("UPDATE payouts_sale SET fee_minor = fee_minor - 1, tax_minor = 1", "is not what its transaction posted"),
        ("UPDATE payouts_sale SET currency = 'EUR'", "is not what its transaction posted"),
        ("DELETE FROM payouts_hold_release", "pending in USD and unreleased lines of"),
        ("UPDATE payouts_payout SET amount_minor = amount_minor + 1", "take 757 and it reserved 756"),
        (
            "INSERT INTO payouts_payout SELECT gen_random_uuid(), currency, amount_minor, reserved_at, 'again' || id, "
            "creator_id, released_through_id, (SELECT transaction_id FROM payouts_sale LIMIT 1) FROM payouts_payout",
            "Payouts name transaction sale:order-line:",
        ),
        (
            "INSERT INTO payouts_payout SELECT gen_random_uuid(), currency, amount_minor, reserved_at, 'again' || id, "
            "creator_id, released_through_id, (SELECT transaction_id FROM payouts_sale LIMIT 1) FROM payouts_payout",
            "In USD 0 is in flight to creators and open payouts are 1080.",
        ),
        ("DELETE FROM payouts_payout_outcome", "is sent 0 times and posted as sent 1 times"),
        ("DELETE FROM payouts_payout_outcome WHERE state = 'sent'", "was paid, in this order, which is not how"),
        (
            "INSERT INTO payouts_payout_outcome (payout_id, state, reference, at)"
            " SELECT payout_id, 'failed', '', at FROM payouts_payout_outcome WHERE state = 'paid'",
            "was sent, paid, failed, in this order, which is not how a payout goes.",
        ),
        (
            "INSERT INTO payouts_payout_outcome (payout_id, state, reference, at)"
            " SELECT payout_id, 'failed', '', at FROM payouts_payout_outcome WHERE state = 'paid'",
            "is failed 1 times and posted as failed 0 times",
        ),
        ("DELETE FROM payouts_reversal_line", "took 0 of lines and says 1080"),
        ("DELETE FROM payouts_reversal", "In USD 1200 is in dispute suspense and open disputes are 0."),
        ("UPDATE payouts_split_share SET share_ppb = 500000000", "is not the digest of its shares"),
        ("DELETE FROM payouts_split_share", "has no shares"),
    ],
)
def test_what_was_tampered_with_is_named(history, sql, sentence):
    tamper(sql)

    assert any(sentence in problem for problem in check_books()), check_books()
    with pytest.raises(CommandError):
        call_command("check_books")


def test_the_command_prints_the_trial_balance(history, capsys):
    call_command("check_books")

    said = capsys.readouterr().out
    assert said.endswith("books ok\n")
    assert "USD  psp_clearing                       36.00" in said


def test_the_settle_command_does_all_three(shared, sell, settings, capsys):
    settings.PAYOUT_HOLD_DAYS = 0
    sell(shared, "order-line:1")

    call_command("settle")

    assert capsys.readouterr().out == (
        "1 runs allocated, 1 released, 0 reserves ended, 2 payouts answered, 0 of them refused, 0 held\n"
    )
    assert check_books() == []


def legs(fee=-10, paid=10):
    return [debit(AccountKind.PSP_CLEARING, paid), debit(AccountKind.PLATFORM_FEE, fee)]


def post_once(noon, **changes):
    said = {
        "kind": TransactionKind.SALE,
        "source": "a",
        "idem_key": "key",
        "currency": "USD",
        "legs": legs(),
        "now": noon,
    }
    return post(**{**said, **changes})


def test_a_key_is_posted_once(db, noon):
    first = post_once(noon)

    assert post_once(noon, legs=[*reversed(legs()), debit(AccountKind.BANK, 0)]) == first
    assert (Transaction.objects.count(), Posting.objects.count()) == (1, 2)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"source": "b"}, "other content"),
        ({"kind": TransactionKind.PAYOUT_SENT}, "other content"),
        ({"currency": "EUR"}, "other content"),
        ({"legs": legs(fee=-11, paid=11)}, "other content"),
        ({"idem_key": "new", "legs": legs(fee=-11)}, "its debits and credits differ"),
        ({"idem_key": "new", "legs": []}, "it moves nothing"),
        ({"idem_key": "new", "legs": legs(fee=0, paid=0)}, "it moves nothing"),
    ],
)
def test_what_cannot_be_posted_says_why_and_writes_nothing(db, noon, changes, why):
    post_once(noon)

    with pytest.raises(UnableToPost, match=why) as refused:
        post_once(noon, **changes)

    assert refused.value.code == "unable-to-post"
    assert (Transaction.objects.count(), Posting.objects.count()) == (1, 2)


def test_a_creator_does_not_fall_below_zero(alice, noon):
    overdrawn = [debit(AccountKind.CREATOR_AVAILABLE, 5, alice.pk), credit(AccountKind.TAKEN_DOWN, 5)]
    with pytest.raises(UnableToPost, match="below zero"):
        post_once(noon, kind=TransactionKind.TAKEDOWN, legs=overdrawn)
    assert not Transaction.objects.exists()


def test_money_from_nowhere_is_named(history, alice, noon):
    """A transaction that balances, with no sale behind it: refused at its end, and named by who asks before."""
    given = [debit(AccountKind.PSP_CLEARING, 99_999), credit(AccountKind.CREATOR_AVAILABLE, 99_999, alice.pk)]
    with transaction.atomic():
        post_once(noon, kind=TransactionKind.DISPUTE_WON, legs=given)
        named = check_books()
        transaction.set_rollback(True)

    assert f"{alice.pk} has 99999 available less owed in USD; released lines less payouts are 0." in named
