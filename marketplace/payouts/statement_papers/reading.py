"""What a statement says, out of the postings: a head for each creator, and the movements that lead through it.

Everything here is asked between two postings: after one, up to and with another. Postings of creators' accounts are
numbered in the order of events, so what is read does not change whatever happens later.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from json import loads
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

CHUNK_ROWS = 5000
"""How many rows are in memory at a time, however long a statement is."""


@dataclass(frozen=True, slots=True)
class Span:
    """The postings of one currency after `after`, up to and with `through`; `period` is the month that they close.

    `period` is empty in all but a closed month's own statement; `transaction` is the one that `through` belongs to,
    None where nothing was posted yet, and `at` is when it happened.
    """

    currency: str
    after: int
    through: int
    period: str = ""
    transaction: UUID | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A creator's sums: opening + Σ by_kind = closing = Σ buckets, where what is owed counts below zero.

    `moves` is how many transactions changed what the creator has; minor units throughout.
    """

    creator_id: UUID
    opening_minor: int
    closing_minor: int
    moves: int
    by_kind: Mapping[str, int]
    buckets: Mapping[str, int]

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to tell: nothing was there and nothing moved."""
        return not self.moves and not self.opening_minor


class Part(NamedTuple):
    """What a movement consists of: a royalty line (`royalty`), a part of one taken back (`reversed`) or given back
    (`returned`), or a payout.

    A royalty's `name` is empty; of what was taken or given back it names the reversal, and of a payout, the payout.
    """

    what: str
    line: int | None
    sale: str
    sold_at: datetime | None
    gross_minor: int | None
    tax_minor: int | None
    fee_minor: int | None
    net_minor: int | None
    split: str
    share_ppb: int | None
    amount_minor: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Move:
    """A transaction that changed what the creator has; its parts are read once, as they come."""

    creator_id: UUID
    transaction: UUID
    kind: str
    source: str
    occurred_at: datetime
    amount_minor: int
    parts: Iterator[Part] = field(default_factory=lambda: iter(()))


BUCKETS: Mapping[str, str] = {
    "available": "creator_available",
    "frozen": "creator_claim_hold",
    "on_hold": "creator_dispute_hold",
    "owed": "creator_receivable",
    "pending": "creator_pending",
    "reserve": "creator_reserve",
}
"""A statement's name of each kind of account that is kept for a creator, in the order of the names."""

_ACCOUNTS = """
account AS (
    SELECT id, owner_id, kind, balance_minor FROM payouts_account
     WHERE currency = %(currency)s AND owner_id IS NOT NULL
       AND (%(creator)s::uuid IS NULL OR owner_id = %(creator)s)
)
"""

_MOVES = """
move AS (
    SELECT k.owner_id, p.transaction_id, min(p.id) AS place, -sum(p.amount_minor)::bigint AS amount_minor
      FROM account k JOIN payouts_posting p ON p.account_id = k.id
     WHERE p.id > %(after)s AND p.id <= %(through)s
     GROUP BY k.owner_id, p.transaction_id HAVING sum(p.amount_minor) <> 0
)
"""

# The lines that a run gave an owner. By their splits, or by their runs: which is less to read, the database decides.
_EARNED = """
      JOIN payouts_split_share h ON h.payee_id = m.owner_id JOIN payouts_sale s ON s.split_id = h.split_id
      JOIN payouts_royalty_line l ON l.sale_id = s.id AND l.payee_id = h.payee_id AND l.run_id = r.id
"""

