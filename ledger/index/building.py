"""Keep the index up with the log, and commit its root into the log."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import connection, transaction

from ledger import queries
from ledger.index.keys import UNINDEXED, keys_of
from ledger.index.trie import NO_NODE, RECORD_BYTES, Node, added_to, bucket_node, hash_key, tile_node, with_children
from ledger.models import Checkpoint, Entry, IndexRoot, Leaf
from ledger.stating import state

INDEX_LOCK = 0x574C_0004
EVERY = timedelta(minutes=1)
_LEAVES_AT_ONCE = 5_000
_NODES_AT_ONCE = 1_000
_ADDITION_BYTES = 40

_Additions = dict[bytes, bytearray]
"""Key hash and leaf index of what is new, one after the other, by the prefix of its bucket."""


def commit_index(*, now: datetime) -> Entry | None:
    """Index what was sealed since the last root and state the new root; return its entry.

    None when another process is at it, when the last root is younger than EVERY or not yet public, and when
    nothing that is indexed was added.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [INDEX_LOCK])
            if not cursor.fetchone()[0]:
                return None
        last, newest = IndexRoot.objects.order_by("-size").first(), queries.latest_checkpoint()
        if newest is None or not _is_due(last, newest, now):
            return None
        start, size = last.size if last else 0, newest.size
        additions = _add_postings(start, size)
        added, root = _add_nodes(additions, size)
        keys = (last.keys if last else 0) + added
        if last is not None:
            _drop_superseded(additions, last.size)
        body = {"size": size, "keys": keys, "root": root.hex()}
        entry = state(type="index-root", subject=f"index:{size}", body=body, now=now)
        IndexRoot.objects.create(size=size, entry=entry, keys=keys, root=root, stated_at=now)
        return entry


def _is_due(last: IndexRoot | None, newest: Checkpoint, now: datetime) -> bool:
    if last is not None:
        # The nodes of the last root serve until the next one is public, so only two generations are kept.
        leaf, out = queries.leaf_of(last.entry), queries.published()
        if now - last.stated_at < EVERY or leaf is None or out is None or leaf.index >= out.head.size:
            return False
    added = Leaf.objects.filter(index__gte=last.size if last else 0, index__lt=newest.size)
    return bool(added.exclude(entry__type__in=UNINDEXED).exists())


def _add_postings(start: int, size: int) -> _Additions:
    """Write what is found under which key from leaf `start` on, and return it by bucket."""
    additions: _Additions = {}
    for first in range(start, size, _LEAVES_AT_ONCE):
        rows = (
            Leaf.objects.filter(index__gte=first, index__lt=min(size, first + _LEAVES_AT_ONCE))
            .exclude(entry__type__in=UNINDEXED)
            .order_by("index")
            .values_list("index", "entry__body")
        )
        found = [(index, hash_key(key)) for index, body in rows for key in keys_of(bytes(body))]
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY ledger_indexposting (key, leaf) FROM STDIN") as copy,
        ):
            for index, hashed in found:
                copy.write_row((posting_key(hashed), index))
        for index, hashed in found:
            additions.setdefault(hashed[:2], bytearray()).extend(hashed + index.to_bytes(8, "big"))
    return additions


def posting_key(hashed: bytes) -> int:
    """Return the number under which postings of a key hash are kept."""
    return int.from_bytes(hashed[:8], "big", signed=True)


def _add_nodes(additions: _Additions, size: int) -> tuple[int, bytes]:
    """Write the buckets and tiles that change; return the number of new keys, and the root."""
    added, children = 0, dict[bytes, Node]()
    prefixes = sorted(additions)
    for at in range(0, len(prefixes), _NODES_AT_ONCE):
        some = prefixes[at : at + _NODES_AT_ONCE]
        before = nodes_at(some)
        buckets = []
        for prefix in some:
            old = before.get(prefix, b"")
            bucket = added_to(old, _pairs(additions[prefix]))
            buckets.append((prefix, bucket))
            children[prefix] = bucket_node(bucket)
            added += (len(bucket) - len(old)) // RECORD_BYTES
        _write(buckets, size)
    for storey in (1, 0):
        before = nodes_at(sorted({prefix[:storey] for prefix in children}))
        tiles = []
        for prefix, group in groupby(sorted(children.items()), key=lambda pair: pair[0][:storey]):
            tiles.append((prefix, with_children(before.get(prefix, b""), {one[0][-1]: one[1] for one in group})))
        _write(tiles, size)
        children = {prefix: tile_node(tile) for prefix, tile in tiles}
    if not children:  # nothing has a key yet
        return 0, bytes(nodes_root())
    return added, children[b""][1]


def nodes_root() -> bytes:
    """Return the root that the newest nodes add up to."""
    tile = nodes_at([b""]).get(b"", b"")
    return (tile_node(tile) if tile else NO_NODE)[1]


def _pairs(additions: bytearray) -> Iterator[tuple[bytes, int]]:
    for at in range(0, len(additions), _ADDITION_BYTES):
        yield bytes(additions[at : at + 32]), int.from_bytes(additions[at + 32 : at + _ADDITION_BYTES], "big")


def nodes_at(prefixes: Sequence[bytes], *, size: int | None = None) -> dict[bytes, bytes]:
    """Return the nodes at these prefixes as they were when `size` leaves were indexed, the newest without."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (prefix) prefix, content FROM ledger_indexnode"
            " WHERE prefix = ANY(%s) AND size <= %s ORDER BY prefix, size DESC",
            [list(prefixes), (1 << 62) if size is None else size],
        )
        return {bytes(prefix): bytes(content) for prefix, content in cursor.fetchall()}


def _write(nodes: Sequence[tuple[bytes, bytes]], size: int) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY ledger_indexnode (prefix, size, content) FROM STDIN") as copy,
    ):
        for prefix, content in nodes:
            copy.write_row((prefix, size, content))


def _drop_superseded(additions: _Additions, last: int) -> None:
    """Drop what was replaced before the last root, at the prefixes that were replaced again now."""
    touched = {prefix[:storey] for prefix in additions for storey in (0, 1, 2)}
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ledger_indexnode old USING ledger_indexnode new WHERE old.prefix = ANY(%s)"
            " AND new.prefix = old.prefix AND new.size > old.size AND new.size <= %s",
            [list(touched), last],
        )
