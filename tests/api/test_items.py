"""Orders with more to say, what they would cost, subscriptions, and prices on request."""

from typing import Any

import pytest

from marketplace.checkout.models import Order
from marketplace.licensing import operations as licensing
from marketplace.licensing.bargains import QuoteRequest, QuoteStep
from marketplace.licensing.models import Grant
from marketplace.payouts.rules import Money
from marketplace.people import operations as people
from tests.api.shop import named, sell
from tests.api.studios import Market, Studio
from tests.cast import CARD, NOON, later

PAYMENT = {"payment": {"card": CARD}}
ZERO = "00000000-0000-4000-8000-000000000000"


def items(*found: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(found)}


def test_a_quote_says_what_an_order_costs_and_writes_nothing(market: Market, carol: Studio) -> None:
    offer = sell(market, "per-seat", 1000)
    licensing.add_code(creator=market.cast.alice, code="SPRING", percent_ppb=100_000_000, now=NOON)
    asked = items({"offer": str(offer.pk), "seats": 5, "code": "spring"})
    answer = carol.send("POST", "/quotes", asked)
    body = answer.json()

    assert answer.status_code == 200, answer.content
    assert (body["total_minor"], body["list_minor"], body["currency"], body["needs_payment"]) == (
        4500,
        5000,
        "USD",
        True,
    )
    assert body["lines"][0]["explained"] == [
        "$10.00 for a seat",
        "Seats: 5",
        "The code SPRING takes off $5.00",
    ]
    assert not Order.objects.exists()

    dear = carol.send("POST", "/orders", items({**asked["items"][0], "expect_minor": 4499}) | PAYMENT, key="dear")
    assert (dear.status_code, dear.json()["code"]) == (422, "order-refused")
    assert not Order.objects.exists()
    bought = carol.send("POST", "/orders", items({**asked["items"][0], "expect_minor": 4500}) | PAYMENT, key="k")
    assert (bought.status_code, bought.json()["total_minor"]) == (201, 4500)
    assert bought.json()["grants"][0]["seats"] == 5
    assert carol.send(
        "POST", "/orders", items({**asked["items"][0], "expect_minor": 4500}) | PAYMENT, key="k"
    ).json() == (bought.json())
    other = carol.send("POST", "/orders", items({**asked["items"][0], "seats": 6}) | PAYMENT, key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert Grant.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"items": []}, "/items"),
        ({"items": [{}]}, "/items/0/offer"),
        ({"items": [{"offer": ZERO}]}, "/items/0/offer"),
        ({"items": [{"renews": ZERO}]}, "/items/0/renews"),
        ({"items": [{"renews": ZERO, "upgrades": ZERO}]}, "/items/0/upgrades"),
        ({"items": [{"offer": ZERO, "seats": 0}]}, "/items/0/seats"),
        ({"items": [{"offer": ZERO, "seats": "5"}]}, "/items/0/seats"),
        ({"items": [{"offer": ZERO, "starts_on": "tomorrow"}]}, "/items/0/starts_on"),
        ({"items": [{"offer": ZERO, "amount_minor": 1.5}]}, "/items/0/amount_minor"),
        ({"items": [{"offer": ZERO, "runes": 1}]}, "/items/0/runes"),
        ({"items": [{"offer": ZERO}], "offers": [ZERO]}, ""),
        ({"collection": ZERO}, "/collection"),
        ({"offers": [ZERO], "project": ZERO}, "/project"),
        ({}, "/offers"),
    ],
)
def test_what_cannot_be_ordered_is_named_by_its_place(
    market: Market, carol: Studio, body: dict[str, Any], where: str
) -> None:
    for path, more in (("/quotes", {}), ("/orders", PAYMENT)):
        answer = carol.send("POST", path, body | more)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), answer.content
        assert answer.json()["findings"][0]["where"] == where
    assert not Order.objects.exists()


def test_a_license_is_for_a_project_and_is_upgraded_with_credit(market: Market, carol: Studio, dave: Studio) -> None:
    project = carol.send("POST", "/projects", {"name": "Night Market"}).json()
    asked = {"offer": str(market.offer().pk), "project": project["id"]}
    first = carol.send("POST", "/orders", items(asked) | PAYMENT, key="1").json()["grants"][0]
    assert (first["project"], first["project_name"], first["kind"]) == (project["id"], "Night Market", "new")
    assert dave.send("POST", "/orders", items(asked) | PAYMENT, key="1").json()["findings"][0]["where"] == (
        "/items/0/project"
    )

    better = sell(market, "one-off", 30_000)
    upgrade = items({"offer": str(better.pk), "upgrades": first["id"]})
    quoted = carol.send("POST", "/quotes", upgrade).json()
    assert (quoted["total_minor"], quoted["lines"][0]["credit_minor"]) == (19_999, 10_001)
    second = carol.send("POST", "/orders", upgrade | PAYMENT, key="2").json()["grants"][0]
    assert (second["kind"], second["replaces"], second["price_minor"]) == ("upgrade", first["id"], 19_999)
    former = carol.get(f"/grants/{first['id']}").json()
    assert (former["status"], former["state"]) == ("superseded", "superseded")
    assert [one["id"] for one in carol.get("/grants?state=active").json()["data"]] == [second["id"]]


