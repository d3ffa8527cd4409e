"""Carol's page of cards: she adds, chooses and removes them; Dave sees none of them."""

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.checkout import methods, renewing, subscriptions
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.method_models import PaymentMethod, PaymentMethodDefault, PaymentMethodEnd
from marketplace.people import operations as people
from marketplace.people.models import Seat
from tests.cast import NOON, later, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401

PAGE = "/payment-methods"


@pytest.fixture
def cast(shop):  # noqa: F811
    return shop.market.cast


@pytest.fixture
def carol(cast):
    return signed_in(cast.carol)


def signed_in(who):
    client = Client()
    client.force_login(who)
    return client


def page(answer):
    return " ".join(answer.content.decode().split())


def card(cast, token="pm_1", last4="4242", **more):
    asked = {"brand": "visa", "exp_month": 12, "exp_year": 2030, "now": NOON}
    return methods.keep(studio=cast.studio, gateway="sandbox", token=token, last4=last4, **(asked | more))


def test_she_adds_a_test_card_and_reads_its_last_digits_alone(cast, carol):
    assert "No card is kept." in page(carol.get(PAGE))
    at = reverse("payment-method-add", args=[cast.studio.pk])
    text = page(carol.post(at, {"card": "4242 4242 4242 4242"}, follow=True))
    assert "Visa •••• 4242 is kept." in text
    assert "4242 4242 4242 4242" not in text.split("<datalist")[0]
    assert PaymentMethod.objects.get().by == cast.carol


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "This field is required."),
        ("4242", "This is not a card number"),
        ("4111 1111 1111 1111", "takes test cards only"),
        ("4" * 41, "at most 40 characters"),
    ],
)
def test_what_is_no_test_card_is_refused_and_kept_nowhere(cast, carol, typed, sentence):
    answer = carol.post(reverse("payment-method-add", args=[cast.studio.pk]), {"card": typed})
    assert answer.status_code == 422
    assert sentence in page(answer)
    assert not PaymentMethod.objects.exists()


def test_she_chooses_which_one_pays_and_removes_one(cast, carol):
    first, second = card(cast), card(cast, "pm_2", "0005", brand="amex", exp_month=1, exp_year=2026)
    text = page(carol.get(PAGE))
    assert "expires 12/2030" in text
    assert "expired 01/2026" in text
    text = page(carol.post(reverse("payment-method-choose", args=[second.pk]), follow=True))
    assert "American Express •••• 0005 pays from now on." in text
    assert methods.default_of(cast.studio) == second
    text = page(carol.post(reverse("payment-method-remove", args=[second.pk]), follow=True))
    assert "American Express •••• 0005 is removed." in text
    assert methods.default_of(cast.studio) == first


def test_the_last_card_of_a_subscription_stays_and_the_page_says_for_what(cast, carol, shop):  # noqa: F811
    line = shop.line(shop.offer("studio", 30_00, model="monthly"))
    made = methods.kept(cast.studio, getattr(methods.default_of(cast.studio), "pk", "")) or card(
        cast, line.begun.method
    )
    assert "pays for 1 subscription" in page(carol.get(PAGE))
    text = page(carol.post(reverse("payment-method-remove", args=[made.pk]), follow=True))
    assert "alice/yunhai, and there is no other: add another one first." in text
    assert not PaymentMethodEnd.objects.exists()


def test_a_subscription_is_paid_by_another_card_and_then_the_first_may_go(cast, carol, shop):  # noqa: F811
    line = shop.line(shop.offer("studio", 30_00, model="monthly"))
    first = next((one for one in methods.saved(cast.studio) if one.token == line.begun.method), None) or card(
        cast, line.begun.method
    )
    other = card(cast, "pm_2", "0005")
    use = reverse("payment-method-use", args=[line.begun.pk])
    text = page(carol.post(use, {"method": str(other.pk)}, follow=True))
    assert "The subscription is paid by Visa •••• 0005 from now on." in text
    assert subscriptions.method_of(line.begun) == "pm_2"
    text = page(carol.post(reverse("payment-method-remove", args=[first.pk]), follow=True))
    assert "is removed." in text
    assert signed_in(cast.dave).post(use, {"method": str(other.pk)}).status_code == 404
    for wrong in (first.pk, "", "x"):
        assert carol.post(use, {"method": str(wrong)}).status_code == 404
    assert subscriptions.method_of(line.begun) == "pm_2"


