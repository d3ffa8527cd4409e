"""Money that came for orders which are over: it is followed on its way back, and none of it is lost or forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from marketplace.checkout import hearing, operations, past_due, paying, refunding
from marketplace.checkout import operations as checkout
from marketplace.checkout.attempts import PaymentAttempt, StrayPayment, StrayReturn, StrayReturnStep
from marketplace.checkout.disputes import Contradiction
from marketplace.checkout.gateways.base import Charge, GatewayUnavailable, Returned
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.models import Order, PaymentOutcome, SandboxCharge
from marketplace.checkout.refunds import RefundIntent, RefundOutcome
from marketplace.checkout.ways.reading import way_of
from marketplace.database import paging
from marketplace.licensing.models import Grant
from marketplace.payouts.queries import check_books
from tests.cast import CARD, later
from tests.checkout.shop import Shop
from tests.checkout.test_payment_states import ASKS, balance

NOW = later(hours=5)
HOUR = timedelta(hours=1)
ARRIVES_LATER, FAILS_LATER = "4000 0000 0000 7726", "4000 0000 0000 5126"


def placed(shop: Shop, card: str = CARD, **more: Any) -> Order:
    """An order that nobody was asked to pay yet."""
    who = {"studio": shop.market.cast.studio, "buyer": shop.market.cast.carol}
    asked = {"idempotency_key": "placed", "now": later(hours=2), "offers": [shop.offer()], "method": card}
    return checkout.place_order(**(who | asked | more))


def strayed(shop: Shop, card: str, **more: Any) -> StrayPayment:
    """An order that was cancelled, whose money came afterwards."""
    order = placed(shop, card, **more)
    attempt = PaymentAttempt.objects.select_related("order__studio", "order__buyer").get(order=order)
    checkout.cancel_order(order=order, now=later(hours=3))
    charge = SandboxGateway().charge(payment=paying.asked_of(attempt, list(order.lines.all())), now=later(hours=3))
    hearing.hear_payment(key=attempt.key, charge=charge, now=later(hours=3))
    return StrayPayment.objects.get(attempt=attempt)


def states() -> list[str]:
    return [step.state for step in StrayReturnStep.objects.all()]


def page(client: Any, shop: Shop, stray: StrayPayment) -> str:
    client.force_login(shop.market.cast.carol)
    return str(client.get(reverse("order-pay", args=[stray.attempt.order_id])).content.decode())


def heard(stray: StrayPayment, state: str, **more: Any) -> str:
    asked = {"refund_reference": stray.returned.reference, "charge_reference": stray.reference, "amount_minor": 5_000}
    return hearing.hear_refund(state=state, now=later(hours=9), **(asked | more))


def test_it_is_on_its_way_until_the_bank_has_it(shop: Shop, client: Any) -> None:
    stray = strayed(shop, ARRIVES_LATER)
    assert (stray.state, checkout.return_strays(now=NOW)) == ("here", 1)
    stray = StrayPayment.objects.get()
    assert (stray.state, states()) == ("pending", ["pending"])
    assert "is on its way back to you" in page(client, shop, stray)
    checkout.return_strays(now=NOW + timedelta(minutes=30))
    assert states() == ["pending"]
    checkout.return_strays(now=NOW + 2 * HOUR)
    checkout.return_strays(now=NOW + 9 * HOUR)
    assert (StrayPayment.objects.get().state, states()) == ("succeeded", ["pending", "succeeded"])
    assert "and went back to you" in page(client, shop, stray)
    assert (heard(stray, "succeeded"), balance(), check_books()) == ("", 0, [])


@pytest.mark.parametrize("named", [{}, {"key": True}, {"charge_reference": ""}])
def test_it_comes_back_and_everybody_is_told(
    shop: Shop, client: Any, caplog: pytest.LogCaptureFixture, named: dict[str, Any]
) -> None:
    stray = strayed(shop, ARRIVES_LATER)
    checkout.return_strays(now=NOW)
    stray = StrayPayment.objects.get()
    named = {"key": stray.key} if "key" in named else named
    assert heard(stray, "failed", **named) == "refund-failed"
    assert (heard(stray, "failed", **named), heard(stray, "succeeded", **named)) == ("", "")
    assert (StrayPayment.objects.get().state, states()) == ("failed", ["pending", "failed"])
    assert f"{stray.key} failed at the payer's bank" in caplog.text
    assert "could not be sent back: we write to you" in page(client, shop, stray)
    way = [step.what for step in way_of(stray.attempt.order).payment]
    assert way == ["ordered", "asked", "declined", "stray", "outcome-declined", "stray-pending", "stray-failed"]
    checkout.return_strays(now=NOW + 9 * HOUR)
    assert (states(), StrayReturn.objects.count()) == (["pending", "failed"], 1)


def test_the_sandbox_tells_that_it_came_back(shop: Shop) -> None:
    strayed(shop, FAILS_LATER)
    checkout.return_strays(now=NOW)
    assert StrayPayment.objects.get().state == "succeeded"
    assert (checkout.collect_events(now=NOW + 9 * HOUR), checkout.collect_events(now=NOW + 9 * HOUR)) == (1, 0)
    assert StrayPayment.objects.get().state == "failed"


def test_one_try_that_took_money_twice_gives_the_second_back(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    order = shop.buy(shop.offer(), method=CARD)
    attempt = order.attempts.get()
    for name in ("ch_second", "ch_second", "ch_third", order.outcome.reference, "pi_named_otherwise"):
        outcome = hearing.hear_payment(key=attempt.key, charge=Charge(name, "succeeded"), now=NOW)
        assert outcome == order.outcome
    stray = StrayPayment.objects.get()
    assert (stray.attempt, stray.reference, stray.amount_minor) == (attempt, "ch_second", 5_000)
    third = Contradiction.objects.get()
    assert (third.kind, third.reference, third.said) == ("payment", "ch_third", "paid once more")
    assert "took money once more (ch_third)" in caplog.text
    assert Grant.objects.count() == 1


def test_a_gateway_of_before_is_not_asked_by_another_name(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = placed(shop, ASKS)
    strayed(shop, CARD, idempotency_key="stray")
    line = shop.line(shop.offer())
    monkeypatch.setattr(SandboxGateway, "name", "another")
    before = (SandboxCharge.objects.count(), balance())
    with pytest.raises(GatewayUnavailable, match="asked of sandbox, and payments go through another now"):
        checkout.cancel_order(order=waits, now=NOW)
    with pytest.raises(GatewayUnavailable):
        checkout.refund_line(line=line, amount_minor=1_00, reason="unhappy", now=NOW)
    assert checkout.finish_orders(now=NOW) == checkout.finish_refunds(now=NOW) == checkout.return_strays(now=NOW) == 0
    assert (SandboxCharge.objects.count(), balance()) == before
    assert not RefundOutcome.objects.exists()
    assert not PaymentOutcome.objects.filter(order=waits).exists()
    monkeypatch.undo()
    assert (checkout.finish_refunds(now=NOW), checkout.return_strays(now=NOW)) == (1, 1)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows are as many as there are in a page."""

    def by_two(rows: Any, by: str) -> Any:
        return paging.each(rows, by, page=2)

    for module in (operations, past_due, paying, refunding, checkout.return_strays.__globals__):
        if isinstance(module, dict):
            monkeypatch.setitem(module, "each", by_two)
        else:
            monkeypatch.setattr(module, "each", by_two)