# What an account had at `through` is its balance less what was posted later: one statement, so one snapshot.
_HEADS = f"""
WITH {_ACCOUNTS}, {_MOVES}, posted AS (
    SELECT k.owner_id, k.kind, CASE k.kind WHEN 'creator_receivable' THEN -k.balance_minor ELSE k.balance_minor END
               + coalesce((SELECT sum(p.amount_minor) FROM payouts_posting p
                            WHERE p.account_id = k.id AND p.id > %(through)s), 0) AS there
      FROM account k
), bucket AS (
    SELECT owner_id, sum(there)::bigint AS closing_minor, jsonb_object_agg(kind, there) AS buckets
      FROM posted GROUP BY owner_id
), kind AS (
    SELECT owner_id, sum(amount_minor) AS amount_minor, sum(moves) AS moves,
           jsonb_object_agg(kind, amount_minor) AS by_kind
      FROM (SELECT m.owner_id, t.kind, sum(m.amount_minor) AS amount_minor, count(*) AS moves
              FROM move m JOIN payouts_transaction t ON t.id = m.transaction_id GROUP BY m.owner_id, t.kind) summed
     GROUP BY owner_id
)
SELECT b.owner_id, (b.closing_minor - coalesce(k.amount_minor, 0))::bigint, b.closing_minor,
       coalesce(k.moves, 0)::bigint, coalesce(k.by_kind, '{{}}'), b.buckets
  FROM bucket b LEFT JOIN kind k ON k.owner_id = b.owner_id
 ORDER BY b.owner_id
"""

# Each movement is a row, followed by its parts. A dispute takes when it is lost; while it is open, it only holds, and
# what a won one gives back is a part only as far as it is more than it held.
_ROWS = f"""
WITH {_ACCOUNTS}, {_MOVES}, part AS (
    SELECT m.owner_id, m.place, 1 AS rank, l.run_id AS run, l.id AS line, 'royalty' AS what, s.source AS sale,
           s.sold_at, s.gross_minor, s.tax_minor, s.fee_minor, s.net_minor, s.split_id AS split, l.share_ppb,
           l.amount_minor, '' AS name, '' AS reason
      FROM move m JOIN payouts_royalty_run r ON r.transaction_id = m.transaction_id
      {_EARNED}
     UNION ALL
    SELECT m.owner_id, m.place, 2, 0, l.id, 'reversed', s.source, s.sold_at, NULL, NULL, NULL, NULL, '', NULL,
           -sum(t.amount_minor)::bigint, v.key, v.reason
      FROM move m
      JOIN (SELECT transaction_id, id AS reversal_id FROM payouts_reversal WHERE kind <> 'dispute'
             UNION ALL
            SELECT o.transaction_id, o.reversal_id FROM payouts_reversal_outcome o WHERE o.outcome = 'lost') u
        ON u.transaction_id = m.transaction_id
      JOIN payouts_reversal v ON v.id = u.reversal_id
      JOIN payouts_reversal_line t ON t.reversal_id = v.id
      JOIN payouts_royalty_line l ON l.id = t.line_id AND l.payee_id = m.owner_id
      JOIN payouts_sale s ON s.id = l.sale_id
     GROUP BY m.owner_id, m.place, l.id, s.id, v.id
     UNION ALL
    SELECT m.owner_id, m.place, 3, 0, l.id, 'returned', s.source, s.sold_at, NULL, NULL, NULL, NULL, '', NULL,
           (sum(g.amount_minor) - held.amount_minor)::bigint, v.key, v.reason
      FROM move m JOIN payouts_reversal_outcome o ON o.transaction_id = m.transaction_id
      JOIN payouts_reversal v ON v.id = o.reversal_id
      JOIN payouts_returned_line g ON g.outcome_id = o.id
      JOIN payouts_royalty_line l ON l.id = g.line_id AND l.payee_id = m.owner_id
      JOIN payouts_sale s ON s.id = l.sale_id
      CROSS JOIN LATERAL (SELECT coalesce(sum(t.amount_minor), 0) AS amount_minor FROM payouts_reversal_line t
                           WHERE v.kind = 'dispute' AND t.reversal_id = v.id AND t.line_id = l.id) held
     GROUP BY m.owner_id, m.place, l.id, s.id, v.id, held.amount_minor
    HAVING sum(g.amount_minor) <> held.amount_minor
     UNION ALL
    SELECT m.owner_id, m.place, 4, 0, NULL, 'payout', '', NULL, NULL, NULL, NULL, NULL, '', NULL,
           m.amount_minor, o.id::text, ''
      FROM move m JOIN payouts_transaction t ON t.id = m.transaction_id
      JOIN payouts_payout o ON o.creator_id = m.owner_id AND o.currency = %(currency)s
       AND (o.transaction_id = m.transaction_id OR (t.kind LIKE 'payout%%' AND o.idem_key = t.source))
)
SELECT m.owner_id, m.place, 0 AS rank, 0 AS run, NULL::bigint AS line, t.kind AS what, t.source AS sale,
       t.occurred_at AS sold_at, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, '' AS split, NULL::bigint,
       m.amount_minor, t.id::text AS name, '' AS reason
  FROM move m JOIN payouts_transaction t ON t.id = m.transaction_id
 UNION ALL
SELECT * FROM part
 ORDER BY 1, 2, 3, 4, 5, 16
"""


