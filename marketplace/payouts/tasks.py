"""What the worker does for the books: allocate royalties, release holds, settle, check."""

from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.payouts import operations


@app.periodic(cron="*/5 * * * * *")
@app.task(queueing_lock="payouts.allocate", pass_context=False)
def allocate(timestamp: int) -> None:
    """Allocates new sales to their payees and moves what is no longer held to available."""
    operations.allocate_royalties(now=timezone.now())
    operations.release_holds(now=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="payouts.settle", pass_context=False)
def settle(timestamp: int) -> None:
    """Pays what is available, every PAYOUT_EVERY_MINUTES; open payouts of a killed run are finished first."""
    if timestamp // 60 % settings.PAYOUT_EVERY_MINUTES == 0:
        operations.settle(now=timezone.now())
