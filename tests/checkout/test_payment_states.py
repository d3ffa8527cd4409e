"""What each test card brings about, from the order to its end: nobody is charged twice, and no money is forgotten."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.checkout import hearing, order_states, paying
from marketplace.checkout import operations as checkout
from marketplace.checkout.attempts import AttemptDeclined, PaymentAttempt, PaymentStep, StrayPayment, StrayReturn
from marketplace.checkout.gateways.base import Charge, GatewayUnavailable
from marketplace.checkout.gateways.sandbox import SandboxGateway, answer_bank
from marketplace.checkout.gateways.sandbox_balance import move_clock
from marketplace.checkout.models import Order, PaymentOutcome, SandboxCharge
from marketplace.checkout.sandbox_models import SandboxLine
from marketplace.licensing import operations as licensing
from marketplace.licensing.exclusivity import UnableToGrantExclusively
from marketplace.licensing.models import Grant
from marketplace.payouts.models import Posting, Sale
from marketplace.payouts.queries import check_books
from tests.cast import CARD, DECLINED_CARD, later
from tests.checkout.shop import Shop

ASKS, ASKS_ALWAYS, IN_VAIN = "4000 0025 0000 3155", "4000 0027 6000 3184", "4000 0084 0000 1629"
LATE, LATE_FAILED = "4000 0099 0000 0012", "4000 0099 0000 0020"
PLACED = later(hours=2)


def nothing_granted() -> None:
    assert not Grant.objects.exists()
    assert not Sale.objects.exists()
    assert not Posting.objects.exists()


def balance() -> int:
    """What the sandbox has for us."""
    return sum(line.amount_minor - line.fee_minor for line in SandboxLine.objects.all())


def waiting(shop: Shop, card: str, **more: Any) -> Order:
    order = shop.buy(shop.offer(), method=card, **more)
    assert not PaymentOutcome.objects.exists()
    nothing_granted()
    assert balance() == 0
    return order


def answered(order: Order, agreed: bool, **at: int) -> PaymentOutcome | None:
    answer_bank(reference=SandboxCharge.objects.latest("charged_at").reference, agreed=agreed, now=later(**at))
    return checkout.pay(order=order, now=later(**at))


@pytest.mark.parametrize("card", [ASKS, ASKS_ALWAYS])
def test_the_bank_asks_and_carol_agrees(shop: Shop, card: str) -> None:
    order = waiting(shop, card)
    step = PaymentStep.objects.get()
    assert order_states.state_of(order) == "action"
    assert step.url.endswith(f"/sandbox/bank/{step.reference}")

    outcome = answered(order, True, hours=3)

    assert outcome is not None
    assert (outcome.outcome, outcome.reference) == ("succeeded", SandboxCharge.objects.get().reference)
    assert order_states.state_of(order) == "paid"
    assert (Grant.objects.count(), Sale.objects.get().gross_minor, balance()) == (1, 5_000, 5_000)
    assert check_books() == []


def test_a_gateway_that_goes_back_to_the_buyer_is_not_asked_all_the_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the bank decides about stays with the bank, and each look is later than the one before."""
    order = waiting(shop, LATE)
    [step] = PaymentStep.objects.all()
    asked: list[int] = []

    def standing(_self: object, **_asked: Any) -> Charge:
        asked.append(second)
        return Charge(step.reference, "action", url="http://127.0.0.1/bank")

    monkeypatch.setattr(SandboxGateway, "standing", standing)
    for second in range(5, 125, 5):
        assert checkout.finish_orders(now=PLACED + timedelta(seconds=second)) == 0
    assert asked == [5, 15, 35, 75]
    assert set(PaymentStep.objects.values_list("state", flat=True)) == {"pending"}
    assert order_states.state_of(order) == "waiting"
    nothing_granted()


