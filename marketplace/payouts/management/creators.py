"""How commands name creators."""

from django.core.management.base import CommandError

from marketplace.people.models import Creator
from marketplace.people.queries import creator_named


def asked_creator(handle: str | None) -> Creator | None:
    """Return the creator with a handle, None for None, or raise CommandError where there is none."""
    if handle is None:
        return None
    creator = creator_named(handle)
    if creator is None:
        raise CommandError(f"There is no creator “{handle}”; give the name after /creators/ in their address.")
    return creator