def test_a_collection_is_bought_at_its_price(market: Market, carol: Studio) -> None:
    pair = [market.offer(), sell(market, "one-off", 30_000)]
    row = licensing.make_collection(
        creator=market.cast.alice, title={"en": "All"}, offers=pair, price=Money(20_000, "USD"), now=NOON
    )
    shown = carol.get("/packs/alice/yunhai").json()["collections"]
    bought = carol.send("POST", "/orders", {"collection": str(row.pk)} | PAYMENT)

    assert [(one["id"], one["price_minor"]) for one in shown] == [(str(row.pk), 20_000)]
    assert (bought.status_code, bought.json()["total_minor"]) == (201, 20_000), bought.content
    assert sum(one["price_minor"] for one in bought.json()["lines"]) == 20_000
    assert len(bought.json()["grants"]) == 2


def test_a_price_on_request_is_asked_answered_accepted_and_bought_once(
    market: Market, carol: Studio, dave: Studio
) -> None:
    offer = sell(market, "on-request")
    asked = {"offer": str(offer.pk), "seats": 40, "message": "For a feature film."}
    first = carol.send("POST", "/quote-requests", asked, key="q")
    again = carol.send("POST", "/quote-requests", asked, key="q")
    other = carol.send("POST", "/quote-requests", asked | {"seats": 41}, key="q")

    assert (first.status_code, first.json()["turn"]) == (201, "creator"), first.content
    assert (again.status_code, again.content) == (201, first.content)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert QuoteRequest.objects.count() == 1
    path = f"/quote-requests/{first.json()['id']}"
    assert first.headers["Location"] == first.json()["url"]
    assert dave.get(path).status_code == 404
    early = carol.send("POST", path + "/answers", {"kind": "accept"}, key="early")
    assert (early.status_code, early.json()["code"]) == (422, "bargain-refused")

    named(market, first.json()["id"], 250_000)
    assert carol.get(path).json()["turn"] == "studio"
    yes = carol.send("POST", path + "/answers", {"kind": "accept"}, key="yes")
    assert (yes.status_code, yes.json()["state"], yes.json()["turn"]) == (201, "accepted", None), yes.content
    assert carol.send("POST", path + "/answers", {"kind": "accept"}, key="yes").content == yes.content
    assert QuoteStep.objects.count() == 2

    wanted = items({"offer": str(offer.pk), "quote_request": first.json()["id"]}) | PAYMENT
    assert dave.send("POST", "/orders", wanted).json()["findings"][0]["where"] == "/items/0/quote_request"
    bought = carol.send("POST", "/orders", wanted, key="buy")
    twice = carol.send("POST", "/orders", wanted, key="buy-again")
    assert (bought.status_code, bought.json()["total_minor"]) == (201, 250_000), bought.content
    assert bought.json()["grants"][0]["seats"] == 40
    assert (twice.status_code, Grant.objects.count()) == (422, 1)
    assert [one["id"] for one in carol.get("/quote-requests").json()["data"]] == [first.json()["id"]]
    assert dave.get("/quote-requests").json() == {"data": [], "next": None}


def test_a_subscription_gets_seats_and_ends(market: Market, carol: Studio, dave: Studio) -> None:
    offer = sell(market, "monthly", 1000)
    grant = carol.send("POST", "/orders", items({"offer": str(offer.pk), "seats": 2}) | PAYMENT).json()["grants"][0]
    (row,) = carol.get("/subscriptions").json()["data"]
    path = f"/subscriptions/{row['id']}"

    assert (row["grant"], row["seats"], row["state"]) == (grant["id"], 2, "running")
    assert row["paid_until"] == grant["ends_at"]
    assert dave.get(path).status_code == 404
    assert dave.call("DELETE", path).status_code == 404
    more = carol.send("PUT", path + "/seats", {"seats": 3}, key="more")
    assert (more.status_code, more.json()["seats"]) == (200, 3), more.content
    assert carol.send("PUT", path + "/seats", {"seats": 3}, key="more").json() == more.json()
    assert Order.objects.count() == 2
    for _time in range(2):
        ended = carol.call("DELETE", path)
        assert (ended.status_code, ended.json()["state"], ended.json()["end_cause"]) == (200, "cancelled", "cancelled")


