"""Who is paid when, and whose payouts are held, in batches, one settlement at a time, whatever the clock does."""

from datetime import timedelta

import pytest
from django.db import connection

from marketplace.payouts.bookkeeping import settlement
from marketplace.payouts.models import Payout, Transaction
from marketplace.payouts.operations import (
    BooksDisagree,
    UnableToHoldPayouts,
    UnableToSettle,
    allocate_royalties,
    ensure_split,
    release_holds,
    release_payouts,
    release_reserves,
    settle,
)
from marketplace.payouts.policies import (
    BooksCheck,
    PayoutHold,
)
from marketplace.payouts.queries import check_books, paid_total
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.terms import Schedule
from marketplace.payouts.when_queries import holds_of, next_payouts
from tests.payouts.cast import add_creator
from tests.payouts.policing import DAY, LATER, has, hold, policy, transfers


@pytest.fixture
def committed_session():
    """Runs a statement on a second connection, which lives as long as the test."""
    other = connection.copy()
    with other.cursor() as cursor:
        yield cursor.execute
    other.close()


def test_a_day_has_one_payout_and_tomorrow_the_next(alices, earn, noon, settings):
    settings.PAYOUT_SCHEDULE = "daily"
    earn(alices, "order-line:1", noon)
    settle(now=noon)
    earn(alices, "order-line:2", noon)

    assert settle(now=noon).answered == 0
    assert settle(now=noon.replace(hour=23)).answered == 0
    assert settle(now=noon.replace(hour=0) + DAY).answered == 1
    assert (transfers(), check_books()) == ([1080, 1080], [])


def test_manual_is_paid_when_somebody_asks(alice, bob, shared, earn, noon):
    policy(schedule=Schedule("manual"), threshold_minor=100_00)
    earn(shared, "order-line:1", noon)
    assert settle(now=noon + 365 * DAY).answered == 0

    assert settle(now=noon, creator=bob).answered == 1
    assert (transfers(), has(alice)) == ([324], {"available": 756})
    assert settle(now=noon, creator=bob).answered == 0


def test_a_refused_payout_is_tried_again_with_the_next_moment(alices, earn, noon, settings, faulty_rail):
    settings.PAYOUT_SCHEDULE = "daily"
    earn(alices, "order-line:1", noon)
    faulty_rail.plan = ["refuse"]

    assert settle(now=noon)[:2] == (1, 1)
    assert settle(now=noon).answered == 0
    assert settle(now=noon + DAY)[:2] == (1, 0)


def test_a_refused_payout_is_not_tried_twice_in_one_run(alices, earn, noon, faulty_rail):
    earn(alices, "order-line:1", noon)
    faulty_rail.plan = ["down"]
    with pytest.raises(UnableToSettle):
        settle(now=noon)
    faulty_rail.plan = ["refuse"]

    assert settle(now=noon)[:2] == (1, 1)
    assert Payout.objects.count() == 1


def test_many_creators_are_reserved_and_sent_in_batches(db, sell, noon, monkeypatch):
    monkeypatch.setattr(settlement, "RESERVED_AT_ONCE", 2)
    monkeypatch.setattr(settlement, "SENT_AT_ONCE", 3)
    makers = [add_creator(f"maker{number}", 10 + number) for number in range(7)]
    for number, maker in enumerate(makers):
        sell(ensure_split(own={maker: WHOLE_PPB}, parents=[], now=noon), f"order-line:{number}", fee=number)
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)

    assert settle(now=noon + LATER).answered == 7
    assert sorted(transfers()) == [1194, 1195, 1196, 1197, 1198, 1199, 1200]
    assert Transaction.objects.filter(kind="payout_reserve").count() == 4
    assert {payout.idem_key for payout in Payout.objects.all()} == {f"payout:{p.pk}" for p in Payout.objects.all()}


def test_a_currency_that_another_settles_is_left_alone(alices, earn, noon, committed_session):
    earn(alices, "order-line:1", noon)
    earn(alices, "order-line:2", noon, currency="JPY")
    committed_session("SELECT pg_advisory_lock(%s, hashtext('USD'))", [settlement.SETTLING_LOCK])

    settled = settle(now=noon)
    assert (settled.answered, settled.busy) == (1, ("USD",))
    assert paid_total() == {"JPY": 1080}

    committed_session("SELECT pg_advisory_unlock(%s, hashtext('USD'))", [settlement.SETTLING_LOCK])
    assert settle(now=noon) == (1, 0, 0, ())


def test_books_that_are_wrong_stop_it_before_the_rail_is_called(alices, earn, noon, faulty_rail):
    earn(alices, "order-line:1", noon)
    BooksCheck.objects.create(ran_at=noon, took_ms=1, postings=1, problems=["Something is off."])

    with pytest.raises(BooksDisagree, match="Payouts are stopped"):
        settle(now=noon)
    assert (faulty_rail.calls, Payout.objects.count()) == ([], 0)

    BooksCheck.objects.create(ran_at=noon, took_ms=1, postings=1, problems=[])
    assert settle(now=noon).answered == 1


