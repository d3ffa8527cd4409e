"""A claim freezes what one subject earned, and nothing else; what is given back goes where it belongs."""

from datetime import timedelta

import pytest

from marketplace.payouts.freezes import ClaimHoldEnd, ClaimHoldLine, SubjectFreeze, SubjectThaw
from marketplace.payouts.models import AwaitingAllocation, RoyaltyRun, Transaction
from marketplace.payouts.operations import (
    UnableToFreeze,
    UnableToPost,
    UnableToRecordSale,
    UnableToSettle,
    allocate_royalties,
    close_dispute,
    freeze,
    open_dispute,
    release_holds,
    settle,
    thaw,
)
from marketplace.payouts.queries import Frozen, balances_of, check_books, frozen_of, lines_of, paid_total
from tests.payouts.test_disputes import books
from tests.payouts.test_disputes import usd as balances

LATER = timedelta(days=14)
STOLEN, OWN = "release:stolen", "release:own"
CLAIM, OTHER_CLAIM = "claim:1", "claim:2"


def usd(creator):
    [balance] = balances_of(creator)
    return {**balances(creator), **({"frozen": balance.frozen_minor} if balance.frozen_minor else {})}


def holds():
    rows = ClaimHoldLine.objects.order_by("line__payee_id", "pk")
    return [(row.line.payee.handle, row.line.sale.source, row.bucket, row.amount_minor) for row in rows]


def states(creator):
    return {line.source: line.state for line in lines_of(creator)[0]}


def claim(noon, days=0):
    return freeze(subject=STOLEN, reason=CLAIM, now=noon + timedelta(days=days))


def give_back(noon, days=0):
    return thaw(subject=STOLEN, reason=CLAIM, now=noon + timedelta(days=days))


