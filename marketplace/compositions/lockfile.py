"""The lock of a recipe: everything that a later run needs to be the same, fixed and named by its digest.

docs/formats/recipe-lock.md is its page. No Django in here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import rfc8785

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
    """The bytes are no lock; nothing is done with them."""

    code = "lock-unreadable"


def read_lock(data: bytes) -> Lock:
    """This will read a lock back from its document, or raise UnreadableLock; the two are the same byte for byte."""
    raise NotImplementedError
