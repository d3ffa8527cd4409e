"""What stands in a root: its list again from its rows, a proof out of its tree, and the call data of claims."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from threading import get_ident

from django.conf import settings
from django.db import connection

from marketplace.payouts.claims.document import write_list
from marketplace.payouts.claims.places import place_of
from marketplace.payouts.claims.tables import ChainAccount, ChainBook, PayoutRoot, RootSeen
from marketplace.payouts.claims.tree import NODE_BYTES, claim_calls, leaves_of, levels_of, sizes_of, spots_of

# Every account of a book with what it was given up to a root, in the order of the leaves.
_GIVEN = """
SELECT c.address, l.cumulative_minor
  FROM payouts_chain_account c
 CROSS JOIN LATERAL (SELECT l.cumulative_minor FROM payouts_root_line l
                      WHERE l.account_id = c.id AND (%(root)s::bigint IS NULL OR l.root_id <= %(root)s)
                      ORDER BY l.root_id DESC LIMIT 1) l
 WHERE c.book_id = %(book)s ORDER BY c.place
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an account may claim under a root: all it was ever given in the token's units, and the proof of it."""

    root: PayoutRoot
    account: ChainAccount
    units: int
    proof: tuple[bytes, ...]


def given_in(book: ChainBook, root: PayoutRoot | None = None) -> list[tuple[bytes, int]]:
    """Return (account of 20 bytes, all that it was given in the token's units) up to a root, or up to the newest."""
    scale = int(book.scale)
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN, {"book": book.pk, "root": root and root.pk})
        return [(bytes.fromhex(address[2:]), minor * scale) for address, minor in cursor.fetchall()]


def list_of(root: PayoutRoot) -> bytes:
    """Return the public list of a root (docs/formats/payout-root.md): the bytes whose SHA-256 it keeps."""
    given = given_in(root.book, root)
    return write_list(place_of(root.book), root.number, bytes.fromhex(root.root[2:]), given)


def kept_list(root: PayoutRoot) -> bytes:
    """Return the bytes of a root's public list, from its file where somebody asked before: it never changes.

    Nothing is kept that is not what the root's digest was taken of, or where the data folder cannot be written.
    """
    path = Path(settings.DATA_FOLDER, "payout-roots", f"{root.document_sha256}.json")
    try:
        return path.read_bytes()
    except OSError:
        content = list_of(root)
    if sha256(content).hexdigest() == root.document_sha256:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
            fresh.write_bytes(content)
            fresh.replace(path)
    return content


def is_as_given(root: PayoutRoot) -> bool:
    """Whether a root, its total and its list are those of what its book's accounts were given, built again."""
    given = given_in(root.book, root)
    if not given or len(given) != root.accounts or sum(units for _, units in given) != root.total_units:
        return False
    [top] = levels_of(leaves_of(place_of(root.book), given))[-1]
    listed = write_list(place_of(root.book), root.number, top, given)
    return root.root == "0x" + top.hex() and root.document_sha256 == sha256(listed).hexdigest()


def root_problems() -> list[str]:
    """Return a sentence for each newest root that is not what its accounts were given, unless it was vetoed."""
    newest = PayoutRoot.objects.order_by("book_id", "-number").distinct("book_id").select_related("book")
    vetoed = set(RootSeen.objects.filter(kind=RootSeen.VETOED, ours__isnull=False).values_list("ours_id", flat=True))
    return [
        f"Root {root.number} of {root.book.detail} is not the root of what its accounts were given."
        for root in newest
        if root.pk not in vetoed and not is_as_given(root)
    ]


def claim_of(root: PayoutRoot, account: ChainAccount) -> Claim | None:
    """Return an account's claim under a root, with its proof read out of the stored tree; None where it is not in it.

    A tree of 100,000 accounts is 6 MB, of which 17 nodes are read.
    """
    if account.book_id != root.book_id or account.place >= root.accounts:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(cumulative_minor) FROM payouts_root_line WHERE account_id = %s AND root_id <= %s",
            [account.pk, root.pk],
        )
        [minor] = cursor.fetchone()
        cursor.execute(
            f"SELECT substring(t.nodes FROM s.spot * {NODE_BYTES} + 1 FOR {NODE_BYTES})"
            "  FROM payouts_root_tree t, unnest(%s::int[]) WITH ORDINALITY AS s (spot, place)"
            " WHERE t.root_id = %s ORDER BY s.place",
            [spots_of(account.place, root.accounts), root.pk],
        )
        proof = tuple(bytes(node) for (node,) in cursor.fetchall())
    return Claim(root, account, minor * int(root.book.scale), proof)


def calls_under(root: PayoutRoot) -> Iterator[tuple[str, bytes]]:
    """Yield (address, call data of its claim) of every account of a root: for whoever claims for all of them."""
    given, nodes = given_in(root.book, root), bytes(root.tree.nodes)
    sizes = sizes_of(root.accounts)
    ends = list(accumulate(sizes))
    levels = [
        [nodes[at * NODE_BYTES : (at + 1) * NODE_BYTES] for at in range(end - size, end)]
        for size, end in zip(sizes, ends, strict=True)
    ]
    for (account, _units), call in zip(given, claim_calls(place_of(root.book), given, levels), strict=True):
        yield "0x" + account.hex(), call
