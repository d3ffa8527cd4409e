"""JSON-RPC 2.0 as Ethereum's clients speak it: words in, hexadecimal out, every mistake answered."""

import logging
from collections.abc import Callable
from typing import Any

import orjson

from ledger.chain.devchain.node import CHAIN_ID, Mined, Node, UnableToExecute
from ledger.chain.devchain.store import StoredLog
from ledger.chain.devchain.words import (
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    REFUSED,
    REVERTED,
    UNKNOWN_METHOD,
    UnableToAnswer,
    at,
    block_number_of,
    bytes_of,
    header_of,
    message_of,
    number_of,
    whole_of,
)

MAX_BATCH = 1000
MAX_LOGS = 10_000
MAX_BLOCKS = 10_000
TIP_WEI = 1_000_000_000

_LOG = logging.getLogger(__name__)


def answer(node: Node, body: bytes) -> bytes:
    """Return the response to one request or a batch; empty when all of it were notifications."""
    try:
        # Not the standard library's: py-evm lifts Python's recursion limit, and then brackets end the process.
        document = orjson.loads(body)
    except ValueError:
        return _encoded(_error(None, UnableToAnswer(PARSE_ERROR, "the request is not JSON")))
    if not isinstance(document, list):
        response = _respond(node, document)
        return b"" if response is None else _encoded(response)
    if not 0 < len(document) <= MAX_BATCH:
        return _encoded(_error(None, UnableToAnswer(INVALID_REQUEST, f"a batch holds 1 to {MAX_BATCH} requests")))
    responses = [response for request in document if (response := _respond(node, request)) is not None]
    return _encoded(responses) if responses else b""


def _respond(node: Node, request: Any) -> dict[str, Any] | None:
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        return _error(None, UnableToAnswer(INVALID_REQUEST, "a request is an object with a method"))
    marker = request.get("id")
    if isinstance(marker, dict | list | bool):
        return _error(None, UnableToAnswer(INVALID_REQUEST, "an id is a string or a number"))
    try:
        with node.turn:
            response: dict[str, Any] = {"jsonrpc": "2.0", "id": marker, "result": _call(node, request)}
    except UnableToAnswer as refusal:
        response = _error(marker, refusal)
    except UnableToExecute as refusal:
        data = None if refusal.data is None else _hex(refusal.data)
        number = REFUSED if refusal.data is None else REVERTED
        response = _error(marker, UnableToAnswer(number, refusal.reason, data))
    except Exception:  # whatever a strange request provokes inside the machine, the next one must find us
        _LOG.exception("the request %s failed", request["method"])
        response = _error(marker, UnableToAnswer(INTERNAL, "the request failed inside the node"))
    return response if "id" in request else None


def _call(node: Node, request: dict[str, Any]) -> Any:
    method = METHODS.get(request["method"])
    if method is None:
        raise UnableToAnswer(UNKNOWN_METHOD, f"there is no method {request['method'][:80]!r}")
    params = request.get("params", [])
    if not isinstance(params, list):
        raise UnableToAnswer(INVALID_PARAMS, "params is a list")
    return method(node, params)


def _error(marker: Any, refusal: UnableToAnswer) -> dict[str, Any]:
    error: dict[str, Any] = {"code": refusal.number, "message": refusal.message}
    if refusal.data is not None:
        error["data"] = refusal.data
    return {"jsonrpc": "2.0", "id": marker, "error": error}


def _encoded(document: Any) -> bytes:
    return orjson.dumps(document)


# --- hexadecimal out --------------------------------------------------------------------------------------------


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()


def _log(node: Node, log: StoredLog) -> dict[str, Any]:
    return {
        "address": _hex(log.address),
        "topics": [_hex(topic) for topic in log.topics],
        "data": _hex(log.data),
        "blockNumber": hex(log.block_number),
        "blockHash": _hex(node.header(log.block_number).hash),  # type: ignore[union-attr]  # a log has its block
        "transactionHash": _hex(log.transaction_hash),
        "transactionIndex": "0x0",
        "logIndex": hex(log.log_index),
        "removed": False,
    }


def _price(header: Any, transaction: Any) -> int:
    return int(min(transaction.max_fee_per_gas, header.base_fee_per_gas + transaction.max_priority_fee_per_gas))


