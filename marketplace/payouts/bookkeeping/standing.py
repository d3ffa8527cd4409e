"""Whose money stands in creators' available accounts: which royalty lines it comes from, to the minor unit."""

from collections import Counter
from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from marketplace.payouts.bookkeeping.unnamed import Lots, unnamed_lots
from marketplace.payouts.models import Payout
from marketplace.payouts.numbers import held_of, number_of, taken_of


class Standing(NamedTuple):
    """What of one royalty line is in its payee's available account."""

    line_id: int
    payee_id: UUID
    subject: str
    amount_minor: int


def _payouts() -> str:
    """Return the head of the question: which payouts there were, and from which of them on the story is told.

    A payout takes all that is available, so the story begins after the last one that did not come back; but not
    between a payout and its return, which brings the money of its lines.
    """
    return f"""
WITH payout AS MATERIALIZED (
    SELECT p.id, p.creator_id, p.released_through_id, {number_of("p.transaction_id")} AS number,
           (SELECT max(q.id) FROM payouts_posting q WHERE q.transaction_id = p.transaction_id) AS through,
           CASE WHEN p.id IS NOT DISTINCT FROM %(payout)s::uuid THEN 9223372036854775807
                ELSE (SELECT min(q.id) FROM payouts_transaction t JOIN payouts_posting q ON q.transaction_id = t.id
                       WHERE t.idem_key IN ('payout-failed:' || p.id, 'payout-returned:' || p.id)) END AS back
      FROM payouts_payout p
     WHERE p.creator_id = ANY (%(owners)s::uuid[]) AND p.currency = %(currency)s
), since AS MATERIALIZED (
    SELECT c.owner_id, coalesce(p.through, 0) AS number, coalesce(p.released_through_id, 0) AS release
      FROM unnest(%(owners)s::uuid[]) AS c (owner_id)
      LEFT JOIN LATERAL (
          SELECT w.through, w.released_through_id FROM payout w
           WHERE w.creator_id = c.owner_id AND w.back IS NULL
             AND NOT EXISTS (SELECT FROM payout b WHERE b.creator_id = c.owner_id
                                AND b.number < w.number AND b.back > w.number)
           ORDER BY w.number DESC LIMIT 1) p ON true
), released AS MATERIALIZED (
    SELECT h.id, h.run_id, {number_of("h.transaction_id")} AS number
      FROM payouts_hold_release h JOIN payouts_royalty_run r ON r.id = h.run_id AND r.currency = %(currency)s
     WHERE h.id > (SELECT min(release) FROM since) AND h.transaction_id IS NOT NULL
)"""


