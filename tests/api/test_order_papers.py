"""Carol's program reads its orders, their taxes and papers, and says whom papers are made out to; Dave's does not."""

import pytest

from marketplace.checkout.paper_models import Paper
from marketplace.checkout.papers.operations import issue_papers
from marketplace.checkout.tax_models import BillingDetails
from tests.api.studios import ANYBODY, key_of
from tests.cast import later
from tests.checkout.taxes.rates import by_table, rate, seller

DETAILS = {"name": "Lantern Films", "street": "Kai 1", "city": "Hamburg", "country": "DE", "vat_id": "136695976"}


@pytest.fixture
def studio(market):
    return key_of(market.cast.studio, market.cast.carol)


@pytest.fixture
def german(settings):
    by_table(settings)
    seller("DE"), rate("DE", 19)


def test_the_quote_and_the_order_tell_the_taxes(market, studio, german):
    offer = market.offer()
    refused = studio.order(offer)
    assert (refused.status_code, refused.json()["code"]) == (422, "order-refused")
    assert "say the country in your billing details first" in refused.json()["detail"]
    said = studio.send("PUT", "/studio/billing-details", DETAILS)
    assert (said.status_code, said.json()["vat_id"], said.json()["email"]) == (200, "DE136695976", "")
    assert studio.get("/studio/billing-details").json() == said.json()
    told = studio.send("POST", "/quotes", {"offers": [str(offer.pk)]}).json()
    price = told["lines"][0]["price_minor"]
    tax = (2 * price * 19 + 100) // 200
    assert (told["total_minor"], told["tax_minor"], told["tax_included"]) == (price + tax, tax, False)
    assert told["lines"][0]["tax_minor"] == tax
    vat = {"jurisdiction": "DE", "name": "VAT", "rate_ppb": 190_000_000, "base_minor": price, "tax_minor": tax}
    assert told["taxes"] == [vat | {"reason": ""}]
    ordered = studio.order(offer, key="order-2")
    assert ordered.status_code == 201
    assert ordered.json()["total_minor"] == price + tax
    assert ordered.json()["taxes"] == told["taxes"]
    issue_papers(now=later(hours=5))
    read = studio.get(f"/orders/{ordered.json()['id']}").json()
    [paper] = read["papers"]
    assert (paper["kind"], paper["gross_minor"], paper["number"]) == ("invoice", price + tax, "WL-I-2026-000001")
    path = paper["url"].partition("/api/v1")[2]
    answer = studio.get(path)
    assert (answer.content, answer["Content-Type"]) == (Paper.objects.get().document.encode(), "application/json")
    assert studio.get(path, Accept="application/pdf").content.startswith(b"%PDF")
    assert studio.get(f"{path}?format=pdf", Accept_Language="zh-Hans").content.startswith(b"%PDF")
    assert studio.get(f"{path}?format=xml").status_code == 422
    dave = key_of(market.cast.daves_studio, market.cast.dave)
    assert dave.get(path).status_code == dave.get(f"/orders/{read['id']}").status_code == 404
    assert ANYBODY.get(path).status_code == 401
    assert dave.get("/orders").json() == {"data": [], "next": None}


def test_orders_come_page_by_page(market, studio):
    placed = [studio.order(market.offer(), key=f"order-{number}").json()["id"] for number in range(3)]
    first = studio.get("/orders?limit=2").json()
    second = studio.get(f"/orders?limit=2&cursor={first['next']}").json()
    assert [row["id"] for row in first["data"] + second["data"]] == placed[::-1]
    assert (second["next"], first["data"][0]["state"], first["data"][0]["papers"]) == (None, "paid", [])
    assert studio.get("/orders?cursor=nonsense").status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [{"vat_id": "DE1"}, {"country": "Germany"}, {"country": "12"}, {"email": "x"}, {"city": "a\nb"}, {"more": 1}],
)
def test_details_that_cannot_be_are_refused(studio, wrong):
    refused = studio.send("PUT", "/studio/billing-details", DETAILS | wrong)
    assert refused.status_code == 422
    assert refused.json()["code"] in ("billing-details-refused", "invalid-request")
    assert not BillingDetails.objects.exists()
