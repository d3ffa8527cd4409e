"""What the worker does to hold the books against the gateway: read and match often, prove once a day, write letters."""

import logging

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from marketplace.checkout.reconciling import equating, operations, telling
from marketplace.checkout.reconciling.ports.base import UnableToRead

log = logging.getLogger(__name__)


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="checkout.reconcile", pass_context=False)
def reconcile(timestamp: int) -> None:
    """Copies the gateway's new lines and matches them."""
    if port := operations.balance_lines():
        try:
            operations.reconcile(port=port, now=timezone.now())
        except UnableToRead as error:
            log.warning("%s", error)


@app.periodic(cron="40 4 * * *")
@app.task(queueing_lock="checkout.prove_balance", pass_context=False)
def prove_balance(timestamp: int) -> None:
    """Holds the books against the gateway's balance, and each creator's account with it against what was sent there."""
    if port := operations.balance_lines():
        try:
            equating.prove(port=port, now=timezone.now(), creators=True)
        except UnableToRead as error:
            log.error("%s", error)


@app.task(name="checkout.prove_balance_now", queueing_lock="checkout.prove_balance_now", pass_context=False)
def prove_balance_now() -> None:
    """Does so because an operator asks."""
    prove_balance(timestamp=0)


def ask_now() -> None:
    """This will lay down the job that does so now; one that waits already is enough."""
    try:
        prove_balance_now.defer()
    except AlreadyEnqueued:
        log.info("a reconciliation waits already")


# A mail server that is away takes the letter later. A worker that is killed meanwhile does not send it again.
@app.task(
    name="checkout.tell_of_reconciliation",
    retry=RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError}),
)
def tell_of_reconciliation(reconciliation_id: int, occasion: str, address: str, language: str) -> None:
    """Writes one operator what a reconciliation found."""
    telling.send_letter(reconciliation_id=reconciliation_id, occasion=occasion, address=address, language=language)
