"""Random histories on PostgreSQL beside a model: whatever happens in whatever order, the books are right."""

import pytest

from tests.payouts.machine.playing import play


def test_random_histories(db, faulty_rail, settings):
    settings.PAYOUT_SCHEDULE = "always"
    play(4, 12, proven_every=6)


@pytest.mark.deep
def test_many_long_random_histories(db, faulty_rail, settings):
    settings.PAYOUT_SCHEDULE = "always"
    play(40, 30)
