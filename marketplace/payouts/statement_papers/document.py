"""A statement as JSON: docs/formats/royalty-statement.md. Written as it is read, however long it is."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain
from typing import Any

import orjson

from marketplace.payouts.statement_papers.reading import BUCKETS, Head, Move, Part, Span
from marketplace.payouts.statement_papers.tree import canonical, exact, royalty_fields
from marketplace.ui.sheets import moment_cell

STATEMENT_FORMAT = "worldloom/royalty-statement/1"
_PIECE_BYTES = 1 << 16

Seen = Callable[[Move, Part], None]


def document(span: Span, head: Head, moves: Iterator[Move], seen: Seen | None = None) -> Iterator[bytes]:
    """Return the RFC 8785 bytes of a statement in pieces; `seen` is told of each royalty line on the way.

    What stands before the lines and behind them is known from the head; the names of an object are in their order.
    """
    before = canonical(
        {
            "after": span.after,
            "buckets": {name: exact(head.buckets[name]) for name in BUCKETS},
            "by_kind": {kind: exact(amount) for kind, amount in head.by_kind.items()},
            "closing_minor": exact(head.closing_minor),
            "creator": str(head.creator_id),
            "currency": span.currency,
            "format": STATEMENT_FORMAT,
        }
    )
    behind = canonical(
        {
            "opening_minor": exact(head.opening_minor),
            "period": span.period,
            "through": span.through,
            "transaction": str(span.transaction) if span.transaction else None,
        }
    )
    pieces = chain([before[:-1], b',"lines":['], _lines(moves, seen), [b"],", behind[1:]])
    return _gathered(pieces)


def digest_of(pieces: Iterator[bytes]) -> str:
    """Return the SHA-256 of the pieces in hex."""
    found = sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _PIECE_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _lines(moves: Iterator[Move], seen: Seen | None) -> Iterator[bytes]:
    comma = b""
    for move in moves:
        about = {
            "amount_minor": exact(move.amount_minor),
            "id": str(move.transaction),
            "kind": move.kind,
            "occurred_at": moment_cell(move.occurred_at),
        }
        yield comma + canonical(about)[:-1] + b',"parts":['
        between = b""
        for part in move.parts:
            if seen is not None and part.what == "royalty":
                seen(move, part)
            yield between + canonical(_part(part))
            between = b","
        yield b'],"source":' + orjson.dumps(move.source) + b"}"
        comma = b","


def _part(part: Part) -> dict[str, Any]:
    if part.what == "royalty":
        return royalty_fields(part) | {"what": part.what}
    if part.what == "payout":
        return {"payout": part.name, "what": part.what}
    about = {"amount_minor": exact(part.amount_minor), "line": part.line, "sale": part.sale}
    return about | {"reason": part.reason, "reversal": part.name, "what": part.what}
