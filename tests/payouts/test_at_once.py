"""Two of everything at the same moment, on connections of their own: one is first and the other changes nothing."""

from datetime import timedelta

from marketplace.payouts.models import HoldRelease, Payout, RecordedTransfer, RoyaltyRun, Sale, Split
from marketplace.payouts.operations import (
    allocate_royalties,
    close_dispute,
    ensure_split,
    open_dispute,
    record_sale,
    release_holds,
    settle,
)
from marketplace.payouts.queries import check_books, paid_total
from marketplace.payouts.rules import Money
from tests.payouts.cast import NOON, add_creator

LATER = NOON + timedelta(days=14)


def test_two_of_everything_at_once(committed, at_once):
    alice, bob = add_creator("alice", 1), add_creator("bob", 2)

    def split():
        return ensure_split(own={alice: 700_000_000, bob: 300_000_000}, parents=[], now=NOON)

    assert at_once(split, split) == [Split.objects.get()] * 2

    def sell(number):
        return lambda: record_sale(
            source=f"order-line:{number}",
            split=Split.objects.get(),
            gross=Money(12_00, "USD"),
            tax_minor=0,
            fee_minor=1_20,
            now=NOON,
        )

    sales = at_once(sell(1), sell(1), sell(2), sell(2))
    assert {sale.source for sale in sales} == {"order-line:1", "order-line:2"}
    assert Sale.objects.count() == 2

    at_once(lambda: allocate_royalties(now=NOON), lambda: allocate_royalties(now=NOON), sell(3))
    allocate_royalties(now=NOON)
    assert sum(run.lines.count() for run in RoyaltyRun.objects.all()) == 6

    disputes = at_once(*[lambda: open_dispute(source="order-line:1", now=NOON)] * 2)
    assert disputes[0] == disputes[1]
    at_once(
        lambda: release_holds(now=LATER),
        lambda: release_holds(now=LATER),
        lambda: close_dispute(source="order-line:1", outcome="won", now=LATER),
    )
    assert HoldRelease.objects.count() == RoyaltyRun.objects.count()
    assert check_books() == []

    said = at_once(*[lambda: settle(now=LATER)] * 3)
    assert not [error for error in said if isinstance(error, Exception)]
    assert paid_total() == {"USD": 3240}
    assert RecordedTransfer.objects.count() == Payout.objects.count()
    assert check_books() == []
