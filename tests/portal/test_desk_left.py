"""Olga sees which payments wait at a former provider, and ends one by what she found there; Dave sees nothing."""

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.left_behind import left_behind
from marketplace.checkout.left_models import AttemptFound
from marketplace.checkout.models import PaymentOutcome
from marketplace.licensing.models import Grant
from marketplace.people import operations as people
from tests.cast import NOON, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.test_payment_states import ASKS

LEFT = "/desk/orders/left"


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
    assert (AttemptFound.objects.get().by.email, Grant.objects.count()) == ("olga@example.com", 1)
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
