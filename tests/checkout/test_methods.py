"""Carol keeps cards for her studio: which one pays, which is removed, and what nobody may remove."""

import pytest
from django.db import transaction
from django.db.utils import IntegrityError

from marketplace.checkout import method_uses, methods
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.method_models import (
    PaymentMethod,
    PaymentMethodDefault,
    PaymentMethodEnd,
    PaymentMethodForgotten,
)
from tests.cast import CARD, later


def keep(shop, token="pm_1", **more):
    asked = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030, "now": later(hours=1)}
    return methods.keep(studio=shop.market.cast.studio, gateway="sandbox", token=token, **(asked | more))


def labels(shop):
    return [(one.label, one.is_default) for one in methods.saved(shop.market.cast.studio)]


def silent(kept=0):
    """Nothing was written but what was kept before."""
    assert PaymentMethod.objects.count() == kept
    assert not PaymentMethodEnd.objects.exists()
    assert not PaymentMethodDefault.objects.exists()


def test_a_card_that_the_gateway_names_is_kept_once_and_is_the_default(shop):
    first = keep(shop)
    assert keep(shop, brand="mastercard", now=later(hours=2)).pk == first.pk
    assert labels(shop) == [("Visa •••• 4242", True)]
    assert methods.default_of(shop.market.cast.studio) == first
    assert methods.kept(shop.market.cast.studio, first.pk) == first
    assert methods.kept(shop.market.cast.studio, "nonsense") is None
    assert methods.kept(shop.market.cast.daves_studio, first.pk) is None
    assert methods.saved(shop.market.cast.daves_studio) == []


def test_what_the_gateway_says_and_nobody_can_read_is_left_out(shop):
    odd = keep(shop, brand="", last4="42", exp_month=13, exp_year=30)
    assert (odd.last4, odd.exp_month, odd.exp_year) == ("", 0, 0)
    assert labels(shop) == [("Card", True)]
    assert not methods.is_expired(odd, later(days=9_000))


def test_a_card_ends_with_its_last_month(shop):
    card = keep(shop, exp_month=11, exp_year=2026)
    assert not methods.is_expired(card, later(days=8))  # the last of November
    assert methods.is_expired(card, later(days=9))


def test_the_newest_is_not_the_default_before_she_says_so(shop):
    carol = shop.market.cast.carol
    first = keep(shop)
    second = keep(shop, "pm_2", brand="amex", last4="0005", now=later(hours=2))
    assert labels(shop) == [("Visa •••• 4242", True), ("American Express •••• 0005", False)]
    assert methods.choose(method=first, by=carol, now=later(hours=3)) is None
    silent(kept=2)
    methods.choose(method=second, by=carol, now=later(hours=3))
    assert labels(shop) == [("American Express •••• 0005", True), ("Visa •••• 4242", False)]
    method_uses.remove(method=second, by=carol, now=later(hours=4))
    assert labels(shop) == [("Visa •••• 4242", True)]
    with pytest.raises(methods.UnableToKeepMethod, match="This way to pay was removed"):
        methods.choose(method=second, by=carol, now=later(hours=5))


def test_a_test_card_that_she_types_is_kept_by_its_last_digits_alone(shop):
    carol, studio = shop.market.cast.carol, shop.market.cast.studio
    made = methods.add_card(studio=studio, card=CARD, by=carol, now=later(hours=1))
    assert (made.brand, made.last4, made.gateway) == ("visa", "4242", "sandbox")
    assert "4242424242424242" not in str(PaymentMethod.objects.values().get())
    with pytest.raises(UnableToUseMethod):
        methods.add_card(studio=studio, card="4111 1111 1111 1111", by=carol, now=later(hours=1))
    silent(kept=1)


def test_dave_neither_keeps_nor_chooses_nor_removes(shop):
    dave, studio = shop.market.cast.dave, shop.market.cast.studio
    card = keep(shop)
    with pytest.raises(methods.UnableToKeepMethod, match="You cannot buy for Lantern Films"):
        methods.add_card(studio=studio, card=CARD, by=dave, now=later(hours=1))
    for act in (methods.choose, method_uses.remove):
        with pytest.raises(methods.UnableToKeepMethod, match="You cannot buy for Lantern Films"):
            act(method=card, by=dave, now=later(hours=1))
    silent(kept=1)


def test_what_pays_for_a_subscription_stays_and_she_reads_for_which(shop):
    carol = shop.market.cast.carol
    line = shop.line(shop.offer("studio", 30_00, model="monthly"))
    card = keep(shop, line.begun.method)
    with pytest.raises(methods.UnableToKeepMethod, match="alice/yunhai, and there is no other") as refused:
        method_uses.remove(method=card, by=carol, now=later(hours=3))
    assert str(refused.value).startswith("Visa •••• 4242 pays for the subscription")
    silent(kept=1)


def test_removing_tells_the_gateway_once_and_later_where_it_is_silent(shop, monkeypatch):
    carol, told = shop.market.cast.carol, []

    def silence(_self, token, *, now):
        raise GatewayUnavailable("no answer")

    card = keep(shop)
    monkeypatch.setattr(SandboxGateway, "forget_method", silence, raising=False)
    method_uses.remove(method=card, by=carol, now=later(hours=2))
    assert methods.saved(shop.market.cast.studio) == []
    assert not PaymentMethodForgotten.objects.exists()
    assert method_uses.finish_forgetting(now=later(hours=3)) == 0
    monkeypatch.setattr(SandboxGateway, "forget_method", lambda _self, token, *, now: told.append(token), raising=False)
    assert method_uses.finish_forgetting(now=later(hours=4)) == 1
    method_uses.remove(method=card, by=carol, now=later(hours=5))
    assert method_uses.finish_forgetting(now=later(hours=6)) == 0
    assert told == ["pm_1"]
    assert PaymentMethodEnd.objects.get().at == later(hours=2)


def test_what_another_studio_keeps_too_stays_at_the_gateway(shop, monkeypatch):
    told = []
    monkeypatch.setattr(SandboxGateway, "forget_method", lambda _self, token, *, now: told.append(token), raising=False)
    card = keep(shop)
    methods.keep(studio=shop.market.cast.daves_studio, gateway="sandbox", token="pm_1", now=later(hours=1))
    method_uses.remove(method=card, by=shop.market.cast.carol, now=later(hours=2))
    assert told == []
    assert PaymentMethodForgotten.objects.count() == 1


def test_what_is_gone_at_the_gateway_ends_and_may_come_back(shop):
    keep(shop)
    assert methods.gone(gateway="sandbox", token="pm_1", now=later(hours=2)) == 1
    assert methods.gone(gateway="sandbox", token="pm_1", now=later(hours=3)) == 0
    assert methods.gone(gateway="sandbox", token="pm_9", now=later(hours=3)) == 0
    assert methods.saved(shop.market.cast.studio) == []
    again = keep(shop, now=later(hours=4))
    assert again.number == 2
    assert labels(shop) == [("Visa •••• 4242", True)]


def test_the_database_keeps_cards_only_by_adding(shop):
    card = keep(shop)
    for change in (lambda: PaymentMethod.objects.update(last4="0000"), card.delete):
        with pytest.raises(IntegrityError, match="rows of checkout_paymentmethod"), transaction.atomic():
            change()
    with pytest.raises(IntegrityError, match="checkout_method_shows_four_digits"), transaction.atomic():
        PaymentMethod.objects.create(
            studio=card.studio, gateway="sandbox", token="x", number=1, last4="42a2", kept_at=later()
        )
