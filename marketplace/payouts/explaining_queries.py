"""How an amount came about: one royalty line from its sale to the log, one payout from what made it up."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.payouts.models import Payout, RoyaltyLine, Sale
from marketplace.payouts.queries import Line, line_of
from marketplace.payouts.rows import rows_of
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.statement_papers.reading import BUCKETS
from marketplace.people.models import Creator

LINES_SHOWN = 100
"""How many royalty lines of one movement are listed."""


@dataclass(frozen=True, slots=True)
class Share:
    """How one payee's part of a sale's net came about, in minor units.

    net × share ÷ 1 000 000 000 is `quotient_minor`, and `remainder` over; `odd_minor` is 1 for who got one of the
    units that were left, by the largest remainder, and 0 for others.
    """

    payee: Creator
    share_ppb: int
    quotient_minor: int
    remainder: int
    odd_minor: int

    @property
    def amount_minor(self) -> int:
        """What the payee earned of the sale."""
        return self.quotient_minor + self.odd_minor


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reversal took of a royalty line and what its end gave back, in minor units.

    `kind` is refund, dispute or takedown; `outcome` won, lost, failed, lifted, or empty while it stands as it is.
    """

    key: str
    kind: str
    reason: str
    opened_at: datetime
    outcome: str
    closed_at: datetime | None
    taken_minor: int
    returned_minor: int


@dataclass(frozen=True, slots=True)
class Explained:
    """A royalty line with all that it follows from, and what came of it."""

    line: Line
    sale: Sale
    shares: list[Share]
    mine: Share
    transaction: UUID
    reversals: list[Taken]

    @property
    def remaining_minor(self) -> int:
        """What is left of the line."""
        return self.line.amount_minor + sum(one.returned_minor - one.taken_minor for one in self.reversals)


@dataclass(frozen=True, slots=True)
class Movement:
    """A transaction that moved what a creator has available, with its other accounts beside it, in minor units.

    `buckets` has what it added to each of the creator's accounts, by the names of statements, where what is owed
    counts above zero; `lines` are the royalty lines it released, `more` the number of those that are not listed.
    """

    transaction: UUID
    kind: str
    source: str
    occurred_at: datetime
    amount_minor: int
    buckets: Mapping[str, int]
    lines: list[RoyaltyLine]
    more: int


def explained(creator: Creator, line_id: int) -> Explained | None:
    """Return one of the creator's royalty lines with what explains it; None where there is none of theirs."""
    line = line_of(creator, line_id)
    if line is None:
        return None
    stored = RoyaltyLine.objects.select_related("sale", "run").get(pk=line_id)
    shares = shares_in(stored.sale)
    mine = next(share for share in shares if share.payee.pk == creator.pk)
    return Explained(line, stored.sale, shares, mine, stored.run.transaction_id, _taken_of(line_id))


def shares_in(sale: Sale) -> list[Share]:
    """Return how the sale's net was divided, by payee: what the split says against what the lines say."""
    rows = rows_of(
        "SELECT h.payee_id, h.share_ppb, coalesce(l.amount_minor, 0) AS amount_minor FROM payouts_split_share h"
        "  LEFT JOIN payouts_royalty_line l ON l.sale_id = %(sale)s AND l.payee_id = h.payee_id"
        " WHERE h.split_id = %(split)s ORDER BY h.payee_id",
        {"sale": sale.pk, "split": sale.split_id},
    )
    payees = Creator.objects.in_bulk([row["payee_id"] for row in rows])
    shares = []
    for row in rows:
        quotient_minor, remainder = divmod(sale.net_minor * row["share_ppb"], WHOLE_PPB)
        odd_minor = row["amount_minor"] - quotient_minor
        shares.append(Share(payees[row["payee_id"]], row["share_ppb"], quotient_minor, remainder, odd_minor))
    return shares


