"""Dave writes rows that balance, past every operation; the database refuses them, or the next proof names them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.payouts.bookkeeping.books import constraint_of, credit, debit, post
from marketplace.payouts.currencies import SOLD
from marketplace.payouts.freezes import SubjectFreeze
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
from marketplace.payouts.operations import allocate_royalties, ensure_split, release_holds, settle
from marketplace.payouts.policies import ReserveLine
from marketplace.payouts.queries import check_books
from marketplace.payouts.statements import StatementPeriod
from tests.payouts.policing import policy


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

    early = run.available_at - timedelta(microseconds=1)
    freed = {alice: 756, bob: 324}
    assert refusal_of(lambda: release(run, freed, now=early).save()) == "payouts_release_after_hold"
    assert not HoldRelease.objects.exists()
    release(run, freed, now=run.available_at).save()
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


@pytest.mark.parametrize(
    ("kind", "to", "taken_from"),
    [
        ("exchange", AccountKind.FX_LOSS, AccountKind.BANK),
        ("psp_settled", AccountKind.PSP_FEE, AccountKind.PSP_CLEARING),
        ("sale", AccountKind.PSP_CLEARING, AccountKind.PLATFORM_FEE),
    ],
)
def test_what_no_row_explains_is_named(db, noon, kind, to, taken_from):
    """Nobody exchanged anything, and the bank would be empty."""
    legs = [debit(to, 1_000_000), credit(taken_from, 1_000_000)]
    post(kind=TransactionKind(kind), source="x", idem_key="x", currency="USD", legs=legs, now=noon)

    assert f"Transaction x is of kind {kind} and there is no such {kind}." in check_books()


def release(run, freed, now, at=None, kept=None):
    """Ends a hold period by hand: `freed` and `kept` in reserve are creator → minor units."""
    parts = [*freed.items(), *(kept or {}).items()]
    moved = post(
        kind=TransactionKind.HOLD_RELEASE,
        source="x",
        idem_key="x",
        currency="USD",
        legs=[
            *(debit(AccountKind.CREATOR_PENDING, amount, payee.pk) for payee, amount in parts),
            *(credit(AccountKind.CREATOR_AVAILABLE, amount, payee.pk) for payee, amount in freed.items()),
            *(credit(AccountKind.CREATOR_RESERVE, amount, payee.pk) for payee, amount in (kept or {}).items()),
        ],
        now=now,
        transaction_id=uuid4(),
    )
    return HoldRelease(run=run, transaction_id=moved, released_at=at or now)


def test_a_release_was_when_it_was_posted(shared, sell, alice, bob, noon):
    """It says that the hold period was over, and was posted two weeks before."""
    sell(shared, "order-line:1")
    [run] = allocate_royalties(now=noon)

    release(run, {alice: 756, bob: 324}, now=noon, at=run.available_at).save()

    assert check_books() == [
        "Transaction x is of kind hold_release and what names it was at 2026-12-06 12:00:00+00,"
        " and not at 2026-11-22 12:00:00+00."
    ]


def test_a_payout_was_reserved_when_it_was_posted(alices, earn, alice, noon):
    earn(alices, "order-line:1", noon)
    moved = post(
        kind=TransactionKind.PAYOUT_RESERVE,
        source="x",
        idem_key="x",
        currency="USD",
        legs=[debit(AccountKind.CREATOR_AVAILABLE, 1080, alice.pk), credit(AccountKind.PAYOUT_IN_FLIGHT, 1080)],
        now=noon,
    )
    Payout.objects.create(
        creator=alice,
        currency="USD",
        amount_minor=1080,
        released_through=HoldRelease.objects.get(),
        reserved_at=noon - timedelta(days=9999),
        idem_key="x",
        transaction_id=moved,
    )

    [problem] = check_books()
    assert problem.startswith("Transaction x is of kind payout_reserve and what names it was at 1999-")


def test_a_policys_reserve_is_kept_again(shared, sell, alice, bob, noon):
    """A fifth of Bob's 324 was kept once, rounded down; nobody has set another policy since."""
    mine = policy(creator=bob, reserve_ppb=200_000_000, reserve_days=200)
    sell(shared, "order-line:1")
    [first] = allocate_royalties(now=noon)
    release_holds(now=first.available_at)
    assert ReserveLine.objects.get().amount_minor == 64
    sell(shared, "order-line:2")
    [run] = allocate_royalties(now=noon)

    release(run, {alice: 756, bob: 324}, now=run.available_at).save()

    assert check_books() == [f"{bob.pk} had 0 of 324 kept in reserve, and policy {mine.pk}, which stood then, says 64."]
    policy(creator=bob, reserve_ppb=0, reserve_days=0)
    assert check_books() == []  # whether it stood by then, no row tells


@pytest.mark.parametrize(
    ("days", "sentences"),
    [
        (200, ["under no policy that no one share"]),
        (328_725, ["under no policy that no one share", "lasts until 2926-"]),
    ],
)
def test_nobodys_money_is_kept_for_nothing(shared, sell, alice, bob, noon, days, sentences):
    """Alice's whole part is kept under no policy, for 200 days or 900 years, and nothing of Bob's."""
    sell(shared, "order-line:1")
    [run] = allocate_royalties(now=noon)

    def keep():
        made = release(run, {bob: 324}, now=run.available_at, kept={alice: 756})
        made.save()
        until = run.available_at + timedelta(days=days)
        ReserveLine.objects.create(release=made, creator=alice, currency="USD", amount_minor=756, until=until)

    at_once(keep)

    problems = check_books()
    assert len(problems) == len(sentences)
    assert all(sentence in problem for sentence, problem in zip(sentences, problems, strict=True))


def test_the_settings_reserve_of_all_is_no_problem(shared, sell, alice, bob, settings, noon):
    settings.PAYOUT_RESERVE_PPB, settings.PAYOUT_RESERVE_DAYS = 333_333_333, 30
    sell(shared, "order-line:1")
    [run] = allocate_royalties(now=noon)
    release_holds(now=run.available_at)

    settings.PAYOUT_RESERVE_PPB, settings.PAYOUT_RESERVE_DAYS = 0, 0  # what was kept before stays right

    assert sorted(ReserveLine.objects.values_list("amount_minor", flat=True)) == [107, 251]
    assert check_books() == []


def test_a_freeze_holds_what_is_released(alices, earn, alice, noon):
    """A raw freeze of the only work that Alice has sold leaves her 10.80 to be paid out."""
    earn(alices, "order-line:1", noon, subject="release:x")

    SubjectFreeze.objects.create(subject="release:x", reason="claim:1", frozen_at=noon)

    assert f"{alice.pk} has 1080 available in USD, and of what is not frozen there are 0." in check_books()
