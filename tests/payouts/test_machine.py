"""Random histories on PostgreSQL beside a model: whatever happens in whatever order, the books are right."""

import pytest

from tests.payouts.machine.play import play


def test_random_histories(db, faulty_rail, settings):
    settings.PAYOUT_SCHEDULE = "always"
    play(6, 16)


@pytest.mark.deep
def test_many_long_random_histories(db, faulty_rail, settings):
    settings.PAYOUT_SCHEDULE = "always"
    play(40, 30)