@pytest.mark.parametrize(
    ("card", "agrees", "reason"),
    [
        (ASKS, False, "The payment was not confirmed at the bank: try again, or use another card."),
        (IN_VAIN, True, "The card was declined: use another card."),
    ],
)
def test_what_is_declined_at_the_bank_is_paid_with_another_card(
    shop: Shop, card: str, agrees: bool, reason: str
) -> None:
    order = waiting(shop, card)
    assert answered(order, agrees, hours=3) is None
    nothing_granted()
    assert order_states.state_of(order) == "declined"
    assert AttemptDeclined.objects.get().reason == reason

    again = checkout.try_again(order=order, method=CARD, now=later(hours=4))

    assert again is not None
    assert (again.outcome, again.attempt.number, again.attempt.key) == ("succeeded", 2, f"order:{order.pk}:2")
    assert (SandboxCharge.objects.count(), Sale.objects.count(), balance()) == (2, 1, 5_000)
    with pytest.raises(checkout.UnableToPay, match="The order is over: place a new one"):
        checkout.try_again(order=order, method=CARD, now=later(hours=5))
    assert SandboxCharge.objects.count() == 2


def test_no_second_try_while_the_first_may_take_money(shop: Shop) -> None:
    order = waiting(shop, ASKS)
    with pytest.raises(checkout.UnableToPay, match="A payment of this order is on its way"):
        checkout.try_again(order=order, method=CARD, now=later(hours=3))
    assert (PaymentAttempt.objects.count(), SandboxCharge.objects.count()) == (1, 1)
    with pytest.raises(IntegrityError, match="before this one has not ended"), transaction.atomic():
        PaymentAttempt.objects.create(
            order=order, number=2, gateway="sandbox", key="k", method="success", intended_at=later(hours=3)
        )


def test_money_that_comes_late_grants_late(shop: Shop) -> None:
    order = waiting(shop, LATE)
    assert order_states.state_of(order) == "waiting"
    assert checkout.finish_orders(now=PLACED + timedelta(minutes=30)) == 0
    nothing_granted()
    assert checkout.finish_orders(now=PLACED + timedelta(minutes=61)) == 1
    assert (Grant.objects.count(), balance(), order_states.state_of(order)) == (1, 5_000, "paid")
    assert check_books() == []


def test_a_debit_that_fails_late_leaves_a_day_for_another_card(shop: Shop) -> None:
    order = waiting(shop, LATE_FAILED)
    assert checkout.finish_orders(now=PLACED + timedelta(hours=2)) == 0
    assert order_states.state_of(order) == "declined"
    assert checkout.finish_orders(now=PLACED + timedelta(hours=25)) == 1
    outcome = PaymentOutcome.objects.get()
    assert (outcome.outcome, outcome.cause, order_states.state_of(order)) == ("declined", "expired", "expired")
    nothing_granted()


def test_the_sandboxs_clock_is_its_own_and_goes_forward(shop: Shop) -> None:
    order = waiting(shop, LATE)
    move_clock(forward=timedelta(days=3), now=PLACED)
    assert checkout.pay(order=order, now=PLACED + timedelta(minutes=1)).outcome == "succeeded"  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="only goes forward"):
        move_clock(forward=timedelta(hours=-1), now=PLACED)


def test_we_look_seldomer_and_seldomer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(shop, ASKS)
    looks, standing = [], SandboxGateway.standing

    def counted(self: SandboxGateway, **asked: Any) -> Charge:
        looks.append(int((asked["now"] - PLACED).total_seconds()))
        return standing(self, **asked)

    monkeypatch.setattr(SandboxGateway, "standing", counted)
    for second in range(0, 400, 5):
        checkout.finish_orders(now=PLACED + timedelta(seconds=second))
    assert looks == [5, 15, 35, 75, 155, 315]
    assert PaymentStep.objects.count() == 7


def test_who_does_not_pay_within_a_day_lets_go_what_the_order_took(shop: Shop) -> None:
    offer = shop.offer("exclusive", 90_000)
    order = shop.buy(offer, method=ASKS)
    dave = {"studio": shop.market.cast.daves_studio, "buyer": shop.market.cast.dave}
    with pytest.raises(UnableToGrantExclusively):
        shop.buy(offer, now=later(hours=3), **dave)
    assert checkout.finish_orders(now=PLACED + timedelta(hours=23)) == 0
    assert checkout.finish_orders(now=PLACED + timedelta(hours=25)) == 1
    assert (order_states.state_of(order), SandboxCharge.objects.get().end.succeeded) == ("expired", False)
    assert answered(order, True, days=2).cause == "expired"  # type: ignore[union-attr]
    nothing_granted()
    assert balance() == 0
    shop.buy(offer, now=later(days=2), **dave)
    assert Grant.objects.get().studio == shop.market.cast.daves_studio


