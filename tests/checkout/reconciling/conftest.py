"""The market, a shop in it, and a gateway that tells what a test wants."""

import pytest

from tests.api.conftest import _english, _quick, market  # noqa: F401
from tests.checkout.conftest import shop  # noqa: F401
from tests.checkout.reconciling.ledgers import Told


@pytest.fixture
def told() -> Told:
    return Told()
