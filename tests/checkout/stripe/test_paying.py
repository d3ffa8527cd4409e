"""Carol pays three sellers: at Stripe's page, with a kept card, with her bank between; once, whatever is lost."""

from dataclasses import replace
from typing import Any

import pytest

from marketplace.checkout.gateways.base import (
    ACTION,
    DECLINED,
    PENDING,
    SUCCEEDED,
    AskedLine,
    Charge,
    GatewayUnavailable,
    UnableToUseMethod,
)
from marketplace.checkout.gateways.stripe import words
from marketplace.checkout.gateways.stripe.paying import UNSAYABLE
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.stripe_models import GatewayCustomer
from tests.checkout.stripe.shop import THREE, Till
from tests.stripe import payments
from tests.stripe.faults import Fault
from tests.stripe.world import Refused


def test_a_page_names_what_three_sellers_sell(till: Till) -> None:
    asked = till.asked()
    page = till.charge(asked)
    assert (page.state, page.url) == (ACTION, f"https://checkout.stripe.test/c/pay/{page.reference}")

    session = till.fake.client().v1.checkout.sessions.retrieve(page.reference)
    assert (session.amount_total, session.client_reference_id, session.success_url) == (
        9_999, str(asked.order_id), asked.return_url,
    )  # fmt: skip
    assert session.metadata
    assert session.metadata["worldloom_payment"] == asked.key
    lines = till.fake.client().v1.checkout.sessions.line_items.list(page.reference).data
    assert [line.amount_total for line in lines] == [5_000, 3_000, 1_999]
    customer = GatewayCustomer.objects.get()
    assert (customer.studio, customer.reference) == (till.cast.studio, session.customer)

    till.fills_in(page)
    paid = till.standing(asked, page.reference)
    assert (paid.state, paid.reference[:3], paid.method_token) == (SUCCEEDED, "ch_", "")
    charge = till.fake.world.rows[paid.reference]
    assert (charge["amount"], charge["transfer_group"]) == (9_999, asked.transfer_group)
    assert charge["metadata"]["worldloom_payment"] == asked.key


def test_the_same_key_opens_one_page_even_if_a_seller_is_renamed(till: Till) -> None:
    asked = till.asked()
    page = till.charge(asked)
    renamed = replace(asked, lines=(replace(THREE[0], seller="Alice Lin"), *THREE[1:]))
    assert till.charge(renamed) == page
    assert till.count("checkout.session") == 1


def test_a_seller_is_renamed_after_an_answer_was_lost(till: Till) -> None:
    asked = till.asked()
    renamed = replace(asked, lines=(replace(THREE[0], seller="Alice Lin"), *THREE[1:]))
    till.fake.faults.when(lambda each: each.path == "/v1/checkout/sessions", Fault.DROP_RESPONSE)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    page = _until_answered(till, renamed)
    assert (page.state, till.count("checkout.session")) == (ACTION, 1)


def test_a_declined_card_leaves_the_page_open_for_another(till: Till) -> None:
    asked = till.asked()
    page = till.charge(asked)
    with pytest.raises(Refused):
        till.fills_in(page, "pm_card_chargeDeclined")
    assert till.standing(asked, page.reference) == page
    till.fills_in(page)
    assert till.standing(asked, page.reference).succeeded


def test_a_page_that_nobody_uses_ends_after_a_day(till: Till) -> None:
    asked = till.asked()
    page = till.charge(asked)
    till.forward(days=1)
    ended = till.standing(asked, page.reference)
    assert (ended.state, ended.reason, ended.reference) == (DECLINED, words.EXPIRED_PAGE, page.reference)


def test_a_page_is_called_off_or_has_been_used(till: Till) -> None:
    asked = till.asked()
    page = till.charge(asked)
    assert till.cancel(asked, page.reference).reason == words.CALLED_OFF
    with pytest.raises(Refused):
        till.fills_in(page)

    other = till.asked()
    used = till.charge(other)
    till.fills_in(used)
    assert till.cancel(other, used.reference).succeeded


def test_a_bank_debit_succeeds_or_fails_after_days(till: Till) -> None:
    for card, ends in (("pm_usBankAccount_success", SUCCEEDED), ("pm_usBankAccount_insufficientFunds", DECLINED)):
        asked = till.asked()
        page = till.charge(asked)
        till.fills_in(page, card)
        waits = till.standing(asked, page.reference)
        assert (waits.state, waits.reference) == (PENDING, page.reference)
        assert till.cancel(asked, page.reference).state == PENDING
        till.forward(days=5)
        end = till.standing(asked, page.reference)
        assert (end.state, end.reason) == (ends, words.NO_FUNDS if ends == DECLINED else "")


