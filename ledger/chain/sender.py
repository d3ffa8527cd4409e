"""One key that sends transactions: nonce, gas, fee, and the wait until they are mined."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ledger.chain.base import ChainUnavailable
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.transaction import Signed, Transaction, address_of, sign

# What the large nodes say when another process has used the nonce in the meantime.
_NONCE_TAKEN = ("nonce too low", "nonce too high", "already known", "underpriced", "already imported", "invalid nonce")
_NO_FUNDS = ("insufficient funds", "insufficient balance", "cannot afford", "enough funds")
_DEFAULT_TIP_WEI = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a block; clock and sleep come from outside so that tests need not wait."""

    deadline_seconds: float = 90
    poll_seconds: float = 0.2
    attempts: int = 8
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class NonceTaken(Exception):
    """Another transaction of the same key came first: ask again how things stand, then send anew."""

    code = "nonce-taken"


class Sender:
    """A key on a chain. Raises RpcRefusal for what the chain refuses, ChainUnavailable for what it does not say."""

    def __init__(self, rpc: JsonRpc, *, key: bytes, chain_id: int, patience: Patience) -> None:
        self.address = address_of(key)
        self._rpc = rpc
        self._key = key
        self._chain_id = chain_id
        self._patience = patience

    def prepare(self, *, to: str | None, data: bytes) -> tuple[Signed, int]:
        """Return a signed transaction that succeeds as things stand, and its nonce; nothing is sent."""
        message = {"from": self.address, "data": "0x" + data.hex(), **({"to": to} if to else {})}
        # Estimated first: a call that reverts is refused here, with its reason, and costs nothing.
        gas = self._estimate(message)
        nonce = self._rpc.number("eth_getTransactionCount", self.address, "pending")
        base_fee_wei, tip_wei = self._fees()
        transaction = Transaction(
            chain_id=self._chain_id,
            nonce=nonce,
            # Twice the base fee outlives six full blocks in a row.
            max_fee_wei=2 * base_fee_wei + tip_wei,
            max_tip_wei=tip_wei,
            gas=gas + gas // 4,
            to=to,
            data=data,
        )
        return sign(transaction, self._key), nonce

    def send(self, signed: Signed) -> None:
        """Hand a transaction to the chain; NonceTaken when another one of this key came first."""
        try:
            self._rpc.data("eth_sendRawTransaction", "0x" + signed.raw.hex())
        except RpcRefusal as refusal:
            said = refusal.message.lower()
            if any(words in said for words in _NONCE_TAKEN):
                raise NonceTaken(refusal.message) from refusal
            if any(words in said for words in _NO_FUNDS):
                raise self._unfunded() from refusal
            raise

    def wait(self, signed: Signed) -> dict[str, Any]:
        """Return the receipt once the transaction is mined; ChainUnavailable when that takes too long."""
        deadline = self._patience.clock() + self._patience.deadline_seconds
        while (receipt := self.receipt(signed.digest)) is None:
            if self._patience.clock() >= deadline:
                raise ChainUnavailable(
                    f"transaction 0x{signed.digest.hex()} is sent but not mined after "
                    f"{self._patience.deadline_seconds:.0f} s"
                )
            self._patience.sleep(self._patience.poll_seconds)
        return receipt

    def receipt(self, digest: bytes) -> dict[str, Any] | None:
        """Return the receipt of a transaction, or None while it is not mined."""
        found = self._rpc.call("eth_getTransactionReceipt", "0x" + digest.hex())
        return None if found is None else self._rpc.as_object(found, "eth_getTransactionReceipt")

    def pause(self) -> None:
        """Give the process that came first a moment."""
        self._patience.sleep(self._patience.poll_seconds)

    @property
    def attempts(self) -> int:
        """Return how often to try when others keep coming first."""
        return self._patience.attempts

    def _estimate(self, message: dict[str, str]) -> int:
        try:
            return self._rpc.number("eth_estimateGas", message)
        except RpcRefusal as refusal:
            if refusal.data is None and any(words in refusal.message.lower() for words in _NO_FUNDS):
                raise self._unfunded() from refusal
            raise

    def _fees(self) -> tuple[int, int]:
        head = self._rpc.as_object(self._rpc.call("eth_getBlockByNumber", "latest", False), "eth_getBlockByNumber")
        if "baseFeePerGas" not in head:
            raise ChainUnavailable(f"{self._rpc.place} serves a chain without EIP-1559 fees")
        base_fee_wei = self._rpc.as_number(head["baseFeePerGas"], "baseFeePerGas")
        try:
            return base_fee_wei, self._rpc.number("eth_maxPriorityFeePerGas")
        except RpcRefusal:
            # Not every endpoint offers an opinion.
            return base_fee_wei, _DEFAULT_TIP_WEI

    def _unfunded(self) -> ChainUnavailable:
        # Not the anchor's fault: the same one succeeds as soon as somebody pays in.
        return ChainUnavailable(f"the account {self.address} cannot pay for the gas")
