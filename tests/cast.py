"""Alice creates, Bob derives, Carol buys for a studio, Dave may not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from marketplace.people import operations as people
from marketplace.people.models import Creator, Person, Studio

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
PASSWORD = "ink on wet paper"
CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
DISPUTED_CARD = "4000 0000 0000 0259"


def later(**passed: int) -> datetime:
    """A moment after noon."""
    return NOON + timedelta(**passed)


@dataclass(frozen=True)
class Cast:
    """Who is on stage."""

    alice: Creator
    bob: Creator
    mo: Creator
    carol: Person
    studio: Studio
    dave: Person
    daves_studio: Studio


def person(name: str) -> Person:
    """Somebody who can sign in."""
    return people.sign_up(email=f"{name}@example.com", password=PASSWORD, display_name=name.title(), now=NOON)


def creator(name: str) -> Creator:
    """Somebody who sells."""
    return people.become_creator(person=person(name), handle=name, now=NOON)


def on_stage() -> Cast:
    """Brings everybody on stage."""
    carol, dave = person("carol"), person("dave")
    return Cast(
        alice=creator("alice"),
        bob=creator("bob"),
        mo=creator("mo"),
        carol=carol,
        studio=people.open_studio(person=carol, name="Lantern Films", now=NOON),
        dave=dave,
        daves_studio=people.open_studio(person=dave, name="Quill", now=NOON),
    )