def test_a_card_is_kept_and_charged_again_alone(till: Till) -> None:
    token = till.kept_card()
    method = PaymentMethod.objects.get()
    assert (method.studio, method.token, method.brand, method.last4, method.exp_year) == (
        till.cast.studio, token, "visa", "4242", 2034,
    )  # fmt: skip
    before = len(till.fake.asked)
    asked = till.asked(method=token, off_session=True)
    paid = till.charge(asked)
    assert (paid.state, paid.reference[:3]) == (SUCCEEDED, "ch_")
    assert till.posts(before) == ["payment_intents"]
    assert till.charge(asked) == paid
    assert till.posts(before) == ["payment_intents"]


def test_a_bank_asks_and_carol_agrees_or_not(till: Till) -> None:
    token = till.kept_card("pm_card_visa")
    till.fake.world.hidden[token]["goes"] = "authenticates"
    for agrees, state, reason in ((True, SUCCEEDED, ""), (False, DECLINED, words.NOT_CONFIRMED)):
        asked = till.asked(method=token)
        asks = till.charge(asked)
        assert (asks.state, asks.reference[:3]) == (ACTION, "pi_")
        assert asks.url.startswith("https://hooks.stripe.test/3ds/")
        till.plays(payments.authenticated, asks.reference, agreed=agrees)
        after = till.standing(asked, asks.reference)
        assert (after.state, after.reason) == (state, reason)


def test_a_bank_that_wants_carol_is_answered_at_a_page(till: Till) -> None:
    token = till.kept_card()
    till.fake.world.hidden[token]["goes"] = "authenticates"
    asked = till.asked(method=token, off_session=True)
    page = till.charge(asked)
    assert (page.state, page.reference[:3]) == (ACTION, "cs_")
    [former] = [row for row in till.fake.world.all("payment_intent") if row["metadata"].get("worldloom_off_session")]
    assert former["status"] == "canceled"
    assert till.charge(asked) == page
    till.fills_in(page)
    paid = till.standing(asked, page.reference)
    assert paid.succeeded
    assert paid.method_token.startswith("pm_")
    assert till.fake.world.rows[paid.reference]["metadata"]["worldloom_payment"] == asked.key


@pytest.mark.parametrize(
    ("goes", "reason"), [("generic_decline", words.DECLINED), ("insufficient_funds", words.NO_FUNDS)]
)
def test_a_kept_card_is_declined_and_takes_nothing(till: Till, goes: str, reason: str) -> None:
    token = till.kept_card()
    till.fake.world.hidden[token]["goes"] = goes
    before = till.fake.world.held["acct_platform", "usd"]
    declined = till.charge(till.asked(method=token))
    assert (declined.state, declined.reason) == (DECLINED, reason)
    assert till.fake.world.held["acct_platform", "usd"] == before


def test_daves_studio_cannot_pay_with_carols_card(till: Till) -> None:
    token = till.kept_card()
    declined = till.charge(till.asked(method=token, studio_id=till.cast.daves_studio.pk))
    assert (declined.state, declined.reference) == (DECLINED, "")


def test_words_of_stolen_cards_are_not_said(till: Till) -> None:
    for code in ("stolen_card", "lost_card", "fraudulent", "merchant_blacklist", "pickup_card", "never_heard_of"):
        assert words.sentence(code, "card_declined") == words.DECLINED


def test_amounts_are_said_in_stripes_units(till: Till) -> None:
    for currency, amount, said in (("JPY", 1_200, 1_200), ("HUF", 34_567, 34_567), ("KWD", 1_230, 1_230)):
        page = till.charge(till.asked(AskedLine("Yunhai", "Alice", amount), currency=currency))
        assert till.fake.world.rows[page.reference]["amount_total"] == said


def test_dinars_go_in_steps_of_ten_fils(till: Till) -> None:
    odd = (AskedLine("Yunhai", "Alice", 1_234), AskedLine("Ink", "Mo", 2_226))
    page = till.charge(till.asked(*odd, currency="KWD"))
    assert till.fake.world.rows[page.reference]["amount_total"] == 3_460
    assert len(till.fake.world.hidden[page.reference]["items"]) == 1

    before = till.count("checkout.session")
    refused = till.charge(till.asked(AskedLine("Yunhai", "Alice", 1_234), currency="KWD"))
    assert (refused.state, refused.reason) == (DECLINED, UNSAYABLE)
    assert till.count("checkout.session") == before


def test_a_number_of_a_card_is_not_taken_here(till: Till) -> None:
    with pytest.raises(UnableToUseMethod):
        till.gateway.method("4242 4242 4242 4242")
    assert till.gateway.method("") == till.gateway.method("hosted") == "hosted"
    assert till.gateway.method(" pm_1abc ") == "pm_1abc"
    assert till.fake.asked == []


