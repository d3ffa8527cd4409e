"""A market, and studios that come to it with their keys."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

import ledger.operations
from marketplace.intake.operations import publish_folder
from marketplace.people import operations as people
from tests import packs
from tests.api.quick import hurry
from tests.api.studios import Market, Studio, key_of
from tests.cast import NOON, later, on_stage
from tests.standing import standing

OFFERS = (("personal", "0", "USD"), ("studio", "100.01", "USD"), ("enterprise", "900", "CNY"))


@pytest.fixture(autouse=True)
def _english() -> None:
    """The language of the last request stays with the thread; here each story begins in English."""
    translation.activate("en")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    hurry(monkeypatch, settings)


def opened(folder: Path) -> Market:
    cast = on_stage()
    world = publish_folder(
        folder=packs.write(folder / "yunhai", handle="yunhai", offers=OFFERS), creator=cast.alice, now=NOON
    )
    ink = packs.write(
        folder / "ink",
        handle="ink",
        title="Ink Harbor",
        kind="style",
        seed=2,
        parents=[("alice/yunhai@1.0.0", 200_000_000)],
    )
    derived = publish_folder(folder=ink, creator=cast.bob, now=later(hours=1))
    return Market(cast, world, derived)


@pytest.fixture
def market(db: None, tmp_path: Path) -> Market:
    return standing(opened, tmp_path)


@pytest.fixture
def sealed(market: Market) -> Market:
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=2))
    return market


@pytest.fixture
def carol(market: Market) -> Studio:
    return key_of(market.cast.studio, market.cast.carol)


@pytest.fixture
def dave(market: Market) -> Studio:
    return key_of(market.cast.daves_studio, market.cast.dave)


@pytest.fixture
def revoked(market: Market) -> Studio:
    """Carol's key of last year."""
    old = key_of(market.cast.studio, market.cast.carol)
    people.revoke_key(key=old.key, by=market.cast.carol, now=later(days=1))
    return old
