"""What the worker does for the log: seal every second, anchor every half minute."""

from django.utils import timezone
from procrastinate.contrib.django import app

import ledger.operations


@app.periodic(cron="* * * * * *")
@app.task(queueing_lock="ledger.seal", pass_context=False)
def seal(timestamp: int) -> None:
    """Seals what was stated since the last batch."""
    ledger.operations.seal(now=timezone.now())


@app.periodic(cron="*/30 * * * * *")
@app.task(queueing_lock="ledger.anchor", pass_context=False)
def anchor(timestamp: int) -> None:
    """Anchors the newest checkpoint; a chain that is down is tried again at the next turn."""
    ledger.operations.anchor(now=timezone.now())
