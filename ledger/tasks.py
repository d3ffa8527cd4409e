"""What the worker does for the log: seal, anchor, index and audit it, call contracts, read what they say."""

import logging

from django.utils import timezone
from procrastinate.contrib.django import app

import ledger.following
import ledger.monitoring
import ledger.operations
from ledger.chain.base import ChainUnavailable
from ledger.following import UnableToFollow
from ledger.sealing import BATCH_LIMIT
from ledger.witnessing.gathering import UnableToWitness

LOGGER = logging.getLogger(__name__)


@app.periodic(cron="* * * * * *")
@app.task(queueing_lock="ledger.seal", pass_context=False)
def seal(timestamp: int) -> None:
    """Seals what was stated since the last batch, without a pause while more waits than one batch takes.

    Missing witnesses are logged and no failure of the job: the next second asks them again.
    """
    try:
        while (batch := ledger.operations.seal(now=timezone.now())) and batch.count >= BATCH_LIMIT:
            pass
    except UnableToWitness as error:
        LOGGER.error("%s", error)


@app.periodic(cron="* * * * * */30")
@app.task(queueing_lock="ledger.anchor", pass_context=False)
def anchor(timestamp: int) -> None:
    """Anchors the newest checkpoint; a chain that is down is tried again at the next turn."""
    ledger.operations.anchor(now=timezone.now())


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="ledger.deliver", pass_context=False)
def deliver(timestamp: int) -> None:
    """Sends what waits for the chain and looks after what was sent; what keeps it is logged and no failure."""
    for trouble in ledger.operations.deliver(now=timezone.now()).troubles:
        LOGGER.warning("The chain: %s", trouble)


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="ledger.follow", pass_context=False)
def follow(timestamp: int) -> None:
    """Reads what our contracts said; a chain that is away, or no longer says the same, is logged and no failure."""
    try:
        ledger.following.follow(now=timezone.now())
    except ChainUnavailable as error:
        LOGGER.warning("%s", error.reason)
    except UnableToFollow as error:
        LOGGER.error("%s", error)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="ledger.index", pass_context=False)
def index(timestamp: int) -> None:
    """Commits the index of what was sealed into the log."""
    ledger.operations.commit_index(now=timezone.now())


@app.periodic(cron="41 * * * *")
@app.task(queueing_lock="ledger.monitor", pass_context=False)
def monitor(timestamp: int) -> None:
    """Audits our own log as outsiders do, and logs what breaks its law."""
    ledger.monitoring.monitor(now=timezone.now())
