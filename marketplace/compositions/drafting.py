"""Drafting a composition: a recipe becomes a release that is made with the releases in it. Nothing is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from assets.inspectors.compositions import RECIPE_LINE
from marketplace.catalog.deriving import Derived, absolute_shares
from marketplace.catalog.models import Release
from marketplace.catalog.rules import AI_TRAINING, BASE_MODELS, COMPOSITION, Draft, DraftFile, DraftParent
from marketplace.compositions.checking import areas_of
from marketplace.compositions.composing import (
    ComposedPack,
    Contracts,
    packs_of,
    parent_shares,
    pinned,
    rest_of,
    to_bytes,
)
from marketplace.compositions.compositions import COMPOSITION_FILE, RECIPE_FILE
from marketplace.compositions.drafting_words import NOWHERE, at, finding, first
from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.model import Recipe
from marketplace.compositions.notation.reading import read
from marketplace.compositions.notation.writing import write
from marketplace.compositions.resolving import Resolution, Resolved, resolve
from marketplace.licensing.parentage import owed_to_others, wrong_offers
from marketplace.licensing.terms.inheriting import Wrong
from marketplace.licensing.terms.model import Terms
from marketplace.payouts.rules import CURRENCIES, WHOLE_PPB
from marketplace.payouts.splitting import RELATIVE
from marketplace.people.models import Creator
from marketplace.ui.formats import sentence


class UnableToPublishComposition(Exception):
    """The recipe cannot be published as it is; `findings` say where and why, and nothing was written."""

    code = "composition-refused"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(" ".join(sentence(one) for one in self.findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What its composer says of a composition; `own_share_ppb` of each sale stays with its own makers.

    `cover` is the path of its picture in the release. `split` divides what the makers keep, by their handles. `mode` is
    how the releases that paint have their shares: relative, or absolute (docs/formats/split.md).
    """

    handle: str
    version: str
    title: Mapping[str, str]
    summary: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    cover: str = "cover.png"
    own_share_ppb: int
    made_by: str = "human"
    ai_training: str = AI_TRAINING[0]
    split: Mapping[str, int] = field(default_factory=dict)
    mode: str = RELATIVE


@dataclass(frozen=True, slots=True)
class Drafted:
    """A composition that can be handed in: its draft, and the bytes of its files by path, all but the cover's.

    `shares` are the releases that paint, in paint order, with what each gets of a sale.
    """

    draft: Draft
    files: Mapping[str, bytes]
    recipe: Recipe
    packs: tuple[ComposedPack, ...]
    shares: tuple[tuple[Release, int], ...]


def draft_of(
    *,
    recipe: Recipe | str,
    creator: Creator,
    about: About,
    terms: Sequence[Terms] = (),
    contracts: Contracts | None = None,
    beside: Sequence[DraftParent] = (),
    masks: Mapping[str, str] | None = None,
    now: datetime,
) -> Drafted:
    """This will draft a composition: exact versions, what each release in it gets, and its two files.

    `terms` are those that it is to be offered under, `beside` further releases that it is made with and pays, as the
    composition that it started from. Contract fees name releases by their digests; `masks` are the SHA-256 of masks by
    the names that the recipe has for them. Raises UnreadableRecipe, and UnableToPublishComposition with all that stands
    against it, each where it stands in the recipe.
    """
    resolution, areas = _read(read(recipe) if isinstance(recipe, str) else _placed(recipe), masks or {}, now)
    exact = pinned(resolution, areas)
    # What was written with aliases and open versions is longer now: read again, it must still be a recipe.
    text = f"{RECIPE_LINE}\n{write(exact)}"
    exact = read(text)
    packs = packs_of(resolution, areas)
    beside_ppb = sum(one.share_ppb for one in beside)
    found = [*_twice(resolution.refs), *_kept(about.own_share_ppb, beside_ppb)]
    if found:
        raise UnableToPublishComposition(found)
    shares = parent_shares(packs, rest_of(about.own_share_ppb, beside_ppb))
    releases = {str(one.release): one.release for one in resolution.refs if one.release is not None}
    owed = tuple((releases[reference], share_ppb) for reference, share_ppb in shares.items())
    found = [
        *_without_share(resolution.refs, shares),
        *_beyond(creator, resolution.refs, [Derived(*one, about.mode) for one in owed], terms, about.ai_training, now),
        *_contracts(contracts or Contracts(), packs, own_in(creator, resolution)),
    ]
    if found:
        raise UnableToPublishComposition(found)
    parents = tuple(_parent(release, share_ppb, about.mode) for release, share_ppb in owed)
    files = {COMPOSITION_FILE: to_bytes(exact, packs, contracts or Contracts()), RECIPE_FILE: text.encode()}
    return Drafted(_draft(about, (*parents, *beside), files, resolution.base_model), files, exact, packs, owed)


def _placed(recipe: Recipe) -> Recipe:
    """Gives a recipe without places those of its own text."""
    return recipe if recipe.layers and recipe.layers[0].at else read(write(recipe))


