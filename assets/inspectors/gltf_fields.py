"""Fields of glTF JSON: each is of its type, every index is in its range, and no text leads out of the file.

`place` is the path in the JSON, such as `meshes[3].primitives[0]`, and stands in the finding.
"""

import math
import re
from typing import Any

from assets.inspectors.base import Limits, Refused, refused, shown_name
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

OBJECT, LIST, TEXT = _("an object"), _("a list"), _("text")
COUNT, NUMBER, FLAG = _("a count"), _("a number"), _("true or false")
_LARGEST = 2**53 - 1
_OBJECTS_IN_OBJECTS = 3  # How many objects of the JSON there may be for each node, mesh or the like.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # NUL, and half a surrogate pair, which no UTF-8 can write.
# Extensions whose addresses are read by people: licenses, contacts, vocabularies.
_ADDRESSES_FOR_PEOPLE = frozenset(["VRM", "VRMC_vrm", "KHR_xmp", "KHR_xmp_json_ld"])
_ADDRESS = re.compile(r"\s*(?:(?:https?|ftp|file|blob|wss?|ipfs|javascript):|[\\/]{2})", re.IGNORECASE)
_Way = tuple[Any, str | int] | None
"""How one comes to a value: the way to what holds it and the last step; None is the root."""

_LISTS = (
    "accessors",
    "animations",
    "bufferViews",
    "buffers",
    "cameras",
    "images",
    "materials",
    "meshes",
    "nodes",
    "samplers",
    "scenes",
    "skins",
    "textures",
)


def misshapen(place: str, expected: str) -> Refused:
    """Return the refusal of the field at `place`, which must be `expected`, one of the words above."""
    template = _("%(place)s must be %(expected)s.")
    return refused("gltf-shape", template, place, place=place, expected=Words(expected))


def wrong(code: str, template: str, place: str, /, **values: str | int | Words) -> Refused:
    """Return the refusal of what stands at `place`, which `template` may show as %(place)s."""
    return refused(code, template, place, place=place, **values)


def mapping(value: object, place: str) -> dict[str, Any]:
    """Return `value`, which must be an object."""
    if not isinstance(value, dict):
        raise misshapen(place, OBJECT)
    return value


def child(parent: dict[str, Any], key: str, place: str) -> dict[str, Any]:
    """Return the object at `key`, empty where there is none."""
    return mapping(parent.get(key, {}), f"{place}.{key}")


