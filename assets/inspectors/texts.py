"""Text as every kind of file has to hold it: UTF-8, with no sign that hides, steers or reorders others."""

import re
from typing import Any

from assets.inspectors.base import refused, shown_name
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

# Bidirectional embeddings, overrides and isolates; tag characters; non-characters; the byte-order mark.
_FORBIDDEN = re.compile(
    "[\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\U000e0000-\U000e007f]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    "|[\u2028\u2029]|[\ud800-\udfff]|\r(?!\n)"
)
_LINE = _("line %(number)s")

Place = str | Words
"""Where in a file: a path into its JSON, or words for a line."""


def decoded(data: bytes) -> str:
    """Return `data` as text; raise Refused when it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        template = _("the text is not UTF-8 at offset %(offset)s; save it as UTF-8.")
        raise refused("text-not-utf8", template, f"offset {error.start}", offset=error.start) from None


def check_characters(text: str, place: Place) -> None:
    """Refuse a text with a forbidden character; without a `place` the finding names its line."""
    if match := _FORBIDDEN.search(text):
        at = place or Words(_LINE, {"number": text.count(chr(10), 0, match.start()) + 1})
        template = _("%(place)s holds the hidden or control character %(character)s; remove it.")
        character = f"U+{ord(match.group()[0]):04X}"
        raise refused("text-forbidden-character", template, str(at), place=at, character=character)


def check_strings(value: Any, whole: Words, place: str = "") -> None:
    """Refuse a string anywhere in `value`, `whole` in words, that spells by escapes what text may not hold."""
    if isinstance(value, str):
        check_characters(value, place or whole)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_strings(item, whole, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            check_characters(key, Words(_("a key of %(place)s"), {"place": place or whole}))
            check_strings(item, whole, f"{place}.{shown_name(key, 40)}" if place else shown_name(key, 40))
