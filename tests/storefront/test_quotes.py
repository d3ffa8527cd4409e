"""Carol asks Alice for a price, they agree, and Carol licenses at it; Dave hears nothing of it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.checkout import operations as checkout
from marketplace.licensing import operations as licensing
from marketplace.licensing.bargains import QuoteRequest, QuoteStep
from marketplace.licensing.models import Offer
from marketplace.licensing.terms.ready import READY
from tests.storefront.market import Market, browser_of
from tests.storefront.test_licenses import buy, member, offer, shown


@pytest.fixture
def carol(market: Market) -> Client:
    return browser_of(market.cast.carol)


@pytest.fixture
def asked_for(market: Market) -> Offer:
    """What has no fixed price."""
    return offer(market.world, READY["exclusive"], 0, model="on-request")


@pytest.fixture
def request_(market: Market, carol: Client, asked_for: Offer) -> QuoteRequest:
    form = {"offer": str(asked_for.pk), "studio": str(market.cast.studio.pk), "seats": "5", "message": "A film."}
    carol.post("/quotes/ask", form)
    return QuoteRequest.objects.get()


def says(market: Market, request: QuoteRequest, price: int, days: int = 7) -> QuoteStep:
    """Alice names a price."""
    return licensing.answer_quote(
        request=request,
        person=market.cast.alice.person,
        side="creator",
        now=timezone.now(),
        price_minor=price,
        valid_until=timezone.now() + timedelta(days=days),
    )


def test_a_price_is_asked_for(market: Market, carol: Client, asked_for: Offer, request_: QuoteRequest) -> None:
    assert (request_.studio, request_.seats, request_.message) == (market.cast.studio, 5, "A film.")
    page = shown(carol, f"/quotes/{request_.pk}")
    assert "Waiting for the creator" in page
    assert "Asked for a price for 5 seats." in page
    assert "Accept" not in page
    assert str(request_.pk) in shown(carol, "/quotes")


def test_what_has_a_price_is_not_asked_for(market: Market, carol: Client, asked_for: Offer) -> None:
    for one in (str(market.offer("studio").pk), str(uuid4()), "x", ""):
        assert carol.get("/quotes/ask", {"offer": one}).status_code == 404
        assert carol.post("/quotes/ask", {"offer": one}).status_code == 404
    assert "Ask for a price" in shown(carol, "/quotes/ask", offer=asked_for.pk)
    form = {"offer": str(asked_for.pk), "studio": str(market.cast.studio.pk), "seats": "1"}
    for wrong in ({"seats": "0"}, {"message": "x" * 2001}, {"studio": str(market.cast.daves_studio.pk)}):
        assert carol.post("/quotes/ask", {**form, **wrong}).status_code == 422
    assert QuoteRequest.objects.count() == 0


def test_a_price_is_countered_agreed_on_and_bought(market: Market, carol: Client, request_: QuoteRequest) -> None:
    says(market, request_, 90_000)
    page = shown(carol, f"/quotes/{request_.pk}")
    assert "Accept $900.00" in page

    until = (timezone.now() + timedelta(days=3)).date().isoformat()
    form = {"price": "700.50", "seats": "5", "valid_until": until, "message": "Is that all right?"}
    assert carol.post(f"/quotes/{request_.pk}/price", form).status_code == 302
    step = request_.steps.order_by("-number")[0]
    assert (step.side, step.price_minor, step.seats) == ("studio", 70_050, 5)
    refused = carol.post(f"/quotes/{request_.pk}/price", form)
    assert refused.status_code == 422
    assert request_.steps.count() == 2

    says(market, request_, 80_000)
    assert carol.post(f"/quotes/{request_.pk}/accept").status_code == 302
    page = shown(carol, f"/quotes/{request_.pk}")
    assert f"/checkout?offer={request_.offer_id}&amp;quote={request_.pk}" in page

    grant = buy(market, checkout.Ask(request_.offer, quote=request_, seats=5))
    assert grant.price_minor == 80_000
    page = shown(carol, f"/quotes/{request_.pk}")
    assert f'href="/licenses/{grant.pk}"' in page
    assert "/checkout?offer" not in page
    assert "Licensed" in shown(carol, "/quotes")


def test_a_talk_is_ended(market: Market, carol: Client, request_: QuoteRequest) -> None:
    says(market, request_, 90_000)
    assert carol.post(f"/quotes/{request_.pk}/decline").status_code == 302

    page = shown(carol, f"/quotes/{request_.pk}")
    assert "This talk has ended." in page
    carol.post(f"/quotes/{request_.pk}/accept")
    assert [step.kind for step in request_.steps.all()] == ["price", "decline"]


@pytest.mark.parametrize(
    "wrong", [{"price": "-1"}, {"price": "1.001"}, {"price": ""}, {"seats": "0"}, {"valid_until": "2020-01-01"}]
)
def test_what_is_no_price_is_refused(
    market: Market, carol: Client, request_: QuoteRequest, wrong: dict[str, str]
) -> None:
    says(market, request_, 90_000)
    form = {"price": "1", "seats": "1", "valid_until": "2099-01-01", **wrong}

    assert carol.post(f"/quotes/{request_.pk}/price", form).status_code == 422
    assert request_.steps.count() == 1


def test_a_quote_of_others_does_not_exist(market: Market, request_: QuoteRequest) -> None:
    says(market, request_, 90_000)
    dave = browser_of(market.cast.dave)
    for way in ("price", "accept", "decline"):
        assert dave.post(f"/quotes/{request_.pk}/{way}").status_code == 404
    assert dave.get(f"/quotes/{request_.pk}").status_code == 404

    dave = member(market)
    assert "Accept $900.00" not in shown(dave, f"/quotes/{request_.pk}")
    dave.post(f"/quotes/{request_.pk}/accept")
    assert request_.steps.count() == 1
