"""Dave writes rows that balance, past every operation; the database refuses them, or the next proof names them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.payouts.bookkeeping.books import constraint_of, credit, debit, post
from marketplace.payouts.currencies import SOLD
from marketplace.payouts.models import (
    Account,
    AccountKind,
    HoldRelease,
    Payout,
    RoyaltyLine,
    RoyaltyRun,
    Sale,
    Transaction,
    TransactionKind,
)
from marketplace.payouts.operations import allocate_royalties, ensure_split, settle
from marketplace.payouts.queries import check_books
from marketplace.payouts.statements import StatementPeriod


@transaction.atomic
def at_once(write):
    """Writes, and asks all that is else asked at commit."""
    write()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def refusal_of(write):
    """Returns the name of the constraint that refuses what `write` does; nothing of it is left."""
    before = Transaction.objects.count()
    with pytest.raises(IntegrityError) as refused:
        at_once(write)
    assert Transaction.objects.count() == before
    return constraint_of(refused.value)


def allocate(sale, parts, now, share_ppb=500_000_000):
    """Writes a run of one sale by hand: `parts` are (creator, minor units)."""
    run = RoyaltyRun.objects.create(
        currency=sale.currency, ran_at=now, available_at=now + timedelta(days=14), transaction_id=uuid4()
    )
    RoyaltyLine.objects.bulk_create(
        RoyaltyLine(run=run, sale=sale, payee=payee, share_ppb=share_ppb, amount_minor=amount)
        for payee, amount in parts
    )
    post(
        kind=TransactionKind.ROYALTY_RUN,
        source="x",
        idem_key=f"x:{run.pk}",
        currency=sale.currency,
        legs=[
            debit(AccountKind.ROYALTY_UNALLOCATED, sale.net_minor),
            *(credit(AccountKind.CREATOR_PENDING, amount, payee.pk) for payee, amount in parts),
        ],
        now=now,
        transaction_id=run.transaction_id,
    )
    return run


@pytest.fixture
def halves(alice, bob, noon):
    """Half to Alice and half to Bob."""
    return ensure_split(own={alice: 500_000_000, bob: 500_000_000}, parents=[], now=noon)


def test_the_odd_unit_is_alices_and_not_bobs(halves, sell, alice, bob, noon):
    """1801 in halves: of equal remainders the lower id has the odd one, and Alice's is lower."""
    allocate(sell(halves, "order-line:1", gross=1801, fee=0), [(alice, 901), (bob, 900)], noon)
    assert check_books() == []

    allocate(sell(halves, "order-line:2", gross=1801, fee=0), [(alice, 900), (bob, 901)], noon)

    assert check_books() == [
        f"A royalty line of {alice.pk} from sale order-line:2 has 900 and the sale's split gives 901.",
        f"A royalty line of {bob.pk} from sale order-line:2 has 901 and the sale's split gives 900.",
    ]


def test_the_odd_unit_goes_where_the_remainder_is_largest(alice, bob, erin, sell, noon):
    """Of 10 in 333, 333 and 334 thousandths each has 3, and the odd one is Erin's, whose remainder is the largest."""
    split = ensure_split(own={alice: 333_000_000, bob: 333_000_000, erin: 334_000_000}, parents=[], now=noon)
    sell(split, "order-line:1", gross=10, fee=0)

    allocate_royalties(now=noon)

    assert list(RoyaltyLine.objects.order_by("payee").values_list("amount_minor", flat=True)) == [3, 3, 4]
    assert check_books() == []


def test_no_account_and_no_sale_is_in_what_we_do_not_sell_in(shared, sell):
    """Or one raw sale in “AAA” would stop the settlement of every currency."""
    sale = sell(shared, "order-line:1")
    account = {"kind": AccountKind.PSP_CLEARING, "detail": "", "balance_minor": None}

    for code in ("AAA", "XXX", "usd", ""):
        assert refusal_of(lambda code=code: Account.objects.create(currency=code, **account)) in {
            "payouts_account_currency",
            "payouts_account_currency_sold",
        }
    copied = {
        field.attname: getattr(sale, field.attname)
        for field in Sale._meta.concrete_fields
        if field.name not in {"id", "source", "transaction"}
    }
    named = {**copied, "currency": "AAA", "source": "y", "transaction_id": uuid4()}
    assert refusal_of(lambda: Sale.objects.create(**named)) == "payouts_sale_currency_sold"

    assert check_books() == []


@pytest.mark.django_db
def test_the_database_knows_every_currency_that_we_sell_in():
    """To sell in one more takes a migration: this says so before a sale does."""
    for code in SOLD.split():
        Account.objects.get_or_create(kind=AccountKind.BANK, currency=code)

    assert Account.objects.filter(kind=AccountKind.BANK).count() == len(SOLD.split()) == 26


def test_a_month_is_not_closed_before_it_is_over(db, noon):
    def close(at, period="2026-11"):
        StatementPeriod.objects.create(
            period=period, currency="USD", after=0, through=0, statements=0, root="0" * 64, closed_at=at
        )

    midnight = noon.replace(month=12, day=1, hour=0)

    assert refusal_of(lambda: close(noon)) == "payouts_period_over_when_closed"
    assert refusal_of(lambda: close(midnight - timedelta(microseconds=1))) == "payouts_period_over_when_closed"
    assert refusal_of(lambda: close(midnight, "2026-13")) == "payouts_period_is_a_month"
    assert not StatementPeriod.objects.exists()


def test_a_hold_period_does_not_end_before_its_time(shared, sell, alice, bob, noon):
    sell(shared, "order-line:1")
    [run] = allocate_royalties(now=noon)

    def release(at):
        moved = post(
            kind=TransactionKind.HOLD_RELEASE,
            source="x",
            idem_key="x",
            currency="USD",
            legs=[
                debit(AccountKind.CREATOR_PENDING, 756, alice.pk),
                debit(AccountKind.CREATOR_PENDING, 324, bob.pk),
                credit(AccountKind.CREATOR_AVAILABLE, 756, alice.pk),
                credit(AccountKind.CREATOR_AVAILABLE, 324, bob.pk),
            ],
            now=at,
        )
        HoldRelease.objects.create(run=run, transaction_id=moved, released_at=at)

    early = run.available_at - timedelta(microseconds=1)
    assert refusal_of(lambda: release(early)) == "payouts_release_after_hold"
    assert not HoldRelease.objects.exists()
    release(run.available_at)
    assert check_books() == []


def test_a_payout_names_a_release_of_its_own_currency(alices, earn, alice, noon):
    earn(alices, "order-line:1", noon)
    earn(alices, "order-line:2", noon, currency="JPY")
    dollars = HoldRelease.objects.get(run__currency="USD")

    def reserve():
        moved = post(
            kind=TransactionKind.PAYOUT_RESERVE,
            source="x",
            idem_key="x",
            currency="JPY",
            legs=[
                debit(AccountKind.CREATOR_AVAILABLE, 1080, alice.pk),
                credit(AccountKind.PAYOUT_IN_FLIGHT, 1080),
            ],
            now=noon,
        )
        Payout.objects.create(
            creator=alice,
            currency="JPY",
            amount_minor=1080,
            released_through=dollars,
            reserved_at=noon,
            idem_key="x",
            transaction_id=moved,
        )

    assert refusal_of(reserve) == "payouts_payout_names_its_release"
    assert not Payout.objects.exists()
    assert settle(now=noon).answered == 2
    assert check_books() == []
