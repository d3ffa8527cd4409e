"""Who checks the creators of these stories, and what the settings want of them."""

from typing import Any

import pytest

from tests.payouts.checks.planned import PlannedScreening


@pytest.fixture
def screening(settings: Any) -> type[PlannedScreening]:
    settings.ADAPTERS = {**settings.ADAPTERS, "screening": "tests.payouts.checks.planned.PlannedScreening"}
    PlannedScreening.says, PlannedScreening.asked = {}, []
    return PlannedScreening


@pytest.fixture
def sanctions(settings: Any) -> None:
    """Names are compared with lists before the first payout."""
    settings.CHECK_SANCTIONS = True


@pytest.fixture
def identity(settings: Any) -> None:
    """Whoever is paid more than 20.00 must be known."""
    settings.CHECK_IDENTITY_ABOVE_MINOR = 20_00
