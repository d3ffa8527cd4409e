"""A month on paper: what each creator had, each amount in between, and what it came to, added up by hand."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import rfc8785
from django.core.management import CommandError, call_command

from marketplace.payouts.models import Transaction
from marketplace.payouts.operations import (
    allocate_royalties,
    close_dispute,
    close_month,
    ensure_split,
    open_dispute,
    release_holds,
    settle,
)
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.statement_papers.tree import exact
from marketplace.payouts.statement_queries import NoStatement, closed, running, through, written_as
from tests.payouts.cast import NOON, add_creator

FIRST, SECOND, THIRD = (datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in (11, 12, 13))
DAY = timedelta(days=1)


def written(paper, form="json", language="en"):
    return b"".join(written_as(paper, form, language=language, site="https://worldloom.example"))


def told(paper):
    return json.loads(written(paper))


def amounts(document):
    return [(line["kind"], line["amount_minor"]) for line in document["lines"]]


@pytest.fixture
def november(alice, bob, shared, sell, right, faulty_rail):
    """Alice has 70 % and Bob 30 % of three sales; two are paid out after a payout that was refused."""
    sell(shared, "order-line:1", now=NOON)  # net 10.80: 7.56 and 3.24
    sell(shared, "order-line:2", gross=1_01, fee=10, now=NOON)  # net 0.91: 63.7 and 27.3 cents
    allocate_royalties(now=NOON)
    release_holds(now=NOON + 14 * DAY)
    return shared


@pytest.fixture
def months(november, sell, faulty_rail):
    """December: the first payout fails, the second is paid, and a third sale is allocated; both months are closed."""
    close_month(period="2026-11", currency="USD", now=FIRST)
    faulty_rail.plan = ["refuse", "work"]
    settle(now=FIRST + 7 * DAY)
    settle(now=FIRST + 8 * DAY)
    sell(november, "order-line:3", gross=2_00, fee=20, now=FIRST + 9 * DAY)  # net 1.80: 1.26 and 0.54
    allocate_royalties(now=FIRST + 9 * DAY)
    close_month(period="2026-12", currency="USD", now=SECOND)


def test_a_month_adds_up_as_by_hand(alice, months):
    document = told(closed(alice, period="2026-12", currency="USD"))

    assert document["opening_minor"] == 756 + 64
    assert amounts(document) == [
        ("payout_reserve", -820),
        ("payout_failed", 820),
        ("payout_reserve", -820),
        ("royalty_run", 126),
    ]
    assert document["by_kind"] == {"payout_failed": 820, "payout_reserve": -1640, "royalty_run": 126}
    assert document["closing_minor"] == 126
    assert document["buckets"] == {
        "available": 0, "frozen": 0, "on_hold": 0, "owed": 0, "pending": 126, "reserve": 0,
    }  # fmt: skip
    payouts = [line["parts"][0]["payout"] for line in document["lines"][:3]]
    assert payouts[0] == payouts[1] != payouts[2]
    assert document["transaction"] == document["lines"][-1]["id"]


def test_a_line_says_what_it_is_made_of(alice, november, shared):
    [run] = told(running(alice, currency="USD"))["lines"]

    [part] = [part for part in run["parts"] if part["sale"] == "order-line:2"]
    assert sorted(one["amount_minor"] for one in run["parts"]) == [64, 756]
    assert part == {
        "amount_minor": 64,
        "fee_minor": 10,
        "gross_minor": 101,
        "line": part["line"],
        "net_minor": 91,
        "sale": "order-line:2",
        "share_ppb": 700_000_000,
        "sold_at": "2026-11-22T12:00:00Z",
        "split": shared.digest,
        "tax_minor": 0,
        "what": "royalty",
    }
    assert run["occurred_at"] == "2026-11-22T12:00:00Z"


def test_it_is_rfc_8785_to_the_byte(alice, months):
    content = written(closed(alice, period="2026-12", currency="USD"))

    assert rfc8785.dumps(json.loads(content)) == content
    assert sha256(content).hexdigest() == closed(alice, period="2026-12", currency="USD").row.digest


def test_the_same_end_gives_the_same_bytes_whatever_happens_later(alice, bob, november, sell):
    last = Transaction.objects.get(kind="royalty_run").pk
    before = [written(through(one, currency="USD", transaction_id=last)) for one in (alice, bob)]

    sell(november, "order-line:4", now=NOON + DAY)
    allocate_royalties(now=NOON + DAY)
    settle(now=NOON + 20 * DAY)
    close_month(period="2026-11", currency="USD", now=FIRST)
    after = [written(through(one, currency="USD", transaction_id=last)) for one in (alice, bob)]

    assert after == before
    assert json.loads(before[0])["closing_minor"] == 820
    assert json.loads(before[0])["buckets"]["pending"] == 820


def test_a_closed_month_does_not_change(alice, months, sell, november):
    before = [written(closed(alice, period="2026-12", currency="USD"), form) for form in ("json", "csv", "pdf")]

    release_holds(now=SECOND + 30 * DAY)
    settle(now=SECOND + 30 * DAY)
    sell(november, "order-line:5", now=SECOND + 31 * DAY)
    allocate_royalties(now=SECOND + 31 * DAY)

    assert [written(closed(alice, period="2026-12", currency="USD"), form) for form in ("json", "csv", "pdf")] == before


def test_the_running_month_is_provisional_and_opens_where_the_last_one_closed(alice, november, sell):
    close_month(period="2026-11", currency="USD", now=FIRST)
    sell(november, "order-line:3", now=FIRST + DAY)
    allocate_royalties(now=FIRST + DAY)
    document = told(running(alice, currency="USD"))

    assert (document["period"], document["opening_minor"], document["closing_minor"]) == ("", 820, 820 + 756)


@pytest.mark.parametrize(
    ("currency", "gross", "fee", "earned"), [("JPY", 1_000, 100, "630"), ("KWD", 1_001, 100, "0.631")]
)
def test_currencies_have_statements_of_their_own(alice, shared, sell, right, currency, gross, fee, earned):
    sell(shared, "order-line:1", currency="USD")
    sell(shared, "order-line:2", gross=gross, fee=fee, currency=currency)
    allocate_royalties(now=NOON)
    paper = running(alice, currency=currency)
    rows = list(csv.DictReader(io.StringIO(written(paper, "csv").decode("utf-8-sig"))))

    assert [(row["kind"], row["amount"], row["position"]) for row in rows] == [
        ("Opening", "", "0" if currency == "JPY" else "0.000"),
        ("royalty_run", earned, earned),
        ("Closing", "", earned),
    ]
    assert {row["currency"] for row in rows} == {currency}


def test_the_table_adds_up_and_no_cell_is_a_formula(alice, right, sell, shared):
    sell(shared, "=HYPERLINK(1)", now=NOON)
    allocate_royalties(now=NOON)
    release_holds(now=NOON + 14 * DAY)
    settle(now=NOON + 14 * DAY)
    content = written(running(alice, currency="USD"), "csv")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))

    assert content.startswith(b"\xef\xbb\xbfdate,kind,what,sale,sold_at,gross,tax,fee,net,share_ppb,split,line,")
    assert b"\r\n" in content
    assert [row["amount"] for row in rows] == ["", "7.56", "-7.56", ""]
    assert [row["position"] for row in rows] == ["0.00", "7.56", "0.00", "0.00"]
    assert rows[1]["sale"] == "'=HYPERLINK(1)"


def test_the_table_in_chinese_has_no_english_columns(alice, november):
    header, first, *_rows = csv.reader(io.StringIO(written(running(alice, currency="USD"), "csv", "zh-hans").decode()))

    assert len(header) == len(first) == 18


def test_amounts_that_not_every_reader_reads_exactly_are_text():
    assert [exact(number) for number in (2**53 - 1, 2**53, -(2**53))] == [2**53 - 1, str(2**53), str(-(2**53))]


def test_huge_amounts_stay_exact(alice, alices, sell, right):
    sell(alices, "order-line:1", gross=2**60 + 1, fee=0)
    allocate_royalties(now=NOON)
    content = written(running(alice, currency="USD"))

    assert json.loads(content)["closing_minor"] == str(2**60 + 1)
    assert rfc8785.dumps(json.loads(content)) == content


def test_who_never_had_money_has_no_statement(alice, bob, alices, sell, right):
    sell(alices, "order-line:1")
    allocate_royalties(now=NOON)
    close_month(period="2026-11", currency="USD", now=FIRST)

    for ask in (
        lambda: running(bob, currency="USD"),
        lambda: running(alice, currency="JPY"),
        lambda: closed(bob, period="2026-11", currency="USD"),
        lambda: closed(alice, period="2026-12", currency="USD"),
        lambda: through(alice, currency="USD", transaction_id=Transaction.objects.get(kind="sale").pk),
    ):
        with pytest.raises(NoStatement, match="There is no such statement"):
            ask()


def test_the_command_writes_the_same_bytes(alice, months, capfdbinary):
    call_command("statement", "alice", "USD", "--month", "2026-12")
    assert capfdbinary.readouterr().out == written(closed(alice, period="2026-12", currency="USD"))
    last = str(closed(alice, period="2026-12", currency="USD").span.transaction)
    call_command("statement", "alice", "USD", "--through", last, "--format", "pdf", "--language", "zh-hans")
    assert capfdbinary.readouterr().out.startswith(b"%PDF-1.7")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["dave", "USD"], "There is no creator dave"),
        (["alice", "USD", "--month", "2031-01"], "the month is not closed"),
        (["alice", "XXX"], "never had money in XXX"),
        (["alice", "USD", "--through", "00000000-0000-4000-8000-000000000009"], "moved no creator’s money"),
    ],
)
def test_the_command_says_why_there_is_none(alice, november, arguments, why):
    with pytest.raises(CommandError, match=why):
        call_command("statement", *arguments)


def test_a_creator_without_movement_carries_on(alice, bob, november, sell):
    solo = ensure_split(own={bob: WHOLE_PPB}, parents=[], now=NOON)
    carl = add_creator("carl", 9)
    close_month(period="2026-11", currency="USD", now=FIRST)
    sell(solo, "order-line:9", now=FIRST + DAY)
    allocate_royalties(now=FIRST + DAY)
    period = close_month(period="2026-12", currency="USD", now=SECOND)

    rows = list(period.rows.order_by("place").values_list("creator__handle", "opening_minor", "closing_minor"))
    assert rows == [("alice", 820, 820), ("bob", 351, 351 + 1080)]
    assert not period.rows.filter(creator=carl).exists()


def test_a_dispute_is_a_line_only_when_it_is_lost(alice, shared, sell, right):
    for number in range(3):
        sell(shared, f"order-line:{number}")
    allocate_royalties(now=NOON)
    open_dispute(source="order-line:0", now=NOON + DAY)
    open_dispute(source="order-line:1", amount_minor=6_00, now=NOON + DAY)  # fee 0.60, Alice 3.78, Bob 1.62
    open_dispute(source="order-line:2", now=NOON + DAY)
    document = told(running(alice, currency="USD"))
    assert amounts(document) == [("royalty_run", 3 * 756)]
    assert (document["buckets"]["pending"], document["buckets"]["on_hold"]) == (378, 756 + 378 + 756)

    close_dispute(source="order-line:0", outcome="won", now=NOON + 2 * DAY)
    close_dispute(source="order-line:1", outcome="lost", now=NOON + 2 * DAY)
    document = told(running(alice, currency="USD"))

    assert amounts(document) == [("royalty_run", 3 * 756), ("dispute_lost", -378)]
    [part] = document["lines"][1]["parts"]
    assert (part["what"], part["sale"], part["amount_minor"]) == ("reversed", "order-line:1", -378)
    assert document["closing_minor"] == 3 * 756 - 378


def test_a_lost_dispute_after_a_payout_is_owed_and_met_by_what_comes_next(alice, alices, sell, right):
    sell(alices, "order-line:1")
    allocate_royalties(now=NOON)
    release_holds(now=NOON + 14 * DAY)
    settle(now=NOON + 14 * DAY)
    open_dispute(source="order-line:1", now=NOON + 15 * DAY)
    close_dispute(source="order-line:1", outcome="lost", now=NOON + 16 * DAY)
    document = told(running(alice, currency="USD"))
    assert (document["closing_minor"], document["buckets"]["owed"]) == (-1080, 1080)

    sell(alices, "order-line:2", gross=20_00, fee=0)
    allocate_royalties(now=NOON + 17 * DAY)
    release_holds(now=NOON + 40 * DAY)
    document = told(running(alice, currency="USD"))
    assert [amount for _kind, amount in amounts(document)] == [1080, -1080, -1080, 2000]
    assert (document["closing_minor"], document["buckets"]["available"], document["buckets"]["owed"]) == (920, 920, 0)
