"""What is kept back of what is released, until when, and what of it comes back."""

from datetime import timedelta

from marketplace.payouts.bookkeeping import releasing
from marketplace.payouts.models import Transaction
from marketplace.payouts.operations import (
    allocate_royalties,
    ensure_split,
    freeze,
    open_dispute,
    refund,
    release_holds,
    release_reserves,
    settle,
    thaw,
)
from marketplace.payouts.policies import (
    ReserveEnd,
    ReserveLine,
)
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.when_queries import reserves_of
from tests.payouts.cast import add_creator
from tests.payouts.policing import DAY, LATER, has, policy


def test_part_of_what_is_released_is_kept_for_its_days(alice, bob, shared, earn, noon, right):
    policy(creator=alice, reserve_ppb=100_000_001, reserve_days=90, reason="many disputes")
    earn(shared, "order-line:1", noon)

    assert has(alice) == {"reserved": 75, "available": 681}  # 75.60000756, rounded down
    assert has(bob) == {"available": 324}
    [kept] = reserves_of(alice)
    assert (kept.amount_minor, kept.until, kept.reason) == (75, noon + 90 * DAY, "many disputes")
    assert release_reserves(now=noon + 90 * DAY - timedelta(seconds=1)) == 0
    settle(now=noon)
    assert release_reserves(now=noon + 90 * DAY) == 1
    assert release_reserves(now=noon + 90 * DAY) == 0
    assert (has(alice), reserves_of(alice)) == ({"available": 75, "paid": 681}, [])


def test_the_settings_may_keep_something_of_everybody(alice, alices, earn, noon, settings, right):
    settings.PAYOUT_RESERVE_PPB, settings.PAYOUT_RESERVE_DAYS = WHOLE_PPB, 7
    earn(alices, "order-line:1", noon)
    assert has(alice) == {"reserved": 1080}
    release_reserves(now=noon + 7 * DAY)
    assert has(alice) == {"available": 1080}


def test_a_debt_is_met_first_and_the_rest_is_reserved(alice, alices, earn, noon, right):
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    open_dispute(source="order-line:1", now=noon)
    policy(creator=alice, reserve_ppb=500_000_000, reserve_days=30)

    earn(alices, "order-line:2", noon, gross=20_00)  # 18.80 meet 10.80 that are owed
    assert has(alice) == {"reserved": 400, "available": 400, "paid": 1080}


def test_what_was_taken_is_missing_from_what_is_due_first(alice, alices, earn, noon):
    policy(creator=alice, reserve_ppb=WHOLE_PPB, reserve_days=30)
    earn(alices, "order-line:1", noon)
    earn(alices, "order-line:2", noon + DAY)
    earn(alices, "order-line:3", noon + 2 * DAY)
    refund(source="order-line:1", amount_minor=12_00, key="refund:1", reason="a broken file", now=noon)
    refund(
        source="order-line:2", amount_minor=4_67, key="refund:2", reason="a broken file", now=noon
    )  # 4.20 of it hers

    assert release_reserves(now=noon + 31 * DAY) == 2  # 2160 are due, 1740 are there, of which 1080 stay
    assert list(ReserveEnd.objects.order_by("reserve_id").values_list("amount_minor", flat=True)) == [660, 0]
    assert has(alice) == {"reserved": 1080, "available": 660}
    release_reserves(now=noon + 32 * DAY)
    assert has(alice) == {"available": 1740}


def test_the_reserve_waits_while_a_work_of_theirs_is_frozen(alice, bob, alices, earn, noon, right):
    policy(creator=alice, reserve_ppb=WHOLE_PPB, reserve_days=30)
    earn(alices, "order-line:1", noon, subject="release:a")
    freeze(subject="release:a", reason="claim:1", now=noon)

    assert release_reserves(now=noon + 30 * DAY) == 0
    thaw(subject="release:a", reason="claim:1", now=noon + 30 * DAY)
    assert release_reserves(now=noon + 30 * DAY) == 1


def test_many_creators_are_released_in_batches(db, sell, noon, monkeypatch):
    monkeypatch.setattr(releasing, "AT_ONCE", 2)
    policy(reserve_ppb=WHOLE_PPB, reserve_days=1)
    for number in range(5):
        maker = add_creator(f"maker{number}", 10 + number)
        sell(ensure_split(own={maker: WHOLE_PPB}, parents=[], now=noon), f"order-line:{number}")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)

    assert ReserveLine.objects.count() == 5
    assert release_reserves(now=noon + LATER + DAY) == 5
    assert Transaction.objects.filter(kind="reserve_release").count() == 3
