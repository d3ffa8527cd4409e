"""JSON as RFC 8259 means it: one value for a key, finite numbers, a bounded depth, real characters."""

import json
import math
import re
from typing import Any, NoReturn

from assets.inspectors.base import Refused, refused, shown_name

# A string runs to its closing quote or, when there is none, to the end: hostile text is matched in one pass.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_INNERMOST = re.compile(r"[\[{][^\[\]{}]*+[\]}]")
_INTEGER_DIGITS = 20


def read_json(text: str, *, depth: int, where: str) -> Any:
    """Return the value of `text`.

    Raise Refused with `json-too-deep`, `json-duplicate-key`, `json-number` or `json-malformed`;
    `where` names the part of the file in the finding.
    """
    _refuse_depth(text, depth, where)

    def number(words: str) -> NoReturn:
        message = f"{where} holds the number {shown_name(words, 24)}, which is too long or no JSON."
        raise refused("json-number", message, where)

    def integer(words: str) -> int:
        if len(words) > _INTEGER_DIGITS or words == "-0":
            number(words)
        return int(words)

    def fraction(words: str) -> float:
        value = float(words) if len(words) <= 40 else math.inf
        if not math.isfinite(value):
            number(words)
        return value

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in items:
            if key in found:
                message = f"{where} holds the key {shown_name(key)!r} twice."
                raise refused("json-duplicate-key", message, where)
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_int=integer, parse_float=fraction, parse_constant=number)
    except Refused:
        raise
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise refused("json-malformed", f"{where} is not JSON at {place}: {error.msg}.", place) from None
    except (ValueError, RecursionError):
        raise refused("json-malformed", f"{where} is not JSON that can be read.", where) from None


def _refuse_depth(text: str, depth: int, where: str) -> None:
    """Refuse text that nests deeper than `depth`, by taking away its innermost brackets as many times."""
    rest = _STRING.sub("", text)
    for _ in range(depth):
        rest = _INNERMOST.sub("", rest)
    # What is left open is for the parser to name, when it is too little to nest too deep by itself.
    opened = rest.count("[") + rest.count("{")
    if opened > depth or _INNERMOST.search(rest):
        raise refused("json-too-deep", f"{where} nests deeper than {depth} levels.", where)


def has_lone_surrogate(text: str) -> bool:
    """Say whether `text` holds half a surrogate pair, which no UTF-8 can write."""
    return any("\ud800" <= c <= "\udfff" for c in text)
