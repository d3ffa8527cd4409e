"""Makers of what chain tests need: the dev chain's process, questions to a chain, a contract of one's own."""

import importlib.util
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ledger.chain.abi import call_data, error_of
from ledger.chain.artifacts import load
from ledger.chain.base import Receipt
from ledger.chain.deployment import ChainConfig, Deployment
from ledger.chain.evm import EvmChain
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.reading import Reader
from ledger.chain.sender import Patience, Sender
from ledger.chain.suite import Suite
from ledger.chain.suite_deployment import deploy_suite
from ledger.chain.transaction import Transaction, address_of, keccak, sign

HOME = Path(__file__).resolve().parents[3]
ANVIL = HOME / "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
NOW = datetime(2026, 11, 22, 2, 5, 56, tzinfo=UTC)
BRISK = Patience(deadline_seconds=20, poll_seconds=0.02)


def ask(url: str, method: str, *params: Any) -> Any:
    """Asks without our own client, which is under test."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as response:
        answer = json.load(response)
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer["result"]


def until(ready: Callable[[], Any], process: subprocess.Popen[str] | None = None, seconds: float = 30) -> Any:
    """Waits for another process, as briefly as it lets us."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := ready():
            return value
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the process ended with {process.returncode}")
        time.sleep(0.01)
    raise AssertionError("nothing happened")


@dataclass
class DevChain:
    """Our dev chain's process over one folder, to be killed and started again."""

    folder: Path
    process: subprocess.Popen[str] | None = field(default=None)

    def start(self) -> str:
        """Starts and returns the endpoint."""
        endpoint = self.folder / "endpoint"
        before = endpoint.stat().st_mtime_ns if endpoint.exists() else 0
        self.process = self.spawn()
        until(lambda: endpoint.exists() and endpoint.stat().st_mtime_ns != before, self.process)
        return endpoint.read_text().strip()

    def spawn(self) -> subprocess.Popen[str]:
        """Starts without waiting."""
        words = [sys.executable, "-m", "ledger.chain.devchain", "--folder", str(self.folder)]
        return subprocess.Popen(words, cwd=HOME, text=True, stderr=subprocess.PIPE)

    def kill(self) -> None:
        """SIGKILL: nothing in the process hears of it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM: returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=20)


@dataclass(frozen=True)
class Place:
    """A running chain with a funded key, and room for contracts: each test deploys its own."""

    url: str
    key: bytes
    key_file: Path

    def config(self, folder: Path, **changes: str) -> ChainConfig:
        """Points at this chain, with the record of the deployment in the test's folder."""
        return ChainConfig(**{"folder": folder, "rpc_url": self.url, "key_file": str(self.key_file), **changes})


@contextmanager
def an_anvil(folder: Path, *words: str) -> Iterator[Place]:
    """Runs anvil for a while; the test is skipped where it is not installed."""
    if not ANVIL.exists():
        pytest.skip("anvil is not installed; contracts/tools/test installs it")
    config, said = folder / "config.json", folder / "out"
    command = [str(ANVIL), "--port", "0", "--config-out", str(config), "--enable-tx-gas-limit", *words]
    with open(said, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "NO_COLOR": "1"})
    try:
        line = until(lambda: [at for at in said.read_text().splitlines() if at.startswith("Listening on ")])
        url = "http://" + line[0].removeprefix("Listening on ").strip()
        key = secrets.token_bytes(32)
        ask(url, "anvil_setBalance", address_of(key), hex(10**24))
        key_file = folder / "key"
        key_file.write_text("0x" + key.hex())
        yield Place(url, key, key_file)
    finally:
        process.terminate()
        process.wait()


class DirectChain(EvmChain):
    """The adapter, and a way past the outbox: it puts on a chain what a test then looks at."""

    def anchor(self, *, root: bytes, size: int, note_digest: bytes) -> Receipt:
        """Anchors, waits until it is mined, and returns the receipt; RpcRefusal when the contract refuses."""
        rpc, identity = self._connect()
        sender = Sender(rpc, key=self._config().key(), chain_id=identity.chain_id, patience=BRISK)
        data = call_data("ProvenanceAnchor", "anchor", root, size, note_digest)
        signed, _ = sender.prepare(to=identity.contract, data=data)
        sender.send(signed)
        assert sender.wait(signed)["status"] == "0x1"
        found = self.find(root=root)
        assert found is not None
        return found


