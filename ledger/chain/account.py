"""A key on a chain, over JSON-RPC: what the outbox asks and sends, and the checks before an answer is believed."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from ledger.chain import abi
from ledger.chain.base import ChainUnavailable, Draft, Fees, Message, Moment, Refusal, Seen, SignedBytes, Winner
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.transaction import Transaction, address_of, sign

# What the large nodes say when a transaction is there already, came after another with its nonce, or is ahead of its
# turn: which of them it was shows in the chain afterwards, and nowhere else.
_NO_FAULT = (
    *("nonce too low", "nonce too high", "invalid nonce", "already known", "already imported", "underpriced"),
    *("less than block base fee", "fee too low", "transaction already"),
)
_NO_FUNDS = ("insufficient funds", "insufficient balance", "cannot afford", "enough funds")
# How nodes say that the machine stopped: with the gas that we give, nothing else comes of the call.
_REVERTS = (
    *("revert", "gas required exceeds", "out of gas", "outofgas", "intrinsic gas", "execution failed"),
    *("invalid opcode", "invalid jump", "stack underflow", "evm error", "vm execution error"),
)
_DEFAULT_TIP_WEI = 1_000_000_000
_ASKED_AT_ONCE, _SENT_AT_ONCE = 50, 20
_ASKED_AGAIN = 4

_T = TypeVar("_T")


class RpcAccount:
    """A key on the chain that an endpoint serves; `chain_id` is what the endpoint says when the account is opened."""

    def __init__(self, rpc: JsonRpc, *, key: bytes | None = None, address: str = "") -> None:
        """Ask which chain it is; nothing else is asked yet. With an address and no key it can do all but sign."""
        self.address = address if key is None else address_of(key)
        self._rpc = rpc
        self._key = key
        try:
            self.chain_id = rpc.number("eth_chainId")
        except RpcRefusal as refusal:
            raise ChainUnavailable(f"{rpc.place} does not say which chain it serves: {refusal}") from refusal

    def moment(self, *, depth: int) -> Moment:
        """Return how things stand for this key, as ledger.chain.base.Account says."""
        for _ in range(_ASKED_AGAIN):
            moment = self._moment(depth)
            # What is asked together is not answered in one instant: a block may come in between.
            if moment.settled_nonce <= moment.mined_nonce <= moment.next_nonce:
                return moment
        raise ChainUnavailable(f"{self._rpc.place} counts the transactions of {self.address} in two ways")

    def _moment(self, depth: int) -> Moment:
        rpc, latest = self._rpc, "latest"
        served, block, mined, waiting, tip = rpc.batch(
            [
                ("eth_chainId",),
                ("eth_getBlockByNumber", latest, False),
                ("eth_getTransactionCount", self.address, latest),
                ("eth_getTransactionCount", self.address, "pending"),
                ("eth_maxPriorityFeePerGas",),
            ]
        )
        if self._number(served, "eth_chainId") != self.chain_id:
            raise ChainUnavailable(f"{rpc.place} served chain {self.chain_id} and now another one")
        newest = self._block(block)
        if "baseFeePerGas" not in newest:
            raise ChainUnavailable(f"{rpc.place} serves a chain without EIP-1559 fees")
        head = rpc.as_number(newest.get("number"), "number")
        settled = max(0, head - max(1, depth) + 1)
        final, counted = rpc.batch(
            [
                ("eth_getBlockByNumber", hex(settled), False),
                ("eth_getTransactionCount", self.address, hex(settled)),
            ]
        )
        return Moment(
            head=head,
            settled=settled,
            settled_hash=self._word(self._block(final, settled).get("hash"), "hash"),
            settled_nonce=self._number(counted, "eth_getTransactionCount"),
            mined_nonce=self._number(mined, "eth_getTransactionCount"),
            next_nonce=self._number(waiting, "eth_getTransactionCount"),
            gas_limit=rpc.as_number(newest.get("gasLimit"), "gasLimit"),
            fees=Fees(
                base_wei=rpc.as_number(newest["baseFeePerGas"], "baseFeePerGas"),
                # Not every endpoint offers an opinion.
                tip_wei=_DEFAULT_TIP_WEI if isinstance(tip, RpcRefusal) else rpc.as_number(tip, "the tip"),
            ),
        )

    def seen(self, digests: Sequence[str], at: Moment) -> list[Seen | None]:
        """Return where transactions are, as ledger.chain.base.Account says."""
        found: list[dict[str, Any] | None] = []
        for part in _parts(digests, _ASKED_AT_ONCE):
            # In one request with the receipts: a node that does not have this block cannot know what is missing.
            final, *receipts = self._rpc.batch(
                [
                    ("eth_getBlockByNumber", hex(at.settled), False),
                    *(("eth_getTransactionReceipt", digest) for digest in part),
                ]
            )
            if self._word(self._block(final, at.settled).get("hash"), "hash") != at.settled_hash:
                raise ChainUnavailable(f"{self._rpc.place} gives two blocks {at.settled}")
            found += [self._receipt(one, digest) for one, digest in zip(receipts, part, strict=True)]
        numbers = sorted({self._rpc.as_number(one.get("blockNumber"), "blockNumber") for one in found if one})
        blocks: dict[int, dict[str, Any]] = {}
        for some in _parts(numbers, _ASKED_AT_ONCE):
            answers = self._rpc.batch([("eth_getBlockByNumber", hex(number), False) for number in some])
            blocks |= {number: self._block(one, number) for number, one in zip(some, answers, strict=True)}
        return [
            None if one is None else self._seen(one, digest, blocks) for one, digest in zip(found, digests, strict=True)
        ]

    def winner(self, nonce: int, *, after: int, at: Moment) -> Winner:
        """Return who used a nonce, as ledger.chain.base.Account says."""
        low, high, step = max(0, after), at.settled, 64
        while low > 0 and self._count(low) > nonce:
            low, step = max(0, low - step), step * 4
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._count(middle) > nonce else (middle, high)
        (answer,) = self._rpc.batch([("eth_getBlockByNumber", hex(high), True)])
        block = self._block(answer, high)
        inside = block.get("transactions")
        for one in inside if isinstance(inside, list) else []:
            told = self._rpc.as_object(one, "transactions")
            is_ours = str(told.get("from")).lower() == self.address.lower()
            if is_ours and self._rpc.as_number(told.get("nonce"), "nonce") == nonce:
                return Winner(self._word(told.get("hash"), "hash"), high)
        raise ChainUnavailable(f"{self._rpc.place} does not show who used nonce {nonce} of {self.address}")

    def estimates(self, messages: Sequence[Message], *, limit: int) -> list[int | Refusal]:
        """Return gas or refusals, as ledger.chain.base.Account says."""
        found: list[int | Refusal] = []
        for part in _parts(messages, _ASKED_AT_ONCE):
            answers = self._rpc.batch([("eth_estimateGas", self._spoken(message, limit)) for message in part])
            for message, answer in zip(part, answers, strict=True):
                if isinstance(answer, RpcRefusal):
                    found.append(self._refusal(message, answer))
                else:
                    found.append(self._rpc.as_number(answer, "eth_estimateGas"))
        unsure = [one for one in found if isinstance(one, Refusal) and not one.is_sure]
        if len(unsure) == len(found) > 1:
            # Not one call that it cannot estimate, but an endpoint that is busy or lacks the method.
            raise ChainUnavailable(f"{self._rpc.place} estimates nothing: {unsure[0].reason}")
        return found

    def refusal_at(self, message: Message, block_number: int, *, limit: int) -> Refusal | None:
        """Return why a message fails after a block, as ledger.chain.base.Account says."""
        try:
            self._rpc.data("eth_call", self._spoken(message, limit), hex(block_number))
        except RpcRefusal as refusal:
            return self._refusal(message, refusal)
        return None

    def sign(self, draft: Draft) -> SignedBytes:
        """Sign a transaction; ChainUnavailable without the key."""
        if self._key is None:
            raise ChainUnavailable(f"the key of {self.address} is not here")
        signed = sign(
            Transaction(
                chain_id=self.chain_id,
                nonce=draft.nonce,
                max_fee_wei=draft.max_fee_wei,
                max_tip_wei=draft.max_tip_wei,
                gas=draft.gas,
                to=draft.message.to,
                data=draft.message.data,
            ),
            self._key,
        )
        return SignedBytes(signed.raw, "0x" + signed.digest.hex())

    def submit(self, signed: Sequence[SignedBytes]) -> dict[str, str]:
        """Hand transactions over, as ledger.chain.base.Account says."""
        refused = {}
        for part in _parts(signed, _SENT_AT_ONCE):
            answers = self._rpc.batch([("eth_sendRawTransaction", "0x" + one.raw.hex()) for one in part])
            for one, answer in zip(part, answers, strict=True):
                if (reason := self._taken(one, answer)) is not None:
                    refused[one.digest] = reason
        return refused

    def _taken(self, signed: SignedBytes, answer: Any) -> str | None:
        """Return why a transaction is refused for its own sake, or None."""
        if not isinstance(answer, RpcRefusal):
            if self._word(answer, "eth_sendRawTransaction") != signed.digest:
                raise ChainUnavailable(f"{self._rpc.place} took {signed.digest} for another transaction")
            return None
        said = answer.message.lower()
        if any(words in said for words in _NO_FUNDS):
            raise self._unfunded()
        return None if any(words in said for words in _NO_FAULT) else str(answer)

    def _spoken(self, message: Message, limit: int) -> dict[str, str]:
        return {"from": self.address, "to": message.to, "data": "0x" + message.data.hex(), "gas": hex(limit)}

    def _refusal(self, message: Message, refusal: RpcRefusal) -> Refusal:
        said = refusal.message.lower()
        if refusal.data is None and any(words in said for words in _NO_FUNDS):
            raise self._unfunded()
        if not refusal.data and not any(words in said for words in _REVERTS):
            # An endpoint that is busy or lacks the block, or a call that it gives up: nothing is known of the contract.
            return Refusal("", str(refusal), is_sure=False)
        return refusal_in(message.artifact, refusal)

    def _unfunded(self) -> ChainUnavailable:
        # Not the call's fault: the same one succeeds as soon as somebody pays in.
        return ChainUnavailable(f"the account {self.address} cannot pay for the gas")

    def _count(self, block_number: int) -> int:
        try:
            return self._rpc.number("eth_getTransactionCount", self.address, hex(block_number))
        except RpcRefusal as refusal:
            raise ChainUnavailable(f"{self._rpc.place} does not know block {block_number}: {refusal}") from refusal

    def _number(self, value: Any, name: str) -> int:
        if isinstance(value, RpcRefusal):
            raise ChainUnavailable(f"{self._rpc.place} does not answer {name}: {value}")
        return self._rpc.as_number(value, name)

    def _word(self, value: Any, name: str) -> str:
        word = self._rpc.as_bytes(value, name)
        if len(word) != 32:
            raise ChainUnavailable(f"{self._rpc.place} answered {name} with {len(word)} bytes instead of 32")
        return "0x" + word.hex()

    def _block(self, value: Any, number: int | None = None) -> dict[str, Any]:
        if isinstance(value, RpcRefusal):
            raise ChainUnavailable(f"{self._rpc.place} does not give a block: {value}")
        block = self._rpc.as_object(value, "eth_getBlockByNumber")
        told = self._rpc.as_number(block.get("number"), "number")
        if number is not None and told != number:
            raise ChainUnavailable(f"{self._rpc.place} was asked for block {number} and gives {told}")
        return block

    def _receipt(self, value: Any, digest: str) -> dict[str, Any] | None:
        if value is None:
            return None
        if isinstance(value, RpcRefusal):
            raise ChainUnavailable(f"{self._rpc.place} does not give the receipt of {digest}: {value}")
        receipt = self._rpc.as_object(value, "eth_getTransactionReceipt")
        if self._word(receipt.get("transactionHash"), "transactionHash") != digest:
            raise ChainUnavailable(f"{self._rpc.place} was asked for the receipt of {digest} and gives another's")
        if str(receipt.get("from")).lower() != self.address.lower() or receipt.get("status") not in ("0x0", "0x1"):
            raise ChainUnavailable(f"{self._rpc.place} gives a receipt of {digest} that cannot be its own")
        return receipt

    def _seen(self, receipt: dict[str, Any], digest: str, blocks: dict[int, dict[str, Any]]) -> Seen:
        rpc = self._rpc
        number = rpc.as_number(receipt.get("blockNumber"), "blockNumber")
        block, block_hash = blocks[number], self._word(receipt.get("blockHash"), "blockHash")
        inside = block.get("transactions")
        if self._word(block.get("hash"), "hash") != block_hash or not isinstance(inside, list) or digest not in inside:
            raise ChainUnavailable(f"{rpc.place} gives a block {number} that does not fit the receipt of {digest}")
        gas_used = rpc.as_number(receipt.get("gasUsed"), "gasUsed")
        if not 0 < gas_used <= rpc.as_number(block.get("gasUsed"), "gasUsed"):
            raise ChainUnavailable(f"{rpc.place} says that {digest} used gas that its block did not")
        return Seen(
            success=receipt["status"] == "0x1",
            block_number=number,
            block_hash=block_hash,
            block_time=rpc.as_number(block.get("timestamp"), "timestamp"),
            gas_used=gas_used,
            gas_price_wei=rpc.as_number(receipt.get("effectiveGasPrice"), "effectiveGasPrice"),
        )


def refusal_in(artifact: str, refusal: RpcRefusal) -> Refusal:
    """Return the name of the error that a contract reverted with, and the reason in plain words."""
    error = abi.error_of(artifact, refusal.data) if artifact else None
    if error is None:
        return Refusal("", str(refusal))
    name, values = error
    in_words = _WORDS.get(name)
    if in_words is not None:
        return Refusal(name, in_words(*values))
    return Refusal(name, f"{name}({', '.join(_shown(value) for value in values)})")


_WORDS: dict[str, Callable[..., str]] = {
    "Error": lambda reason: str(reason),
    "NotAnchorer": lambda caller: f"the account {caller} is not its anchorer",
    "NotGrowing": lambda size, last: f"a tree of {size} leaves does not grow beyond the {last} anchored before",
    "PausedUntil": lambda until: "it is paused",
}


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _parts(items: Sequence[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
