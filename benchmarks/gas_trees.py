"""The log of a million entries and the lists of a hundred thousand payouts that the gas figures prove leaves of."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import rfc8785

from benchmarks.figure import Figures
from ledger.log.merkle import inclusion_proof, leaf_hash, node_hash, range_root

FIGURES: Figures = {}


class Log:
    """A log whose entries state files, but for the one that states a token: the tree over all, kept whole."""

    def __init__(self, size: int, place: int, entry: bytes) -> None:
        before, after = rfc8785.dumps(_file("*")).split(b"*")
        leaves = [leaf_hash(before + sha256(b"file %d" % n).hexdigest().encode() + after) for n in range(size)]
        leaves[place] = leaf_hash(entry)
        self.size, self.place, self.leaf = size, place, leaves[place]
        self._levels = [leaves]
        while len(below := self._levels[-1]) > 1:
            pairs = zip(below[::2], below[1::2], strict=False)
            self._levels.append([node_hash(left, right) for left, right in pairs])

    def root(self, size: int) -> bytes:
        """Gives the tree head over the first `size` entries."""
        return range_root(0, size, self._read)

    def proof(self) -> list[bytes]:
        """Gives the audit path of the token's entry in the whole log."""
        return inclusion_proof(self.place, self.size, self._read)

    def _read(self, level: int, index: int) -> bytes:
        return self._levels[level][index]


def _file(digest: str) -> dict[str, Any]:
    return {
        "body": {"media_type": "image/png", "sha256": digest, "size_bytes": 2_345_678},
        "format": "worldloom/ledger-entry/2",
        "id": "019ac5e2-6f0d-7e21-8a77-5b1d6f2e9c03",
        "signatures": [],
        "stated_at": "2026-11-22T02:05:56Z",
        "type": "asset",
    }


class Payouts:
    """The tree of a settlement: who was given how much in all, ever, as `PayoutDistributor` has it."""

    def __init__(self, before: Sequence[bytes], given: Sequence[tuple[bytes, int]]) -> None:
        """Takes the words that stand before account and amount in each leaf, and accounts of 20 bytes with amounts."""
        from Crypto.Hash import keccak

        def hashed(data: bytes) -> bytes:
            return keccak.new(digest_bits=256, data=data).digest()

        start = b"".join(before) + bytes(12)
        level = [hashed(hashed(start + account + amount.to_bytes(32))) for account, amount in given]
        self.total = sum(amount for _account, amount in given)
        self._levels = [level]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            above = [hashed(a + b if a < b else b + a) for a, b in pairs]
            # The last of an odd level rises as it is.
            level = above + level[len(above) * 2 :]
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        return self._levels[-1][0]

    def proof(self, index: int) -> list[bytes]:
        """Gives the siblings of a leaf, from the leaf up."""
        path = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                path.append(level[index ^ 1])
            index >>= 1
        return path
