"""Stripe refuses Alice's payouts for good: each is made anew later than the one before, until something changes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.payouts.attempts import PayoutTryAgain
from marketplace.payouts.connected.backing_off import UnableToTryAgain, refused_last, try_again
from marketplace.payouts.models import Payout, PayoutOutcome
from marketplace.payouts.operations import settle
from marketplace.payouts.waiting_queries import waiting
from marketplace.payouts.when_queries import next_payouts
from marketplace.people.operations import name_operator
from tests.payouts.connect.test_unwinding import refused
from tests.payouts.policing import has
from tests.stripe import accounts

__all__ = ["refused"]


def made(house) -> int:
    """Settles; gives how many payouts there were ever."""
    house.settle()
    return Payout.objects.count()


def test_an_hour_then_six_then_a_day_each(house, alice, alices, connect, refused):
    connect(alice)
    house.earn(alices, 10_00)
    assert made(house) == 1
    for number, minutes in enumerate([60, 360, 1440, 1440, 1440], start=1):
        assert made(house) == number
        house.forward(minutes=minutes - 1)
        assert made(house) == number
        house.forward(minutes=1)
        assert made(house) == number + 1
    assert (has(alice), PayoutOutcome.objects.filter(state="failed").count()) == ({"available": 1000}, 6)

    refused.clear()
    house.forward(days=1)
    house.settle()
    assert has(alice) == {"on_the_way": 1000}
    assert next_payouts(alice, now=house.now)[0].held_for == ()


def test_what_was_sent_begins_anew(house, alice, alices, connect, refused):
    connect(alice)
    house.earn(alices, 10_00)
    words = list(refused)
    for _ in range(3):
        house.settle()
        house.forward(days=1)
    refused.clear()
    house.settle()
    refused.extend(words)
    house.forward(minutes=1)
    house.earn(alices, 5_00)
    assert made(house) == 5
    assert refused_last(alice.pk, "USD", now=house.now).until == house.now + timedelta(hours=1)


def test_she_reads_it_and_the_desk_sees_it(house, alice, alices, connect, refused):
    connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    [row] = next_payouts(alice, now=house.now)
    assert row.held_for == (
        "Stripe refused the last one (The amount is too small), and we try again after Nov 22, 2026, 13:00 UTC",
    )
    assert row.next_at >= house.now + timedelta(hours=1)
    [seen] = waiting(like="", only_held=True, limit=5, now=house.now)
    assert (seen.handle, seen.stop) == ("alice", "refused")


def test_a_change_of_her_account_lets_it_be_tried_at_once(house, alice, alices, connect, refused):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    house.forward(minutes=1)
    assert made(house) == 1
    accounts.banked(house.fake.world, account.reference, "4321")
    house.hear()
    assert made(house) == 2


def test_so_does_an_operator_and_nobody_else(house, alice, bob, alices, connect, refused, monkeypatch):
    connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    payout = Payout.objects.get()
    with pytest.raises(UnableToTryAgain):
        try_again(creator=bob, payout=payout.pk, by="carol@example.org", now=house.now)

    monkeypatch.setattr(timezone, "now", lambda: house.now)
    address, page = reverse("desk-payouts-again", args=["alice", payout.pk]), reverse("desk-payouts-of", args=["alice"])
    visitor = Client()
    visitor.force_login(bob.person)
    assert visitor.post(address).status_code == 404
    assert (made(house), PayoutTryAgain.objects.count()) == (1, 0)

    name_operator(person=bob.person, now=house.now)
    assert "Try again at once" in visitor.get(page).content.decode()
    assert visitor.post(address).status_code == 302
    assert [one.by for one in PayoutTryAgain.objects.all()] == ["bob@example.org"]
    assert "Try again at once" not in visitor.get(page).content.decode()
    assert made(house) == 2
    assert try_again(creator=alice, payout=payout.pk, by="carol@example.org", now=house.now).by == "bob@example.org"


def test_an_operator_who_settles_one_creator_tries_at_once(house, alice, alices, connect, refused):
    connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    refused.clear()
    settle(now=house.now, creator=alice)
    assert has(alice) == {"on_the_way": 1000}


def test_a_clock_that_was_a_year_ahead_holds_nobody_up(house, alice, alices, connect, refused):
    connect(alice)
    house.earn(alices, 10_00)
    settle(now=house.now + timedelta(days=365))
    assert PayoutOutcome.objects.get().state == "failed"
    refused.clear()
    house.settle()
    assert has(alice) == {"on_the_way": 1000}