def test_prices_by_size_go_by_what_a_studio_declares(market: Market, carol: Studio) -> None:
    offer = sell(market, "per-seat", 1000)
    licensing.change_price(
        offer=offer,
        price_minor=900,
        tiers=[{"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 300}],
        now=later(hours=1),
    )
    asked = items({"offer": str(offer.pk), "seats": 2})
    shown = next(one for one in carol.get("/packs/alice/yunhai").json()["offers"] if one["id"] == str(offer.pk))
    assert (shown["price_minor"], shown["regular_minor"], shown["model"]) == (900, 900, "per-seat")
    assert shown["tiers"] == [{"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 300}]
    assert carol.send("POST", "/quotes", asked).json()["total_minor"] == 1800

    said = carol.send("PUT", "/studio/size", {"people": 8, "revenue_usd": 90_000})
    assert (said.status_code, said.json()["people"]) == (200, 8)
    assert carol.send("POST", "/quotes", asked).json()["total_minor"] == 600
    assert carol.send("PUT", "/studio/size", {"people": 0, "revenue_usd": 0}).status_code == 422


def test_a_sale_is_shown_with_the_price_before_and_its_end(market: Market, carol: Studio) -> None:
    licensing.change_price(
        offer=market.offer(), price_minor=5000, kind="sale", ends_at=later(days=365), now=later(hours=1)
    )
    shown = next(one for one in carol.get("/packs/alice/yunhai").json()["offers"] if one["terms"] == "studio")

    assert (shown["price_minor"], shown["regular_minor"], shown["price_kind"]) == (5000, 10_001, "sale")
    assert shown["price_ends_at"] == "2027-11-22T12:00:00Z"


def test_a_list_names_the_lowest_price_of_today_and_nothing_on_request(market: Market, carol: Studio) -> None:
    sell(market, "on-request")
    sell(market, "metered", 1, unit="image")
    licensing.change_price(
        offer=market.offer(release=market.derived),
        price_minor=7,
        kind="sale",
        ends_at=later(days=365),
        now=later(hours=2),
    )

    listed = {one["pack"]: one["from_price_minor"] for one in carol.get("/packs").json()["data"]}
    assert listed == {"alice/yunhai": 0, "bob/ink": 7}


def test_exclusivity_is_shown_and_refuses_others(market: Market, carol: Studio, dave: Studio) -> None:
    offer = sell(market, "one-off", 90_000, terms="exclusive")
    bought = carol.order(offer)
    assert bought.status_code == 201, bought.content
    assert bought.json()["grants"][0]["exclusive"] is True
    shown = {one["id"]: one for one in dave.get("/packs/alice/yunhai").json()["offers"]}[str(offer.pk)]
    assert (shown["exclusive"], shown["available"]) == (True, False)
    assert shown["taken_until"] is not None

    for path, more in (("/quotes", {}), ("/orders", PAYMENT)):
        refused = dave.send("POST", path, {"offers": [str(market.offer().pk)]} | more)
        assert (refused.status_code, refused.json()["code"]) == (409, "exclusivity-taken"), refused.content
    assert Order.objects.count() == 1


def test_a_key_stands_for_one_request_of_any_kind(market: Market, carol: Studio) -> None:
    assert carol.order(market.offer("personal"), card=None, key="k").status_code == 201
    project = carol.send("POST", "/projects", {"name": "A"}, key="k")
    assert (project.status_code, project.json()["code"]) == (422, "idempotency-key-reused")
    assert carol.send("POST", "/projects", {"name": "A"}, key="p").status_code == 201
    order = carol.order(market.offer("personal"), card=None, key="p")
    assert (order.status_code, order.json()["code"]) == (422, "idempotency-key-reused")
    assert Grant.objects.count() == 1


def test_the_legal_entity_is_named_by_what_is_granted_from_then_on(market: Market, carol: Studio) -> None:
    said = {"legal_name": "Lantern Films GmbH", "country": "DE", "registration": "HRB 12345"}
    answer = carol.send("PUT", "/studio/legal-entity", said)
    assert answer.status_code == 200, answer.content
    assert {name: answer.json()[name] for name in said} == said
    grant = carol.order(market.offer("personal"), card=None).json()["grants"][0]
    assert (grant["licensee"], grant["licensee_country"]) == ("Lantern Films GmbH", "DE")
    assert carol.send("PUT", "/studio/legal-entity", said | {"country": "9X"}).json()["code"] == "declaration-refused"


def test_a_seat_that_may_not_declare_is_refused(market: Market, carol: Studio) -> None:
    cast = market.cast
    people.give_seat(studio=cast.studio, by=cast.carol, email=cast.dave.email, role="buyer", now=NOON)
    key, secret = people.issue_key(studio=cast.studio, by=cast.dave, name="nightly", now=NOON)
    answer = Studio(secret, key).send("PUT", "/studio/legal-entity", {"legal_name": "Quill"})

    assert (answer.status_code, answer.json()["code"]) == (403, "seat-refused")
