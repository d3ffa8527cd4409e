"""The dev chain as its users meet it: one process for a folder, and no request that it does not answer."""

import json
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.sender import Sender
from ledger.chain.transaction import Transaction, address_of, keccak, sign
from tests.ledger.chain.makers import BRISK, Book, DevChain, Place, ask, fund, until

DAVE = "0x" + "da" * 20


@pytest.fixture
def node(tmp_path: Path) -> Any:
    from ledger.chain.devchain.node import Node
    from ledger.chain.devchain.store import BlockStore

    moments = iter(range(1_795_312_800, 1_795_400_000, 60))
    store = BlockStore(tmp_path / "chain.sqlite3")
    yield Node(store, clock=lambda: next(moments), funded=bytes.fromhex(address_of(b"\x01" * 32)[2:]))
    store.close()


def paying(nonce: int, **changes: Any) -> Transaction:
    fields: dict[str, Any] = {
        "chain_id": 31337,
        "nonce": nonce,
        "max_fee_wei": 10**10,
        "max_tip_wei": 10**9,
        "gas": 21_000,
        "to": DAVE,
        "data": b"",
        "value_wei": 5,
    }
    return Transaction(**{**fields, **changes})


def test_a_folder_has_one_chain_and_its_files(devchain: DevChain) -> None:
    dev = devchain
    url = dev.start()
    key = dev.folder / "dev.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert url.startswith("http://127.0.0.1:")
    owner = address_of(bytes.fromhex(key.read_text().strip()[2:]))
    assert int(ask(url, "eth_getBalance", owner, "latest"), 16) == 10**24

    second = dev.spawn()
    _, said = second.communicate(timeout=20)
    assert second.returncode == 1
    assert said == f"The dev chain cannot start in {dev.folder}: another one already runs there.\n"
    assert ask(url, "eth_chainId") == "0x7a69"

    # Killed, it leaves its endpoint behind; the next one writes another, and keeps key, blocks and balances.
    fund(JsonRpc(url), bytes.fromhex(key.read_text().strip()[2:]), DAVE)
    block = ask(url, "eth_getBlockByNumber", "latest", True)
    dev.kill()
    assert (dev.folder / "endpoint").exists()
    url = dev.start()
    assert ask(url, "eth_getBlockByNumber", "latest", True) == block
    assert int(ask(url, "eth_getBalance", DAVE, "latest"), 16) == 10**18
    assert dev.stop() == 0
    assert not (dev.folder / "endpoint").exists()

    key.rename(dev.folder / "elsewhere")
    third = dev.spawn()
    _, said = third.communicate(timeout=20)
    assert third.returncode == 1
    assert "dev.key is missing beside its chain" in said
    assert said.count("\n") == 1


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    from ledger.chain.devchain.server import UnableToStart, run

    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(UnableToStart, match="cannot be opened"):
            run(tmp_path, port=taken.getsockname()[1], clock=lambda: 1_795_312_800)
    assert not (tmp_path / "endpoint").exists()


def test_blocks_take_their_time_from_the_clock_and_never_share_it(node: Any) -> None:
    first = node.head().timestamp
    for nonce in range(2):
        node.send(sign(paying(nonce), b"\x01" * 32).raw)
    times = [node.header(number).timestamp for number in range(3)]
    assert times[0] == first == 1_795_312_800
    assert times == sorted(set(times))
    assert all((moment - first) % 60 == 0 for moment in times)


