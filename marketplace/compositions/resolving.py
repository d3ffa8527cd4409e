"""Finding what a recipe's refs name: releases, elements, and what is wrong with them, with line and column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from marketplace.catalog.models import Element, Release
from marketplace.catalog.rules import COMPOSITION, SERVICE, version_key
from marketplace.catalog.words import BASE_MODELS
from marketplace.compositions import resolving_queries as rows
from marketplace.compositions.notation import versions
from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.model import MILLION, Recipe, Ref
from marketplace.compositions.notation.refs import write_ref
from marketplace.compositions.notation.signs import same
from marketplace.compositions.resolving_queries import Address
from marketplace.compositions.words import OTHERS_BASE, SAID_BASE, closest, finding, listed
from marketplace.people.models import Studio
from marketplace.ui.words import Words

MOST_SOUGHT = 5
"""For how many names that are wrong it is looked for what was meant."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A ref, and what it names; `release` is None where that is unknown, `element` where it names a whole pack.

    `position` counts all refs of the recipe in paint order from 0 on, the style's last. `weight_ppm` is its own or
    its alias's. `is_service` says that a provider's endpoint makes it. `is_sold` says that it has a live offer.
    """

    layer: str
    position: int
    ref: Ref
    weight_ppm: int
    release: Release | None = None
    element: Element | None = None
    is_service: bool = False
    is_sold: bool = False

    @property
    def name(self) -> str:
        """What it names: `alice/sea@1.2.0/ink`, or what was written where nothing was found."""
        if self.release is None:
            return "/".join(self.ref.path)
        return f"{self.release}/{self.element.name}" if self.element else str(self.release)


@dataclass(frozen=True, slots=True)
class Resolution:
    """A recipe with what its refs name, in paint order. `base_model` is the one of all models, or empty.

    `elements` are all of each release that is named, by its id.
    """

    recipe: Recipe
    refs: tuple[Resolved, ...]
    findings: tuple[Finding, ...]
    base_model: str = ""
    elements: Mapping[UUID, tuple[Element, ...]] = field(default_factory=dict)


def resolve(recipe: Recipe, *, now: datetime, studio: Studio | None = None) -> Resolution:
    """This will find what each ref names: the newest version in its range that is sold, or that `studio` holds.

    Where none of them is, it is the newest. An exact version or a digest is that one, sold or not. What cannot be
    found has a finding; so has a model whose base model is not that of the others, or of `%base`.
    """
    written = [(label, ref) for label, refs in painted(recipe) for ref in refs]
    aliases = {same(name): ref for name, ref in recipe.aliases}
    meant = [_meant(ref, aliases) for _label, ref in written]
    packs = _Packs([one for one in meant if isinstance(one, Ref)], studio)
    found: list[Resolved] = []
    findings: list[Finding] = []
    for position, ((label, ref), target) in enumerate(zip(written, meant, strict=True)):
        looked = packs.find(ref, target) if isinstance(target, Ref) else target
        if isinstance(looked, Finding):
            findings.append(looked)
            found.append(Resolved(label, position, ref, ref.weight_ppm or MILLION))
        else:
            weight = (target.weight_ppm if isinstance(target, Ref) else None) or MILLION
            found.append(Resolved(label, position, ref, weight, looked, is_sold=looked.is_sold))  # type: ignore[attr-defined]
    elements = rows.elements_of(one.release for one in found if one.release is not None)
    for place, one in enumerate(found):
        named = _named(one, packs.rest(meant[place]), elements.get(one.release.pk, ()) if one.release else ())
        if isinstance(named, Finding):
            findings.append(named)
        else:
            found[place] = named
    base_model, clashes = _base_model(recipe, found)
    findings = sorted([*findings, *clashes], key=lambda one: (one.line, one.column))
    return Resolution(recipe, tuple(found), tuple(findings), base_model, elements)


def painted(recipe: Recipe) -> list[tuple[str, tuple[Ref, ...]]]:
    """This will list a recipe's layers in paint order, the style last: label and refs."""
    layers = (*recipe.layers, *((recipe.style,) if recipe.style else ()))
    return [(layer.label, layer.refs) for layer in layers]


def _meant(ref: Ref, aliases: Mapping[str, Ref]) -> Ref | Finding:
    """Puts what an alias stands for in its place, however many stand for another; what a ref says itself counts."""
    seen: list[str] = []
    meant = ref
    while len(meant.path) == 1 and (target := aliases.get(same(meant.path[0]))) is not None:
        name = meant.path[0]
        if same(name) in map(same, seen):
            return finding(ref, "alias-cycle", {"cycle": " → ".join(f"@{one}" for one in [*seen, name])})
        seen.append(name)
        meant = Ref(
            target.path,
            meant.version or target.version,
            target.weight_ppm if meant.weight_ppm is None else meant.weight_ppm,
            ref.at,
        )
    return replace(meant, path=tuple(part.lower() for part in meant.path))


