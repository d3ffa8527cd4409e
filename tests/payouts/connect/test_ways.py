"""Alice is paid over Stripe Connect: to her account there, from it to her bank, and back where the bank refuses."""

from contextlib import suppress
from datetime import date, timedelta

import pytest

from marketplace.payouts.attempts import BankWord, PayoutAttempt, PayoutAttemptEnd, TransferReversal
from marketplace.payouts.connected.going_on import GoneOn, go_on
from marketplace.payouts.connected.stops import stop_of
from marketplace.payouts.connected.watching import watch
from marketplace.payouts.models import Payout, PayoutOutcome, Transaction
from marketplace.payouts.operations import Settled, UnableToSettle
from marketplace.payouts.queries import paid_total
from marketplace.provider.models import ProviderEventTrouble, ProviderEventWaiting
from tests.payouts.policing import has
from tests.stripe import accounts, payouts
from tests.stripe.faults import Fault


def steps(payout: Payout) -> list[tuple[int, str, str, str]]:
    """Gives each attempt as (number, kind, how it ended, the provider's word)."""
    rows = PayoutAttempt.objects.filter(payout=payout).order_by("number").select_related("end")
    return [
        (row.number, row.kind, *((row.end.state, row.end.code) if hasattr(row, "end") else ("open", "")))
        for row in rows
    ]


def test_from_what_is_available_to_the_bank(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)

    assert house.settle() == Settled(answered=1, refused=0, held=0, busy=())
    payout = Payout.objects.get()
    assert house.transfers() == [(account.reference, 1000)]
    assert (has(alice), house.has(account)) == ({"on_the_way": 1000}, 1000)
    assert go_on(now=house.now) == GoneOn(to_banks=1, returned=0, silent=0)
    assert (house.has(account), house.banked()) == (0, 1000)
    assert steps(payout) == [(1, "transfer", "done", ""), (2, "bank", "done", "")]
    assert PayoutAttemptEnd.objects.get(attempt__kind="bank").arrives_on == date(2026, 11, 23)

    house.forward(days=1)
    house.hear(shuffled=True, copies=2)

    assert (has(alice), paid_total()) == ({"paid": 1000}, {"USD": 1000})
    assert list(payout.outcomes.order_by("pk").values_list("state", flat=True)) == ["sent", "paid"]
    assert (go_on(now=house.now), house.settle()) == (GoneOn(0, 0, 0), Settled(0, 0, 0, ()))
    assert house.sent_from_ours() == 1000


