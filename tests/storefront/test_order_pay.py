"""Carol's payment waits: for her, for the bank, for another card; Dave sees nothing of it."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.checkout import methods
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.gateways.sandbox_balance import move_clock
from marketplace.checkout.models import Order, PaymentOutcome, SandboxCharge
from marketplace.licensing.models import Grant
from tests.cast import CARD
from tests.storefront.market import Market, browser_of
from tests.storefront.test_buy import buy, form_of

ASKS, LATE, DECLINED = "4000 0027 6000 3184", "4000 0099 0000 0012", "4000 0000 0000 0002"


@pytest.fixture
def carol(market: Market) -> Client:
    return browser_of(market.cast.carol)


def waiting(carol: Client, market: Market, card: str = ASKS) -> str:
    """Orders, and gives the address of the page that the order leads to."""
    response: Any = buy(carol, market, card=card)
    page = f"/orders/{Order.objects.get().pk}/pay"
    assert response["Location"] == f"{page}?go=1"
    assert not Grant.objects.exists()
    return page


def bank(agree: bool) -> Any:
    """The bank's page answers, whoever is there."""
    address = f"/sandbox/bank/{SandboxCharge.objects.latest('charged_at').reference}"
    assert "Pay $100.01 to Worldloom?" in Client().get(address).content.decode()
    return Client().post(address, {"agree" if agree else "refuse": "1"})


def test_the_way_to_the_bank_and_back_needs_no_script(market: Market, carol: Client) -> None:
    page = waiting(carol, market)
    reference = SandboxCharge.objects.get().reference
    first = carol.get(f"{page}?go=1").content.decode()
    assert f'<meta http-equiv="refresh" content="0; url=http://127.0.0.1:8000/sandbox/bank/{reference}">' in first
    assert "Confirm the payment" in first
    again = carol.get(page).content.decode()  # who comes back is not sent on again
    assert '<meta http-equiv="refresh" content="15">' in again
    assert f'href="http://127.0.0.1:8000/sandbox/bank/{reference}"' in again

    back = bank(True)
    assert back["Location"] == f"http://127.0.0.1:8000{page}?returned=1"
    done = carol.get(f"{page}?returned=1")
    assert done["Location"] == f"/licenses/{Grant.objects.get().pk}"
    assert "This payment was answered already" in Client().get(f"/sandbox/bank/{reference}").content.decode()
    assert carol.get(page)["Location"] == f"/licenses/{Grant.objects.get().pk}"


def test_the_page_that_asks_by_itself_is_left_alone_until_something_is_new(market: Market, carol: Client) -> None:
    page = waiting(carol, market)
    seen = re.search(rf'hx-get="({page}\?seen=action)"', carol.get(page).content.decode())
    assert seen is not None
    same: Any = carol.get(seen[1], headers={"HX-Request": "true"})
    assert (same.status_code, same.content, "HX-Refresh" in same.headers) == (204, b"", False)
    bank(True)
    new: Any = carol.get(seen[1], headers={"HX-Request": "true"})
    assert (new.status_code, new["HX-Refresh"]) == (204, "true")
    assert carol.get(page)["Location"] == f"/licenses/{Grant.objects.get().pk}"


def test_another_card_on_the_same_order(market: Market, carol: Client) -> None:
    page = waiting(carol, market)
    bank(False)
    said = carol.get(f"{page}?returned=1").content.decode()
    assert "The payment was declined" in said
    assert "The payment was not confirmed at the bank: try again, or use another card." in said
    assert "Pay $100.01 with another card" in said

    wrong = carol.post(page, {"card": "1234"})
    assert (wrong.status_code, "This is not a card number" in wrong.content.decode()) == (422, True)
    assert carol.post(page, {"card": DECLINED})["Location"] == f"{page}?go=1"
    assert "The card was declined: use another card." in carol.get(page).content.decode()
    assert carol.post(page, {"card": CARD})["Location"] == f"/licenses/{Grant.objects.get().pk}"
    assert (Order.objects.count(), SandboxCharge.objects.count(), PaymentOutcome.objects.count()) == (1, 3, 1)


def test_a_kept_card_on_the_same_order(market: Market, carol: Client) -> None:
    page = waiting(carol, market)
    bank(False)
    kept = methods.add_card(studio=market.cast.studio, card=CARD, by=market.cast.carol, now=timezone.now())
    assert f'<option value="saved:{kept.pk}">Visa •••• 4242</option>' in carol.get(page).content.decode()
    assert carol.post(page, {"method": f"saved:{uuid4()}", "card": ""}).status_code == 422
    done = carol.post(page, {"method": f"saved:{kept.pk}", "card": ""})
    assert done["Location"] == f"/licenses/{Grant.objects.get().pk}"