@pytest.mark.usefixtures("small_pages")
def test_five_that_are_stuck_do_not_keep_the_sixth_waiting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        strayed(shop, CARD, idempotency_key=f"stray-{number}")
    lines = [shop.line(shop.offer()) for _number in range(6)]
    refunds = [refunding.intend(line=line, reason="unhappy", now=later(hours=4)) for line in lines]
    orders = [placed(shop, idempotency_key=f"open-{number}") for number in range(6)]
    strays = list(StrayPayment.objects.order_by("at", "pk"))
    refunds.sort(key=lambda one: (one.intended_at, one.pk))
    orders.sort(key=lambda one: (one.placed_at, one.pk))
    fine = {strays[-1].key, refunds[-1].key, f"order:{orders[-1].pk}:1"}
    refund, charge = SandboxGateway.refund, SandboxGateway.charge

    def away(asked: Any) -> None:
        if asked not in fine:
            raise GatewayUnavailable("it does not answer")

    def slow_refund(self: SandboxGateway, **asked: Any) -> Returned:
        away(asked["key"])
        return refund(self, **asked)

    def slow_charge(self: SandboxGateway, **asked: Any) -> Charge:
        away(asked["payment"].key)
        return charge(self, **asked)

    monkeypatch.setattr(SandboxGateway, "refund", slow_refund)
    monkeypatch.setattr(SandboxGateway, "charge", slow_charge)
    assert (checkout.return_strays(now=NOW), StrayReturn.objects.get().payment) == (1, strays[-1])
    assert (checkout.finish_refunds(now=NOW), RefundOutcome.objects.get().intent) == (1, refunds[-1])
    assert (checkout.finish_orders(now=NOW), orders[-1].attempts.get().outcome.outcome) == (1, "succeeded")
    assert RefundIntent.objects.filter(outcome=None).count() == 5


def test_what_is_refused_for_now_is_asked_for_every_day_under_another_key(
    shop: Shop, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = strayed(shop, CARD)
    asked: list[str] = []

    def too_low(_self: Any, *, key: str, **_more: Any) -> Returned:
        asked.append(key)
        return Returned("", "failed", "The balance at the payment provider is too low.", passes=True)

    with monkeypatch.context() as low:
        low.setattr(SandboxGateway, "refund", too_low)
        for hours in (0, 1, 23, 24, 47, 48):
            assert checkout.return_strays(now=NOW + hours * HOUR) == 0
    first = f"stray:{stray.pk}"
    assert asked == [first, f"{first}:2", f"{first}:3"]
    assert (StrayPayment.objects.get().state, states(), StrayReturn.objects.count()) == ("here", ["later"] * 3, 0)
    assert "is on its way back to you" in page(client, shop, stray)
    assert checkout.return_strays(now=NOW + 71 * HOUR) == 0
    assert checkout.return_strays(now=NOW + 72 * HOUR) == 1
    stray = StrayPayment.objects.get()
    assert (stray.state, stray.key, states()) == ("succeeded", f"{first}:4", ["later"] * 3 + ["succeeded"])
    assert heard(stray, "failed", key=stray.key, refund_reference=stray.returned.reference) == "refund-failed"
    assert StrayPayment.objects.get().state == "failed"
    assert "stray-later" in [step.what for step in way_of(stray.attempt.order).payment]
