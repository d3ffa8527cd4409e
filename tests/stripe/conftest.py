"""A fake with two creators who may be paid; a test ends with nothing wrong in the oracle's eyes, and sound books."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import stripe

from tests.stripe import accounts
from tests.stripe.server import FakeStripe

NOW = 1_790_000_000


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe(NOW).serving() as served:
        yield served
        assert served.wrong == []
        assert served.books() == []


@pytest.fixture
def client(fake: FakeStripe) -> stripe.StripeClient:
    return fake.client()


@pytest.fixture
def creators(fake: FakeStripe, client: stripe.StripeClient) -> SimpleNamespace:
    """Alice and Bob, whose losses are ours, and whose onboarding is done."""
    ids = {}
    for name in ("alice", "bob"):
        made = client.v1.accounts.create(
            {
                "controller": {
                    "losses": {"payments": "application"},
                    "fees": {"payer": "application"},
                    "stripe_dashboard": {"type": "express"},
                },
                "capabilities": {"transfers": {"requested": True}},
                "email": f"{name}@example.com",
            }
        )
        accounts.onboarded(fake.world, made.id)
        ids[name] = made.id
    return SimpleNamespace(**ids)


def charged(client: stripe.StripeClient, amount: int = 10_000, card: str = "pm_card_visa", **more: object) -> str:
    """Carol pays; gives the charge's id."""
    intent = client.v1.payment_intents.create(
        {"amount": amount, "currency": "usd", "payment_method": card, "confirm": True, **more}  # type: ignore[typeddict-item]
    )
    assert isinstance(intent.latest_charge, str)
    return intent.latest_charge
