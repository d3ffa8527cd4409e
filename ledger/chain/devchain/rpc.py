"""JSON-RPC 2.0 as Ethereum's clients speak it: words in, hexadecimal out, every mistake answered."""

import logging
from collections.abc import Callable
from typing import Any

import orjson

from ledger.chain.devchain.node import CHAIN_ID, Call, Mined, Node, UnableToExecute
from ledger.chain.devchain.store import StoredLog

PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
REFUSED, REVERTED = -32000, 3
MAX_BATCH = 1000
MAX_LOGS = 10_000
TIP_WEI = 1_000_000_000

_LOG = logging.getLogger(__name__)


class UnableToAnswer(Exception):
    """A request that is answered with an error object."""

    code = "unable-to-answer"

    def __init__(self, number: int, message: str, data: str | None = None) -> None:
        super().__init__(number, message)
        self.number = number
        self.message = message
        self.data = data


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


# --- words in ---------------------------------------------------------------------------------------------------


def _at(params: list[Any], place: int, default: Any = ...) -> Any:
    value = params[place] if place < len(params) else default
    if value is ...:
        raise UnableToAnswer(INVALID_PARAMS, f"parameter {place + 1} is missing")
    return value


def _bytes(value: Any, name: str, length: int | None = None) -> bytes:
    try:
        if not isinstance(value, str) or not value.startswith("0x"):
            raise ValueError
        found = bytes.fromhex(value[2:])
    except ValueError:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} is not 0x and hexadecimal digits in pairs") from None
    if length is not None and len(found) != length:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} has {len(found)} bytes instead of {length}")
    return found


def _number(value: Any, name: str) -> int:
    try:
        if not isinstance(value, str) or not value.startswith("0x"):
            raise ValueError
        found = int(value, 16)
    except ValueError:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} is not a number as 0x and hexadecimal digits") from None
    if found >= 2**256:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} does not fit in 256 bits")
    return found


def _block_number(node: Node, tag: Any) -> int:
    if tag == "earliest":
        return 0
    if tag in (None, "latest", "pending", "safe", "finalized"):
        return int(node.head().block_number)
    return _number(tag, "the block")


def _header(node: Node, tag: Any) -> Any:
    header = node.header(_block_number(node, tag))
    if header is None:
        raise UnableToAnswer(REFUSED, "header not found")
    return header


def _message(value: Any) -> Call:
    if not isinstance(value, dict):
        raise UnableToAnswer(INVALID_PARAMS, "parameter 1 is not an object")
    data = value.get("input", value.get("data"))
    to = value.get("to")
    return Call(
        sender=_bytes(value.get("from") or "0x" + "00" * 20, "from", 20),
        to=None if to is None else _bytes(to, "to", 20),
        data=b"" if data is None else _bytes(data, "data"),
        value=_number(value.get("value") or "0x0", "value"),
        gas=None if value.get("gas") is None else min(_number(value["gas"], "gas"), 30_000_000),
    )


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
    return _hex(node.send(_bytes(_at(params, 0), "the transaction")))


def _call_message(node: Node, params: list[Any]) -> str:
    return _hex(node.call(_message(_at(params, 0)), _header(node, _at(params, 1, "latest"))))


def _estimate(node: Node, params: list[Any]) -> str:
    return hex(node.estimate(_message(_at(params, 0))))


def _state_value(ask: Callable[[Any, bytes], Any]) -> Callable[[Node, list[Any]], str]:
    def method(node: Node, params: list[Any]) -> str:
        address = _bytes(_at(params, 0), "the address", 20)
        value = ask(node.state(_header(node, _at(params, 1, "latest"))), address)
        return hex(value) if isinstance(value, int) else _hex(value)

    return method


def _get_receipt(node: Node, params: list[Any]) -> dict[str, Any] | None:
    mined = node.mined(_bytes(_at(params, 0), "the hash", 32))
    return None if mined is None else _receipt(node, mined)


def _get_transaction(node: Node, params: list[Any]) -> dict[str, Any] | None:
    mined = node.mined(_bytes(_at(params, 0), "the hash", 32))
    return None if mined is None else _transaction(mined.header, mined.transaction)


def _get_block_by_number(node: Node, params: list[Any]) -> dict[str, Any] | None:
    header = node.header(_block_number(node, _at(params, 0)))
    return None if header is None else _block(node, header, _at(params, 1, False) is True)


def _get_block_by_hash(node: Node, params: list[Any]) -> dict[str, Any] | None:
    header = node.header_by_hash(_bytes(_at(params, 0), "the hash", 32))
    return None if header is None else _block(node, header, _at(params, 1, False) is True)


def _get_logs(node: Node, params: list[Any]) -> list[dict[str, Any]]:
    asked = _at(params, 0)
    if not isinstance(asked, dict):
        raise UnableToAnswer(INVALID_PARAMS, "parameter 1 is not an object")
    if asked.get("blockHash") is not None:
        header = node.header_by_hash(_bytes(asked["blockHash"], "blockHash", 32))
        if header is None:
            raise UnableToAnswer(REFUSED, "unknown block")
        first = last = int(header.block_number)
    else:
        first, last = (_block_number(node, asked.get(name)) for name in ("fromBlock", "toBlock"))
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


def _choices(value: Any, name: str, length: int) -> list[bytes]:
    if value is None:
        return []
    return [_bytes(one, name, length) for one in (value if isinstance(value, list) else [value])]


def _fee_history(node: Node, params: list[Any]) -> dict[str, Any]:
    count = _at(params, 0)
    wanted = count if isinstance(count, int) else _number(count, "the count")
    newest = _block_number(node, _at(params, 1, "latest"))
    first = max(0, newest - min(max(wanted, 1), 1024) + 1)
    headers = [_header(node, hex(number)) for number in range(first, newest + 1)]
    rewards = _at(params, 2, None) or []
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
    "eth_getLogs": _get_logs,
}
