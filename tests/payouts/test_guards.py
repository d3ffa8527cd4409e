"""Raw SQL that tries to cheat is refused by the database, by name."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.payouts.bookkeeping.books import constraint_of
from marketplace.payouts.models import (
    Account,
    Payout,
    Posting,
    RecordedTransfer,
    RoyaltyLine,
    RoyaltyRun,
    Sale,
    Transaction,
)
from marketplace.payouts.operations import (
    allocate_royalties,
    close_dispute,
    freeze,
    open_dispute,
    release_holds,
    settle,
    thaw,
)
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import WHOLE_PPB, split_digest
from tests.payouts.fakes import Killed


def refusal(sql, params=None):
    """Runs the statement, has its constraints checked at once, and returns the name it was refused by."""
    connection.check_constraints()  # what came before is well, and leaves no check pending
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, params)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError as error:
        return constraint_of(error)
    pytest.fail(f"not refused: {sql}")


@pytest.fixture
def history(alice, bob, shared, sell, noon):
    """One of everything: a sale paid out, after it was frozen, thawed, disputed and won, and one disputed and lost."""
    sell(shared, "order-line:1", now=noon, subject="release:1")
    sell(shared, "order-line:2", now=noon)
    [run] = allocate_royalties(now=noon)
    freeze(subject="release:1", reason="claim:1", now=noon)
    thaw(subject="release:1", reason="claim:1", now=noon)
    for number, outcome in ((1, "won"), (2, "lost")):
        open_dispute(source=f"order-line:{number}", now=noon)
        close_dispute(source=f"order-line:{number}", outcome=outcome, now=noon)
    release_holds(now=run.available_at)
    settle(now=run.available_at)
    assert check_books() == []


FACTS = [
    "split",
    "split_share",
    "transaction",
    "posting",
    "sale",
    "royalty_run",
    "royalty_line",
    "hold_release",
    "payout",
    "payout_outcome",
    "reversal",
    "reversal_outcome",
    "reversal_line",
    "returned_line",
    "recorded_transfer",
    "subject_freeze",
    "subject_thaw",
    "claim_hold_line",
    "claim_hold_end",
]


@pytest.mark.parametrize("table", FACTS)
def test_facts_are_never_changed(history, table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM payouts_{table}")
        column = cursor.description[0].name
        assert cursor.rowcount > 0
    name = f"payouts_{table}_append_only"
    assert refusal(f"UPDATE payouts_{table} SET {column} = {column}") == name
    assert refusal(f"DELETE FROM payouts_{table}") == name
    truncated = refusal(f"TRUNCATE payouts_{table} CASCADE")
    assert truncated.endswith(("_append_only", "_stays"))
    assert check_books() == []


def post_raw(*legs, kind="sale"):
    """A statement that posts a transaction of (account, amount) legs."""
    rows = ", ".join(f"({account}, {amount})" for account, amount in legs)
    return f"""
        WITH made AS (INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
                      VALUES ('{uuid4()}', '{kind}', 'raw', '{uuid4()}', 'x', now()) RETURNING id)
        INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
        SELECT made.id, leg.account, leg.amount FROM made, (VALUES {rows}) AS leg (account, amount)
    """


def account(kind, currency="USD", owner=None):
    return Account.objects.get(kind=kind, currency=currency, owner=owner).pk


def test_an_unbalanced_transaction_is_refused(history):
    bank, fee = account("bank"), account("platform_fee")
    assert refusal(post_raw((bank, 100), (fee, -99))) == "payouts_transaction_balances"
    assert refusal(post_raw((bank, 100))) == "payouts_transaction_balances"
    assert refusal(post_raw((bank, 0), (fee, 0))) == "payouts_posting_not_zero"


def test_debits_in_one_currency_do_not_balance_credits_in_another(history, shared, sell):
    sell(shared, "order-line:9", currency="JPY")
    legs = (account("psp_clearing"), 100), (account("psp_clearing", "JPY"), -100)
    assert refusal(post_raw(*legs)) == "payouts_transaction_balances"


def test_a_transaction_is_not_added_to(history):
    bank, fee, before = account("bank"), account("platform_fee"), Posting.objects.first().transaction_id
    added = f"""INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
                VALUES ('{before}', {bank}, 5), ('{before}', {fee}, -5)"""
    assert refusal(added) == "payouts_transaction_written_once"


def test_a_transaction_without_postings_is_refused(db):
    empty = f"""INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
                VALUES ('{uuid4()}', 'sale', 'raw', 'raw', 'x', now())"""
    assert refusal(empty) == "payouts_transaction_has_postings"


@pytest.mark.parametrize(
    ("kind", "moved"),
    [
        ("creator_pending", "takedown"),
        ("creator_reserve", "takedown"),
        ("creator_available", "takedown"),
        ("creator_claim_hold", "takedown"),
        ("creator_dispute_hold", "dispute_lost"),
    ],
)
def test_a_creators_account_does_not_fall_below_zero(history, alice, kind, moved):
    other = "dispute_suspense" if moved == "dispute_lost" else "taken_down"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO payouts_account (kind, owner_id, currency, balance_minor)"
            " VALUES (%s, %s, 'USD', 0), (%s, NULL, 'USD', NULL) ON CONFLICT DO NOTHING",
            [kind, alice.pk, other],
        )
    taken = (account(kind, owner=alice), 1), (account(other), -1)
    assert refusal(post_raw(*taken, kind=moved)) == "payouts_account_balance_not_negative"


def test_a_debt_does_not_fall_below_zero_and_posting_moves_the_kept_balance(history, alice):
    Account.objects.create(kind="creator_receivable", owner=alice, currency="USD", balance_minor=0)
    owed, lost = account("creator_receivable", owner=alice), Account.objects.create(kind="bad_debt", currency="USD").pk
    forgiven = post_raw((owed, -1), (lost, 1), kind="write_off")
    assert refusal(forgiven) == "payouts_account_balance_not_negative"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(post_raw((owed, 7), (account("psp_clearing"), -7), kind="refund"))
        assert Account.objects.get(pk=owed).balance_minor == 7
        transaction.set_rollback(True)  # it says of no sale what is refunded


def test_a_balance_is_set_by_postings_alone(history, alice):
    assert refusal("UPDATE payouts_account SET balance_minor = 1000000 WHERE balance_minor IS NOT NULL") == (
        "payouts_account_moved_by_postings"
    )
    assert refusal("UPDATE payouts_account SET currency = 'KWD'") == "payouts_account_moved_by_postings"
    assert refusal("DELETE FROM payouts_account") == "payouts_account_stays"
    opened = "INSERT INTO payouts_account (kind, owner_id, currency, balance_minor) VALUES (%s, %s, %s, %s)"
    assert refusal(opened, ["creator_available", alice.pk, "EUR", 5]) == "payouts_account_opens_at_zero"
    assert refusal(opened, ["creator_available", alice.pk, "USD", 0]) == "payouts_account_once"
    assert refusal(opened, ["bank", None, "USD", None]) == "payouts_account_once"
    assert refusal(opened, ["bank", alice.pk, "EUR", 0]) == "payouts_account_kept_or_summed"
    assert refusal(opened, ["creator_available", None, "EUR", None]) == "payouts_account_kept_or_summed"
    assert refusal(opened, ["slush_fund", None, "EUR", None]) == "payouts_account_kind_known"


def insert_split(digest, shares):
    rows = ", ".join(f"('{payee.pk}'::uuid, {share_ppb})" for payee, share_ppb in shares)
    return f"""
        WITH made AS (INSERT INTO payouts_split (digest, created_at) VALUES ('{digest}', now()) RETURNING digest)
        INSERT INTO payouts_split_share (split_id, payee_id, share_ppb)
        SELECT made.digest, share.payee, share.ppb FROM made, (VALUES {rows}) AS share (payee, ppb)
    """


def test_shares_of_a_split_sum_to_the_whole(shared, alice, bob, erin):
    half = WHOLE_PPB // 2
    short = insert_split("a" * 64, [(alice, half), (bob, half - 1)])
    assert refusal(short) == "payouts_split_sums_to_whole"
    added = f"""INSERT INTO payouts_split_share (split_id, payee_id, share_ppb)
                VALUES ('{shared.digest}', '{erin.pk}', 1)"""
    assert refusal(added) == "payouts_split_sums_to_whole"
    assert refusal(insert_split("a" * 64, [(alice, WHOLE_PPB + 5), (bob, -5)])) == "payouts_share_within_whole"
    assert refusal(insert_split("a" * 64, [(alice, half), (alice, half)])) == "payouts_split_names_payee_once"


def test_a_split_is_named_by_its_content(alice, bob):
    shares = [(bob, 1), (alice, WHOLE_PPB - 1)]
    assert refusal(insert_split("a" * 64, shares)) == "payouts_split_digest_matches"
    with connection.cursor() as cursor:
        cursor.execute(insert_split(split_digest([(payee.pk, ppb) for payee, ppb in shares]), shares))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_split_has_shares(db):
    empty = f"INSERT INTO payouts_split (digest, created_at) VALUES ('{'a' * 64}', now())"
    assert refusal(empty) == "payouts_split_has_shares"


def test_royalty_lines_sum_to_the_net_and_a_sale_is_allocated_once(history, alice, bob, shared, sell):
    run = RoyaltyRun.objects.get()
    line = "INSERT INTO payouts_royalty_line (run_id, sale_id, payee_id, share_ppb, amount_minor) VALUES"
    done = RoyaltyLine.objects.filter(payee=alice).first()
    RoyaltyLine.objects.filter(sale=done.sale).count()
    fresh = sell(shared, "order-line:3")
    assert refusal(f"{line} ({run.pk}, '{fresh.pk}', '{alice.pk}', 1, 1079)") == "payouts_lines_sum_to_net"
    twice = f"{line} ({run.pk}, '{done.sale_id}', '{alice.pk}', 1, 1080)"
    assert refusal(twice) == "payouts_line_once"
    other = sell(shared, "order-line:4", currency="EUR")
    assert refusal(f"{line} ({run.pk}, '{other.pk}', '{alice.pk}', 1, 1080)") == "payouts_lines_sum_to_net"


def test_a_sale_is_not_allocated_again_to_somebody_else(alice, bob, alices, sell, noon):
    sale = sell(alices, "order-line:1")
    [run] = allocate_royalties(now=noon)
    again = f"""INSERT INTO payouts_royalty_line (run_id, sale_id, payee_id, share_ppb, amount_minor)
                VALUES ({run.pk}, '{sale.pk}', '{bob.pk}', 1, 1080)"""
    assert refusal(again) == "payouts_sale_allocated_once"


def test_the_queue_is_kept_by_triggers(alices, sell):
    sale = sell(alices, "order-line:1")
    name = "payouts_awaiting_allocation_kept_by_triggers"
    assert refusal("DELETE FROM payouts_awaiting_allocation") == name
    assert refusal("UPDATE payouts_awaiting_allocation SET currency = 'EUR'") == name
    put_in = f"INSERT INTO payouts_awaiting_allocation (sale_id, currency) VALUES ('{sale.pk}', 'USD')"
    assert refusal(put_in) == name
    assert refusal("TRUNCATE payouts_awaiting_allocation") == "payouts_awaiting_allocation_stays"


def test_a_sale_adds_up(history, shared):
    sale = """INSERT INTO payouts_sale (id, source, split_id, currency, gross_minor, tax_minor, fee_minor, net_minor,
              sold_at, transaction_id) VALUES (%s, 'raw', %s, 'USD', %s, %s, %s, %s, now(), %s)"""
    some = Posting.objects.first().transaction_id
    assert refusal(sale, [uuid4(), shared.pk, 100, 0, 0, 101, some]) == "payouts_sale_adds_up"
    assert refusal(sale, [uuid4(), shared.pk, 100, 0, -1, 101, some]) == "payouts_sale_amounts_not_negative"


def insert_payouts(*payouts):
    """A statement that writes payouts of (creator, amount, currency, transaction), covering the only release."""
    rows = ", ".join(
        f"(gen_random_uuid(), '{creator.pk}'::uuid, {amount}, '{currency}', '{named}'::uuid)"
        for creator, amount, currency, named in payouts
    )
    return f"""
        INSERT INTO payouts_payout (id, creator_id, amount_minor, currency, transaction_id, idem_key, reserved_at,
                                    released_through_id)
        SELECT made.*, 'raw:' || made.id, now(), (SELECT max(id) FROM payouts_hold_release)
          FROM (VALUES {rows}) AS made (id, creator_id, amount_minor, currency, transaction_id)
    """


def test_what_was_reserved_is_not_paid_again(history, alice, erin):
    """The tester's own statement, and the same in the name of somebody who has nothing reserved."""
    copied = """INSERT INTO payouts_payout (id, currency, amount_minor, reserved_at, idem_key, creator_id,
                                            released_through_id, transaction_id)
                SELECT gen_random_uuid(), currency, 99999, now(), 'zz', creator_id, released_through_id,
                       transaction_id FROM payouts_payout LIMIT 1"""
    reserved = Payout.objects.get(creator=alice)
    assert refusal(copied) == "payouts_payout_once"
    again = insert_payouts((erin, 99_999, "USD", reserved.transaction_id))
    assert refusal(again) == "payouts_payout_equals_reservation"
    elsewhere = insert_payouts((alice, 756, "USD", Sale.objects.first().transaction_id))
    assert refusal(elsewhere) == "payouts_payout_names_reservation"

    settle(now=reserved.reserved_at)
    assert sorted(RecordedTransfer.objects.values_list("amount_minor", flat=True)) == [324, 756]
    assert check_books() == []


