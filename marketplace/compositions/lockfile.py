"""The lock of a recipe: everything that a later run needs to be the same, fixed and named by its digest.

docs/formats/recipe-lock.md is its page. No Django in here.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, cast, get_args, get_origin, get_type_hints

import rfc8785

from marketplace.catalog.naming import read_flat_name
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.ui.words import Values, Words
from marketplace.ui.words import gettext_noop as _

LOCK_FORMAT = "worldloom/recipe-lock/1"


@dataclass(frozen=True, slots=True)
class LockedFile:
    """A file that a layer is painted with. `name` is flat and its own among all files (catalog.naming)."""

    path: str
    name: str
    sha256: str
    size_bytes: int
    media_type: str
    tensor_root: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class LockedRef:
    """An exact release that paints, and what it is painted under.

    `grant` is the license that covers it, empty where none does yet; `terms`, `offer`, `price_minor`, `currency`,
    `model` and `unit` are of that license's offer, or of the offer that was chosen. `share_ppb` is the part of the
    picture that the recipe's policy gives it; those of a lock add up to the whole. `service` is the path of the
    file that describes a provider's endpoint, among `files`.
    """

    pack: str
    version: str
    release: str
    element: str = ""
    weight_ppm: int = 1_000_000
    share_ppb: int = 0
    terms: str = ""
    offer: str = ""
    price_minor: int = 0
    currency: str = ""
    model: str = ""
    unit: str = ""
    grant: str = ""
    triggers: tuple[str, ...] = ()
    files: tuple[LockedFile, ...] = ()
    service: str = ""


@dataclass(frozen=True, slots=True)
class LockedLayer:
    """A layer whose choices are made: `prompt` has no variable and no wildcard left. Regions as in the notation.

    `area_ppm` is the part of the picture that the region covers; `mask_sha256` is empty where the mask was not given.
    """

    label: str
    prompt: str
    region: str = "full"
    box_ppm: tuple[int, int, int, int] | None = None
    mask: str = ""
    mask_sha256: str = ""
    area_ppm: int = 1_000_000
    options: tuple[tuple[str, int], ...] = ()
    refs: tuple[LockedRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """A whole lock. `recipe` is the document that it was made from; `style` is the last layer, or None.

    `width` and `height` are pixels. `licensee` and `project` are ids, empty where nobody is named.
    """

    recipe: Mapping[str, Any]
    layers: tuple[LockedLayer, ...]
    style: LockedLayer | None = None
    negative: str = ""
    licensee: str = ""
    project: str = ""
    policy: str = "weight-area"
    base_model: str = ""
    checkpoint: str = ""
    width: int = 1024
    height: int = 1024
    steps: int = 20
    cfg_ppm: int = 6_500_000
    sampler: str = "dpmpp_2m"
    scheduler: str = "karras"
    seed: int = 0
    use: Mapping[str, Any] = field(default_factory=dict)

    @property
    def painted(self) -> tuple[LockedLayer, ...]:
        """All layers in paint order, the style last."""
        return (*self.layers, *((self.style,) if self.style else ()))

    @property
    def refs(self) -> tuple[LockedRef, ...]:
        """All packs in paint order."""
        return tuple(ref for layer in self.painted for ref in layer.refs)

    def document(self) -> bytes:
        """The lock as RFC 8785 JSON."""
        return rfc8785.dumps({"format": LOCK_FORMAT, **_plain(asdict(self))})

    @property
    def digest(self) -> str:
        """The recipe's id: SHA-256, in hex, of the document."""
        return hashlib.sha256(self.document()).hexdigest()