def test_carol_cancels_what_waits_for_her_and_not_what_is_with_the_bank(shop: Shop) -> None:
    order = waiting(shop, ASKS)
    outcome = checkout.cancel_order(order=order, now=later(hours=3))
    assert (outcome.outcome, outcome.cause, order_states.state_of(order)) == ("declined", "cancelled", "cancelled")
    assert checkout.cancel_order(order=order, now=later(hours=4)) == outcome
    nothing_granted()
    other = shop.buy(shop.offer(), method=LATE)
    with pytest.raises(checkout.UnableToPay, match="The bank is deciding about the payment"):
        checkout.cancel_order(order=other, now=later(hours=2, minutes=1))
    assert order_states.state_of(other) == "waiting"


def test_who_pays_while_it_is_cancelled_has_paid(shop: Shop) -> None:
    order = waiting(shop, ASKS)
    answer_bank(reference=SandboxCharge.objects.get().reference, agreed=True, now=later(hours=3))
    assert checkout.cancel_order(order=order, now=later(hours=3)).outcome == "succeeded"
    assert (Grant.objects.count(), Sale.objects.count(), balance()) == (1, 1, 5_000)


def test_money_for_an_order_that_is_over_goes_back_once(shop: Shop) -> None:
    order = waiting(shop, ASKS)
    checkout.cancel_order(order=order, now=later(hours=3))
    key, reference = PaymentAttempt.objects.get().key, SandboxCharge.objects.get().reference

    for _time in range(2):
        hearing.hear_payment(key=key, charge=Charge(reference, "succeeded"), now=later(hours=4))

    assert StrayPayment.objects.get().amount_minor == 5_000
    assert order_states.state_of(order) == "cancelled"
    nothing_granted()
    assert checkout.return_strays(now=later(hours=5)) == 0  # the sandbox took nothing: it refuses
    assert StrayReturn.objects.get().outcome == "refused"
    assert (
        hearing.hear_refund(
            refund_reference="re_1",
            charge_reference=reference,
            amount_minor=5_000,
            state="succeeded",
            now=later(hours=6),
        )
        == ""
    )


@pytest.mark.parametrize("states", [("succeeded", "pending", "declined"), ("pending", "succeeded", "action")])
def test_news_of_a_payment_come_in_any_order(shop: Shop, states: tuple[str, ...]) -> None:
    order = waiting(shop, ASKS)
    key = PaymentAttempt.objects.get().key
    for _time in range(2):
        for state in states:
            hearing.hear_payment(key=key, charge=Charge("ch_1", state, url="https://bank.example"), now=later(hours=3))
    assert PaymentOutcome.objects.get().reference == "ch_1"
    assert (Grant.objects.count(), Sale.objects.count(), StrayPayment.objects.count()) == (1, 1, 0)
    assert order_states.state_of(order) == "paid"
    with pytest.raises(hearing.UnableToHear, match="no payment has that key"):
        hearing.hear_payment(key="order:none", charge=Charge("ch_1", "succeeded"), now=later(hours=3))


def test_the_message_is_faster_than_the_answer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    charge = SandboxGateway.charge

    def overtaken(self: SandboxGateway, *, payment: Any, now: Any) -> Charge:
        answer = charge(self, payment=payment, now=now)
        hearing.hear_payment(key=payment.key, charge=answer, now=now)
        raise GatewayUnavailable("the answer was lost")

    monkeypatch.setattr(SandboxGateway, "charge", overtaken)
    with pytest.raises(GatewayUnavailable):
        shop.buy(shop.offer())
    assert (PaymentOutcome.objects.get().outcome, Grant.objects.count(), Sale.objects.count()) == ("succeeded", 1, 1)
    assert checkout.finish_orders(now=later(hours=3)) == 0


def test_a_first_decline_ends_the_order_where_the_form_still_stands(shop: Shop) -> None:
    with pytest.raises(checkout.PaymentDeclined):
        shop.buy(shop.offer(), method=DECLINED_CARD)
    assert order_states.state_of(Order.objects.get()) == "declined"
    with pytest.raises(checkout.UnableToPay):
        checkout.try_again(order=Order.objects.get(), method=CARD, now=later(hours=3))


