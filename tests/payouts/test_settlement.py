"""Creators are paid what is available, and never twice, wherever a settlement dies."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from marketplace.payouts.bookkeeping import settlement
from marketplace.payouts.models import Payout, PayoutOutcome, RecordedTransfer, Transaction
from marketplace.payouts.operations import (
    BooksDisagree,
    Settled,
    UnableToSettle,
    allocate_royalties,
    release_holds,
    settle,
)
from marketplace.payouts.queries import balances_of, check_books, lines_of, paid_total, payouts_of
from marketplace.payouts.rails.configured import rails
from tests.payouts.fakes import FaultyRail, Killed

LATER = timedelta(days=14)
TOMORROW = LATER + timedelta(days=1)
NOTHING = Settled(answered=0, refused=0, held=0, busy=())


@pytest.fixture
def earned(shared, sell, noon):
    """Alice has 7.56 USD and 567 JPY available, Bob 3.24 USD and 243 JPY."""
    sell(shared, "order-line:1")
    sell(shared, "order-line:2", gross=900, fee=90, currency="JPY")
    allocate_royalties(now=noon)
    release_holds(now=noon + LATER)


def transfers():
    rows = RecordedTransfer.objects.values_list("creator_id", "currency", "amount_minor")
    return sorted((str(creator)[-1:], currency, amount) for creator, currency, amount in rows)


EVERYBODY_ONCE = [("1", "JPY", 567), ("1", "USD", 756), ("2", "JPY", 243), ("2", "USD", 324)]


def test_everybody_is_paid_what_is_available(alice, bob, earned, noon):
    assert settle(now=noon + LATER) == Settled(answered=4, refused=0, held=0, busy=())
    assert transfers() == EVERYBODY_ONCE
    assert paid_total() == {"JPY": 810, "USD": 1080}
    [jpy, usd] = balances_of(alice)
    assert (jpy.paid_minor, jpy.available_minor, usd.paid_minor, usd.available_minor) == (567, 0, 756, 0)
    assert check_books() == []


def test_a_line_leads_to_its_payout(alice, earned, noon):
    settle(now=noon + LATER)

    line = lines_of(alice)[0][0]
    payout = Payout.objects.get(pk=line.payout_id)
    assert (line.state, line.paid_at) == ("paid", noon + LATER)
    assert (payout.creator, payout.currency, payout.amount_minor) == (alice, line.currency, line.amount_minor)
    assert {paid.state for paid in payouts_of(alice)} == {"paid"}


def test_settling_again_pays_nothing(earned, noon):
    settle(now=noon + LATER)
    written = Transaction.objects.count()

    assert settle(now=noon + LATER) == NOTHING
    assert (Transaction.objects.count(), transfers()) == (written, EVERYBODY_ONCE)


def test_only_one_currency_may_be_settled(earned, noon):
    settle(now=noon + LATER, currency="JPY")

    assert paid_total() == {"JPY": 810}
    assert check_books() == []


def test_what_is_below_the_threshold_waits(alice, bob, earned, noon, settings):
    settings.PAYOUT_THRESHOLD_MINOR = 500

    settle(now=noon + LATER)

    assert transfers() == [("1", "JPY", 567), ("1", "USD", 756)]
    assert [balance.available_minor for balance in balances_of(bob)] == [243, 324]


def test_a_rail_that_is_down_leaves_payouts_open_and_the_next_run_finishes_them(earned, noon, faulty_rail):
    faulty_rail.plan = ["work", "down"]
    with pytest.raises(UnableToSettle, match="Run it again"):
        settle(now=noon + LATER)
    assert Payout.objects.filter(outcomes=None).count() == 1
    assert check_books() == []

    faulty_rail.plan = ["drop answer"]
    with pytest.raises(UnableToSettle):
        settle(now=noon + LATER)
    settle(now=noon + LATER)

    assert transfers() == EVERYBODY_ONCE
    assert check_books() == []


def test_a_refused_payout_gives_the_money_back_and_is_not_tried_twice_in_one_run(alice, earned, noon, faulty_rail):
    faulty_rail.plan = ["refuse"]
    settle(now=noon + LATER, currency="USD")

    [usd] = [balance for balance in balances_of(alice) if balance.currency == "USD"]
    assert (usd.available_minor, usd.on_the_way_minor, usd.paid_minor) == (756, 0, 0)
    assert [paid.reference for paid in payouts_of(alice)] == ["the creator's account is closed"]
    assert lines_of(alice)[0][-1].state == "available"
    assert check_books() == []

    settle(now=noon + TOMORROW)
    assert transfers() == EVERYBODY_ONCE
    assert check_books() == []


def test_a_payout_that_is_sent_is_on_the_way_until_it_arrives(alice, earned, noon, faulty_rail):
    faulty_rail.plan = ["slow"] * 4
    settle(now=noon + LATER)

    assert paid_total() == {}
    assert [balance.on_the_way_minor for balance in balances_of(alice)] == [567, 756]
    assert lines_of(alice)[0][0].state == "on-the-way"
    assert check_books() == []


@pytest.mark.parametrize("point", ["die before", "die after"])
@pytest.mark.parametrize("at", range(4))
def test_killed_at_a_call_nobody_is_paid_twice(earned, noon, faulty_rail, point, at):
    faulty_rail.plan = ["work"] * at + [point]
    with pytest.raises(Killed):
        settle(now=noon + LATER)
    assert check_books() == []

    settle(now=noon + LATER)

    assert transfers() == EVERYBODY_ONCE
    assert paid_total() == {"JPY": 810, "USD": 1080}
    assert len({key for key, _ in faulty_rail.calls}) == 4
    assert check_books() == []


STEPS = ["_reserve", "_send", "record_sent", "post"]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("at", [1, 2, 4])
def test_killed_around_a_step_nobody_is_paid_twice(earned, noon, monkeypatch, step, at, before):
    real, calls = getattr(settlement, step), iter(range(1, 100))

    def deadly(**arguments):
        dies = next(calls) == at
        if dies and before:
            raise Killed
        result = real(**arguments)
        if dies:
            raise Killed
        return result

    with monkeypatch.context() as patched:
        patched.setattr(settlement, step, deadly)
        if step in {"_reserve", "post"} and at > 2:  # there are two currencies to reserve
            settle(now=noon + LATER)
        else:
            with pytest.raises(Killed):
                settle(now=noon + LATER)
    assert check_books() == []

    settle(now=noon + LATER)

    assert transfers() == EVERYBODY_ONCE
    assert PayoutOutcome.objects.filter(state="paid").count() == 4
    assert check_books() == []


def test_two_settlements_at_once_send_under_the_same_key_and_record_once(earned, noon, faulty_rail):
    faulty_rail.plan = ["die before"]
    with pytest.raises(Killed):
        settle(now=noon + LATER)
    [open_payout] = Payout.objects.filter(currency="JPY", outcomes=None)[:1]
    adapter = FaultyRail()

    settlement._send(rail=adapter, payout=open_payout, now=noon + LATER)
    settlement._send(rail=adapter, payout=open_payout, now=noon + LATER)

    assert RecordedTransfer.objects.count() == 1
    assert PayoutOutcome.objects.filter(payout=open_payout).count() == 2
    assert check_books() == []


def test_a_key_with_another_amount_is_refused(alice, db):
    from marketplace.payouts.rails.base import UnableToSend
    from marketplace.payouts.rules import Money

    rail = FaultyRail()
    FaultyRail.plan = []
    first = rail.send(key="payout:1", creator_id=alice.pk, amount=Money(5, "USD"))
    assert rail.send(key="payout:1", creator_id=alice.pk, amount=Money(5, "USD")) == first
    with pytest.raises(UnableToSend):
        rail.send(key="payout:1", creator_id=alice.pk, amount=Money(6, "USD"))
    assert RecordedTransfer.objects.count() == 1


def add_payout(creator, amount, currency="USD"):
    """Writes a payout that no reservation stands behind, as somebody who can switch triggers off."""
    reserved = Payout.objects.filter(currency=currency).first()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        Payout.objects.create(
            creator=creator,
            currency=currency,
            amount_minor=amount,
            released_through=reserved.released_through,
            reserved_at=reserved.reserved_at,
            idem_key="zz",
            transaction=reserved.transaction,
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_what_the_books_did_not_set_aside_is_not_sent(earned, erin, noon, faulty_rail, caplog):
    settle(now=noon + LATER)
    add_payout(erin, 99_999)
    calls, why = len(faulty_rail.calls), "in USD the books have 0 minor units in flight and open payouts are 99999"

    with pytest.raises(BooksDisagree, match=why) as refused:
        settle(now=noon + LATER)
    with pytest.raises(CommandError, match=why):
        call_command("settle")

    assert (refused.value.code, refused.value.why) == ("books-disagree", why)
    assert [(record.levelname, why in record.message) for record in caplog.records] == [("CRITICAL", True)] * 2
    assert (len(faulty_rail.calls), transfers()) == (calls, EVERYBODY_ONCE)
    assert settle(now=noon + LATER, currency="JPY") == NOTHING


def test_nothing_is_sent_while_one_currency_disagrees(earned, alice, erin, noon, faulty_rail):
    faulty_rail.plan = ["die before"]
    with pytest.raises(Killed):
        settle(now=noon + LATER)
    add_payout(erin, 1, currency="JPY")

    with pytest.raises(BooksDisagree, match="in JPY .* 810 .* 811"):
        settle(now=noon + LATER)

    assert (len(faulty_rail.calls), transfers()) == (1, [])


def test_a_transfer_after_a_refusal_is_an_alarm_and_is_not_recorded(earned, noon, faulty_rail):
    """Two settlements at once, and the rail told one of them that it refused what it then sent for the other."""
    faulty_rail.plan = ["refuse"]
    settle(now=noon + LATER, currency="USD")
    refused = Payout.objects.get(outcomes__state="failed")

    with pytest.raises(BooksDisagree, match=f"the rail sent {refused.idem_key}, which was recorded as failed"):
        settlement._send(rail=faulty_rail(), payout=refused, now=noon + LATER)

    assert [outcome.state for outcome in refused.outcomes.all()] == ["failed"]
    assert check_books() == []


def reserve(now):
    [(name, rail)] = rails().items()
    settlement._reserve_all(name=name, rail=rail, currency="USD", creator=None, refused_before=0, now=now)


def test_one_payout_is_on_its_way_to_a_creator_at_a_time(earned, alice, alices, sell, noon, faulty_rail):
    """Another settlement has reserved and not answered yet: what came meanwhile waits for its answer."""
    reserve(now=noon + LATER)
    sell(alices, "order-line:9", gross=5_00, fee=0)
    allocate_royalties(now=noon + LATER)
    release_holds(now=noon + 2 * LATER)

    reserve(now=noon + 2 * LATER)

    assert Payout.objects.filter(creator=alice, currency="USD").count() == 1
    settle(now=noon + 2 * LATER)
    assert list(Payout.objects.filter(creator=alice, currency="USD").order_by("reserved_at").values_list(
        "amount_minor", flat=True)) == [756, 500]  # fmt: skip
    assert check_books() == []
