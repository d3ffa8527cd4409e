"""What does not fit between us and the chain, in sentences for operators: looked for every hour, and said aloud."""

import logging
from datetime import datetime

from ledger import event_queries
from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import Reader, reader
from ledger.chain.suite import suite
from marketplace.payouts import wallet_queries
from marketplace.payouts.models import Split
from marketplace.payouts.split_proofs import differences

LOGGER = logging.getLogger(__name__)
NEWEST_SPLITS = 1000


def findings(*, now: datetime) -> list[str]:
    """Return what the chain took back, wallets that nobody proved, and splits that are called otherwise somewhere.

    Of splits the newest thousand are compared; `manage.py check_splits` compares all. While the chain is away, they
    are compared without it.
    """
    newest = Split.objects.order_by("-created_at", "digest").values_list("digest", flat=True)
    digests = list(newest[:NEWEST_SPLITS])
    said = [*event_queries.findings(), *wallet_queries.findings(now=now)]
    if not digests:
        return said
    try:
        return said + list(differences(_reader(), digests=digests))
    except ChainUnavailable:
        return said + list(differences(None, digests=digests))


def say_findings(*, now: datetime) -> int:
    """Log each finding as an error; return how many there are."""
    found = findings(now=now)
    for one in found:
        LOGGER.error("%s", one)
    return len(found)


def _reader() -> Reader | None:
    return reader() if suite() is not None else None
