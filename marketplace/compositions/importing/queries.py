"""Which registered packs made this, may a studio use them so, and what is owed for it. Questions only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from marketplace.catalog.models import Release
from marketplace.compositions.checking import LICENSED, OFFERED, Checked, CheckedRef, check
from marketplace.compositions.importing import drafting
from marketplace.compositions.importing.claims import Claims
from marketplace.compositions.importing.counting import counted_as
from marketplace.compositions.importing.locked import against, and_of_lock, strangers
from marketplace.compositions.importing.matching import Matched, matched
from marketplace.compositions.importing.reading import claims_of
from marketplace.compositions.lockfile import Lock, read_lock
from marketplace.compositions.locking import unit_prices
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.notation.model import Recipe
from marketplace.compositions.notation.writing import write
from marketplace.compositions.uses import UsageEvent
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.pricing_queries import size_of
from marketplace.licensing.queries import with_state
from marketplace.licensing.terms.model import EVERYTHING, Use
from marketplace.licensing.terms.using import UnreadableUse, use_from
from marketplace.people.models import Studio

PERSONAL = Use(derivatives="private", territory=EVERYTHING, fields=EVERYTHING, media=EVERYTHING)
"""What is asked for where nothing is: a picture for oneself, from which nobody earns."""

# Each license counts once a use, however many layers of a lock it covers.
_SO_FAR = """
SELECT held.grant_id, sum((use.counts ->> held.unit)::bigint)
  FROM (SELECT DISTINCT pack.lock_id, pack.grant_id, offer.unit
          FROM compositions_lockedpack pack
          JOIN licensing_grant one ON one.id = pack.grant_id
          JOIN licensing_offer offer ON offer.id = one.offer_id
         WHERE pack.grant_id = ANY(%s)) held
  JOIN compositions_usageevent use ON use.lock_id = held.lock_id AND use.month = %s
 GROUP BY held.grant_id
"""


@dataclass(frozen=True, slots=True)
class Owed:
    """What one picture costs under a license or an offer, once, however many layers the pack paints.

    `unit_minor` is of a metered one: what this picture adds, while `so_far` units were counted this month. Else it is
    None, and `price_minor` is what the license costs to buy, 0 where it is held. `other` is the newest license of the
    release that the studio has where none allows the use, with `.state`: it may have ended, or be for something else.
    """

    release: Release
    verdict: str
    ref: CheckedRef
    grant: Grant | None = None
    offer: Offer | None = None
    unit: str = ""
    unit_minor: int | None = None
    price_minor: int | None = None
    currency: str = ""
    so_far: int = 0
    other: Grant | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file says, and what that means here.

    `lock` is the one that it names, where it is of a studio of whoever asks; `is_elsewhere` says that the file names
    another site. `recipe` is `text`, which says what was found; `checked` is that recipe's check, None without one.
    `beside` are packs that it names beside its lock. `counted` is the use that this very file was counted as.
    """

    claims: Claims
    matched: Matched
    lock: RecipeLock | None = None
    is_elsewhere: bool = False
    recipe: Recipe | None = None
    text: str = ""
    checked: Checked | None = None
    masks: Mapping[str, str] = field(default_factory=dict)
    owed: Sequence[Owed] = ()
    beside: Sequence[Owed] = ()
    counted: UsageEvent | None = None

    @property
    def totals(self) -> Sequence[tuple[str, int]]:
        """What counting this picture adds under licenses that count uses, by currency; nothing once it was counted."""
        sums: dict[str, int] = {}
        for one in () if self.counted else self.owed:
            if one.verdict == LICENSED and one.unit_minor:
                sums[one.currency] = sums.get(one.currency, 0) + one.unit_minor
        return sorted(sums.items())


