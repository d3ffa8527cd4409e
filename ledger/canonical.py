"""Read RFC 8785 JSON with integers only, as fast as a monitor of millions of entries needs it."""

import json
from typing import Any

import rfc8785

from ledger.checks import MAX_INTEGER


def _integer(digits: str) -> int:
    number = int(digits)
    if abs(number) > MAX_INTEGER:
        raise ValueError(f"{digits[:30]} is beyond the integers of RFC 8785")
    return number


def _no_float(digits: str) -> Any:
    raise ValueError(f"{digits[:30]} is not an integer")


_READ = json.JSONDecoder(parse_int=_integer, parse_float=_no_float, parse_constant=_no_float)
_WRITE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a value that `parse` returned, or a part of one; ValueError when it has none."""
    text = _WRITE.encode(value)
    # Python orders names by code point and RFC 8785 by UTF-16: the same unless one is beyond the basic plane.
    if not text.isascii() and max(text) > "\uffff":
        try:
            return rfc8785.dumps(value)
        except rfc8785.CanonicalizationError as error:
            raise ValueError(str(error)) from None
    return text.encode()


def parse(content: bytes) -> dict[str, Any]:
    """Return the object whose RFC 8785 form the bytes are; ValueError when they are not."""
    try:
        value = _READ.decode(content.decode())
        same = canonical(value) == content
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    if not same:
        raise ValueError("it is JSON in another form")
    return value