# Each event says what came of which line (in), what was kept of that as a reserve (kept), what of a line left (out, or
# held where a freeze found it there) and how much of it there can be at most (most), what was set aside by a payout and
# returned with it (aside, again), and what moved.
_EVENTS = f"""{_payouts()}, event AS (
    SELECT l.payee_id, h.number, 'in' AS what, l.id AS line_id, l.sale_id, NULL::uuid AS payout_id,
           l.amount_minor - {taken_of("l.id", "h.number")} - {held_of("l.id", "h.number")} AS amount_minor
      FROM since CROSS JOIN LATERAL payouts_lines_of(since.owner_id) l
      JOIN released h ON h.run_id = l.run_id AND h.id > since.release
     UNION ALL
    SELECT l.payee_id, {number_of("o.transaction_id")}, 'in', l.id, l.sale_id, NULL, b.amount_minor
      FROM payouts_returned_line b JOIN payouts_reversal_outcome o ON o.id = b.outcome_id
      JOIN payouts_royalty_line l ON l.id = b.line_id JOIN since ON since.owner_id = l.payee_id
     WHERE b.bucket = 'creator_available'
     UNION ALL
    SELECT l.payee_id, {number_of("e.transaction_id")}, 'in', l.id, l.sale_id, NULL, k.amount_minor
      FROM payouts_claim_hold_end e JOIN payouts_claim_hold_line k ON k.id = e.hold_id
      JOIN payouts_royalty_line l ON l.id = k.line_id JOIN since ON since.owner_id = l.payee_id
     WHERE e.bucket = 'creator_available'
     UNION ALL
    SELECT v.creator_id, h.number, 'kept', NULL, NULL, NULL, v.amount_minor
      FROM released h JOIN payouts_reserve_line v ON v.release_id = h.id JOIN since ON since.owner_id = v.creator_id
     UNION ALL
    SELECT l.payee_id, {number_of("r.transaction_id")}, 'out', l.id, l.sale_id, NULL, v.amount_minor
      FROM payouts_reversal_line v JOIN payouts_reversal r ON r.id = v.reversal_id
      JOIN payouts_royalty_line l ON l.id = v.line_id JOIN since ON since.owner_id = l.payee_id
     WHERE v.bucket = 'creator_available'
     UNION ALL
    SELECT payee_id, number, 'most', line_id, sale_id, NULL,
           amount_minor - {taken_of("of.line_id", "of.number")} - {held_of("of.line_id", "of.number")}
      FROM (SELECT DISTINCT l.payee_id, {number_of("r.transaction_id")} AS number, l.id AS line_id, l.sale_id,
                   l.amount_minor
              FROM payouts_reversal_line v JOIN payouts_reversal r ON r.id = v.reversal_id
              JOIN payouts_royalty_line l ON l.id = v.line_id JOIN since ON since.owner_id = l.payee_id
             WHERE v.bucket <> 'creator_pending') of
     UNION ALL
    SELECT l.payee_id, {number_of("k.transaction_id")}, CASE WHEN t.source LIKE 'freeze:%%' THEN 'held' ELSE 'out' END,
           l.id, l.sale_id, NULL, k.amount_minor
      FROM payouts_claim_hold_line k JOIN payouts_royalty_line l ON l.id = k.line_id
      JOIN payouts_transaction t ON t.id = k.transaction_id JOIN since ON since.owner_id = l.payee_id
     WHERE k.bucket = 'creator_available'
     UNION ALL
    SELECT creator_id, number, 'aside', NULL, NULL, id, 0 FROM payout WHERE back IS NOT NULL
     UNION ALL
    SELECT creator_id, back, 'again', NULL, NULL, id, 0 FROM payout WHERE back < 9223372036854775807
     UNION ALL
    SELECT a.owner_id, {number_of("moved.transaction_id")}, 'moved', NULL, NULL, NULL, -moved.amount_minor
      FROM payouts_account a JOIN since ON since.owner_id = a.owner_id
      JOIN payouts_posting moved ON moved.account_id = a.id AND moved.id > since.number
     WHERE a.kind = 'creator_available' AND a.currency = %(currency)s
)
"""

# A transaction's events stand together, under its first posting; what moved comes last of them.
_IN_ORDER = """
SELECT v.payee_id, v.number, v.what, v.line_id, s.subject, v.payout_id, v.amount_minor
  FROM event v JOIN since ON since.owner_id = v.payee_id AND v.number > since.number
  LEFT JOIN payouts_sale s ON s.id = v.sale_id
 WHERE s.id IS NULL OR s.currency = %(currency)s
 ORDER BY v.payee_id, v.number,
          array_position(ARRAY['again', 'in', 'kept', 'out', 'held', 'most', 'aside', 'moved'], v.what), v.line_id
"""


def available_lines(*, currency: str, owner_ids: Collection[UUID]) -> list[Standing]:
    """Return what of each royalty line is in its payee's available account; the currency must be locked.

    What disputes and debts took was taken of the money that had been there longest. The sum is all that is available,
    and no line has more there than remains of it and is not held. Only where the house gave up a debt of money that
    then came back may there be more than that.
    """
    return _told(currency, owner_ids, None)


def lines_in(payout: Payout) -> list[Standing]:
    """Return what of each royalty line a payout took that has not come back; its currency must be locked.

    Without what reversals have taken of those lines since: what they took elsewhere for it is here instead, and what
    they did not find is owed.
    """
    return _told(payout.currency, [payout.creator_id], payout)


def _told(currency: str, owner_ids: Collection[UUID], payout: Payout | None) -> list[Standing]:
    params = {"owners": list(owner_ids), "currency": currency, "payout": payout and payout.pk}
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS + _IN_ORDER, params)
        events = cursor.fetchall()
    found = []
    for payee_id, story in groupby(events, key=lambda event: event[0]):
        lots, aside, gone, there_minor = _replay(story)
        known = [*lots, *(lot for parts in aside.values() for lot in parts)]
        unnamed_minor, later_minor = there_minor - _sum(lots), 0
        if payout is not None:
            lots = aside.get(payout.pk, [])
            unnamed_minor, later_minor = payout.amount_minor - _sum(lots), unnamed_minor
        unnamed = unnamed_lots(payee_id, currency, known, gone, unnamed_minor, later_minor) if unnamed_minor else []
        for (line_id, subject), amount_minor in [*unnamed, *lots]:
            found.append(Standing(line_id, payee_id, subject, amount_minor))
    return found


