"""The chain itself: one transaction makes one block, at once, under the rules of Prague."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from eth._utils.address import generate_contract_address
from eth.chains.base import MiningChain
from eth.consensus.applier import ConsensusApplier
from eth.consensus.noproof import NoProofConsensus
from eth.constants import POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE
from eth.db.atomic import AtomicDB
from eth.exceptions import HeaderNotFound, Revert, TransactionNotFound, VMError
from eth.vm.forks.prague import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_utils.exceptions import ValidationError

from ledger.chain.devchain.store import BlockStore, StoredLog

CHAIN_ID = 31337
GAS_LIMIT = 30_000_000
GENESIS_BASE_FEE_WEI = 1_000_000_000
FUNDS_WEI = 10**24


class UnableToExecute(Exception):
    """A transaction or call that the chain refuses; `data` is what the contract reverted with, if it did."""

    code = "unable-to-execute"

    def __init__(self, reason: str, *, data: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A message without a signature; `to` None creates a contract."""

    sender: bytes
    to: bytes | None
    data: bytes
    value: int
    gas: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """A transaction in its block: py-evm's header, transaction and receipt, and the contract it created."""

    header: Any
    transaction: Any
    receipt: Any
    logs: list[StoredLog]
    created: bytes | None


class _Chain(MiningChain):
    chain_id = CHAIN_ID
    vm_configuration = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, PragueVM),))


