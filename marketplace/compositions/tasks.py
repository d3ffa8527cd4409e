"""What the worker does for runs: ask, hear and composite, and go on with what a killed worker left.

Providers may take their time to answer, so this is in the queue `services`, which has workers of its own.
"""

import contextlib
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from marketplace.compositions.runs import Run
from marketplace.compositions.services import advancing
from marketplace.compositions.services.starting import QUEUE, TASK, queueing_lock


@app.task(name=TASK, queue=QUEUE)
def run(run_id: str) -> None:
    """Does a step of a run, and comes again when it says."""
    row = Run.objects.select_related("lock", "studio", "person").get(pk=UUID(run_id))
    again = advancing.advance(run=row, now=timezone.now())
    if again is not None:
        _come_again(row, again)


@app.periodic(cron="* * * * * */20")
@app.task(queue=QUEUE, queueing_lock="compositions.run_due", pass_context=False)
def run_due(timestamp: int) -> None:
    """Takes up the runs that nobody comes again for."""
    now = timezone.now()
    for row in advancing.overdue(now=now):
        _come_again(row, now)


def _come_again(row: Run, at: datetime) -> None:
    task = app.configure_task(TASK, queue=QUEUE, queueing_lock=queueing_lock(row), schedule_at=at)
    # One that waits already is refused by the database, and only this much is undone by it.
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        task.defer(run_id=str(row.pk))
