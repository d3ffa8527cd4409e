"""Questions to an endpoint that lies, answers another chain's, or answers half: nothing of it is believed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.base import ChainUnavailable
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.reading import Question, Reader, Reverted
from ledger.chain.suite import Suite
from tests.ledger.chain.makers import Contracts, Place
from tests.ledger.chain.test_faults import endpoint

AT = "0x" + "ab" * 20
SUITE = Suite(chain_id=31337, addresses={"SplitVault": AT, "AssetToken": AT}, block_number=1, tokens={})
TWO: list[tuple[Any, ...]] = [("eth_blockNumber",), ("eth_chainId",)]


def answering(*answers: Any) -> Callable[[Any], tuple[int, bytes]]:
    """Answers a batch with these, whatever was asked."""
    return lambda request: (200, json.dumps(list(answers)).encode())


def one(id: Any, result: Any = "0x1") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "result": result}


def test_a_batch_is_one_request_and_its_answers_come_in_order(embedded: Place) -> None:
    seen: list[Any] = []

    def reply(request: Any) -> tuple[int, bytes]:
        seen.append(request)
        # In any order, says the specification of JSON-RPC.
        return 200, json.dumps([one(2, "0x7a69"), {"id": 1, "error": {"code": -32000, "message": "no"}}]).encode()

    with endpoint(reply) as url:
        first, second = JsonRpc(url).batch(TWO)
    assert isinstance(first, RpcRefusal)
    assert (first.message, second) == ("no", "0x7a69")
    assert [[part["method"] for part in request] for request in seen] == [["eth_blockNumber", "eth_chainId"]]
    assert JsonRpc(embedded.url).batch([("eth_chainId",)] * 3) == ["0x7a69"] * 3
    assert JsonRpc(embedded.url).batch([]) == []


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([one(1)], id="one is missing"),
        pytest.param([one(1), one(1)], id="one comes twice"),
        pytest.param([one(1), one(3)], id="another one's"),
        pytest.param([one(1), one("2")], id="an id of text"),
        pytest.param([one(1), one(True)], id="an id that is no number"),
        pytest.param([one(1), one(2), one(2)], id="one too many"),
        pytest.param([one(1), "0x1"], id="no object"),
        pytest.param([one(1), {"id": 2}], id="no result"),
        pytest.param([], id="nothing"),
    ],
)
def test_answers_that_were_not_asked_for_are_no_answers(answers: list[Any]) -> None:
    with endpoint(answering(*answers)) as url:
        with pytest.raises(ChainUnavailable):
            JsonRpc(url).batch(TWO)


@pytest.mark.parametrize("body", [b'{"id":null,"error":{"code":-32600,"message":"no batches here"}}', b'"0x1"', b"{}"])
def test_an_endpoint_without_batches_is_unavailable(body: bytes) -> None:
    with endpoint(lambda request: (200, body)) as url:
        with pytest.raises(ChainUnavailable):
            JsonRpc(url).batch(TWO)


def test_an_endpoint_of_another_chain_is_asked_nothing_else() -> None:
    asked: list[str] = []

    def reply(request: Any) -> tuple[int, bytes]:
        asked.append(request["method"])
        return 200, json.dumps(one(request["id"], "0x1")).encode()

    with endpoint(reply) as url:
        with pytest.raises(ChainUnavailable, match="serves chain 1, but the contracts are on chain 31337"):
            Reader(JsonRpc(url), SUITE).view("SplitVault", "treasury")
    assert asked == ["eth_chainId"]


def lying(place: Place, method: str, result: Any) -> Callable[[Any], tuple[int, bytes]]:
    """Passes requests on to a chain, and answers one method itself; a result of a dict with `code` is an error."""
    rpc = JsonRpc(place.url)

    def answered(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] != method:
            return one(request["id"], rpc.call(request["method"], *request["params"]))
        if isinstance(result, dict) and "code" in result:
            return {"id": request["id"], "error": result}
        return one(request["id"], result)

    def reply(request: Any) -> tuple[int, bytes]:
        told = [answered(part) for part in request] if isinstance(request, list) else answered(request)
        return 200, json.dumps(told).encode()

    return reply


@pytest.mark.parametrize(
    ("result", "said"),
    [
        pytest.param("0x", "answers nonsense", id="nothing"),
        pytest.param("0x01", "answers nonsense", id="too short"),
        pytest.param("0x" + "ff" * 32, "answers nonsense", id="an address of 32 bytes"),
        pytest.param("soon", "no hexadecimal data", id="words"),
        pytest.param(None, "no hexadecimal data", id="null"),
        pytest.param({"code": -32005, "message": "limit exceeded"}, "refuses treasury: limit exceeded", id="a limit"),
    ],
)
def test_an_answer_that_is_none_is_never_a_value(embedded: Place, result: Any, said: str) -> None:
    with endpoint(lying(embedded, "eth_call", result)) as url:
        with pytest.raises(ChainUnavailable, match=said):
            Reader(JsonRpc(url), SUITE).view("SplitVault", "treasury")


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted", "data": "0xdeadbeef"},
        {"code": 3, "message": "execution reverted"},
        {"code": -32000, "message": "VM Exception while processing transaction: revert"},
    ],
)
def test_a_revert_without_a_known_reason_is_still_the_contracts_answer(embedded: Place, error: Any) -> None:
    with endpoint(lying(embedded, "eth_call", error)) as url:
        with pytest.raises(Reverted, match="an unknown error"):
            Reader(JsonRpc(url), SUITE).view("AssetToken", "ownerOf", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "0x0"},
        {"number": None},
        {"hash": "0x12"},
        {"parentHash": None},
        {"timestamp": "now"},
    ],
)
def test_a_block_that_is_another_or_half_is_not_read(embedded: Place, changes: dict[str, Any]) -> None:
    JsonRpc(embedded.url).call("evm_mine")
    block = JsonRpc(embedded.url).call("eth_getBlockByNumber", "0x1", False)
    with endpoint(lying(embedded, "eth_getBlockByNumber", {**block, **changes})) as url:
        with pytest.raises(ChainUnavailable):
            Reader(JsonRpc(url), SUITE).block(1)
    with endpoint(lying(embedded, "eth_getBlockByNumber", None)) as url:
        with pytest.raises(ChainUnavailable):
            Reader(JsonRpc(url), SUITE).block(1)


def test_more_than_a_batch_is_asked_in_several(contracts: Contracts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.chain.reading.MAX_BATCH", 7)
    many = [Question("SplitVault", "nonceOf", (number.to_bytes(16, "big"),)) for number in range(20)]
    assert contracts.reader.views(many, block=contracts.reader.head().number) == [0] * 20


def test_a_contract_wallet_signs_by_its_owner_and_code_that_is_no_wallet_by_nobody(
    contracts: Contracts, tmp_path: Path
) -> None:
    digest = b"\x05" * 32
    for at in (contracts.suite.address("ClaimBook"), contracts.suite.tokens["USD"].address, AT):
        assert not contracts.reader.is_signed_by(at, digest, b"\x1b" * 65)
    with endpoint(lying(contracts.place, "eth_call", "0x1626ba7e" + "00" * 28)) as url:
        wallet = Reader(JsonRpc(url), contracts.suite)
        assert wallet.is_signed_by(contracts.suite.address("ClaimBook"), digest, b"any form")
    with endpoint(lying(contracts.place, "eth_call", "0xffffffff" + "00" * 28)) as url:
        wallet = Reader(JsonRpc(url), contracts.suite)
        assert not wallet.is_signed_by(contracts.suite.address("ClaimBook"), digest, b"any form")
