"""Reading requests strictly: what is ambiguous is refused, not guessed."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

BODY_LIMIT_BYTES = 256 * 1024


class StrictJSONParser(BaseParser):
    """JSON as RFC 8259 has it: UTF-8, no NaN, no name twice in one object, no bottomless nesting."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """This will return the value, or raise ParseError with a sentence that says what and where."""
        body = stream.read(BODY_LIMIT_BYTES + 1)
        if len(body) > BODY_LIMIT_BYTES:
            raise ParseError(_("The request body is larger than %s bytes.") % BODY_LIMIT_BYTES)
        try:
            return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        except UnicodeDecodeError as error:
            raise ParseError(_("The request body is not UTF-8 at byte %s.") % error.start) from None
        except RecursionError:
            raise ParseError(_("The request body is nested too deeply.")) from None
        except ValueError as error:
            raise ParseError(_("The request body is not JSON: %s.") % str(error).rstrip(".")) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name[:60]!r} stands twice in one object")
        found[name] = value
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")
