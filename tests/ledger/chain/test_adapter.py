"""The adapter's promises, kept on the embedded chain and on anvil alike."""

import hashlib
import secrets
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.chain.base import ChainIdentity, ChainUnavailable
from ledger.chain.deployment import UnableToDeploy, deploy_anchor
from ledger.chain.evm import EvmChain
from ledger.chain.transaction import address_of
from tests.ledger.chain.makers import BRISK, NOW, RUNTIME_CODE, Book, DirectChain, Place, ask, replayed

ROOT, NEXT_ROOT = hashlib.sha256(b"root").digest(), hashlib.sha256(b"next root").digest()
NOTE = hashlib.sha256(b"note").digest()


def test_the_contract_on_the_chain_is_the_committed_artifact(book: Book) -> None:
    code = ask(book.place.url, "eth_getCode", book.deployment.contract, "latest")
    assert bytes.fromhex(code[2:]) == RUNTIME_CODE
    assert book.deployment.chain_id == 31337
    assert book.deployment.deployed_at == "2026-11-22T02:05:56Z"
    assert book.chain.identity() == ChainIdentity(chain_id=31337, contract=book.deployment.contract)


def test_deploying_again_finds_the_same_contract(book: Book) -> None:
    nonce = book.nonce()
    assert deploy_anchor(now=NOW, config=book.config, patience=BRISK) == book.deployment
    assert book.nonce() == nonce


def test_an_anchor_is_receipted_with_what_the_chain_says(book: Book) -> None:
    receipt = book.chain.anchor(root=ROOT, size=7, note_digest=NOTE)
    mined = ask(book.place.url, "eth_getTransactionReceipt", receipt.transaction)
    block = ask(book.place.url, "eth_getBlockByNumber", hex(receipt.block_number), False)
    assert mined["status"] == "0x1"
    assert receipt.block_number == int(mined["blockNumber"], 16)
    assert receipt.block_time == int(block["timestamp"], 16)
    assert receipt.gas_used == int(mined["gasUsed"], 16)
    assert (receipt.chain_id, receipt.contract) == (31337, book.deployment.contract)
    # Blocks of a burst never share a second, so that our chain runs ahead of the clock by what other tests sent.
    assert receipt.block_time > time.time() - 120


def test_an_anchor_costs_at_most_52k_gas_from_the_first_on(book: Book) -> None:
    full = bytes(range(1, 33))
    first = book.chain.anchor(root=ROOT, size=1_000_003, note_digest=full)
    second = book.chain.anchor(root=full, size=2**47 + 2**40 - 1, note_digest=full)
    assert first.gas_used <= 52_000
    assert second.gas_used <= 52_000


def test_what_was_anchored_is_found_by_its_root(book: Book, tmp_path: Path) -> None:
    assert book.chain.find(root=ROOT) is None
    receipt = book.chain.anchor(root=ROOT, size=7, note_digest=NOTE)
    assert book.chain.find(root=ROOT) == receipt
    assert book.chain.find(root=NEXT_ROOT) is None
    # By address alone, as somebody else would look.
    other = book.place.config(tmp_path / "elsewhere", contract=book.deployment.contract.lower())
    assert EvmChain(config=other).find(root=ROOT) == receipt
    assert EvmChain(config=other).identity() == book.chain.identity()


def test_a_key_without_money_is_a_matter_of_time(book: Book, tmp_path: Path) -> None:
    poor = tmp_path / "poor.key"
    key = secrets.token_bytes(32)
    poor.write_text(key.hex())
    config = book.place.config(tmp_path / "poor", key_file=str(poor))
    with pytest.raises(ChainUnavailable, match=f"the account {address_of(key)} cannot pay for the gas"):
        deploy_anchor(now=NOW, config=config, patience=BRISK)
    assert not (tmp_path / "poor/deployment.json").exists()


def test_an_endpoint_of_another_chain_is_refused(book: Book) -> None:
    record = book.config.folder / "deployment.json"
    record.write_text(record.read_text().replace("31337", "1"))
    with pytest.raises(ChainUnavailable, match="serves chain 31337, but the contract was deployed on chain 1"):
        book.chain.find(root=ROOT)
    with pytest.raises(UnableToDeploy, match=r"recorded on chain 1, but .* serves chain 31337"):
        deploy_anchor(now=NOW, config=book.config, patience=BRISK)
    assert book.events() == []


def test_an_address_without_the_contract_is_named(book: Book) -> None:
    config = replace(book.config, contract="0x" + "ab" * 20)
    with pytest.raises(ChainUnavailable, match=r"at 0x[0-9a-fA-F]{40} on chain 31337 there is no ProvenanceAnchor"):
        EvmChain(config=config).find(root=ROOT)


def test_before_the_deployment_the_remedy_is_named(place: Place, tmp_path: Path) -> None:
    chain = EvmChain(config=place.config(tmp_path))
    with pytest.raises(ChainUnavailable, match="chain_deploy does that"):
        chain.identity()
    with pytest.raises(ChainUnavailable, match="chain_deploy does that"):
        chain.find(root=ROOT)


def test_the_head_replays_from_the_events(book: Book) -> None:
    assert book.chain.head() == replayed(book)
    for size in (1, 5, 300):
        book.chain.anchor(root=hashlib.sha256(bytes(size)).digest(), size=size, note_digest=NOTE)
    head = book.chain.head()
    assert head == replayed(book)
    assert (int.from_bytes(head[22:26], "big"), int.from_bytes(head[26:], "big")) == (3, 300)


# --- a tiny RFC 6962, written from the text -------------------------------------------------------------------


def _pair(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _tree(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return _pair(_tree(leaves[:k]), _tree(leaves[k:]))


def _path(leaves: list[bytes], index: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*_path(leaves[:k], index), _tree(leaves[k:])]
    return [*_path(leaves[k:], index - k), _tree(leaves[:k])]


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(count=st.integers(1, 12), salt=st.binary(min_size=8, max_size=8), bit=st.integers(0, 255))
def test_the_contract_agrees_with_the_reference_on_every_leaf(book: Book, count: int, salt: bytes, bit: int) -> None:
    leaves = [hashlib.sha256(b"\x00" + salt + bytes([number])).digest() for number in range(count)]
    root = _tree(leaves)
    size = int.from_bytes(book.chain.head()[26:], "big") + 1
    # Trees must grow, so this one stands in a contract of its own when it is smaller than the last.
    chain = book.chain if size <= count else _fresh(book, salt)
    chain.anchor(root=root, size=count, note_digest=NOTE)
    for index, leaf in enumerate(leaves):
        proof = _path(leaves, index)
        assert chain.verify_inclusion(root=root, leaf_hash=leaf, index=index, proof=proof)
        bent = (int.from_bytes(leaf, "big") ^ (1 << bit)).to_bytes(32, "big")
        assert not chain.verify_inclusion(root=root, leaf_hash=bent, index=index, proof=proof)
        assert not chain.verify_inclusion(root=root, leaf_hash=leaf, index=(index + 1) % (count + 1), proof=proof)
        assert not chain.verify_inclusion(root=root, leaf_hash=leaf, index=index, proof=[*proof, ROOT])


def _fresh(book: Book, salt: bytes) -> DirectChain:
    config = replace(book.config, folder=book.config.folder / salt.hex())
    deploy_anchor(now=NOW, config=config, patience=BRISK)
    return DirectChain(config=config)