def _read(recipe: Recipe, masks: Mapping[str, str], now: datetime) -> tuple[Resolution, list[int]]:
    resolution = resolve(recipe, now=now)
    areas, unknown = areas_of(recipe, masks)
    found = [*resolution.findings, *unknown]
    if not resolution.refs:
        found.append(finding(first(recipe), "no-pack", {}))
    if found:
        raise UnableToPublishComposition(found)
    return resolution, areas


def _twice(refs: Sequence[Resolved]) -> list[Finding]:
    """Finds packs that paint in two versions: a release is made with one version of another pack."""
    seen: dict[object, Release] = {}
    found = []
    for one in refs:
        assert one.release is not None
        other = seen.setdefault(one.release.pack_id, one.release)
        if other != one.release:
            values = {"layer": one.layer, "release": str(one.release), "other": str(other)}
            found.append(finding(at(one), "two-versions", values))
    return found


def _kept(own_share_ppb: int, beside_ppb: int) -> list[Finding]:
    if own_share_ppb >= 1 and beside_ppb >= 0 and own_share_ppb + beside_ppb < WHOLE_PPB:
        return []
    return [finding(NOWHERE, "own-share", {})]


def _without_share(refs: Sequence[Resolved], shares: Mapping[str, int]) -> list[Finding]:
    places = _first_of(refs)
    return [
        finding(at(places[name]), "no-share", {"layer": places[name].layer, "release": name})
        for name, share_ppb in shares.items()
        if share_ppb < 1
    ]


def _first_of(refs: Sequence[Resolved]) -> dict[str, Resolved]:
    """Finds where each release stands first."""
    found: dict[str, Resolved] = {}
    for one in refs:
        found.setdefault(str(one.release), one)
    return found


def _beyond(
    creator: Creator,
    refs: Sequence[Resolved],
    painting: Sequence[Derived],
    terms: Sequence[Terms],
    ai_training: str,
    now: datetime,
) -> list[Finding]:
    """Finds what offers may not say, each at the layer that it is about."""

    absolute = absolute_shares(painting)

    def wrong(derived: Sequence[Derived]) -> list[Wrong]:
        owed = owed_to_others(creator=creator, derived=derived, absolute=absolute)
        return wrong_offers(creator=creator, parents=owed, offers=terms, ai_training=ai_training, now=now)

    left = wrong([one for one in painting if one.share_ppb > 0])
    places, found = _first_of(refs), []
    for paints in painting if left else ():
        one = places[str(paints.release)]
        mine = [what for what in wrong([replace(paints, share_ppb=max(paints.share_ppb, 1))]) if what in left]
        left = [what for what in left if what not in mine]
        found += [finding(at(one), "layer-forbids", {"layer": one.layer, "why": what}) for what in mine]
    # What only comes about by several layers together is about none of them alone.
    return [*found, *(finding(NOWHERE, "layers-forbid", {"why": what}) for what in left)]


def own_in(creator: Creator, resolution: Resolution) -> Mapping[str, str]:
    """This will name the releases in a recipe that are a creator's own, by digest: none of them is paid a fee first."""
    known = [one.release for one in resolution.refs if one.release is not None]
    return {one.digest: str(one) for one in known if one.pack.owner_id == creator.pk}


def _contracts(contracts: Contracts, packs: Sequence[ComposedPack], own: Mapping[str, str]) -> list[Finding]:
    if not contracts.fees and not contracts.unit and not contracts.currency:
        return []
    known = {one.release for one in packs}
    found = [
        finding(NOWHERE, "fee-of-nothing", {"release": release[:12]})
        for release in contracts.fees
        if release not in known
    ]
    if not contracts.fees or not contracts.unit or not contracts.currency:
        found.append(finding(NOWHERE, "fee-incomplete", {}))
    elif contracts.currency not in CURRENCIES:
        found.append(finding(NOWHERE, "fee-currency", {"currencies": ", ".join(CURRENCIES)}))
    found += [finding(NOWHERE, "fee-of-own", {"release": own[one]}) for one in contracts.fees if one in own]
    if any(minor < 1 for minor in contracts.fees.values()):
        found.append(finding(NOWHERE, "fee-of-zero", {}))
    return found


def _parent(release: Release, share_ppb: int, mode: str) -> DraftParent:
    return DraftParent(release.pack.creator.handle, release.pack.handle, release.version, share_ppb, mode)


def _draft(about: About, parents: tuple[DraftParent, ...], files: Mapping[str, bytes], base_model: str) -> Draft:
    of, _slash, handle = about.handle.rpartition("/")
    return Draft(
        of=of,
        handle=handle,
        version=about.version,
        kind=COMPOSITION,
        title=about.title,
        summary=about.summary,
        files=(DraftFile(about.cover, "preview"), *(DraftFile(path) for path in files)),
        cover=about.cover,
        tags=about.tags,
        base_model=base_model if base_model in BASE_MODELS else "",
        made_by=about.made_by,
        ai_training=about.ai_training,
        split=about.split,
        derived_from=parents,
    )
