"""Time that is moved and blocks that are taken back: the same on the embedded chain and on anvil, by the same words."""

import secrets
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain.abi import creation_data
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.transaction import Transaction, address_of, created_by, sign
from ledger.chain.typed import BIND, sign_digest, typed_digest
from tests.ledger.chain.makers import Contracts, DevChain, Place, ask, deployed, fund

DAY = 86_400
PAYEE = b"\x01" * 16
DAVE = "0x" + "da" * 20


def time_of(place: Place) -> int:
    return int(ask(place.url, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def height(place: Place) -> int:
    return int(ask(place.url, "eth_blockNumber"), 16)


def pay(place: Place) -> str:
    """Sends a stranger one ether and returns the stranger's address."""
    address = address_of(secrets.token_bytes(32))
    fund(JsonRpc(place.url), place.key, address)
    return address


def bound(contracts: Contracts) -> bytes:
    """Binds a wallet of Alice's, which counts a day later, and returns its key."""
    alice = contracts.wallet()
    until = contracts.reader.head().time + 10 * DAY
    values = {"payee": PAYEE, "wallet": address_of(alice), "nonce": 0, "deadline": until}
    digest = typed_digest(BIND, values, chain_id=31337, contract=contracts.suite.address("Payees"))
    contracts.send("Payees", "bind", PAYEE, address_of(alice), until, sign_digest(digest, alice))
    return alice


def test_time_is_moved_ahead_and_goes_on_from_there(own_place: Place) -> None:
    before = time_of(own_place)
    assert int(ask(own_place.url, "evm_increaseTime", DAY)) == DAY
    ask(own_place.url, "evm_mine")
    assert DAY <= time_of(own_place) - before < DAY + 60
    ask(own_place.url, "evm_setNextBlockTimestamp", before + 10 * DAY)
    pay(own_place)
    assert time_of(own_place) == before + 10 * DAY
    pay(own_place)
    assert 0 <= time_of(own_place) - before - 10 * DAY < 60
    with pytest.raises(RpcRefusal):
        JsonRpc(own_place.url).call("evm_setNextBlockTimestamp", before)


def test_blocks_are_mined_without_transactions(own_place: Place) -> None:
    before = height(own_place)
    ask(own_place.url, "evm_mine")
    ask(own_place.url, "anvil_mine", "0x5")
    assert height(own_place) == before + 6
    block = ask(own_place.url, "eth_getBlockByNumber", hex(before + 3), True)
    assert block["transactions"] == []
    assert ask(own_place.url, "eth_getBlockReceipts", hex(before + 3)) == []


def test_what_waits_for_a_day_counts_after_it_without_another_transaction(own_place: Place, tmp_path: Path) -> None:
    contracts = deployed(own_place, tmp_path / "chain")
    alice = bound(contracts)
    assert contracts.reader.view("Payees", "walletOf", PAYEE) == "0x" + "00" * 20
    ask(own_place.url, "evm_increaseTime", DAY + 1)
    if "anvil" in ask(own_place.url, "web3_clientVersion"):
        # Its calls stand in the newest block; ours stand in the one to come, as nobody mines by the clock.
        ask(own_place.url, "evm_mine")
    assert contracts.reader.view("Payees", "walletOf", PAYEE) == address_of(alice)
    # An old block is asked in its own time.
    block = contracts.reader.head().number - 1
    assert contracts.reader.view("Payees", "walletOf", PAYEE, block=block) == "0x" + "00" * 20


def test_gas_is_estimated_for_the_block_to_come(own_place: Place, tmp_path: Path) -> None:
    contracts = deployed(own_place, tmp_path / "chain")
    guardian = contracts.place.key
    contracts.send("PayoutDistributor", "pause", key=guardian)
    assert contracts.refused("PayoutDistributor", "pause", key=guardian)[0] == "PauseNotYet"
    ask(own_place.url, "evm_increaseTime", 10 * DAY + 60)
    contracts.send("PayoutDistributor", "pause", key=guardian)
    assert contracts.reader.view("PayoutDistributor", "paused") is True


def test_a_chain_goes_back_to_a_snapshot_as_if_nothing_had_been(own_place: Place) -> None:
    stays = pay(own_place)
    head = ask(own_place.url, "eth_getBlockByNumber", "latest", False)
    nonce = ask(own_place.url, "eth_getTransactionCount", address_of(own_place.key), "latest")
    snapshot = ask(own_place.url, "evm_snapshot")
    gone = [pay(own_place) for _ in range(3)]
    last = ask(own_place.url, "eth_getBlockByNumber", "latest", False)
    (digest,) = last["transactions"]
    assert ask(own_place.url, "evm_revert", snapshot) is True

    assert ask(own_place.url, "eth_getBlockByNumber", "latest", False) == head
    assert ask(own_place.url, "eth_getTransactionCount", address_of(own_place.key), "latest") == nonce
    assert int(ask(own_place.url, "eth_getBalance", stays, "latest"), 16) == 10**18
    assert [int(ask(own_place.url, "eth_getBalance", one, "latest"), 16) for one in gone] == [0, 0, 0]
    assert ask(own_place.url, "eth_getTransactionReceipt", digest) is None
    assert ask(own_place.url, "eth_getTransactionByHash", digest) is None
    assert ask(own_place.url, "eth_getBlockByHash", last["hash"], False) is None
    assert ask(own_place.url, "eth_getBlockByNumber", last["number"], False) is None
    # The snapshot is used up.
    assert ask(own_place.url, "evm_revert", snapshot) is False


def test_a_reorganization_of_five_blocks_has_other_blocks_with_the_same_transactions(
    own_place: Place, tmp_path: Path
) -> None:
    contracts = deployed(own_place, tmp_path / "chain")
    start = height(own_place)
    snapshot = ask(own_place.url, "evm_snapshot")
    for _ in range(5):
        contracts.send("DevelopmentCoin", "mint", "0x" + "0a" * 20, 7, at=contracts.suite.tokens["USD"].address)
    wanted = {"fromBlock": hex(start + 1), "toBlock": "latest", "address": contracts.suite.tokens["USD"].address}
    before = ask(own_place.url, "eth_getLogs", wanted)
    raw = [one["hash"] for one in blocks(own_place, start + 1, 5)]
    ask(own_place.url, "evm_revert", snapshot)
    with pytest.raises(RpcRefusal, match="block height is"):
        JsonRpc(own_place.url).call("eth_getLogs", wanted)
    assert ask(own_place.url, "eth_getLogs", {**wanted, "fromBlock": hex(start)})[:-1] == []
    ask(own_place.url, "evm_increaseTime", 60)
    for _ in range(5):
        contracts.send("DevelopmentCoin", "mint", "0x" + "0a" * 20, 7, at=contracts.suite.tokens["USD"].address)
    after = ask(own_place.url, "eth_getLogs", wanted)
    assert [log["data"] for log in after] == [log["data"] for log in before] == ["0x" + "00" * 31 + "07"] * 5
    assert not {log["blockHash"] for log in after} & {log["blockHash"] for log in before}
    assert not {one["hash"] for one in blocks(own_place, start + 1, 5)} & set(raw)
    assert contracts.reader.view("ERC20", "balanceOf", "0x" + "0a" * 20, at=wanted["address"]) == 35


def blocks(place: Place, first: int, count: int) -> list[dict[str, Any]]:
    return [ask(place.url, "eth_getBlockByNumber", hex(first + number), False) for number in range(count)]


def test_snapshots_may_lie_within_each_other(own_place: Place) -> None:
    outer = ask(own_place.url, "evm_snapshot")
    first = pay(own_place)
    inner = ask(own_place.url, "evm_snapshot")
    second = pay(own_place)
    assert ask(own_place.url, "evm_revert", inner) is True
    assert [int(ask(own_place.url, "eth_getBalance", one, "latest"), 16) for one in (first, second)] == [10**18, 0]
    third = pay(own_place)
    assert ask(own_place.url, "evm_revert", outer) is True
    told = [int(ask(own_place.url, "eth_getBalance", one, "latest"), 16) for one in (first, second, third)]
    assert told == [0, 0, 0]
    # What lay within is gone with it.
    assert ask(own_place.url, "evm_revert", inner) is False


def test_snapshots_and_moved_time_outlive_sigkill(devchain: DevChain) -> None:
    url = devchain.start()
    key_file = devchain.folder / "dev.key"
    key = bytes.fromhex(key_file.read_text().strip()[2:])
    place = Place(url, key, key_file)
    head = ask(url, "eth_getBlockByNumber", "latest", False)
    snapshot = ask(url, "evm_snapshot")
    ask(url, "evm_increaseTime", 3 * DAY)
    gone = pay(place)
    devchain.kill()
    place = Place(devchain.start(), key, key_file)
    assert int(ask(place.url, "eth_getBalance", gone, "latest"), 16) == 10**18
    ask(place.url, "evm_mine")
    assert time_of(place) - int(head["timestamp"], 16) >= 3 * DAY
    assert ask(place.url, "evm_revert", snapshot) is True
    devchain.kill()
    place = Place(devchain.start(), key, key_file)
    assert ask(place.url, "eth_getBlockByNumber", "latest", False) == head
    pay(place)
    assert 0 < time_of(place) - int(head["timestamp"], 16) < DAY


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("evm_increaseTime", [-1]),
        ("evm_increaseTime", ["soon"]),
        ("evm_increaseTime", []),
        ("evm_setNextBlockTimestamp", [2**63]),
        ("evm_revert", [None]),
        ("anvil_mine", ["0xffffffff"]),
        ("evm_mine", [1]),
    ],
)
def test_time_and_snapshots_that_cannot_be_change_nothing(embedded: Place, method: str, params: list[Any]) -> None:
    before = height(embedded)
    with pytest.raises(RpcRefusal):
        JsonRpc(embedded.url).call(method, *params)
    assert height(embedded) == before