class _Packs:
    """All packs that refs name, found at once."""

    def __init__(self, refs: Sequence[Ref], studio: Studio | None) -> None:
        self.near: dict[Address, list[str]] = {}
        self.of = rows.packs_of({ref.path[0] for ref in refs if len(ref.path) == 1})
        self.releases = rows.releases_in({pair for ref in refs if (pair := self._address(ref))}, studio)

    def _address(self, ref: Ref) -> Address | None:
        """Names the pack: a creator alone stands for the only one they have."""
        if len(ref.path) > 1:
            return ref.path[0], ref.path[1]
        mine = self.of.get(ref.path[0], [])
        return (ref.path[0], mine[0]) if len(mine) == 1 else None

    def _near(self, creator: str, pack: str) -> list[str]:
        """Gives addresses that may be meant, for the first few names that are wrong: each is a question more."""
        if (creator, pack) not in self.near and len(self.near) < MOST_SOUGHT:
            self.near[creator, pack] = rows.near(creator, pack)
        return self.near.get((creator, pack), [])

    def rest(self, meant: Ref | Finding) -> str:
        """Gives the element that a ref names, if it does."""
        return meant.path[2] if isinstance(meant, Ref) and len(meant.path) > 2 else ""

    def find(self, written: Ref, meant: Ref) -> Release | Finding:
        """Finds the release, or says what is wrong with the ref that was written."""
        address = self._address(meant)
        if address is None:
            return self._alone(written, meant.path[0])
        pack = "/".join(address)
        releases = self.releases.get(address, [])
        if not releases:
            near = closest(pack, self._near(*address))
            return finding(written, "unknown-pack", {"pack": pack}, near and _instead(written, near))
        if releases[0].pack.kind == COMPOSITION:
            return finding(written, "is-composition", {"pack": pack})
        if versions.is_digest(meant.version):
            digest = meant.version.removeprefix(versions.DIGEST_PREFIX)
            same = [one for one in releases if one.digest == digest]
            return same[0] if same else finding(written, "no-digest", {"pack": pack, "digest": digest[:12]})
        return _best(meant.version, releases) or _no_version(written, meant, pack, releases)

    def _alone(self, written: Ref, name: str) -> Finding:
        mine = self.of.get(name)
        if mine is None:
            names = {one.partition("/")[2]: one for one in self._near(name, name)}
            near = names.get(closest(name, list(names)), "")
            return finding(written, "unknown-creator", {"name": written.path[0]}, near and _instead(written, near))
        if not mine:
            return finding(written, "no-pack-of-creator", {"name": name})
        packs = [f"{name}/{pack}" for pack in mine]
        values = {"name": name, "packs": listed([f"@{one}" for one in packs])}
        return finding(written, "ambiguous-pack", values, _instead(written, packs[0]))


def _instead(written: Ref, address: str, version: str | None = None) -> str:
    """Writes a ref with another address or version, and all else as it is."""
    path = tuple(address.split("/"))
    return write_ref(replace(written, path=path, version=written.version if version is None else version))


def _best(wanted: str, releases: Sequence[Release]) -> Release | None:
    """Chooses the newest version that fits, of those that can be had if there are any."""
    fitting = [one for one in releases if not wanted or versions.matches(wanted, one.version)]
    had = [one for one in fitting if one.is_sold or one.is_held]  # type: ignore[attr-defined]
    return max(had or fitting, key=lambda one: version_key(one.version), default=None)


def _no_version(written: Ref, meant: Ref, pack: str, releases: Sequence[Release]) -> Finding:
    known = sorted({one.version for one in releases}, key=version_key, reverse=True)
    values = {"pack": pack, "range": meant.version, "versions": listed(known)}
    address = "/".join(meant.path)
    return finding(written, "no-version", values, _instead(written, address, known[0]))


def _named(one: Resolved, name: str, elements: Sequence[Element]) -> Resolved | Finding:
    """Finds the element that a ref names; a whole pack is a service where that is all that is in it."""
    if one.release is None:
        return one
    if not name:
        is_service = bool(elements) and all(element.kind == SERVICE for element in elements)
        return replace(one, is_service=is_service)
    known = {element.name.casefold(): element for element in elements}
    element = known.get(name.casefold())
    if element is None:
        near = closest(name.casefold(), list(known))
        better = _instead(one.ref, f"{one.release.pack}/{known[near].name}") if near else ""
        return finding(one.ref, "no-element", {"release": str(one.release), "element": name}, better)
    return replace(one, element=element, is_service=element.kind == SERVICE)


def _base_model(recipe: Recipe, found: Sequence[Resolved]) -> tuple[str, list[Finding]]:
    """Tells the base model of all models, and of each that has another one, that it has."""
    said = dict(recipe.settings).get("base", "").lower()
    modelled = [one for one in found if one.release is not None and one.release.base_model and not one.is_service]
    bases = {one.release.base_model for one in modelled if one.release is not None}
    if not bases or bases == {said} or (not said and len(bases) == 1):
        return said or next(iter(bases), ""), []
    # Only where they differ it matters which of them have weights at all: prompts go with any model.
    weights = rows.weights_in({one.release.pk for one in modelled if one.release is not None})
    modelled = [one for one in modelled if _has_weights(one, weights)]
    first = modelled[0].release if modelled else None
    base = said or (first.base_model if first else next(iter(sorted(bases))))
    return base, list(_others(modelled, base, None if said else first))


def _has_weights(one: Resolved, weights: Mapping[UUID, set[str]]) -> bool:
    assert one.release is not None
    mine = weights.get(one.release.pk, set())
    return bool(mine & set(one.element.paths)) if one.element else bool(mine)


def _others(modelled: Sequence[Resolved], base: str, first: Release | None) -> Iterator[Finding]:
    if first is None:
        other = Words(SAID_BASE, {"base": BASE_MODELS.get(base, base)})
    else:
        other = Words(OTHERS_BASE, {"release": str(first), "base": BASE_MODELS.get(base, base)})
    for one in modelled:
        assert one.release is not None
        if one.release.base_model != base:
            name = str(BASE_MODELS.get(one.release.base_model, one.release.base_model))
            yield finding(one.ref, "wrong-base-model", {"release": str(one.release), "base": name, "other": other})