def test_sales_of_a_frozen_subject_wait_and_others_do_not(alice, alices, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", subject=OWN)
    claim(noon)
    sell(shared, "order-line:3", subject=STOLEN)

    [run] = allocate_royalties(now=noon)

    assert [line.sale.source for line in run.lines.all()] == ["order-line:2"]
    assert sorted(waiting.sale.source for waiting in AwaitingAllocation.objects.all()) == [
        "order-line:1",
        "order-line:3",
    ]
    assert usd(alice) == {"pending": 1080}
    assert books()["royalty_unallocated"] == -2160
    assert allocate_royalties(now=noon) == []
    assert RoyaltyRun.objects.count() == 1
    assert check_books() == []

    give_back(noon)
    [run] = allocate_royalties(now=noon)
    assert usd(alice) == {"pending": 1080 + 2 * 756}


def test_what_is_pending_is_held_and_returns_to_pending(alice, bob, alices, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", subject=OWN)
    allocate_royalties(now=noon)

    claim(noon)

    assert usd(alice) == {"pending": 1080, "frozen": 756}
    assert usd(bob) == {"frozen": 324}
    assert holds() == [
        ("alice", "order-line:1", "creator_pending", 756),
        ("bob", "order-line:1", "creator_pending", 324),
    ]
    assert states(alice) == {"order-line:1": "frozen", "order-line:2": "pending"}
    assert check_books() == []

    thawed = give_back(noon)

    assert usd(alice) == {"pending": 1836}
    assert thawed.freeze.subject == STOLEN
    assert ClaimHoldEnd.objects.filter(bucket="creator_pending").count() == 2
    release_holds(now=noon + LATER)
    assert usd(alice) == {"available": 1836}
    assert states(alice) == {"order-line:1": "available", "order-line:2": "available"}


def test_the_release_of_its_run_passes_over_what_is_held(alice, bob, alices, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", subject=OWN)
    allocate_royalties(now=noon)
    claim(noon)

    release_holds(now=noon + LATER)
    settle(now=noon + LATER)

    assert usd(alice) == {"frozen": 756, "paid": 1080}
    assert usd(bob) == {"frozen": 324}
    assert states(alice) == {"order-line:1": "frozen", "order-line:2": "paid"}
    assert check_books() == []

    give_back(noon, 14)
    assert usd(alice) == {"available": 756, "paid": 1080}
    assert states(alice) == {"order-line:1": "available", "order-line:2": "paid"}
    settle(now=noon + LATER)
    assert usd(alice) == {"paid": 1836}
    assert states(alice) == {"order-line:1": "paid", "order-line:2": "paid"}


def test_what_is_available_is_held_and_settle_pays_the_rest(alice, bob, alices, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", subject=OWN, gross=5_00, fee=0)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)

    claim(noon, 14)

    assert usd(alice) == {"available": 500, "frozen": 756}
    assert [bucket for _, _, bucket, _ in holds()] == ["creator_available"] * 2
    settle(now=noon + LATER)
    assert paid_total() == {"USD": 500}
    assert usd(bob) == {"frozen": 324}


def test_what_was_paid_stays_paid_and_no_other_money_stands_in_for_it(alice, alices, sell, noon, right):
    sell(alices, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    sell(alices, "order-line:2", subject=OWN, gross=5_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)

    claim(noon, 28)

    assert usd(alice) == {"available": 500, "paid": 1080}
    assert not ClaimHoldLine.objects.exists()
    assert frozen_of(alice) == []
    assert states(alice) == {"order-line:1": "paid", "order-line:2": "available"}


def test_what_a_debt_took_is_not_there_to_be_held(alice, alices, sell, noon, right):
    """The oldest money met the debt: 10.80 lost to a bank, of 12.00 that came first."""
    sell(alices, "order-line:1")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    sell(alices, "order-line:2", subject=STOLEN, gross=12_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)
    sell(alices, "order-line:3", subject=OWN, gross=7_00, fee=0)
    allocate_royalties(now=noon + 2 * LATER)
    release_holds(now=noon + 3 * LATER)
    open_dispute(source="order-line:1", now=noon + 3 * LATER)
    assert usd(alice) == {"available": 820, "on hold": 1080, "paid": 1080}

    claim(noon, 42)

    assert usd(alice) == {"available": 700, "frozen": 120, "on hold": 1080, "paid": 1080}
    assert check_books() == []
    close_dispute(source="order-line:1", outcome="won", now=noon + 3 * LATER)
    assert usd(alice) == {"available": 1780, "frozen": 120, "paid": 1080}
    give_back(noon, 42)
    assert usd(alice) == {"available": 1900, "paid": 1080}


def test_given_back_it_goes_against_debts_first(alice, alices, sell, noon, right):
    sell(alices, "order-line:1", subject=OWN, gross=5_00, fee=0)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    sell(alices, "order-line:2", subject=STOLEN)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)
    claim(noon, 28)
    open_dispute(source="order-line:1", now=noon + 2 * LATER)
    assert usd(alice) == {"frozen": 1080, "on hold": 500, "owed": 500, "paid": 500}

    give_back(noon, 28)

    assert usd(alice) == {"available": 580, "on hold": 500, "paid": 500}


def test_several_claims_hold_until_the_last_is_gone(alice, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    claim(noon)
    freeze(subject=STOLEN, reason=OTHER_CLAIM, now=noon + timedelta(days=1))
    assert [row.reason for row in frozen_of(alice)] == [CLAIM]

    give_back(noon, 2)

    assert usd(alice) == {"frozen": 756}
    assert not ClaimHoldEnd.objects.exists()
    assert [(row.reason, row.frozen_at) for row in frozen_of(alice)] == [(OTHER_CLAIM, noon + timedelta(days=1))]
    assert check_books() == []
    thaw(subject=STOLEN, reason=OTHER_CLAIM, now=noon)
    assert usd(alice) == {"pending": 756}
    assert frozen_of(alice) == []


def test_saying_it_again_changes_nothing(alice, shared, sell, noon, right):
    sell(shared, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    frozen = claim(noon)
    written = Transaction.objects.count()
    assert claim(noon, 1) == frozen
    assert Transaction.objects.count() == written

    thawed = give_back(noon, 2)
    written = Transaction.objects.count()
    assert give_back(noon, 3) == thawed
    assert claim(noon, 4) == frozen  # a late repetition does not freeze again
    assert Transaction.objects.count() == written
    assert usd(alice) == {"pending": 756}
    assert (SubjectFreeze.objects.count(), SubjectThaw.objects.count()) == (1, 1)


def test_what_was_never_frozen_is_not_thawed(db, noon):
    assert give_back(noon) is None
    assert not SubjectThaw.objects.exists()


@pytest.mark.parametrize(("subject", "reason"), [("", CLAIM), (STOLEN, ""), ("x" * 201, CLAIM), (STOLEN, "x" * 201)])
def test_what_cannot_be_named_is_not_frozen(db, noon, subject, reason):
    with pytest.raises(UnableToFreeze):
        freeze(subject=subject, reason=reason, now=noon)
    assert not SubjectFreeze.objects.exists()


def test_a_sale_is_of_one_subject(alices, sell):
    sell(alices, "order-line:1", subject=OWN)
    with pytest.raises(UnableToPost):
        sell(alices, "order-line:1", subject=STOLEN)
    with pytest.raises(UnableToRecordSale, match="200"):
        sell(alices, "order-line:2", subject="x" * 201)


def test_each_currency_is_held_in_its_own(alice, alices, sell, noon, right):
    sell(alices, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", subject=STOLEN, gross=900, fee=90, currency="JPY")
    allocate_royalties(now=noon)

    claim(noon)

    sell(alices, "order-line:3", subject=STOLEN, gross=100, fee=0, currency="JPY")
    assert frozen_of(alice) == [
        Frozen(STOLEN, CLAIM, noon, "JPY", held_minor=810, waiting_sales=1, waiting_minor=100),
        Frozen(STOLEN, CLAIM, noon, "USD", held_minor=1080, waiting_sales=0, waiting_minor=0),
    ]
    give_back(noon)
    assert Transaction.objects.filter(kind="claim_released").count() == 2


def test_a_payout_that_fails_after_the_freeze_is_held(alice, alices, shared, sell, noon, faulty_rail, right):
    sell(alices, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", subject=OWN, gross=5_00, fee=0)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    faulty_rail.plan = ["down"]
    with pytest.raises(UnableToSettle):
        settle(now=noon + LATER)
    claim(noon, 14)
    assert not ClaimHoldLine.objects.exists()
    assert check_books() == []

    faulty_rail.plan = ["refuse"]
    settle(now=noon + LATER)

    assert usd(alice) == {"available": 500, "frozen": 1080}
    assert states(alice) == {"order-line:1": "frozen", "order-line:2": "available"}
    assert check_books() == []
    settle(now=noon + LATER)
    assert usd(alice) == {"frozen": 1080, "paid": 500}
    give_back(noon, 14)
    settle(now=noon + LATER)
    assert usd(alice) == {"paid": 1580}
    assert states(alice) == {"order-line:1": "paid", "order-line:2": "paid"}


def test_a_payout_that_failed_before_is_held_as_what_it_was(alice, alices, sell, noon, faulty_rail, right):
    sell(alices, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    faulty_rail.plan = ["refuse"]
    settle(now=noon + LATER)
    sell(alices, "order-line:2", subject=OWN, gross=5_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)

    claim(noon, 28)

    assert usd(alice) == {"available": 500, "frozen": 1080}


def test_frozen_thawed_and_frozen_for_another_reason(alice, alices, sell, noon, right):
    sell(alices, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    claim(noon, 14)
    give_back(noon, 15)

    freeze(subject=STOLEN, reason=OTHER_CLAIM, now=noon + 2 * LATER)

    assert usd(alice) == {"frozen": 1080}
    assert [row[2:] for row in holds()] == [("creator_available", 1080)] * 2


@pytest.mark.parametrize("won", [False, True], ids=["released", "won back"])
def test_what_went_whole_against_a_debt_is_not_there_to_be_held(alice, alices, sell, noon, won, right):
    """Nothing moved in her available account, so nothing says there what is left of it."""
    for number in (1, 2):
        sell(alices, f"order-line:{number}", subject=STOLEN if won and number == 2 else OWN)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    settle(now=noon + LATER)
    open_dispute(source="order-line:1", now=noon + LATER)
    if won:
        open_dispute(source="order-line:2", now=noon + LATER)
        close_dispute(source="order-line:2", outcome="won", now=noon + LATER)
    else:
        sell(alices, "order-line:3", subject=STOLEN)
        allocate_royalties(now=noon + LATER)
        release_holds(now=noon + 2 * LATER)
    before = usd(alice)
    assert "available" not in before

    claim(noon, 28)

    assert usd(alice) == before
    assert not ClaimHoldLine.objects.exists()


def test_what_was_won_back_and_paid_out_is_not_there_to_be_held(alice, alices, sell, noon, right):
    sell(alices, "order-line:1", subject=STOLEN)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)
    open_dispute(source="order-line:1", now=noon + LATER)
    close_dispute(source="order-line:1", outcome="won", now=noon + LATER)
    settle(now=noon + LATER)

    claim(noon, 14)

    assert usd(alice) == {"paid": 1080}
    assert not ClaimHoldLine.objects.exists()
