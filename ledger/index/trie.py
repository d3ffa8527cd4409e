"""A binary Merkle trie over SHA-256 of keys: presence and absence are one path each (docs/formats/index.md).

It is kept in three storeys: one tile over the first 8 bits, 256 tiles over the next 8, and below them buckets, the
sorted records of the keys that share 16 bits. A bucket is what is hashed again when one of its keys changes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

EMPTY = bytes(32)
KEY_BITS = 256
STOREY_BITS = 8
BUCKET_BITS = 16
RECORD_BYTES = 64
CHILD_BYTES = 33
EMPTY_TILE = bytes(CHILD_BYTES << STOREY_BITS)

NOTHING, ONE, MANY = 0, 1, 2
Node = tuple[int, bytes]
"""How many keys are below, and the hash; with ONE it is the leaf's, wherever the node is."""

NO_NODE: Node = (NOTHING, EMPTY)
Fetch = Callable[[bytes], bytes]
"""Given the first 0, 1 or 2 bytes of key hashes, return the tile or the bucket there, empty bytes for none."""


class UnableToVerifyLookup(Exception):
    """A path of the index that does not lead to the root it is offered for."""

    code = "lookup-mismatch"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The lookup proof does not hold: {self.reason}."


def hash_key(key: str) -> bytes:
    """Return SHA-256 of the key's UTF-8 bytes: its place in the trie, the first bit decides at the root."""
    return sha256(key.encode()).digest()


def add_index(value: bytes, index: int) -> bytes:
    """Return the value after one more leaf index: SHA-256(0x02 || value || index as a big-endian uint64)."""
    return sha256(b"\x02" + value + index.to_bytes(8, "big")).digest()


def value_of(indices: Iterable[int]) -> bytes:
    """Return the value of a key: the chain over the indices of its entries, from 32 zero bytes on."""
    value = EMPTY
    for index in indices:
        value = add_index(value, index)
    return value


def leaf_of(record: bytes) -> bytes:
    """Return SHA-256(0x00 || key hash || value) of a record, which is key hash || value."""
    return sha256(b"\x00" + record).digest()


def join(left: Node, right: Node) -> Node:
    """Return the node above two: SHA-256(0x01 || left || right), but nothing and a single leaf stay what they are."""
    if left[0] + right[0] < MANY:
        return left if left[0] else right
    return MANY, sha256(b"\x01" + left[1] + right[1]).digest()


def bit_of(hashed: bytes, depth: int) -> int:
    """Return bit `depth` of a key hash, counted from the most significant."""
    return hashed[depth >> 3] >> (7 - (depth & 7)) & 1


def _split(records: Sequence[bytes], depth: int, low: int, high: int) -> int:
    at, shift = depth >> 3, 7 - (depth & 7)
    return bisect_left(records, 1, low, high, key=lambda record: record[at] >> shift & 1)


def subtree(records: Sequence[bytes], depth: int, low: int, high: int) -> Node:
    """Return the node at `depth` over the sorted records [low, high)."""
    if high - low < 2:
        return (ONE, leaf_of(records[low])) if high > low else NO_NODE
    middle = _split(records, depth, low, high)
    return join(subtree(records, depth + 1, low, middle), subtree(records, depth + 1, middle, high))


# --- buckets and tiles -----------------------------------------------------------------------------------
def records_of(bucket: bytes) -> list[bytes]:
    """Return the records of a bucket."""
    return [bucket[at : at + RECORD_BYTES] for at in range(0, len(bucket), RECORD_BYTES)]


def bucket_node(bucket: bytes) -> Node:
    """Return the node at depth 16 over a bucket."""
    records = records_of(bucket)
    return subtree(records, BUCKET_BITS, 0, len(records))


def added_to(bucket: bytes, additions: Iterable[tuple[bytes, int]]) -> bytes:
    """Return the bucket after adding (key hash, leaf index) pairs; the indices of a key must come in order."""
    values = {record[:32]: record[32:] for record in records_of(bucket)}
    for hashed, index in additions:
        values[hashed] = add_index(values.get(hashed, EMPTY), index)
    return b"".join(hashed + values[hashed] for hashed in sorted(values))


def child_of(tile: bytes, number: int) -> Node:
    """Return child `number` of a tile, which has 256: one byte for how many keys, then the hash."""
    at = number * CHILD_BYTES
    return tile[at], tile[at + 1 : at + CHILD_BYTES]


def with_children(tile: bytes, children: dict[int, Node]) -> bytes:
    """Return the tile with these children in their places."""
    changed = bytearray(tile or EMPTY_TILE)
    for number, (many, hashed) in children.items():
        changed[number * CHILD_BYTES : (number + 1) * CHILD_BYTES] = bytes([many]) + hashed
    return bytes(changed)


def _levels(tile: bytes) -> list[list[Node]]:
    """Return the nodes of a tile by depth: 1, 2, 4 … 256 of them."""
    levels = [[child_of(tile, number) for number in range(1 << STOREY_BITS)]]
    while len(levels[0]) > 1:
        below = levels[0]
        levels.insert(0, [join(below[at], below[at + 1]) for at in range(0, len(below), 2)])
    return levels


