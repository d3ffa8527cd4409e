"""Findings that were kept as JSON, said again in the language of whoever reads them."""

from collections.abc import Mapping
from typing import Any

from marketplace.ui.formats import sentence
from marketplace.ui.words import Listed, Words, Written


def words_of(plain: Any) -> Any:
    """This will read what `examining.plain` wrote: words that can be said in any language, or a plain value."""
    if isinstance(plain, Mapping) and "listed" in plain:
        return Listed(tuple(words_of(one) for one in plain["listed"]))
    if isinstance(plain, Mapping) and "written" in plain:
        return Written(plain["written"], plain["value"])
    if isinstance(plain, Mapping):
        return Words(plain["template"], {name: words_of(value) for name, value in plain["values"].items()})
    return plain


def said(finding: Mapping[str, Any]) -> str:
    """This will say a kept finding."""
    return sentence(words_of(finding))