def test_a_block_is_written_whole_or_not_at_all(node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node.send(sign(paying(0), b"\x01" * 32).raw)
    before = node.head()

    def die(self: Any, logs: Any = (), **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ledger.chain.devchain.store.BlockStore.commit", die)
    with pytest.raises(KeyboardInterrupt):
        node.send(sign(paying(1), b"\x01" * 32).raw)
    monkeypatch.undo()
    assert node.head() == before
    assert node.state(before).get_nonce(bytes.fromhex(address_of(b"\x01" * 32)[2:])) == 1
    node.send(sign(paying(1), b"\x01" * 32).raw)
    assert node.head().block_number == 2


REFUSED = [
    pytest.param({"nonce": 3}, "nonce too high", id="a nonce ahead"),
    pytest.param({"chain_id": 1}, "invalid chain id", id="another chain"),
    pytest.param({"max_fee_wei": 1, "max_tip_wei": 1}, "less than block base fee", id="too cheap"),
    pytest.param({"value_wei": 10**25}, "insufficient funds", id="too much money"),
    pytest.param({"gas": 20_999}, "gas", id="too little gas"),
    pytest.param({"gas": 30_000_001}, "gas limit", id="more gas than a block has"),
    pytest.param(
        {"max_fee_wei": 10**9, "max_tip_wei": 10**10}, "priority fee per gas higher", id="a tip above the fee"
    ),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED)
def test_a_transaction_that_cannot_be_leaves_no_block(node: Any, changes: dict[str, Any], words: str) -> None:
    from ledger.chain.devchain.node import UnableToExecute

    with pytest.raises(UnableToExecute, match=words):
        node.send(sign(paying(**{"nonce": 0, **changes}), b"\x01" * 32).raw)
    assert node.head().block_number == 0
    node.send(sign(paying(0), b"\x01" * 32).raw)
    with pytest.raises(UnableToExecute, match="already known"):
        node.send(sign(paying(0), b"\x01" * 32).raw)
    with pytest.raises(UnableToExecute, match="nonce too low"):
        node.send(sign(paying(0, value_wei=6), b"\x01" * 32).raw)
    assert node.head().block_number == 1


BAD = [
    pytest.param(b"", -32700, id="nothing"),
    pytest.param(b"{", -32700, id="half"),
    pytest.param(b"[" * 50_000, -32700, id="deep"),
    pytest.param(b"\xff\xfe", -32700, id="bytes"),
    pytest.param(b"[]", -32600, id="an empty batch"),
    pytest.param(b"5", -32600, id="a number"),
    pytest.param(b'{"method":5}', -32600, id="a method that is none"),
    pytest.param(b'{"id":{},"method":"eth_chainId"}', -32600, id="an id that is none"),
    pytest.param(b'{"id":1,"method":"eth_nothing"}', -32601, id="an unknown method"),
    pytest.param(b'{"id":1,"method":"eth_chainId","params":{}}', -32602, id="named parameters"),
    pytest.param(b'{"id":1,"method":"eth_getBalance","params":[]}', -32602, id="no parameters"),
    pytest.param(b'{"id":1,"method":"eth_getBalance","params":["0x12"]}', -32602, id="a short address"),
    pytest.param(b'{"id":1,"method":"eth_getBlockByNumber","params":["0xzz"]}', -32602, id="no number"),
    pytest.param(b'{"id":1,"method":"eth_getLogs","params":[{"topics":[1,2,3,4,5]}]}', -32602, id="five topics"),
    pytest.param(b'{"id":1,"method":"eth_call","params":[7]}', -32602, id="a message that is none"),
    pytest.param(b'{"id":1,"method":"eth_sendRawTransaction","params":["0x02c0"]}', -32000, id="no transaction"),
    pytest.param(b'{"id":1,"method":"eth_call","params":[{},"0xffff"]}', -32000, id="a block to come"),
]


@pytest.mark.parametrize(("body", "code"), BAD)
def test_every_bad_request_has_its_error(node: Any, body: bytes, code: int) -> None:
    from ledger.chain.devchain.rpc import answer

    response = json.loads(answer(node, body))
    assert response["error"]["code"] == code
    assert response["error"]["message"]
    assert response["jsonrpc"] == "2.0"


def test_batches_are_answered_in_order_and_notifications_not_at_all(node: Any) -> None:
    from ledger.chain.devchain.rpc import answer

    batch = [
        {"id": "a", "method": "eth_blockNumber"},
        {"method": "eth_chainId"},
        {"id": "b", "method": "nothing"},
        {"id": None, "method": "net_version"},
    ]
    responses = json.loads(answer(node, json.dumps(batch).encode()))
    assert [response["id"] for response in responses] == ["a", "b", None]
    assert responses[0]["result"] == "0x0"
    assert responses[1]["error"]["code"] == -32601
    assert responses[2]["result"] == "31337"
    assert answer(node, b'{"method":"eth_chainId"}') == b""
    assert answer(node, b'[{"method":"eth_chainId"}]') == b""


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["0x0", "0x", "latest", DAVE]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["to", "from", "data", "gas", "value", "topics", "address"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


def test_no_request_goes_unanswered(node: Any) -> None:
    from ledger.chain.devchain.rpc import METHODS, answer

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(method=st.sampled_from(sorted(METHODS)), params=st.lists(_JSON, max_size=3))
    def hold(method: str, params: list[Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        response = json.loads(answer(node, body))
        assert ("result" in response) != ("error" in response)
        assert response.get("error", {}).get("code") != -32603, response

    hold()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_bad_http_is_answered_too(embedded: Place, head: bytes, status: bytes) -> None:
    host, port = embedded.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head)
        assert status in connection.recv(4096).split(b"\r\n")[0] or status == b"400"
    assert ask(embedded.url, "eth_chainId") == "0x7a69"


def test_reverts_carry_the_contracts_own_words(book: Book) -> None:
    call = {"from": DAVE, "to": book.deployment.contract, "data": "0x" + _anchoring().hex()}
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(RpcRefusal) as refused:
            JsonRpc(book.place.url).call(method, call)
        assert refused.value.number == 3
        assert refused.value.data == keccak(b"NotAnchorer(address)")[:4] + bytes(12) + bytes.fromhex(DAVE[2:])


def _anchoring() -> bytes:
    return keccak(b"anchor(bytes32,uint64,bytes32)")[:4] + b"\x01" * 32 + (1).to_bytes(32, "big") + b"\x02" * 32


def test_logs_are_found_by_address_topic_and_block(book: Book) -> None:
    receipts = [book.chain.anchor(root=bytes([size]) * 32, size=size, note_digest=b"\x02" * 32) for size in (1, 2, 3)]
    rpc = JsonRpc(book.place.url)
    everywhere = {"address": book.deployment.contract, "fromBlock": "0x0"}

    def roots(**wanted: Any) -> list[str]:
        found = rpc.call("eth_getLogs", {**everywhere, **wanted})
        return [log["topics"][1][2:4] for log in found if len(log["topics"]) == 2]

    two = "0x" + "02" * 32
    assert roots() == ["01", "02", "03"]
    assert roots(topics=[None, two]) == ["02"]
    assert roots(topics=[None, [two, "0x" + "03" * 32]]) == ["02", "03"]
    assert roots(topics=[two]) == []
    assert roots(toBlock=hex(receipts[1].block_number)) == ["01", "02"]
    assert roots(fromBlock=hex(receipts[2].block_number)) == ["03"]
    assert roots(address=DAVE) == []
    block = ask(book.place.url, "eth_getBlockByNumber", hex(receipts[1].block_number), False)
    wanted = {"address": book.deployment.contract, "blockHash": block["hash"]}
    (log,) = rpc.call("eth_getLogs", wanted)
    assert log["transactionHash"] == receipts[1].transaction


def test_what_web3_expects_is_what_it_gets(book: Book) -> None:
    from web3 import HTTPProvider, Web3

    from ledger.chain.artifacts import load

    receipt = book.chain.anchor(root=b"\x07" * 32, size=7, note_digest=b"\x02" * 32)
    web3 = Web3(HTTPProvider(book.place.url))
    contract = web3.eth.contract(address=book.deployment.contract, abi=load("ProvenanceAnchor").abi)
    anchored = contract.functions.anchorOf(b"\x07" * 32).call()
    assert tuple(anchored) == (receipt.block_time, receipt.block_number, 7, 1)
    (event,) = contract.events.CheckpointAnchored().get_logs(from_block=0)
    assert event["args"]["root"] == b"\x07" * 32
    assert event["args"]["head"] == book.chain.head()
    assert event["transactionHash"].hex().removeprefix("0x") == receipt.transaction[2:]
    block = web3.eth.get_block(receipt.block_number, full_transactions=True)
    assert block["timestamp"] == receipt.block_time
    assert block["transactions"][0]["to"] == book.deployment.contract
    mined = web3.eth.get_transaction_receipt(receipt.transaction)
    assert (mined["status"], mined["gasUsed"]) == (1, receipt.gas_used)
    assert web3.eth.get_transaction(receipt.transaction)["type"] == 2
    assert web3.eth.fee_history(4, "latest", [10])["oldestBlock"] >= 0


def test_many_at_once_take_turns(embedded: Place) -> None:
    rpc = JsonRpc(embedded.url)
    sender = Sender(rpc, key=embedded.key, chain_id=31337, patience=BRISK)
    start = rpc.number("eth_getTransactionCount", sender.address, "latest")
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(embedded.url, "eth_getBalance", DAVE, "latest")))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for nonce in range(start, start + 3):
        sender.send(sign(paying(nonce), embedded.key))
    for thread in threads:
        thread.join()
    until(lambda: len(answers) == 12)
    assert rpc.number("eth_getTransactionCount", sender.address, "latest") == start + 3
