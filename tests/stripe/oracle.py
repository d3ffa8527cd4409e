"""Holds JSON and forms against the types that Stripe generates into stripe-python for the pinned API version.

Parameters are TypedDicts in `stripe.params`, objects are classes of `stripe`. `decode` makes typed parameters of a form
and says by path what is unknown, missing or ill-typed; `wrong` does the same for an object that is answered.
"""

import ast
import importlib
import inspect
import sys
import types
import typing
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, NamedTuple, NotRequired, Required, Union, get_args, get_origin

from stripe import ListObject, StripeObject
from stripe._request_options import RequestOptions
from typing_extensions import is_typeddict

NOT_SENT = frozenset(RequestOptions.__annotations__)
GIVEN = {name: getattr(typing, name) for name in ("Any", "ClassVar", "Dict", "List", "Literal", "Optional", "Union")}


class Member(NamedTuple):
    """One field of a type: its resolved annotation, the module whose names it uses, and whether it may be absent."""

    kind: Any
    module: str
    optional: bool


class Ill(Exception):
    """A value is not of its type; the text begins with the path."""


@cache
def _names(module: str) -> dict[str, Any]:
    """Gives what a module's annotations may name, including what it imports only for type checkers."""
    here = sys.modules[module]
    names = GIVEN | vars(here)
    for node in ast.walk(ast.parse(inspect.getsource(here))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stripe"):
            for alias in node.names:
                names.setdefault(alias.asname or alias.name, _Late(node.module, alias.name))
    return names


class _Late(NamedTuple):
    module: str
    name: str

    def now(self) -> Any:
        """Imports what is named; some hundred modules are never asked for."""
        return getattr(importlib.import_module(self.module), self.name)


class _Lookup(dict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, _Late):
            found = self[name] = found.now()
        return found


@cache
def _evaluated(text: str, module: str) -> Any:
    return eval(compile(text, module, "eval"), {}, _Lookup(_names(module)))


def _resolved(kind: Any, module: str) -> Any:
    if isinstance(kind, typing.ForwardRef):
        kind = kind.__forward_arg__
    return _evaluated(kind, module) if isinstance(kind, str) else kind


@cache
def members(owner: type) -> dict[str, Member]:
    """Gives the fields of a TypedDict of parameters or of a class of objects, without what never goes over the wire."""
    found = {}
    if is_typeddict(owner):
        sources = [(owner.__module__, owner.__annotations__)]
    else:
        sources = [
            (each.__module__, inspect.get_annotations(each))
            for each in reversed(owner.__mro__)
            if each.__module__.startswith("stripe") and each is not StripeObject
        ]
    never = NOT_SENT if is_typeddict(owner) else ()
    for module, annotations in sources:
        for name, kind in annotations.items():
            kind = _resolved(kind, module)
            if name.startswith("_") or get_origin(kind) is typing.ClassVar or name in never:
                continue
            optional = get_origin(kind) is NotRequired
            if get_origin(kind) in (NotRequired, Required):
                kind = _resolved(get_args(kind)[0], module)
            optional = optional or (_is_union(kind) and type(None) in get_args(kind))
            found[name] = Member(kind, module, optional)
    return found


def _is_union(kind: Any) -> bool:
    return get_origin(kind) is Union or isinstance(kind, types.UnionType)


@cache
def _choices(kind: Any, module: str) -> tuple[Any, ...]:
    """Gives a union's members. A list of words that is open for later versions is closed here; text comes last."""
    parts = [_resolved(part, module) for part in get_args(kind)]
    flat = [inner for part in parts for inner in (_choices(part, module) if _is_union(part) else (part,))]
    if any(get_origin(part) is Literal and get_args(part) != ("",) for part in flat):
        flat = [part for part in flat if part is not str]
    return tuple(sorted(flat, key=lambda part: part is str))


def decode(form: Any, kind: Any, module: str = "", path: str = "") -> Any:
    """Makes a typed value of what a form says (text, lists and dicts of it); raises Ill with the path."""
    kind = _resolved(kind, module)
    if _is_union(kind):
        return _first(form, kind, module, path)
    if is_typeddict(kind):
        return _decode_parameters(form, kind, path)
    origin = get_origin(kind)
    if origin is list:
        if not isinstance(form, list):
            raise Ill(f"{path}: {form!r} is not a list")
        return [decode(each, get_args(kind)[0], module, f"{path}[{at}]") for at, each in enumerate(form)]
    if origin is dict or _is_untyped(kind):
        if not isinstance(form, dict):
            raise Ill(f"{path}: {form!r} is not a hash")
        return {name: decode(each, get_args(kind)[-1], module, f"{path}[{name}]") for name, each in form.items()}
    if not isinstance(form, str):
        raise Ill(f"{path}: is not one value")
    return _decode_word(form, kind, path)


def _decode_word(form: str, kind: Any, path: str) -> Any:
    if get_origin(kind) is Literal:
        for choice in get_args(kind):
            if str(choice) == form or (isinstance(choice, bool) and str(choice).lower() == form):
                return choice
        raise Ill(f"{path}: {form!r} is none of {', '.join(map(repr, get_args(kind)))}")
    if kind is bool:
        if form not in ("true", "false"):
            raise Ill(f"{path}: {form!r} is not a boolean")
        return form == "true"
    try:
        return {int: int, str: str, float: float, Decimal: Decimal, Any: str}[kind](form)
    except (ValueError, InvalidOperation) as error:
        raise Ill(f"{path}: {form!r} is not of type {kind.__name__}") from error
    except KeyError:
        raise Ill(f"{path}: is of no type of a form: {kind!r}") from None


def _first(form: Any, kind: Any, module: str, path: str) -> Any:
    failed = []
    for choice in _choices(kind, module):
        if choice is type(None):
            continue
        try:
            return decode(form, choice, module, path)
        except Ill as error:
            failed.append(error)
    raise max(failed, key=lambda error: len(str(error).split(":")[0]))


def _decode_parameters(form: Any, kind: type, path: str) -> dict[str, Any]:
    if not isinstance(form, dict):
        raise Ill(f"{path}: {form!r} is not a hash")
    known, typed = members(kind), {}
    for name, value in form.items():
        inside = f"{path}[{name}]" if path else name
        if name not in known:
            raise Ill(f"{inside}: unknown parameter")
        typed[name] = decode(value, known[name].kind, known[name].module, inside)
    for name, member in known.items():
        if name not in typed and not member.optional:
            raise Ill(f"{path}[{name}]: missing" if path else f"{name}: missing")
    return typed


def _is_untyped(kind: Any) -> bool:
    return getattr(get_origin(kind) or kind, "__name__", "") == "UntypedStripeObject"


def wrong(value: Any, kind: Any, module: str = "", path: str = "") -> list[str]:
    """Says where an answered value is not what its class says: missing, unknown or ill-typed fields, by path."""
    kind = _resolved(kind, module)
    if kind is Any:
        return []
    if _is_union(kind):
        found = [wrong(value, choice, module, path) for choice in _choices(kind, module)]
        return min(found, key=len)
    origin = get_origin(kind)
    if origin is Literal:
        return [] if value in get_args(kind) else [f"{path}: {value!r} is not one of its words"]
    if kind is type(None):
        return [] if value is None else [f"{path}: is not null"]
    if origin is list:
        return _wrong_list(value, get_args(kind)[0], module, path)
    if origin is ListObject:
        if not isinstance(value, dict) or set(value) - {"total_count"} != {"object", "data", "has_more", "url"}:
            return [f"{path}: is not a list object"]
        return _wrong_list(value["data"], get_args(kind)[0], module, f"{path}.data")
    if origin is dict or _is_untyped(kind):
        if not isinstance(value, dict):
            return [f"{path}: is not an object"]
        inner = get_args(kind)[-1] if get_args(kind) else Any
        return [text for name, each in value.items() for text in wrong(each, inner, module, f"{path}.{name}")]
    if isinstance(kind, type) and issubclass(kind, StripeObject):
        return _wrong_object(value, kind, path)
    return _wrong_word(value, kind, path)


def _wrong_word(value: Any, kind: Any, path: str) -> list[str]:
    expected = {int: int, str: str, bool: bool, float: (int, float), Decimal: str}.get(kind)
    if expected is None:
        return [f"{path}: is of a type that the oracle does not know: {kind!r}"]
    if not isinstance(value, expected) or (isinstance(value, bool) and kind is not bool):
        return [f"{path}: {value!r} is not of type {kind.__name__}"]
    return []


def _wrong_list(value: Any, inner: Any, module: str, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: is not a list"]
    return [text for at, each in enumerate(value) for text in wrong(each, inner, module, f"{path}[{at}]")]


def _wrong_object(value: Any, kind: type, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is not an object"]
    known = members(kind)
    found = [f"{path}.{name}: unknown to this API version" for name in value if name not in known]
    for name, member in known.items():
        if name in value:
            if value[name] is None and member.optional:
                continue
            found += wrong(value[name], member.kind, member.module, f"{path}.{name}")
        elif not member.optional:
            found.append(f"{path}.{name}: missing")
    return found


def whole(kind: type, **values: Any) -> dict[str, Any]:
    """Gives an object with the values, and null in each field that may be null; raises Ill where that is not one."""
    blank = {name: None for name, member in members(kind).items() if member.optional and name not in OMITTED}
    made = blank | values
    found = wrong(made, kind, path=kind.__name__)
    if found:
        raise Ill("; ".join(found))
    return made


# Fields that Stripe leaves out rather than answer null.
OMITTED = frozenset({"deleted"})