@dataclass(frozen=True)
class Book:
    """A fresh ProvenanceAnchor on a chain."""

    place: Place
    config: ChainConfig
    deployment: Deployment
    chain: DirectChain

    def nonce(self) -> int:
        """Returns how many transactions our key has sent."""
        return int(ask(self.place.url, "eth_getTransactionCount", address_of(self.place.key), "latest"), 16)

    def events(self) -> list[dict[str, Any]]:
        """Returns every checkpoint event of the contract, oldest first."""
        topic = "0x" + keccak(b"CheckpointAnchored(bytes32,bytes32,bytes32)").hex()
        wanted = {"address": self.deployment.contract, "topics": [topic], "fromBlock": "0x0", "toBlock": "latest"}
        return list(ask(self.place.url, "eth_getLogs", wanted))


@dataclass(frozen=True)
class Contracts:
    """The whole suite, freshly deployed on a chain; one key has all roles, and the settler has play money."""

    place: Place
    config: ChainConfig
    suite: Suite
    reader: Reader

    def send(self, contract: str, function: str, *args: Any, at: str = "", key: bytes = b"") -> dict[str, Any]:
        """Calls a contract in a transaction and returns the receipt; "ERC20" is any token, `at` its address."""
        to = at or self.suite.address(contract)
        data = call_data(contract, function, *args)
        sender = Sender(self.reader.rpc, key=key or self.place.key, chain_id=self.suite.chain_id, patience=BRISK)
        signed, _ = sender.prepare(to=to, data=data)
        sender.send(signed)
        receipt = sender.wait(signed)
        assert receipt["status"] == "0x1"
        return receipt

    def refused(self, contract: str, function: str, *args: Any, key: bytes = b"") -> tuple[str, tuple[Any, ...]]:
        """Returns the error that a contract reverts with, having sent nothing."""
        with pytest.raises(RpcRefusal) as refusal:
            self.send(contract, function, *args, key=key)
        told = error_of(contract, refusal.value.data)
        assert told is not None, refusal.value
        return told

    def wallet(self) -> bytes:
        """Returns the key of a new account that has one ether."""
        key = secrets.token_bytes(32)
        fund(self.reader.rpc, self.place.key, address_of(key))
        return key


def deployed(place: Place, folder: Path) -> Contracts:
    """Deploys the suite on a chain, recorded in the folder."""
    config = place.config(folder)
    suite = deploy_suite(now=NOW, pages="https://worldloom.example/releases/", config=config, patience=BRISK)
    return Contracts(place, config, suite, Reader(config.rpc(), suite))


def fund(rpc: JsonRpc, key: bytes, address: str) -> None:
    """Gives an address one ether."""
    sender = Sender(rpc, key=key, chain_id=31337, patience=BRISK)
    signed = sign(
        Transaction(
            chain_id=31337,
            nonce=rpc.number("eth_getTransactionCount", sender.address, "pending"),
            max_fee_wei=10**10,
            max_tip_wei=10**9,
            gas=100_000,
            to=address,
            data=b"",
            value_wei=10**18,
        ),
        key,
    )
    sender.send(signed)
    assert sender.wait(signed)["status"] == "0x1"


def replayed(book: Book) -> bytes:
    """Replays the contract's history from its events, by docs/formats/anchor.md."""
    tag = b"worldloom/provenance-anchor/1"
    words = [(96).to_bytes(32, "big"), (31337).to_bytes(32, "big")]
    words += [bytes.fromhex(book.deployment.contract[2:]).rjust(32, b"\0"), len(tag).to_bytes(32, "big")]
    head = keccak(b"".join(words) + tag.ljust(32, b"\0"))[:22] + bytes(10)
    for seq, event in enumerate(book.events(), start=1):
        root, data = bytes.fromhex(event["topics"][1][2:]), bytes.fromhex(event["data"][2:])
        note, told = data[:32], data[32:]
        assert int.from_bytes(told[22:26], "big") == seq
        assert told[:22] == keccak(head + root + note)[:22]
        head = told
    return head


RUNTIME_CODE = load("ProvenanceAnchor").runtime_code


def toolchain() -> ModuleType:
    """What builds the contracts, as a module."""
    spec = importlib.util.spec_from_file_location("toolchain", HOME / "contracts/tools/toolchain.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
