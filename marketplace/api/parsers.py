"""Reading bodies strictly: what is ambiguous is refused, not guessed."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from marketplace.api.errors import TooLarge

BODY_LIMIT_BYTES = 256 * 1024
DEPTH_LIMIT = 32
DIGITS_LIMIT = 20
# A null, and halves of characters, which no UTF-8 can write.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
# A string or a bracket. A string that never ends reaches to the end: so no quote is ever tried in vain, and the whole
# scan takes linear time.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class StrictJSONParser(BaseParser):
    """JSON as RFC 8259 has it: UTF-8, no NaN, no name twice in one object, no bottomless nesting."""

    media_type = "application/json"
    limit_bytes = BODY_LIMIT_BYTES

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """This will return the value, or raise ParseError with a sentence that says what and where."""
        body = stream.read(self.limit_bytes + 1)
        if len(body) > self.limit_bytes:
            raise TooLarge(_("The request body is larger than %s bytes.") % self.limit_bytes)
        try:
            return strict_json(body)
        except UnicodeDecodeError as error:
            raise ParseError(_("The request body is not UTF-8 at byte %s.") % error.start) from None
        except ValueError as error:
            raise ParseError(_("The request body is not JSON: %s.") % str(error).rstrip(".")) from None


class RecipeParser(StrictJSONParser):
    """JSON that may hold a whole recipe, or a mask as Base64."""

    limit_bytes = 4 * 1024 * 1024


def strict_json(body: bytes) -> Any:
    """This will read JSON, or raise ValueError; it never recurses deeper than the limit.

    The nesting is counted before anything is parsed: the parser recurses in C, and a library that raises the
    interpreter's recursion limit would turn a deep body into a crash of the process.
    """
    text = body.decode("utf-8")
    if _depth(text) > DEPTH_LIMIT:
        raise ValueError(_("it is nested more than %s deep") % DEPTH_LIMIT)
    value = json.loads(
        text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_whole, parse_float=_finite
    )
    for found in _texts(value):
        if _NO_TEXT.search(found):
            raise ValueError(_("the text %s holds a sign that is no text") % ascii(found[:60]))
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        match token[0][0]:
            case "[" | "{":
                depth += 1
                deepest = max(deepest, depth)
            case "]" | "}":
                depth -= 1
    return deepest


def _texts(value: Any) -> Iterator[str]:
    """Yields every string in a value, names of members too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _texts(part)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(_("the name %s stands twice in one object") % ascii(name[:60]))
        found[name] = value
    return found


def _no_constant(text: str) -> None:
    raise ValueError(_("%s is not a JSON number") % text)


def _whole(text: str) -> int:
    if len(text) > DIGITS_LIMIT:
        raise ValueError(_("a number has more than %s digits") % DIGITS_LIMIT)
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(_("%s is not a JSON number") % text[:20])
    return value
