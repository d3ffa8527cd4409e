"""What the worker does for bytes: remove the leftovers of crashes."""

from django.utils import timezone
from procrastinate.contrib.django import app

import assets.operations


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="assets.sweep", pass_context=False)
def sweep(timestamp: int) -> None:
    """Sweeps once an hour."""
    assets.operations.sweep(now=timezone.now())