def _transaction(header: Any, transaction: Any) -> dict[str, Any]:
    kind = int(getattr(transaction, "type_id", None) or 0)
    fields: dict[str, Any] = {
        "hash": _hex(transaction.hash),
        "type": hex(kind),
        "nonce": hex(transaction.nonce),
        "blockHash": _hex(header.hash),
        "blockNumber": hex(header.block_number),
        "transactionIndex": "0x0",
        "from": _hex(transaction.sender),
        "to": _hex(transaction.to) if transaction.to else None,
        "value": hex(transaction.value),
        "gas": hex(transaction.gas),
        "gasPrice": hex(_price(header, transaction)),
        "input": _hex(transaction.data),
        "chainId": hex(CHAIN_ID),
        "v": hex(transaction.v if hasattr(transaction, "v") else transaction.y_parity),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
    }
    if kind >= 2:
        fields["maxFeePerGas"] = hex(transaction.max_fee_per_gas)
        fields["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee_per_gas)
        fields["accessList"] = []
    return fields


def _receipt(node: Node, mined: Mined) -> dict[str, Any]:
    transaction, receipt = mined.transaction, mined.receipt
    return {
        "transactionHash": _hex(transaction.hash),
        "transactionIndex": "0x0",
        "blockHash": _hex(mined.header.hash),
        "blockNumber": hex(mined.header.block_number),
        "from": _hex(transaction.sender),
        "to": _hex(transaction.to) if transaction.to else None,
        "contractAddress": None if mined.created is None else _hex(mined.created),
        "cumulativeGasUsed": hex(receipt.gas_used),
        "gasUsed": hex(receipt.gas_used),
        "effectiveGasPrice": hex(_price(mined.header, transaction)),
        "logs": [_log(node, log) for log in mined.logs],
        "logsBloom": _hex(receipt.bloom.to_bytes(256, "big")),
        "status": "0x1" if receipt.state_root == b"\x01" else "0x0",
        "type": hex(int(getattr(transaction, "type_id", None) or 0)),
    }


def _block(node: Node, header: Any, whole: bool) -> dict[str, Any]:
    inside = node.transactions(header)
    return {
        "number": hex(header.block_number),
        "hash": _hex(header.hash),
        "parentHash": _hex(header.parent_hash),
        "timestamp": hex(header.timestamp),
        "stateRoot": _hex(header.state_root),
        "transactionsRoot": _hex(header.transaction_root),
        "receiptsRoot": _hex(header.receipt_root),
        "logsBloom": _hex(header.bloom.to_bytes(256, "big")),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "miner": _hex(header.coinbase),
        "difficulty": "0x0",
        "extraData": _hex(header.extra_data),
        "mixHash": _hex(header.mix_hash),
        "nonce": _hex(header.nonce),
        "sha3Uncles": _hex(header.uncles_hash),
        "uncles": [],
        "size": "0x0",
        "transactions": [_transaction(header, one) if whole else _hex(one.hash) for one in inside],
    }


# --- methods ----------------------------------------------------------------------------------------------------


def _send(node: Node, params: list[Any]) -> str:
    return _hex(node.send(bytes_of(at(params, 0), "the transaction")))


def _call_message(node: Node, params: list[Any]) -> str:
    # Nobody mines here by the clock: without a look at the block to come, time would stand still between transactions.
    tag = at(params, 1, "latest")
    header = None if tag in (None, "latest", "pending") else header_of(node, tag)
    return _hex(node.call(message_of(at(params, 0)), header))


def _estimate(node: Node, params: list[Any]) -> str:
    return hex(node.estimate(message_of(at(params, 0))))


def _state_value(ask: Callable[[Any, bytes], Any]) -> Callable[[Node, list[Any]], str]:
    def method(node: Node, params: list[Any]) -> str:
        address = bytes_of(at(params, 0), "the address", 20)
        value = ask(node.state(header_of(node, at(params, 1, "latest"))), address)
        return hex(value) if isinstance(value, int) else _hex(value)

    return method


def _get_receipt(node: Node, params: list[Any]) -> dict[str, Any] | None:
    mined = node.mined(bytes_of(at(params, 0), "the hash", 32))
    return None if mined is None else _receipt(node, mined)


def _get_transaction(node: Node, params: list[Any]) -> dict[str, Any] | None:
    mined = node.mined(bytes_of(at(params, 0), "the hash", 32))
    return None if mined is None else _transaction(mined.header, mined.transaction)


def _get_block_by_number(node: Node, params: list[Any]) -> dict[str, Any] | None:
    header = node.header(block_number_of(node, at(params, 0)))
    return None if header is None else _block(node, header, at(params, 1, False) is True)


def _get_block_by_hash(node: Node, params: list[Any]) -> dict[str, Any] | None:
    header = node.header_by_hash(bytes_of(at(params, 0), "the hash", 32))
    return None if header is None else _block(node, header, at(params, 1, False) is True)


def _get_logs(node: Node, params: list[Any]) -> list[dict[str, Any]]:
    asked = at(params, 0)
    if not isinstance(asked, dict):
        raise UnableToAnswer(INVALID_PARAMS, "parameter 1 is not an object")
    if asked.get("blockHash") is not None:
        header = node.header_by_hash(bytes_of(asked["blockHash"], "blockHash", 32))
        if header is None:
            raise UnableToAnswer(REFUSED, "unknown block")
        first = last = int(header.block_number)
    else:
        first, last = (block_number_of(node, asked.get(name)) for name in ("fromBlock", "toBlock"))
        head = int(node.head().block_number)
        if first > min(last, head):
            # As the large nodes do: somebody who asks for blocks to come has lost count.
            raise UnableToAnswer(INVALID_PARAMS, f"block range {first} to {last}: block height is {head}")
    topics = asked.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:
        raise UnableToAnswer(INVALID_PARAMS, "topics is a list of at most 4")
    found = node.logs(
        first=first,
        last=last,
        addresses=_choices(asked.get("address"), "address", 20),
        topics=[_choices(topic, "a topic", 32) for topic in topics],
        limit=MAX_LOGS + 1,
    )
    if len(found) > MAX_LOGS:
        raise UnableToAnswer(REFUSED, f"more than {MAX_LOGS} logs match: ask for fewer blocks")
    return [_log(node, log) for log in found]


def _block_receipts(node: Node, params: list[Any]) -> list[dict[str, Any] | None] | None:
    header = node.header(block_number_of(node, at(params, 0)))
    if header is None:
        return None
    return [_get_receipt(node, [_hex(one.hash)]) for one in node.transactions(header)]


def _storage(node: Node, params: list[Any]) -> str:
    address, slot = bytes_of(at(params, 0), "the address", 20), number_of(at(params, 1), "the slot")
    state = node.state(header_of(node, at(params, 2, "latest")))
    return _hex(int(state.get_storage(address, slot)).to_bytes(32, "big"))


def _mine(node: Node, params: list[Any]) -> str:
    moment = at(params, 0, None)
    node.mine(None if moment is None else whole_of(moment, "the time"))
    return "0x0"


def _mine_many(node: Node, params: list[Any]) -> None:
    count, interval = (whole_of(at(params, place, 1), "a number") for place in (0, 1))
    if count > MAX_BLOCKS:
        raise UnableToAnswer(INVALID_PARAMS, f"at most {MAX_BLOCKS} blocks at once")
    for number in range(count):
        node.mine(node.head().timestamp + interval if number and interval > 1 else None)


def _set_next_time(node: Node, params: list[Any]) -> None:
    node.set_next_time(whole_of(at(params, 0), "the time"))


def _choices(value: Any, name: str, length: int) -> list[bytes]:
    if value is None:
        return []
    return [bytes_of(one, name, length) for one in (value if isinstance(value, list) else [value])]


def _fee_history(node: Node, params: list[Any]) -> dict[str, Any]:
    count = at(params, 0)
    wanted = count if isinstance(count, int) else number_of(count, "the count")
    newest = block_number_of(node, at(params, 1, "latest"))
    first = max(0, newest - min(max(wanted, 1), 1024) + 1)
    headers = [header_of(node, hex(number)) for number in range(first, newest + 1)]
    rewards = at(params, 2, None) or []
    return {
        "oldestBlock": hex(first),
        "baseFeePerGas": [*(hex(header.base_fee_per_gas) for header in headers), hex(node.next_base_fee())],
        "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
        "reward": [[hex(TIP_WEI) for _ in rewards] for _ in headers],
    }


METHODS: dict[str, Callable[[Node, list[Any]], Any]] = {
    "web3_clientVersion": lambda node, params: "worldloom-devchain/1",
    "net_version": lambda node, params: str(CHAIN_ID),
    "net_listening": lambda node, params: True,
    "eth_chainId": lambda node, params: hex(CHAIN_ID),
    "eth_syncing": lambda node, params: False,
    "eth_accounts": lambda node, params: [],
    "eth_blockNumber": lambda node, params: hex(node.head().block_number),
    "eth_gasPrice": lambda node, params: hex(node.next_base_fee() + TIP_WEI),
    "eth_maxPriorityFeePerGas": lambda node, params: hex(TIP_WEI),
    "eth_feeHistory": _fee_history,
    "eth_getBalance": _state_value(lambda state, address: state.get_balance(address)),
    "eth_getTransactionCount": _state_value(lambda state, address: state.get_nonce(address)),
    "eth_getCode": _state_value(lambda state, address: state.get_code(address)),
    "eth_call": _call_message,
    "eth_estimateGas": _estimate,
    "eth_sendRawTransaction": _send,
    "eth_getTransactionReceipt": _get_receipt,
    "eth_getTransactionByHash": _get_transaction,
    "eth_getBlockByNumber": _get_block_by_number,
    "eth_getBlockByHash": _get_block_by_hash,
    "eth_getBlockReceipts": _block_receipts,
    "eth_getStorageAt": _storage,
    "eth_getLogs": _get_logs,
    # As anvil and Hardhat name them, for tests: time, blocks without transactions, and chains that change their mind.
    "evm_snapshot": lambda node, params: hex(node.snapshot()),
    "evm_revert": lambda node, params: node.revert(whole_of(at(params, 0), "the snapshot")),
    "evm_increaseTime": lambda node, params: node.increase_time(whole_of(at(params, 0), "the seconds")),
    "evm_setNextBlockTimestamp": _set_next_time,
    "evm_mine": _mine,
    "anvil_mine": _mine_many,
    "hardhat_mine": _mine_many,
}