def test_what_is_with_the_bank_comes_by_itself(market: Market, carol: Client) -> None:
    page = waiting(carol, market, LATE)
    said = carol.get(page).content.decode()
    assert "The payment is on its way" in said
    assert 'http-equiv="refresh"' not in said, "a bank takes days"
    assert "Cancel the order" not in said
    refused = carol.post(page, {"cancel": "1"})
    assert (refused.status_code, "it cannot be called off now" in refused.content.decode()) == (422, True)
    move_clock(forward=timedelta(hours=3), now=timezone.now())
    assert carol.get(page)["Location"] == f"/licenses/{Grant.objects.get().pk}"


def test_carol_cancels(market: Market, carol: Client) -> None:
    page = waiting(carol, market)
    assert carol.post(page, {"cancel": "1"})["Location"] == page
    said = carol.get(page).content.decode()
    assert "The order was cancelled" in said
    assert f'href="/checkout?offer={market.offer("studio").pk}"' in said
    assert "Order it again" in said
    assert bank_is_over()
    refused = carol.post(page, {"card": CARD})
    assert (refused.status_code, "The order is over: place a new one." in refused.content.decode()) == (422, True)
    assert not Grant.objects.exists()


def bank_is_over() -> bool:
    page = Client().get(f"/sandbox/bank/{SandboxCharge.objects.get().reference}").content.decode()
    return "This payment was answered already" in page


def test_nobody_else_sees_it(market: Market, carol: Client) -> None:
    page = waiting(carol, market)
    dave = browser_of(market.cast.dave)
    for address in (page, f"/orders/{uuid4()}/pay"):
        assert dave.get(address).status_code == dave.post(address, {"cancel": "1"}).status_code == 404
        assert browser_of(None).get(address).status_code == 302
    assert Client().get("/sandbox/bank/ch_none").status_code == 404
    assert not PaymentOutcome.objects.exists()


def test_a_gateway_that_is_away_changes_nothing(market: Market, carol: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = waiting(carol, market)

    def silent(*_args: object, **_given: object) -> None:
        raise GatewayUnavailable("no answer")

    for name in ("standing", "cancel"):
        monkeypatch.setattr(SandboxGateway, name, silent)
    assert "we ask it again by ourselves" in carol.get(page).content.decode()
    assert carol.post(page, {"cancel": "1"}).status_code == 503
    assert not PaymentOutcome.objects.exists()


def test_a_card_that_the_studio_keeps(market: Market, carol: Client) -> None:
    kept = methods.add_card(studio=market.cast.studio, card=CARD, by=market.cast.carol, now=timezone.now())
    page = carol.get("/checkout", {"offer": market.offer("studio").pk}).content.decode()
    assert re.search(rf'value="saved:{kept.pk}"[^>]*checked', page)
    assert "Visa •••• 4242" in page
    response: Any = carol.post("/checkout", form_of(carol, market) | {"method": f"saved:{kept.pk}"})
    assert response["Location"] == f"/licenses/{Grant.objects.get().pk}"
    assert SandboxCharge.objects.get().method == "success"
    stolen: Any = carol.post("/checkout", form_of(carol, market) | {"method": f"saved:{uuid4()}"})
    assert stolen.status_code == 422
    assert Order.objects.count() == 1


def test_a_code_that_leaves_nothing_to_pay(market: Market, carol: Client) -> None:
    from marketplace.licensing import operations as licensing

    licensing.add_code(creator=market.cast.alice, code="GIFT", percent_ppb=1_000_000_000, now=timezone.now())
    response: Any = carol.post("/checkout", form_of(carol, market) | {"code": "gift", "card": ""})
    assert response["Location"] == f"/licenses/{Grant.objects.get().pk}"
    assert (PaymentOutcome.objects.get().outcome, SandboxCharge.objects.count()) == ("free", 0)


def test_what_was_left_at_a_former_provider_is_not_led_there(
    market: Market, carol: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = waiting(carol, market)
    monkeypatch.setattr(SandboxGateway, "name", "another")
    said = carol.get(page).content.decode()
    assert "The payment is looked into" in said
    for words in ("/sandbox/bank/", "Go on to confirm", "Cancel the order", "That could not be done"):
        assert words not in said, words
    assert not PaymentOutcome.objects.exists()
