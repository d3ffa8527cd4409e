"""Olga sees which payments and refunds wait at a former provider, and ends one by what she found there; Dave sees
nothing."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.checkout import operations as checkout
from marketplace.checkout.attempts import StrayPayment
from marketplace.checkout.gateways.base import AskedOfFormer
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.left_behind import left_behind
from marketplace.checkout.left_models import AttemptFound, ReturnFound
from marketplace.checkout.left_returns import left_refunds
from marketplace.checkout.models import PaymentOutcome
from marketplace.checkout.refunds import RefundOutcome
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant
from marketplace.people import operations as people
from tests.cast import CARD, NOON, later, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.shop import grant_of
from tests.checkout.test_payment_states import ASKS
from tests.checkout.test_strays import strayed

LEFT, OLGA = "/desk/orders/left", "olga@example.com"


@pytest.fixture
def desk(shop):  # noqa: F811
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def waits(shop, monkeypatch):  # noqa: F811
    shop.buy(shop.offer(), method=ASKS)
    monkeypatch.setattr(SandboxGateway, "name", "another")
    return left_behind().get()


def page(answer, status=200):
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def test_she_is_led_to_it_and_ends_it(desk, waits):
    assert "not used here any more: look there" in page(desk.get("/desk/orders"))
    at, order = reverse("desk-left-one", args=[waits.pk]), reverse("desk-order", args=[waits.order_id])
    assert "A payment waits at sandbox" in page(desk.get(order))
    text = page(desk.get(LEFT))
    assert at in text
    assert waits.key in text
    text = page(desk.get(at))
    assert "Our key" in text
    assert "$50.00" in text

    for given, said in (
        ({}, "This field is required"),
        ({"found": "taken", "reason": "in its dashboard"}, "Say what the payment provider calls the payment."),
        ({"found": "lost", "reason": "x"}, "Select a valid choice"),
    ):
        assert said in page(desk.post(at, given), 422)
    assert AttemptFound.objects.count() == PaymentOutcome.objects.count() == 0

    given = {"found": "taken", "reference": "ch_former", "reason": "in its dashboard"}
    text = page(desk.post(at, given, follow=True))
    assert "It is kept what became of the payment." in text
    assert "it took the money" in text
    assert "ch_former" in text
    assert (AttemptFound.objects.get().by.email, Grant.objects.count()) == (OLGA, 1)
    assert "This payment has ended already." in page(desk.post(at, given, follow=True))
    assert "Nothing is left there" in page(desk.get(LEFT))
    assert desk.get(f"{LEFT}/999999").status_code == 404


def test_dave_neither_sees_nor_ends_it(shop, waits):  # noqa: F811
    client = Client()
    client.force_login(shop.market.cast.dave)
    at = reverse("desk-left-one", args=[waits.pk])
    given = {"found": "not-taken", "reason": "it was me"}
    assert [client.get(LEFT).status_code, client.get(at).status_code, client.post(at, given).status_code] == [404] * 3
    assert AttemptFound.objects.count() == 0


@pytest.fixture
def line(shop, monkeypatch):  # noqa: F811
    """What Carol paid at a provider that is not used any more."""
    line = shop.line(shop.offer())
    monkeypatch.setattr(SandboxGateway, "name", "another")
    return line


def test_a_refund_there_is_asked_for_given_back_there_and_ended(desk, line):
    asked = {"amount": "50.00", "reason": "a broken file", "seen": "0", "confirmed": "yes"}
    text = page(desk.post(reverse("desk-refund", args=[line.pk]), asked, follow=True))
    assert "give it back there, then say so in the list of what is left there" in text
    refund = left_refunds().get()
    at, order = reverse("desk-left-refund", args=[refund.pk]), reverse("desk-order", args=[line.order_id])
    assert "Payments or refunds wait at a payment provider" in page(desk.get("/desk/orders"))
    assert at in page(desk.get(order))
    text = page(desk.get(LEFT))
    assert at in text
    assert "Money on its way back" in text
    text = page(desk.get(at))
    for told in (line.order.outcome.reference, refund.key, "$50.00", "you may give the money back there now"):
        assert told in text

    for given, said in (
        ({}, "This field is required"),
        ({"found": "went-back", "reason": "in its dashboard"}, "Say what the payment provider calls the refund."),
        ({"found": "otherwise", "reason": "in its dashboard"}, "Say how you gave the money."),
        ({"found": "lost", "reason": "x"}, "Select a valid choice"),
        ({"found": "went-back", "reference": line.order.outcome.reference, "reason": "x"}, "is known here already"),
    ):
        assert said in page(desk.post(at, given), 422)
    assert ReturnFound.objects.count() == RefundOutcome.objects.count() == 0

    given = {"found": "went-back", "reference": "re_former", "reason": "in its dashboard"}
    text = page(desk.post(at, given, follow=True))
    for told in ("It is kept what became of the refund.", "at the former provider: it went back", "re_former"):
        assert told in text
    assert (ReturnFound.objects.get().by.email, RefundOutcome.objects.get().outcome) == (OLGA, "succeeded")
    assert licensing.status_of(grant_of(line)) == "revoked"
    assert "This refund has ended already." in page(desk.post(at, given, follow=True))
    assert at not in page(desk.get(LEFT))
    assert desk.get(f"{LEFT}/refunds/{uuid4()}").status_code == 404


def test_money_for_an_order_that_was_over_is_ended_as_well(desk, shop, monkeypatch):  # noqa: F811
    stray = strayed(shop, CARD)
    monkeypatch.setattr(SandboxGateway, "name", "another")
    at, order = reverse("desk-left-stray", args=[stray.pk]), reverse("desk-order", args=[stray.attempt.order_id])
    assert at in page(desk.get(order))
    assert at in page(desk.get(LEFT))
    text = page(desk.get(at))
    assert "Came after the order was over" in text
    assert "another way, from our bank account" not in text
    assert "Select a valid choice" in page(desk.post(at, {"found": "otherwise", "reason": "x"}), 422)
    text = page(desk.post(at, {"found": "not-back", "reason": "the account is closed"}, follow=True))
    assert "at the former provider: it did not go back" in text
    assert StrayPayment.objects.get().state == "refused"
    assert "This refund has ended already." in page(desk.get(at, follow=True))
    assert desk.get(f"{LEFT}/money/999999").status_code == 404


def test_dave_ends_no_refund(shop, line):  # noqa: F811
    with pytest.raises(AskedOfFormer):
        checkout.refund_line(line=line, reason="a broken file", now=later(hours=5))
    client = Client()
    client.force_login(shop.market.cast.dave)
    at = reverse("desk-left-refund", args=[left_refunds().get().pk])
    given = {"found": "not-back", "reason": "it was me"}
    assert [client.get(at).status_code, client.post(at, given).status_code] == [404] * 2
    assert ReturnFound.objects.count() == RefundOutcome.objects.count() == 0
