"""What only one side knows, and what does not agree: the open sets, with their ages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from marketplace.checkout.reconciling import rules
from marketplace.checkout.reconciling.finding import LINE, OURS, movements_of
from marketplace.checkout.reconciling.rules import Line, Movement

# A refund that went another way took of our balance in the books what the bank put there, and one that met a loss of
# the house what the house put there: no line says either, and together they moved nothing. Where they do not add up,
# they stay in sight.
_OTHERWISE = f"""
WITH mended AS MATERIALIZED (
    SELECT concat('refund:', refund_id, ':otherwise') AS key FROM checkout_refundmended WHERE note <> ''
     UNION
    SELECT concat('refund:', intent_id, ':met') FROM checkout_refundstep WHERE state = 'failed'
), booked AS MATERIALIZED (
    SELECT m.key, r.transaction_id FROM mended m JOIN payouts_reversal r ON r.key = m.key
     UNION
    SELECT m.key, r.transaction_id FROM mended m JOIN payouts_deferral_reversal r ON r.key = m.key
     UNION
    SELECT m.key, r.transaction_id
      FROM mended m JOIN payouts_deferral_reversal d ON d.key = m.key
      JOIN payouts_deferral_reversal_sale x ON x.reversal_id = d.id JOIN payouts_reversal r ON r.id = x.of_sale_id
     UNION
    SELECT m.key, t.id FROM mended m JOIN payouts_transaction t ON t.idem_key = 'bank-transfer:' || m.key
     UNION
    SELECT m.key, t.id FROM mended m JOIN payouts_transaction t ON t.idem_key = 'suspended:' || m.key
     UNION
    SELECT m.key, t.id FROM mended m JOIN payouts_transaction t ON t.idem_key = 'collected:' || m.key
), even AS (
    SELECT b.key FROM booked b JOIN payouts_posting p ON p.transaction_id = b.transaction_id
      JOIN payouts_account a ON a.id = p.account_id AND a.kind IN {OURS} AND a.owner_id IS NULL
     GROUP BY b.key HAVING sum(p.amount_minor) = 0
)
SELECT b.transaction_id::text FROM booked b JOIN even e ON e.key = b.key
"""
# What waits in the queue, and what came after the books were read for it.
_ONLY_OURS = f"""
WITH waiting AS MATERIALIZED (
    SELECT transaction_id FROM checkout_movement_open
     UNION
    SELECT p.transaction_id FROM payouts_account a
      JOIN payouts_posting p ON p.account_id = a.id
       AND p.id > (SELECT coalesce(max(through), 0) FROM checkout_books_read)
     WHERE a.kind IN {OURS} AND a.owner_id IS NULL
)
SELECT t.id::text, t.kind, t.source, t.idem_key, t.occurred_at, x.currency, x.amount_minor
  FROM (SELECT p.transaction_id, a.currency, sum(p.amount_minor)::bigint AS amount_minor
          FROM waiting w JOIN payouts_posting p ON p.transaction_id = w.transaction_id
          JOIN payouts_account a ON a.id = p.account_id AND a.kind IN {OURS} AND a.owner_id IS NULL
         WHERE NOT EXISTS (SELECT FROM checkout_reconciled_transaction r WHERE r.transaction_id = p.transaction_id)
         GROUP BY p.transaction_id, a.currency HAVING sum(p.amount_minor) <> 0) x
  JOIN payouts_transaction t ON t.id = x.transaction_id
 WHERE NOT t.id = ANY (%s::uuid[])
 ORDER BY t.occurred_at, t.id
"""
_OPEN = f"""
SELECT {LINE}, l.gateway, l.kind, l.happened_at
  FROM checkout_provider_line_open o JOIN checkout_provider_line l ON l.id = o.line_id ORDER BY o.line_id
"""
_SUSPENDED = """
SELECT r.line_id, -sum(p.amount_minor)::bigint
  FROM checkout_reconciled_transaction r
  JOIN payouts_transaction t ON t.id = r.transaction_id AND t.kind = 'suspended'
  JOIN payouts_posting p ON p.transaction_id = t.id
  JOIN payouts_account a ON a.id = p.account_id AND a.kind = 'suspense'
 WHERE r.line_id = ANY (%s) GROUP BY r.line_id
