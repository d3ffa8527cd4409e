"""The contracts' binary interface: calls, answers, events and errors, by the artifacts' names.

A contract is named as its artifact is ("SplitVault"); "ERC20" is the interface of any token, which no artifact of ours
has. Values are Python's: a struct or several values are a tuple, `bytes32` is `bytes`, an address a checksummed `str`,
an integer an `int`. eth_abi, which knows dynamic types, takes a moment to import, so nothing imports it before a call.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from ledger.chain.artifacts import FOLDER, load, signature, type_of
from ledger.chain.transaction import checksummed, keccak

_STANDARD_ERRORS = {
    keccak(b"Error(string)")[:4]: ("Error", ("string",)),
    keccak(b"Panic(uint256)")[:4]: ("Panic", ("uint256",)),
}


class UnableToDecode(ValueError):
    """Bytes from a chain that are not what the contract's interface says."""

    code = "unable-to-decode"

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"The bytes are no {self.what}."


def call_data(contract: str, function: str, *args: Any) -> bytes:
    """Return the data of a call: selector and arguments.

    A function is its name, or, where names are shared, its signature. Raise KeyError for a function that the contract
    does not have, ValueError for arguments that are not of its types.
    """
    item = _entry(contract, "function", function, count=len(args))
    return _selector(signature(item)) + _encoded(item["inputs"], args)


def creation_data(contract: str, *args: Any) -> bytes:
    """Return the data of the transaction that creates a contract with these arguments of its constructor."""
    artifact = load(contract)
    inputs: list[dict[str, Any]] = next((item["inputs"] for item in artifact.abi if item["type"] == "constructor"), [])
    return artifact.creation_code + _encoded(inputs, args)


def decode_result(contract: str, function: str, data: bytes) -> tuple[Any, ...]:
    """Return the values that a function answered with; raise UnableToDecode for anything else."""
    item = _entry(contract, "function", function)
    return _decoded(item["outputs"], data, f"answer of {contract}.{function}")


def topic_of(contract: str, event: str) -> bytes:
    """Return the first topic of an event, 32 bytes."""
    return keccak(signature(_entry(contract, "event", event)).encode())


def event_of(contract: str, topic: bytes) -> str | None:
    """Return the name of the contract's event with this first topic, or None."""
    return _events(contract).get(topic)


