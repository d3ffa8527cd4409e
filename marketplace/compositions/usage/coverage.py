"""Whether a lock's licenses hold at a moment, and what they count."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, inf
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from marketplace.licensing.models import GrantStatus
from marketplace.people.models import Studio
from marketplace.ui.words import Values
from marketplace.ui.words import gettext_noop as _

Spans = Sequence[tuple[float, float]]
"""Times in Unix seconds, each from the first second until before the second one."""
ALWAYS: Spans = ((-inf, inf),)

_PACKS = """
SELECT lock.digest, pack.layer, pack.grant_id, pack.offer_id
  FROM compositions_recipelock lock LEFT JOIN compositions_lockedpack pack ON pack.lock_id = lock.digest
 WHERE lock.digest = ANY(%(recipes)s) AND lock.studio_id = %(studio)s
 ORDER BY lock.digest, pack.position
"""
# A license, and what follows it: renewals and upgrades go on covering what the lock names. What is counted is not
# followed, since each count is charged to the very license that the lock names.
_HELD = """
WITH RECURSIVE held (root, id, unit) AS (
    SELECT first.id, first.id, offer.unit
      FROM licensing_grant first JOIN licensing_offer offer ON offer.id = first.offer_id
     WHERE first.id = ANY(%(grants)s)
    UNION
    SELECT held.root, following.id, held.unit
      FROM held
      JOIN licensing_grant following ON following.replaces_id = held.id
      JOIN licensing_offer offer ON offer.id = following.offer_id
     WHERE following.studio_id = %(studio)s AND following.kind IN ('renewal', 'upgrade')
       AND held.unit = '' AND offer.unit = ''
)
SELECT held.root, held.unit, one.starts_at, one.ends_at, one.studio_id,
       ARRAY(SELECT s.status FROM licensing_grantstatus s WHERE s.grant_id = held.id ORDER BY s.id),
       ARRAY(SELECT s.since FROM licensing_grantstatus s WHERE s.grant_id = held.id ORDER BY s.id)
  FROM held JOIN licensing_grant one ON one.id = held.id
 ORDER BY held.root, one.starts_at, one.id
"""


@dataclass(frozen=True, slots=True)
class Held:
    """One license of a lock: the unit that it counts, empty for none, and when it holds."""

    layer: str
    grant: UUID | None
    unit: str
    spans: Spans


@dataclass(frozen=True, slots=True)
class Coverage:
    """All licenses of a lock: the units that they count, and when all of them hold."""

    held: Sequence[Held]
    units: frozenset[str]
    spans: Spans

    def holds(self, at: int) -> bool:
        """This will tell whether every layer was licensed at a moment."""
        return any(begin <= at < end for begin, end in self.spans)

    def reason(self, at: int) -> tuple[str, Values]:
        """This will say why the first layer that was not licensed then was not."""
        one = next(one for one in self.held if not any(begin <= at < end for begin, end in one.spans))
        values: Values = {"layer": one.layer, "grant": str(one.grant)}
        if one.grant is None:
            return _("its lock has no license for the layer “%(layer)s”: license it and lock the recipe again"), values
        if not one.spans:
            return _("the license %(grant)s of the layer “%(layer)s” never held for your studio"), values
        if at < one.spans[0][0]:
            return _("the license %(grant)s of the layer “%(layer)s” had not begun"), values
        if at >= one.spans[-1][1]:
            return _("the license %(grant)s of the layer “%(layer)s” had expired or was revoked"), values
        return _("the license %(grant)s of the layer “%(layer)s” was suspended"), values


class _Grant(NamedTuple):
    unit: str
    spans: Spans


def coverages(studio: Studio, recipes: Iterable[str]) -> Mapping[str, Coverage]:
    """This will look up locks of a studio by their digests; those of others are not there. Two queries for all."""
    with connection.cursor() as cursor:
        cursor.execute(_PACKS, {"recipes": list(set(recipes)), "studio": studio.pk})
        packs = cursor.fetchall()
    grants = _grants(studio, {grant for _lock, _layer, grant, _offer in packs if grant})
    held: dict[str, list[Held]] = {lock: [] for lock, _layer, _grant, _offer in packs}
    for lock, layer, grant, offer in packs:
        # A layer without license and offer is the studio's own work.
        if grant or offer:
            unit, spans = grants[grant] if grant else _Grant("", ())
            held[lock].append(Held(layer, grant, unit, spans))
    return {lock: _coverage(found) for lock, found in held.items()}


def _coverage(held: Sequence[Held]) -> Coverage:
    common = ALWAYS
    for one in held:
        common = _both(common, one.spans)
    return Coverage(held, frozenset(one.unit for one in held if one.unit), common)


def _grants(studio: Studio, grants: set[UUID]) -> dict[UUID, _Grant]:
    if not grants:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_HELD, {"grants": list(grants), "studio": studio.pk})
        rows = cursor.fetchall()
    found: dict[UUID, _Grant] = {}
    for root, unit, starts_at, ends_at, holder, statuses, since in rows:
        spans = _spans(starts_at, ends_at, list(zip(statuses, since, strict=True))) if holder == studio.pk else ()
        found[root] = _Grant(unit, (*(found[root].spans if root in found else ()), *spans))
    return found


def _spans(starts_at: datetime, ends_at: datetime | None, statuses: Sequence[tuple[str, datetime]]) -> Spans:
    """Tells when a license held, in whole seconds: one that it held in part of counts."""
    own: Spans = ((floor(starts_at.timestamp()), ceil(ends_at.timestamp()) if ends_at else inf),)
    active: list[tuple[float, float]] = []
    since: float | None = -inf
    for status, changed_at in statuses:
        if status == GrantStatus.ACTIVE:
            since = floor(changed_at.timestamp()) if since is None else since
        elif since is not None:
            active.append((since, ceil(changed_at.timestamp())))
            since = None
    if since is not None:
        active.append((since, inf))
    return _both(own, active)


def _both(one: Spans, other: Spans) -> Spans:
    """Gives the times that two share."""
    shared = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return [(begin, end) for begin, end in shared if begin < end]
