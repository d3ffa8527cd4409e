"""Copying the gateway's lines: each once, in batches that are committed as they come."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection
from django.db.models import Max, Min

from marketplace.checkout.models import Order
from marketplace.checkout.reconciling import rules
from marketplace.checkout.reconciling.ports.base import BalanceLine, BalanceLines
from marketplace.checkout.reconciling.tables import ProviderLine
from marketplace.payouts.bookkeeping.books import array_of

BATCH = 1000
OVERLAP = timedelta(hours=2)
"""Lines are listed about in their order, so that what is older than the newest by this is read again."""

_COPY = """
INSERT INTO checkout_provider_line (
    gateway, line_id, kind, category, amount_minor, fee_minor, currency, source, happened_at, available_at,
    exchanged_minor, exchanged_currency, rate, is_aside, imported_at)
SELECT %s, l.*, %s FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[],
    %s::timestamptz[], %s::bigint[], %s::text[], %s::text[], %s::boolean[]) AS l
    ON CONFLICT (gateway, line_id) DO NOTHING
"""


def import_lines(
    *, port: BalanceLines, now: datetime, since: datetime | None = None, overlap: timedelta | None = None
) -> int:
    """This will copy the gateway's lines that are new to us, and tell how many those are.

    Without `since`, from `overlap` before the newest copy on. Each batch is committed by itself, so that whatever ends
    this early loses nothing; of two at once, each line is copied by one. Raises UnableToRead.
    """
    since = since or start(port.gateway, now, overlap or OVERLAP)
    lines, copied = iter(port.lines(since=since, now=now)), 0
    while batch := list(islice(lines, BATCH)):
        copied += _copy(port.gateway, batch, now)
    return copied


def start(gateway: str, now: datetime, overlap: timedelta = OVERLAP) -> datetime:
    """Tell from when on lines are read: before the newest copy, or before the first order there was."""
    newest: datetime | None = ProviderLine.objects.filter(gateway=gateway).aggregate(at=Max("happened_at"))["at"]
    if newest is not None:
        return newest - overlap
    first: datetime | None = Order.objects.aggregate(at=Min("placed_at"))["at"]
    return (first or now) - timedelta(days=1)


def _copy(gateway: str, lines: Iterable[BalanceLine], now: datetime) -> int:
    rows = [
        (
            line.id,
            line.kind[:60],
            line.category[:60],
            line.amount_minor,
            line.fee_minor,
            line.currency,
            line.source[:120],
            line.happened_at,
            line.available_at,
            line.exchanged.amount_minor if line.exchanged else None,
            line.exchanged.currency if line.exchanged else "",
            line.exchanged.rate[:40] if line.exchanged else "",
            line.is_aside or line.category in rules.ASIDE,
        )
        for line in lines
    ]
    with connection.cursor() as cursor:
        cursor.execute(_COPY, [gateway, now, *map(array_of, zip(*rows, strict=True))])
        return cursor.rowcount
