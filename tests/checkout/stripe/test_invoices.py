"""What Carol's studio used is charged by an invoice at Stripe, where the operator wants invoices there."""

import contextlib
from typing import Any

import pytest

from marketplace.checkout.gateways.base import ACTION, DECLINED, PENDING, SUCCEEDED, AskedLine, GatewayUnavailable
from marketplace.checkout.gateways.stripe import inbox, invoices, words
from marketplace.provider.inbox import About
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


def customer(till: Till) -> dict[str, Any]:
    [row] = till.fake.world.all("customer")
    return row


def paid_by_card_alone(till: Till, asked: Any, credit: int) -> None:
    """The card pays the order once, no invoice is open or paid by it, and the credit is as it was."""
    paid = till.charge(asked)
    assert (paid.state, till.fake.world.rows[paid.reference]["amount"]) == (SUCCEEDED, 1_601)
    assert till.charge(asked) == paid
    assert [row["amount"] for row in till.fake.world.all("charge")] == [1_601, 9_999]
    assert customer(till)["balance"] == credit
    assert [row["amount_paid"] for row in till.fake.world.all("invoice") if row["status"] != "void"] in ([], [0])


@pytest.mark.parametrize("credit", [-500, -1_601, -9_000, 300])
def test_a_credit_at_stripe_is_neither_used_nor_taken_for_our_price(till: Till, credit: int) -> None:
    asked = till.asked(*USED, method=till.kept_card(), off_session=True)
    customer(till)["balance"] = credit
    paid_by_card_alone(till, asked, credit)
    assert till.count("invoice") == 0
    customer(till)["balance"] = 0  # used up elsewhere: what was charged without an invoice stays so
    assert till.charge(asked).succeeded
    assert (till.count("invoice"), till.count("charge")) == (0, 2)


@pytest.mark.parametrize("credit", [-500, -1_601, -9_000])
def test_a_credit_that_is_given_at_the_last_moment_is_given_back(
    till: Till, monkeypatch: pytest.MonkeyPatch, credit: int
) -> None:
    asked = till.asked(*USED, method=till.kept_card(), off_session=True)
    look = invoices._goes_on

    def given(*args: Any) -> bool:
        goes_on = look(*args)
        customer(till)["balance"] = credit
        return goes_on

    with monkeypatch.context() as patched:
        patched.setattr(invoices, "_goes_on", given)
        till.charge(asked)
    paid_by_card_alone(till, asked, credit)


@pytest.mark.parametrize("fault", [Fault.DROP_RESPONSE, Fault.DROP_REQUEST])
@pytest.mark.parametrize("place", range(1, 9))
def test_whatever_is_lost_while_there_is_a_credit_the_card_pays_once(till: Till, place: int, fault: Fault) -> None:
    asked = till.asked(*USED, method=till.kept_card(), off_session=True)
    customer(till)["balance"] = -500
    till.fake.faults.at(len(till.fake.asked) + place, fault)
    for _ in range(4):
        with contextlib.suppress(GatewayUnavailable):
            till.charge(asked)
        till.forward(minutes=3)
    paid_by_card_alone(till, asked, -500)


def test_a_payment_whose_draft_was_removed_is_called_off(till: Till) -> None:
    asked = till.asked(*USED, method=till.kept_card(), off_session=True)
    customer(till)["balance"] = -500
    till.fake.faults.when(lambda each: each.path == "/v1/payment_intents", Fault.DROP_REQUEST)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    till.forward(minutes=3)
    ended = till.cancel(asked, "")
    assert (ended.state, till.count("invoice"), till.count("charge")) == (DECLINED, 0, 1)


def test_a_message_about_an_invoice_that_nobody_has_tried_to_pay_changes_nothing(till: Till, monkeypatch: Any) -> None:
    asked = till.asked(*USED, method=till.kept_card(), off_session=True)
    with monkeypatch.context() as died:
        died.setattr(invoices, "_paid", lambda *_given: pytest.fail("died"))
        with pytest.raises(pytest.fail.Exception):
            till.charge(asked)
    [row] = till.fake.world.all("invoice")
    assert row["status"] == "open"
    assert inbox.fetch_invoice(About("invoice", row["id"], "", frozenset(), till.now)) is None
    assert till.charge(asked).state == SUCCEEDED
