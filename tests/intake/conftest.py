"""Alice creates, Bob derives, Carol buys for a studio, Dave may not."""

import pytest

from tests.cast import Cast, on_stage


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()
