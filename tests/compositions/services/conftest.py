"""A gallery of packs that are painted on request, and who paints them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import on_stage
from tests.compositions.services.gallery import Gallery, gallery
from tests.compositions.services.painter import Painter, at_work


@pytest.fixture
def painter() -> Iterator[Painter]:
    with at_work() as found:
        yield found


@pytest.fixture
def scene(db: None, tmp_path: Path, painter: Painter, settings: Any) -> Gallery:
    settings.SERVICE_PRIVATE = ["127.0.0.0/8"]
    return gallery(on_stage(), tmp_path, painter)