def items(parent: dict[str, Any], key: str, place: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of the list at `key` with their places; none where there is no list."""
    where = f"{place}.{key}" if place else key
    return [(f"{where}[{n}]", mapping(value, f"{where}[{n}]")) for n, value in enumerate(values(parent, key, place))]


def values(parent: dict[str, Any], key: str, place: str = "") -> list[Any]:
    """Return the list at `key`, empty where there is none; a list that is there has at least one item."""
    found = parent.get(key)
    if found is None and key not in parent:
        return []
    if not isinstance(found, list) or not found:
        raise misshapen(f"{place}.{key}" if place else key, LIST)
    return found


def count(parent: dict[str, Any], key: str, place: str, default: int | None = None) -> int:
    """Return the integer from 0 to 2^53 - 1 at `key`, or the default where there is one and no field."""
    value = parent.get(key, default)
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise misshapen(f"{place}.{key}", COUNT)
    return value


def index(parent: dict[str, Any], key: str, place: str, length: int) -> int | None:
    """Return the index at `key` into a list of this length, None where the field is not there."""
    return in_range(parent[key], f"{place}.{key}", length) if key in parent else None


def needed_index(parent: dict[str, Any], key: str, place: str, length: int) -> int:
    """Return the index at `key` into a list of this length; the field must be there."""
    return in_range(parent.get(key), f"{place}.{key}", length)


def in_range(value: object, place: str, length: int) -> int:
    """Return `value`, which must be an index into a list of this length."""
    if type(value) is not int:
        raise misshapen(place, COUNT)
    if not 0 <= value < length:
        template = _("%(place)s is %(index)s, there are %(count)s to choose from.")
        raise wrong("gltf-index", template, place, index=shown_name(str(value), 24), count=length)
    return value


def indices(parent: dict[str, Any], key: str, place: str, length: int) -> list[int]:
    """Return the distinct indices in the list at `key`, empty where there is none."""
    found = [in_range(value, f"{place}.{key}[{n}]", length) for n, value in enumerate(values(parent, key, place))]
    if len(set(found)) != len(found):
        raise wrong("gltf-twice", _("%(place)s names one thing twice."), f"{place}.{key}")
    return found


def numbers(parent: dict[str, Any], key: str, place: str, length: int) -> list[float] | None:
    """Return the list of `length` numbers at `key`, None where the field is not there."""
    if key not in parent:
        return None
    found = parent[key]
    if not isinstance(found, list) or len(found) != length:
        raise misshapen(f"{place}.{key}", LIST)
    return [number(value, f"{place}.{key}[{n}]") for n, value in enumerate(found)]


def number(value: object, place: str) -> float:
    """Return `value`, which must be a number within what a 32-bit float can hold."""
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > 3.4e38:  # type: ignore[arg-type]
        raise misshapen(place, NUMBER)
    return float(value)  # type: ignore[arg-type]


def text(parent: dict[str, Any], key: str, place: str) -> str | None:
    """Return the text at `key`, None where the field is not there."""
    value = parent.get(key)
    if key in parent and not isinstance(value, str):
        raise misshapen(f"{place}.{key}", TEXT)
    return value


def choice(parent: dict[str, Any], key: str, place: str, choices: tuple[Any, ...], default: Any = None) -> Any:
    """Return what stands at `key`, which must be one of `choices`, or the default where nothing stands there."""
    if key not in parent and default is not None:
        return default
    value = parent.get(key)
    if not any(value == one and type(value) is type(one) for one in choices):
        template = _("%(place)s must be one of %(choices)s.")
        raise wrong("gltf-choice", template, f"{place}.{key}", choices=", ".join(map(str, choices)))
    return value


def check_whole(root: dict[str, Any], limits: Limits) -> None:
    """Refuse a root with too many objects, an address, half a character or an extension that is not announced."""
    total = 0
    for key in _LISTS:
        total += len(values(root, key))
        for place, item in items(root, key):
            text(item, "name", place)
        if total > limits.model_objects:
            template = _("the model has more than %(limit)s objects.")
            raise wrong("gltf-too-many", template, key, limit=limits.model_objects)
    used = set(names(root, "extensionsUsed"))
    seen = 0
    todo: list[tuple[_Way, Any]] = [(None, root)]
    while todo:
        way, value = todo.pop()
        if isinstance(value, str):
            _check_text(value, way)
        elif isinstance(value, list):
            # Numbers need no second look, and most of the JSON is numbers.
            todo += [((way, n), one) for n, one in enumerate(value) if isinstance(one, str | list | dict)]
        elif isinstance(value, dict):
            seen += 1
            _check_keys(value, way, used)
            todo += [((way, key), one) for key, one in value.items() if isinstance(one, str | list | dict)]
        if seen > _OBJECTS_IN_OBJECTS * limits.model_objects:
            template = _("the model has more than %(limit)s objects.")
            raise wrong("gltf-too-many", template, "JSON", limit=_OBJECTS_IN_OBJECTS * limits.model_objects)


def _place(way: _Way) -> str:
    """Return the path in the JSON, which is put together only where there is something to say."""
    steps: list[str] = []
    while way is not None:
        way, step = way
        steps.append(f"[{step}]" if isinstance(step, int) else f".{shown_name(step, 40)}")
    return shown_name("".join(reversed(steps)).lstrip(".")) or "JSON"


def names(root: dict[str, Any], key: str) -> list[str]:
    """Return the distinct names in a list of texts such as extensionsUsed."""
    found = values(root, key)
    if not all(isinstance(name, str) and name for name in found):
        raise misshapen(key, LIST)
    if len(set(found)) != len(found):
        raise wrong("gltf-twice", _("%(place)s names one thing twice."), key)
    return found


def _check_keys(value: dict[str, Any], way: _Way, used: set[str]) -> None:
    for key in value:
        _check_text(key, way)
        if key.lower().endswith("uri"):
            raise _leading_out((way, key))
    extensions = value.get("extensions")
    if isinstance(extensions, dict) and not used.issuperset(extensions):
        place = _place(way)
        # What stands in `extras` belongs to the application that wrote it.
        if "extras" not in place:
            template = _("%(place)s uses the extension %(name)s, which extensionsUsed does not name.")
            name = min(set(extensions) - used)
            raise wrong("gltf-extension", template, place, name=repr(shown_name(name, 60)))


def _check_text(value: str, way: _Way) -> None:
    if _NO_TEXT.search(value):
        raise wrong("gltf-text", _("%(place)s holds a character that is no text."), _place(way))
    if value.lstrip()[:5].lower() == "data:":
        template = _("%(place)s is a data: address; put the bytes into the BIN chunk.")
        raise wrong("gltf-uri", template, _place(way))
    if _ADDRESS.match(value) and (_extension(way) or "VRM") not in _ADDRESSES_FOR_PEOPLE:
        raise _leading_out(way)


def _extension(way: _Way) -> str | None:
    """Return the name of the innermost extension that a value belongs to; None in `extras` and outside of any."""
    found = None
    while way is not None:
        way, step = way
        if step == "extras":
            return None
        if found is None and way is not None and way[1] == "extensions":
            found = str(step)
    return found


def _leading_out(way: _Way) -> Refused:
    template = _("%(place)s leads out of the file; save the model as one GLB with all it needs in it.")
    return wrong("gltf-uri", template, _place(way))
