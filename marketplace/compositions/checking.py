"""May this recipe be used so, what does it cost, and what would help: layer by layer. Questions only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from marketplace.catalog.models import Release
from marketplace.compositions import checking_choice, checking_fixes, sharing
from marketplace.compositions.checking_choice import License, Question
from marketplace.compositions.checking_fixes import Remedy, Swap
from marketplace.compositions.checking_rows import Holdings, holdings, masks_by, offers_of
from marketplace.compositions.coverage import covered
from marketplace.compositions.notation.findings import MOST_FINDINGS, Finding, UnreadableRecipe
from marketplace.compositions.notation.model import Layer, Place, Recipe
from marketplace.compositions.notation.reading import read
from marketplace.compositions.notation.writing import write
from marketplace.compositions.resolving import Resolution, Resolved, resolve
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.permits import Obstacle
from marketplace.licensing.pricing import Priced
from marketplace.licensing.terms.asking import Duties, Refusal, ask
from marketplace.licensing.terms.model import Use
from marketplace.people.models import Studio
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

__all__ = ["Checked", "CheckedLayer", "CheckedRef", "Missing", "Remedy", "Swap", "check", "check_text"]

OWN, LICENSED, OFFERED, REFUSED = "own", "licensed", "offered", "refused"
VERDICTS = (OWN, LICENSED, OFFERED, REFUSED)
"""A layer of the studio's own; one that a license covers; one that an offer could cover; one that cannot be used."""


