"""A recipe as data: whole numbers, in the order in which it is painted."""

from dataclasses import dataclass, field

MILLION = 1_000_000
"""The whole of what is written as a decimal: weights, regions and options are kept in parts per million."""

FULL, REST, BOX, MASK = "full", "rest", "box", "mask"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a text: line and column from 1 on, both in characters, and how many it takes."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Ref:
    """A pack that paints: an alias, a creator, a pack `creator/pack`, or an element of one.

    `version` is a range as versions.py reads it, empty for the newest, or `sha256-` and a release's digest.
    `weight_ppm` is None where none is written, which counts as the whole.
    """

    path: tuple[str, ...]
    version: str = ""
    weight_ppm: int | None = None
    at: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Region:
    """Where a layer is painted. `box_ppm` is left, top, right, bottom; white in the picture `mask` is inside."""

    kind: str = FULL
    box_ppm: tuple[int, int, int, int] | None = None
    mask: str = ""
    at: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of a recipe. `options` are (key, value in ppm), by key. The style has the label `style`."""

    label: str
    prompt: str
    refs: tuple[Ref, ...] = ()
    region: Region | None = None
    options: tuple[tuple[str, int], ...] = ()
    at: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe. `settings`, `variables`, `aliases` and `words` are by name, in the order of their names.

    `words` are the choices that a wildcard `__name__` stands for. A prompt is kept as it is written, with its
    variables and wildcards: `wildcards.resolved` chooses by the seed.
    """

    layers: tuple[Layer, ...]
    style: Layer | None = None
    negative: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    aliases: tuple[tuple[str, Ref], ...] = ()
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()
