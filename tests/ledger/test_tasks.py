"""How often the worker does what it does: of six fields of a schedule the last is the seconds."""

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from procrastinate.contrib.django import app

SEVEN_PAST = datetime(2026, 11, 22, 2, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("ledger.tasks.seal", 1),
        ("ledger.tasks.anchor", 30),
        ("ledger.tasks.deliver", 5),
        ("ledger.tasks.follow", 5),
        ("ledger.tasks.index", 60),
        ("ledger.tasks.monitor", 3600),
    ],
)
def test_the_worker_does_it_this_often(name: str, seconds: int) -> None:
    (task,) = [one for one in app.periodic_registry.periodic_tasks.values() if one.task.name == name]
    times = croniter(task.cron, SEVEN_PAST)
    first = times.get_next(datetime)
    assert times.get_next(datetime) - first == timedelta(seconds=seconds)
