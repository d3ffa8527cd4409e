"""Whose money stands in creators' available accounts: which royalty lines it comes from, to the minor unit."""

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from marketplace.payouts.models import Payout
from marketplace.payouts.rules import latest


class Standing(NamedTuple):
    """What of one royalty line is in its payee's available account."""

    line_id: int
    payee_id: UUID
    subject: str
    amount_minor: int


def _number(transaction: str) -> str:
    """Return SQL for a transaction's place in the order of events.

    Postings are numbered in that order: whatever moves a creator's balance holds the currency's lock until commit.
    """
    return f"(SELECT min(q.id) FROM payouts_posting q WHERE q.transaction_id = {transaction})"


# A payout takes all that is available, so the story of what is there begins after the last one that did not fail.
# Each event says what came of which line, what left, or what was set aside by a payout and returned when it failed.
_EVENTS = f"""
WITH payout AS MATERIALIZED (
    SELECT p.id, p.creator_id, p.released_through_id, {_number("p.transaction_id")} AS number,
           (SELECT max(q.id) FROM payouts_posting q WHERE q.transaction_id = p.transaction_id) AS through,
           p.id IS NOT DISTINCT FROM %(payout)s::uuid
           OR EXISTS (SELECT FROM payouts_payout_outcome f WHERE f.payout_id = p.id AND f.state = 'failed') AS returns
      FROM payouts_payout p
     WHERE p.creator_id = ANY (%(owners)s::uuid[]) AND p.currency = %(currency)s
), since AS MATERIALIZED (
    SELECT c.owner_id, coalesce(p.through, 0) AS number, coalesce(p.released_through_id, 0) AS release
      FROM unnest(%(owners)s::uuid[]) AS c (owner_id)
      LEFT JOIN LATERAL (SELECT through, released_through_id FROM payout
                          WHERE creator_id = c.owner_id AND NOT returns ORDER BY number DESC LIMIT 1) p ON true
), released AS MATERIALIZED (
    SELECT h.id, h.run_id, {_number("h.transaction_id")} AS number
      FROM payouts_hold_release h JOIN payouts_royalty_run r ON r.id = h.run_id AND r.currency = %(currency)s
     WHERE h.id > (SELECT min(release) FROM since) AND h.transaction_id IS NOT NULL
), event AS (
    SELECT l.payee_id, h.number, 'in' AS what, l.id AS line_id, l.sale_id, l.amount_minor
      FROM released h JOIN payouts_royalty_line l ON l.run_id = h.run_id
      JOIN since ON since.owner_id = l.payee_id AND h.id > since.release
     WHERE NOT EXISTS (SELECT FROM payouts_dispute d WHERE d.sale_id = l.sale_id
                          AND {_number("d.transaction_id")} < h.number
                          AND NOT EXISTS (SELECT FROM payouts_dispute_outcome o
                                           WHERE o.dispute_id = d.id AND o.outcome = 'won'
                                             AND {_number("o.transaction_id")} < h.number))
       AND NOT EXISTS (SELECT FROM payouts_claim_hold_line k LEFT JOIN payouts_claim_hold_end e ON e.hold_id = k.id
                        WHERE k.line_id = l.id AND {_number("k.transaction_id")} < h.number
                          AND (e.id IS NULL OR {_number("e.transaction_id")} > h.number))
     UNION ALL
    SELECT l.payee_id, {_number("o.transaction_id")}, 'in', l.id, l.sale_id, l.amount_minor
      FROM payouts_dispute_outcome o JOIN payouts_dispute d ON d.id = o.dispute_id AND o.outcome = 'won'
      JOIN payouts_royalty_line l ON l.sale_id = d.sale_id JOIN since ON since.owner_id = l.payee_id
     WHERE NOT EXISTS (SELECT FROM payouts_posting q JOIN payouts_account a ON a.id = q.account_id
                        WHERE q.transaction_id = o.transaction_id AND a.kind = 'creator_pending')
       AND NOT EXISTS (SELECT FROM payouts_claim_hold_line k
                        WHERE k.transaction_id = o.transaction_id AND k.line_id = l.id)
     UNION ALL
    SELECT l.payee_id, {_number("e.transaction_id")}, 'in', l.id, l.sale_id, k.amount_minor
      FROM payouts_claim_hold_end e JOIN payouts_claim_hold_line k ON k.id = e.hold_id
      JOIN payouts_royalty_line l ON l.id = k.line_id JOIN since ON since.owner_id = l.payee_id
     WHERE e.bucket = 'creator_available'
     UNION ALL
    SELECT l.payee_id, {_number("d.transaction_id")}, 'out', l.id, l.sale_id, 0
      FROM payouts_dispute d JOIN payouts_royalty_line l ON l.sale_id = d.sale_id
      JOIN since ON since.owner_id = l.payee_id
     UNION ALL
    SELECT l.payee_id, {_number("k.transaction_id")}, 'out', l.id, l.sale_id, 0
      FROM payouts_claim_hold_line k JOIN payouts_royalty_line l ON l.id = k.line_id
      JOIN since ON since.owner_id = l.payee_id
     WHERE k.bucket = 'creator_available'
     UNION ALL
    SELECT creator_id, number, 'aside', NULL, NULL, 0 FROM payout WHERE returns
     UNION ALL
    SELECT p.creator_id, {_number("t.id")}, 'again', NULL, NULL, 0
      FROM payout p JOIN payouts_transaction t ON t.idem_key = 'payout-failed:' || p.id WHERE p.returns
     UNION ALL
    SELECT a.owner_id, {_number("moved.transaction_id")}, 'moved', NULL, NULL, -moved.amount_minor
      FROM payouts_account a JOIN since ON since.owner_id = a.owner_id
      JOIN payouts_posting moved ON moved.account_id = a.id AND moved.id > since.number
     WHERE a.kind = 'creator_available' AND a.currency = %(currency)s
)
"""

