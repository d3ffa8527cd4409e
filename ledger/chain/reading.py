"""Questions to the contracts: one at a time or many in one batch, and nothing believed that does not fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain.abi import UnableToDecode, call_data, decode_result, error_of
from ledger.chain.base import ChainUnavailable
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.suite import Suite, suite
from ledger.chain.typed import recover

MAX_BATCH = 500
REVERTED = 3
_IS_VALID = bytes.fromhex("1626ba7e")


class Reverted(Exception):
    """A contract answered a question with its own error, for example because there is no such token."""

    code = "reverted"

    def __init__(self, contract: str, function: str, name: str, values: tuple[Any, ...]) -> None:
        super().__init__(contract, function, name, values)
        self.contract = contract
        self.function = function
        self.name = name
        self.values = values

    def __str__(self) -> str:
        told = ", ".join("0x" + one.hex() if isinstance(one, bytes) else str(one) for one in self.values)
        return f"{self.contract}.{self.function} answers with {self.name}({told})."


@dataclass(frozen=True, slots=True)
class Question:
    """One view: `at` is the address when it is not the suite's own contract of that name, as for an "ERC20"."""

    contract: str
    function: str
    args: tuple[Any, ...] = ()
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block's number, its hash as 0x hex, and its time in seconds since the Unix epoch."""

    number: int
    digest: str
    parent: str
    time: int
    base_fee_wei: int


class Reader:
    """Views over one suite. Raises ChainUnavailable for whatever is no answer: silence, nonsense, another chain."""

    def __init__(self, rpc: JsonRpc, suite: Suite) -> None:
        """Take an endpoint; that it serves the suite's chain is asked once, with the first question."""
        self.rpc = rpc
        self.suite = suite
        self._is_checked = False

    def view(self, contract: str, function: str, *args: Any, block: int | str = "latest", at: str = "") -> Any:
        """Return what a function answers: its value, or a tuple when it has several; a struct is a tuple.

        Raise Reverted when the contract answers with an error.
        """
        (found,) = self.views([Question(contract, function, args, at)], block=block)
        if isinstance(found, Reverted):
            raise found
        return found

    def views(self, questions: Sequence[Question], *, block: int | str = "latest") -> list[Any]:
        """Return the answers in order, from one request for each 500; an error of a contract is a Reverted among them.

        With "latest" a block may come between the batches; name a number to have all of one block.
        """
        self.check()
        tag = hex(block) if isinstance(block, int) else block
        answers: list[Any] = []
        for start in range(0, len(questions), MAX_BATCH):
            part = questions[start : start + MAX_BATCH]
            calls = [("eth_call", self._message(question), tag) for question in part]
            found = self.rpc.batch(calls)
            answers += [self._answer(question, answer) for question, answer in zip(part, found, strict=True)]
        return answers

    def head(self) -> Block:
        """Return the newest block."""
        return self._block("latest")

    def block(self, number: int) -> Block:
        """Return a block; ChainUnavailable when the endpoint does not have it."""
        found = self._block(hex(number))
        if found.number != number:
            raise ChainUnavailable(f"{self.rpc.place} answers with block {found.number} for block {number}")
        return found

    def code(self, address: str) -> bytes:
        """Return the code at an address, empty where there is none."""
        self.check()
        return bytes(self._refusing(lambda: self.rpc.data("eth_getCode", address, "latest")))

    def is_signed_by(self, address: str, digest: bytes, signature: bytes) -> bool:
        """Say whether an account signed a digest: by its key, or, where it is a contract, by ERC-1271."""
        if recover(digest, signature) == address:
            return True
        if not self.code(address):
            return False
        try:
            return bool(self.view("ERC1271", "isValidSignature", digest, signature, at=address) == _IS_VALID)
        except (Reverted, ChainUnavailable):
            # A contract that is no wallet answers with anything.
            return False

    def check(self) -> None:
        """Raise ChainUnavailable unless the endpoint serves the suite's chain."""
        if self._is_checked:
            return
        served = self._refusing(lambda: self.rpc.number("eth_chainId"))
        if served != self.suite.chain_id:
            raise ChainUnavailable(
                f"{self.rpc.place} serves chain {served}, but the contracts are on chain {self.suite.chain_id}"
            )
        self._is_checked = True

    def _message(self, question: Question) -> dict[str, str]:
        to = question.at or self.suite.address(question.contract)
        return {"to": to, "data": "0x" + call_data(question.contract, question.function, *question.args).hex()}

    def _answer(self, question: Question, answer: Any) -> Any:
        if isinstance(answer, RpcRefusal):
            told = error_of(question.contract, answer.data)
            if told is None and answer.number != REVERTED and "revert" not in answer.message.lower():
                raise ChainUnavailable(f"{self.rpc.place} refuses {question.function}: {answer}") from answer
            return Reverted(question.contract, question.function, *(told or ("an unknown error", ())))
        try:
            data = self.rpc.as_bytes(answer, question.function)
            values = decode_result(question.contract, question.function, data)
        except UnableToDecode as wrong:
            raise ChainUnavailable(f"{self.rpc.place} answers nonsense: {wrong}") from wrong
        return values[0] if len(values) == 1 else values

    def _block(self, tag: str) -> Block:
        self.check()
        told = self._refusing(lambda: self.rpc.call("eth_getBlockByNumber", tag, False))
        found = self.rpc.as_object(told, "eth_getBlockByNumber")
        return Block(
            number=self.rpc.as_number(found.get("number"), "number"),
            digest=self._digest(found, "hash"),
            parent=self._digest(found, "parentHash"),
            time=self.rpc.as_number(found.get("timestamp"), "timestamp"),
            base_fee_wei=self.rpc.as_number(found.get("baseFeePerGas", "0x0"), "baseFeePerGas"),
        )

    def _digest(self, found: dict[str, Any], name: str) -> str:
        digest = self.rpc.as_bytes(found.get(name), name)
        if len(digest) != 32:
            raise ChainUnavailable(f"{self.rpc.place} answers with a {name} of {len(digest)} bytes")
        return "0x" + digest.hex()

    def _refusing(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except RpcRefusal as refusal:
            raise ChainUnavailable(f"{self.rpc.place} refuses: {refusal}") from refusal


def reader(*, timeout_seconds: float = 5) -> Reader:
    """Return the reader of the suite that the settings name; ChainUnavailable before it is deployed."""
    from ledger.chain.deployment import ChainConfig

    found = suite()
    if found is None:
        raise ChainUnavailable("the suite of contracts is not deployed yet; manage.py chain_deploy --suite does that")
    return Reader(ChainConfig.from_settings().rpc(timeout_seconds=timeout_seconds), found)
