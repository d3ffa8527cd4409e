"""Merkle tree hashes and proofs over SHA-256: RFC 9162 section 2.1, which are those of RFC 6962."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

ReadNode = Callable[[int, int], bytes]
"""Given (level, index), return the hash over the 2**level leaves that start at leaf index * 2**level."""


class UnableToVerifyProof(Exception):
    """A proof that does not lead to the root it is offered for."""

    code = "proof-mismatch"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The Merkle proof does not hold: {self.reason}."


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 || entry): RFC 9162 section 2.1.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right): RFC 9162 section 2.1.1."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of equally high nodes."""
    if not hashes or len(hashes) & (len(hashes) - 1):
        raise ValueError(f"perfect_root needs a power of two of hashes, got {len(hashes)}")
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


@dataclass(frozen=True, slots=True)
class CompactRange:
    """All that must be remembered of a tree to append to it and to know its root: O(log n) hashes.

    `hashes` are the roots of the perfect subtrees that the leaves [0, size) fall into, the largest first:
    one for every bit that is set in `size`.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.hashes) != self.size.bit_count():
            raise ValueError(
                f"a compact range of {self.size} leaves has {self.size.bit_count()} hashes, not {len(self.hashes)}"
            )

    def extended(self, leaf_hashes: Iterable[bytes]) -> "CompactRange":
        """Return the range after appending the leaves; O(log n) work at worst for each, O(1) on average."""
        size, hashes = self.size, list(self.hashes)
        for new in leaf_hashes:
            carry = size
            while carry & 1:
                new = node_hash(hashes.pop(), new)
                carry >>= 1
            hashes.append(new)
            size += 1
        return CompactRange(size, tuple(hashes))

    def root(self) -> bytes:
        """Return the root of the tree: RFC 9162 section 2.1.1; EMPTY_ROOT for no leaves."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """Return the hashes joined, 32 bytes each; the size is kept beside them."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, joined: bytes) -> "CompactRange":
        """Return the range that `to_bytes` wrote for `size` leaves; ValueError when it cannot be one."""
        if len(joined) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(joined)} bytes cannot be the compact range of {size} leaves")
        return cls(size, tuple(joined[i : i + HASH_BYTES] for i in range(0, len(joined), HASH_BYTES)))


def _split(width: int) -> int:
    """Return the largest power of two smaller than `width` (RFC 9162 calls it k)."""
    return 1 << ((width - 1).bit_length() - 1)


def range_root(start: int, end: int, read: ReadNode) -> bytes:
    """Return the hash over the leaves [start, end), where start is a multiple of the widest subtree in it."""
    width = end - start
    if width == 0:
        return EMPTY_ROOT
    if width & (width - 1) == 0:
        return read(width.bit_length() - 1, start // width)
    middle = start + _split(width)
    return node_hash(range_root(start, middle, read), range_root(middle, end, read))


def inclusion_proof(index: int, size: int, read: ReadNode) -> list[bytes]:
    """Return PATH(index, D[size]), from the leaf's sibling upwards: RFC 9162 section 2.1.3.1."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(middle, end, read))
            end = middle
        else:
            path.append(range_root(start, middle, read))
            start = middle
    path.reverse()
    return path


def consistency_proof(old_size: int, size: int, read: ReadNode) -> list[bytes]:
    """Return PROOF(old_size, D[size]): RFC 9162 section 2.1.4.1; empty when both sizes are the same."""
    if not 0 < old_size <= size:
        raise ValueError(f"no consistency proof leads from {old_size} to {size} leaves")
    path: list[bytes] = []
    start, end, whole = 0, size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(range_root(middle, end, read))
            end = middle
        else:
            path.append(range_root(start, middle, read))
            start, whole = middle, False
    if not whole:
        path.append(range_root(start, end, read))
    path.reverse()
    return path


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for candidate in hashes:
        if len(candidate) != HASH_BYTES:
            raise UnableToVerifyProof(f"a hash in it has {len(candidate)} bytes instead of {HASH_BYTES}")


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """Return the root that the proof leads to from the leaf hash: RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        raise UnableToVerifyProof(f"leaf {index} is not in a tree of {size} leaves")
    _check_hashes([leaf, *proof])
    position, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise UnableToVerifyProof("it is longer than the tree is high")
        if position & 1 or position == last:
            root = node_hash(sibling, root)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise UnableToVerifyProof("it is shorter than the tree is high")
    return root


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise UnableToVerifyProof unless the hash is leaf `index` under `root`: RFC 9162 section 2.1.3.2."""
    if root_from_inclusion(index, size, leaf, proof) != root:
        raise UnableToVerifyProof(f"it does not lead from leaf {index} to the root over {size} leaves")


def verify_consistency(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Raise UnableToVerifyProof unless the tree of `old_size` leaves is a prefix of the one of `size` leaves.

    RFC 9162 section 2.1.4.2. A tree is consistent with itself, and nothing is proven from no leaves at all: then the
    proof must be empty.
    """
    if not 0 <= old_size <= size:
        raise UnableToVerifyProof(f"no tree of {size} leaves continues one of {old_size}")
    _check_hashes([old_root, root, *proof])
    if old_size in (0, size):
        if proof:
            raise UnableToVerifyProof("it must be empty")
        if old_root != (root if old_size else EMPTY_ROOT) or (not size and root != EMPTY_ROOT):
            raise UnableToVerifyProof(f"the roots over {old_size} leaves differ")
        return
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        raise UnableToVerifyProof("it is empty")
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise UnableToVerifyProof("it is longer than the tree is high")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last != 0 or old != old_root or new != root:
        raise UnableToVerifyProof(f"it does not lead from the root over {old_size} leaves to the root over {size}")
