"""The oracle names what is wrong by path, and the fake names what it does nothing about."""

import pytest
import stripe
from stripe.params import PaymentIntentCreateParams, TransferCreateParams

from tests.stripe.oracle import Ill, decode, members, whole, wrong
from tests.stripe.routes import ROUTES
from tests.stripe.server import FakeStripe, form_of


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("amount=7&currency=usd", "destination: missing"),
        ("amount=7.5&currency=usd&destination=a", "amount: '7.5' is not of type int"),
        ("currency=usd&destination=a&bogus=1", "bogus: unknown parameter"),
        ("currency=usd&destination=a&source_type=cash", "source_type: 'cash' is none of 'bank_account', 'card', 'fpx'"),
        ("currency=usd&destination=a&metadata=x", "metadata: 'x' is not a hash"),
    ],
)
def test_a_forms_parameters(form: str, text: str) -> None:
    with pytest.raises(Ill) as ill:
        decode(form_of(form), TransferCreateParams)

    assert str(ill.value) == text


def test_nested_parameters_are_typed() -> None:
    form = "amount=7&currency=usd&automatic_payment_methods[enabled]=true&metadata[a]=1&expand[0]=x&expand[1]=y"

    assert decode(form_of(form), PaymentIntentCreateParams) == {
        "amount": 7,
        "currency": "usd",
        "automatic_payment_methods": {"enabled": True},
        "metadata": {"a": "1"},
        "expand": ["x", "y"],
    }
    with pytest.raises(Ill, match=r"^automatic_payment_methods\[enabled\]: 'yes' is not a boolean"):
        decode(form_of("amount=7&currency=usd&automatic_payment_methods[enabled]=yes"), PaymentIntentCreateParams)


def test_an_objects_fields() -> None:
    good = whole(
        stripe.TransferReversal, id="trr_1", object="transfer_reversal", amount=1, created=1, currency="usd",
        transfer="tr_1",
    )  # fmt: skip

    assert wrong(good, stripe.TransferReversal, path="reversal") == []
    assert wrong(good | {"amount": "1"}, stripe.TransferReversal, path="reversal") == [
        "reversal.amount: '1' is not of type int"
    ]
    assert wrong(good | {"colour": 1}, stripe.TransferReversal, path="reversal") == [
        "reversal.colour: unknown to this API version"
    ]
    del good["currency"]
    assert wrong(good, stripe.TransferReversal, path="reversal") == ["reversal.currency: missing"]


def test_what_the_fake_does_nothing_about_is_named(fake: FakeStripe, client: stripe.StripeClient) -> None:
    client.v1.payment_intents.create({"amount": 500, "currency": "usd", "statement_descriptor": "Moss"})

    assert fake.wrong == ["POST /v1/payment_intents: the fake does nothing about statement_descriptor"]
    fake.wrong.clear()


def test_every_route_acts_on_parameters_that_exist() -> None:
    assert len(ROUTES) >= 70
    for route in ROUTES:
        assert route.acts_on <= members(route.params).keys(), route