def _params(span: Span, creator_id: UUID | None) -> dict[str, Any]:
    return {"currency": span.currency, "after": span.after, "through": span.through, "creator": creator_id}


def _stream(sql: str, params: Mapping[str, Any]) -> Generator[tuple[Any, ...], None, None]:
    """Gives the rows of a question a few at a time, over a cursor of the server; needs a transaction."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield from rows


def heads(span: Span, creator_id: UUID | None = None) -> Generator[Head, None, None]:
    """Return the sums of each creator who ever had an account in the currency, by creator id; or of one of them.

    Read it within a transaction: it streams.
    """
    with closing(_stream(_HEADS, _params(span, creator_id))) as rows:
        for owner_id, opening_minor, closing_minor, count, by_kind, buckets in rows:
            there = {name: int(_loaded(buckets).get(kind, 0)) for name, kind in BUCKETS.items()}
            there["owed"] = -there["owed"]
            summed = {kind: int(amount) for kind, amount in sorted(_loaded(by_kind).items())}
            yield Head(owner_id, opening_minor, closing_minor, count, summed, there)


def head_of(span: Span, creator_id: UUID) -> Head:
    """Return one creator's sums; all zero where they never had an account in the currency."""
    with transaction.atomic():
        found = next(heads(span, creator_id), None)
    return found or Head(creator_id, 0, 0, 0, {}, dict.fromkeys(BUCKETS, 0))


def moves(span: Span, creator_id: UUID | None = None) -> Generator[Move, None, None]:
    """Return the movements of each creator in the order of events, by creator id; or those of one of them.

    Read it within a transaction, and the parts of each movement before the next: it streams.
    """
    with closing(_stream(_ROWS, _params(span, creator_id))) as rows:
        for _place, group in groupby(rows, key=lambda row: (row[0], row[1])):
            yield _move(group)


def _move(rows: Iterator[tuple[Any, ...]]) -> Move:
    owner_id, _at, _rank, _run, _line, kind, source, occurred_at, *_none, amount_minor, name, _why = next(rows)
    return Move(owner_id, UUID(name), kind, source, occurred_at, amount_minor, map(_part, rows))


def _part(row: tuple[Any, ...]) -> Part:
    line, what, *rest = row[4:]
    return Part(what, line, *rest)


def _loaded(value: Any) -> dict[str, Any]:
    """Reads an object that PostgreSQL put together: Django hands jsonb out as text."""
    return loads(value) if isinstance(value, str) else value


_INDEX = f"""
WITH {_ACCOUNTS}, {_MOVES}, mine AS (
    SELECT m.place, l.id FROM move m JOIN payouts_royalty_run r ON r.transaction_id = m.transaction_id
      {_EARNED}
)
SELECT count(*) FROM mine WHERE (place, id) < (SELECT place, id FROM mine WHERE id = %(line)s)
"""


def index_of_line(span: Span, creator_id: UUID, line: int) -> int:
    """Return how many of the creator's royalty lines stand before the line in the span, which has it."""
    with connection.cursor() as cursor:
        cursor.execute(_INDEX, _params(span, creator_id) | {"line": line})
        return int(cursor.fetchone()[0])
