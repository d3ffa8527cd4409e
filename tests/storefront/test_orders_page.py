"""Carol's orders, their papers, and whom they are made out to; Dave has no business there."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.checkout import order_queries
from marketplace.checkout.models import Order, OrderLine
from marketplace.checkout.operations import refund_line
from marketplace.checkout.paper_models import Paper
from marketplace.checkout.papers.operations import issue_papers
from marketplace.checkout.tax_models import BillingDetails
from marketplace.people import operations as people
from marketplace.people.models import Studio
from tests.cast import CARD, NOON, person
from tests.checkout.taxes.rates import at, by_table, rate, seller
from tests.storefront.market import Market, browser_of
from tests.storefront.test_checkout import form_of
from tests.storefront.test_licenses import shown

WHOLE = {
    "name": "Lantern Films GmbH",
    "street": "Kai 1",
    "postcode": "20457",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "de136695976",
}


@pytest.fixture
def carol(market: Market) -> Client:
    return browser_of(market.cast.carol)


@pytest.fixture
def german(settings) -> None:
    by_table(settings)
    seller("DE"), rate("DE", 19)


def bought(market: Market, client: Client, offer: str = "studio") -> Order:
    named = {"offer": market.offer(offer).pk}
    answer = client.post("/checkout", form_of(client, **named) | {"card": CARD})
    assert answer.status_code == 302, answer.content.decode()
    return Order.objects.order_by("placed_at").last()


def test_the_checkout_tells_the_tax_and_the_order_has_it(market, carol, german):
    at(market.cast, "DE", **{name: text for name, text in WHOLE.items() if name != "country"})
    page = shown(carol, "/checkout", offer=market.offer("studio").pk)
    assert "VAT Germany, 19%" in page
    assert "Pay $119.01 and license" in page
    assert "No taxes are calculated" not in page
    order = bought(market, carol)
    assert order.total_minor == 119_01
    page = shown(carol, f"/orders/{order.pk}")
    assert "The paper is being written" in page
    issue_papers(now=timezone.now())
    page = shown(carol, f"/orders/{order.pk}")
    assert re.search(r"Invoice <span class=\"mono small\">WL-I-\d{4}-000001", page)
    assert "VAT Germany, 19%" in page
    assert "Invoice" in shown(carol, "/orders")
    paper = Paper.objects.get()
    stem = f"/orders/{order.pk}/papers/{paper.name}"
    pdf = carol.get(f"{stem}.pdf", {"language": "zh-hans"})
    assert (pdf.status_code, pdf["Content-Type"], pdf.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert carol.get(f"{stem}.json").content == paper.document.encode()
    assert carol.get(f"{stem}.xml").status_code == 404
    assert carol.get(f"/orders/{order.pk}/papers/WL-I-2026-9.pdf").status_code == 404


def test_a_receipt_has_an_invoice_in_its_place_once_details_are_there(market, carol):
    order = bought(market, carol)
    issue_papers(now=timezone.now())
    at_order, ask = f"/orders/{order.pk}", f"/orders/{order.pk}/invoice"
    page = shown(carol, at_order)
    assert "give billing details first" in page
    assert "give billing details first" in carol.post(ask, follow=True).content.decode()
    assert Paper.objects.count() == 1

    at(market.cast, "DE", **{name: text for name, text in WHOLE.items() if name != "country"})
    assert "Get an invoice in its place" in shown(carol, at_order)
    assert "Get an invoice" not in shown(carol, "/orders")
    for client, status in ((browser_of(market.cast.dave), 404), (Client(), 302)):
        assert client.post(ask).status_code == status
    assert carol.get(ask).status_code == 405
    assert Paper.objects.count() == 1
    for _twice in range(2):
        page = " ".join(carol.post(ask, follow=True).content.decode().split())
        assert re.search(r"The invoice is WL-I-\d{4}-000001\.", page)
        assert "Get an invoice" not in page
    assert Paper.objects.count() == 2


def test_a_new_studio_says_where_it_is_at_the_checkout(market, german):
    erin = person("erin")
    client = browser_of(erin)
    named = {"offer": market.offer("studio").pk}
    page = shown(client, "/checkout", **named)
    assert 'name="country"' in page
    assert "There is no price for this yet" in page
    form = form_of(client, **named) | {"card": CARD, "studio_name": "Erin", "country": "DE", "vat_id": "DE1"}
    refused = client.post("/checkout", form)
    assert refused.status_code == 422
    assert "is no VAT id of this country (Germany)" in refused.content.decode()
    assert not Studio.objects.filter(name="Erin").exists()
    answer = client.post("/checkout", form | {"vat_id": "", "idempotency_key": str(uuid4())})
    assert answer.status_code == 302, answer.content.decode()
    assert Order.objects.get().total_minor == 119_01
    assert BillingDetails.objects.get().country == "DE"
    assert 'name="country"' not in shown(client, "/checkout", **named)


def test_without_taxes_the_checkout_says_so_and_asks_for_no_country(market, carol):
    page = shown(carol, "/checkout", offer=market.offer("studio").pk)
    assert "No taxes are calculated in this marketplace" in page
    assert 'name="country"' not in page


def test_refunds_stand_on_the_order(market, carol):
    order = bought(market, carol)
    refund_line(line=OrderLine.objects.get(), amount_minor=40_00, reason="a broken file", now=timezone.now())
    issue_papers(now=timezone.now())
    page = shown(carol, f"/orders/{order.pk}")
    assert "a broken file" in page
    assert "Given back" in page
    assert "Credit note" in page


def test_orders_come_page_by_page_and_nothing_is_there_for_others(market, carol, monkeypatch):
    orders = [bought(market, carol) for _number in range(3)]
    monkeypatch.setattr(order_queries.orders_of, "__kwdefaults__", {"after": "", "size": 2})
    first = shown(carol, "/orders")
    [after] = re.findall(r'href="(/orders\?cursor=[^"]+)"', first)
    second = shown(carol, after)
    assert [f'/orders/{order.pk}"' in first for order in orders] == [False, True, True]
    assert [f'/orders/{order.pk}"' in second for order in orders] == [True, False, False]
    assert str(orders[2].pk) in shown(carol, "/orders?cursor=nonsense")
    issue_papers(now=timezone.now())
    name = Paper.objects.first().name
    dave = browser_of(market.cast.dave)
    for path in (f"/orders/{orders[0].pk}", f"/orders/{orders[0].pk}/papers/{name}.pdf", f"/orders/{uuid4()}"):
        assert dave.get(path).status_code == 404
    assert "Nothing was ordered yet" in shown(dave, "/orders")
    assert Client().get("/orders").status_code == 302
    people.name_operator(person=market.cast.dave, now=NOON)
    assert dave.get(f"/orders/{orders[0].pk}").status_code == 200


def test_billing_details_are_kept_and_what_is_wrong_is_said_at_its_field(market, carol):
    assert "Lantern Films" in shown(carol, "/billing-details")
    sent = WHOLE | {"studio": str(market.cast.studio.pk)}
    refused = carol.post("/billing-details", sent | {"vat_id": "DE136695977"})
    assert refused.status_code == 422
    assert "is no VAT id of this country (Germany)" in refused.content.decode()
    assert carol.post("/billing-details", sent | {"country": ""}).status_code == 422
    assert not BillingDetails.objects.exists()
    assert carol.post("/billing-details", sent).status_code == 302
    assert BillingDetails.objects.get().vat_id == "DE136695976"
    assert "DE136695976" in shown(carol, "/billing-details")
    dave = browser_of(market.cast.dave)
    assert dave.post("/billing-details", sent).status_code == 404
    assert dave.get(f"/billing-details?studio={market.cast.studio.pk}").status_code == 404
    assert BillingDetails.objects.count() == 1


def test_a_member_reads_and_does_not_write(market, carol):
    people.give_seat(
        studio=market.cast.studio, by=market.cast.carol, email=market.cast.dave.email, role="member", now=NOON
    )
    dave = browser_of(market.cast.dave)
    path = f"/billing-details?studio={market.cast.studio.pk}"
    assert "Owners and buyers of the studio can change them." in shown(dave, path)
    sent = WHOLE | {"studio": str(market.cast.studio.pk)}
    refused = dave.post("/billing-details", sent)
    assert refused.status_code == 422
    assert not BillingDetails.objects.exists()