class Node:
    """One chain over one store, for one thread at a time: whoever asks holds `turn` from question to answer."""

    def __init__(self, store: BlockStore, *, clock: Callable[[], int], funded: bytes) -> None:
        """Open the chain, or begin it with FUNDS_WEI for `funded`; `clock` gives seconds since the Unix epoch."""
        self._store = store
        self._clock = clock
        # How far this chain's time is ahead of the clock, and when the next block is, where that was said.
        self._shift_seconds = store.number("shift_seconds")
        self._next_time: int | None = None
        self.turn = threading.Lock()
        database = AtomicDB(store)
        # py-evm's own types name no method of a chain that mines.
        self._chain: Any
        if store.empty():
            genesis: Any = {funded: _account(FUNDS_WEI)}
            self._chain = _Chain.from_genesis(database, _genesis(clock()), genesis)
            store.commit()
        else:
            self._chain = _Chain(database)

    def head(self) -> Any:
        """Return the newest block's header."""
        return self._chain.get_canonical_head()

    def header(self, number: int) -> Any | None:
        """Return the header of block `number`, or None when there is none."""
        try:
            return self._chain.get_canonical_block_header_by_number(number)
        except HeaderNotFound:
            return None

    def header_by_hash(self, digest: bytes) -> Any | None:
        """Return the header with this hash, or None."""
        try:
            return self._chain.get_block_header_by_hash(digest)
        except HeaderNotFound:
            return None

    def transactions(self, header: Any) -> list[Any]:
        """Return the transactions of a block."""
        return list(self._chain.get_block_by_header(header).transactions)

    def state(self, header: Any) -> Any:
        """Return py-evm's state after a block: get_balance, get_nonce, get_code, get_storage."""
        return self._chain.get_vm(header).state

    def next_base_fee(self) -> int:
        """Return the base fee of the block to come, in wei."""
        return int(self._next_header().base_fee_per_gas)

    def send(self, raw: bytes) -> bytes:
        """Execute a signed transaction in a block of its own and return its hash; refusals leave no block."""
        transaction = self._decode(raw)
        try:
            self._check(transaction)
            self._mine(transaction)
        except ValidationError as invalid:
            self._forget()
            raise UnableToExecute(str(invalid)) from invalid
        except BaseException:
            self._forget()
            raise
        return bytes(transaction.hash)

    def mined(self, digest: bytes) -> Mined | None:
        """Return a transaction with its receipt, or None when it was never mined."""
        try:
            number, index = self._chain.get_canonical_transaction_index(digest)
        except TransactionNotFound:
            return None
        transaction = self._chain.get_canonical_transaction(digest)
        receipt = self._chain.get_transaction_receipt_by_index(number, index)
        header = self._chain.get_canonical_block_header_by_number(number)
        created = None
        if transaction.to == b"":
            created = bytes(generate_contract_address(transaction.sender, transaction.nonce))
        logs = _logs_of(receipt, number, digest)
        return Mined(header=header, transaction=transaction, receipt=receipt, logs=logs, created=created)

    def mine(self, moment: int | None = None) -> None:
        """Add a block without transactions, at `moment` in seconds since the Unix epoch, else when it is time."""
        if moment is not None:
            self.set_next_time(moment)
        try:
            self._chain.header = self._next_header()
            self._chain.mine_block()
            self._commit(())
        except BaseException:
            self._forget()
            raise

    def increase_time(self, seconds: int) -> int:
        """Put this chain's time further ahead of the clock; return by how much it is now, in seconds."""
        if seconds < 0:
            raise UnableToExecute("time does not go back")
        # From the newest block where a burst of them has run ahead: what waits for a day is due a day later.
        ahead = max(self._shift_seconds, self.head().timestamp - self._clock())
        self._keep_shift(ahead + seconds)
        return self._shift_seconds

    def set_next_time(self, moment: int) -> None:
        """Say when the next block is, in seconds since the Unix epoch; time goes on from there."""
        if moment <= self.head().timestamp:
            raise UnableToExecute(f"timestamp {moment} is not after the newest block's, {self.head().timestamp}")
        self._keep_shift(moment - self._clock())
        self._next_time = moment

    def snapshot(self) -> int:
        """Note that one may want to come back here; return the snapshot's id."""
        return self._store.snapshot(self.head().block_number, self._shift_seconds)

    def revert(self, id: int) -> bool:
        """Go back to a snapshot, whose later blocks are as if they had never been; False when there is no such one.

        Blocks that come now have other hashes than those that are gone, also when they say the same.
        """
        found = self._store.revert(id)
        if found is None:
            return False
        self._next_time = None
        self._keep_shift(found[1])
        self._store.keep("branch", self._store.number("branch") + 1)
        self._chain = _Chain(AtomicDB(self._store))
        return True

    def call(self, call: Call, header: Any | None) -> bytes:
        """Return what a message would return in the state after a block and at its time; None is the block to come."""
        computation = self._execute(call, header, gas=call.gas or GAS_LIMIT)
        _raise_for(computation)
        return bytes(computation.output)

    def estimate(self, call: Call) -> int:
        """Return gas with which the message succeeds in the block to come, at most 1/64 above the least."""
        head = None
        most = call.gas or GAS_LIMIT
        computation = self._execute(call, head, gas=most)
        _raise_for(computation)
        # What it consumed before refunds; more is needed only where a contract keeps 1/64 for itself.
        least = most - computation.get_gas_remaining() + computation.data_floor_gas
        if not self._execute(call, head, gas=least).is_error:
            return int(least)
        while most - least > least // 64:
            middle = (most + least) // 2
            if self._execute(call, head, gas=middle).is_error:
                least = middle
            else:
                most = middle
        return int(most)

    def logs(self, **wanted: Any) -> list[StoredLog]:
        """Return logs as BlockStore.logs does."""
        return self._store.logs(**wanted)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _next_header(self) -> Any:
        parent = self._chain.get_canonical_head()
        # Two blocks never share a second, so that a burst of transactions runs ahead of the clock by its length.
        moment = self._next_time or max(self._clock() + self._shift_seconds, parent.timestamp + 1)
        branch = self._store.number("branch")
        return self._chain.create_header_from_parent(
            parent,
            gas_limit=GAS_LIMIT,
            timestamp=moment,
            extra_data=branch.to_bytes((branch.bit_length() + 7) // 8, "big"),
        )

    def _decode(self, raw: bytes) -> Any:
        try:
            transaction = PragueVM.get_transaction_builder().decode(raw)
            transaction.sender  # noqa: B018  # recovers the key, and so checks the signature
        except Exception as wrong:  # the decoder raises whatever the bytes provoke
            raise UnableToExecute("the transaction cannot be decoded or its signature is wrong") from wrong
        return transaction

    def _check(self, transaction: Any) -> None:
        """Refuse, in the words of the large nodes, what clients look for by these words."""
        if transaction.chain_id != CHAIN_ID:
            raise UnableToExecute(f"invalid chain id: this is {CHAIN_ID}, the transaction is for another")
        if self.mined(transaction.hash) is not None:
            raise UnableToExecute("already known")
        header = self._next_header()
        state = self.state(self.head())
        nonce = state.get_nonce(transaction.sender)
        if transaction.nonce < nonce:
            raise UnableToExecute(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        if transaction.nonce > nonce:
            raise UnableToExecute(f"nonce too high: next nonce {nonce}, tx nonce {transaction.nonce}")
        if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
            raise UnableToExecute("max priority fee per gas higher than max fee per gas")
        if transaction.max_fee_per_gas < header.base_fee_per_gas:
            raise UnableToExecute(
                f"max fee per gas less than block base fee: {transaction.max_fee_per_gas} < {header.base_fee_per_gas}"
            )
        if state.get_balance(transaction.sender) < transaction.gas * transaction.max_fee_per_gas + transaction.value:
            raise UnableToExecute("insufficient funds for gas * price + value")

    def _mine(self, transaction: Any) -> None:
        self._chain.header = self._next_header()
        block, receipt, _ = self._chain.apply_transaction(transaction)
        self._chain.mine_block()
        self._commit(_logs_of(receipt, block.number, transaction.hash))

    def _commit(self, logs: Iterable[StoredLog]) -> None:
        self._store.commit(logs, block_number=self.head().block_number)
        self._next_time = None

    def _keep_shift(self, seconds: int) -> None:
        self._store.keep("shift_seconds", seconds)
        self._shift_seconds = seconds

    def _forget(self) -> None:
        self._store.forget()
        self._chain.header = self._chain.ensure_header()

    def _execute(self, call: Call, header: Any | None, *, gas: int) -> Any:
        at = header or self._next_header()
        vm: Any = self._chain.get_vm(at)
        # Not py-evm's own costless state, which takes its time from the machine's clock and not from the block's.
        free = at.copy(base_fee_per_gas=0)
        state = vm.build_state(vm.chaindb.db, free, vm.chain_context, vm.previous_hashes)
        message = vm.create_unsigned_transaction(
            nonce=state.get_nonce(call.sender),
            gas_price=0,
            gas=gas,
            to=call.to or b"",
            value=call.value,
            data=call.data,
        )
        try:
            return state.costless_execute_transaction(SpoofTransaction(message, from_=call.sender))
        except ValidationError as invalid:
            raise UnableToExecute(str(invalid)) from invalid


def _genesis(now: int) -> dict[str, Any]:
    return {
        "difficulty": POST_MERGE_DIFFICULTY,
        "mix_hash": POST_MERGE_MIX_HASH,
        "nonce": POST_MERGE_NONCE,
        "gas_limit": GAS_LIMIT,
        "base_fee_per_gas": GENESIS_BASE_FEE_WEI,
        "timestamp": now,
    }


def _account(balance: int) -> dict[str, Any]:
    return {"balance": balance, "nonce": 0, "code": b"", "storage": {}}


def _logs_of(receipt: Any, block_number: int, transaction_hash: bytes) -> list[StoredLog]:
    return [
        StoredLog(
            block_number=block_number,
            log_index=index,
            address=bytes(log.address),
            topics=tuple(topic.to_bytes(32, "big") for topic in log.topics),
            data=bytes(log.data),
            transaction_hash=bytes(transaction_hash),
        )
        for index, log in enumerate(receipt.logs)
    ]


def _raise_for(computation: Any) -> None:
    if not computation.is_error:
        return
    error: VMError = computation.error
    if isinstance(error, Revert):
        raise UnableToExecute("execution reverted", data=bytes(computation.output))
    raise UnableToExecute(f"execution failed: {type(error).__name__}: {error}")