# A transaction's events stand together, under its first posting; what moved comes last of them.
_IN_ORDER = """
SELECT v.payee_id, v.number, v.what, v.line_id, s.subject, v.amount_minor
  FROM event v JOIN since ON since.owner_id = v.payee_id AND v.number > since.number
  LEFT JOIN payouts_sale s ON s.id = v.sale_id
 WHERE s.id IS NULL OR s.currency = %(currency)s
 ORDER BY v.payee_id, v.number, array_position(ARRAY['again', 'in', 'out', 'aside', 'moved'], v.what), v.line_id
"""


def available_lines(*, currency: str, owner_ids: Collection[UUID]) -> list[Standing]:
    """Return what of each royalty line is in its payee's available account; the currency must be locked.

    What disputes and debts took was taken of the money that had been there longest.
    """
    return _told(currency, owner_ids, None)


def lines_in(payout: Payout) -> list[Standing]:
    """Return what of each royalty line an unanswered payout took; its currency must be locked.

    Without the lines that a dispute has taken back since: that money is owed, wherever it is.
    """
    return _told(payout.currency, [payout.creator_id], payout)


def _told(currency: str, owner_ids: Collection[UUID], payout: Payout | None) -> list[Standing]:
    params = {"owners": list(owner_ids), "currency": currency, "payout": payout and payout.pk}
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS + _IN_ORDER, params)
        events = cursor.fetchall()
    found = []
    for payee_id, story in groupby(events, key=lambda event: event[0]):
        lots, aside = _replay(story)
        for (line_id, subject), amount_minor in lots if payout is None else aside:
            found.append(Standing(line_id, payee_id, subject, amount_minor))
    return found


Lots = list[tuple[tuple[int, str], int]]


def _replay(story: Iterable[tuple[Any, ...]]) -> tuple[Lots, Lots]:
    """Return what is available and what is set aside in a payout, as ((line, subject), amount), longest there first."""
    lots: Lots = []
    aside: Lots = []
    there_minor = 0
    for _number, events in groupby(story, key=lambda event: event[1]):
        for _payee_id, _number, what, line_id, subject, amount_minor in events:
            if what == "in":
                lots.append(((line_id, subject), amount_minor))
            elif what == "out":
                lots = [lot for lot in lots if lot[0][0] != line_id]
                aside = [lot for lot in aside if lot[0][0] != line_id]
            elif what == "aside":
                lots, aside = [], lots
            elif what == "again":
                lots, aside = [*lots, *aside], []
            else:
                there_minor += amount_minor
        # After every transaction, also one that moves nothing here: what came in may all have gone against a debt.
        lots = latest(lots, there_minor)
    return lots, aside
