"""Alice earns in a currency in which her account with Stripe has no bank account: it waits, and she reads why."""

from marketplace.payouts.connected.going_on import GoneOn, go_on
from marketplace.payouts.held import held_reasons
from marketplace.payouts.models import Payout
from marketplace.payouts.operations import Settled
from marketplace.payouts.when_queries import next_payouts
from tests.payouts.connect.test_ways import steps
from tests.payouts.policing import has
from tests.stripe import accounts

NO_BANK = "your account with Stripe has no bank account in TWD; add one there"


def test_it_waits_until_she_has_a_bank_account_in_it_and_others_go_on(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.earn(alices, 12_300, "TWD")

    assert house.settle() == Settled(answered=1, refused=0, held=0, busy=())
    assert house.transfers() == [(account.reference, 1000)]
    assert (has(alice), has(alice, "TWD")) == ({"on_the_way": 1000}, {"available": 12_300})
    assert (held_reasons(alice, "TWD"), held_reasons(alice, "USD")) == ([NO_BANK], [])
    assert [row.held_for for row in next_payouts(alice, now=house.now, currency="TWD")] == [(NO_BANK,)]

    accounts.banked(house.fake.world, account.reference, "8800", "twd")
    house.hear()
    assert held_reasons(alice, "TWD") == []
    assert house.settle().answered == 1
    assert go_on(now=house.now).to_banks == 2
    assert (house.banked("twd"), house.banked()) == (12_300, 1000)


def test_a_bank_account_that_goes_meanwhile_sends_it_back_here(house, alice, alices, connect):
    account = connect(alice)
    accounts.banked(house.fake.world, account.reference, "8800", "twd")
    house.hear()
    house.earn(alices, 12_300, "TWD")
    house.settle()
    accounts.unbanked(house.fake.world, account.reference, "twd")  # of which we have not heard

    assert go_on(now=house.now) == GoneOn(to_banks=0, returned=0, silent=0)
    [payout] = Payout.objects.all()
    assert steps(payout) == [(1, "transfer", "done", ""), (2, "bank", "refused", "")]
    assert go_on(now=house.now) == GoneOn(to_banks=0, returned=1, silent=0)
    assert (has(alice, "TWD"), house.has(account, "twd"), house.banked("twd")) == ({"available": 12_300}, 0, 0)
    house.hear()
    assert (held_reasons(alice, "TWD"), house.settle()) == ([NO_BANK], Settled(0, 0, 0, ()))
