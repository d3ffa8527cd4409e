"""The people of the money stories and the moment they live in."""

from datetime import UTC, datetime

from marketplace.people.models import Creator, Person

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def add_creator(handle: str, number: int) -> Creator:
    """Adds a creator whose id is chosen, so that ties fall the same way in every run."""
    person = Person.objects.create(
        id=f"00000000-0000-4000-9000-{number:012d}",
        email=f"{handle}@example.org",
        display_name=handle,
        joined_at=NOON,
    )
    creator = Creator.objects.create(
        id=f"00000000-0000-4000-8000-{number:012d}",
        person=person,
        handle=handle,
        display_name=handle.title(),
        created_at=NOON,
    )
    creator.refresh_from_db()
    return creator
