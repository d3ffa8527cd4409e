"""Which licenses of compositions cover the releases that are in them. Questions only."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from marketplace.compositions.compositions import facts_of
from marketplace.compositions.resolving import Resolution
from marketplace.licensing.models import Grant

Painted = tuple[str, str]
"""A release by its digest, and the element of it that paints, empty for the whole pack."""


def covered(resolution: Resolution, grants: Iterable[Grant]) -> Mapping[UUID, list[Grant]]:
    """This will tell, by release, which of a studio's licenses of compositions include it in a recipe of these layers.

    `grants` are those that the studio has of compositions, each with `.status`. A composition is licensed as it is
    composed: it covers its packs only where every one of them paints, the same release and element, whatever else
    does; and of a release only the elements that are in it. Words, weights and regions do not count.
    """
    held = list(grants)
    if not held:
        return {}
    painting = painting_in(resolution)
    composed = {key: packs_in(facts) for key, facts in facts_of({one.release_id for one in held}).items()}
    found: dict[UUID, list[Grant]] = {}
    for grant in held:
        packs = composed.get(grant.release_id, frozenset())
        if not is_whole(packs, painting):
            continue
        for key, mine in painting.items():
            if included(mine, packs):
                found.setdefault(key, []).append(grant)
    return found


def painting_in(resolution: Resolution) -> dict[UUID, frozenset[Painted]]:
    """This will list, by release, as what it paints in a recipe."""
    found: dict[UUID, set[Painted]] = {}
    for one in resolution.refs:
        if one.release is not None:
            element = one.element.name if one.element else ""
            found.setdefault(one.release.pk, set()).add((one.release.digest, element))
    return {key: frozenset(mine) for key, mine in found.items()}


def packs_in(facts: Mapping[str, Any]) -> frozenset[Painted]:
    """This will list what paints in a composition, from the facts of its file."""
    return frozenset((str(row["release"]), str(row["element"])) for row in facts.get("packs") or ())


def is_whole(packs: frozenset[Painted], painting: Mapping[UUID, frozenset[Painted]]) -> bool:
    """This will tell whether every pack of a composition paints in a recipe."""
    return bool(packs) and packs <= frozenset(one for mine in painting.values() for one in mine)


def included(mine: frozenset[Painted], packs: frozenset[Painted]) -> bool:
    """This will tell whether all that a release paints is in a composition, by itself or with the whole pack."""
    return all(one in packs or (one[0], "") in packs for one in mine)
