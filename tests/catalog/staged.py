"""Everybody on stage, contracts on record, and a release of Alice's where a test asks for it."""

from pathlib import Path

import pytest
from django.conf import settings

from marketplace.catalog.models import Release
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import NOON, Cast, on_stage
from tests.catalog.tokens import record_suite
from tests.standing import standing


def opened(folder: Path) -> tuple[Cast, Release]:
    cast = on_stage()
    return cast, publish_folder(folder=packs.write(folder / "one", handle="yunhai"), creator=cast.alice, now=NOON)


@pytest.fixture
def staged(db: None, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Cast, Release | None]:
    record_suite(settings.DATA_FOLDER)
    return standing(opened, tmp_path) if "release" in request.fixturenames else (on_stage(), None)


@pytest.fixture
def cast(staged: tuple[Cast, Release]) -> Cast:
    return staged[0]


@pytest.fixture
def release(staged: tuple[Cast, Release]) -> Release:
    """Alice's yunhai."""
    return staged[1]
