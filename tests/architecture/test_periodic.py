"""What the worker does again and again comes evenly: where a cron has six fields, the seconds are the last of them."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from croniter import croniter
from procrastinate.contrib.django import app

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def crons() -> dict[str, str]:
    return {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}


def test_there_are_periodic_tasks():
    assert {"ledger.tasks.seal", "ledger.tasks.anchor"} <= set(crons())


@pytest.mark.parametrize("name", sorted(name for name, cron in crons().items() if len(cron.split()) == 6))
def test_what_counts_seconds_comes_evenly(name):
    turns = croniter(crons()[name], NOON, ret_type=datetime)
    times = [NOON, *(next(turns) for _turn in range(4_000))]
    gaps = {(later - earlier).total_seconds() for earlier, later in pairwise(times)}
    assert len(gaps) == 1, gaps
    assert gaps <= {1.0, 5.0, 10.0, 20.0, 30.0}
