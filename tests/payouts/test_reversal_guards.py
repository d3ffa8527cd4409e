"""Raw SQL that tries to cheat by a reversal is refused by name, and found by `check_books` where guards are off."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.payouts.bookkeeping.books import constraint_of
from marketplace.payouts.models import RoyaltyLine, Sale
from marketplace.payouts.operations import (
    allocate_royalties,
    award_takedown,
    close_dispute,
    fail_refund,
    lift_takedown,
    open_dispute,
    refund,
    take_down,
)
from marketplace.payouts.queries import check_books
from marketplace.payouts.reversals import Reversal, ReversalOutcome
from tests.payouts.test_check_books import tamper
from tests.payouts.test_guards import account

STOLEN, CLAIM = "release:stolen", "claim:1"


@pytest.fixture
def history(alice, bob, alices, shared, sell, noon):
    """Sales of 12.00 that are pending: one as it was, one refunded in part, one disputed, one taken down."""
    for number in range(1, 5):
        sell(shared, f"order-line:{number}", tax=96, subject=STOLEN if number == 4 else "")
    allocate_royalties(now=noon)
    refund(source="order-line:2", amount_minor=4_00, key="refund:2", reason="x", now=noon)
    open_dispute(source="order-line:3", now=noon)
    take_down(subject=STOLEN, reason=CLAIM, now=noon)
    assert check_books() == []


def refusal(*statements):
    """Runs the statements in one transaction and returns the name that it was refused by."""
    connection.check_constraints()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError as error:
        return constraint_of(error)
    pytest.fail("not refused")


def takes(posting, number=1, kind="refund", tax=0, fee=0, net=0, pot=0, loss=0):
    """A reversal of a sale, and its id."""
    sale, name = Sale.objects.get(source=f"order-line:{number}"), uuid4()
    return (
        name,
        f"""INSERT INTO payouts_reversal (id, sale_id, kind, key, reason, amount_minor, tax_minor, fee_minor,
                                                   net_minor, pot_minor, loss_minor, opened_at, transaction_id)
                     VALUES ('{name}', '{sale.pk}', '{kind}', '{name}', '', {tax + fee + net + pot + loss}, {tax},
                             {fee}, {net}, {pot}, {loss}, now(), '{posting}')""",
    )


def of_lines(reversal, *parts, bucket="creator_pending"):
    rows = ", ".join(f"('{reversal}', {line.pk}, {amount}, '{bucket}')" for line, amount in parts)
    return f"INSERT INTO payouts_reversal_line (reversal_id, line_id, amount_minor, bucket) VALUES {rows}"


def ends(posting, reversal, outcome, tax=0, fee=0, pot=0):
    return f"""INSERT INTO payouts_reversal_outcome (reversal_id, outcome, tax_minor, fee_minor, pot_minor, closed_at,
                                                     transaction_id)
               VALUES ('{reversal.pk}', '{outcome}', {tax}, {fee}, {pot}, now(), '{posting}')"""


def gives(posting, *parts, bucket="creator_pending"):
    rows = ", ".join(f"({line.pk}::bigint, {amount}::bigint)" for line, amount in parts)
    return f"""INSERT INTO payouts_returned_line (outcome_id, line_id, amount_minor, bucket)
               SELECT o.id, p.line_id, p.amount, '{bucket}' FROM (VALUES {rows}) AS p (line_id, amount),
                      payouts_reversal_outcome o WHERE o.transaction_id = '{posting}'"""


def posts(posting, *legs, kind="refund"):
    rows = ", ".join(f"({one}, {amount})" for one, amount in legs)
    return f"""
        WITH made AS (INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
                      VALUES ('{posting}', '{kind}', 'raw', '{posting}', 'x', now()) RETURNING id)
        INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
        SELECT made.id, leg.account, leg.amount FROM made, (VALUES {rows}) AS leg (account, amount)
    """


def lines(number):
    return list(RoyaltyLine.objects.filter(sale__source=f"order-line:{number}").order_by("payee_id"))


def test_a_reversal_takes_no_more_than_there_is(history, alice):
    mine, theirs = lines(2)
    name, begun = takes(uuid4(), 2, net=400)
    assert refusal(begun, of_lines(name, (mine, 461))) == "payouts_reversal_within_line"  # 4.60 remain
    for more in ({"tax": 65}, {"fee": 81}, {"pot": 1}):
        assert refusal(takes(uuid4(), 2, **more)[1]) == "payouts_reversal_within_sale"
    name, begun = takes(uuid4(), 1, net=5)
    assert refusal(begun, of_lines(name, (theirs, 5))) == "payouts_reversal_takes_of_its_sale"
    assert refusal(takes(uuid4(), 4, pot=985)[1]) == "payouts_reversal_within_sale"  # 9.84 were put aside
    assert refusal(takes(uuid4(), 3, tax=1)[1]) == "payouts_reversal_within_sale"  # all is disputed


def test_what_it_says_is_what_it_posts(history, alice, bob):
    (mine, theirs), posting = lines(1), uuid4()
    money, own, bobs = (
        account("psp_clearing"),
        account("creator_pending", owner=alice),
        account("creator_pending", owner=bob),
    )
    name, begun = takes(posting, 1, net=100)
    whole = [begun, of_lines(name, (mine, 70), (theirs, 30))]
    off = "payouts_reversal_equals_postings"
    assert refusal(*whole, posts(posting, (own, 100), (money, -100))) == off
    assert refusal(*whole, posts(posting, (own, 70), (bobs, 31), (money, -101))) == off
    fee = account("platform_fee")
    assert refusal(*whole, posts(posting, (own, 70), (bobs, 30), (fee, 5), (money, -105))) == off
    available = "creator_available"
    assert refusal(begun, of_lines(name, (mine, 70), (theirs, 30), bucket=available),
                   posts(posting, (own, 70), (bobs, 30), (money, -100))) == off  # fmt: skip
    short = [begun, of_lines(name, (mine, 70))]
    assert refusal(*short, posts(posting, (own, 70), (money, -70))) == "payouts_reversal_lines_sum_to_net"
    assert refusal(posts(posting, (own, 70), (money, -70))) == off  # of nothing
    taken = [account("taken_down")]
    wrong = posts(posting, (own, 70), (bobs, 30), (taken[0], -100), kind="takedown")
    assert refusal(*whole, wrong) == "payouts_reversal_names_its_posting"


def test_nothing_is_added_to_what_is_posted(history):
    before = Reversal.objects.get(key="refund:2")
    added = "payouts_reversal_precedes_its_posting"
    assert refusal(of_lines(before.pk, (lines(2)[0], 1), bucket="creator_available")) == added
    assert refusal(takes(before.transaction_id, 1, fee=1)[1]) == added
    assert refusal(ends(before.transaction_id, before, "failed", tax=32, fee=40)) == added


def test_an_end_fits_what_it_ends_and_gives_back_what_was_taken(history, alice, bob):
    refunded, disputed = Reversal.objects.get(key="refund:2"), Reversal.objects.get(key="dispute:order-line:3")
    taken, posting = Reversal.objects.get(kind="takedown"), uuid4()
    fits = "payouts_outcome_fits_its_reversal"
    for reversal, outcome in ((refunded, "won"), (refunded, "lifted"), (disputed, "failed"), (taken, "lost")):
        assert refusal(ends(posting, reversal, outcome, pot=int(outcome == "lifted"))) == fits
    assert refusal(ends(posting, disputed, "won", tax=95, fee=120)) == fits
    assert refusal(ends(posting, disputed, "lost", tax=1)) == fits
    assert refusal(ends(posting, taken, "lifted")) == "payouts_reversal_outcome_moves_or_not"
    mine, _theirs = lines(2)
    failed = ends(posting, refunded, "failed", tax=32, fee=40)
    assert refusal(failed, gives(posting, (mine, 231))) == "payouts_reversal_within_line"
    assert refusal(failed, gives(posting, (lines(1)[0], 1))) == "payouts_reversal_takes_of_its_sale"
    money, own = account("psp_clearing"), account("creator_pending", owner=alice)
    back = posts(posting, (money, 301), (account("tax_payable"), -32), (account("platform_fee"), -40), (own, -229),
                 kind="refund_failed")  # fmt: skip
    assert refusal(failed, gives(posting, (mine, 229)), back) == "payouts_return_is_whole"


def test_what_is_awarded_is_one_sale_of_just_that(history, shared, alices, noon):
    taken, posting = Reversal.objects.get(kind="takedown"), uuid4()
    assert refusal(ends(posting, taken, "awarded", pot=984)) == "payouts_award_equals_pots"
    assert refusal(ends(posting, taken, "awarded", pot=985)) == "payouts_reversal_within_sale"
    sold = f"""INSERT INTO payouts_sale (id, source, split_id, currency, gross_minor, tax_minor, fee_minor, net_minor,
                                         paid_from, sold_at, transaction_id)
               VALUES (gen_random_uuid(), 'raw', '{alices.pk}', 'USD', 984, 0, 0, 984, 'taken_down', now(),
                       '{posting}')"""
    legs = ((account("taken_down"), 984), (account("royalty_unallocated"), -984))
    assert refusal(posts(posting, *legs, kind="sale"), sold) == "payouts_award_equals_pots"
    assert refusal(posts(posting, *legs, kind="sale"), sold, ends(posting, taken, "awarded", pot=983)) == (
        "payouts_award_equals_pots"
    )


@pytest.fixture
def ended(history, erin, alices, sell, shared, noon):
    """All of it, ended: a refund failed, a dispute won, a takedown lifted after a refund, another awarded."""
    fail_refund(key="refund:2", now=noon)
    close_dispute(source="order-line:3", outcome="won", now=noon)
    refund(source="order-line:4", amount_minor=4_00, key="refund:4", reason="x", now=noon)
    lift_takedown(subject=STOLEN, reason=CLAIM, now=noon)
    sell(shared, "order-line:5", subject="release:other")
    take_down(subject="release:other", reason="claim:2", now=noon)
    award_takedown(subject="release:other", reason="claim:2", split=alices, now=noon)
    open_dispute(source="order-line:1", amount_minor=3_00, now=noon)
    assert ReversalOutcome.objects.count() == 4
    assert check_books() == []


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("UPDATE payouts_reversal_line SET amount_minor = amount_minor + 1", "and says"),
        ("DELETE FROM payouts_returned_line", "which gave"),
        ("DELETE FROM payouts_returned_line", "pending in USD and unreleased lines of"),
        ("UPDATE payouts_reversal_line SET amount_minor = amount_minor + 2000", "earned from sale order-line:1, -"),
        ("DELETE FROM payouts_reversal_outcome WHERE outcome = 'awarded'", "is kept of what was taken down"),
        ("UPDATE payouts_reversal SET pot_minor = pot_minor + 5000, amount_minor = amount_minor + 5000"
         " WHERE kind <> 'takedown'", "what was taken down would remain."),
        ("UPDATE payouts_reversal SET tax_minor = tax_minor + 900, amount_minor = amount_minor + 900"
         " WHERE kind <> 'takedown'", "of tax"),
        ("UPDATE payouts_reversal SET kind = 'dispute' WHERE key = 'refund:4'", "is in dispute suspense"),
        ("DELETE FROM payouts_reversal WHERE key = 'dispute:order-line:1'", "on hold in USD and open disputes took 0"),
        ("UPDATE payouts_reversal_outcome SET outcome = 'lost' WHERE outcome = 'won'", "is a dispute that was lost"),
        ("UPDATE payouts_reversal SET sale_id = (SELECT id FROM payouts_sale WHERE source = 'order-line:1')"
         " WHERE key = 'refund:2'", "refund:2 took of a line of another sale."),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_named(ended, sql, sentence):
    tamper(sql)

    assert any(sentence in problem for problem in check_books()), check_books()
