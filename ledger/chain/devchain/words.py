"""Words in: what a request says, read into our values, or the error that it is answered with."""

from typing import Any

from ledger.chain.devchain.node import Call, Node

PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
REFUSED, REVERTED = -32000, 3


class UnableToAnswer(Exception):
    """A request that is answered with an error object."""

    code = "unable-to-answer"

    def __init__(self, number: int, message: str, data: str | None = None) -> None:
        super().__init__(number, message)
        self.number = number
        self.message = message
        self.data = data


def at(params: list[Any], place: int, default: Any = ...) -> Any:
    """Return a parameter by its place, from 0; what has no default must be there."""
    value = params[place] if place < len(params) else default
    if value is ...:
        raise UnableToAnswer(INVALID_PARAMS, f"parameter {place + 1} is missing")
    return value


def bytes_of(value: Any, name: str, length: int | None = None) -> bytes:
    """Read 0x and hexadecimal digits in pairs."""
    try:
        if not isinstance(value, str) or not value.startswith("0x"):
            raise ValueError
        found = bytes.fromhex(value[2:])
    except ValueError:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} is not 0x and hexadecimal digits in pairs") from None
    if length is not None and len(found) != length:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} has {len(found)} bytes instead of {length}")
    return found


def number_of(value: Any, name: str) -> int:
    """Read 0x and hexadecimal digits as a number of at most 256 bits."""
    try:
        if not isinstance(value, str) or not value.startswith("0x"):
            raise ValueError
        found = int(value, 16)
    except ValueError:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} is not a number as 0x and hexadecimal digits") from None
    if found >= 2**256:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} does not fit in 256 bits")
    return found


def block_number_of(node: Node, tag: Any) -> int:
    """Read a block number, or one of the words for a block."""
    if tag == "earliest":
        return 0
    if tag in (None, "latest", "pending", "safe", "finalized"):
        return int(node.head().block_number)
    return number_of(tag, "the block")


def header_of(node: Node, tag: Any) -> Any:
    """Return the header of the block that is named; an error answer when there is none."""
    # EIP-1898: an object names a block by its hash or its number.
    if isinstance(tag, dict) and "blockHash" in tag:
        header = node.header_by_hash(bytes_of(tag["blockHash"], "blockHash", 32))
    else:
        header = node.header(block_number_of(node, tag.get("blockNumber") if isinstance(tag, dict) else tag))
    if header is None:
        raise UnableToAnswer(REFUSED, "header not found")
    return header


def whole_of(value: Any, name: str) -> int:
    """Read a number that is written as one, in decimal text, or in hexadecimal digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    found = value if type(value) is int else number_of(value, name)
    if not 0 <= found < 2**63:
        raise UnableToAnswer(INVALID_PARAMS, f"{name} is not from 0 to 2^63 - 1")
    return found


def message_of(value: Any) -> Call:
    """Read a message without a signature, as eth_call takes it."""
    if not isinstance(value, dict):
        raise UnableToAnswer(INVALID_PARAMS, "parameter 1 is not an object")
    data = value.get("input", value.get("data"))
    to = value.get("to")
    return Call(
        sender=bytes_of(value.get("from") or "0x" + "00" * 20, "from", 20),
        to=None if to is None else bytes_of(to, "to", 20),
        data=b"" if data is None else bytes_of(data, "data"),
        value=number_of(value.get("value") or "0x0", "value"),
        gas=None if value.get("gas") is None else min(number_of(value["gas"], "gas"), 30_000_000),
    )
