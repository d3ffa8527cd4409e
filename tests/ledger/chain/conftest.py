"""Chains to test on: our own, in a process as it runs for everybody, and anvil where npm has installed it."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.chain.deployment import deploy_anchor
from ledger.chain.evm import EvmChain
from ledger.chain.transaction import address_of
from tests.ledger.chain.makers import ANVIL, BRISK, NOW, Book, DevChain, Place, ask, until


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    dev = DevChain(tmp_path_factory.mktemp("devchain"))
    url = dev.start()
    key_file = dev.folder / "dev.key"
    yield Place(url, bytes.fromhex(key_file.read_text().strip()[2:]), key_file)
    dev.stop()


@pytest.fixture
def devchain(tmp_path: Path) -> Iterator[DevChain]:
    """A dev chain not yet started, for tests that kill it."""
    dev = DevChain(tmp_path / "chain")
    yield dev
    if dev.process is not None:
        dev.kill()


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if not ANVIL.exists():
        pytest.skip("anvil is not installed; contracts/tools/test installs it")
    folder = tmp_path_factory.mktemp("anvil")
    config = folder / "config.json"
    words = [str(ANVIL), "--port", "0", "--config-out", str(config), "--enable-tx-gas-limit"]
    with open(folder / "out", "w") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, env={**os.environ, "NO_COLOR": "1"})
    try:
        line = until(lambda: [at for at in (folder / "out").read_text().splitlines() if at.startswith("Listening on ")])
        url = "http://" + line[0].removeprefix("Listening on ").strip()
        key = secrets.token_bytes(32)
        ask(url, "anvil_setBalance", address_of(key), hex(10**24))
        key_file = folder / "key"
        key_file.write_text("0x" + key.hex())
        yield Place(url, key, key_file)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(params=["embedded", "anvil"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def book(place: Place, tmp_path: Path) -> Book:
    config = place.config(tmp_path / "chain")
    deployment = deploy_anchor(now=NOW, config=config, patience=BRISK)
    return Book(place, config, deployment, EvmChain(config=config, patience=BRISK))
