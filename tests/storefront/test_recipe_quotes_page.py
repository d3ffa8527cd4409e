"""Carol buys all that a recipe lacks on one page: at the prices she saw, once, or not at all."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from marketplace.checkout.charges import RecipeQuote, RecipeQuoteLine
from marketplace.checkout.gateways.base import Asked, GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, PaymentOutcome, SandboxCharge
from marketplace.compositions.models import RecipeLock
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people import operations as people
from marketplace.people.models import Seat
from tests.cast import CARD, DECLINED_CARD, person
from tests.compositions.stage import THREE, Stage
from tests.storefront.market import browser_of

ASKED = {
    "fields_of_use": ["film"],
    "media": ["video"],
    "commercial": "limited",
    "revenue_usd": "500000",
    "derivatives": "private",
    "seats": "5",
    "credited": "on",
}
MASK = "ab" * 32


@pytest.fixture
def carol(scene: Stage) -> Client:
    return browser_of(scene.cast.carol)


def made(client: Client, text: str = THREE, **more: Any) -> str:
    """Asks for a quote as the compose page does; gives the address of its page."""
    answer = client.post("/recipes/quotes/make", ASKED | {"text": text} | more)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def facts() -> tuple[int, ...]:
    tables = (RecipeQuote, RecipeQuoteLine, Order, PaymentOutcome, SandboxCharge, Grant, RecipeLock)
    return tuple(one.objects.count() for one in tables)


def buy_address(address: str) -> str:
    return address.partition("?")[0] + "/buy"


def test_all_that_is_missing_is_quoted_and_bought_in_one_checkout(scene: Stage, carol: Client) -> None:
    address = made(carol).partition("?")[0]
    found = page(carol, address)
    for said in ("Night Market", "Ink Wash", "Alice", "Bob", "Mo", "$300.03", "Kept until", "sky", "people", "style"):
        assert said in found, said
    assert "This is the sandbox: no money moves." in found
    assert found.count("<b>$100.01</b>") == 3
    assert not Order.objects.exists()

    answer = carol.post(buy_address(address), {"card": CARD, "title": "Pier"})

    lock = RecipeLock.objects.get()
    assert answer["Location"] == f"{address}?lock={lock.digest}"
    assert (lock.title, Grant.objects.count(), Order.objects.get().total_minor) == ("Pier", 3, 30_003)
    bought = page(carol, answer["Location"])
    assert "Licensed and locked" in bought
    for grant in Grant.objects.all():
        assert f"/licenses/{grant.pk}" in bought
        assert f"/licenses/{grant.pk}/certificate.pdf" in bought
    assert lock.digest in bought
    assert f"/recipes/locks/{lock.digest}/kit" in bought
    for other in (address, f"{address}?lock=%00", f"{address}?lock={'0' * 63}"):
        assert f"/recipes/locks/{lock.digest}/kit" in page(carol, other)

    before = facts()
    again = carol.post(buy_address(address), {"card": DECLINED_CARD})
    assert again["Location"] == answer["Location"]
    assert facts() == before


def test_what_lacks_nothing_is_locked_at_no_cost(scene: Stage, carol: Client) -> None:
    carol.post(buy_address(made(carol)), {"card": CARD})
    (first,) = RecipeLock.objects.all()
    address = made(carol)
    found = page(carol, address)
    assert "Nothing is missing: your studio is licensed for every layer." in found
    assert "Card number" not in found

    answer = carol.post(buy_address(address), {})

    assert answer["Location"] == f"/recipes/locks/{first.digest}"
    assert Order.objects.count() == 1


def test_a_declined_card_charges_nothing_and_another_one_works(scene: Stage, carol: Client) -> None:
    address = made(carol)

    refused = carol.post(buy_address(address), {"card": DECLINED_CARD, "mask": f"{MASK} cats.png"})

    said = refused.content.decode()
    assert refused.status_code == 422
    assert "The card was declined: use another card." in said
    assert "Declined: nothing was charged" in said
    assert "Left to pay" in said
    assert f'name="mask" value="{MASK} cats.png"' in said
    assert (Grant.objects.count(), RecipeLock.objects.count()) == (0, 0)

    assert carol.post(buy_address(address), {"card": CARD}).status_code == 302
    assert (Grant.objects.count(), RecipeLock.objects.count()) == (3, 1)


def test_a_card_that_is_none_is_refused_at_its_field(scene: Stage, carol: Client) -> None:
    address = made(carol)
    before = facts()
    for sent, said in (
        ({"card": ""}, "This field is required."),
        ({"card": "4"}, "This is not a card number"),
        ({"card": CARD, "title": "x" * 121}, "at most 120 characters"),
    ):
        refused = carol.post(buy_address(address), sent)
        assert refused.status_code == 422
        assert said in refused.content.decode()
        assert facts() == before


def test_several_currencies_are_several_orders_and_one_may_be_declined(
    scene: Stage, carol: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    yuan = scene.publish(scene.cast.bob, "lanterns", kind="characters", seed=31, offers=(("studio", "88", "CNY"),))
    text = f"|sky: clouds @alice/sea\n|people: lanterns @{yuan.pack}\n"
    address = made(carol, text)
    found = page(carol, address)
    assert "These licenses are priced in 2 currencies" in found
    assert "Licenses in CNY" in found
    assert "CN¥88.00</span> + <span" in found

    charge = SandboxGateway.charge

    def picky(self: SandboxGateway, *, payment: Asked, **more: Any) -> Any:
        method = "declined" if payment.currency == "USD" else payment.method
        return charge(self, payment=replace(payment, method=method), **more)

    monkeypatch.setattr(SandboxGateway, "charge", picky)
    refused = carol.post(buy_address(address), {"card": CARD})
    said = refused.content.decode()
    assert refused.status_code == 422
    assert re.search(r"<dt>CN¥88.00</dt><dd>Paid</dd>", said)
    assert re.search(r"<dt>\$100.01</dt><dd><span class=\"badge bad\">Declined: nothing was charged", said)
    assert Grant.objects.count() == 1

    monkeypatch.undo()
    assert carol.post(buy_address(address), {"card": CARD}).status_code == 302
    assert (Grant.objects.count(), Order.objects.count(), RecipeLock.objects.count()) == (2, 3, 1)


def test_what_changed_since_is_shown_and_a_new_quote_is_asked_for(scene: Stage, carol: Client) -> None:
    address = made(carol)
    offer = scene.offer(scene.night, "studio")
    now = timezone.now()
    licensing.change_price(offer=offer, price_minor=12_000, starts_at=now, now=now)

    found = page(carol, address)

    assert "The price of bob/night@1.0.0 changed from $100.01 to $120.00." in found
    assert "Pay, license and lock" not in found
    before = facts()
    refused = carol.post(buy_address(address), {"card": CARD})
    assert refused.status_code == 422
    assert facts() == before

    new = carol.post(address + "/again", {"mask": f"{MASK} cats.png"})
    assert new["Location"].endswith(f"?mask={MASK}+cats.png")
    assert new["Location"].partition("?")[0] != address
    assert "$320.02" in page(carol, new["Location"])


def test_an_expired_quote_is_not_bought(scene: Stage, carol: Client) -> None:
    address = made(carol)
    row = RecipeQuote.objects.get()
    old = row.quoted_at - timedelta(hours=1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
    RecipeQuote.objects.update(quoted_at=old, expires_at=old + timedelta(minutes=30))

    found = page(carol, address)

    assert "This quote has expired" in found
    assert "Ask for a new quote" in found
    assert "Card number" not in found
    before = facts()
    assert carol.post(buy_address(address), {"card": CARD}).status_code == 422
    assert facts() == before


def test_nobody_else_sees_it(scene: Stage, carol: Client) -> None:
    address = made(carol)
    dave = browser_of(scene.cast.dave)
    assert dave.get(address).status_code == 404
    assert dave.post(buy_address(address), {"card": CARD}).status_code == 404
    assert dave.post(address + "/again").status_code == 404
    assert Client().get(address)["Location"].startswith("/sign-in")
    assert (Order.objects.count(), RecipeQuote.objects.count()) == (0, 1)


def test_a_member_sees_who_may_buy(scene: Stage, carol: Client) -> None:
    erin = person("erin")
    people.give_seat(
        studio=scene.cast.studio, by=scene.cast.carol, email=erin.email, role=Seat.MEMBER, now=timezone.now()
    )
    address = made(carol)
    browser = browser_of(erin)

    found = page(browser, address)

    assert "You may not buy here" in found
    assert "Card number" not in found
    before = facts()
    refused = browser.post(buy_address(address), {"card": CARD})
    assert refused.status_code == 422
    assert facts() == before


def test_a_gateway_that_is_silent_is_said(scene: Stage, carol: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    address = made(carol)

    def silent(self: SandboxGateway, **more: Any) -> Any:
        raise GatewayUnavailable("no answer")

    monkeypatch.setattr(SandboxGateway, "charge", silent)
    answer = carol.post(buy_address(address), {"card": CARD})
    assert answer.status_code == 503
    assert "Nothing is charged twice." in answer.content.decode()
    assert "Payment under way" in page(carol, address)
    monkeypatch.undo()
    assert carol.post(buy_address(address), {"card": CARD}).status_code == 302
    assert Order.objects.count() == 1


def test_what_cannot_be_quoted_says_where_and_why(scene: Stage, carol: Client) -> None:
    scene.publish(scene.cast.alice, "free", seed=21, offers=(("personal", "0", "USD"),))
    asked = scene.publish(scene.cast.alice, "asked", seed=22, offers=())
    offer = licensing.offer(
        release=asked, terms=READY["studio"], price=Money(0, "USD"), model="on-request", now=timezone.now()
    )
    for sent, said in (
        ({"text": "|sky: clouds @nobody/nothing\n"}, "Line 1, column"),
        ({"text": "no recipe"}, "Line 1, column"),
        ({"text": "|sky: clouds\0 @alice/sea"}, "Line 1, column"),
        ({"text": "|ads: clouds @alice/free\n"}, "Packs that cannot be had like this"),
        ({"text": "|a: pier @alice/asked\n"}, f"/quotes/ask?offer={offer.pk}"),
        ({"studio": "not-a-studio"}, "Studio: "),
        ({"revenue_usd": ""}, "Say how much the company takes in a year."),
        ({"fields_of_use": []}, "Choose at least one"),
        ({"starts": "2026-01-01", "ends": "2025-01-01"}, "The last day is before the first one."),
    ):
        refused = carol.post("/recipes/quotes/make", ASKED | {"text": THREE, "mask": f"{MASK} cats.png"} | sent)
        found = refused.content.decode()
        assert refused.status_code == 422
        assert said in found
        assert "nothing was written and nothing was charged" in found
        assert f'name="mask" value="{MASK} cats.png"' in found
    assert not RecipeQuote.objects.exists()


def test_somebody_without_a_studio_is_told_what_to_do(scene: Stage) -> None:
    refused = browser_of(person("erin")).post("/recipes/quotes/make", ASKED | {"text": THREE})
    assert refused.status_code == 422
    assert "You have no studio yet" in refused.content.decode()
    assert not RecipeQuote.objects.exists()


def test_the_page_asks_few_questions(scene: Stage, carol: Client) -> None:
    address = made(carol)
    page(carol, address)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        page(carol, address)
    assert len(asked) <= 25
    carol.post(buy_address(address), {"card": CARD})
    with CaptureQueriesContext(connection) as asked:
        page(carol, address)
    assert len(asked) <= 25
