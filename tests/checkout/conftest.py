"""The same market as the API's."""

import pytest

from tests.api.conftest import _english, _quick, market  # noqa: F401
from tests.api.studios import Market
from tests.checkout.shop import Shop


@pytest.fixture
def shop(market: Market) -> Shop:  # noqa: F811
    return Shop(market)
