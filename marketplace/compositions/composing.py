"""Compositions as data: what a recipe that is published fixes, and what each release in it is owed.

docs/formats/composition-pack.md says the form of the file, and works an example by hand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import rfc8785

from assets.inspectors.compositions import COMPOSITION_FORMAT
from marketplace.compositions.checking import areas_of, painted_layers, shares_of
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.notation.document import from_document, to_document
from marketplace.compositions.notation.model import MASK, MILLION, Layer, Recipe, Ref
from marketplace.compositions.notation.reading import read
from marketplace.compositions.notation.writing import write
from marketplace.compositions.resolving import Resolution
from marketplace.compositions.sharing import policy_of
from marketplace.payouts.rules import WHOLE_PPB, largest_remainder

_AREA = "area"


@dataclass(frozen=True, slots=True)
class ComposedPack:
    """A pack as it stands in a composition: `release` is the digest, `share_ppb` its part of the picture."""

    layer: str
    pack: str
    version: str
    release: str
    element: str
    weight_ppm: int
    share_ppb: int

    @property
    def reference(self) -> str:
        """Names the release: `creator/pack@1.0.0`."""
        return f"{self.pack}@{self.version}"

    def plain(self) -> dict[str, Any]:
        """This will write it as composition.json has it."""
        return {
            "layer": self.layer,
            "pack": self.pack,
            "version": self.version,
            "release": self.release,
            "element": self.element,
            "weight_ppm": self.weight_ppm,
            "share_ppb": self.share_ppb,
        }


@dataclass(frozen=True, slots=True)
class Contracts:
    """What releases, by their digests, get of each unit before the composition's split: minor units of a currency."""

    unit: str = ""
    currency: str = ""
    fees: Mapping[str, int] = field(default_factory=dict)


def to_bytes(recipe: Recipe, packs: Iterable[ComposedPack], contracts: Contracts) -> bytes:
    """This will write a composition.json, as RFC 8785 has it."""
    document: dict[str, Any] = {
        "format": COMPOSITION_FORMAT,
        "recipe": to_document(recipe),
        "policy": policy_of(recipe)[0],
        "packs": [one.plain() for one in packs],
    }
    if contracts.fees:
        document |= {
            "unit": contracts.unit,
            "currency": contracts.currency,
            "fees": [{"release": release, "amount_minor": minor} for release, minor in contracts.fees.items()],
        }
    return rfc8785.dumps(document)


def pinned(resolution: Resolution, areas: Sequence[int]) -> Recipe:
    """This will write a recipe whose packs are all known so that it never reads otherwise.

    Each ref names its pack and exact version, no alias is left, and a mask has its measured area as an option.
    """
    refs = iter(resolution.refs)

    def exact(layer: Layer) -> tuple[Ref, ...]:
        found = []
        for _ref in layer.refs:
            one = next(refs)
            assert one.release is not None
            element = one.element.name if one.element else ""
            found.append(_ref_to(str(one.release.pack), element, one.release.version, one.weight_ppm))
        return tuple(found)

    painted = [(layer, exact(layer)) for layer in painted_layers(resolution.recipe)]
    return _with(resolution.recipe, painted, areas)


def recipe_in(lock: Lock) -> Recipe:
    """This will write the recipe of a lock so that it names exactly what was locked, with the places of its text."""
    recipe = from_document(lock.recipe)
    painted = [
        (layer, tuple(_ref_to(ref.pack, ref.element, ref.version, ref.weight_ppm) for ref in locked.refs))
        for layer, locked in zip(painted_layers(recipe), lock.painted, strict=True)
    ]
    return read(write(_with(recipe, painted, [locked.area_ppm for locked in lock.painted])))


def _ref_to(pack: str, element: str, version: str, weight_ppm: int) -> Ref:
    path = (*pack.split("/"), *((element,) if element else ()))
    return Ref(path, version, None if weight_ppm == MILLION else weight_ppm)


def _with(recipe: Recipe, painted: Sequence[tuple[Layer, tuple[Ref, ...]]], areas: Sequence[int]) -> Recipe:
    """Puts exact refs and measured areas into a recipe."""
    layers = []
    for (layer, refs), area_ppm in zip(painted, areas, strict=True):
        options = dict(layer.options)
        if layer.region is not None and layer.region.kind == MASK:
            options[_AREA] = area_ppm
        layers.append(replace(layer, refs=refs, options=tuple(sorted(options.items()))))
    style = layers.pop() if recipe.style else None
    return replace(recipe, layers=tuple(layers), style=style, aliases=())


def packs_of(resolution: Resolution, areas: Sequence[int] | None = None) -> tuple[ComposedPack, ...]:
    """This will list the packs of a recipe, all of which are known, in paint order, with their parts of the picture.

    Without `areas` those are measured from the recipe alone.
    """
    measured = areas_of(resolution.recipe, {})[0] if areas is None else areas
    found = []
    for one, share_ppb in zip(resolution.refs, shares_of(resolution, measured), strict=True):
        release = one.release
        assert release is not None
        element = one.element.name if one.element else ""
        found.append(
            ComposedPack(
                one.layer, str(release.pack), release.version, release.digest, element, one.weight_ppm, share_ppb
            )
        )
    return tuple(found)


def parent_shares(packs: Sequence[ComposedPack], rest_ppb: int) -> dict[str, int]:
    """This will divide what the makers of a composition do not keep among its releases, `creator/pack@1.0.0` → ppb.

    It goes by the packs' parts of the picture: each is rounded down, what is left goes one each to the largest
    remainders, the first in paint order of equal ones; then what one release gets in several layers is added up.
    """
    parts = largest_remainder(rest_ppb, [one.share_ppb for one in packs])
    found: dict[str, int] = {}
    for one, part_ppb in zip(packs, parts, strict=True):
        found[one.reference] = found.get(one.reference, 0) + part_ppb
    return found


def rest_of(own_share_ppb: int, beside_ppb: int = 0) -> int:
    """This will tell what there is for the releases that paint, once makers and other sources have theirs."""
    return WHOLE_PPB - own_share_ppb - beside_ppb