@pytest.fixture
def available(alice, bob, shared, sell, noon):
    """Alice has 7.56 USD available, Bob 3.24."""
    sell(shared, "order-line:1", now=noon)
    [run] = allocate_royalties(now=noon)
    release_holds(now=run.available_at)


def reserve_raw(*legs):
    """Posts a reservation of (account, amount) legs and returns its transaction, its end still to come."""
    with connection.cursor() as cursor:
        cursor.execute(post_raw(*legs, kind="payout_reserve"))
    return Transaction.objects.get(kind="payout_reserve").pk


def test_payouts_are_what_their_reservation_takes_from_each_creator(available, alice, bob):
    Account.objects.create(kind="payout_in_flight", currency="USD")
    alices, bobs = (account("creator_available", owner=creator) for creator in (alice, bob))
    connection.check_constraints()
    named = reserve_raw((alices, 756), (bobs, 324), (account("payout_in_flight"), -1080))
    name = "payouts_payout_equals_reservation"
    wrong = [
        [(alice, 757, "USD", named), (bob, 323, "USD", named)],
        [(alice, 756, "USD", named)],
        [(alice, 756, "JPY", named), (bob, 324, "USD", named)],
        [(alice, 756, "USD", named), (bob, 324, "USD", uuid4())],
    ]
    for payouts in wrong:
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(insert_payouts(*payouts))
        assert constraint_of(refused.value) == name, payouts
    with connection.cursor() as cursor:
        cursor.execute(insert_payouts((alice, 756, "USD", named), (bob, 324, "USD", named)))
    connection.check_constraints()


