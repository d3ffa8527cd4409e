"""The leaves of a statement's trees, and proofs over leaves that stream past (RFC 9162, section 2.1)."""

import hmac
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import UUID

import orjson

from ledger.log.merkle import CompactRange, leaf_hash, node_hash
from marketplace.payouts.statement_papers.reading import Move, Part, Span
from marketplace.ui.sheets import moment_cell

LINE_FORMAT = "worldloom/royalty-line/1"
LEAF_FORMAT = "worldloom/royalty-statement-leaf/1"
EXACT_LIMIT = 2**53 - 1
"""The largest integer that every reader of JSON reads exactly (RFC 8785, I-JSON)."""

_BATCH = 4096


def canonical(document: dict[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of a document with ASCII names, text, and integers in the exact range."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def exact(number: int) -> int | str:
    """Return the integer as documents write it: beyond the exact range, its digits are a string."""
    return number if -EXACT_LIMIT <= number <= EXACT_LIMIT else str(number)


def salt_for(key: str, name: str) -> str:
    """Return the salt of one leaf: HMAC-SHA-256 of its name under the statement's key, so that it betrays no other."""
    return hmac.new(bytes.fromhex(key), name.encode(), sha256).hexdigest()


def royalty_fields(part: Part) -> dict[str, Any]:
    """Return what the statement and the line's own document say alike of one royalty line."""
    return {
        "amount_minor": exact(part.amount_minor),
        "fee_minor": exact(part.fee_minor or 0),
        "gross_minor": exact(part.gross_minor or 0),
        "line": part.line,
        "net_minor": exact(part.net_minor or 0),
        "sale": part.sale,
        "share_ppb": part.share_ppb,
        "sold_at": moment_cell(part.sold_at),
        "split": part.split,
        "tax_minor": exact(part.tax_minor or 0),
    }


def line_document(move: Move, part: Part, *, span: Span, key: str) -> dict[str, Any]:
    """Return the document of one royalty line: what its leaf is the hash of."""
    return royalty_fields(part) | {
        "creator": str(move.creator_id),
        "currency": span.currency,
        "format": LINE_FORMAT,
        "period": span.period,
        "salt": salt_for(key, f"line:{part.line}"),
        "transaction": str(move.transaction),
    }


def leaf_document(
    *,
    period: str,
    currency: str,
    creator_id: UUID,
    opening_minor: int,
    closing_minor: int,
    lines: int,
    lines_root: str,
    digest: str,
    key: str,
) -> dict[str, Any]:
    """Return the document of a statement's leaf in the month's tree."""
    return {
        "closing_minor": exact(closing_minor),
        "creator": str(creator_id),
        "currency": currency,
        "digest": digest,
        "format": LEAF_FORMAT,
        "lines": lines,
        "lines_root": lines_root,
        "opening_minor": exact(opening_minor),
        "period": period,
        "salt": salt_for(key, "statement"),
    }


class Tree:
    """The root over leaves that are added one by one; it remembers a few hashes and no leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._range, self._new = CompactRange(), list[bytes]()

    def add(self, document: dict[str, Any]) -> None:
        """Put the document's bytes behind the others."""
        self._new.append(leaf_hash(canonical(document)))
        self.size += 1
        if len(self._new) == _BATCH:
            self._fold()

    def _fold(self) -> None:
        self._range = self._range.extended(self._new)
        self._new.clear()

    def root(self) -> str:
        """Return the root in hex."""
        self._fold()
        return self._range.root().hex()


def root_of(documents: Iterable[dict[str, Any]]) -> str:
    """Return the root over the documents, in hex."""
    tree = Tree()
    for document in documents:
        tree.add(document)
    return tree.root()


def proven(hashes: Iterable[bytes], size: int, index: int) -> tuple[bytes, list[bytes]]:
    """Return the root over `size` leaf hashes and the path of leaf `index`, from its sibling upwards.

    Reads the hashes once and remembers those on the way only. ValueError where there are fewer.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    leaves = iter(hashes)
    path: list[bytes] = []
    root = _walk(leaves, 0, size, index, path)
    return root, path


def _walk(leaves: Iterator[bytes], start: int, end: int, index: int, path: list[bytes]) -> bytes:
    if not start <= index < end:
        return _root(leaves, end - start)
    if end - start == 1:
        return _root(leaves, 1)
    middle = start + (1 << ((end - start - 1).bit_length() - 1))
    left = _walk(leaves, start, middle, index, path)
    right = _walk(leaves, middle, end, index, path)
    path.append(right if index < middle else left)
    return node_hash(left, right)


def _root(leaves: Iterator[bytes], count: int) -> bytes:
    found, left = CompactRange(), count
    while left:
        batch = list(islice(leaves, min(left, _BATCH)))
        if not batch:
            raise ValueError(f"{left} leaves are missing")
        found, left = found.extended(batch), left - len(batch)
    return found.root()
