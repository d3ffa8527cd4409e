"""How checks stand."""

from collections.abc import Collection
from uuid import UUID

from marketplace.payouts.checks.tables import CreatorCheck


def newest_checks(creator_ids: Collection[UUID] | None = None) -> list[CreatorCheck]:
    """Return how each check of creators stands, or of all who have any; by creator and kind."""
    found = CreatorCheck.objects.order_by("creator_id", "kind", "-pk").distinct("creator_id", "kind")
    return list(found if creator_ids is None else found.filter(creator_id__in=list(creator_ids)))


def newest_check(creator_id: UUID, kind: str) -> CreatorCheck | None:
    """Return how one check of a creator stands; None where it never was asked for."""
    return CreatorCheck.objects.filter(creator_id=creator_id, kind=kind).order_by("pk").last()
