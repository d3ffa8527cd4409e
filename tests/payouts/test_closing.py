"""Closing a month: where it ends, that it ends once, and that nothing of it can be bent."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, connection, transaction
from django.utils import timezone

from ledger.models import Entry
from marketplace.payouts.bookkeeping.closing import due_month, next_month
from marketplace.payouts.operations import (
    UnableToClose,
    allocate_royalties,
    close_month,
    close_months,
    ensure_split,
    record_sale,
    record_settled,
    release_holds,
    settle,
)
from marketplace.payouts.queries import check_books
from marketplace.payouts.rules import Money
from marketplace.payouts.statements import Statement, StatementPeriod
from tests.payouts.cast import NOON, add_creator
from tests.payouts.test_check_books import tamper

DECEMBER, JANUARY, FEBRUARY = (datetime(2026 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in (11, 12, 13))
DAY = timedelta(days=1)


@pytest.fixture
def earn(shared, sell):
    """Sells for 12.00, of which Alice gets 7.56 and Bob 3.24, and allocates it at once."""
    numbers = iter(range(1000))

    def earn(now, currency="USD"):
        sell(shared, f"order-line:{next(numbers)}", now=now, currency=currency)
        allocate_royalties(now=now)

    return earn


def closings(period):
    return list(period.rows.order_by("place").values_list("creator__handle", "opening_minor", "closing_minor"))


def nothing_is_closed():
    return not StatementPeriod.objects.exists() and not Statement.objects.exists() and not Entry.objects.filter(
        type="royalty-statement"
    ).exists()  # fmt: skip


def test_a_month_ends_with_the_last_posting_before_the_first_of_the_next(earn, right):
    earn(NOON)
    earn(DECEMBER)
    earn(DECEMBER + DAY)

    november = close_month(period="2026-11", currency="USD", now=JANUARY)
    december = close_month(period="2026-12", currency="USD", now=JANUARY)

    assert closings(november) == [("alice", 0, 756), ("bob", 0, 324)]
    assert closings(december) == [("alice", 756, 2268), ("bob", 324, 972)]
    assert (november.after, december.after) == (0, november.through)


def test_a_clock_that_went_back_puts_nothing_into_a_month_that_was_over(earn, right):
    earn(NOON)
    earn(DECEMBER)
    earn(NOON + DAY)  # the clock is put back after December has begun

    close_month(period="2026-11", currency="USD", now=JANUARY)
    december = close_month(period="2026-12", currency="USD", now=JANUARY)

    assert closings(december) == [("alice", 756, 2268), ("bob", 324, 972)]


def test_a_clock_that_ran_a_year_ahead_ends_no_month(earn, right):
    earn(NOON + 365 * DAY)  # its month is the first, whatever the clock says
    earn(NOON + 366 * DAY)
    assert due_month(currency="USD") == "2027-11"
    with pytest.raises(UnableToClose, match="the month is not over"):
        close_month(period="2027-11", currency="USD", now=JANUARY)

    earn(NOON, "JPY")
    earn(NOON + 365 * DAY, "JPY")
    earn(NOON + DAY, "JPY")
    assert closings(close_month(period="2026-11", currency="JPY", now=DECEMBER)) == [
        ("alice", 0, 2268),
        ("bob", 0, 972),
    ]


@pytest.mark.parametrize(
    ("period", "now", "why"),
    [
        ("2026-11", DECEMBER - timedelta(microseconds=1), "the month is not over"),
        ("2026-12", JANUARY, "2026-11 is to be closed first"),
        ("2026-10", JANUARY, "nothing had happened yet"),
        ("2026-13", JANUARY, "write the month as 2026-11"),
        ("2026-1\u0661", JANUARY, "write the month as 2026-11"),
        ("", JANUARY, "write the month as 2026-11"),
    ],
)
def test_what_cannot_be_closed_says_why_and_writes_nothing(earn, right, period, now, why):
    earn(NOON)

    with pytest.raises(UnableToClose, match=why):
        close_month(period=period, currency="USD", now=now)
    with pytest.raises(UnableToClose, match="no creator has earned anything in it"):
        close_month(period="2026-11", currency="EUR", now=JANUARY)
    assert nothing_is_closed()


def test_the_same_month_again_is_the_first(earn, right):
    earn(NOON)
    first = close_month(period="2026-11", currency="USD", now=DECEMBER)
    earn(NOON + DAY)

    assert close_month(period="2026-11", currency="USD", now=JANUARY) == first
    assert Statement.objects.count() == 2
    assert Entry.objects.filter(type="royalty-statement").count() == 1


def test_the_root_is_stated_with_the_number_of_statements(earn, right):
    earn(NOON)
    period = close_month(period="2026-11", currency="USD", now=DECEMBER)
    entry = Entry.objects.get(subject="royalties:2026-11:USD")

    assert entry.statement == {"currency": "USD", "period": "2026-11", "root": period.root, "statements": 2}


def test_all_months_that_are_over_are_closed_in_every_currency(earn, right):
    earn(NOON)
    earn(DECEMBER + DAY, "JPY")

    closed = close_months(now=FEBRUARY)

    assert [(one.currency, one.period) for one in closed] == [
        ("JPY", "2026-12"), ("JPY", "2027-01"), ("USD", "2026-11"), ("USD", "2026-12"), ("USD", "2027-01"),
    ]  # fmt: skip
    assert closings(closed[-1]) == [("alice", 756, 756), ("bob", 324, 324)]
    assert close_months(now=FEBRUARY) == []


def test_who_was_paid_everything_is_left_out_of_the_next_month(earn, right):
    earn(NOON)
    release_holds(now=NOON + 14 * DAY)
    settle(now=DECEMBER + 14 * DAY)
    close_months(now=JANUARY)

    assert closings(close_month(period="2027-01", currency="USD", now=FEBRUARY)) == []


class Killed(BaseException):
    """The process dies before a statement."""


class KillAt:
    """Dies before statement number `at`; counts all of them."""

    def __init__(self, at):
        self.at, self.count = at, 0

    def __call__(self, execute, sql, params, many, context):
        if "SAVEPOINT" not in sql:  # with which a test stands in for the transaction that dies with the process
            self.count += 1
            if self.count == self.at:
                raise Killed
        return execute(sql, params, many, context)


def test_a_closing_may_die_before_any_statement_and_is_repeated(earn, right):
    earn(NOON)
    earn(DECEMBER)
    at, finished = 0, False
    while not finished:
        at += 1
        wrapper = KillAt(at)
        try:
            with connection.execute_wrapper(wrapper), transaction.atomic():
                close_month(period="2026-11", currency="USD", now=JANUARY, new_key=lambda: "5a" * 32)
            finished = True
        except Killed:
            assert nothing_is_closed()

    assert at > 12  # statements that it died before
    killed = StatementPeriod.objects.get()
    assert closings(killed) == [("alice", 0, 756), ("bob", 0, 324)]
    assert close_month(period="2026-11", currency="USD", now=JANUARY) == killed


def test_two_at_once_close_it_once(committed, at_once):
    alice, bob = add_creator("alice", 1), add_creator("bob", 2)
    split = ensure_split(own={alice: 700_000_000, bob: 300_000_000}, parents=[], now=NOON)
    money = {"gross": Money(12_00, "USD"), "tax_minor": 0, "fee_minor": 1_20}
    record_sale(source="order-line:1", split=split, now=NOON, **money)
    allocate_royalties(now=NOON)

    def close():
        return close_month(period="2026-11", currency="USD", now=DECEMBER)

    said = at_once(close, close, close, lambda: settle(now=DECEMBER))

    assert said[:3] == [StatementPeriod.objects.get()] * 3
    assert Entry.objects.filter(type="royalty-statement").count() == 1
    assert check_books() == []


def refusal(*sql):
    """Returns what the database says was broken when the statements are run and committed."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for one in ("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED", *sql):
                cursor.execute(one)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except Error as error:
        return error.__cause__.diag.constraint_name
    return None


