"""Journeys are made in the application's role, as everything is outside of tests."""

import pytest

from tests.limited import become, limit


@pytest.fixture(autouse=True)
def _as_the_application(db: None) -> None:
    become(limit())
