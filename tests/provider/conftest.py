"""A fake of the provider that our settings lead to, with a clock that moves along with ours."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.stripe.server import FakeStripe
from tests.stripe.webhooks import SECRET

NOW = 1_790_000_000


class Moving:
    """The fake, and the time: both move together."""

    def __init__(self, fake: FakeStripe) -> None:
        self.fake, self.now = fake, datetime.fromtimestamp(NOW, UTC)

    def forward(self, **time: int) -> datetime:
        """Moves both clocks; gives the new time."""
        self.now += timedelta(**time)
        self.fake.advance(int(timedelta(**time).total_seconds()))
        return self.now


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
def moving(fake: FakeStripe) -> Moving:
    return Moving(fake)
