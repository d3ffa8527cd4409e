"""Raw SQL that tries to cheat at posting: refused by name, and nothing is written."""

from uuid import uuid4

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from marketplace.payouts.bookkeeping.books import UnableToPost, constraint_of, credit, debit, post
from marketplace.payouts.models import Account, AccountKind, Posting, Transaction, TransactionKind
from marketplace.payouts.operations import give_credit, record_sale
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import MAX_AMOUNT_MINOR, Money
from tests.payouts.ahead import paid
from tests.payouts.test_guards import account, post_raw, refusal

MOST = MAX_AMOUNT_MINOR


def opened(kind, currency="USD", owner=None):
    kept = None if owner is None else 0
    return Account.objects.get_or_create(kind=kind, currency=currency, owner=owner, defaults={"balance_minor": kept})[
        0
    ].pk


def written():
    return Transaction.objects.count(), Posting.objects.count(), Account.objects.count()


def test_one_of_two_currencies_that_does_not_balance_is_enough(db):
    dollars = (opened("fx_position"), 100), (opened("psp_balance"), -100)
    yen = [(opened("fx_position", "JPY"), 5), (opened("psp_balance", "JPY"), -4)]
    before = written()
    assert refusal(post_raw(*dollars, *yen, kind="exchange")) == "payouts_transaction_balances"
    assert written() == before


def test_postings_name_an_account_and_a_transaction_that_there_are(alices, sell):
    sell(alices, "order-line:1")
    clearing, fee = account("psp_clearing"), account("platform_fee")
    assert refusal(post_raw((clearing, 5), (10**9, -5))) == "payouts_posting_names_what_is"
    orphan = f"""INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
                 VALUES ('{uuid4()}', {clearing}, 5), ('{uuid4()}', {fee}, -5)"""
    assert refusal(orphan) == "payouts_posting_names_what_is"


@pytest.mark.parametrize(
    ("kind", "debited", "credited"),
    [
        ("sale", "platform_fee", "creator_available"),
        ("sale", "psp_clearing", "creator_available"),
        ("sale", "creator_available", "royalty_unallocated"),
        ("royalty_run", "platform_fee", "creator_pending"),
        ("royalty_run", "royalty_unallocated", "creator_available"),
        ("hold_release", "platform_fee", "creator_available"),
        ("payout_sent", "creator_available", "bank"),
        ("payout_reserve", "creator_available", "bank"),
        ("bank_transfer", "bank", "creator_available"),
        ("credit_given", "bank", "buyer_credit"),
        ("write_off", "platform_fee", "creator_receivable"),
        ("exchange", "fx_position", "creator_available"),
        ("psp_settled", "psp_clearing", "psp_fee"),
    ],
)
def test_a_kind_of_transaction_moves_its_own_accounts_and_no_others(alice, kind, debited, credited):
    owners = [alice if name.startswith("creator_") else None for name in (debited, credited)]
    legs = (opened(debited, owner=owners[0]), 5), (opened(credited, owner=owners[1]), -5)
    before = written()
    assert refusal(post_raw(*legs, kind=kind)) == "payouts_transaction_moves_its_accounts"
    assert written() == before


def test_every_kind_of_transaction_has_its_accounts(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT split_part(move, ' ', 1), substr(split_part(move, ' ', 2), 1, 1),"
                       " substr(split_part(move, ' ', 2), 2) FROM unnest(payouts_moves()) move")  # fmt: skip
        moves = cursor.fetchall()
    assert {(kind, sign) for kind, sign, _ in moves} == {
        (kind, sign) for kind in TransactionKind.values for sign in "+-"
    }
    assert {kind for _, _, kind in moves} <= set(AccountKind.values)


def test_a_kept_balance_does_not_pass_what_the_books_can_hold(alice):
    owed, clearing = opened("creator_receivable", owner=alice), opened("psp_clearing")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(post_raw((owed, MOST), (clearing, -MOST), kind="refund"))
        before = written()
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            cursor.execute(post_raw((owed, 1), (clearing, -1), kind="refund"))
        assert constraint_of(refused.value) == "payouts_account_balance_fits"
        with pytest.raises(DataError), transaction.atomic():
            cursor.execute(post_raw((owed, MOST + 1), (clearing, -MOST - 1), kind="refund"))
        assert written() == before
        assert Account.objects.get(pk=owed).balance_minor == MOST
        transaction.set_rollback(True)  # it says of no sale what is refunded