def test_a_held_creator_waits_and_others_are_paid(alice, bob, shared, earn, noon, right):
    hold(alice)
    earn(shared, "order-line:1", noon)

    assert settle(now=noon) == (1, 0, 0, ())
    assert (transfers(), has(alice)) == ([324], {"available": 756})
    release_payouts(key="hold:1", by="carol@example.org", now=noon)
    assert settle(now=noon).answered == 1
    assert has(alice) == {"paid": 756}


def test_a_payout_that_is_open_stays_open_and_unsent(alice, alices, earn, noon, faulty_rail, right):
    earn(alices, "order-line:1", noon)
    faulty_rail.plan = ["down"]
    with pytest.raises(UnableToSettle):
        settle(now=noon)
    hold(alice)

    assert settle(now=noon) == (0, 0, 1, ())
    assert (len(faulty_rail.calls), has(alice)) == (1, {"on_the_way": 1080})
    assert settle(now=noon, creator=alice).answered == 0
    release_payouts(key="hold:1", by="carol@example.org", now=noon)
    assert settle(now=noon) == (1, 0, 0, ())
    assert has(alice) == {"paid": 1080}


def test_one_currency_may_be_held_and_all_reasons_must_end(alice, alices, earn, noon):
    earn(alices, "order-line:1", noon)
    earn(alices, "order-line:2", noon, currency="JPY")
    hold(alice, currency="USD")
    hold(alice, key="hold:2", currency="USD", reason="and your bank")

    settle(now=noon)
    assert paid_total() == {"JPY": 1080}
    release_payouts(key="hold:1", by="carol@example.org", now=noon)
    assert settle(now=noon).answered == 0
    [usd] = next_payouts(alice, now=noon, currency="USD")
    assert usd.held_for == ("and your bank",)
    assert [(one.key, one.ended_at) for one in holds_of(alice, standing=False)] == [
        ("hold:1", noon),
        ("hold:2", None),
    ]


def test_a_key_holds_once_and_says_one_thing(alice, bob, noon):
    first = hold(alice)
    assert hold(alice) == first
    for changes in ({"creator": bob}, {"currency": "USD"}, {"reason": "another"}):
        with pytest.raises(UnableToHoldPayouts, match="used before for another hold"):
            hold(**{"creator": alice, **changes})
    end = release_payouts(key="hold:1", by="carol@example.org", now=noon)
    assert release_payouts(key="hold:1", by="dave@example.org", now=noon + DAY) == end
    assert hold(alice) == first
    assert holds_of(alice) == []


@pytest.mark.parametrize(("changes", "why"), [({"key": ""}, "name it"), ({"reason": ""}, "say why"),
                                              ({"currency": "usd"}, "not a currency"),
                                              ({"key": "x" * 201}, "name it")])  # fmt: skip
def test_what_says_nothing_is_refused(alice, noon, changes, why):
    with pytest.raises(UnableToHoldPayouts, match=why):
        hold(**{"creator": alice, **changes})
    with pytest.raises(UnableToHoldPayouts, match="there is no such hold"):
        release_payouts(key="nothing", by="carol@example.org", now=noon)
    assert not PayoutHold.objects.exists()


@pytest.mark.parametrize("jump", [-1, 365])
@pytest.mark.parametrize("step", range(6))
def test_between_any_two_calls(alice, alices, sell, noon, settings, step, jump):
    """Whatever the clock does once, a sale is paid once, and the next one is paid as well."""
    settings.PAYOUT_SCHEDULE = "daily"
    policy(creator=alice, reserve_ppb=500_000_000, reserve_days=3, schedule=Schedule("daily"))
    now = [noon]

    def at(number, after=timedelta(0)):
        now[0] += after
        return now[0] + (jump * DAY if number == step else timedelta(0))

    sell(alices, "order-line:1", now=at(0))
    allocate_royalties(now=at(1))
    release_holds(now=at(2, LATER))
    settle(now=at(3))
    release_reserves(now=at(4, 4 * DAY))
    settle(now=at(5))
    assert sum(transfers()) <= 1080
    assert check_books() == []

    for _ in range(2):  # whatever waits for a date that a wrong clock wrote is over by then
        now[0] += 400 * DAY
        release_holds(now=now[0])
        release_reserves(now=now[0])
        settle(now=now[0])
    assert sum(transfers()) == 1080
    assert has(alice) == {"paid": 1080}

    sell(alices, "order-line:2", now=now[0])
    allocate_royalties(now=now[0])
    release_holds(now=now[0] + LATER)
    settle(now=now[0] + LATER)
    release_reserves(now=now[0] + 2 * LATER)
    settle(now=now[0] + 2 * LATER)
    assert (sum(transfers()), check_books()) == (2160, [])


def test_a_payout_from_the_future_holds_nobody_up(alice, alices, earn, noon, settings):
    settings.PAYOUT_SCHEDULE = "monthly:1"
    earn(alices, "order-line:1", noon)
    settle(now=noon + 365 * DAY)
    earn(alices, "order-line:2", noon)

    assert settle(now=noon).answered == 1
    earn(alices, "order-line:3", noon)
    assert settle(now=noon + DAY).answered == 0
