"""Alice is paid for what buyers' cards have not brought yet: each part drawn on its charge, and sent when all are."""

import signal
from contextlib import suppress

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.payouts.attempts import PayoutAttempt, TransferReversal
from marketplace.payouts.connected.charges import record_charged
from marketplace.payouts.connected.going_on import GoneOn, go_on
from marketplace.payouts.connected.retrying import failures_of, retry_bank
from marketplace.payouts.models import Payout, PayoutOutcome
from marketplace.payouts.operations import UnableToSettle, freeze, thaw
from marketplace.payouts.queries import check_books, paid_total
from marketplace.provider.connections import Connections
from tests.payouts.connect.test_ways import steps
from tests.payouts.faults.lives import Child, wait_until_alone
from tests.payouts.policing import has
from tests.points import Points, around
from tests.stripe import accounts, payouts
from tests.stripe.faults import Fault


def bought(house, split, net_minor: int) -> str:
    """Sells by card, for an order of its own: the money is available in two days."""
    group = f"order:{house.sold + 1}"
    intent = house.fake.client().v1.payment_intents.create(
        {
            "amount": net_minor,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "transfer_group": group,
        }
    )
    house.earn(split, net_minor)
    accounts.adjusted(house.fake.world, "acct_platform", -net_minor)  # it is not there yet
    record_charged(charge=intent.latest_charge, sources=[f"order-line:{house.sold}"], now=house.now)
    return intent.latest_charge


def drawn(house) -> list[tuple[int, str | None, str]]:
    """Gives each transfer as (amount, charge, group), the smallest first."""
    rows = house.fake.world.all("transfer")
    return sorted((row["amount"], row["source_transaction"], row["transfer_group"]) for row in rows)


def test_each_part_draws_on_its_charge_and_goes_to_the_bank_when_it_is_there(house, alice, alices, connect):
    account = connect(alice)
    first, second = bought(house, alices, 4_00), bought(house, alices, 2_00)
    house.earn(alices, 10_00)

    assert house.settle().answered == 3
    payout = Payout.objects.get()
    assert drawn(house) == [(200, second, "order:2"), (400, first, "order:1"), (1000, None, f"payout:{payout.pk}")]
    assert PayoutOutcome.objects.get().state == "sent"
    assert go_on(now=house.now).to_banks == 1
    house.forward(days=1)
    house.hear()
    assert (has(alice), house.banked()) == ({"on_the_way": 1600}, 1000)

    house.forward(days=1)
    assert go_on(now=house.now).to_banks == 2
    house.forward(days=1)
    house.hear(shuffled=True, copies=2)
    assert (has(alice), house.banked(), house.has(account)) == ({"paid": 1600}, 1600, 0)
    assert house.settle().answered == 0


