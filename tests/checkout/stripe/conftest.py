"""A till whose gateway is Stripe's, and a fake that is sound when the test is over."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cast import on_stage
from tests.checkout.stripe.shop import NOW, Till
from tests.stripe.server import FakeStripe
from tests.stripe.webhooks import SECRET


@pytest.fixture
def fake(settings: Any) -> Iterator[FakeStripe]:
    with FakeStripe(NOW).serving() as served:
        settings.STRIPE = {
            "key": "sk_test_fake",
            "api": served.url,
            "webhook_secrets": (SECRET,),
            "timeout_seconds": 20,
        }
        yield served
        assert served.wrong == []
        assert served.books() == []


@pytest.fixture
def till(db: None, fake: FakeStripe) -> Till:
    return Till(fake, on_stage())
