"""A tax service over HTTP: asked before the transaction, its answer kept, and no order without one."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.db import connection

from marketplace.checkout.models import Order, SandboxCharge
from marketplace.checkout.taxes.faults import TaxUnavailable
from tests.checkout.taxes.rates import at, seller

HTTP = "marketplace.checkout.taxes.http.HttpTaxes"


class Service:
    """The service on 127.0.0.1; `answer` makes what it says of a question, `status` is how."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.keys: list[str | None] = []
        self.status = 200
        self.answer = self.taxed

    def taxed(self, question):
        """10 % on top of each line, owed to a city."""
        lines = []
        for line in question["lines"]:
            amount = line["amount_minor"]
            part = {"jurisdiction": "US-WA-SEA", "name": "Sales tax", "rate_ppb": 100_000_000}
            lines.append([part | {"base_minor": amount, "tax_minor": amount // 10, "reason": ""}])
        return {"format": "worldloom/tax-answer/1", "lines": lines, "id": "c-1"}


@pytest.fixture
def service(settings):
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append(question)
            made.keys.append(self.headers["Authorization"])
            answer = made.answer(question)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    settings.ADAPTERS = settings.ADAPTERS | {"taxes": HTTP}
    settings.TAXES_URL = f"http://127.0.0.1:{server.server_port}/taxes"
    settings.TAXES_KEY = "secret"
    settings.TAXES_TIMEOUT_SECONDS = 5
    yield made
    server.shutdown()
    server.server_close()


def test_the_service_is_asked_once_for_an_order_and_its_answer_is_kept(shop, service):
    seller("US"), at(shop.market.cast, "US", region="WA", postcode="98101")
    order = shop.buy(shop.offer())
    [asked] = service.asked
    assert asked["format"] == "worldloom/tax-question/1"
    assert asked["buyer"] == {"country": "US", "region": "WA", "postcode": "98101", "vat_id": ""}
    assert asked["lines"] == [{"amount_minor": 50_00, "kind": "buy"}]
    assert service.keys == ["Bearer secret"]
    assert (order.total_minor, order.lines.get().tax_of) == (55_00, "US-WA-SEA")
    assert order.taxation.answer["id"] == "c-1"
    assert (order.taxation.service, order.taxation.region) == ("http", "WA")


def test_the_same_order_again_asks_nobody(shop, service):
    seller("US"), at(shop.market.cast, "US")
    offer = shop.offer()
    first = shop.buy(offer, idempotency_key="once")
    assert shop.buy(offer, idempotency_key="once") == first
    assert len(service.asked) == 1


def test_what_is_free_asks_nobody(shop, service):
    shop.buy(shop.offer("cc-by-4.0", 0))
    assert service.asked == []


def changed(**more):
    part = {"jurisdiction": "US-WA", "name": "Tax", "rate_ppb": 1, "base_minor": 1, "tax_minor": 1, "reason": ""}
    return {"format": "worldloom/tax-answer/1", "lines": [[part | more]]}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        {},
        [],
        {"format": "worldloom/tax-answer/2", "lines": []},
        {"format": "worldloom/tax-answer/1", "lines": []},
        {"format": "worldloom/tax-answer/1", "lines": ["none"]},
        {"format": "worldloom/tax-answer/1", "lines": [[{}]]},
        {"format": "worldloom/tax-answer/1", "lines": [[changed()["lines"][0][0]] * 9]},
        changed(tax_minor=50_01),
        changed(tax_minor=-1),
        changed(tax_minor=1.0),
        changed(tax_minor=True),
        changed(base_minor=50_01),
        changed(rate_ppb=1_000_000_001),
        changed(reason="because"),
        changed(reason="exempt"),
        changed(jurisdiction=""),
        changed(jurisdiction="x" * 41),
        changed(more=1),
    ],
)
def test_no_order_without_an_answer_that_adds_up(shop, service, answer):
    seller("US"), at(shop.market.cast, "US")
    service.answer = lambda question: answer
    with pytest.raises(TaxUnavailable):
        shop.buy(shop.offer())
    assert not Order.objects.exists()
    assert not SandboxCharge.objects.exists()


def test_a_service_that_fails_or_is_away_stops_the_order(shop, service, settings):
    seller("US"), at(shop.market.cast, "US")
    service.status = 500
    with pytest.raises(TaxUnavailable, match="not known at the moment"):
        shop.quote(shop.offer())
    settings.TAXES_URL = "http://127.0.0.1:9/taxes"
    with pytest.raises(TaxUnavailable):
        shop.buy(shop.offer())
    assert not Order.objects.exists()


def test_nobody_is_asked_inside_a_transaction(committed, shop, service, monkeypatch):
    """A slow service must not hold the locks of an order."""
    from marketplace.checkout.taxes import http

    seller("US"), at(shop.market.cast, "US")
    real, open_ones = http._sent, []

    def watched(body):
        open_ones.append(connection.in_atomic_block)
        return real(body)

    monkeypatch.setattr(http, "_sent", watched)
    shop.quote(shop.offer())
    shop.buy(shop.offer())
    assert open_ones == [False, False]
