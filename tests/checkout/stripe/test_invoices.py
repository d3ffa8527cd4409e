"""What Carol's studio used is charged by an invoice at Stripe, where the operator wants invoices there."""

from typing import Any

import pytest

from marketplace.checkout.gateways.base import ACTION, DECLINED, PENDING, SUCCEEDED, AskedLine, GatewayUnavailable
from marketplace.checkout.gateways.stripe import words
from tests.checkout.stripe.shop import Till
from tests.stripe.faults import Fault

USED = (AskedLine("Layers painted", "Alice", 600, 300, "layer"), AskedLine("Images", "Bob", 1_001, 2, "image"))


@pytest.fixture(autouse=True)
def _with_invoices(settings: Any) -> None:
    settings.STRIPE_INVOICES = True


def test_lines_have_their_quantities_and_the_card_pays(till: Till) -> None:
    asked = till.asked(*USED, method=till.kept_card(), off_session=True)
    before = len(till.fake.asked)
    paid = till.charge(asked)
    assert (paid.state, paid.reference[:3]) == (SUCCEEDED, "ch_")
    [invoice] = till.fake.world.all("invoice")
    assert (invoice["status"], invoice["amount_paid"], invoice["number"]) == ("paid", 1_601, "FAKE-0001")
    assert [(line["quantity"], line["amount"]) for line in invoice["lines"]["data"]] == [(300, 600), (1, 1_001)]
    assert till.posts(before)[0] == "invoices"
    count = len(till.fake.asked)
    assert till.charge(asked) == paid
    assert till.posts(count) == []


def test_a_page_is_not_an_invoice(till: Till) -> None:
    assert till.charge(till.asked()).state == ACTION
    assert till.count("invoice") == 0


def test_a_declined_card_leaves_a_void_invoice(till: Till) -> None:
    token = till.kept_card()
    till.fake.world.hidden[token]["goes"] = "insufficient_funds"
    declined = till.charge(till.asked(*USED, method=token, off_session=True))
    assert (declined.state, declined.reason, declined.reference[:3]) == (DECLINED, words.NO_FUNDS, "in_")
    assert [row["status"] for row in till.fake.world.all("invoice")] == ["void"]


def test_a_bank_that_wants_carol_is_answered_at_a_page(till: Till) -> None:
    token = till.kept_card()
    till.fake.world.hidden[token]["goes"] = "authenticates"
    asked = till.asked(*USED, method=token, off_session=True)
    page = till.charge(asked)
    assert (page.state, page.reference[:3]) == (ACTION, "cs_")
    assert [row["status"] for row in till.fake.world.all("invoice")] == ["void"]
    till.fills_in(page)
    assert till.standing(asked, page.reference).succeeded


@pytest.mark.parametrize(("goes", "ends"), [("succeeds later", SUCCEEDED), ("fails later", DECLINED)])
def test_a_bank_decides_later(till: Till, goes: str, ends: str) -> None:
    token = till.kept_card()
    till.fake.world.hidden[token]["goes"] = goes
    asked = till.asked(*USED, method=token, off_session=True)
    waits = till.charge(asked)
    assert (waits.state, waits.reference[:3]) == (PENDING, "in_")
    assert till.cancel(asked, waits.reference).state == PENDING
    till.forward(days=5)
    assert till.standing(asked, waits.reference).state == ends
    if ends == DECLINED:
        assert till.cancel(asked, waits.reference).state == DECLINED
        assert [row["status"] for row in till.fake.world.all("invoice")] == ["void"]


@pytest.mark.parametrize("path", ["invoices", "invoiceitems", "/finalize", "/pay"])
@pytest.mark.parametrize("fault", [Fault.DROP_RESPONSE, Fault.ERROR_SAVED])
def test_whatever_answer_is_lost_one_invoice_is_paid_once(till: Till, path: str, fault: Fault) -> None:
    asked = till.asked(*USED, method=till.kept_card(), off_session=True)
    till.fake.faults.when(lambda each: each.method == "POST" and each.path.endswith(path), fault)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    for _ in range(3):
        till.forward(minutes=3)
        try:
            paid = till.charge(asked)
            break
        except GatewayUnavailable:
            continue
    assert paid.succeeded
    assert [row["amount_paid"] for row in till.fake.world.all("invoice")] == [1_601]
    assert [row["amount"] for row in till.fake.world.all("charge")] == [1_601, 9_999]


def test_a_credit_at_stripe_is_not_taken_for_our_price(till: Till) -> None:
    """Where the invoice is for less than the order, the card pays the order and the invoice is void."""
    token = till.kept_card()
    asked = till.asked(*USED, method=token, off_session=True)
    till.fake.faults.when(lambda each: each.path.endswith("/finalize"), Fault.DROP_REQUEST)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    [invoice] = till.fake.world.all("invoice")
    invoice["amount_due"] = 1_500
    till.forward(minutes=3)
    paid = till.charge(asked)
    assert (paid.state, till.fake.world.rows[paid.reference]["amount"]) == (SUCCEEDED, 1_601)
    assert invoice["status"] == "void"
