"""What the worker does for the provider: it takes in what the provider told us."""

import contextlib

from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from marketplace.provider import inbox


@app.periodic(cron="* * * * * */5")
@app.task(name="provider.hear", queueing_lock="provider.hear", pass_context=False)
def hear(timestamp: int) -> None:
    """Takes in the events that are due."""
    inbox.handle_events(now=timezone.now())


def soon() -> None:
    """Lets a worker hear at once; one that is asked already will do."""
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        hear.defer(timestamp=int(timezone.now().timestamp()))
