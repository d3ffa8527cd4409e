"""Matching lines with the books: what both say is noted together, and what a line alone says is booked, each once."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from marketplace.checkout.reconciling import rules
from marketplace.checkout.reconciling.finding import LINE, movements_of, stray, together, undone
from marketplace.checkout.reconciling.rules import Decision, Line, Movement
from marketplace.checkout.reconciling.tables import ProviderLine
from marketplace.payouts import operations as books
from marketplace.payouts.bookkeeping.books import array_of
from marketplace.payouts.models import TransactionKind
from marketplace.payouts.rules import Money

log = logging.getLogger(__name__)
BATCH = 2000
_LOCK = 0x7265_636E  # "recn": who matches lines waits for who does so already

_TAKE = f"""
SELECT l.* FROM (SELECT line_id FROM checkout_provider_line_open WHERE line_id > %s ORDER BY line_id OFFSET 0) o
 CROSS JOIN LATERAL (SELECT {LINE} FROM checkout_provider_line l
                      WHERE l.id = o.line_id AND l.gateway = %s OFFSET 0) l LIMIT %s
"""
_SETTLED = """
SELECT n.source, v.transaction_id::text FROM unnest(%s::text[]) AS n (source)
 CROSS JOIN LATERAL (SELECT id FROM payouts_sale s WHERE s.source = n.source OFFSET 0) s
 CROSS JOIN LATERAL (SELECT transaction_id FROM payouts_provider_settlement v WHERE v.sale_id = s.id OFFSET 0) v
"""
_NOTE = """
INSERT INTO checkout_reconciled_transaction (transaction_id, line_id)
SELECT * FROM unnest(%s::uuid[], %s::bigint[])
"""
_MATCH = """
INSERT INTO checkout_provider_line_matched (line_id, way, together_id, by, reason, at)
SELECT l.*, %s, %s, %s FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS l
"""
_LINE = f"SELECT {LINE} FROM checkout_provider_line l WHERE l.id = %s"


class _Booked:
    """What one batch decides: matched lines with their way, and the transactions that are now each one's."""

    def __init__(self) -> None:
        self.ways: dict[int, str] = {}
        self.together: dict[int, int] = {}
        self.transactions: list[tuple[str, int]] = []
        self.settle: list[tuple[books.Collected, int]] = []
        self.moves: list[tuple[books.Moved, int]] = []

    def add(self, line: Line, way: str, transactions: Sequence[object] = ()) -> None:
        """Notes a line as matched with transactions that are there."""
        self.ways[line.number] = way
        self.transactions += [(str(one), line.number) for one in transactions]

    def move(self, line: Line, kind: TransactionKind, amount_minor: int, currency: str = "") -> None:
        """Notes what is to be booked for a line, above zero where our balance grew; nothing for zero."""
        if amount_minor:
            self.moves.append((books.Moved(kind, amount_minor, currency or line.currency, line.line_id), line.number))


def match_lines(*, gateway: str, now: datetime) -> int:
    """This will match the lines that are open and can be, and book what follows; tells how many it matched.

    A line and all that it books are one transaction. What cannot be matched yet stays open and is looked at again;
    one that cannot be booked does not hold up the others. Of two at once, one waits for a batch of the other.
    """
    after, matched = 0, 0
    while True:
        taken, done = _batch(gateway, after, BATCH, now)
        matched += done
        if taken is None:
            return matched
        after = taken


def _batch(gateway: str, after: int, size: int, now: datetime) -> tuple[int | None, int]:
    """Matches one batch; gives the number of its last line, or None where there was none, and how many it matched."""
    lines: list[Line] = []
    try:
        with transaction.atomic():
            wait_for_others()
            lines = _take(gateway, after, size)
            if not lines:
                return None, 0
            return lines[-1].number, _match(lines, now)
    except Exception:
        if len(lines) == 1:
            log.exception("line %s of %s cannot be booked and stays open", lines[0].line_id, gateway)
            return lines[0].number, 0
    # One of them cannot be booked: each by itself, so that it alone stays open.
    done = 0
    for before in (after, *(line.number for line in lines[:-1])):
        done += _batch(gateway, before, 1, now)[1]
    return lines[-1].number, done