def test_a_removed_card_hands_its_subscriptions_to_the_default(cast, carol, shop):  # noqa: F811
    line = shop.line(shop.offer("studio", 30_00, model="monthly"))
    first = next((one for one in methods.saved(cast.studio) if one.token == line.begun.method), None) or card(
        cast, line.begun.method
    )
    card(cast, "pm_2", "0005", now=later(days=1))
    carol.post(reverse("payment-method-remove", args=[first.pk]))
    assert subscriptions.method_of(line.begun) == "pm_2"
    assert "pays for 1 subscription" in page(carol.get(PAGE))


def test_what_is_cancelled_needs_no_card(cast, carol, shop):  # noqa: F811
    line = shop.line(shop.offer("studio", 30_00, model="monthly"))
    first = next((one for one in methods.saved(cast.studio) if one.token == line.begun.method), None) or card(
        cast, line.begun.method
    )
    renewing.cancel_subscription(subscription=line.begun, by=cast.carol, now=later(days=1))
    assert "No subscription is running." in page(carol.get(PAGE))
    assert "is removed." in page(carol.post(reverse("payment-method-remove", args=[first.pk]), follow=True))


def test_dave_a_member_and_nobody_touch_her_cards(cast, carol, shop):  # noqa: F811
    kept = card(cast)
    erin = person("erin")
    people.give_seat(studio=cast.studio, email=erin.email, role=Seat.MEMBER, by=cast.carol, now=NOON)
    addresses = [
        reverse("payment-method-choose", args=[kept.pk]),
        reverse("payment-method-remove", args=[kept.pk]),
        reverse("payment-method-add", args=[cast.studio.pk]),
    ]
    for who in (cast.dave, erin):
        client = signed_in(who)
        assert "4242" not in page(client.get(PAGE)).split("<datalist")[0]
        assert [client.post(at, {"card": "4242 4242 4242 4242"}).status_code for at in addresses] == [404] * 3
    assert "You buy for no studio yet" in page(signed_in(erin).get(PAGE))
    assert Client().get(PAGE).headers["Location"].startswith("/sign-in")
    assert [carol.get(at).status_code for at in addresses] == [405] * 3
    assert PaymentMethod.objects.count() == 1
    assert not PaymentMethodEnd.objects.exists()
    assert not PaymentMethodDefault.objects.exists()


def test_where_the_gateway_has_a_page_she_is_led_there_from_one_of_ours(cast, carol, monkeypatch):
    asked = []

    def begin(_self, **given):
        asked.append(given)
        return "https://pay.example/setup/1"

    monkeypatch.setattr(SandboxGateway, "hosted", True, raising=False)
    monkeypatch.setattr(SandboxGateway, "begin_method", begin, raising=False)
    text = page(carol.get(PAGE))
    assert "Card number" not in text
    answer = carol.post(reverse("payment-method-add", args=[cast.studio.pk]))
    assert 'content="0; url=https://pay.example/setup/1"' in page(answer)
    assert asked[0]["studio"] == cast.studio.pk
    assert asked[0]["return_url"] == "http://testserver/payment-methods?added=1"
    assert asked[0]["key"].startswith("method:")

    found = lambda _self, *, studio, now: card(cast, "pm_9") if studio == cast.studio.pk else None  # noqa: E731
    monkeypatch.setattr(SandboxGateway, "find_methods", found, raising=False)
    assert "Visa •••• 4242" in page(carol.get(f"{PAGE}?added=1", follow=True))
    assert "as soon as the payment provider has told us" in page(carol.get(f"{PAGE}?added=1", follow=True))

    def silence(_self, **_given):
        raise GatewayUnavailable("no answer")

    monkeypatch.setattr(SandboxGateway, "begin_method", silence, raising=False)
    text = page(carol.post(reverse("payment-method-add", args=[cast.studio.pk]), follow=True))
    assert "The payment provider gave no answer" in text
