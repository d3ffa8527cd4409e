"""Proofs of statements: that a statement, and a royalty line in it, is under a root that the log has."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from ledger.log.merkle import leaf_hash
from ledger.models import Entry
from ledger.queries import entries_about, proof_for, verifier_key
from marketplace.payouts.bookkeeping.closing import leaf_of, statements_in
from marketplace.payouts.statement_papers.reading import index_of_line, moves
from marketplace.payouts.statement_papers.tree import canonical, line_document, proven
from marketplace.payouts.statement_queries import span_of
from marketplace.payouts.statements import Statement, StatementPeriod
from marketplace.people.models import Creator

PROOF_FORMAT = "worldloom/royalty-proof/1"


def statement_with(creator: Creator, *, line: int) -> Statement | None:
    """Return the statement of the closed month that has the creator's royalty line; None while its month runs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.currency, min(p.id) FROM payouts_royalty_line l JOIN payouts_royalty_run r ON r.id = l.run_id"
            " JOIN payouts_posting p ON p.transaction_id = r.transaction_id"
            " JOIN payouts_account a ON a.id = p.account_id AND a.owner_id = l.payee_id"
            " WHERE l.id = %s AND l.payee_id = %s GROUP BY r.currency",
            [line, creator.pk],
        )
        found = cursor.fetchone()
    if found is None:
        return None
    currency, place = found
    inside = Q(period__currency=currency, period__after__lt=place, period__through__gte=place)
    return Statement.objects.select_related("period").filter(inside, creator=creator).first()


def entry_of(period: StatementPeriod) -> Entry:
    """Return the log's entry with the root of a month's statements."""
    [entry] = [
        entry
        for entry in entries_about(f"royalties:{period.period}:{period.currency}")
        if entry.type == "royalty-statement"
    ]
    return entry


def proof_of(row: Statement, *, line: int | None = None) -> dict[str, Any] | None:
    """Return the proof that a statement, and one royalty line of it, is under a root that the log has.

    docs/formats/royalty-statement.md says what is in it. None while the month's entry is not in the published log.
    The line must be one of the statement's.
    """
    entry = entry_of(row.period)
    in_log = proof_for(entry)
    if in_log is None:
        return None
    leaf = leaf_of(row, row.period.period, row.period.currency)
    others = Statement.objects.filter(period=row.period).order_by("place").iterator(chunk_size=5000)
    leaves = (leaf_hash(canonical(leaf_of(one, row.period.period, row.period.currency))) for one in others)
    root, path = proven(leaves, row.period.statements, row.place)
    assert root.hex() == row.period.root  # a proof that does not hold helps nobody
    proof = {
        "entry": bytes(entry.body).decode(),
        "format": PROOF_FORMAT,
        "key": str(verifier_key()),
        "log": in_log.to_text(),
        "statement": leaf,
        "statement_index": row.place,
        "statement_path": [one.hex() for one in path],
    }
    return proof if line is None else proof | _line_proof(row, line)


@transaction.atomic
def _line_proof(row: Statement, line: int) -> dict[str, Any]:
    span = span_of(row.period)
    index = index_of_line(span, row.creator_id, line)
    documents: list[dict[str, Any]] = []

    def leaves() -> Iterator[bytes]:
        for move in moves(span, row.creator_id):
            for part in move.parts:
                if part.what == "royalty":
                    told = line_document(move, part, span=span, key=row.salt)
                    if part.line == line:
                        documents.append(told)
                    yield leaf_hash(canonical(told))

    root, path = proven(leaves(), row.lines, index)
    assert root.hex() == row.lines_root
    return {"line": documents[0], "line_index": index, "line_path": [one.hex() for one in path]}


@transaction.atomic
def unlike_their_papers(period: StatementPeriod) -> list[UUID]:
    """Return the creators whose statements of a closed month are not what the books say when written out again."""
    stored = {row.creator_id: row for row in Statement.objects.filter(period=period)}
    keys = {creator_id: row.salt for creator_id, row in stored.items()}
    again = {row.creator_id: row for row in statements_in(span_of(period), lambda one: keys.get(one, "00" * 32))}
    told = ("place", "opening_minor", "closing_minor", "lines", "lines_root", "digest")

    def says(row: Statement | None) -> list[Any]:
        return [getattr(row, name) for name in told] if row else []

    return [one for one in sorted(stored.keys() | again.keys()) if says(stored.get(one)) != says(again.get(one))]
