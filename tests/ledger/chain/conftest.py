"""Chains to test on: our own, in a process as it runs for everybody, and anvil where npm has installed it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.chain.deployment import deploy_anchor
from tests.ledger.chain.makers import BRISK, NOW, Book, Contracts, DevChain, DirectChain, Place, an_anvil, deployed


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
    with an_anvil(tmp_path_factory.mktemp("anvil")) as place:
        yield place


@pytest.fixture(params=["embedded", "anvil"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["embedded", "anvil"])
def own_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A chain of the test's own, for whoever moves time or goes back."""
    if request.param == "anvil":
        with an_anvil(tmp_path) as place:
            yield place
        return
    dev: DevChain = request.getfixturevalue("devchain")
    url = dev.start()
    key_file = dev.folder / "dev.key"
    yield Place(url, bytes.fromhex(key_file.read_text().strip()[2:]), key_file)


@pytest.fixture
def book(place: Place, tmp_path: Path) -> Book:
    config = place.config(tmp_path / "chain")
    deployment = deploy_anchor(now=NOW, config=config, patience=BRISK)
    return Book(place, config, deployment, DirectChain(config=config))


@pytest.fixture
def contracts(place: Place, tmp_path: Path) -> Contracts:
    """The whole suite on a chain: the embedded one, then anvil."""
    return deployed(place, tmp_path / "chain")
