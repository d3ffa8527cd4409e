"""What the worker does for the provider: it takes in what the provider told us."""

import contextlib

from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from marketplace.provider import inbox

EVENTS, ROUNDS = 1_000, 20  # then the worker's other jobs have their turn


@app.periodic(cron="* * * * * */5")
@app.task(name="provider.hear", queueing_lock="provider.hear", pass_context=False)
def hear(timestamp: int) -> None:
    """Takes in the events that are due, and those that come meanwhile."""
    for _round in range(ROUNDS):
        if inbox.handle_events(now=timezone.now(), limit=EVENTS) < EVENTS:
            return


def soon() -> None:
    """Lets a worker hear at once. One that is asked and has not begun will see what was kept until now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'", ["provider.hear"])
        if cursor.fetchone() is not None:
            return
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        app.configure_task("provider.hear", queueing_lock="provider.hear").defer(timestamp=0)
