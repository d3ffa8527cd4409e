"""Carol's program pays again with another card, calls an order off, resumes a subscription, and gets an invoice."""

import pytest
from django.utils import timezone

from marketplace.checkout import method_uses, methods
from marketplace.checkout.attempts import PaymentAttempt
from marketplace.checkout.gateways.sandbox import SandboxGateway, answer_bank
from marketplace.checkout.models import PaymentOutcome, SandboxCharge
from marketplace.checkout.paper_models import InvoiceAsked, Paper
from marketplace.checkout.papers.operations import issue_papers
from marketplace.checkout.subscription_models import SubscriptionMethod
from marketplace.licensing.models import Grant
from marketplace.people import operations as people
from marketplace.people.models import Seat
from tests.api.shop import sell
from tests.api.studios import ANYBODY, Market, Studio, key_of
from tests.cast import CARD, NOON

ASKS, FUNDS = "4000 0027 6000 3184", "4000 0000 0000 9995"
ZERO = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def waits(market: Market, carol: Studio) -> str:
    """The address of an order that waits for its buyer."""
    body = carol.order(market.offer(), card=ASKS).json()
    assert (body["payment"]["state"], body["payment"]["tries"]) == ("action", 1)
    return f"/orders/{body['id']}"


def declined() -> None:
    answer_bank(reference=SandboxCharge.objects.latest("pk").reference, agreed=False, now=timezone.now())


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_order_is_paid_with_another_card_once(market: Market, carol: Studio, waits: str) -> None:
    again = f"{waits}/payments/2"
    assert code(carol.send("PUT", again, {"card": CARD})) == (409, "unable-to-pay")  # the first still runs
    declined()
    assert code(carol.send("PUT", f"{waits}/payments/1", {"card": ASKS})) == (402, "payment-declined")
    assert carol.get(waits).json()["payment"]["state"] == "declined"
    assert code(carol.send("PUT", f"{waits}/payments/3", {"card": CARD})) == (409, "unable-to-pay")
    assert code(carol.send("PUT", again, {"card": "1"})) == (422, "payment-method-refused")
    assert code(carol.send("PUT", again, {"method": ZERO})) == (422, "payment-method-refused")
    assert PaymentAttempt.objects.count() == 1

    assert code(carol.send("PUT", again, {"card": FUNDS})) == (402, "payment-declined")
    assert code(carol.send("PUT", again, {"card": FUNDS})) == (402, "payment-declined")
    assert code(carol.send("PUT", again, {"card": CARD})) == (409, "unable-to-pay")
    kept = methods.add_card(studio=market.cast.studio, card=CARD, by=market.cast.carol, now=timezone.now())
    for _twice in range(2):
        paid = carol.send("PUT", f"{waits}/payments/3", {"method": str(kept.pk)})
        assert (paid.status_code, paid.json()["status"], paid.json()["payment"]["tries"]) == (200, "paid", 3)
    assert paid.json() == carol.get(waits).json()
    assert (Grant.objects.count(), PaymentAttempt.objects.count()) == (1, 3)
    assert SandboxCharge.objects.filter(succeeded=True).count() == 1
    assert code(carol.send("PUT", f"{waits}/payments/4", {"card": CARD})) == (409, "unable-to-pay")


def test_another_try_may_wait_too(carol: Studio, waits: str) -> None:
    declined()
    carol.send("PUT", f"{waits}/payments/1", {"card": ASKS})
    answer = carol.send("PUT", f"{waits}/payments/2", {"card": ASKS})
    assert (answer.status_code, answer.json()["payment"]["state"]) == (202, "action")
    answer_bank(reference=SandboxCharge.objects.latest("pk").reference, agreed=True, now=timezone.now())
    answer = carol.send("PUT", f"{waits}/payments/2", {"card": ASKS})
    assert (answer.status_code, answer.json()["status"]) == (200, "paid")


def test_an_order_that_waits_is_called_off(market: Market, carol: Studio, waits: str) -> None:
    for _twice in range(2):
        answer = carol.call("DELETE", waits)
        assert (answer.status_code, answer.json()["status"], answer.json()["payment"]["state"]) == (
            200,
            "declined",
            "cancelled",
        )
    assert code(carol.send("PUT", f"{waits}/payments/2", {"card": CARD})) == (409, "unable-to-pay")
    paid = carol.order(market.offer(), key="order-2").json()
    assert code(carol.call("DELETE", f"/orders/{paid['id']}")) == (409, "unable-to-pay")
    assert (PaymentOutcome.objects.count(), Grant.objects.count()) == (2, 1)


