"""From a sale to what its creators have available."""

from datetime import timedelta

import pytest

from marketplace.payouts.models import AwaitingAllocation, HoldRelease, RoyaltyLine, RoyaltyRun
from marketplace.payouts.operations import allocate_royalties, ensure_split, open_dispute, release_holds
from marketplace.payouts.queries import balances_of, check_books, lines_of
from marketplace.payouts.rules import WHOLE_PPB

DAY = timedelta(days=1)


def test_bobs_derived_world_pays_alice_to_the_cent(alice, bob, alices, sell, noon):
    derived = ensure_split(own={bob: WHOLE_PPB}, parents=[(alices, 333_333_333)], now=noon)
    sell(derived, "order-line:1", gross=10_01, fee=1_00)

    [run] = allocate_royalties(now=noon)

    # 901 net: 300.333… to Alice, 600.666… to Bob; the unit left goes to Bob's larger remainder
    assert list(RoyaltyLine.objects.order_by("payee_id").values_list("payee_id", "share_ppb", "amount_minor")) == [
        (alice.pk, 333_333_333, 300),
        (bob.pk, 666_666_667, 601),
    ]
    assert (run.currency, run.ran_at, run.available_at) == ("USD", noon, noon + 14 * DAY)
    assert dict(run.transaction.postings.values_list("account__owner__handle", "amount_minor")) == {
        None: 901,
        "alice": -300,
        "bob": -601,
    }
    assert not AwaitingAllocation.objects.exists()
    assert check_books() == []


def test_a_payee_of_too_small_a_share_has_no_line(alice, bob, sell, noon):
    split = ensure_split(own={alice: WHOLE_PPB - 1, bob: 1}, parents=[], now=noon)
    sell(split, "order-line:1")

    allocate_royalties(now=noon)

    assert RoyaltyLine.objects.get().payee == alice
    assert lines_of(bob) == ([], None)
    assert check_books() == []


def test_each_currency_has_its_run_and_a_second_call_changes_nothing(alices, shared, sell, noon):
    sell(alices, "order-line:1")
    sell(shared, "order-line:2")
    sell(shared, "order-line:3", gross=900, fee=90, currency="JPY")

    runs = allocate_royalties(now=noon)

    assert [(run.currency, run.lines.count()) for run in runs] == [("JPY", 2), ("USD", 3)]
    assert allocate_royalties(now=noon) == []
    assert RoyaltyRun.objects.count() == 2
    assert check_books() == []


def test_a_hold_is_released_when_it_is_over_and_once(alice, bob, shared, sell, noon, settings):
    settings.PAYOUT_HOLD_DAYS = 7
    sell(shared, "order-line:1")
    allocate_royalties(now=noon)

    assert release_holds(now=noon + 7 * DAY - timedelta(seconds=1)) == []
    [before] = balances_of(alice)
    assert (before.pending_minor, before.next_available_at, before.available_minor) == (756, noon + 7 * DAY, 0)

    [release] = release_holds(now=noon + 7 * DAY)

    [after] = balances_of(alice)
    assert (after.pending_minor, after.next_available_at, after.available_minor) == (0, None, 756)
    assert [balance.available_minor for balance in balances_of(bob)] == [324]
    assert release.released_at == noon + 7 * DAY
    assert release_holds(now=noon + 8 * DAY) == []
    assert HoldRelease.objects.count() == 1
    assert check_books() == []


def test_a_line_tells_its_way(alice, shared, sell, noon):
    sale = sell(shared, "order-line:1")
    [run] = allocate_royalties(now=noon + DAY)

    [line], after = lines_of(alice)

    assert after is None
    assert (line.source, line.sold_at, line.gross_minor, line.net_minor) == ("order-line:1", noon, 1200, 1080)
    assert (line.split, line.share_ppb, line.amount_minor) == (sale.split_id, 700_000_000, 756)
    assert (line.run_id, line.allocated_at, line.available_at) == (run.pk, noon + DAY, noon + 15 * DAY)
    assert (line.state, line.released_at, line.payout_id) == ("pending", None, None)
    release_holds(now=noon + 15 * DAY)
    assert lines_of(alice)[0][0].state == "available"


def test_lines_come_in_pages_without_gaps(alice, alices, sell, noon):
    for number in range(7):
        sell(alices, f"order-line:{number}")
    allocate_royalties(now=noon)

    seen, cursor = [], None
    while True:
        lines, cursor = lines_of(alice, cursor, limit=3)
        seen += [line.id for line in lines]
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 7


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1e9", "９", "9" * 40])
def test_a_cursor_that_nobody_gave_out_is_as_good_as_none(alice, alices, sell, noon, cursor):
    sell(alices, "order-line:1")
    allocate_royalties(now=noon)

    assert len(lines_of(alice, cursor)[0]) == 1


def test_a_dispute_of_a_sale_that_waits_allocates_that_sale_and_no_other(alice, bob, shared, sell, noon, right):
    sell(shared, "order-line:1")
    sell(shared, "order-line:2")

    open_dispute(source="order-line:2", now=noon)

    assert [waiting.sale.source for waiting in AwaitingAllocation.objects.all()] == ["order-line:1"]
    assert set(RoyaltyLine.objects.values_list("sale__source", "amount_minor")) == {
        ("order-line:2", 756),
        ("order-line:2", 324),
    }
