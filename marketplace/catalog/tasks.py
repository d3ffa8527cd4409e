"""What the worker does for packs: ends the proposals of transfers that nobody answered."""

from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.catalog import transferring


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="catalog.expire_proposals", pass_context=False)
def expire_proposals(timestamp: int) -> None:
    """Ends the proposals in which the time to answer is over."""
    transferring.expire_proposals(now=timezone.now())
