"""Port to the EVM chain: which contract holds our anchors, and what the outbox asks of a key that sends."""

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Message:
    """What a transaction would say: `artifact` is the contract's name, by which its errors are read."""

    artifact: str
    to: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """That a contract reverts: its error's name, "" where it has none, and the reason in words.

    With `is_sure` False the endpoint did not say whether the contract would: the call is held, and nothing decided.
    """

    name: str
    reason: str
    is_sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What a unit of gas costs, in wei: the block's own part, and the tip on top of it."""

    base_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The chain as one sender finds it.

    `settled` is the newest block that is final for us, `settled_hash` its hash as 0x hex. The nonces are the numbers of
    the sender's transactions: up to that block, up to the newest, and with those that wait for a block. `gas_limit` is
    the newest block's: no transaction can take more.
    """

    head: int
    settled: int
    settled_hash: str
    settled_nonce: int
    mined_nonce: int
    next_nonce: int
    gas_limit: int
    fees: Fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A transaction in its block. `block_time` is seconds since the Unix epoch, hashes are 0x hex."""

    success: bool
    block_number: int
    block_hash: str
    block_time: int
    gas_used: int
    gas_price_wei: int


@dataclass(frozen=True, slots=True)
class Winner:
    """The transaction that used a nonce, 0x hex of 32 bytes, and the number of its block."""

    digest: str
    block_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A transaction to be signed; fees are wei per gas."""

    nonce: int
    message: Message
    gas: int
    max_fee_wei: int
    max_tip_wei: int


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """A signed transaction as it travels, and the hash by which the chain will know it, as 0x hex."""

    raw: bytes
    digest: str


class ChainUnavailable(Exception):
    """The chain could not be reached or did not answer in time: nothing is known, so ask again later."""

    code = "chain-unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The chain did not answer ({self.reason}); it is tried again at the next run."


class UnableToAnchor(Exception):
    """The chain answered and refused: sending the same again cannot succeed."""

    code = "unable-to-anchor"

    def __init__(self, root: bytes, reason: str) -> None:
        super().__init__(root, reason)
        self.root = root
        self.reason = reason

    def __str__(self) -> str:
        return f"The chain refused the anchor of root {self.root.hex()}: {self.reason}."


class Account(Protocol):
    """A key on one chain. Whatever is strange, wrong or late in an answer is ChainUnavailable."""

    chain_id: int
    address: str

    def moment(self, *, depth: int) -> Moment:
        """Return how things stand; a block is final when `depth` blocks stand at the chain's end, itself included."""
        ...

    def seen(self, digests: Sequence[str], at: Moment) -> list[Seen | None]:
        """Return for each transaction where it is, None while it is in no block.

        The answers are of a node that has the moment's settled block, and each receipt fits its block.
        """
        ...

    def winner(self, nonce: int, *, after: int, at: Moment) -> Winner:
        """Return the transaction of ours or of another program with this key that used a nonce.

        It stands in a block above `after`, and at most in the moment's settled one.
        """
        ...

    def estimates(self, messages: Sequence[Message], *, limit: int) -> list[int | Refusal]:
        """Return for each message the gas with which it succeeds at the chain's end, or why it does not.

        One that takes more than `limit` does not.
        """
        ...

    def refusal_at(self, message: Message, block_number: int, *, limit: int) -> Refusal | None:
        """Return why a message would fail after that block with so much gas, None when it would succeed."""
        ...

    def sign(self, draft: Draft) -> SignedBytes:
        """Sign a transaction; the same draft gives the same bytes."""
        ...

    def submit(self, signed: Sequence[SignedBytes]) -> dict[str, str]:
        """Hand transactions over, in this order; return the reason of each that is refused for its own sake, by digest.

        What is known there already, came too late, or pays too little is no fault: what is in the chain is looked at
        afterwards.
        """
        ...


class Chain(Protocol):
    """One chain, and the ProvenanceAnchor on it. All raise ChainUnavailable when the chain does not answer."""

    def identity(self) -> ChainIdentity:
        """Return the chain and the contract that holds the anchors."""
        ...

    def account(self, role: str) -> Account:
        """Return the key of a role such as "anchorer"; the chain's id is asked."""
        ...

    def watched(self, address: str) -> Account:
        """Return an account whose key is not here any more: it cannot sign."""
        ...

    def find(self, *, root: bytes) -> Receipt | None:
        """Return the receipt of the anchor of `root` when the chain has one, whoever sent it."""
        ...
