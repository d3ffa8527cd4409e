"""Which licenses of compositions cover the releases that are in them. Questions only."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from marketplace.licensing.models import Grant


def covered(releases: Iterable[UUID], grants: Iterable[Grant]) -> Mapping[UUID, list[Grant]]:
    """This will tell, by release, which of a studio's licenses of compositions include it."""
    return {}