@dataclass(frozen=True, slots=True)
class CheckedRef:
    """One pack of a layer. `offer` has `.now` and `.regular_minor`; `priced` is what it costs to buy it now.

    An offer on request is `offered` without a price: `needs_quote` says so. `reasons` say why it is refused, those of
    the license or offer that comes nearest; `findings`, those of the recipe that stand at it, why it is not found or
    does not go with the others. `share_ppb` is its part of the picture.
    """

    resolved: Resolved
    verdict: str
    share_ppb: int = 0
    grant: Grant | None = None
    offer: Offer | None = None
    priced: Priced | None = None
    seats: int = 0
    needs_quote: bool = False
    reasons: tuple[Refusal | Obstacle, ...] = ()
    fixes: tuple[Remedy, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def release(self) -> Release | None:
        return self.resolved.release


@dataclass(frozen=True, slots=True)
class CheckedLayer:
    """A layer, the worst verdict of its packs, and how much of the picture it covers; `own` has no pack."""

    layer: Layer
    verdict: str
    area_ppm: int
    refs: tuple[CheckedRef, ...] = ()

    @property
    def share_ppb(self) -> int:
        """The part of the picture that its packs have together."""
        return sum(ref.share_ppb for ref in self.refs)


@dataclass(frozen=True, slots=True)
class Missing:
    """A license to buy: once, however many layers need it. `priced.price_minor` is due when it is ordered."""

    offer: Offer
    seats: int
    priced: Priced | None
    layers: tuple[str, ...]
    needs_quote: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer. `recipe` is None where the text cannot be read; `findings` have lines and columns.

    `clashes` are between layers, each of which could be used alone; `fixes` are for the recipe as a whole, those of
    one pack are its own. `prices` are what all that is missing costs now, by currency. `duties` come with the use.
    `named` tells which packs (positions in `refs`) reasons, clashes and duties mean by a name.
    """

    recipe: Recipe | None
    use: Use
    currency: str
    studio: Studio | None = None
    project: Project | None = None
    findings: tuple[Finding, ...] = ()
    layers: tuple[CheckedLayer, ...] = ()
    missing: tuple[Missing, ...] = ()
    prices: tuple[tuple[str, int], ...] = ()
    clashes: tuple[Refusal, ...] = ()
    fixes: tuple[Remedy, ...] = ()
    duties: Duties = field(default_factory=Duties)
    base_model: str = ""
    named: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    resolution: Resolution | None = None

    @property
    def refs(self) -> tuple[CheckedRef, ...]:
        """All packs in paint order."""
        return tuple(ref for layer in self.layers for ref in layer.refs)

    @property
    def allowed(self) -> bool:
        """Whether it could be used so once what is missing is bought."""
        return not self.findings and not self.clashes and all(layer.verdict != REFUSED for layer in self.layers)

    @property
    def licensed(self) -> bool:
        """Whether it may be used so now."""
        return self.allowed and not self.missing

    @property
    def problems(self) -> tuple[Finding, ...]:
        """All that stands against it with lines and columns: findings, what each pack is refused for, and clashes."""
        by_position = {ref.resolved.position: ref.resolved for ref in self.refs}
        refused = [_problem(ref.resolved, reason) for ref in self.refs for reason in ref.reasons]
        clashing = [
            _problem(by_position[position], clash)
            for clash in self.clashes
            for name in clash.layers[:1]
            for position in self.named.get(name, ())[:1]
        ]
        return (*self.findings, *refused, *clashing)[:MOST_FINDINGS]


def _problem(resolved: Resolved, reason: Refusal | Obstacle) -> Finding:
    at = resolved.ref.at or Place(1, 1)
    return Finding(at.line, at.column, at.length, reason.code, reason)


def check_text(
    text: str,
    *,
    use: Use,
    studio: Studio | None = None,
    project: Project | None = None,
    currency: str = "",
    masks: Mapping[str, str] | None = None,
    prefer: Collection[UUID] = (),
    now: datetime,
) -> Checked:
    """This will read a recipe and check it; what cannot be read is told in `findings`. Raises UnreadableUse."""
    question = checking_choice.question_of(use, studio=studio, project=project, now=now)
    try:
        recipe = read(text)
    except UnreadableRecipe as error:
        return Checked(None, question.use, currency, studio, project, findings=error.findings)
    return check(
        recipe, use=use, studio=studio, project=project, currency=currency, masks=masks, prefer=prefer, now=now
    )


def check(
    recipe: Recipe,
    *,
    use: Use,
    studio: Studio | None = None,
    project: Project | None = None,
    currency: str = "",
    masks: Mapping[str, str] | None = None,
    prefer: Collection[UUID] = (),
    now: datetime,
) -> Checked:
    """This will tell layer by layer whether a recipe may be used so, by `studio` or by anybody.

    A use that names no days is about today. Of each pack it takes a license that the studio holds, else the cheapest
    offer that allows the use: one that is in `prefer` by its id before all, one in `currency` before others (without
    one, in the currency in which the most packs can be had), a price that is known before what is billed later or
    agreed in talks. `masks` are the SHA-256 of masks by the names that the recipe has for them. A recipe without
    places, as from a document, has those of its text as `notation.writing` writes it. Raises UnreadableUse for a use
    that cannot be judged; never for what a recipe says.
    """
    question = checking_choice.question_of(use, studio=studio, project=project, now=now)
    recipe = _placed(recipe)
    resolution = resolve(recipe, now=now, studio=studio)
    releases = {one.release.pk: one.release for one in resolution.refs if one.release is not None}
    packs = {release.pack_id for release in releases.values()}
    question = replace(question, prefer=frozenset(prefer))
    work = _Work(resolution, releases, question, holdings(studio, packs), currency)
    areas, unknown = areas_of(recipe, masks or {})
    shares = shares_of(resolution, areas)
    refs = work.checked_refs(shares)
    layers = tuple(
        _layer(layer, area, [ref for ref in refs if ref.resolved.layer == layer.label])
        for layer, area in zip(painted_layers(recipe), areas, strict=True)
    )
    clashes, duties = work.together()
    missing = _missing(refs)
    return Checked(
        recipe=recipe,
        use=question.use,
        currency=work.currency,
        studio=studio,
        project=project,
        findings=tuple(sorted((*resolution.findings, *unknown), key=lambda one: (one.line, one.column)))[
            :MOST_FINDINGS
        ],
        layers=layers,
        missing=missing,
        prices=_prices(missing),
        clashes=clashes,
        fixes=work.fixes_of_all() if clashes else (),
        duties=duties,
        base_model=resolution.base_model,
        resolution=resolution,
        named={name: tuple(one.position for one in ones) for name, ones in work.refs_by_name.items()},
    )


def _placed(recipe: Recipe) -> Recipe:
    return recipe if all(layer.at for layer in painted_layers(recipe)) else read(write(recipe))


def painted_layers(recipe: Recipe) -> tuple[Layer, ...]:
    """This will list a recipe's layers in paint order, the style last."""
    return (*recipe.layers, *((recipe.style,) if recipe.style else ()))


def areas_of(recipe: Recipe, masks: Mapping[str, str]) -> tuple[list[int], list[Finding]]:
    """This will measure each layer in paint order, in parts per million, and find the masks that are not there."""
    layers = painted_layers(recipe)
    known = masks_by(masks.values())
    measured = {name: known[digest].area_ppm for name, digest in masks.items() if digest in known}
    unknown = []
    for layer in layers:
        if layer.region and layer.region.mask in masks and layer.region.mask not in measured:
            at = layer.region.at or Place(1, 1)
            words = Words(
                _("There is no mask with the SHA-256 that you give for %(mask)s."), {"mask": layer.region.mask}
            )
            unknown.append(Finding(at.line, at.column, at.length, "unknown-mask", words))
    return sharing.areas(layers, measured), unknown


def shares_of(resolution: Resolution, areas: Sequence[int]) -> tuple[int, ...]:
    """This will share the picture out among a recipe's packs by its policy, in parts per billion."""
    of = dict(zip((layer.label for layer in painted_layers(resolution.recipe)), areas, strict=True))
    parts = [sharing.Part(one.layer, one.weight_ppm, of[one.layer]) for one in resolution.refs]
    policy, agreed = sharing.policy_of(resolution.recipe)
    return sharing.shares(parts, policy, agreed)


class _Work:
    """A check on its way: everything that was read once, and under what each release is used."""

    def __init__(
        self,
        resolution: Resolution,
        releases: Mapping[UUID, Release],
        question: Question,
        held: Holdings,
        currency: str,
    ) -> None:
        self.resolution, self.releases, self.question, self.held = resolution, releases, question, held
        refs = [(one.layer, one.release) for one in resolution.refs if one.release is not None]
        self.names = checking_choice.names_of(refs)
        self.refs_by_name: dict[str, list[Resolved]] = {}
        for one in resolution.refs:
            if one.release is not None:
                self.refs_by_name.setdefault(self.names[one.release.pk], []).append(one)
        covering = covered(resolution, held.compositions) if held.compositions else {}
        offers = offers_of(releases, question.now)
        self.offers = {
            key: [checking_choice.under_offer(offer, releases[key], name, question) for offer in offers[key]]
            for key, name in self.names.items()
        }
        self.currency = currency or checking_choice.common_currency(self.offers)
        self.licenses: dict[UUID, License | None] = {}
        for key, name in self.names.items():
            grants = checking_choice.grants_for(releases[key], held, covering)
            mine = checking_choice.held(releases[key], name, grants, question)
            one = checking_choice.chosen(mine, self.offers[key], self.currency, question)
            self.licenses[key] = checking_choice.with_price(one, question) if one and one.reasons else one

    def checked_refs(self, shares: Sequence[int]) -> list[CheckedRef]:
        """Gives each ref its verdict, and what would help where it is refused."""
        refused = {key: name for key, name in self.names.items() if not self._allows(key)}
        instead = self._instead(refused) if refused else None
        remedies: dict[UUID, tuple[Remedy, ...]] = {}
        for key, name in self.names.items():
            refs, one = self.refs_by_name[name], self.licenses[key]
            if instead is not None and key in refused:
                remedies[key] = checking_fixes.for_one(one, self.releases[key], name, refs, instead)
            elif one is not None and one.grant is None:
                remedies[key] = checking_fixes.held_instead(self.releases[key], name, refs, self.held, self.question)
        return [
            self._ref(resolved, share, remedies) for resolved, share in zip(self.resolution.refs, shares, strict=True)
        ]

    def _allows(self, key: UUID) -> bool:
        one = self.licenses[key]
        return one is not None and one.allows

    def _instead(self, named: Mapping[UUID, str]) -> checking_fixes.Instead:
        return checking_fixes.instead_of(named, self.releases, self.offers, self.held, self.question)

    def _ref(self, resolved: Resolved, share: int, remedies: Mapping[UUID, tuple[Remedy, ...]]) -> CheckedRef:
        at = resolved.ref.at
        found = tuple(one for one in self.resolution.findings if at and (one.line, one.column) == (at.line, at.column))
        if resolved.release is None or found:
            return CheckedRef(resolved, REFUSED, share, findings=found)
        key = resolved.release.pk
        one, fixes = self.licenses[key], remedies.get(key, ())
        if one is None:
            words = Words(_("%(release)s is not sold."), {"release": str(resolved.release)})
            unsold = Obstacle("", "not-sold", (self.names[key],), words)
            return CheckedRef(resolved, REFUSED, share, reasons=(unsold,), fixes=fixes)
        verdict = REFUSED if one.reasons else LICENSED if one.grant else OFFERED
        return CheckedRef(
            resolved, verdict, share, one.grant, one.offer, one.priced, one.seats, one.needs_quote, one.reasons, fixes
        )

    def _layers(self) -> list[License]:
        return [one for key, one in self.licenses.items() if one is not None and self._allows(key)]

    def together(self) -> tuple[tuple[Refusal, ...], Duties]:
        """Tells between which packs, each of which could be used alone, there is a clash, and what the use brings."""
        usable = self._layers()
        if not usable:
            return (), Duties()
        answer = ask(self.question.use, [one.layer for one in usable])
        return answer.refusals, answer.duties

    def fixes_of_all(self) -> tuple[Remedy, ...]:
        """Finds what would help packs that clash."""
        usable = self._layers()
        instead = self._instead({one.release.pk: one.layer.name for one in usable})
        return checking_fixes.for_all([one.layer for one in usable], self.refs_by_name, instead)


def _layer(layer: Layer, area_ppm: int, refs: Sequence[CheckedRef]) -> CheckedLayer:
    worst = max((VERDICTS.index(ref.verdict) for ref in refs), default=0)
    return CheckedLayer(layer, VERDICTS[worst], area_ppm, tuple(refs))


def _missing(refs: Sequence[CheckedRef]) -> tuple[Missing, ...]:
    """Lists what is to be bought, each once, in the order of the layers."""
    found: dict[UUID, Missing] = {}
    for ref in refs:
        if ref.verdict != OFFERED or ref.offer is None:
            continue
        there = found.get(ref.offer.pk)
        layers = (*there.layers, ref.resolved.layer) if there else (ref.resolved.layer,)
        layers = tuple(dict.fromkeys(layers))
        found[ref.offer.pk] = Missing(ref.offer, ref.seats, ref.priced, layers, ref.needs_quote)
    return tuple(found.values())


def _prices(missing: Sequence[Missing]) -> tuple[tuple[str, int], ...]:
    totals: dict[str, int] = {}
    for one in missing:
        if one.priced is not None and one.priced.price_minor:
            totals[one.offer.currency] = totals.get(one.offer.currency, 0) + one.priced.price_minor
    return tuple(sorted(totals.items()))