def _taken_of(line_id: int) -> list[Taken]:
    rows = rows_of(
        """
        SELECT v.key, CASE WHEN v.key LIKE 'dispute:%%' THEN 'dispute' ELSE v.kind END AS kind, v.reason, v.opened_at,
               CASE WHEN v.kind = 'refund' AND v.key LIKE 'dispute:%%'
                    THEN CASE WHEN o.id IS NULL THEN 'lost' ELSE 'won' END
                    ELSE coalesce(o.outcome, '') END AS outcome, o.closed_at,
               (SELECT sum(t.amount_minor) FROM payouts_reversal_line t
                 WHERE t.reversal_id = v.id AND t.line_id = %(line)s)::bigint AS taken_minor,
               coalesce((SELECT sum(g.amount_minor) FROM payouts_returned_line g
                          WHERE g.outcome_id = o.id AND g.line_id = %(line)s), 0)::bigint AS returned_minor
          FROM payouts_reversal v LEFT JOIN payouts_reversal_outcome o ON o.reversal_id = v.id
         WHERE v.id IN (SELECT reversal_id FROM payouts_reversal_line WHERE line_id = %(line)s)
         ORDER BY (SELECT min(p.id) FROM payouts_posting p WHERE p.transaction_id = v.transaction_id)
        """,
        {"line": line_id},
    )
    return [Taken(**row) for row in rows]


# From the creator's last payout, which took all that was available, to this one, in the order of the postings.
_STORY = """
WITH mine AS (
    SELECT id, kind FROM payouts_account WHERE owner_id = %(creator)s AND currency = %(currency)s
), own AS (
    SELECT p.id, p.transaction_id, t.kind FROM payouts_posting p JOIN payouts_transaction t ON t.id = p.transaction_id
     WHERE p.account_id = (SELECT id FROM mine WHERE kind = 'creator_available')
), until AS (
    SELECT id FROM own WHERE transaction_id = %(transaction)s
), since AS (
    SELECT coalesce(max(o.id), 0) AS id FROM own o, until u WHERE o.kind = 'payout_reserve' AND o.id < u.id
)
SELECT o.id AS place, t.id, t.kind, t.source, t.occurred_at, m.kind AS account, sum(-p.amount_minor)::bigint AS moved
  FROM own o CROSS JOIN since s CROSS JOIN until u
  JOIN payouts_transaction t ON t.id = o.transaction_id JOIN payouts_posting p ON p.transaction_id = t.id
  JOIN mine m ON m.id = p.account_id
 WHERE o.id > s.id AND o.id < u.id
 GROUP BY o.id, t.id, m.kind ORDER BY o.id, m.kind
"""


def payout_of(creator: Creator, payout_id: UUID) -> Payout | None:
    """Return the creator's payout, None where it is not theirs."""
    return Payout.objects.filter(creator=creator, pk=payout_id).first()


def story_of(payout: Payout) -> list[Movement]:
    """Return the movements since the creator's payout before; their amounts sum to the payout exactly."""
    params = {"creator": payout.creator_id, "currency": payout.currency, "transaction": payout.transaction_id}
    names = {kind: name for name, kind in BUCKETS.items()}
    legs: dict[UUID, dict[str, int]] = defaultdict(dict)
    heads: dict[UUID, dict[str, Any]] = {}
    for row in rows_of(_STORY, params):
        sign = -1 if row["account"] == "creator_receivable" else 1
        legs[row["id"]][names[row["account"]]] = sign * row["moved"]
        heads[row["id"]] = row
    lines, counts = _released(payout, list(heads))
    return [
        Movement(
            transaction=pk,
            kind=row["kind"],
            source=row["source"],
            occurred_at=row["occurred_at"],
            amount_minor=legs[pk]["available"],
            buckets=legs[pk],
            lines=lines.get(pk, []),
            more=counts.get(pk, 0) - len(lines.get(pk, [])),
        )
        for pk, row in heads.items()
    ]


def _released(payout: Payout, transactions: list[UUID]) -> tuple[dict[UUID, list[RoyaltyLine]], dict[UUID, int]]:
    """Return transaction → the royalty lines of the run that it released, the first of them, and how many there are."""
    rows = rows_of(
        """
        SELECT h.transaction_id AS id, l.id AS line, n.count
          FROM payouts_hold_release h
          CROSS JOIN LATERAL (SELECT count(*) FROM payouts_lines_of(%(payee)s) l WHERE l.run_id = h.run_id) n
          CROSS JOIN LATERAL (SELECT l.id FROM payouts_lines_of(%(payee)s) l
                               WHERE l.run_id = h.run_id ORDER BY l.id LIMIT %(limit)s) l
         WHERE h.transaction_id = ANY(%(transactions)s)
        """,
        {"payee": payout.creator_id, "transactions": transactions, "limit": LINES_SHOWN},
    )
    found = RoyaltyLine.objects.select_related("sale").in_bulk([row["line"] for row in rows])
    lines: dict[UUID, list[RoyaltyLine]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["line"]):
        lines[row["id"]].append(found[row["line"]])
    return lines, {row["id"]: row["count"] for row in rows}
