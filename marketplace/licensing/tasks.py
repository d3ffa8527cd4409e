"""What the worker does for licenses: sign copies of pictures, tell studios what ends, close offers on the chain."""

from uuid import UUID

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from marketplace.licensing import chain_stale, credentialed, noticing
from marketplace.licensing.models import Grant


@app.task(name="licensing.sign_copies", queue="intake")
def sign_copies(grant_id: str) -> None:
    """Signs the pictures of a grant as soon as it is given; a download does what is left."""
    grant = Grant.objects.select_related("release__pack__creator", "terms").get(pk=UUID(grant_id))
    credentialed.sign_copies(release=grant.release, terms=grant.terms, now=timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="licensing.give_notices", pass_context=False)
def give_notices(timestamp: int) -> None:
    """Finds what studios must be told of their licenses."""
    noticing.give_notices(now=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="licensing.close_stale", pass_context=False)
def close_stale(timestamp: int) -> None:
    """Closes on the chain what could not be offered there so today."""
    chain_stale.close_stale(now=timezone.now())


# A mail server that is away takes the letter later. A worker that is killed meanwhile does not send it again.
@app.task(
    name="licensing.send_notice", retry=RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError})
)
def send_notice(notice_id: int, person_id: str) -> None:
    """Sends one person one notice."""
    noticing.send_letter(notice_id=notice_id, person_id=UUID(person_id))
