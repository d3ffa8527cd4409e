"""Cards that are kept and refunds, for the tests of the API's description."""

from typing import Any

from marketplace.checkout import methods
from marketplace.checkout.models import OrderLine
from marketplace.checkout.operations import refund_line
from marketplace.checkout.papers.operations import issue_papers
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import CARD, NOON, later

NAMES = [
    "orders_cancel",
    "orders_invoice",
    "orders_pay",
    "payment_methods_list",
    "refund_requests_create",
    "refund_requests_list",
    "refund_requests_read",
    "refunds_list",
    "subscriptions_method",
    "subscriptions_resume",
]
ASKS = "4000 0027 6000 3184"
ZERO = "00000000-0000-4000-8000-000000000000"


def payment_paths(writes: dict[str, Any]) -> dict[str, str]:
    """Where each thing is read."""
    return {
        "payment_methods_list": "/payment-methods",
        "refund_requests_list": "/refund-requests",
        "refund_requests_read": f"/refund-requests/{writes['refund_requests_create'].json()['id']}",
        "refunds_list": "/refunds",
    }


def payment_writes(market: Market, carol: Studio, order: dict[str, Any]) -> dict[str, Any]:
    """A card is kept, a part of an order is given back, and another is asked for."""
    card = methods.keep(
        studio=market.cast.studio, gateway="sandbox", token="pm_told", brand="visa", last4="4242", exp_month=12,
        exp_year=2030, now=NOON,
    )  # fmt: skip
    line = OrderLine.objects.select_related("order").get(order=order["id"], position=0)
    refund_line(line=line, amount_minor=1_00, reason="a broken file", now=later(hours=2))
    asked = {"order": order["id"], "line": 0, "amount_minor": 2_00, "reason": "It does not open."}
    waits = "/orders/" + carol.order(order["lines"][0]["offer"], card=ASKS, key="waits").json()["id"]
    monthly = "/subscriptions/" + carol.get("/subscriptions").json()["data"][0]["id"]
    for _time in range(2):  # the receipt, then the note that corrects it
        issue_papers(now=later(hours=2))
    details = {"country": "DE", "name": "Lantern", "street": "Kai 1", "city": "Hamburg"}
    assert carol.send("PUT", "/studio/billing-details", details).status_code == 200
    return {
        "refund_requests_create": carol.send("POST", "/refund-requests", asked, key="refund"),
        "orders_pay": carol.send("PUT", f"/orders/{order['id']}/payments/1", {"card": CARD}),
        "orders_cancel": carol.call("DELETE", waits),
        "orders_invoice": carol.call("PUT", f"/orders/{order['id']}/invoice"),
        "subscriptions_method": carol.send("PUT", f"{monthly}/payment-method", {"method": str(card.pk)}),
        "subscriptions_resume": carol.call("DELETE", f"{monthly}/cancellation"),
    }


def payment_refusals(order: dict[str, Any], carol: Studio, dave: Studio) -> list[tuple[str, int, Any]]:
    """What cannot be asked for, and by whom not."""
    asked = {"order": order["id"], "line": 0, "reason": "x"}

    def ask(who: Studio, key: str, **more: Any) -> Any:
        return who.send("POST", "/refund-requests", asked | more, key=key)

    return [
        ("refund_requests_create", 404, ask(dave, "r1")),
        ("refund_requests_create", 404, ask(carol, "r2", line=1)),
        ("refund_requests_create", 404, ask(carol, "r3", order=ZERO)),
        ("refund_requests_create", 409, ask(carol, "r4", amount_minor=10**9)),
        ("refund_requests_create", 422, ask(carol, "r5", reason=" ")),
        ("refund_requests_create", 401, ask(ANYBODY, "r6")),
        ("refund_requests_read", 404, carol.get(f"/refund-requests/{ZERO}")),
        ("refunds_list", 401, ANYBODY.get("/refunds")),
        ("refunds_list", 422, carol.get("/refunds?limit=0")),
        ("orders_pay", 404, dave.send("PUT", f"/orders/{order['id']}/payments/1", {"card": CARD})),
        ("orders_pay", 409, carol.send("PUT", f"/orders/{order['id']}/payments/2", {"card": CARD})),
        ("orders_pay", 422, carol.send("PUT", f"/orders/{order['id']}/payments/1", {"card": "1"})),
        ("orders_cancel", 404, carol.call("DELETE", f"/orders/{ZERO}")),
        ("orders_cancel", 409, carol.call("DELETE", f"/orders/{order['id']}")),
        ("orders_invoice", 409, carol.call("PUT", f"/orders/{order['id']}/invoice")),
        ("subscriptions_method", 404, carol.send("PUT", f"/subscriptions/{ZERO}/payment-method", {"method": ZERO})),
        ("subscriptions_resume", 404, carol.call("DELETE", f"/subscriptions/{ZERO}/cancellation")),
    ]
