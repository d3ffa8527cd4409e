"""Two of everything at the same moment, on connections of their own: one is first and the other changes nothing."""

from datetime import timedelta

from marketplace.payouts.freezes import ClaimHoldLine, SubjectFreeze, SubjectThaw
from marketplace.payouts.models import (
    AwaitingAllocation,
    HoldRelease,
    Payout,
    RecordedTransfer,
    RoyaltyRun,
    Sale,
    Split,
)
from marketplace.payouts.operations import (
    allocate_royalties,
    close_dispute,
    ensure_split,
    freeze,
    open_dispute,
    record_sale,
    release_holds,
    settle,
    thaw,
)
from marketplace.payouts.queries import balances_of, check_books, paid_total
from marketplace.payouts.rules import WHOLE_PPB, Money
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


STOLEN = "release:stolen"


def seller(split):
    def sell(number, subject=STOLEN, currency="USD"):
        gross = Money(10_00, currency)
        return lambda: record_sale(
            source=f"order-line:{number}", split=split, gross=gross, tax_minor=0, fee_minor=0, subject=subject, now=NOON
        )

    return sell


def test_a_freeze_meets_everything_at_once(committed, at_once):
    """Sales of 10.00: whatever is first, each is in one place, and what is frozen is nowhere else."""
    alice = add_creator("alice", 1)
    sell = seller(ensure_split(own={alice: WHOLE_PPB}, parents=[], now=NOON))

    def claim(reason, now=NOON):
        return lambda: freeze(subject=STOLEN, reason=reason, now=now)

    def give_back(reason):
        return lambda: thaw(subject=STOLEN, reason=reason, now=LATER)

    def at_once_and_well(*verbs):
        said = at_once(*verbs)
        assert not [error for error in said if isinstance(error, Exception)], said
        assert check_books() == []
        return said

    def allocate():
        return allocate_royalties(now=NOON)

    def has():
        return {
            balance.currency: (balance.pending_minor, balance.available_minor, balance.frozen_minor, balance.paid_minor)
            for balance in balances_of(alice)
        }

    for number in range(3):
        sell(number)()
    sell(3, "release:own")()
    first, second, *_ = at_once_and_well(claim("claim:1"), claim("claim:1"), allocate, sell(4), sell(5, currency="JPY"))
    assert first == second == SubjectFreeze.objects.get()
    allocate()
    waiting = AwaitingAllocation.objects.filter(currency="USD").count()
    assert has() == {"USD": (1000, 0, 4000 - 1000 * waiting, 0)}
    assert AwaitingAllocation.objects.filter(currency="JPY").count() == 1

    at_once_and_well(
        lambda: open_dispute(source="order-line:0", now=NOON), claim("claim:2"), give_back("claim:1"), allocate
    )
    at_once_and_well(
        lambda: close_dispute(source="order-line:0", outcome="won", now=LATER),
        give_back("claim:2"),
        give_back("claim:2"),
        lambda: release_holds(now=LATER),
    )
    assert SubjectThaw.objects.count() == 2
    allocate()
    release_holds(now=LATER)
    assert has() == {"JPY": (0, 1000, 0, 0), "USD": (0, 5000, 0, 0)}

    at_once_and_well(lambda: settle(now=LATER), claim("claim:3", LATER), lambda: settle(now=LATER))
    settle(now=LATER)
    after = has()
    assert after["USD"] in {(0, 0, 4000, 1000), (0, 0, 0, 5000)}
    assert after["JPY"] in {(0, 0, 1000, 0), (0, 0, 0, 1000)}
    assert paid_total()["USD"] == after["USD"][3]
    assert (
        sum(line.amount_minor for line in ClaimHoldLine.objects.filter(end=None)) == after["USD"][2] + after["JPY"][2]
    )
    assert check_books() == []
