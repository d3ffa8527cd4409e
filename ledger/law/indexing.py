"""Build the index again from the entries, and compare what index roots say with it."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from ledger.index.trie import RECORD_BYTES, Node, Top, added_to, bucket_node
from ledger.law.findings import Broken
from ledger.law.store import Store

_BUCKETS_AT_ONCE = 4_096


class IndexReplay:
    """The index of the leaves that the last index root covered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._top: Top | None = None

    def check(self, body: Mapping[str, Any], index: int) -> None:
        """Raise Broken unless the index root at leaf `index` is right; the index then covers its `size` leaves."""
        size, last = body["size"], self._store.get("indexed") or {"size": 0, "keys": 0}
        if not last["size"] < size <= index:
            raise Broken("index-out-of-order", f"it covers {size} leaves, after {last['size']} and before {index}")
        keys = last["keys"] + self._extend(size)
        self._store.set("indexed", {"size": size, "keys": keys})
        root = self._loaded().root().hex()
        if (keys, root) != (body["keys"], body["root"]):
            raise Broken("index-mismatch", f"of {size} leaves there are {keys} keys and the root is {root}")

    def _loaded(self) -> Top:
        if self._top is None:
            self._top = Top((prefix, (node[0], node[1:])) for prefix, node in self._store.bucket_nodes())
        return self._top

    def _extend(self, size: int) -> int:
        """Add what waits among the first `size` leaves; return the number of new keys."""
        top, added, nodes, buckets = self._loaded(), 0, dict[int, Node](), []
        for prefix, group in self._waiting(size):
            old = self._store.bucket(prefix)
            records = added_to(old, group)
            added += (len(records) - len(old)) // RECORD_BYTES
            nodes[prefix] = bucket_node(records)
            buckets.append((prefix, records, bytes([nodes[prefix][0]]) + nodes[prefix][1]))
            if len(buckets) == _BUCKETS_AT_ONCE:
                self._store.set_buckets(buckets)
                buckets = []
        self._store.set_buckets(buckets)
        self._store.drop_waiting(size)
        top.set(nodes)
        return added

    def _waiting(self, size: int) -> Iterator[tuple[int, Iterator[tuple[bytes, int]]]]:
        return groupby(self._store.waiting(size), key=lambda pair: int.from_bytes(pair[0][:2], "big"))