def wait_for_others() -> None:
    """This will wait for whoever matches lines at this moment, and hold others until commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _take(gateway: str, after: int, size: int) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [after, gateway, size])
        return [Line(*row) for row in cursor.fetchall()]


def _match(lines: Sequence[Line], now: datetime) -> int:
    movements, strays, booked = movements_of(lines), stray(lines), _Booked()
    _add_up(lines, movements, booked)
    _undo(lines, booked)
    for line in lines:
        if line.number in booked.ways:
            continue
        _decide(line, movements.get(line.number, []), line.number in strays, booked, now)
    if unknown := sorted({line.category for line in lines if booked.ways.get(line.number) == "suspense"}):
        count = sum(way == "suspense" for way in booked.ways.values())
        log.critical("%d lines that nobody understands are in suspense: %s", count, ", ".join(unknown))
    _settle(booked, now)
    _write(booked, now)
    return len(booked.ways)


def line_of(row: ProviderLine) -> Line:
    """Return a copy of a line as it is matched."""
    with connection.cursor() as cursor:
        cursor.execute(_LINE, [row.pk])
        return Line(*cursor.fetchone())


def note(line: Line, transactions: Sequence[object], way: str, *, now: datetime, by: str, reason: str) -> None:
    """This will write that a line is matched with these transactions, as an operator said."""
    booked = _Booked()
    booked.add(line, way, transactions)
    _write(booked, now, by[:200], reason)


def _write(booked: _Booked, now: datetime, by: str = "", reason: str = "") -> None:
    with connection.cursor() as cursor:
        if booked.transactions:
            cursor.execute(_NOTE, [array_of(column) for column in zip(*booked.transactions, strict=True)])
        if booked.ways:
            first = [booked.together.get(number) for number in booked.ways]
            columns = [array_of(column) for column in (booked.ways, booked.ways.values(), first)]
            cursor.execute(_MATCH, [by, reason, now, *columns])


def _add_up(lines: Sequence[Line], movements: Mapping[int, Sequence[Movement]], booked: _Booked) -> None:
    """Notes the transfers of payouts that went in several, as far as they add up to what was sent."""
    sent = {
        one.transaction_id: one.amount_minor
        for line in lines
        if line.category == rules.TRANSFER
        for one in movements.get(line.number, [])
        if one.amount_minor != line.amount_minor
    }
    for transaction_id, parts in together(sent).items():
        if sum(part.amount_minor for part in parts) != sent[transaction_id]:
            continue
        first = parts[0]
        for part in parts:
            booked.add(part, "known", [transaction_id] if part is first else [])
            booked.together[part.number] = first.number
            booked.move(part, TransactionKind.PROVIDER_FEE, -part.fee_minor)


def _undo(lines: Sequence[Line], booked: _Booked) -> None:
    """Notes transfers of payouts that were given up with what came back of them, as far as nothing is left of both."""
    for parts in undone(lines):
        if len(parts) < 2 or sum(part.amount_minor for part in parts):
            continue
        for part in parts:
            booked.add(part, "known")
            booked.together[part.number] = parts[0].number
            booked.move(part, TransactionKind.PROVIDER_FEE, -part.fee_minor)


def _decide(line: Line, movements: Sequence[Movement], is_stray: bool, booked: _Booked, now: datetime) -> None:
    if line.is_aside:
        booked.add(line, "aside")
    elif is_stray:
        booked.add(line, "stray")
        booked.move(line, TransactionKind.SUSPENDED, line.amount_minor)
        booked.move(line, TransactionKind.PROVIDER_FEE, -line.fee_minor)
    elif line.category in rules.KNOWN or (line.category in rules.BANK and movements):
        _known(line, movements, rules.decide(line, movements), booked, now)
    elif line.category in rules.BANK:
        booked.add(line, "bank")
        booked.move(line, TransactionKind.BANK_TRANSFER, line.amount_minor)
        booked.move(line, TransactionKind.PROVIDER_FEE, -line.fee_minor)
    elif line.category == rules.FEE:
        booked.add(line, "fee")
        booked.move(line, TransactionKind.PROVIDER_FEE, line.net_minor)
    else:
        booked.add(line, "suspense")
        booked.move(line, TransactionKind.SUSPENDED, line.net_minor)


def _known(line: Line, movements: Sequence[Movement], decision: Decision, booked: _Booked, now: datetime) -> None:
    if decision.state != rules.SAME:
        return
    made: list[object] = [one.transaction_id for one in movements]
    booked.settle += [
        (books.Collected(source, fee_minor, f"{line.line_id}:{place}"), line.number)
        for place, (source, fee_minor) in enumerate(decision.settle)
    ]
    booked.move(line, TransactionKind.COLLECTED, decision.collected_minor, line.known_currency)
    if line.exchanged_minor is not None:
        made += _exchange(line, now)
    booked.add(line, "known", made)
    booked.move(line, TransactionKind.PROVIDER_FEE, -decision.fee_minor)


def _settle(booked: _Booked, now: datetime) -> None:
    """Books what was noted: in one statement all movements, in another all settlements."""
    made = books.record_moves(moves=[one for one, _line in booked.moves], now=now)
    booked.transactions += [
        (str(transaction_id), number) for transaction_id, (_move, number) in zip(made, booked.moves, strict=True)
    ]
    if not booked.settle:
        return
    books.record_settlements(settled=[collected for collected, _line in booked.settle], now=now)
    line_of = {collected.source: number for collected, number in booked.settle}
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, [array_of(line_of)])
        booked.transactions += [(transaction_id, line_of[source]) for source, transaction_id in cursor.fetchall()]


def _exchange(line: Line, now: datetime) -> list[UUID]:
    """Books that the gateway exchanged an amount of ours into the line's currency, or ours back from there."""
    ours = Money(abs(line.known_minor), line.known_currency)
    theirs = Money(abs(line.amount_minor), line.currency)
    gave, got = (ours, theirs) if line.amount_minor > 0 else (theirs, ours)
    made = books.exchange(gave=gave, got=got, rate=line.rate, reference=line.line_id, now=now)
    return [made.gave_id, made.got_id]