def test_a_reservation_is_for_payouts_and_takes_nothing_else(available, alice):
    Account.objects.create(kind="payout_in_flight", currency="USD")
    alices, way = account("creator_available", owner=alice), account("payout_in_flight")
    name = "payouts_payout_equals_reservation"
    assert refusal(post_raw((alices, 756), (way, -756), kind="payout_reserve")) == name
    other = post_raw((account("psp_clearing"), 756), (way, -756), kind="payout_reserve")
    assert refusal(other) == "payouts_transaction_moves_its_accounts"


def test_a_payout_has_one_end(history, alice, bob):
    outcome = "INSERT INTO payouts_payout_outcome (payout_id, state, reference, at) VALUES"
    paid = Payout.objects.get(creator=alice)

    def say(*states):
        return f"{outcome} " + ", ".join(f"('{paid.pk}', '{state}', 'raw', now())" for state in states)

    assert refusal(say("failed")) == "payouts_outcome_in_order"
    assert refusal(say("paid")) == "payouts_outcome_once"
    assert refusal(say("lost")) == "payouts_outcome_state_known"


@pytest.mark.parametrize(
    "before, after",
    [
        ([], ["paid"]),
        ([], ["paid", "sent"]),
        ([], ["sent", "paid", "failed"]),
        ([], ["failed", "sent"]),
        (["failed"], ["sent"]),
        (["failed"], ["paid"]),
        (["sent", "failed"], ["paid"]),
        (["sent", "paid"], ["failed"]),
    ],
)
def test_outcomes_follow_each_other_in_order(available, alice, noon, faulty_rail, before, after):
    faulty_rail.plan = ["die before"]
    with pytest.raises(Killed):
        settle(now=noon)
    payout = Payout.objects.get(creator=alice)

    def say(states):
        rows = ", ".join(f"('{payout.pk}', '{state}', 'raw', now())" for state in states)
        return f"INSERT INTO payouts_payout_outcome (payout_id, state, reference, at) VALUES {rows}"

    with connection.cursor() as cursor:
        for state in before:
            cursor.execute(say([state]))
    assert refusal(say(after)) == "payouts_outcome_in_order"
    assert [outcome.state for outcome in payout.outcomes.order_by("pk")] == before
