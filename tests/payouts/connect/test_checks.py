"""A check that fails stops Alice's money wherever it is not sent on yet: before the transfer, and before her bank."""

from marketplace.payouts.checks.asking import ask_checks, require_checks
from marketplace.payouts.connected.going_on import GoneOn, go_on
from marketplace.payouts.models import Payout
from marketplace.payouts.operations import Settled, decide_check
from marketplace.payouts.rails import stripe_connect
from tests.payouts.policing import has


def decide(house, creator, *, passed, reason=""):
    decide_check(
        creator=creator, kind="sanctions", passed=passed, reason=reason, reference="", by="olga", now=house.now
    )


def test_a_failure_between_the_reservation_and_the_transfer_stops_it(house, alice, alices, connect, monkeypatch):
    connect(alice)
    house.earn(alices, 10_00)
    checked = stripe_connect.balances_checked

    def meanwhile(payouts, *, now):
        found = checked(payouts, now=now)
        decide(house, alice, passed=False, reason="you stand on a list")
        return found

    monkeypatch.setattr(stripe_connect, "balances_checked", meanwhile)
    assert house.settle() == Settled(answered=0, refused=0, held=1, busy=())
    monkeypatch.undo()
    assert house.settle() == Settled(answered=0, refused=0, held=1, busy=())
    assert (house.transfers(), has(alice), Payout.objects.count()) == ([], {"on_the_way": 1000}, 1)

    decide(house, alice, passed=True)
    assert house.settle() == Settled(answered=1, refused=0, held=0, busy=())
    assert [amount for _account, amount in house.transfers()] == [1000]


def test_a_failure_before_the_bank_keeps_the_money_with_her_account(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    decide(house, alice, passed=False, reason="you stand on a list")
    assert go_on(now=house.now) == GoneOn(to_banks=0, returned=0, silent=0)
    assert (house.has(account), house.banked()) == (1000, 0)
    decide(house, alice, passed=True)
    assert go_on(now=house.now) == GoneOn(to_banks=1, returned=0, silent=0)
    assert (house.has(account), house.banked()) == (0, 1000)


def test_stripes_own_verification_lets_her_be_paid(house, alice, alices, connect, settings):
    settings.ADAPTERS = {**settings.ADAPTERS, "screening": "marketplace.payouts.checks.stripe.StripeScreening"}
    settings.CHECK_IDENTITY_ABOVE_MINOR = 0
    connect(alice)
    house.earn(alices, 10_00)
    assert house.settle() == Settled(answered=0, refused=0, held=0, busy=())
    assert (require_checks(now=house.now), ask_checks(now=house.now)) == (0, 1)
    assert house.settle() == Settled(answered=1, refused=0, held=0, busy=())
