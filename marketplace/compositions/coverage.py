"""Which licenses of compositions cover the releases that are in them. Questions only."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from marketplace.compositions.resolving import Resolution
from marketplace.licensing.models import Grant


def covered(resolution: Resolution, grants: Iterable[Grant]) -> Mapping[UUID, list[Grant]]:
    """This will tell, by release, which of a studio's licenses of compositions include it in a recipe of these layers.

    `grants` are those that the studio has of compositions, each with `.status`.
    """
    return {}
