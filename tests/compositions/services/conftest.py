"""A gallery of packs that are painted on request, and who paints them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cast import on_stage
from tests.compositions.services.gallery import Gallery, gallery
from tests.compositions.services.painter import Painter, at_work
from tests.standing import standing

_HERE: list[Painter] = []


@pytest.fixture(scope="session")
def _at_work() -> Iterator[None]:
    """One server for all stories, so that the packs that name it are made once."""
    with at_work() as found:
        _HERE.append(found)
        yield
        _HERE.clear()


@pytest.fixture
def painter(_at_work: None) -> Painter:
    """Who paints, with nothing on the mind."""
    (here,) = _HERE
    here.begin_anew()
    return here


def opened(folder: Path) -> Gallery:
    (here,) = _HERE
    return gallery(on_stage(), folder, Painter(endpoint=here.endpoint))


@pytest.fixture
def scene(db: None, tmp_path: Path, painter: Painter, settings: Any) -> Gallery:
    settings.SERVICE_PRIVATE = ["127.0.0.0/8"]
    found = standing(opened, tmp_path)
    return replace(found, painter=painter, stage=replace(found.stage, folder=tmp_path))
