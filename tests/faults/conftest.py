"""The whole way, committed for real, against the fake: workers are killed, and other workers go on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.checkout.gateways.stripe import inbox as gateway_inbox
from marketplace.payouts.connected.events import listen
from marketplace.provider import inbox
from tests.checkout.stripe.conftest import stripe_at
from tests.checkout.stripe.store import begins_at, opened
from tests.faults.way import Way
from tests.standing import standing
from tests.stripe.server import FakeStripe


@pytest.fixture
def way(committed: None, tmp_path: Path, settings: Any) -> Iterator[Way]:
    three, begins = standing(opened, tmp_path), begins_at()
    settings.ADAPTERS = settings.ADAPTERS | {
        "payments": "marketplace.checkout.gateways.stripe.gateway.StripeGateway",
        "payouts": "marketplace.payouts.rails.stripe_connect.StripeConnectRail",
    }
    settings.CONNECT_THREADS, settings.PAYOUT_SCHEDULE = 1, "always"
    with FakeStripe(int(begins.timestamp())).serving() as fake, inbox.only({}):
        settings.STRIPE = stripe_at(fake.url)
        gateway_inbox.listen()
        listen()
        made = Way(fake, three.market.cast, now=begins, offers=three.offers)
        made.connect()
        yield made
        assert fake.wrong == []
        assert fake.books() == []