def _plain(value: Any) -> Any:
    """Writes tuples as lists, and pairs by name as they are."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


class UnreadableLock(ValueError):
    """The bytes are no lock; nothing is done with them. `where` is a JSON pointer (RFC 6901), empty for the whole."""

    code = "lock-unreadable"

    def __init__(self, where: str, template: str, values: Values | None = None) -> None:
        self.where, self.template, self.values = where, template, values or {}
        super().__init__(str(Words(template, self.values)))


MOST_BYTES = 8 * 1024 * 1024
_HEX = re.compile(r"[0-9a-f]{64}")
_MAY_BE_EMPTY = frozenset({"tensor_root", "mask_sha256", "terms"})
_DIGESTS = frozenset({"sha256", "release", "tensor_root", "mask_sha256", "terms"})
_DATA = frozenset({"recipe", "use"})


def read_lock(data: bytes) -> Lock:
    """This will read a lock back from its document, or raise UnreadableLock; the two are the same byte for byte."""
    if len(data) > MOST_BYTES:
        raise UnreadableLock("", _("It is larger than %(most)d bytes, which no lock needs."), {"most": MOST_BYTES})
    try:
        found = json.loads(data.decode())
        is_canonical = rfc8785.dumps(found) == data
    except (ValueError, RecursionError):
        raise UnreadableLock("", _("It is no JSON in UTF-8 with integers that RFC 8785 can write.")) from None
    if not isinstance(found, dict) or found.pop("format", None) != LOCK_FORMAT:
        raise UnreadableLock("/format", _("It must be “%(format)s”."), {"format": LOCK_FORMAT})
    if not is_canonical:
        raise UnreadableLock("", _("It is not written as RFC 8785 says: sorted names, each once, and no blanks."))
    lock: Lock = _read(Lock, found, "")
    _check(lock)
    return lock


def _read(kind: type[Any], found: Any, where: str) -> Any:
    """Reads an object into its dataclass: every member, and no other."""
    if not isinstance(found, dict):
        raise UnreadableLock(where, _("It must be a JSON object."))
    known = get_type_hints(kind)
    for name in sorted(known.keys() ^ found.keys()):
        template = _("It is missing.") if name in known else _("The format does not know it.")
        raise UnreadableLock(f"{where}/{name[:40]}", template)
    return kind(**{name: _member(name, hint, found[name], f"{where}/{name}") for name, hint in known.items()})


def _member(name: str, hint: Any, value: Any, where: str) -> Any:
    """Reads a value as the type says it."""
    if name in _DATA:
        hint = dict
    origin, parts = get_origin(hint), get_args(hint)
    if type(None) in parts:
        return None if value is None else _member(name, parts[0], value, where)
    if origin is tuple:
        items = value if isinstance(value, list) else None
        if items is None or (parts[-1] is not Ellipsis and len(items) != len(parts)):
            raise UnreadableLock(where, _("It must be a list."))
        kinds = [parts[0]] * len(items) if parts[-1] is Ellipsis else parts
        pairs = zip(kinds, items, strict=True)
        return tuple(_member(name, kind, one, f"{where}/{n}") for n, (kind, one) in enumerate(pairs))
    if is_dataclass(hint):
        return _read(cast(type[Any], hint), value, where)
    if type(value) is not hint:
        raise UnreadableLock(where, _("It must be %(kind)s."), {"kind": Words(_KINDS[hint])})
    if name in _DIGESTS and not _HEX.fullmatch(value) and not (value == "" and name in _MAY_BE_EMPTY):
        raise UnreadableLock(where, _("It must be 64 hexadecimal digits."))
    return value


_KINDS = {str: _("text"), int: _("a whole number"), dict: _("a JSON object")}


def _check(lock: Lock) -> None:
    """Raises UnreadableLock where the parts do not go together: shares that are not the whole, names that are twice."""
    if lock.refs and sum(ref.share_ppb for ref in lock.refs) != WHOLE_PPB:
        raise UnreadableLock("/layers", _("The shares are not the whole."))
    if any(ref.share_ppb < 0 for ref in lock.refs):
        raise UnreadableLock("/layers", _("A share is less than nothing."))
    named: dict[str, str] = {}
    for file in (file for ref in lock.refs for file in ref.files):
        if read_flat_name(file.name) is None or "/" in file.name or "\\" in file.name:
            raise UnreadableLock(
                "/layers", _("“%(name)s” is no name that we give to a file."), {"name": file.name[:80]}
            )
        if named.setdefault(file.name, file.sha256) != file.sha256:
            raise UnreadableLock("/layers", _("Two files are called “%(name)s”."), {"name": file.name[:80]})
