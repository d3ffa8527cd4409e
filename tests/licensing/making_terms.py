"""Any terms at all, for tests that must hold whatever somebody writes."""

from dataclasses import fields
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.model import (
    CAP_LIMIT_USD,
    DAYS_LIMIT,
    EVERYTHING,
    LINE_LENGTH,
    NAME_LENGTH,
    SEATS_LIMIT,
    UNLIMITED_DEPTH,
    WHOLE_PPB,
    Scope,
    Terms,
    mistakes,
)

PRINTABLE = st.characters(codec="utf-8").filter(str.isprintable)
FIRST_DAY = date(2026, 1, 1)


def lines(most: int, least: int = 0) -> st.SearchStrategy[str]:
    """This will give text on one line."""
    return st.one_of(st.sampled_from(["Alice Wu", "江南"]), st.text(PRINTABLE, min_size=least, max_size=most))


def scopes(known: frozenset[str], most: int = 4) -> st.SearchStrategy[Scope]:
    """This will give scopes of few codes, of all but few, and of everything."""
    codes = st.frozensets(st.sampled_from(sorted(known)), max_size=most)
    return st.one_of(st.just(EVERYTHING), st.builds(Scope, codes, st.booleans()))


def days() -> st.SearchStrategy[str]:
    """This will give days near each other, and none."""
    return st.one_of(st.just(""), st.integers(0, 90).map(lambda n: (FIRST_DAY + timedelta(days=n)).isoformat()))


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """This will give terms that do not contradict themselves; each value that terms can have may come."""
    values: dict[str, Any] = {
        "name": draw(lines(NAME_LENGTH, 1)),
        **{dimension: draw(st.sampled_from(scale)) for dimension, scale in vocabulary.SCALES.items()},
        **{dimension: draw(scopes(known)) for dimension, known in vocabulary.SCOPES.items()},
        "seats": draw(st.one_of(st.integers(0, 3), st.integers(0, SEATS_LIMIT))),
        "sublicense_depth": draw(st.sampled_from([0, 0, 1, 2, 254, UNLIMITED_DEPTH])),
        "transferable": draw(st.booleans()),
        "exclusive": draw(st.booleans()),
        "starts": draw(days()),
        "ends": draw(days()),
        "duration_days": draw(st.one_of(st.sampled_from([0, 1, 365]), st.integers(0, DAYS_LIMIT))),
        "banned": draw(st.frozensets(st.sampled_from(sorted(vocabulary.BANNED)), max_size=4)),
        "approval_required": draw(st.booleans()),
        "credit_required": draw(st.booleans()),
        "output_owner": draw(st.sampled_from(vocabulary.OUTPUT_OWNERS)),
        "share_alike": draw(st.one_of(st.sampled_from(["", "CC-BY-SA-4.0", "GPL-3.0-only"]), lines(LINE_LENGTH))),
        "royalty_ppb": draw(st.one_of(st.just(0), st.sampled_from([1, 50_000_000]), st.integers(0, WHOLE_PPB))),
        "royalty_basis": draw(st.sampled_from(vocabulary.ROYALTY_BASES)),
    }
    values["revenue_cap_usd"] = draw(st.integers(1, CAP_LIMIT_USD)) if values["commercial"] == "limited" else 0
    values["credit_line"] = draw(lines(LINE_LENGTH)) if values["credit_required"] else ""
    return Terms(**without_contradictions(values))


def without_contradictions(values: dict[str, Any]) -> dict[str, Any]:
    """This will take back to their defaults, one by one, the values that cannot stand with the others."""
    defaults = {field.name: field.default for field in fields(Terms)}
    while mistake := next(mistakes(SimpleNamespace(**values)), None):
        values = values | {mistake.dimension: defaults[mistake.dimension]}
    return values