@pytest.mark.parametrize("fault", [Fault.DROP_RESPONSE, Fault.DROP_REQUEST, Fault.ERROR_SAVED])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_part_that_is_not_answered_holds_up_the_payout_and_is_sent_once(house, alice, alices, connect, fault, nth):
    connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.fake.faults.when(
        lambda asked: (asked.key or "").endswith(f":{nth}") and "payout" in asked.key, fault, times=2
    )

    for _ in range(3):
        with suppress(UnableToSettle):
            house.settle()
        assert PayoutOutcome.objects.count() == (PayoutAttempt.objects.filter(end=None).count() == 0)
        assert go_on(now=house.now).to_banks == PayoutOutcome.objects.count() or PayoutOutcome.objects.count()
        house.forward(minutes=3)

    assert sorted(amount for amount, *_ in drawn(house)) == [400, 1000]
    assert [state for (state,) in PayoutOutcome.objects.values_list("state")] == ["sent"]


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.deep), 7])
def test_killed_between_parts_nothing_is_sent_twice(house, alice, alices, connect, settings, step):
    settings.CONNECT_THREADS = 1
    connect(alice)
    number, code = 1, None
    while code != 0:
        bought(house, alices, 4_00)
        house.earn(alices, 10_00)

        def act(say, number=number) -> None:
            point = Points(number)
            around(BaseDatabaseWrapper, "_commit", point)
            around(Connections, "request", point)
            house.settle()

        code, _said = Child(act).end()
        assert code in (0, -signal.SIGKILL)
        wait_until_alone()
        assert check_books() == []
        house.forward(minutes=3)
        house.settle()
        assert sum(amount for amount, *_ in drawn(house)) == 1400 * (house.sold // 2)
        assert PayoutOutcome.objects.filter(state="sent").count() == Payout.objects.count()
        number += step
    assert number > 2 * step


def test_what_a_charge_does_not_give_is_sent_from_what_is_available(house, alice, alices, connect):
    account = connect(alice)
    charge = bought(house, alices, 4_00)
    house.fake.client().v1.transfers.create(
        {"amount": 1, "currency": "usd", "destination": account.reference, "source_transaction": charge}
    )
    house.earn(alices, 10_00)

    house.settle()
    [payout] = Payout.objects.all()
    assert [step[:3] for step in steps(payout)] == [(1, "transfer", "done"), (2, "transfer", "refused")]
    assert (PayoutOutcome.objects.count(), has(alice)) == (0, {"on_the_way": 1400})

    accounts.adjusted(house.fake.world, "acct_platform", 400)
    house.settle()
    assert drawn(house)[1:] == [(400, None, f"payout:{payout.pk}"), (1000, None, f"payout:{payout.pk}")]
    assert PayoutOutcome.objects.get().state == "sent"


def test_what_is_available_is_short_and_the_rest_waits_for_it(house, alice, alices, connect):
    connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    accounts.adjusted(house.fake.world, "acct_platform", -1)
    house.settle()
    assert (len(drawn(house)), PayoutOutcome.objects.count()) == (1, 0)

    accounts.adjusted(house.fake.world, "acct_platform", 1)
    house.settle()
    assert sorted(amount for amount, *_ in drawn(house)) == [400, 1000]
    assert PayoutOutcome.objects.get().state == "sent"


def test_a_bank_sends_one_part_back(house, alice, alices, connect):
    connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00)
    house.settle()
    go_on(now=house.now)
    bank = PayoutAttempt.objects.get(kind="bank").end.reference
    house.forward(days=2)
    payouts.payout_failed(house.fake.world, bank)
    house.hear()

    done = go_on(now=house.now)
    assert (done.to_banks, done.returned, TransferReversal.objects.get().amount_minor) == (1, 1, 1000)
    assert (has(alice), paid_total()) == ({"available": 1000, "on_the_way": 400}, {})
    assert go_on(now=house.now) == GoneOn(0, 0, 0)

    house.forward(days=1)
    house.hear(copies=2)
    assert (has(alice), paid_total()) == ({"available": 1000, "paid": 400}, {"USD": 400})
    retry_bank(creator=alice, attempt=failures_of(alice)[0].attempt_id, now=house.now)
    accounts.adjusted(house.fake.world, "acct_platform", 100)  # what Stripe's fee took
    house.settle()
    go_on(now=house.now)
    house.forward(days=2)
    house.hear()
    assert (has(alice), paid_total(), house.banked()) == ({"paid": 1400}, {"USD": 1400}, 1400)


def test_what_is_frozen_of_a_part_that_comes_back_is_held(house, alice, alices, connect):
    connect(alice)
    bought(house, alices, 4_00)
    house.earn(alices, 10_00, subject="release:stolen")
    house.settle()
    go_on(now=house.now)
    bank = PayoutAttempt.objects.get(kind="bank").end.reference
    house.forward(days=2)
    freeze(subject="release:stolen", reason="claim:1", now=house.now)
    payouts.payout_failed(house.fake.world, bank)
    house.hear()
    go_on(now=house.now)

    assert has(alice) == {"on_the_way": 400, "frozen": 1000}
    assert check_books() == []
    house.settle()
    assert has(alice) == {"on_the_way": 400, "frozen": 1000}
    thaw(subject="release:stolen", reason="claim:1", now=house.now)
    assert has(alice) == {"on_the_way": 400, "available": 1000}


def test_charges_that_are_available_are_not_asked_for_again(house, alice, alices, connect, settings):
    connect(alice)
    bought(house, alices, 4_00)
    house.forward(days=3)
    accounts.adjusted(house.fake.world, "acct_platform", 100)  # what Stripe's fee took
    house.settle()
    assert drawn(house) == [(400, None, f"payout:{Payout.objects.get().pk}")]
    settings.CONNECT_FROM_CHARGES = True
    charge = bought(house, alices, 5_00)
    house.forward(days=3)
    house.settle()
    assert drawn(house)[1:] == [(500, charge, "order:2")]
    assert paid_total() == {}
