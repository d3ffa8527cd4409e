"""What the worker does for packs: ends proposals that nobody answered, and lets log and chain follow each other."""

from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.catalog import handing_over, tokens, transferring


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="catalog.expire_proposals", pass_context=False)
def expire_proposals(timestamp: int) -> None:
    """Ends the proposals in which the time to answer is over."""
    transferring.expire_proposals(now=timezone.now())


@app.periodic(cron="* * * * * */10")
@app.task(queueing_lock="catalog.follow_tokens", pass_context=False)
def follow_tokens(timestamp: int) -> None:
    """Reads what the chain said of tokens, states the transfers that waited for it, and says what the log overtook."""
    tokens.take_token_events()
    handing_over.finish_handovers(now=timezone.now())
    tokens.supersede_overtaken(now=timezone.now())


@app.periodic(cron="47 * * * *")
@app.task(queueing_lock="catalog.watch_tokens", pass_context=False)
def watch_tokens(timestamp: int) -> None:
    """Logs what log and chain disagree about, as the audit of the log does with what breaks its law."""
    tokens.watch_tokens(now=timezone.now())
