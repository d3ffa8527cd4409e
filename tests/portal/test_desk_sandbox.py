"""Olga puts the sandbox's clock forward, and what was to happen later has happened; Dave may not."""

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.checkout import operations as checkout
from marketplace.checkout.sandbox_models import SandboxClock
from marketplace.people import operations as people
from tests.cast import NOON, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401


def test_the_clock_goes_forward_and_late_money_comes(shop):  # noqa: F811
    order = shop.buy(shop.offer(), method="4000 0099 0000 0012", now=timezone.now())
    olga, desk = person("olga"), Client()
    people.name_operator(person=olga, now=NOON)
    desk.force_login(olga)
    address = reverse("desk-sandbox")
    assert "Nothing has moved yet" in desk.get(address).content.decode()
    assert desk.post(address, {"forward": "1y"}).status_code == 422
    assert not SandboxClock.objects.exists()

    assert desk.post(address, {"forward": "3d"})["Location"] == address

    assert checkout.pay(order=order, now=timezone.now()).outcome == "succeeded"
    page = desk.get(address).content.decode()
    assert "$50.00" in page
    assert "The sandbox&#x27;s clock was put forward." in page


def test_dave_may_not(shop):  # noqa: F811
    dave = Client()
    dave.force_login(shop.market.cast.dave)
    address = reverse("desk-sandbox")
    assert dave.get(address).status_code == dave.post(address, {"forward": "3d"}).status_code == 404
    assert not SandboxClock.objects.exists()
