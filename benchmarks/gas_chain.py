"""The embedded dev chain within this process, and what it takes to tell stories on it and to read their gas.

Transactions are prepared, signed and sent by the adapter's own `Sender`, as JSON-RPC, and answered by what the dev
chain's server answers with; only the socket between them is missing. The chain's clock is ours, because a payout's
root counts a day after it was proposed. Keys and times are always the same, and so is the gas, to the unit.
"""

import json
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figure import Figures
from ledger.chain.artifacts import Artifact, load
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.sender import Patience, Sender
from ledger.chain.transaction import Signed, Transaction, address_of, checksummed, keccak, sign

FIGURES: Figures = {}
CHAIN_ID = 31337
BEGIN = 4_102_444_801
"""2100-01-01, seconds since the Unix epoch: before it, calls and estimates would be made at the machine's own time."""
ETHER_WEI = 10**18

COIN = Path(__file__).with_name("coin.json")
"""A well-behaved ERC-20 of OpenZeppelin's, six decimals here, which anyone may mint: contracts/test/tokens/Coin.sol as
forge built it in contracts/, its `abi` and `bytecode.object`. It is for tests, so contracts/abi has it not; the test
of these figures builds it anew and compares."""


class UnableToTell(Exception):
    """A story did not go as it must for its gas to say anything."""

    code = "unable-to-tell"


class InProcess(JsonRpc):
    """The adapter's client, which asks a node of this process."""

    def __init__(self, node: Any) -> None:
        super().__init__("http://127.0.0.1")
        self._node = node

    def _document(self, body: bytes, method: str) -> Any:
        from ledger.chain.devchain.rpc import answer

        return orjson.loads(answer(self._node, body))


class Contract:
    """A deployed contract: encodes the calls of its functions, and what EIP-712 makes of its structs."""

    def __init__(self, artifact: Artifact, address: str) -> None:
        self.address = address
        self._functions = {item["name"]: item for item in artifact.abi if item["type"] == "function"}

    def call(self, function: str, *values: Any) -> bytes:
        """Gives the data of a call."""
        item = self._functions[function]
        return keccak(signature_of(item).encode())[:4] + encoded(item["inputs"], values)

    def digest(self, domain: str, kind: str, words: bytes) -> bytes:
        """Gives what is signed (EIP-712, version 1) for a struct of the type `kind`, whose members are `words`."""
        about = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        about += keccak(domain.encode()) + keccak(b"1") + CHAIN_ID.to_bytes(32) + _static("address", self.address)
        return keccak(b"\x19\x01" + keccak(about) + keccak(keccak(kind.encode()) + words))

    def struct(self, function: str, values: tuple[Any, ...]) -> tuple[str, bytes]:
        """Gives the EIP-712 type of the struct that a function takes first, and these values as its members."""
        first = self._functions[function]["inputs"][0]
        members = ",".join(f"{part['type']} {part['name']}" for part in first["components"])
        return f"{first['internalType'].rpartition('.')[2]}({members})", encoded(first["components"], values)