def test_a_bank_sends_it_back_after_it_was_paid(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    go_on(now=house.now)
    house.forward(days=1)
    house.hear()
    payout = Payout.objects.get()
    bank = PayoutAttemptEnd.objects.get(attempt__kind="bank").reference

    house.forward(days=3)
    payouts.payout_failed(house.fake.world, bank)
    house.hear(copies=3, shuffled=True)
    assert has(alice) == {"paid": 1000}
    assert go_on(now=house.now) == GoneOn(to_banks=0, returned=1, silent=0)

    assert (has(alice), paid_total(), house.has(account), house.banked()) == ({"available": 1000}, {}, 0, 0)
    assert steps(payout)[2:] == [(3, "return", "done", "")]
    word = BankWord.objects.get(state="failed")
    assert (word.code, word.reason) == ("account_closed", "The bank account has been closed.")
    [back] = TransferReversal.objects.all()
    assert (back.is_ours, back.amount_minor) == (True, 1000)
    assert payout.outcomes.get(state="returned").reference == back.reference
    house.hear()  # transfer.reversed, of our own doing
    assert TransferReversal.objects.count() == 1

    # Nothing is sent to the same bank again, until Alice names another.
    assert house.settle() == Settled(0, 0, 0, ())
    accounts.banked(house.fake.world, account.reference, "4321")
    house.hear()
    assert house.settle().answered == 1
    assert go_on(now=house.now).to_banks == 1
    house.forward(days=1)
    house.hear()
    assert (paid_total(), house.banked(), house.sent_from_ours()) == ({"USD": 1000}, 1000, 1000)


def test_nobody_is_paid_whose_account_is_not_there_or_not_ready(house, alice, bob, shared, connect):
    house.earn(shared, 10_00)
    assert house.settle() == Settled(0, 0, 0, ())

    account = connect(bob)
    accounts.restricted(house.fake.world, account.reference)
    house.hear()
    assert house.settle() == Settled(0, 0, 0, ())
    assert (Payout.objects.count(), house.transfers()) == (0, [])
    assert (has(alice), has(bob)) == ({"available": 700}, {"available": 300})

    accounts.onboarded(house.fake.world, account.reference)
    house.hear()
    house.settle()
    assert house.transfers() == [(account.reference, 300)]


def test_never_to_an_account_below_zero(house, alice, alices, connect):
    account = connect(alice)
    accounts.adjusted(house.fake.world, account.reference, -1)
    house.earn(alices, 10_00)

    assert house.settle().answered == 0
    assert (house.transfers(), PayoutAttempt.objects.count()) == ([], 0)
    assert house.settle() == Settled(answered=0, refused=0, held=1, busy=())

    accounts.adjusted(house.fake.world, account.reference, 1)
    house.forward(days=1)
    assert PayoutOutcome.objects.count() == 0
    watch(now=house.now)
    assert house.settle().answered == 1
    assert house.transfers() == [(account.reference, 1000)]


def test_what_our_balance_is_short_of_waits(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    accounts.adjusted(house.fake.world, "acct_platform", -1)

    assert house.settle() == Settled(answered=0, refused=0, held=0, busy=())
    [payout] = Payout.objects.all()
    assert (has(alice), steps(payout)) == ({"on_the_way": 1000}, [(1, "transfer", "refused", "balance_insufficient")])

    accounts.adjusted(house.fake.world, "acct_platform", 1)
    assert house.settle().answered == 1
    assert steps(payout)[1:] == [(2, "transfer", "done", "")]
    assert house.transfers() == [(account.reference, 1000)]


def test_restricted_between_reserve_and_call_it_waits_and_is_said(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    accounts.restricted(house.fake.world, account.reference)  # of which we have not heard

    assert house.settle() == Settled(answered=0, refused=0, held=1, busy=())
    [payout] = Payout.objects.all()
    assert steps(payout) == [(1, "transfer", "refused", "insufficient_capabilities_for_transfer")]
    assert house.settle().held == 1
    assert len(steps(payout)) == 1

    accounts.onboarded(house.fake.world, account.reference)
    house.hear()
    assert house.settle().answered == 1
    assert house.transfers() == [(account.reference, 1000)]


@pytest.mark.parametrize("fault", [Fault.DROP_RESPONSE, Fault.RESET, Fault.ERROR_SAVED, Fault.DROP_REQUEST,
                                   Fault.ERROR, Fault.CONFLICT, Fault.LIMIT])  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/transfers", "/v1/payouts"])
def test_no_fault_of_a_call_pays_twice_or_not_at_all(house, alice, bob, shared, connect, fault, path):
    connect(alice), connect(bob)
    house.earn(shared, 10_00)
    house.fake.faults.when(lambda asked: asked.method == "POST" and asked.path == path, fault, times=2)

    for _ in range(4):
        with suppress(UnableToSettle):
            house.settle()
        go_on(now=house.now)
        house.forward(minutes=3)

    assert sorted(amount for _, amount in house.transfers()) == [300, 700]
    assert house.banked() == 1000
    house.forward(days=1)
    house.hear()
    assert paid_total() == {"USD": 1000}


def test_a_lost_answer_is_adopted_after_the_key_is_forgotten(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.fake.faults.when(lambda asked: asked.path == "/v1/transfers", Fault.DROP_RESPONSE)
    with pytest.raises(UnableToSettle):
        house.settle()
    assert house.transfers() == [(account.reference, 1000)]

    house.forward(days=2)
    house.settle()

    assert house.transfers() == [(account.reference, 1000)]
    assert has(alice) == {"on_the_way": 1000}


def test_an_account_that_left_us_before_its_bank_was_paid(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    accounts.closed(house.fake.world, account.reference)
    house.hear()

    assert go_on(now=house.now) == GoneOn(to_banks=0, returned=1, silent=0)

    assert (has(alice), house.has(account)) == ({"available": 1000}, 0)
    assert house.settle() == Settled(0, 0, 0, ())
    again = connect(alice)
    assert (again.number, again.reference != account.reference) == (2, True)
    house.settle()
    assert house.transfers()[1:] == [(again.reference, 1000)]


def test_what_is_told_of_an_account_that_left_us_does_not_wait_for_ever(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    go_on(now=house.now)
    accounts.closed(house.fake.world, account.reference)
    house.forward(days=1)
    house.hear(copies=2)

    assert house.pump.waiting() == []
    assert ProviderEventWaiting.objects.count() == ProviderEventTrouble.objects.count() == 0
    assert (has(alice), stop_of(alice.pk, "USD")) == ({"on_the_way": 1000}, "closed")


def test_taken_back_at_the_provider_itself(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    transfer = PayoutAttemptEnd.objects.get().reference
    client = house.fake.client()
    client.v1.transfers.reversals.create(transfer, {"amount": 300})
    house.hear()

    assert has(alice) == {"on_the_way": 700, "available": 300}
    assert go_on(now=house.now).to_banks == 1
    assert (house.banked(), house.has(account)) == (700, 0)
    assert TransferReversal.objects.get().is_ours is False

    house.forward(days=1)
    house.hear(copies=2)
    assert house.settle().answered == 1
    assert house.sent_from_ours() == 1300 - 300


def test_taken_back_whole_at_the_provider_is_a_payout_that_came_back(house, alice, alices, connect):
    connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    house.fake.client().v1.transfers.reversals.create(PayoutAttemptEnd.objects.get().reference)
    house.hear(copies=2)

    assert has(alice) == {"available": 1000}
    assert go_on(now=house.now) == GoneOn(0, 0, 0)
    assert Transaction.objects.filter(kind="payout_returned").count() == 1


def test_taiwan_dollars_go_whole_and_the_rest_waits(house, alice, alices, connect):
    account = connect(alice)
    accounts.banked(house.fake.world, account.reference, "8800", "twd")
    house.hear()
    house.earn(alices, 12_345, "TWD")

    house.settle()
    assert (house.has(account, "twd"), has(alice, "TWD")) == (12_300, {"on_the_way": 12_300, "available": 45})
    assert go_on(now=house.now).to_banks == 1
    assert house.banked("twd") == 12_300


def test_what_a_bank_will_not_take_at_all_comes_back(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    house.fake.world.rows[account.reference]["payouts_enabled"] = False  # of which we do not hear

    assert go_on(now=house.now).to_banks == 0
    assert go_on(now=house.now) == GoneOn(to_banks=0, returned=1, silent=0)
    assert has(alice) == {"available": 1000}


def test_hours_pass_between_tries_of_an_account_that_is_short(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    accounts.adjusted(house.fake.world, account.reference, -1)
    for _ in range(3):
        go_on(now=house.now)
    [payout] = Payout.objects.all()
    assert steps(payout)[1:] == [(2, "bank", "refused", "balance_insufficient")]

    accounts.adjusted(house.fake.world, account.reference, 1)
    assert go_on(now=house.now + timedelta(hours=21)).to_banks == 1
