"""A stage with packs to compose."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import translation

from tests.cast import on_stage
from tests.compositions.stage import Stage, stage
from tests.standing import standing


@pytest.fixture(autouse=True)
def _english() -> None:
    """The language of the last request stays with the thread; here each story begins in English."""
    translation.activate("en")


def opened(folder: Path) -> Stage:
    return stage(on_stage(), folder)


@pytest.fixture
def scene(db: None, tmp_path: Path) -> Stage:
    return replace(standing(opened, tmp_path), folder=tmp_path)
