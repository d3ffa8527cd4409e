"""Which request goes where: method, path, Stripe's type of its parameters, and the parameters that the fake acts on."""

import copy
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from itertools import islice, takewhile
from typing import Any

from tests.stripe.oracle import members
from tests.stripe.world import Call, Refused, Row, World

PAGE = 10
ALWAYS = {"expand"}
PAGING = {"created", "ending_before", "limit", "starting_after"}


@dataclass(frozen=True)
class Route:
    """One endpoint. `acts_on` are the parameters that change what it does; any other is named rather than ignored."""

    method: str
    path: re.Pattern[str]
    params: type
    kind: type
    acts_on: frozenset[str]
    handler: Callable[[World, Call], Any]
    listed: bool


ROUTES: list[Route] = []


def route(
    method: str, path: str, params: str, kind: type, acts_on: str = "", listed: bool = False
) -> Callable[..., Any]:
    """Registers a handler. `params` names a TypedDict of `stripe.params`, with its subpackage: "checkout.X"."""
    package, _, name = f"stripe.params.{params}".rpartition(".")
    found = getattr(import_module(package), name)
    pattern = re.compile("/v1/" + path.replace("{}", r"([^/]+)") + "$")
    allowed = frozenset(acts_on.split()) | (members(found).keys() & (ALWAYS | (PAGING if listed else set())))

    def register(handler: Callable[[World, Call], Any]) -> Callable[[World, Call], Any]:
        ROUTES.append(Route(method, pattern, found, kind, allowed, handler, listed))
        return handler

    return register


def retrieved(path: str, params: str, kind: type) -> None:
    """Registers that an object is read by id."""

    @route("GET", f"{path}/{{}}", params, kind)
    def retrieve(world: World, call: Call) -> Row:
        return world.find(kind.OBJECT_NAME, call.ids[0], call.account)  # type: ignore[attr-defined]


def updated(path: str, params: str, kind: type, acts_on: str = "metadata", event: str = "") -> None:
    """Registers that an object takes new values by id, metadata key by key."""

    @route("POST", f"{path}/{{}}", params, kind, acts_on)
    def update(world: World, call: Call) -> Row:
        row = world.find(kind.OBJECT_NAME, call.ids[0], call.account)  # type: ignore[attr-defined]
        given = {name: value for name, value in call.params.items() if name not in ALWAYS}
        if "metadata" in given:
            merged = (row["metadata"] or {}) | given["metadata"] if given["metadata"] else {}
            given["metadata"] = {name: value for name, value in merged.items() if value != ""}
        for name, value in given.items():
            row[name] = row[name] | value if isinstance(value, dict) and name != "metadata" and row[name] else value
        if event:
            world.emit(event, row)
        return row


def listed(path: str, params: str, kind: type, by: str = "") -> None:
    """Registers that objects are listed, filtered by fields of the same name."""

    @route("GET", path, params, kind, by, listed=True)
    def listing(world: World, call: Call) -> Iterable[Row]:
        wanted = {name: call.params[name] for name in by.split() if name in call.params}
        for row in world.all(kind.OBJECT_NAME, call.account, call.params.get("starting_after")):  # type: ignore[attr-defined]
            if all(row.get(name) == value for name, value in wanted.items()):
                yield row


def page(rows: Iterable[Row], params: Row, url: str) -> Row:
    """Cuts a page out of rows, the newest first; raises Refused for a limit or a cursor that is none."""
    limit = params.get("limit", PAGE)
    if not 1 <= limit <= 100:
        raise Refused("Invalid limit: must be between 1 and 100", "parameter_invalid_integer", param="limit")
    created = params.get("created", {})
    created = created if isinstance(created, dict) else {"gte": created, "lte": created}
    rows = iter(rows)
    if "starting_after" in params and not any(row["id"] == params["starting_after"] for row in rows):
        raise Refused(f"No such object: '{params['starting_after']}'", "resource_missing", param="starting_after")
    found = (row for row in rows if _within(row.get("created", row.get("date", 0)), created))
    if "ending_before" in params:
        before = list(takewhile(lambda row: row["id"] != params["ending_before"], found))
        return {"object": "list", "data": before[-limit:], "has_more": len(before) > limit, "url": url}
    first = list(islice(found, limit + 1))
    return {"object": "list", "data": first[:limit], "has_more": len(first) > limit, "url": url}


def _within(at: int, bounds: Row) -> bool:
    tests = {"gt": at.__gt__, "gte": at.__ge__, "lt": at.__lt__, "lte": at.__le__}
    return all(tests[name](bound) for name, bound in bounds.items())


def expanded(world: World, answer: Row, paths: Iterable[str]) -> Row:
    """Gives a copy with objects in place of the ids that the paths lead to; raises Refused for a path to nothing."""
    answer = copy.deepcopy(answer)
    for path in paths:
        _expand(world, answer, path.split("."), path)
    return answer


def _expand(world: World, at: Any, steps: list[str], path: str) -> None:
    if not steps or at is None:
        return
    if isinstance(at, list):
        for each in at:
            _expand(world, each, steps, path)
        return
    if not isinstance(at, dict) or steps[0] not in at:
        raise Refused(f"This property cannot be expanded ({path}).", param="expand")
    value = at[steps[0]]
    if isinstance(value, str) and value in world.rows:
        value = at[steps[0]] = copy.deepcopy(world.rows[value])
    _expand(world, value, steps[1:], path)