_OFTEN, _RARE = (
    (Fault.DROP_RESPONSE, Fault.ERROR_SAVED),
    (
        Fault.RESET,
        Fault.DROP_REQUEST,
        Fault.CONFLICT,
        Fault.LIMIT,
        Fault.ERROR,
    ),
)
LOST = [*_OFTEN, *(pytest.param(fault, marks=pytest.mark.deep) for fault in _RARE)]


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("path", ["customers", "checkout/sessions", "payment_intents"])
def test_whatever_answer_is_lost_money_moves_once(till: Till, fault: Fault, path: str) -> None:
    asked = till.asked()
    if path == "payment_intents":
        asked = till.asked(method=till.kept_card())
    till.fake.faults.when(lambda each: each.method == "POST" and each.path == f"/v1/{path}", fault)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    charge = _until_answered(till, asked)
    if charge.state == ACTION:
        till.fills_in(charge)
        charge = till.standing(asked, charge.reference)
    assert charge.succeeded
    mine = [row for row in till.fake.world.all("charge") if row["metadata"].get("worldloom_payment") == asked.key]
    assert [row["id"] for row in mine] == [charge.reference]


def _until_answered(till: Till, asked: Any) -> Any:
    for _ in range(4):
        till.forward(minutes=3)
        try:
            return till.charge(asked)
        except GatewayUnavailable:
            continue
    raise AssertionError("never answered")


def test_a_key_that_stripe_forgot_is_looked_up(till: Till) -> None:
    asked = till.asked(method=till.kept_card())
    till.fake.faults.when(lambda each: each.path == "/v1/payment_intents", Fault.DROP_RESPONSE)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    till.forward(days=2)
    before = len(till.fake.asked)
    assert till.charge(asked).succeeded
    assert till.posts(before) == []
    assert till.count("payment_intent") == 2


def test_a_declined_try_of_which_nobody_heard_is_adopted_as_declined(till: Till) -> None:
    token = till.kept_card()
    till.fake.world.hidden[token]["goes"] = "insufficient_funds"
    asked = till.asked(method=token)
    till.fake.faults.when(lambda each: each.path == "/v1/payment_intents", Fault.DROP_RESPONSE)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    till.forward(days=2)
    declined = till.charge(asked)
    assert (declined.state, declined.reason) == (DECLINED, words.NO_FUNDS)


def test_a_charge_of_unknown_reference_is_called_off(till: Till) -> None:
    asked = till.asked()
    till.fake.faults.when(lambda each: each.path == "/v1/checkout/sessions", Fault.DROP_RESPONSE)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    till.forward(minutes=3)
    assert till.cancel(asked, "").state == DECLINED
    assert [row["status"] for row in till.fake.world.all("checkout.session")] == ["expired"]


def test_who_calls_off_what_never_reached_stripe_pays_nothing(till: Till) -> None:
    token = till.kept_card()
    never, lost = till.asked(method=token), till.asked(method=token, off_session=True)
    before = len(till.fake.asked)
    assert till.cancel(never, "") == Charge("", DECLINED, reason=words.CALLED_OFF)
    till.fake.faults.when(lambda each: each.path == "/v1/payment_intents", Fault.DROP_REQUEST)
    with pytest.raises(GatewayUnavailable):
        till.charge(lost)
    asked = till.posts(before)
    with pytest.raises(GatewayUnavailable):
        till.cancel(lost, "")  # it may be on its way
    till.forward(minutes=3)
    assert till.cancel(lost, "") == Charge("", DECLINED, reason=words.CALLED_OFF)
    assert (till.posts(before), till.count("charge")) == (asked, 1)


def test_who_calls_off_what_was_paid_without_an_answer_has_paid(till: Till) -> None:
    asked = till.asked(method=till.kept_card())
    till.fake.faults.when(lambda each: each.path == "/v1/payment_intents", Fault.DROP_RESPONSE)
    with pytest.raises(GatewayUnavailable):
        till.charge(asked)
    assert till.cancel(asked, "").succeeded
    assert till.count("charge") == 2


def test_a_customer_that_was_deleted_at_stripe_is_followed_by_another(till: Till) -> None:
    token = till.kept_card()
    former = GatewayCustomer.objects.get().reference
    till.fake.client().v1.customers.delete(former)
    first, second = till.asked(), till.asked(method=token)
    assert (till.charge(first).state, till.charge(first).reason) == (DECLINED, words.LATER)
    # Whoever died before that was written asks again, by now as another customer.
    assert (till.charge(first).state, till.count("checkout.session")) == (DECLINED, 1)
    assert (till.charge(second).state, till.charge(second).reason) == (DECLINED, words.GONE)
    asked = till.asked()
    page = till.charge(asked)
    till.fills_in(page)
    assert till.standing(asked, page.reference).succeeded
    assert list(GatewayCustomer.objects.order_by("number").values_list("number", "studio")) == [
        (1, till.cast.studio.pk),
        (2, till.cast.studio.pk),
    ]
