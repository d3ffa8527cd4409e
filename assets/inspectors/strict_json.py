"""JSON as RFC 8259 means it: one value for a key, finite numbers, a bounded depth, real characters."""

import json
import math
import re
from typing import Any, NoReturn

from assets.inspectors.base import Refused, refused, shown_name
from assets.inspectors.texts import check_characters, check_strings, decoded
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

# A string runs to its closing quote or, when there is none, to the end: hostile text is matched in one pass.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_INNERMOST = re.compile(r"[\[{][^\[\]{}]*+[\]}]")
_INTEGER_DIGITS = 20


def read_file(data: bytes, *, most_bytes: int, depth: int, where: Words) -> Any:
    """Return the value of a whole small file, whose text and strings hold nothing hidden; raise Refused.

    `where` is what the file is, in words.
    """
    if len(data) > most_bytes:
        template = _("%(part)s is larger than %(limit)s bytes.")
        raise refused("file-too-large", template, f"offset {most_bytes}", part=where, limit=most_bytes)
    text = decoded(data)
    check_characters(text, "")
    value = read_json(text, depth=depth, where=where)
    check_strings(value, where)
    return value


def read_json(text: str, *, depth: int, where: Words) -> Any:
    """Return the value of `text`.

    Raise Refused with `json-too-deep`, `json-duplicate-key`, `json-number` or `json-malformed`;
    `where` names the part of the file in the finding.
    """
    outside = _outside_strings(text)
    _refuse_depth(outside, depth, where)
    place = str(where)

    def number(words: str) -> NoReturn:
        template = _("%(part)s holds the number %(number)s, which is too long or no JSON.")
        raise refused("json-number", template, place, part=where, number=shown_name(words, 24))

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
        found = dict(items)
        if len(found) == len(items):
            return found
        found = {}
        for key, value in items:
            if key in found:
                template = _("%(part)s holds the key %(key)s twice.")
                raise refused("json-duplicate-key", template, place, part=where, key=repr(shown_name(key)))
            found[key] = value
        return found

    # The parser's own reading of integers is several times faster, where none can be one to refuse.
    is_plain = "-" not in outside and max(map(len, outside.split(","))) < _INTEGER_DIGITS
    numbers: dict[str, Any] = {"parse_int": int if is_plain else integer, "parse_float": fraction}
    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=number, **numbers)
    except Refused:
        raise
    except json.JSONDecodeError as error:
        at = {"line": error.lineno, "column": error.colno}
        template = _("%(part)s is not JSON at line %(line)s, column %(column)s: %(reason)s.")
        place = "line {line}, column {column}".format_map(at)
        raise refused("json-malformed", template, place, part=where, reason=error.msg, **at) from None
    except (ValueError, RecursionError):
        raise refused("json-malformed", _("%(part)s is not JSON that can be read."), place, part=where) from None


def _outside_strings(text: str) -> str:
    """Return the text without its strings."""
    # Without an escape every second part between quotes is a string, which is found faster.
    return _STRING.sub("", text) if "\\" in text else "".join(text.split('"')[::2])


def _refuse_depth(rest: str, depth: int, where: Words) -> None:
    """Refuse text, given without its strings, that nests deeper than `depth`: take away innermost brackets as often."""
    for _level in range(depth):
        rest = _INNERMOST.sub("", rest)
    # What is left open is for the parser to name, when it is too little to nest too deep by itself.
    opened = rest.count("[") + rest.count("{")
    if opened > depth or _INNERMOST.search(rest):
        template = _("%(part)s nests deeper than %(depth)s levels.")
        raise refused("json-too-deep", template, str(where), part=where, depth=depth)


def has_lone_surrogate(text: str) -> bool:
    """Say whether `text` holds half a surrogate pair, which no UTF-8 can write."""
    return any("\ud800" <= c <= "\udfff" for c in text)
