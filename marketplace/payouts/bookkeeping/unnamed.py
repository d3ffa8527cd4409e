"""Whose money is available where the story of a creator's account names no line for it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from marketplace.payouts.models import Account, AccountKind
from marketplace.payouts.numbers import held_of, number_of, taken_of

Lots = list[tuple[tuple[int, str], int]]
"""Money of one creator: ((line, subject), amount), what has been there longest first."""

RELEASES_AT_FIRST = 50

# Of releases (%(releases)s, in their order) and of one payee, the last line first: what came of the line when the hold
# period was over, what of all of them was then kept as a reserve, and what remains of the line and is not held.
_LINES = f"""
SELECT h.id, coalesce(v.amount_minor, 0), l.id, s.subject,
       l.amount_minor - {taken_of("l.id", "h.number")} - {held_of("l.id", "h.number")},
       l.amount_minor - {taken_of("l.id")} - {held_of("l.id")}
  FROM (SELECT r.id, r.run_id, asked.place, {number_of("r.transaction_id")} AS number
          FROM unnest(%(releases)s::bigint[]) WITH ORDINALITY AS asked (id, place)
          JOIN payouts_hold_release r ON r.id = asked.id) h
 CROSS JOIN LATERAL payouts_lines_of(%(payee)s::uuid) l
  JOIN payouts_sale s ON s.id = l.sale_id
  LEFT JOIN LATERAL (SELECT sum(v.amount_minor)::bigint AS amount_minor FROM payouts_reserve_line v
                      WHERE v.release_id = h.id AND v.creator_id = l.payee_id) v ON true
 WHERE l.run_id = h.run_id
 ORDER BY h.place, l.id DESC
"""

# The releases of which something was kept, the longest kept first; and all of them, the newest first.
_KEPT = """
SELECT release_id FROM payouts_reserve_line WHERE creator_id = %(payee)s AND currency = %(currency)s
 GROUP BY release_id ORDER BY max(until) DESC, max(id) DESC
"""
_RELEASED = """
SELECT h.id FROM payouts_hold_release h JOIN payouts_royalty_run r ON r.id = h.run_id
 WHERE r.currency = %(currency)s ORDER BY h.id DESC
"""


class Candidate(NamedTuple):
    """A line that the money may be of: at most so much of it, and so much remains of the line wherever it is."""

    line_id: int
    subject: str
    most_minor: int
    remains_minor: int


def unnamed_lots(
    payee_id: UUID, currency: str, known: Lots, gone: Mapping[int, int], amount_minor: int, later_minor: int = 0
) -> Lots:
    """Return of which lines that much money is, where so much came after it; the currency must be locked.

    It came out of a reserve, or it stands there because a reversal took its line's part out of the reserve instead. A
    reserve is of the lines of which it was kept. What is in it is what is kept for longest, so what is out of it is
    what was kept before that, without what of it was found before and is `gone` into a hold. What this does not explain
    is of the lines that were released last. No line gets more than what remains of it beside what is `known` to be of
    it; the sum is less only where all lines have all of that.
    """
    named: Counter[int] = Counter()
    for (line_id, _subject), lot_minor in known:
        named[line_id] += lot_minor
    reserve = Account.objects.filter(kind=AccountKind.CREATOR_RESERVE, currency=currency, owner=payee_id)
    later_minor += sum(reserve.values_list("balance_minor", flat=True))
    who = {"payee": payee_id, "currency": currency}
    found = _found(_kept(who, gone), named, later_minor, amount_minor)
    rest_minor = amount_minor - sum(lot_minor for _, lot_minor in found)
    return [*_found(_released(who), named, 0, rest_minor), *found]


def _found(candidates: Iterable[Candidate], named: Counter[int], later_minor: int, amount_minor: int) -> Lots:
    """Return the amount's lots, longest there first; of the candidates' money, that much came later and is passed over.

    `named` learns what is found of which line.
    """
    found: Lots = []
    for line in candidates if amount_minor else ():
        there_minor = max(0, min(line.most_minor, line.remains_minor - named[line.line_id]))
        passed_minor = min(there_minor, later_minor)
        part_minor = min(there_minor - passed_minor, amount_minor)
        named[line.line_id] += passed_minor + part_minor
        later_minor -= passed_minor
        amount_minor -= part_minor
        if part_minor:
            found.append(((line.line_id, line.subject), part_minor))
        if not amount_minor:
            break
    return found[::-1]


def _kept(who: dict[str, Any], gone: Mapping[int, int]) -> Iterator[Candidate]:
    """Yield the lines of which a reserve was kept, with how much of each: the first of a release were used first."""
    for _release, rows in groupby(_lines(_KEPT, who), key=lambda row: row[0]):
        lines = list(rows)
        given_minor = sum(came_minor for *_, came_minor, _remains in lines) - lines[0][1]
        for _id, _kept_minor, line_id, subject, came_minor, remains_minor in lines:
            free_minor = min(came_minor, given_minor)
            given_minor -= free_minor
            yield Candidate(line_id, subject, came_minor - free_minor - gone.get(line_id, 0), remains_minor)


def _released(who: dict[str, Any]) -> Iterator[Candidate]:
    """Yield all lines that were released, the last first."""
    for _id, _kept_minor, line_id, subject, _came_minor, remains_minor in _lines(_RELEASED, who):
        yield Candidate(line_id, subject, remains_minor, remains_minor)


def _lines(releases: str, who: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what `_LINES` says of the releases that a statement names: of few, which mostly do, then of ever more.

    Each time all lines of the payee are read for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(releases, who)
        ids = [release_id for (release_id,) in cursor.fetchall()]
        many = RELEASES_AT_FIRST
        while ids:
            cursor.execute(_LINES, {**who, "releases": ids[:many]})
            yield from cursor.fetchall()
            ids, many = ids[many:], many * 4
