"""The tree of a payout root, byte for byte as `PayoutDistributor` reads it. Plain Python, no Django.

A leaf is keccak256(keccak256(chain id, distributor, token, account, cumulative)), each a word of 32 bytes; an inner
node is keccak256 of its two children, the smaller first; the last node of an odd level rises as it is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

NODE_BYTES = 32
MAX_UNITS = 2**128 - 1
"""The most that a token's accounts can be given in all, in the token's units: the contract keeps 128 bits."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose root it is: the chain's id, and the addresses of the distributor and the token, 20 bytes each."""

    chain_id: int
    distributor: bytes
    token: bytes

    @property
    def head(self) -> bytes:
        """What stands before account and amount in every leaf, with the account's padding."""
        return (
            self.chain_id.to_bytes(32)
            + self.distributor.rjust(32, b"\0")
            + self.token.rjust(32, b"\0")
            + bytes(NODE_BYTES - 20)
        )


def hasher() -> Callable[[bytes], bytes]:
    """Return Keccak-256 as a function that looks nothing up: a tree of 100,000 accounts asks it 300,000 times."""
    from Crypto.Hash.keccak import new

    def keccak(data: bytes) -> bytes:
        return new(data=data, digest_bits=256).digest()

    return keccak


def leaves_of(place: Place, given: Iterable[tuple[bytes, int]]) -> list[bytes]:
    """Return the leaves of (account of 20 bytes, all that it was ever given in the token's units), in their order."""
    keccak, head = hasher(), place.head
    return [keccak(keccak(head + account + units.to_bytes(32))) for account, units in given]


def sizes_of(leaves: int) -> list[int]:
    """Return how many nodes each level has, from the leaves up to the root."""
    sizes = [leaves]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


def levels_of(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return the nodes of each level, from the leaves up; ValueError for no leaves."""
    if not leaves:
        raise ValueError("a tree has a leaf")
    keccak, level = hasher(), list(leaves)
    levels = [level]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [keccak(a + b if a < b else b + a) for a, b in pairs]
        level = above + level[len(above) * 2 :]
        levels.append(level)
    return levels


def spots_of(index: int, leaves: int) -> list[int]:
    """Return where the siblings of a leaf stand among all nodes, written level after level; from the leaf up."""
    spots, before = [], 0
    for size in sizes_of(leaves)[:-1]:
        if index ^ 1 < size:
            spots.append(before + (index ^ 1))
        before += size
        index >>= 1
    return spots


def proof_of(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """Return the siblings of a leaf, from the leaf up."""
    path = []
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return path


def led_to(leaf: bytes, proof: Iterable[bytes]) -> bytes:
    """Return the root to which a proof leads from a leaf."""
    keccak, node = hasher(), leaf
    for sibling in proof:
        node = keccak(node + sibling if node < sibling else sibling + node)
    return node


CLAIM_SELECTOR_OF = "claim(address,uint256,bytes32[],address)"


def claim_calls(place: Place, given: Sequence[tuple[bytes, int]], levels: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return the call data of `PayoutDistributor.claim` for every account of a tree, in its order.

    Packed by hand: what is the same in all of them is written once, so that ten thousand cost less than their tree.
    """
    selector = hasher()(CLAIM_SELECTOR_OF.encode())[:4]
    before, after = selector + bytes(12), (128).to_bytes(32) + place.token.rjust(32, b"\0")
    below, counts = levels[:-1], [count.to_bytes(32) for count in range(len(levels))]
    calls = []
    for index, (account, units) in enumerate(given):
        path, at = [], index
        for level in below:
            if at ^ 1 < len(level):
                path.append(level[at ^ 1])
            at >>= 1
        calls.append(b"".join((before, account, units.to_bytes(32), after, counts[len(path)], *path)))
    return calls