def decode_event(contract: str, event: str, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
    """Return an event's values by their names; raise UnableToDecode when topics and data are not this event's.

    An indexed value of a dynamic type is its Keccak-256, as the chain keeps no more of it.
    """
    item = _entry(contract, "event", event)
    indexed = [part for part in item["inputs"] if part["indexed"]]
    plain = [part for part in item["inputs"] if not part["indexed"]]
    what = f"event {contract}.{event}"
    if len(topics) != 1 + len(indexed) or topics[0] != topic_of(contract, event):
        raise UnableToDecode(what)
    found = {
        part["name"]: _decoded([part], topic, what)[0] if _is_word(part) else bytes(topic)
        for part, topic in zip(indexed, topics[1:], strict=True)
    }
    found |= zip((part["name"] for part in plain), _decoded(plain, data, what), strict=True)
    return {part["name"]: found[part["name"]] for part in item["inputs"]}


def error_of(contract: str, data: bytes | None) -> tuple[str, tuple[Any, ...]] | None:
    """Return the name and the values of the error that a call reverted with, or None when it is no known one.

    The contract's own come first, then those of the others that it calls, and Solidity's Error and Panic.
    """
    if data is None or len(data) < 4:
        return None
    for name in dict.fromkeys((contract, *_contracts())):
        if (item := _errors(name).get(data[:4])) is not None:
            return _error(item["name"], [type_of(part) for part in item["inputs"]], data)
    if data[:4] in _STANDARD_ERRORS:
        return _error(*_STANDARD_ERRORS[data[:4]], data)
    return None


def _error(name: str, types: Sequence[str], data: bytes) -> tuple[str, tuple[Any, ...]] | None:
    try:
        return name, _decoded_types(types, data[4:], f"error {name}")
    except UnableToDecode:
        return None


@cache
def _items(contract: str) -> tuple[dict[str, Any], ...]:
    return _INTERFACES[contract] if contract in _INTERFACES else load(contract).abi


@cache
def _entry(contract: str, kind: str, name: str, *, count: int | None = None) -> dict[str, Any]:
    found = [
        item
        for item in _items(contract)
        if item["type"] == kind and (item["name"] == name or ("(" in name and signature(item) == name))
    ]
    if len(found) > 1 and count is not None:
        found = [item for item in found if len(item["inputs"]) == count]
    if len(found) != 1:
        raise KeyError(f"{contract} has {len(found) or 'no'} {kind} {name}")
    return found[0]


@cache
def _events(contract: str) -> dict[bytes, str]:
    return {keccak(signature(item).encode()): item["name"] for item in _items(contract) if item["type"] == "event"}


@cache
def _errors(contract: str) -> dict[bytes, dict[str, Any]]:
    return {_selector(signature(item)): item for item in _items(contract) if item["type"] == "error"}


@cache
def _contracts() -> tuple[str, ...]:
    return (*sorted(path.stem for path in FOLDER.glob("*.json")), *_INTERFACES)


@cache
def _selector(text: str) -> bytes:
    return keccak(text.encode())[:4]


def _is_word(part: dict[str, Any]) -> bool:
    return part["type"] not in ("bytes", "string") and not part["type"].endswith("]") and part["type"] != "tuple"


def _encoded(inputs: Sequence[dict[str, Any]], args: Sequence[Any]) -> bytes:
    from eth_abi.abi import encode
    from eth_abi.exceptions import EncodingError

    types = [type_of(part) for part in inputs]
    if len(types) != len(args):
        raise ValueError(f"{len(args)} values for ({','.join(types)})")
    try:
        return bytes(encode(types, list(args)))
    except (EncodingError, TypeError) as wrong:
        raise ValueError(f"the values are not of the types ({','.join(types)}): {wrong}") from wrong


def _decoded(parts: Sequence[dict[str, Any]], data: bytes, what: str) -> tuple[Any, ...]:
    return _decoded_types([type_of(part) for part in parts], data, what)


def _decoded_types(types: Sequence[str], data: bytes, what: str) -> tuple[Any, ...]:
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    try:
        values = decode(list(types), bytes(data))
    # Text that is no UTF-8, and lengths that no memory holds, come as errors of Python's own.
    except (DecodingError, ValueError, OverflowError, MemoryError) as wrong:
        raise UnableToDecode(what) from wrong
    return tuple(_read(kind, value) for kind, value in zip(types, values, strict=True))


def _read(kind: str, value: Any) -> Any:
    """Turn what eth_abi gives into our values: addresses in the letter case of EIP-55."""
    if "address" not in kind:
        return value
    if kind == "address":
        return checksummed(bytes.fromhex(value[2:]))
    if kind.endswith("]"):
        return tuple(_read(kind[: kind.rindex("[")], one) for one in value)
    return tuple(_read(part, one) for part, one in zip(_members(kind), value, strict=True))


def _members(kind: str) -> list[str]:
    """Return the types within a tuple's brackets."""
    parts, depth, start = [], 0, 1
    for place in range(1, len(kind) - 1):
        depth += {"(": 1, ")": -1}.get(kind[place], 0)
        if kind[place] == "," and depth == 0:
            parts.append(kind[start:place])
            start = place + 1
    return [*parts, kind[start : len(kind) - 1]]


def _item(kind: str, name: str, inputs: str, outputs: str = "", indexed: int = 0) -> dict[str, Any]:
    told = [part.split() for part in inputs.split(",") if part]
    return {
        "type": kind,
        "name": name,
        "inputs": [{"type": type, "name": word, "indexed": place < indexed} for place, (type, word) in enumerate(told)],
        "outputs": [{"type": type, "name": ""} for type in outputs.split(",") if type],
    }


_INTERFACES: dict[str, tuple[dict[str, Any], ...]] = {
    "ERC20": (
        _item("function", "approve", "address spender,uint256 value", "bool"),
        _item("function", "transfer", "address to,uint256 value", "bool"),
        _item("function", "allowance", "address owner,address spender", "uint256"),
        _item("function", "balanceOf", "address account", "uint256"),
        _item("function", "decimals", "", "uint8"),
        _item("function", "symbol", "", "string"),
        _item("event", "Transfer", "address from,address to,uint256 value", indexed=2),
        _item("event", "Approval", "address owner,address spender,uint256 value", indexed=2),
        _item("error", "ERC20InsufficientAllowance", "address spender,uint256 allowance,uint256 needed"),
        _item("error", "ERC20InsufficientBalance", "address sender,uint256 balance,uint256 needed"),
    ),
    "ERC1271": (_item("function", "isValidSignature", "bytes32 digest,bytes signature", "bytes4"),),
}