"""
_IN_SUSPENSE = """
SELECT l.id, l.line_id, l.gateway, l.kind, l.category, l.source, l.currency, l.happened_at, m.by, m.reason
  FROM checkout_provider_line_matched m JOIN checkout_provider_line l ON l.id = m.line_id
 WHERE m.way = 'suspense' AND NOT EXISTS (SELECT FROM checkout_suspense_cleared c WHERE c.line_id = l.id)
 ORDER BY l.happened_at, l.id
"""


@dataclass(frozen=True, slots=True)
class OnlyOurs:
    """A transaction of the books that moved our balance, which no line of the gateway says yet."""

    transaction_id: str
    kind: str
    source: str
    key: str
    at: datetime
    currency: str
    amount_minor: int

    def is_old(self, now: datetime) -> bool:
        """Whether a line should have come by now."""
        return now - self.at > rules.normal(self.kind)


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line that is not matched: the books have nothing of it, or have it otherwise, by `off_minor` more than it."""

    line: Line
    gateway: str
    kind: str
    at: datetime
    state: str
    off_minor: int
    movements: tuple[Movement, ...]

    @property
    def net_minor(self) -> int:
        return self.line.net_minor

    def apart_minor(self, currency: str) -> int:
        """By how much more our books moved for it than the gateway, in that currency."""
        ours_minor = sum(one.amount_minor for one in self.movements if one.currency == currency)
        return ours_minor - (self.net_minor if currency == self.line.currency else 0)

    def is_old(self, now: datetime) -> bool:
        """Whether we should know of it by now."""
        return now - self.at > timedelta(days=rules.NORMAL_DAYS_OF_LINES)


@dataclass(frozen=True, slots=True)
class Suspended:
    """A line of which something is booked that nobody understands yet, above zero where our balance grew.

    `by` and `reason` are of the operator who set it aside; nobody's where its category is none that we know.
    """

    number: int
    line_id: str
    gateway: str
    kind: str
    category: str
    source: str
    currency: str
    at: datetime
    by: str
    reason: str
    amount_minor: int


def open_lines() -> list[OpenLine]:
    """Return the lines that are not matched, in the order in which they were copied."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        rows = [(Line(*row[:-3]), *row[-3:]) for row in cursor.fetchall()]
    found = movements_of([line for line, *_more in rows])
    opened = []
    for line, gateway, kind, at in rows:
        movements = found.get(line.number, [])
        state, off_minor = rules.compare(line, movements)
        opened.append(OpenLine(line, gateway, kind, at, state, off_minor, tuple(movements)))
    return opened


def only_ours(opened: Sequence[OpenLine]) -> list[OnlyOurs]:
    """Return the transactions that no line says, the oldest first; what differs from a line is not among them, and what
    went another way than through the gateway."""
    named = [one.transaction_id for line in opened for one in line.movements]
    with connection.cursor() as cursor:
        cursor.execute(_OTHERWISE)
        named += [transaction_id for (transaction_id,) in cursor.fetchall()]
        cursor.execute(_ONLY_OURS, [named])
        return [OnlyOurs(*row) for row in cursor.fetchall()]


def in_suspense() -> list[Suspended]:
    """Return the lines that are in suspense, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_SUSPENSE)
        rows = cursor.fetchall()
    amounts = suspended_minor([row[0] for row in rows])
    return [Suspended(*row, amounts[row[0]]) for row in rows if amounts.get(row[0])]


def suspended_minor(numbers: Sequence[int]) -> dict[int, int]:
    """Return number of a line → what of it was booked to suspense, above zero where our balance grew."""
    with connection.cursor() as cursor:
        cursor.execute(_SUSPENDED, [list(numbers)])
        return dict(cursor.fetchall())


def sums(amounts: Iterable[tuple[str, int]]) -> dict[str, tuple[int, int]]:
    """Return currency → how many there are, and their sum."""
    found: dict[str, tuple[int, int]] = {}
    for currency, amount_minor in amounts:
        count, total_minor = found.get(currency, (0, 0))
        found[currency] = (count + 1, total_minor + amount_minor)
    return found