def _replay(story: Iterable[tuple[Any, ...]]) -> tuple[Lots, dict[UUID, Lots], Counter[int], int]:
    """Return what is available, longest there first, what each payout set aside, what of which line a freeze held that
    the story does not name there, and how much is available.

    Lots are ((line, subject), amount). They may be less than what is available: see `unnamed_lots`.
    """
    lots: Lots = []
    gone: Counter[int] = Counter()
    aside: dict[UUID, Lots] = {}
    missing: Counter[UUID] = Counter()
    there_minor = 0
    for _number, events in groupby(story, key=lambda event: event[1]):
        before = len(lots)
        for _payee_id, _number, what, line_id, subject, payout_id, amount_minor in events:
            if what == "in" and amount_minor:
                lots.append(((line_id, subject), amount_minor))
            elif what == "kept":
                lots[before:] = _less(lots[before:], amount_minor)
            elif what == "out":
                lots = _less(lots, amount_minor, line_id)
            elif what == "held":
                left = _less(lots, amount_minor, line_id)
                gone[line_id] += amount_minor - (_sum(lots) - _sum(left))
                lots = left
            elif what == "most":
                lots = _at_most(lots, aside, missing, line_id, amount_minor)
            elif what == "aside":
                lots, aside[payout_id] = [], lots
            elif what == "again":
                lots.extend(aside.pop(payout_id, []))
                missing.pop(payout_id, None)
                before = len(lots)
            elif what == "moved":
                there_minor += amount_minor
        # After every transaction, also one that moves nothing here: what came in may all have gone against a debt.
        used_minor = max(0, _sum(lots) - there_minor)
        _replace(aside, missing, _first(lots, used_minor))
        lots = _less(lots, used_minor)
    return lots, aside, gone, there_minor


def _less(lots: Lots, amount_minor: int, line_id: int | None = None) -> Lots:
    """Return the lots without an amount, or without that much of one line's: the first are used first."""
    left = []
    for (line, subject), lot_minor in lots:
        used_minor = min(lot_minor, amount_minor) if line_id in {None, line} else 0
        amount_minor -= used_minor
        if lot_minor > used_minor:
            left.append(((line, subject), lot_minor - used_minor))
    return left


def _at_most(lots: Lots, aside: dict[UUID, Lots], missing: Counter[UUID], line_id: int, most_minor: int) -> Lots:
    """Return the lots, and leave aside, without what is more of one line than there can be.

    What payouts took of it is gone first, and is missing from them.
    """
    everywhere = [*lots, *(lot for parts in aside.values() for lot in parts)]
    over_minor = sum(lot_minor for (line, _), lot_minor in everywhere if line == line_id) - most_minor
    for payout_id, parts in aside.items():
        there_minor = sum(lot_minor for (line, _), lot_minor in parts if line == line_id)
        gone_minor = max(0, min(over_minor, there_minor))
        over_minor -= gone_minor
        missing[payout_id] += gone_minor
        aside[payout_id] = _less(parts, gone_minor, line_id)
    return _less(lots, max(0, over_minor), line_id)


def _replace(aside: dict[UUID, Lots], missing: Counter[UUID], used: Lots) -> None:
    """Put what was used here in place of what is missing there: a payout had taken the money that was asked for."""
    for payout_id, parts in aside.items():
        replaced = _first(used, missing[payout_id])
        parts.extend(replaced)
        missing[payout_id] -= _sum(replaced)
        used = _less(used, _sum(replaced))


def _first(lots: Lots, amount_minor: int) -> Lots:
    """Return the lots up to an amount, the first first."""
    found = []
    for key, lot_minor in lots:
        part_minor = min(lot_minor, amount_minor)
        amount_minor -= part_minor
        if part_minor:
            found.append((key, part_minor))
    return found


def _sum(lots: Lots) -> int:
    return sum(lot_minor for _, lot_minor in lots)
