"""What the worker does for the books: allocate royalties, release holds, settle, check."""

import logging

from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.payouts import operations
from marketplace.payouts.queries import check_books

log = logging.getLogger(__name__)


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


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="payouts.check", pass_context=False)
def check(timestamp: int) -> None:
    """Asks every hour what is wrong with the books, and logs each problem as an error."""
    for problem in check_books():
        log.error("%s", problem)