def test_what_is_set_aside_is_not_used_twice(alices, noon):
    paid(alices, "invoice:1", gross=10_00, fee=0, now=noon)
    give_credit(source="goodwill:1", amount=Money(3_00, "USD"), now=noon)
    deferred, unallocated = account("deferred_subscription"), opened("royalty_unallocated")
    before = written()
    taken = post_raw((deferred, 1001), (unallocated, -1001))
    assert refusal(taken) == "payouts_set_aside_not_overdrawn"
    taken = post_raw((account("buyer_credit"), 301), (unallocated, -301))
    assert refusal(taken) == "payouts_set_aside_not_overdrawn"
    assert written() == before


def test_a_sale_is_what_its_transaction_posts(alices, sell):
    sold = sell(alices, "order-line:1", gross=12_00, fee=1_20, tax=96)
    sale = """WITH made AS (
                  INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
                  VALUES (gen_random_uuid(), %s, 'raw', 'raw', 'x', now()) RETURNING id
              ), legs AS (
                  INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
                  SELECT made.id, leg.* FROM made, (VALUES (%s, 100), (%s, -10), (%s, -90)) AS leg (account, amount)
              )
              INSERT INTO payouts_sale (id, source, split_id, currency, gross_minor, tax_minor, fee_minor, net_minor,
                                        tax_of, paid_from, sold_at, transaction_id)
              SELECT gen_random_uuid(), 'raw', %s, %s, %s, %s, %s, %s, %s, %s, now(), made.id FROM made"""
    legs = [account("psp_clearing"), account("platform_fee"), account("royalty_unallocated")]
    right = ["USD", 100, 0, 10, 90, "", "psp_clearing"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sale, ["sale", *legs, sold.split_id, *right])
        transaction.set_rollback(True)
    name = "payouts_sale_equals_its_postings"
    for place, wrong in [(0, "EUR"), (1, 1_000), (2, 10), (3, 20), (6, "buyer_credit")]:
        other = list(right)
        other[place] = wrong
        if place in (1, 3):  # so that the sale itself adds up
            other[4] = other[1] - other[2] - other[3]
        elif place == 2:
            other[3] = 0
        assert refusal(sale, ["sale", *legs, sold.split_id, *other]) == name, other
    before = written()
    assert refusal(sale, ["sale", *legs, "5a" * 32, *right]) == "payouts_sale_names_split"
    unposted = sale.replace("now(), made.id FROM made", "now(), gen_random_uuid()")
    assert refusal(unposted, ["sale", *legs, sold.split_id, *right]) == name
    assert written() == before


def test_the_door_refuses_by_name_and_writes_nothing(alice, noon):
    cash, fee = AccountKind.PSP_CLEARING, AccountKind.PLATFORM_FEE
    available = AccountKind.CREATOR_AVAILABLE

    def say(*legs, kind=TransactionKind.SALE, key="key", source="raw"):
        return post(kind=kind, source=source, idem_key=key, currency="USD", legs=legs, now=noon)

    before = written()
    for legs, more, why in [
        ([debit(cash, 5), credit(fee, 4)], {}, "debits and credits differ"),
        ([debit(cash, 5), credit(cash, 5)], {}, "moves nothing"),
        ([], {}, "moves nothing"),
        ([debit(fee, 5), credit(available, 5, alice.pk)], {}, "does not move such accounts"),
        (
            [debit(available, 5, alice.pk), credit(AccountKind.TAKEN_DOWN, 5)],
            {"kind": TransactionKind.TAKEDOWN},
            "below zero",
        ),
        ([debit(cash, MOST + 1), credit(fee, MOST + 1)], {}, "more than the books can hold"),
        ([debit(cash, 5), credit(fee, 5)], {"key": "k" * 201}, "longer than 200"),
        ([debit(cash, 5), credit(fee, 5)], {"source": "s" * 201}, "longer than 200"),
    ]:
        with pytest.raises(UnableToPost, match=why):
            say(*legs, **more)
        assert written() == before, why

    first = say(debit(cash, 5), credit(fee, 5))
    assert say(debit(cash, 5), credit(fee, 5)) == first
    with pytest.raises(UnableToPost, match="other content"):
        say(debit(cash, 6), credit(fee, 6))
    assert Posting.objects.count() == 2
    assert check_books() == ["Transaction key is of kind sale and there is no such sale."]


def test_a_sale_beyond_what_was_prepaid_is_refused_and_nothing_is_written(alices, noon):
    paid(alices, "invoice:1", gross=10_00, fee=0, now=noon)
    before = written()
    with pytest.raises(UnableToPost, match="more would be used than was set aside"):
        record_sale(
            source="period:1",
            split=alices,
            gross=Money(10_01, "USD"),
            tax_minor=0,
            fee_minor=0,
            paid_from=AccountKind.DEFERRED_SUBSCRIPTION,
            now=noon,
        )
    assert written() == before
