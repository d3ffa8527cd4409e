"""A till whose gateway is Stripe's, and a fake that is sound when the test is over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import on_stage
from tests.checkout.stripe.shop import NOW, Till
from tests.checkout.stripe.store import Store, begins_at, opened
from tests.standing import standing
from tests.stripe.server import FakeStripe
from tests.stripe.webhooks import SECRET


def stripe_at(url: str) -> dict[str, Any]:
    """Settings that lead to a fake."""
    return {"key": "sk_test_fake", "api": url, "webhook_secrets": (SECRET,), "timeout_seconds": 20}


@pytest.fixture
def fake(settings: Any) -> Iterator[FakeStripe]:
    with FakeStripe(NOW).serving() as served:
        settings.STRIPE = stripe_at(served.url)
        yield served
        assert served.wrong == []
        assert served.books() == []


@pytest.fixture
def till(db: None, fake: FakeStripe) -> Till:
    return Till(fake, on_stage())


@pytest.fixture
def store(db: None, tmp_path: Path, settings: Any) -> Iterator[Store]:
    three, begins = standing(opened, tmp_path), begins_at()
    settings.ADAPTERS = settings.ADAPTERS | {"payments": "marketplace.checkout.gateways.stripe.gateway.StripeGateway"}
    with FakeStripe(int(begins.timestamp())).serving() as fake:
        settings.STRIPE = stripe_at(fake.url)
        yield Store(fake, three.market.cast, now=begins, offers=three.offers)
        assert fake.wrong == []
        assert fake.books() == []