def test_what_cannot_be_granted_any_more_is_given_up_and_paid_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = waiting(shop, ASKS)

    def refuse(**_asked: Any) -> None:
        raise licensing.UnableToGrant(_asked["offer"], "the license that it replaces is gone")

    monkeypatch.setattr(licensing, "grant", refuse)
    outcome = answered(order, True, hours=3)
    assert outcome is not None
    assert (outcome.outcome, outcome.cause) == ("declined", "refused")
    nothing_granted()
    assert checkout.return_strays(now=later(hours=4)) == 1
    assert (checkout.return_strays(now=later(hours=5)), balance()) == (0, 0)


def test_states_of_many_orders_are_few_queries(shop: Shop, django_assert_max_num_queries: Any) -> None:
    orders = [shop.buy(shop.offer(), method=card) for card in (CARD, ASKS, LATE, CARD)]
    free = shop.buy(shop.offer("personal", 0), method="")
    checkout.refund_line(line=orders[3].lines.get(), amount_minor=1_00, reason="a broken file", now=later(hours=3))
    with django_assert_max_num_queries(7):
        states = order_states.states_of([*orders, free])
    assert [states[one.pk] for one in (*orders, free)] == ["paid", "action", "waiting", "part-refunded", "free"]


def test_a_renewal_that_the_bank_asks_about_is_declined_while_nobody_is_there(shop: Shop) -> None:
    order = waiting(shop, ASKS)
    attempt = PaymentAttempt.objects.select_related("order__studio", "order__buyer").get()
    asked = paying.asked_of(attempt, list(order.lines.all()))
    for card, state in [("3ds", "succeeded"), ("3ds-always", "declined"), ("3ds-in-vain", "declined")]:
        later_on = type(asked)(
            **{name: getattr(asked, name) for name in asked.__slots__}
            | {"key": f"renewal-{card}", "method": card, "off_session": True}
        )
        assert SandboxGateway().charge(payment=later_on, now=later(days=30)).state == state


def test_a_try_that_still_runs_is_called_off_when_an_older_one_paid(shop: Shop) -> None:
    order = waiting(shop, ASKS)
    first = PaymentAttempt.objects.get()
    hearing.hear_payment(key=first.key, charge=Charge("ch_1", "declined"), now=later(hours=3))
    assert checkout.try_again(order=order, method=ASKS_ALWAYS, now=later(hours=4)) is None

    hearing.hear_payment(key=first.key, charge=Charge("ch_1", "succeeded"), now=later(hours=4, minutes=1))

    assert PaymentOutcome.objects.get().attempt == first
    assert checkout.call_off_spares(now=later(hours=5)) == 1
    assert checkout.call_off_spares(now=later(hours=6)) == 0
    second = PaymentAttempt.objects.get(number=2)
    assert not SandboxCharge.objects.get(key=second.key).end.succeeded
    assert (second.declined.reason, Grant.objects.count()) == ("The payment was called off.", 1)


def test_a_try_that_took_money_too_gives_it_back(shop: Shop) -> None:
    order = waiting(shop, ASKS)
    first = PaymentAttempt.objects.get()
    hearing.hear_payment(key=first.key, charge=Charge("ch_1", "declined"), now=later(hours=3))
    checkout.try_again(order=order, method=ASKS_ALWAYS, now=later(hours=4))
    answer_bank(reference=SandboxCharge.objects.latest("charged_at").reference, agreed=True, now=later(hours=4))
    hearing.hear_payment(key=first.key, charge=Charge("ch_1", "succeeded"), now=later(hours=4))

    assert checkout.call_off_spares(now=later(hours=5)) == 1
    assert checkout.return_strays(now=later(hours=5)) == 1
    assert (balance(), StrayReturn.objects.get().outcome, Sale.objects.count()) == (0, "succeeded", 1)


def test_the_operator_moves_the_clock(shop: Shop) -> None:
    order, out = waiting(shop, LATE, now=timezone.now()), StringIO()
    call_command("sandbox_clock", "--forward", "3d", stdout=out)
    assert out.getvalue().startswith("The sandbox's clock: ")
    for wrong in ("3", "-3d", "0h", "999999d", "x"):
        with pytest.raises(CommandError, match="is no time to go forward"):
            call_command("sandbox_clock", f"--forward={wrong}")
    assert checkout.pay(order=order, now=timezone.now()).outcome == "succeeded"  # type: ignore[union-attr]
