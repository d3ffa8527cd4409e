"""Everybody on stage, with a world of Alice's and one that Bob made with it, of which he owes her a fifth."""

from pathlib import Path

import pytest

from marketplace.catalog.models import Release
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import NOON, Cast, on_stage
from tests.standing import standing

Family = tuple[Release, Release]


def opened(folder: Path) -> tuple[Cast, Family]:
    cast = on_stage()
    world = packs.write(folder / "a", handle="yunhai", seed=1, offers=packs.SHARED)
    derived = packs.write(
        folder / "b", handle="ink", title="Ink Harbor", seed=2, parents=[("alice/yunhai@1.0.0", 200_000_000)]
    )
    return cast, (
        publish_folder(folder=world, creator=cast.alice, now=NOON),
        publish_folder(folder=derived, creator=cast.bob, now=NOON),
    )


@pytest.fixture
def staged(db: None, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Cast, Family | None]:
    """Who is on stage, and the worlds where a test asks for them."""
    return standing(opened, tmp_path) if "family" in request.fixturenames else (on_stage(), None)


@pytest.fixture
def cast(staged: tuple[Cast, Family]) -> Cast:
    return staged[0]


@pytest.fixture
def family(staged: tuple[Cast, Family]) -> Family:
    """Alice's world, and Bob's."""
    return staged[1]