def test_a_gateway_that_is_gone_is_said(carol: Studio, waits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SandboxGateway, "name", "another")
    assert code(carol.call("DELETE", waits)) == (503, "gateway-unavailable")
    assert not PaymentOutcome.objects.exists()


def test_who_may_not_buy_neither_pays_nor_calls_off(market: Market, carol: Studio, dave: Studio, waits: str) -> None:
    asked = [("PUT", f"{waits}/payments/2", {"card": CARD}), ("DELETE", waits, {}), ("PUT", f"{waits}/invoice", {})]
    for method, path, body in asked:
        assert code(dave.send(method, path, body)) == (404, "not-found")
        assert code(ANYBODY.send(method, path, body)) == (401, "api-key-missing")
        assert code(carol.send(method, f"{path}?more=1", body)) == (422, "invalid-request")
    Seat.objects.filter(studio=market.cast.studio, person=market.cast.carol).update(role=Seat.MEMBER)
    for method, path, body in asked:
        assert carol.send(method, path, body).status_code in (401, 403)
    assert (PaymentAttempt.objects.count(), PaymentOutcome.objects.count(), InvoiceAsked.objects.count()) == (1, 0, 0)


def test_a_subscription_is_resumed_and_paid_by_another_card(market: Market, carol: Studio, dave: Studio) -> None:
    studio, who = market.cast.studio, market.cast.carol
    first = methods.add_card(studio=studio, card=CARD, by=who, now=NOON)
    second = methods.add_card(studio=studio, card="4000 0000 0000 7726", by=who, now=NOON)
    carol.order(sell(market, "monthly", 1000))
    (row,) = carol.get("/subscriptions").json()["data"]
    path = f"/subscriptions/{row['id']}"
    assert (row["state"], row["payment_method"]) == ("running", str(first.pk))

    for _twice in range(2):
        moved = carol.send("PUT", f"{path}/payment-method", {"method": str(second.pk)})
        assert (moved.status_code, moved.json()["payment_method"]) == (200, str(second.pk))
    assert SubscriptionMethod.objects.count() == 1
    assert code(carol.send("PUT", f"{path}/payment-method", {"method": ZERO})) == (422, "payment-method-refused")
    assert code(dave.send("PUT", f"{path}/payment-method", {"method": str(second.pk)})) == (404, "not-found")

    assert carol.call("DELETE", path).json()["state"] == "cancelled"
    assert code(dave.call("DELETE", f"{path}/cancellation")) == (404, "not-found")
    # What is cancelled needs no card, and pays with another one when it goes on.
    assert method_uses.subscriptions_with(second) == []
    method_uses.remove(method=second, by=who, now=timezone.now())
    for _twice in range(2):
        resumed = carol.call("DELETE", f"{path}/cancellation").json()
        assert (resumed["state"], resumed["end_cause"], resumed["payment_method"]) == ("running", None, str(first.pk))


def test_a_receipt_is_replaced_by_an_invoice(market: Market, carol: Studio) -> None:
    order = carol.order(market.offer()).json()
    path = f"/orders/{order['id']}"
    assert code(carol.call("PUT", f"{path}/invoice")) == (409, "invoice-refused")  # nothing is written yet
    issue_papers(now=timezone.now())
    refused = carol.call("PUT", f"{path}/invoice")
    assert "give billing details first" in refused.json()["detail"]
    details = {"name": "Lantern Films", "street": "Kai 1", "city": "Hamburg", "country": "DE"}
    assert carol.send("PUT", "/studio/billing-details", details).status_code == 200
    made = carol.call("PUT", f"{path}/invoice")
    assert (made.status_code, made.json()["kind"], made.json()["gross_minor"]) == (200, "invoice", order["total_minor"])
    assert carol.call("PUT", f"{path}/invoice").json() == made.json()
    assert [one["kind"] for one in carol.get(path).json()["papers"]] == ["receipt", "invoice"]
    document = carol.get(made.json()["url"].partition("/api/v1")[2]).json()
    assert (document["format"], document["replaces"]["number"]) == (
        "worldloom/invoice/2",
        Paper.objects.get(kind="receipt").name,
    )


def test_a_key_of_another_person_of_the_studio_pays_too(market: Market, waits: str) -> None:
    erin = people.sign_up(email="erin@example.org", password="ink on paper", display_name="Erin", now=NOON)
    people.give_seat(studio=market.cast.studio, email=erin.email, role=Seat.BUYER, by=market.cast.carol, now=NOON)
    program = key_of(market.cast.studio, erin)
    assert program.call("DELETE", waits).status_code == 200
