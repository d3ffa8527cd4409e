"""What a file says that it was made with: nothing here is proven, and nothing is looked up. No Django in here."""

from collections.abc import Sequence
from dataclasses import dataclass

FILE, EMBEDDING, LORA, HASH = "file", "embedding", "lora", "hash"
"""A model file that a node loads; `embedding:name` and `<lora:name:0.8>` in a prompt; digits of a file's SHA-256."""
WHOLE = -1
"""The layer of what changes the whole picture."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A model that is named. `layer` counts the layers from 0 on; `weight_ppm` is None where it cannot be told."""

    kind: str
    name: str
    weight_ppm: int | None = None
    layer: int = WHOLE
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Painted:
    """Words that paint, as a layer: its label is empty where nothing calls it anything."""

    label: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Stated:
    """The entry `worldloom`: a lock's digest, the site, and packs with the digests of their releases."""

    recipe: str
    site: str = ""
    packs: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Workflow:
    """What a workflow or a text of settings names. `settings` are a recipe's, by key, as far as they were found."""

    mentions: Sequence[Mention] = ()
    layers: Sequence[Painted] = ()
    negative: str = ""
    settings: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Claims:
    """All that a file says. `container` is png, webp, jpeg, json or text; `sha256` is of the file's bytes."""

    container: str
    sha256: str
    stated: Stated | None = None
    workflow: Workflow = Workflow()

    @property
    def recipe(self) -> str:
        """The digest of the lock that it names, or nothing."""
        return self.stated.recipe if self.stated else ""

    @property
    def is_picture(self) -> bool:
        """Whether it is something that was made, and not only what says how."""
        return self.container in ("png", "webp", "jpeg")
