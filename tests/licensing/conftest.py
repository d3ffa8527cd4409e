"""The same market as the API's, and a license that Carol holds."""

import pytest

import ledger.operations
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from tests.api.conftest import _english, _quick, market  # noqa: F401
from tests.api.studios import Market
from tests.cast import NOON, later


@pytest.fixture
def grant(market: Market) -> Grant:  # noqa: F811
    return licensing.grant(offer=market.offer(), studio=market.cast.studio, source="order-line:1", now=later(hours=1))


@pytest.fixture
def sealed(grant: Grant) -> Grant:
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=2))
    return grant
