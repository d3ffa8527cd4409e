"""A chain on paper: it keeps what it is sent in a list of blocks, one for each transaction, and knows one contract.

The real ones are tested in tests/ledger/chain; this one is for stories in which the chain is beside the point.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.chain.base import (
    ChainIdentity,
    ChainUnavailable,
    Draft,
    Fees,
    Message,
    Moment,
    Receipt,
    Refusal,
    Seen,
    SignedBytes,
    Winner,
)

SENDER = "0x" + "5E" * 20
BORN = 1_795_000_000


@dataclass
class PaperChain:
    """A chain in memory that can be away, refuse, or end the process after it took a transaction."""

    chain_id: int = 1337
    contract: str = "0x" + "Ab" * 20
    blocks: list[dict[str, Any]] = field(default_factory=list)
    born: int = BORN
    away: str = ""
    refuses: str = ""
    refuses_by: str = "NotGrowing"
    dies_after_sending: bool = False

    def identity(self) -> ChainIdentity:
        self.answer()
        return ChainIdentity(chain_id=self.chain_id, contract=self.contract)

    def account(self, role: str) -> "PaperAccount":
        self.answer()
        return PaperAccount(self)

    def watched(self, address: str) -> "PaperAccount":
        return PaperAccount(self, address)

    def find(self, *, root: bytes) -> Receipt | None:
        self.answer()
        for number, block in enumerate(self.blocks, start=1):
            if block["to"] == self.contract and block["data"][8:72] == root.hex():
                seen = self.seen_at(number)
                return Receipt(
                    transaction=block["digest"],
                    block_number=number,
                    block_time=seen.block_time,
                    chain_id=self.chain_id,
                    contract=self.contract,
                    gas_used=seen.gas_used,
                )
        return None

    def answer(self) -> None:
        """Every question passes here."""
        if self.away:
            raise ChainUnavailable(self.away)

    def add(self, block: dict[str, Any]) -> None:
        """Every transaction passes here."""
        self.blocks.append(block)

    def mine(self, count: int) -> None:
        """Other people's blocks."""
        for _ in range(count):
            number = len(self.blocks) + 1
            self.add({"digest": f"0x{number:064x}", "to": None, "data": ""})

    def seen_at(self, number: int) -> Seen:
        return Seen(
            success=True,
            block_number=number,
            block_hash=block_hash(number),
            block_time=self.born + number,
            gas_used=53_311,
            gas_price_wei=2,
        )


@dataclass
class PaperAccount:
    """The one key there is."""

    chain: PaperChain
    address: str = SENDER

    @property
    def chain_id(self) -> int:
        return self.chain.chain_id

    def moment(self, *, depth: int) -> Moment:
        self.chain.answer()
        head = len(self.chain.blocks)
        settled = max(0, head - depth + 1)
        return Moment(
            head=head,
            settled=settled,
            settled_hash=block_hash(settled),
            settled_nonce=self.count(settled),
            mined_nonce=self.count(head),
            next_nonce=self.count(head),
            gas_limit=30_000_000,
            fees=Fees(base_wei=1, tip_wei=1),
        )

    def count(self, block_number: int) -> int:
        return sum(block["to"] is not None for block in self.chain.blocks[:block_number])

    def seen(self, digests: Sequence[str], at: Moment) -> list[Seen | None]:
        self.chain.answer()
        places = {block["digest"]: number for number, block in enumerate(self.chain.blocks, start=1)}
        return [self.chain.seen_at(places[one]) if one in places else None for one in digests]

    def winner(self, nonce: int, *, after: int, at: Moment) -> Winner:
        number = [number for number, block in enumerate(self.chain.blocks, start=1) if block["to"] is not None][nonce]
        return Winner(self.chain.blocks[number - 1]["digest"], number)

    def estimates(self, messages: Sequence[Message], *, limit: int) -> list[int | Refusal]:
        return [self.refusal_at(message, len(self.chain.blocks), limit=limit) or 50_000 for message in messages]

    def refusal_at(self, message: Message, block_number: int, *, limit: int) -> Refusal | None:
        self.chain.answer()
        if self.chain.refuses:
            return Refusal(self.chain.refuses_by, self.chain.refuses)
        said = {(block["to"], block["data"]) for block in self.chain.blocks[:block_number]}
        return Refusal("AlreadyAnchored", "again") if (message.to, message.data.hex()) in said else None

    def sign(self, draft: Draft) -> SignedBytes:
        said = {
            "nonce": draft.nonce,
            "to": draft.message.to,
            "data": draft.message.data.hex(),
            "fee": draft.max_fee_wei,
            "chain": self.chain_id,
        }
        raw = json.dumps(said).encode()
        return SignedBytes(raw, "0x" + hashlib.sha256(raw).hexdigest())

    def submit(self, signed: Sequence[SignedBytes]) -> dict[str, str]:
        for one in signed:
            self.chain.answer()
            said = json.loads(one.raw)
            if said["nonce"] != self.count(len(self.chain.blocks)):
                continue
            self.chain.add({"digest": one.digest, "to": said["to"], "data": said["data"]})
            if self.chain.dies_after_sending:
                raise KeyboardInterrupt
        return {}


def block_hash(number: int) -> str:
    return "0x" + hashlib.sha256(b"block %d" % number).hexdigest()
