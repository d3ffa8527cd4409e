"""The house pays by bank transfer and through Stripe: Alice chooses, Bob does not, and Dave chooses for nobody else."""

import logging

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.payouts.claims.tables import PayoutWay
from marketplace.payouts.claims.ways import UnableToChooseWay, choose_way, way_of, ways_in
from marketplace.payouts.held import held_reasons
from marketplace.payouts.kinds import AccountKind
from marketplace.payouts.models import Payout, RecordedTransfer
from marketplace.payouts.operations import Settled, UnableToSettle
from marketplace.payouts.queries import house_sum
from marketplace.payouts.waiting_queries import waiting
from marketplace.payouts.when_queries import next_payouts
from tests.payouts.connect.test_ways import steps
from tests.payouts.policing import has, transfers
from tests.stripe import accounts
from tests.stripe.faults import Fault

RAILS = "marketplace.payouts.rails."
RECORDED, STRIPE = RAILS + "recorded.RecordedRail", RAILS + "stripe_connect.StripeConnectRail"
NO_ACCOUNT = "you have no account with Stripe yet that money can be sent to"


@pytest.fixture(autouse=True)
def _both(fake, settings):
    settings.ADAPTERS = {**settings.ADAPTERS, "payouts": f"{RECORDED}, {STRIPE}"}


def choose(house, creator, rail: str) -> None:
    choose_way(creator=creator, currency="USD", on_chain=False, rail=rail, now=house.now)


def test_each_is_paid_as_they_chose_and_who_chose_nothing_by_the_first(house, alice, bob, shared, connect):
    account = connect(alice)
    choose(house, alice, "stripe")
    house.earn(shared, 10_00)

    assert house.settle() == Settled(answered=2, refused=0, held=0, busy=())
    assert (house.transfers(), transfers()) == ([(account.reference, 700)], [300])
    assert sorted(Payout.objects.values_list("creator__handle", "rail")) == [("alice", "stripe"), ("bob", "recorded")]
    assert (house_sum(AccountKind.BANK, "USD"), house.sent_from_ours()) == (-300, 700)
    assert (has(alice), has(bob)) == ({"on_the_way": 700}, {"paid": 300})
    assert (ways_in("USD"), way_of(alice, "USD"), way_of(bob, "USD")) == (["recorded", "stripe"], "stripe", "recorded")


def test_a_way_that_is_not_ready_holds_and_is_told_and_another_may_be_chosen(house, alice, bob, shared):
    choose(house, alice, "stripe")
    house.earn(shared, 10_00)

    assert house.settle() == Settled(answered=1, refused=0, held=0, busy=())
    assert (transfers(), has(alice)) == ([300], {"available": 700})
    assert next_payouts(alice, now=house.now)[0].held_for == (NO_ACCOUNT,)
    assert (held_reasons(alice, "USD"), held_reasons(bob, "USD")) == ([NO_ACCOUNT], [])
    assert [(one.handle, one.stop) for one in waiting(like="", only_held=True, limit=9, now=house.now)] == [
        ("alice", "no-account")
    ]

    choose(house, alice, "recorded")
    assert held_reasons(alice, "USD") == []
    house.settle()
    assert (transfers(), has(alice)) == ([300, 700], {"paid": 700})


def test_it_counts_from_the_next_payout_on(house, alice, alices, connect):
    account = connect(alice)
    choose(house, alice, "stripe")
    house.earn(alices, 10_00)
    accounts.adjusted(house.fake.world, "acct_platform", -1)
    house.settle()
    [payout] = Payout.objects.all()
    assert steps(payout) == [(1, "transfer", "refused", "balance_insufficient")]

    choose(house, alice, "recorded")
    accounts.adjusted(house.fake.world, "acct_platform", 1)
    house.settle()
    assert (house.transfers(), transfers()) == ([(account.reference, 1000)], [])
    house.forward(minutes=1)
    house.earn(alices, 5_00)
    house.settle()
    assert (house.transfers(), transfers()) == ([(account.reference, 1000)], [500])


def test_what_was_reserved_for_a_rail_that_is_gone_is_left_alone(house, alice, alices, connect, settings, caplog):
    connect(alice)
    choose(house, alice, "stripe")
    house.earn(alices, 10_00)
    accounts.adjusted(house.fake.world, "acct_platform", -1)
    house.settle()
    settings.ADAPTERS = {**settings.ADAPTERS, "payouts": RECORDED}
    with caplog.at_level(logging.ERROR):
        assert house.settle() == Settled(answered=0, refused=0, held=1, busy=())
    assert "reserved for a rail that WORLDLOOM_PAYOUTS does not name" in caplog.text
    assert (RecordedTransfer.objects.count(), has(alice)) == (0, {"on_the_way": 1000})
    assert way_of(alice, "USD") == "recorded"


def test_a_rail_that_does_not_answer_holds_up_nobody_who_is_paid_by_another(
    house, alice, bob, shared, connect, settings
):
    settings.ADAPTERS = {**settings.ADAPTERS, "payouts": f"{STRIPE},{RECORDED}"}
    account = connect(alice)
    choose(house, bob, "recorded")
    house.earn(shared, 10_00)
    house.fake.faults.when(lambda asked: asked.path == "/v1/transfers", Fault.DROP_RESPONSE)
    with pytest.raises(UnableToSettle):
        house.settle()
    assert (transfers(), has(alice), has(bob)) == ([300], {"on_the_way": 700}, {"paid": 300})

    house.forward(minutes=3)
    assert house.settle().answered == 1
    assert (house.transfers(), transfers()) == ([(account.reference, 700)], [300])


def test_the_page_takes_it_and_nothing_else(house, alice, bob, alices):
    house.earn(alices, 10_00)
    address, page = reverse("portal-payouts-way", args=["USD"]), reverse("portal-payouts")
    visitor = Client()
    visitor.force_login(alice.person)
    shown = visitor.get(page).content.decode()
    assert "Through Stripe, to your bank" in shown
    assert "Say where your money should go" not in shown

    assert visitor.post(address, {"way-USD-way": "stripe"}).status_code == 302
    assert [(one.creator, one.rail) for one in PayoutWay.objects.all()] == [(alice, "stripe")]
    assert "Say where your money should go" in visitor.get(page).content.decode()
    for said in ("chain", "gold", ""):
        visitor.post(address, {"way-USD-way": said})
    dave = Client()
    dave.force_login(bob.person)
    dave.post(address, {"way-USD-way": "gold"})
    assert PayoutWay.objects.count() == 1
    with pytest.raises(UnableToChooseWay):
        choose(house, alice, "gold")
    assert way_of(alice, "USD") == "stripe"
