"""Port to the EVM chain on which checkpoints of the log are anchored."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainIdentity:
    """Which contract on which chain: the EIP-155 chain id and the contract's checksummed 0x address."""

    chain_id: int
    contract: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A mined anchor. `transaction` is 0x hex of 32 bytes; `block_time` is seconds since the Unix epoch."""

    transaction: str
    block_number: int
    block_time: int
    chain_id: int
    contract: str
    gas_used: int


class ChainUnavailable(Exception):
    """The chain could not be reached or did not answer in time: nothing is known, so ask again later."""

    code = "chain-unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The chain did not answer ({self.reason}); the anchor is tried again at the next run."


class UnableToAnchor(Exception):
    """The chain answered and refused: sending the same again cannot succeed."""

    code = "unable-to-anchor"

    def __init__(self, root: bytes, reason: str) -> None:
        super().__init__(root, reason)
        self.root = root
        self.reason = reason

    def __str__(self) -> str:
        return f"The chain refused the anchor of root {self.root.hex()}: {self.reason}."


class Chain(Protocol):
    """One ProvenanceAnchor contract. Both verbs raise ChainUnavailable when the chain does not answer."""

    def identity(self) -> ChainIdentity:
        """Return the chain and the contract that `anchor` writes to."""
        ...

    def anchor(self, *, root: bytes, size: int, note_digest: bytes) -> Receipt:
        """Anchor the tree head of `size` leaves and wait until it is mined.

        `root` is the 32-byte RFC 6962 root, `note_digest` the SHA-256 of the signed checkpoint's bytes.
        Raise UnableToAnchor when the contract refuses, for example because the tree shrinks.
        """
        ...

    def find(self, *, root: bytes) -> Receipt | None:
        """Return the receipt of the anchor of `root` when the chain has one, whoever sent it."""
        ...