def look(
    data: bytes,
    *,
    site: str,
    studios: Collection[Studio] = (),
    studio: Studio | None = None,
    project: Project | None = None,
    use: Use | None = None,
    currency: str = "",
    now: datetime,
) -> Imported:
    """This will say which registered packs a file names, and what `studio` may do with them, or anybody.

    A lock of one of `studios` is found by its digest, and judged as that studio's, for the use and the project that it
    was locked for; `use` and `project` are of everything else. Raises UnableToImport for a file that says nothing,
    UnreadableUse for a use that cannot be judged. Nothing is written, and nothing of the file is kept.
    """
    claims = claims_of(data)
    row = _lock_of(claims.recipe, studios) if claims.recipe else None
    found = matched(claims)
    stated = claims.stated
    elsewhere = bool(stated and stated.site and stated.site.rstrip("/") != site.rstrip("/"))
    lock = read_lock(bytes(row.document)) if row else None
    recipe = drafting.of_lock(lock) if lock else drafting.drafted(claims, found.found)
    if row is not None:
        studio, project, use = row.studio, row.project, _use_of(lock) or use
    masks = _masks(lock)

    def judged(one: Recipe | None) -> Checked | None:
        asked: dict[str, Any] = {"studio": studio, "project": project, "currency": currency, "masks": masks}
        return check(one, use=use or PERSONAL, now=now, **asked) if one is not None else None

    checked = judged(recipe)
    beside = judged(drafting.drafted(claims, strangers(found, lock))) if lock else None
    if lock is not None:
        found = and_of_lock(against(found, lock, claims), [ref.release for ref in checked.refs] if checked else [])
    return Imported(
        claims,
        found,
        row,
        elsewhere and row is None,
        recipe,
        write(recipe) if recipe is not None else "",
        checked,
        masks,
        owed(checked, now=now) if checked else (),
        owed(beside, now=now) if beside else (),
        counted_as(row, claims.sha256, now=now) if row and claims.is_picture else None,
    )


def _lock_of(digest: str, studios: Collection[Studio]) -> RecipeLock | None:
    rows = RecipeLock.objects.filter(digest=digest, studio__in=[one.pk for one in studios])
    return rows.select_related("studio", "project").first() if studios else None


def _use_of(lock: Lock | None) -> Use | None:
    try:
        return use_from(lock.use) if lock and lock.use else None
    except (UnreadableUse, KeyError, TypeError, ValueError):
        return None


def _masks(lock: Lock | None) -> Mapping[str, str]:
    layers = lock.painted if lock else ()
    return {layer.mask: layer.mask_sha256 for layer in layers if layer.mask and layer.mask_sha256}


def owed(checked: Checked, *, now: datetime) -> Sequence[Owed]:
    """This will say of each pack of a recipe what one picture costs, in paint order; four questions."""
    prices = unit_prices(checked.refs, size_of(checked.studio) if checked.studio else None, now)
    grants = [ref.grant for ref in checked.refs if ref.grant is not None and ref.grant.offer.model == "metered"]
    counted = so_far({grant.pk for grant in grants}, now=now)
    others = _others(checked, now)
    found: dict[UUID, Owed] = {}
    for ref in checked.refs:
        if ref.release is not None and ref.release.pk not in found:
            one = _owed(ref, ref.release, prices, counted)
            found[ref.release.pk] = replace(one, other=others.get(ref.release.pk))
    return tuple(found.values())


def _others(checked: Checked, now: datetime) -> Mapping[UUID, Grant]:
    """Finds the newest license that the studio has of each release that none covers for this use."""
    wanted = {ref.release.pk for ref in checked.refs if ref.release is not None and ref.verdict != LICENSED}
    if checked.studio is None or not wanted:
        return {}
    rows = with_state(Grant.objects.filter(studio=checked.studio, release__in=wanted), now).defer("certificate")
    return {row.release_id: row for row in rows.select_related("terms").order_by("granted_at", "id")}


def _owed(ref: CheckedRef, release: Release, prices: Mapping[UUID, int], counted: Mapping[UUID, int]) -> Owed:
    offer = ref.grant.offer if ref.grant else ref.offer
    if offer is None:
        return Owed(release, ref.verdict, ref)
    is_metered = offer.model == "metered"
    price = ref.priced.price_minor if ref.priced else None
    return Owed(
        release,
        ref.verdict,
        ref,
        ref.grant,
        ref.offer if ref.verdict == OFFERED else None,
        offer.unit,
        prices[offer.pk] if is_metered else None,
        0 if ref.grant else price,
        offer.currency,
        counted.get(ref.grant.pk, 0) if ref.grant else 0,
    )


def so_far(grants: Collection[UUID], *, now: datetime) -> dict[UUID, int]:
    """This will add up how many units of metered licenses were counted in this month, by UTC."""
    if not grants:
        return {}
    month = now.astimezone(UTC).date().replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute(_SO_FAR, [list(grants), month])
        return {grant: int(units or 0) for grant, units in cursor.fetchall()}
