"""Two browsers, the worker and the gateway's message at one order at once: it is paid once, or given up once."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from marketplace.checkout import hearing
from marketplace.checkout import operations as checkout
from marketplace.checkout.attempts import PaymentAttempt, StrayPayment
from marketplace.checkout.gateways.base import Charge, GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway, answer_bank
from marketplace.checkout.models import Order, PaymentOutcome, SandboxCharge
from marketplace.checkout.refunds import RefundIntent
from marketplace.checkout.sandbox_models import SandboxLine
from marketplace.licensing.models import Grant
from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from tests.cast import CARD, later
from tests.checkout.shop import Shop
from tests.checkout.test_payment_states import nothing_granted

AtOnce = Callable[..., list[Any]]
ASKS = "4000 0027 6000 3184"


def test_two_browsers_try_another_card_at_once(committed: None, shop: Shop, at_once: AtOnce) -> None:
    order = shop.buy(shop.offer(), method=ASKS)
    answer_bank(reference=SandboxCharge.objects.get().reference, agreed=False, now=later(hours=3))
    assert checkout.pay(order=order, now=later(hours=3)) is None

    at_once(*[lambda: checkout.try_again(order=order, method=CARD, now=later(hours=4))] * 4)

    assert (PaymentAttempt.objects.count(), SandboxCharge.objects.filter(succeeded=True).count()) == (2, 1)
    assert (Grant.objects.count(), Sale.objects.count(), SandboxLine.objects.get().amount_minor) == (1, 1, 5_000)
    assert check_books() == []


def test_it_is_paid_and_cancelled_at_once(committed: None, shop: Shop, at_once: AtOnce) -> None:
    for number in range(4):
        order = shop.buy(shop.offer(), method=ASKS, idempotency_key=f"k{number}")
        charge = SandboxCharge.objects.get(key=f"order:{order.pk}:1")
        key = charge.key

        def agree(reference: str = charge.reference, key: str = key) -> Any:
            answer_bank(reference=reference, agreed=True, now=later(hours=3))
            if SandboxCharge.objects.get(key=key).end.succeeded:
                hearing.hear_payment(key=key, charge=Charge(reference, "succeeded"), now=later(hours=3))

        at_once(
            agree,
            lambda order=order: checkout.cancel_order(order=order, now=later(hours=3)),
            lambda order=order: checkout.pay(order=order, now=later(hours=3)),
        )
        outcome = PaymentOutcome.objects.get(order=order)
        assert (outcome.outcome == "succeeded") == SandboxCharge.objects.get(key=key).end.succeeded
    assert Order.objects.filter(outcome=None).count() == StrayPayment.objects.count() == 0
    assert Grant.objects.count() == Sale.objects.count() == SandboxLine.objects.count()
    assert check_books() == []


def test_a_dispute_and_a_refund_made_at_the_gateway_are_heard_by_two_at_once(
    committed: None, shop: Shop, at_once: AtOnce
) -> None:
    order = shop.buy(shop.offer())
    reference = order.outcome.reference

    def refunded() -> str:
        return hearing.hear_refund(
            refund_reference="re_1",
            charge_reference=reference,
            amount_minor=1_000,
            state="succeeded",
            now=later(hours=3),
        )

    def disputed() -> str:
        return hearing.hear_dispute(
            charge_reference=reference, dispute_reference="du_1", state="lost", amount_minor=2_000, now=later(hours=3)
        )

    said = at_once(refunded, disputed, refunded, disputed)
    assert [one for one in said if isinstance(one, Exception)] == []
    assert RefundIntent.objects.count() == order.disputes.count() == 1
    assert check_books() == []


def placed(shop: Shop, key: str = "k") -> Order:
    """An order whose buyer's browser died before anybody was asked for money."""
    who = {"studio": shop.market.cast.studio, "buyer": shop.market.cast.carol}
    return checkout.place_order(offers=[shop.offer()], method=CARD, idempotency_key=key, now=later(hours=2), **who)


def test_who_cancels_what_was_never_asked_for_pays_nothing(shop: Shop) -> None:
    first, second = placed(shop), placed(shop, "k2")
    assert checkout.cancel_order(order=first, now=later(hours=3)).cause == "cancelled"
    assert checkout.pay(order=first, now=later(hours=3)).cause == "cancelled"  # type: ignore[union-attr]
    assert checkout.finish_orders(now=later(hours=27)) == 1
    assert PaymentOutcome.objects.get(order=second).cause == "expired"
    assert not SandboxCharge.objects.exists()
    nothing_granted()


def test_who_cancels_what_was_paid_without_an_answer_has_paid(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order, charge = placed(shop), SandboxGateway.charge

    def lost(self: SandboxGateway, **asked: Any) -> Charge:
        charge(self, **asked)
        raise GatewayUnavailable("the answer was lost")

    monkeypatch.setattr(SandboxGateway, "charge", lost)
    with pytest.raises(GatewayUnavailable):
        checkout.pay(order=order, now=later(hours=3))
    assert checkout.cancel_order(order=order, now=later(hours=3)).outcome == "succeeded"
    assert (SandboxCharge.objects.count(), Grant.objects.count(), Sale.objects.count()) == (1, 1, 1)


def test_nothing_is_called_off_while_it_is_asked_for(
    committed: None, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, charge, said = placed(shop), SandboxGateway.charge, []

    def cancels() -> None:
        try:
            said.append(checkout.cancel_order(order=order, now=later(hours=3)))
        except GatewayUnavailable as error:
            said.append(error.reason)
        finally:
            connection.close()

    def meanwhile(self: SandboxGateway, **asked: Any) -> Charge:
        thread = Thread(target=cancels)
        thread.start()
        thread.join()
        return charge(self, **asked)

    monkeypatch.setattr(SandboxGateway, "charge", meanwhile)
    assert checkout.pay(order=order, now=later(hours=3)).outcome == "succeeded"  # type: ignore[union-attr]
    assert said == ["it is being asked for, or called off"]
    assert StrayPayment.objects.count() == 0


def test_nothing_is_asked_for_while_it_is_called_off(
    committed: None, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, cancel, said = placed(shop), SandboxGateway.cancel, []

    def pays() -> None:
        try:
            said.append(checkout.pay(order=order, now=later(hours=3)))
        except GatewayUnavailable as error:
            said.append(error.reason)
        finally:
            connection.close()

    def meanwhile(self: SandboxGateway, **asked: Any) -> Charge:
        answer = cancel(self, **asked)
        thread = Thread(target=pays)
        thread.start()
        thread.join()
        return answer

    monkeypatch.setattr(SandboxGateway, "cancel", meanwhile)
    assert checkout.cancel_order(order=order, now=later(hours=3)).cause == "cancelled"
    assert said == ["it is being called off"]
    assert (SandboxCharge.objects.count(), StrayPayment.objects.count()) == (0, 0)
    nothing_granted()