PERIOD = "INSERT INTO payouts_statement_period (period, currency, after, through, statements, root, closed_at)"
LATER = "closed_at + interval '1 year' FROM payouts_statement_period"
CHEATS = {
    "payouts_period_follows": [
        f"{PERIOD} SELECT '2026-12', 'USD', 0, through, 0, root, {LATER}",
        f"{PERIOD} SELECT '2027-01', 'USD', through, through, 0, root, {LATER}",
        f"{PERIOD} SELECT '2026-10', 'USD', through, through, 0, root, {LATER}",
        f"{PERIOD} SELECT '2026-12', 'USD', through, through + 10000, 0, root, {LATER}",
    ],
    "payouts_period_is_whole": [
        f"{PERIOD} SELECT '2026-12', 'USD', through, through, 0, root, {LATER}",
        f"{PERIOD} SELECT '2026-12', 'USD', through, through, 1, root, {LATER}",
    ],
    "payouts_period_once": [
        f"{PERIOD} SELECT '2026-11', 'USD', through, through, 0, root, {LATER}",
    ],
    "payouts_statement_is_counted": [
        "INSERT INTO payouts_statement (period_id, creator_id, place, opening_minor, closing_minor, lines, lines_root,"
        " salt, digest) SELECT period_id, '00000000-0000-4000-8000-000000000003', 2, 0, 0, 0, lines_root, salt, digest"
        " FROM payouts_statement WHERE place = 0",
    ],
    "payouts_statement_period_append_only": [
        "UPDATE payouts_statement_period SET root = repeat('0', 64)",
        "DELETE FROM payouts_statement_period",
    ],
    "payouts_statement_append_only": [
        "UPDATE payouts_statement SET closing_minor = closing_minor + 1",
        "DELETE FROM payouts_statement",
        "TRUNCATE payouts_statement",
    ],
}


