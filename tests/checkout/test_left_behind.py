"""What waits at a former gateway is ended by an operator who looked there, by what it did; nobody else is asked."""

from typing import Any

import pytest
from django.db import IntegrityError, InternalError, connection, transaction
from django.utils import timezone

from marketplace.checkout import hearing, order_states, paying
from marketplace.checkout import operations as checkout
from marketplace.checkout.attempts import AttemptDeclined, PaymentAttempt, StrayPayment
from marketplace.checkout.gateways.base import Charge
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.left_behind import UnableToEndTry, end_try, left_behind
from marketplace.checkout.left_models import AttemptFound
from marketplace.checkout.models import Order, PaymentOutcome, SandboxCharge
from marketplace.checkout.ways.reading import way_of
from marketplace.licensing.models import Grant
from marketplace.payouts.models import Sale
from marketplace.payouts.queries import check_books
from marketplace.people.models import Person
from tests.cast import CARD, later, person
from tests.checkout.shop import Shop
from tests.checkout.test_payment_states import ASKS, answered, balance, nothing_granted

NOW = later(hours=5)


@pytest.fixture
def olga(shop: Shop) -> Person:
    return person("olga")


@pytest.fixture
def waits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> PaymentAttempt:
    """Carol's order waits for her at a gateway that is not used any more since."""
    order = shop.buy(shop.offer(), method=ASKS)
    assert (left_behind().count(), order_states.state_of(order)) == (0, "action")
    monkeypatch.setattr(SandboxGateway, "name", "another")
    assert order_states.state_of(order) == "waiting"  # nobody sends her there any more
    return left_behind().get()


def ends(attempt: PaymentAttempt, olga: Person, found: str, reference: str = "", **more: Any) -> AttemptFound:
    said = {"reason": "seen in its dashboard", "by": olga, "now": NOW}
    return end_try(attempt=attempt, found=found, reference=reference, **(said | more))


def test_no_money_was_taken_and_carol_pays_here(shop: Shop, olga: Person, waits: PaymentAttempt) -> None:
    order = waits.order
    before = SandboxCharge.objects.count()
    assert checkout.finish_orders(now=NOW) == 0
    made = ends(waits, olga, "not-taken", "is left out")
    assert (made.reference, made.by, SandboxCharge.objects.count()) == ("", olga, before)
    assert (left_behind().count(), order_states.state_of(order)) == (0, "declined")
    assert not PaymentOutcome.objects.exists()
    nothing_granted()

    outcome = checkout.try_again(order=order, method=CARD, now=NOW)
    assert outcome is not None
    assert (outcome.outcome, outcome.attempt.gateway, outcome.attempt.number) == ("succeeded", "another", 2)
    assert (Grant.objects.count(), check_books()) == (1, [])
    way = [step.what for step in way_of(order).payment]
    assert way == ["ordered", "asked", "waits-action", "found-not-taken", "declined", "asked", "outcome-succeeded"]


def test_after_a_day_the_order_is_over(shop: Shop, olga: Person, waits: PaymentAttempt) -> None:
    ends(waits, olga, "not-taken", now=later(hours=27))
    outcome = PaymentOutcome.objects.get()
    assert (outcome.outcome, outcome.reason) == ("declined", "The payment provider of that time took no money.")
    nothing_granted()


def test_money_that_was_taken_pays_the_order(shop: Shop, olga: Person, waits: PaymentAttempt) -> None:
    before = (SandboxCharge.objects.count(), balance())
    ends(waits, olga, "taken", " ch_former ")
    outcome = PaymentOutcome.objects.get()
    assert (outcome.outcome, outcome.reference, outcome.attempt) == ("succeeded", "ch_former", waits)
    assert (Grant.objects.count(), Sale.objects.count(), check_books()) == (1, 1, [])
    assert (SandboxCharge.objects.count(), balance()) == before
    assert not left_behind().exists()


def test_money_that_was_given_back_there_is_in_no_sale(shop: Shop, olga: Person, waits: PaymentAttempt) -> None:
    ends(waits, olga, "given-back", "ch_former", now=later(hours=27))
    stray = StrayPayment.objects.get()
    assert (stray.reference, stray.amount_minor, stray.state) == ("ch_former", 50_00, "succeeded")
    assert stray.returned.reason == "seen in its dashboard"
    assert PaymentOutcome.objects.get().outcome == "declined"
    nothing_granted()
    assert (checkout.return_strays(now=later(days=3)), balance(), check_books()) == (0, 0, [])


def test_what_cannot_be_said_is_refused_and_nothing_is_written(
    shop: Shop, olga: Person, waits: PaymentAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid = shop.buy(shop.offer())
    cases: list[tuple[dict[str, Any], str]] = [
        ({"found": "not-taken", "reason": "  "}, "what you saw"),
        ({"found": "not-taken", "reason": "x" * 301}, "what you saw"),
        ({"found": "taken"}, "calls the payment"),
        ({"found": "given-back", "reference": "x" * 121}, "calls the payment"),
        ({"found": "taken", "reference": paid.outcome.reference}, "is known here already"),
    ]
    for said, why in cases:
        with pytest.raises(UnableToEndTry, match=why):
            ends(waits, olga, **said)
    with pytest.raises(UnableToEndTry, match="has ended"):
        ends(paid.attempts.get(), olga, "not-taken")
    monkeypatch.undo()
    with pytest.raises(UnableToEndTry, match="can be asked"):
        ends(waits, olga, "not-taken")
    assert (AttemptFound.objects.count(), AttemptDeclined.objects.count(), StrayPayment.objects.count()) == (0, 0, 0)
    assert (Grant.objects.count(), Sale.objects.count()) == (1, 1)


def test_a_try_beside_one_that_paid_takes_no_money_or_gives_it_back(
    shop: Shop, olga: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.buy(shop.offer(), method=ASKS)
    answered(order, False, hours=3)
    checkout.try_again(order=order, method=ASKS, now=later(hours=3))
    hearing.hear_payment(key=f"order:{order.pk}:1", charge=Charge("ch_first", "succeeded"), now=later(hours=4))
    monkeypatch.setattr(SandboxGateway, "name", "another")
    spare = left_behind([order]).get()
    assert (spare.number, Order.objects.get().outcome.reference) == (2, "ch_first")
    with pytest.raises(UnableToEndTry, match="give the money back there"):
        ends(spare, olga, "taken", "ch_second")
    assert not AttemptFound.objects.exists()
    ends(spare, olga, "given-back", "ch_second")
    assert (spare.declined.reference, StrayPayment.objects.get().state) == ("ch_second", "succeeded")
    assert (Grant.objects.count(), checkout.call_off_spares(now=later(days=1)), check_books()) == (1, 0, [])
    with pytest.raises(UnableToEndTry, match="has ended"):
        ends(spare, olga, "not-taken")


def test_what_an_operator_said_stays(shop: Shop, olga: Person, waits: PaymentAttempt) -> None:
    ends(waits, olga, "not-taken")
    for change in ({"found": "taken", "reference": "ch_1"}, {"reason": "otherwise"}):
        with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
            AttemptFound.objects.update(**change)
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM checkout_attemptfound")
    assert AttemptFound.objects.get().found == "not-taken"
    assert paying.attempt_of(waits.order) == waits
    assert timezone.now() > NOW or AttemptFound.objects.get().at == NOW
