"""Fixing a recipe: exact versions, files, terms, prices, licenses and shares under one digest."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

import ledger.operations
from marketplace.compositions import checking, keeping, sharing
from marketplace.compositions.checking import Checked, CheckedRef, check, painted_layers
from marketplace.compositions.lockfile import Lock, LockedLayer, LockedRef
from marketplace.compositions.locking_files import Painted, painted_with
from marketplace.compositions.models import LockedPack, Recipe, RecipeLock
from marketplace.compositions.notation import model, wildcards
from marketplace.compositions.notation.document import to_document
from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.reading import read
from marketplace.compositions.notation.settings import settings_of
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Offer
from marketplace.licensing.pricing import Size, price_of, read_tiers
from marketplace.licensing.pricing_queries import size_of, with_prices
from marketplace.licensing.terms.model import Use
from marketplace.licensing.terms.using import use_document
from marketplace.people.models import Person, Studio
from marketplace.ui.formats import sentence


class UnableToLock(Exception):
    """The recipe cannot be fixed as it is: `findings` say where and why, `checked` which layers are refused."""

    code = "lock-refused"

    def __init__(self, reason: str, findings: Sequence[Finding] = (), checked: Checked | None = None) -> None:
        super().__init__(reason)
        self.findings, self.checked = tuple(findings), checked


def lock(
    *,
    recipe: model.Recipe | str,
    studio: Studio,
    person: Person,
    use: Use,
    now: datetime,
    project: Project | None = None,
    recipe_row: Recipe | None = None,
    masks: Mapping[str, str] | None = None,
    currency: str = "",
    prefer: Collection[UUID] = (),
    title: str = "",
) -> RecipeLock:
    """This will fix a recipe: exact versions, files, terms, prices, licenses and shares, under one digest.

    `masks` are the SHA-256 of masks by the names that the recipe has for them. The same lock again is the one there
    is. What is to be bought still is locked with the offer that was chosen, and cannot be run before it is bought and
    locked again. Raises UnreadableRecipe, UnreadableUse, NotYourRecipe and UnableToLock; then nothing is written.
    """
    keeping.check_seat(person, studio)
    if recipe_row is not None:
        keeping.check_reads(person, recipe_row)
    if project is not None and project.studio_id != studio.pk:
        raise UnableToLock(_("The project “%s” is of another studio: choose one of yours.") % project.name)
    title = keeping.a_title(title or (keeping.newest_of(recipe_row).title if recipe_row else ""))
    read_recipe = read(recipe) if isinstance(recipe, str) else recipe
    checked = check(
        read_recipe,
        use=use,
        studio=studio,
        project=project,
        currency=currency,
        masks=masks,
        prefer=prefer,
        now=now,
    )
    if not checked.allowed:
        raise UnableToLock(_refusal(checked), checked.problems, checked)
    found = _lock_of(checked, use, masks or {}, now)
    return _written(
        found, checked, studio=studio, person=person, project=project, recipe=recipe_row, title=title, now=now
    )


def _refusal(checked: Checked) -> str:
    first = next(iter(checked.problems), None)
    if first is None:
        return _("The recipe cannot be locked.")
    values = {"line": first.line, "column": first.column, "why": sentence(first)}
    return _("The recipe cannot be locked: line %(line)d, column %(column)d: %(why)s") % values


def _lock_of(checked: Checked, use: Use, masks: Mapping[str, str], now: datetime) -> Lock:
    assert checked.recipe is not None
    assert checked.resolution is not None
    assert checked.studio is not None
    recipe, said = checked.recipe, settings_of(checked.recipe)
    chosen = wildcards.resolved(recipe)
    painted = painted_with(checked.resolution)
    prices = unit_prices(checked.refs, size_of(checked.studio), now)
    layers = [
        _layer(layer, prompt.prompt, masks, [_ref(ref, painted[ref.resolved.position], prices) for ref in layer.refs])
        for layer, prompt in zip(checked.layers, painted_layers(chosen), strict=True)
    ]
    style = layers.pop() if recipe.style else None
    return Lock(
        recipe=to_document(recipe),
        layers=tuple(layers),
        style=style,
        negative=chosen.negative,
        licensee=str(checked.studio.pk),
        project=str(checked.project.pk) if checked.project else "",
        policy=sharing.policy_of(recipe)[0],
        base_model=checked.base_model,
        checkpoint=said.checkpoint,
        width=said.width,
        height=said.height,
        steps=said.steps,
        cfg_ppm=said.cfg_ppm,
        sampler=said.sampler,
        scheduler=said.scheduler,
        seed=said.seed,
        use=use_document(use),
    )


def _layer(
    checked: checking.CheckedLayer, prompt: str, masks: Mapping[str, str], refs: Sequence[LockedRef]
) -> LockedLayer:
    layer = checked.layer
    region = layer.region or model.Region()
    return LockedLayer(
        label=layer.label,
        prompt=prompt,
        region=region.kind,
        box_ppm=region.box_ppm,
        mask=region.mask,
        mask_sha256=masks.get(region.mask, "") if region.mask else "",
        area_ppm=checked.area_ppm,
        options=layer.options,
        refs=tuple(refs),
    )


def _ref(ref: CheckedRef, painted: Painted, prices: Mapping[UUID, int]) -> LockedRef:
    """Writes a pack with its license, or with the offer that is to be bought."""
    release = ref.release
    assert release is not None
    offer: Offer | None = ref.grant.offer if ref.grant else ref.offer
    assert offer is not None
    terms = ref.grant.terms_id if ref.grant else offer.terms_id
    return LockedRef(
        pack=str(release.pack),
        version=release.version,
        release=release.digest,
        element=ref.resolved.element.name if ref.resolved.element else "",
        weight_ppm=ref.resolved.weight_ppm,
        share_ppb=ref.share_ppb,
        terms=terms,
        offer=str(offer.pk),
        price_minor=_price(ref, offer, prices),
        currency=ref.grant.currency if ref.grant and offer.model != "metered" else offer.currency,
        model=offer.model,
        unit=offer.unit,
        grant=str(ref.grant.pk) if ref.grant else "",
        triggers=painted.triggers,
        files=painted.files,
        service=painted.service,
    )


def _price(ref: CheckedRef, offer: Offer, prices: Mapping[UUID, int]) -> int:
    """Tells what one unit costs where uses are counted, else what was paid or is to be paid for the license."""
    if offer.model == "metered":
        return prices[offer.pk]
    if ref.grant is not None:
        return ref.grant.price_minor
    return ref.priced.price_minor if ref.priced else 0


def unit_prices(refs: Sequence[CheckedRef], size: Size | None, now: datetime) -> dict[UUID, int]:
    """This will find what a unit of each metered offer costs this studio now."""
    offers = {offer.pk: offer for ref in refs if (offer := ref.grant.offer if ref.grant else ref.offer)}
    metered = [one for one in offers.values() if one.model == "metered"]
    return {one.pk: _unit_price(one, size) for one in (with_prices(metered, now) if metered else ())}


def _unit_price(offer: Offer, size: Size | None) -> int:
    row = offer.now  # type: ignore[attr-defined]
    tiers = read_tiers(row.tiers, model=offer.model)
    return price_of(
        model=offer.model,
        price_minor=row.price_minor,
        currency=offer.currency,
        tiers=tiers,
        size=size,
        unit=offer.unit,
    ).unit_minor


@transaction.atomic
def _written(
    found: Lock,
    checked: Checked,
    *,
    studio: Studio,
    person: Person,
    project: Project | None,
    recipe: Recipe | None,
    title: str,
    now: datetime,
) -> RecipeLock:
    """Writes the row of a lock with its packs, and states it; two at once write one."""
    row, is_new = RecipeLock.objects.get_or_create(
        digest=found.digest,
        defaults={
            "studio": studio,
            "project": project,
            "recipe": recipe,
            "title": title,
            "document": found.document(),
            "locked_by": person,
            "locked_at": now,
        },
    )
    if not is_new:
        return row
    LockedPack.objects.bulk_create(
        LockedPack(
            lock=row,
            position=ref.resolved.position,
            layer=ref.resolved.layer,
            release=ref.release,
            element=ref.resolved.element.name if ref.resolved.element else "",
            grant=ref.grant,
            offer=ref.grant.offer if ref.grant else ref.offer,
            weight_ppm=ref.resolved.weight_ppm,
            share_ppb=ref.share_ppb,
        )
        for ref in checked.refs
    )
    ledger.operations.state_once(type="recipe", subject=f"recipe:{row.digest}", body={"recipe": row.digest}, now=now)
    return row
