"""Runs over many sales: in batches, one after the other, stopped amid them, and past what is frozen."""

from datetime import timedelta
from time import time_ns
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.payouts.bookkeeping import royalties
from marketplace.payouts.bookkeeping.books import constraint_of
from marketplace.payouts.ids import time_ordered_id
from marketplace.payouts.models import AwaitingAllocation, Posting, RoyaltyLine, RoyaltyRun, Sale
from marketplace.payouts.operations import (
    allocate_royalties,
    ensure_split,
    freeze,
    open_dispute,
    record_sale,
    release_holds,
    thaw,
)
from marketplace.payouts.queries import balances_of, check_books
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.payouts.cast import NOON, add_creator
from tests.payouts.fakes import Killed


@pytest.fixture
def small(monkeypatch):
    """Runs of at most five sales, two at once."""
    monkeypatch.setattr(royalties, "MOST_IN_A_RUN", 5)
    monkeypatch.setattr(royalties, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(royalties, "MANY", 2)


def counts(runs):
    return [(run.currency, run.lines.values("sale").distinct().count()) for run in runs]


def waiting():
    return sorted(AwaitingAllocation.objects.values_list("sale__source", "frozen"))


def test_many_sales_take_several_runs_and_each_is_whole(small, alice, bob, shared, sell, noon, right):
    for number in range(12):
        sell(shared, f"order-line:{number}")
    sell(shared, "order-line:yen", currency="JPY")

    runs = allocate_royalties(now=noon)

    assert counts(runs) == [("JPY", 1), ("USD", 5), ("USD", 5), ("USD", 2)]
    assert [run.transaction.postings.count() for run in runs] == [3, 3, 3, 3]
    assert [balance.pending_minor for balance in balances_of(alice)] == [756, 12 * 756]
    assert waiting() == []
    assert allocate_royalties(now=noon) == []


def test_many_sales_are_joined_in_one_pass_and_what_comes_after_them_is_not(small, shared, sell, noon):
    for number in range(3):
        sell(shared, f"order-line:{number}")
    asked = []

    def listen(execute, sql, params, many, context):
        if "INSERT INTO payouts_royalty_line" in sql or "payouts_post" in sql:
            with connection.cursor() as cursor:
                cursor.execute("SHOW enable_nestloop")
                asked.append(("lines" if "royalty_line" in sql else "posting", cursor.fetchone()[0]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        allocate_royalties(now=noon)

    assert asked == [("lines", "off"), ("lines", "on"), ("posting", "on")]


def test_runs_end_where_a_run_is_just_full(small, shared, sell, noon, right):
    for number in range(5):
        sell(shared, f"order-line:{number}")

    assert counts(allocate_royalties(now=noon)) == [("USD", 5)]


def test_a_run_of_nothing_writes_nothing(db, noon):
    assert allocate_royalties(now=noon) == []
    assert royalties.allocate_currency(currency="USD", now=noon) is None
    assert (RoyaltyRun.objects.count(), Posting.objects.count()) == (0, 0)


def test_what_is_stopped_amid_its_runs_goes_on_where_it_was(small, monkeypatch, shared, sell, noon, right):
    for number in range(8):
        sell(shared, f"order-line:{number}")
    whole, posted = royalties._post, []

    def killed_at_second(**said):
        posted.append(said["run"])
        if len(posted) == 2:
            raise Killed
        whole(**said)

    monkeypatch.setattr(royalties, "_post", killed_at_second)
    with pytest.raises(Killed):
        allocate_royalties(now=noon)
    assert counts(RoyaltyRun.objects.all()) == [("USD", 5)]
    assert len(waiting()) == 3

    assert counts(allocate_royalties(now=noon)) == [("USD", 3)]
    assert RoyaltyLine.objects.count() == 16


def test_what_is_frozen_is_out_of_the_way_of_runs(small, shared, sell, noon, right):
    for number in range(6):
        sell(shared, f"order-line:{number}", subject="release:1")
    freeze(subject="release:1", reason="claim:1", now=noon)
    freeze(subject="release:1", reason="claim:2", now=noon)
    sell(shared, "order-line:during", subject="release:1")
    sell(shared, "order-line:other", subject="release:2")
    assert [frozen for _source, frozen in waiting()] == [True] * 7 + [False]

    assert counts(allocate_royalties(now=noon)) == [("USD", 1)]

    thaw(subject="release:1", reason="claim:1", now=noon)
    assert [frozen for _source, frozen in waiting()] == [True] * 7
    thaw(subject="release:1", reason="claim:2", now=noon)
    assert [frozen for _source, frozen in waiting()] == [False] * 7
    assert counts(allocate_royalties(now=noon)) == [("USD", 5), ("USD", 2)]


def test_a_sale_in_the_moment_of_a_freeze_waits_though_it_is_not_marked(small, shared, sell, noon, right):
    for number in range(6):
        sell(shared, f"order-line:{number}", subject="release:1")
    freeze(subject="release:1", reason="claim:1", now=noon)
    sell(shared, "order-line:other", subject="release:2")
    with connection.cursor() as cursor:  # as it is when neither saw the other
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payouts_awaiting_allocation SET frozen = false")
        cursor.execute("SET LOCAL session_replication_role = origin; SET CONSTRAINTS ALL DEFERRED")

    [run] = allocate_royalties(now=noon)

    assert set(run.lines.values_list("sale__source", flat=True)) == {"order-line:other"}
    assert [source for source, _frozen in waiting()] == [f"order-line:{number}" for number in range(6)]

    thaw(subject="release:1", reason="claim:1", now=noon)
    allocate_royalties(now=noon)
    assert RoyaltyLine.objects.filter(sale__subject="release:1").count() == 12


def test_check_books_finds_a_sale_that_would_wait_for_ever(shared, sell):
    sell(shared, "order-line:1", subject="release:1")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payouts_awaiting_allocation SET frozen = true")

    assert check_books() == ["Sale order-line:1 waits as if release:1 were frozen, and it is not."]


def test_a_frozen_sale_that_is_disputed_is_allocated_alone(shared, sell, noon, right):
    sell(shared, "order-line:1", subject="release:1")
    sell(shared, "order-line:2", subject="release:1")
    freeze(subject="release:1", reason="claim:1", now=noon)

    open_dispute(source="order-line:1", now=noon)

    assert waiting() == [("order-line:2", True)]


def test_a_thaw_waits_for_a_sale_that_found_the_freeze(committed, at_once):
    """Whichever is first, no sale is left that waits for a thaw that was."""
    alices = ensure_split(own={add_creator("alice", 1): WHOLE_PPB}, parents=[], now=NOON)
    freeze(subject="release:1", reason="claim:1", now=NOON)

    def sell(number):
        return lambda: record_sale(
            source=f"order-line:{number}",
            split=alices,
            gross=Money(12_00, "USD"),
            tax_minor=0,
            fee_minor=1_20,
            subject="release:1",
            now=NOON,
        )

    at_once(sell(1), lambda: thaw(subject="release:1", reason="claim:1", now=NOON), sell(2), sell(3))

    assert [frozen for _source, frozen in waiting()] == [False] * 3
    [run] = allocate_royalties(now=NOON)
    release_holds(now=run.available_at + timedelta(days=1))
    assert check_books() == []


def refusal(sql, params):
    connection.check_constraints()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, params)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError as error:
        return constraint_of(error)
    pytest.fail(f"not refused: {sql}")


def test_what_a_line_names_is_there_and_stays(alice, bob, shared, sell, noon):
    done = sell(shared, "order-line:1")
    sell(shared, "order-line:yen", currency="JPY")
    yen, run = allocate_royalties(now=noon)
    new = sell(shared, "order-line:2")
    line = """INSERT INTO payouts_royalty_line (run_id, sale_id, payee_id, share_ppb, amount_minor)
              VALUES (%s, %s, %s, 1000000000, 1080)"""
    before = RoyaltyLine.objects.count()

    assert refusal(line, [run.pk, new.pk, uuid4()]) == "payouts_line_names_payee"
    assert refusal(line, [run.pk + 1, new.pk, alice.pk]) == "payouts_lines_sum_to_net"
    assert refusal(line, [run.pk, uuid4(), alice.pk]) == "payouts_lines_sum_to_net"
    assert refusal(line, [run.pk, done.pk, new.pk]) == "payouts_sale_allocated_once"
    assert refusal(line, [yen.pk, new.pk, alice.pk]) == "payouts_lines_sum_to_net"
    two = f"{line.replace('1080', '540')}, (%s, %s, %s, 1000000000, 540)"
    assert refusal(two, [run.pk, new.pk, alice.pk, yen.pk, new.pk, bob.pk]) == "payouts_lines_sum_to_net"
    assert refusal("DELETE FROM people_creator WHERE id = %s", [bob.pk]) == "payouts_line_names_payee"
    assert RoyaltyLine.objects.count() == before
    assert waiting() == [("order-line:2", False)]


def test_an_id_is_a_version_7_uuid_of_its_moment():
    ids = [time_ordered_id() for _number in range(1_000)]

    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}
    assert len(set(ids)) == 1_000
    assert abs((ids[-1].int >> 80) - time_ns() // 10**6) < 60_000
    assert [one.int >> 80 for one in ids] == sorted(one.int >> 80 for one in ids)


def test_a_new_sale_has_an_id_in_the_order_of_time(shared, sell):
    assert sell(shared, "order-line:1").pk.version == 7
    assert Sale.objects.get().pk.version == 7
