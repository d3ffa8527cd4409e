"""Stripe's published examples of its objects (`published.json`), and what an answer lacks that such an example has.

They are of an earlier version of the API than the one that is pinned: `CHANGED` names what has changed since. The types
of stripe-python (`oracle.py`) say what may be there; the examples show what really is.
"""

import copy
import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_ALL: dict[str, Row] = json.loads(Path(__file__).with_name("published.json").read_text())
ABOUT = _ALL.pop("about")
KINDS = tuple(sorted(_ALL))

FREE = frozenset({"capabilities", "metadata", "payload", "payment_method_options", "previous_attributes"})
"""Hashes whose keys are the caller's, or as many as an account asked for."""

CHANGED = {
    "invoice.subscription": "2025-03-31: it is in `parent` now",
    "line_item.subscription": "2025-03-31: it is in `parent` now; stripe-python still has the field",
}


def published(kind: str, **values: Any) -> Row:
    """Gives a copy of the example of a kind, with other values where some are given."""
    return copy.deepcopy(_ALL[kind]) | values


def lacking(row: Any, path: str = "") -> list[str]:
    """Says by path where an answered object has not what the example of its kind has, or another JSON type of it.

    Null is for the oracle to judge: an example shows one state of an object, and other fields are null in others.
    """
    if not isinstance(row, dict):
        return []
    kind = row.get("object")
    if kind == "list":
        return [text for at, each in enumerate(row["data"]) for text in lacking(each, f"{path}[{at}]")]
    return _unlike(row, _ALL[kind], kind) if kind in _ALL and not row.get("deleted") else []


def _unlike(row: Row, example: Row, path: str) -> list[str]:
    found = []
    for name, shown in example.items():
        inside = f"{path}.{name}"
        if inside in CHANGED or (name == example.get("type") != row.get("type")):  # what is of another type
            continue
        if name not in row:
            found.append(f"{inside}: the published object has it")
        elif row[name] is not None and shown is not None:
            found += _differs(row[name], shown, inside, free=name in FREE)
    return found


def _differs(value: Any, shown: Any, path: str, *, free: bool) -> list[str]:
    if value == shown:
        return []
    if isinstance(value, dict) and "object" in value:
        inner = value["object"]  # of an event it is what the event tells of
        return lacking(inner if isinstance(inner, dict) else value, path)
    if isinstance(value, str) and isinstance(shown, dict) and "id" in shown:
        return []
    if type(value) is not type(shown):
        return [f"{path}: {value!r} is not of the published type {type(shown).__name__}"]
    if isinstance(value, dict) and not free:
        return _unlike(value, shown, path)
    if isinstance(value, list) and shown and isinstance(shown[0], dict):
        return [text for each in value for text in _differs(each, shown[0], f"{path}[]", free=False)]
    return []
