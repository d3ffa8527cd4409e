"""Carol's studio gives a card to be kept, and takes it away again."""

import pytest

from marketplace.checkout.gateways.base import ACTION, DECLINED, SUCCEEDED, AskedLine, GatewayUnavailable
from marketplace.checkout.gateways.stripe import words
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.methods import gone
from tests.checkout.stripe.shop import Till
from tests.stripe import sessions
from tests.stripe.faults import Fault


def begun(till: Till, key: str = "method:1") -> str:
    url = till.gateway.begin_method(
        studio=till.cast.studio.pk,
        email="carol@example.com",
        return_url="https://worldloom.example/payment-methods",
        key=key,
        now=till.now,
    )
    return url.rpartition("/")[2]


def find(till: Till) -> int:
    return till.gateway.find_methods(studio=till.cast.studio.pk, now=till.now)


def test_a_card_is_given_at_stripes_page_and_found_once(till: Till) -> None:
    assert find(till) == 0
    page = begun(till)
    assert begun(till) == page
    assert find(till) == 0
    till.plays(sessions.completed, page)
    assert (find(till), find(till)) == (1, 0)
    card = PaymentMethod.objects.get()
    assert (card.studio, card.brand, card.last4) == (till.cast.studio, "visa", "4242")
    assert till.charge(till.asked(method=card.token, off_session=True)).succeeded


def test_a_forgotten_card_hangs_on_nobody_and_is_not_found_again(till: Till) -> None:
    token = till.kept_card()
    till.gateway.forget_method(token, now=till.now)
    till.gateway.forget_method(token, now=till.now)
    assert till.posts().count(f"payment_methods/{token}/detach") == 1
    assert till.fake.world.rows[token]["customer"] is None
    assert gone(gateway="stripe", token=token, now=till.now) == 1
    assert find(till) == 0
    declined = till.charge(till.asked(method=token, off_session=True))
    assert (declined.state, declined.reason) == (DECLINED, words.GONE)


def test_a_card_that_stripe_does_not_know_is_forgotten_in_silence(till: Till) -> None:
    till.gateway.forget_method("pm_never", now=till.now)


def test_a_lost_answer_leaves_one_customer(till: Till) -> None:
    till.fake.faults.when(lambda asked: asked.path == "/v1/customers", Fault.DROP_RESPONSE)
    with pytest.raises(GatewayUnavailable):
        begun(till)
    till.forward(minutes=3)
    begun(till)
    assert till.count("customer") == 1


def test_a_trial_keeps_a_card_and_takes_nothing(till: Till) -> None:
    asked = till.asked(AskedLine("Yunhai", "Alice", 0), amount_minor=0, keep_method=True)
    page = till.charge(asked)
    assert (page.state, page.reference[:3], till.fake.world.rows[page.reference]["mode"]) == (ACTION, "cs_", "setup")
    assert till.standing(asked, page.reference) == page
    till.plays(sessions.completed, page.reference)
    kept = till.standing(asked, page.reference)
    assert (kept.state, kept.reference[:5], kept.method_token) == (
        SUCCEEDED,
        "seti_",
        PaymentMethod.objects.get().token,
    )
    assert till.count("payment_intent") == 0

    again = till.asked(AskedLine("Ink", "Mo", 0), amount_minor=0, keep_method=True, method=kept.method_token)
    assert (till.charge(again).state, till.charge(again).method_token) == (SUCCEEDED, kept.method_token)
    strange = till.asked(AskedLine("Ink", "Mo", 0), amount_minor=0, keep_method=True, method="pm_of_dave")
    assert till.charge(strange).state == DECLINED


def test_a_page_for_a_trial_is_called_off(till: Till) -> None:
    asked = till.asked(AskedLine("Yunhai", "Alice", 0), amount_minor=0, keep_method=True)
    page = till.charge(asked)
    assert till.cancel(asked, page.reference).state == DECLINED