def tile_node(tile: bytes) -> Node:
    """Return the node at the top of a tile."""
    return _levels(tile)[0][0]


class Top:
    """The nodes of the first 16 levels in memory, of which a changed bucket changes one path."""

    def __init__(self, buckets: Iterable[tuple[int, Node]]) -> None:
        self._nodes: list[Node] = [NO_NODE] * (2 << BUCKET_BITS)
        self.set(dict(buckets))

    def set(self, buckets: dict[int, Node]) -> None:
        """Put the nodes of buckets in their places and hash what is above them again."""
        nodes, changed = self._nodes, {prefix | 1 << BUCKET_BITS: node for prefix, node in buckets.items()}
        for at, node in changed.items():
            nodes[at] = node
        above = {at >> 1 for at in changed}
        while above and 0 not in above:
            for at in above:
                nodes[at] = join(nodes[2 * at], nodes[2 * at + 1])
            above = {at >> 1 for at in above}

    def root(self) -> bytes:
        """Return the root of the trie."""
        return self._nodes[1][1]


# --- paths -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Path:
    """What a key leads to: the record there (another key's when that one is alone there) and the siblings upwards."""

    record: bytes | None
    siblings: tuple[bytes, ...]


def find(hashed: bytes, fetch: Fetch) -> Path:
    """Return the path of a key hash, which proves the key to be in the index or not."""
    siblings: list[bytes] = []
    for storey in range(BUCKET_BITS // STOREY_BITS):
        prefix = hashed[:storey]
        levels = _levels(fetch(prefix) or EMPTY_TILE)
        for depth, nodes in enumerate(levels):
            at = hashed[storey] >> (STOREY_BITS - depth)
            if depth:
                siblings.append(nodes[at ^ 1][1])
            if nodes[at][0] != MANY:
                record = _only(fetch, prefix, depth, at) if nodes[at][0] else None
                return Path(record, tuple(reversed(siblings)))
    records = records_of(fetch(hashed[: BUCKET_BITS // 8]))
    low, high, depth = 0, len(records), BUCKET_BITS
    while high - low > 1:
        middle = _split(records, depth, low, high)
        if bit_of(hashed, depth):
            siblings.append(subtree(records, depth + 1, low, middle)[1])
            low = middle
        else:
            siblings.append(subtree(records, depth + 1, middle, high)[1])
            high = middle
        depth += 1
    return Path(records[low] if high > low else None, tuple(reversed(siblings)))


def _only(fetch: Fetch, prefix: bytes, depth: int, at: int) -> bytes:
    """Return the one record below node `at` of a depth within the tile at `prefix`."""
    tile, width = fetch(prefix), 1 << (STOREY_BITS - depth)
    while True:
        number = next(one for one in range(at * width, (at + 1) * width) if tile[one * CHILD_BYTES])
        prefix += bytes([number])
        if len(prefix) == BUCKET_BITS // STOREY_BITS:
            return fetch(prefix)
        tile, at, width = fetch(prefix), 0, 1 << STOREY_BITS


def verify(key: str, indices: Sequence[int], path: Path, root: bytes) -> None:
    """Raise UnableToVerifyLookup unless the path proves that the key has exactly these leaf indices under `root`.

    No indices: that it has none, because its place is empty or belongs to another key alone.
    """
    hashed, depth = hash_key(key), len(path.siblings)
    if depth > KEY_BITS or any(len(one) != len(EMPTY) for one in path.siblings):
        raise UnableToVerifyLookup(f"it is longer than {KEY_BITS} or holds what is not a hash")
    if indices:
        if list(indices) != sorted(set(indices)) or indices[0] < 0 or indices[-1] >= 1 << 63:
            raise UnableToVerifyLookup("its indices do not go up")
        if path.record is not None and path.record[:32] != hashed:
            raise UnableToVerifyLookup("it shows another key")
        node = leaf_of(hashed + value_of(indices))
    elif path.record is None:
        node = EMPTY
    else:
        node = _leaf_of_another(hashed, path.record, depth)
    for at, sibling in enumerate(path.siblings):
        pair = sibling + node if bit_of(hashed, depth - 1 - at) else node + sibling
        node = sha256(b"\x01" + pair).digest()
    if node != root:
        raise UnableToVerifyLookup("it does not lead to the root of the index")


def _leaf_of_another(hashed: bytes, record: bytes, depth: int) -> bytes:
    if len(record) != RECORD_BYTES:
        raise UnableToVerifyLookup(f"the other key's record is not {RECORD_BYTES} bytes")
    if record[:32] == hashed:
        raise UnableToVerifyLookup("the key is there, and yet has no entries")
    if any(bit_of(record, at) != bit_of(hashed, at) for at in range(depth)):
        raise UnableToVerifyLookup("the other key is in another place")
    return leaf_of(record)