def test_a_block_is_named_by_its_hash_too_and_a_slot_is_read(embedded: Place, tmp_path: Path) -> None:
    contracts = deployed(embedded, tmp_path / "chain")
    treasury = contracts.suite.address("SplitVault")
    block = ask(embedded.url, "eth_getBlockByNumber", "latest", False)
    by_hash = ask(embedded.url, "eth_getCode", treasury, {"blockHash": block["hash"]})
    assert by_hash == ask(embedded.url, "eth_getCode", treasury, {"blockNumber": block["number"]}) != "0x"
    assert len(ask(embedded.url, "eth_getStorageAt", treasury, "0x0", "latest")) == 66
    (receipt,) = ask(embedded.url, "eth_getBlockReceipts", block["number"])
    assert receipt["transactionHash"] == block["transactions"][0]
    with pytest.raises(RpcRefusal, match="header not found"):
        JsonRpc(embedded.url).call("eth_getCode", treasury, {"blockHash": "0x" + "00" * 32})


def contents(store: Any) -> dict[str, list[Any]]:
    """Everything on disk but the notes for going back and the count of branches."""
    tables = {"node": "select * from node order by key", "log": "select * from log order by block_number, log_index"}
    return {name: store._connection.execute(query).fetchall() for name, query in tables.items()}


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.sampled_from(["pay", "log", "mine", "later", "snapshot", "revert", "reopen"]), max_size=25))
def test_going_back_leaves_exactly_what_was_on_disk(steps: list[str]) -> None:
    from ledger.chain.devchain.node import Node
    from ledger.chain.devchain.store import BlockStore

    key, moment = b"\x01" * 32, count(1_795_312_800)
    coin = creation_data("DevelopmentWrappedCoin")
    with TemporaryDirectory() as folder:

        def opened() -> tuple[Any, Any]:
            store = BlockStore(Path(folder) / "chain.sqlite3")
            return store, Node(store, clock=lambda: next(moment), funded=bytes.fromhex(address_of(key)[2:]))

        store, node = opened()
        there: list[tuple[int, dict[str, list[Any]], bytes]] = []
        for step in steps:
            nonce = node.state(node.head()).get_nonce(bytes.fromhex(address_of(key)[2:]))
            fields: dict[str, Any] = {"chain_id": 31337, "nonce": nonce, "max_fee_wei": 10**10, "max_tip_wei": 10**9}
            if step == "pay":
                node.send(sign(Transaction(**fields, gas=21_000, to=DAVE, data=b"", value_wei=5), key).raw)
            elif step == "log":
                made = created_by(address_of(key), nonce)
                node.send(sign(Transaction(**fields, gas=3_000_000, to=None, data=coin), key).raw)
                fields["nonce"] += 1
                node.send(sign(Transaction(**fields, gas=100_000, to=made, data=b"", value_wei=7), key).raw)
            elif step == "mine":
                node.mine()
            elif step == "later":
                node.increase_time(DAY)
            elif step == "snapshot":
                there.append((node.snapshot(), contents(store), bytes(node.head().hash)))
            elif step == "revert" and there:
                # The oldest but one, so that some lie within what is left.
                place = max(0, len(there) - 2)
                id, before, head = there[place]
                assert node.revert(id)
                assert contents(store) == before
                assert node.head().hash == head
                assert not any(node.revert(gone) for gone, _, _ in there[place:])
                del there[place:]
            elif step == "reopen":
                store.close()
                store, node = opened()
        store.close()