class Chain:
    """A new chain in a folder. `time` is its clock, in seconds since the Unix epoch."""

    def __init__(self, folder: Path) -> None:
        # Loaded late: py-evm takes a second, and lifts Python's recursion limit.
        from ledger.chain.devchain.node import Node
        from ledger.chain.devchain.store import BlockStore

        self.time = BEGIN
        self._house = keccak(b"house")
        funded = bytes.fromhex(address_of(self._house)[2:])
        self._node = Node(BlockStore(folder / "chain.sqlite3"), clock=lambda: self.time, funded=funded)
        self._rpc = InProcess(self._node)
        # What is sent is mined when the answer comes.
        self._patience = Patience(deadline_seconds=0)

    def person(self, name: str) -> bytes:
        """Gives the private key of somebody who can pay for gas."""
        key = keccak(name.encode())
        self._pay(address_of(key), 100 * ETHER_WEI)
        return key

    def forward(self, seconds: int) -> None:
        """Puts the clock forward, and has a block at that time: estimates are made on top of the newest one."""
        newest = self._rpc.call("eth_getBlockByNumber", "latest", False)
        # Each block is a second later than the one before, so that many run ahead of the clock.
        self.time = self._rpc.as_number(newest["timestamp"], "timestamp") + seconds
        self._pay(address_of(self._house), 0)

    def deploy(self, name: str, *values: Any) -> Contract:
        """Puts a contract on the chain as it is committed, or the coin, its constructor given these values."""
        artifact = coin() if name == "Coin" else load(name)
        inputs = next(item["inputs"] for item in artifact.abi if item["type"] == "constructor")
        sender = self._sender(self._house)
        signed, _nonce = sender.prepare(to=None, data=artifact.creation_code + encoded(inputs, values))
        receipt = self._mined(sender, signed, artifact.name)
        return Contract(artifact, checksummed(self._rpc.as_bytes(receipt["contractAddress"], "contractAddress")))

    def send(self, key: bytes, contract: Contract, function: str, *values: Any) -> int:
        """Calls a function in a transaction, and gives its gas used; UnableToTell where the contract refuses."""
        sender = self._sender(key)
        try:
            signed, _nonce = sender.prepare(to=contract.address, data=contract.call(function, *values))
        except RpcRefusal as refusal:
            why = (refusal.data or b"").hex()
            raise UnableToTell(f"{function} was refused: {refusal} {why}") from refusal
        return self._rpc.as_number(self._mined(sender, signed, function)["gasUsed"], "gasUsed")

    def view(self, contract: Contract, function: str, *values: Any) -> bytes:
        """Asks a function, and gives the bytes that it returns."""
        message = {"to": contract.address, "data": "0x" + contract.call(function, *values).hex()}
        return self._rpc.data("eth_call", message, "latest")

    def height(self) -> int:
        """Gives the newest block's number; each transaction is a block of its own."""
        return self._rpc.number("eth_blockNumber")

    def spent(self, since: int) -> int:
        """Gives the gas used of all blocks after this one."""
        blocks = (self._rpc.call("eth_getBlockByNumber", hex(n), False) for n in range(since + 1, self.height() + 1))
        return sum(self._rpc.as_number(block["gasUsed"], "gasUsed") for block in blocks)

    def close(self) -> None:
        """Closes the chain's file."""
        self._node.close()

    def _pay(self, to: str, wei: int) -> None:
        transaction = Transaction(
            chain_id=CHAIN_ID,
            nonce=self._rpc.number("eth_getTransactionCount", address_of(self._house), "latest"),
            max_fee_wei=10**11,
            max_tip_wei=10**9,
            gas=21_000,
            to=to,
            data=b"",
            value_wei=wei,
        )
        self._mined(self._sender(self._house), sign(transaction, self._house), f"the payment to {to}")

    def _sender(self, key: bytes) -> Sender:
        return Sender(self._rpc, key=key, chain_id=CHAIN_ID, patience=self._patience)

    def _mined(self, sender: Sender, signed: Signed, what: str) -> dict[str, Any]:
        sender.send(signed)
        receipt = sender.wait(signed)
        if receipt.get("status") != "0x1":
            raise UnableToTell(f"{what} failed in its block")
        return receipt


def coin() -> Artifact:
    """Gives the token that stories are paid in."""
    content = json.loads(COIN.read_text())
    code = bytes.fromhex(content["bytecode"][2:])
    abi, source = tuple(content["abi"]), content["sourceSha256"]
    return Artifact(name="Coin", abi=abi, creation_code=code, runtime_code=b"", source_sha256=source, digest="")


def signature(key: bytes, digest: bytes) -> bytes:
    """Signs 32 bytes as Ethereum's wallets do: r, s and v."""
    from coincurve import PrivateKey

    made = PrivateKey(key).sign_recoverable(digest, hasher=None)
    return made[:64] + bytes([27 + made[64]])


def signature_of(item: dict[str, Any]) -> str:
    """Gives a function's canonical signature, with what its structs are made of."""
    return f"{item['name']}({','.join(_type_of(part) for part in item['inputs'])})"


def _type_of(part: dict[str, Any]) -> str:
    kind = str(part["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type_of(inner) for inner in part['components'])}){kind.removeprefix('tuple')}"


def encoded(inputs: list[dict[str, Any]], values: tuple[Any, ...]) -> bytes:
    """Gives values as the contract ABI has them, by the inputs of an artifact.

    Addresses are 0x texts, numbers are unsigned, lists are of any length, structs are tuples.
    """
    parts = [(_is_dynamic(part), _one(part, value)) for part, value in zip(inputs, values, strict=True)]
    place = sum(32 if dynamic else len(content) for dynamic, content in parts)
    head, tail = b"", b""
    for dynamic, content in parts:
        if dynamic:
            head, tail = head + (place + len(tail)).to_bytes(32), tail + content
        else:
            head += content
    return head + tail


def _is_dynamic(part: dict[str, Any]) -> bool:
    kind = part["type"]
    if kind == "tuple":
        return any(_is_dynamic(inner) for inner in part["components"])
    return kind in ("bytes", "string") or kind.endswith("[]")


def _one(part: dict[str, Any], value: Any) -> bytes:
    kind = part["type"]
    if kind.endswith("[]"):
        inner = {**part, "type": kind.removesuffix("[]")}
        return len(value).to_bytes(32) + encoded([inner] * len(value), tuple(value))
    if kind == "tuple":
        return encoded(part["components"], value)
    if kind in ("bytes", "string"):
        content: bytes = value.encode() if kind == "string" else value
        return len(content).to_bytes(32) + content + bytes(-len(content) % 32)
    return _static(kind, value)


def _static(kind: str, value: Any) -> bytes:
    if kind == "address":
        return bytes.fromhex(value[2:]).rjust(32, b"\0")
    if kind.startswith("bytes"):
        if len(value) != int(kind.removeprefix("bytes")):
            raise ValueError(f"{kind} is not {len(value)} bytes long")
        return bytes(value).ljust(32, b"\0")
    return int(value).to_bytes(32)