@pytest.mark.parametrize(("name", "sql"), [(name, sql) for name, sqls in CHEATS.items() for sql in sqls])
def test_the_database_refuses_by_name(earn, erin, right, name, sql):
    earn(NOON)
    close_month(period="2026-11", currency="USD", now=DECEMBER)

    assert refusal(sql) == name


STATEMENT = (
    "INSERT INTO payouts_statement (period_id, creator_id, place, opening_minor, closing_minor, lines, lines_root,"
    " salt, digest) SELECT max(d.id), '00000000-0000-4000-8000-00000000000{creator}', 0, {opening}, {closing}, 0,"
    " repeat('0', 64), repeat('0', 64), repeat('0', 64) FROM payouts_statement_period d"
)


@pytest.mark.parametrize(
    ("opening", "closing", "name"),
    [
        (756, 757, "payouts_statement_sums_postings"),
        (755, 755, "payouts_statement_carries_on"),
        (756, 756, "payouts_period_is_whole"),  # right so far, but Bob's is missing
    ],
)
def test_a_statement_that_is_not_what_was_posted_is_refused(earn, right, opening, closing, name):
    earn(NOON)
    close_month(period="2026-11", currency="USD", now=DECEMBER)

    december = f"{PERIOD} SELECT '2026-12', 'USD', through, through, 1, root, {LATER}"
    assert refusal(december, STATEMENT.format(creator=1, opening=opening, closing=closing)) == name


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        (
            "UPDATE payouts_statement SET closing_minor = closing_minor + 1 WHERE place = 0",
            "The statement of 00000000-0000-4000-8000-000000000001 for 2026-11 in USD moves 757 and 756 was posted.",
        ),
        (
            "UPDATE payouts_statement SET lines = lines + 1 WHERE place = 0",
            "The root of 2026-11 in USD is not that of its statements.",
        ),
        (
            "UPDATE payouts_statement_period SET root = repeat('0', 64)",
            "The root of 2026-11 in USD is not the one that the log has.",
        ),
        ("DELETE FROM payouts_statement WHERE place = 1", "2026-11 in USD counts 2 statements and has 1."),
        (
            "UPDATE payouts_statement_period SET through = through - 1",
            "2026-11 in USD ends within transaction",
        ),
    ],
)
def test_check_books_finds_what_was_done_with_the_guards_off(earn, sql, sentence):
    earn(NOON)
    close_month(period="2026-11", currency="USD", now=DECEMBER)
    assert check_books() == []

    tamper(sql)

    assert any(sentence in problem for problem in check_books())


def test_check_books_finds_a_month_that_does_not_carry_on(earn):
    earn(NOON)
    close_month(period="2026-11", currency="USD", now=DECEMBER)
    close_month(period="2026-12", currency="USD", now=JANUARY)
    tamper(
        "UPDATE payouts_statement SET opening_minor = opening_minor + 1, closing_minor = closing_minor + 1"
        " WHERE place = 0 AND period_id = (SELECT max(id) FROM payouts_statement_period)"
    )

    sentence = "The statement of 00000000-0000-4000-8000-000000000001 for 2026-12 in USD opens with 757 after 756."
    assert sentence in check_books()


def test_the_command_closes_and_checks(earn, capsys, monkeypatch):
    earn(NOON)
    monkeypatch.setattr(timezone, "now", lambda: DECEMBER)
    call_command("close_month", "2026-11", "USD")
    root = StatementPeriod.objects.get().root
    assert capsys.readouterr().out == f"2026-11 USD  2 statements  {root}\n1 months closed\n"

    call_command("close_month", "2026-11", "USD", "--check")
    assert capsys.readouterr().out == "2 statements ok\n"

    tamper("UPDATE payouts_royalty_line SET share_ppb = share_ppb - 1 WHERE amount_minor = 756")
    with pytest.raises(CommandError, match="The statement of 0.*1 is not what the books say"):
        call_command("close_month", "2026-11", "USD", "--check")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["2026-11"], "Name a month and a currency"),
        (["2026-11", "USD", "--check"], "2026-11 in USD is not closed"),
        (["2099-11", "USD"], "2099-11 in USD cannot be closed: the month is not over"),
        (["november", "USD"], "write the month as 2026-11"),
    ],
)
def test_the_command_says_why_not(db, arguments, why):
    with pytest.raises(CommandError, match=why):
        call_command("close_month", *arguments)


def test_months_follow_each_other():
    assert [next_month(month) for month in ("2026-11", "2026-12", "9998-12")] == ["2026-12", "2027-01", "9999-01"]


SETTLED = "payouts_provider_settlement"


@pytest.mark.parametrize("sql", [f"UPDATE {SETTLED} SET fee_minor = 0", f"DELETE FROM {SETTLED}"])
def test_what_a_provider_settled_is_a_fact(alices, sell, right, sql):
    sell(alices, "order-line:1")
    record_settled(source="order-line:1", fee_minor=36, reference="txn-1", now=NOON)

    assert refusal(sql) == "payouts_provider_settlement_append_only"
