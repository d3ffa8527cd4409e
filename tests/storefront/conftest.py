"""A small market: Alice's world, and what Bob made of it."""

from pathlib import Path

import pytest

import assets.operations
import ledger.operations
from assets.models import Asset
from marketplace.intake.operations import publish_folder
from tests import packs
from tests.cast import NOON, later, on_stage
from tests.compositions.conftest import scene  # noqa: F401
from tests.standing import standing
from tests.storefront.market import Market

OFFERS = (("personal", "0", "USD"), ("studio", "100.01", "USD"), ("enterprise", "900.00", "USD"))


def opened(folder: Path) -> Market:
    cast = on_stage()
    world = packs.write(
        folder / "yunhai",
        handle="yunhai",
        split=[("alice", 700_000_000), ("mo", 300_000_000)],
        offers=OFFERS,
    )
    derived = packs.write(
        folder / "ink",
        handle="ink",
        title="Ink Harbor",
        kind="style",
        seed=2,
        parents=[("alice/yunhai@1.0.0", 200_000_000)],
    )
    made = Market(
        cast,
        publish_folder(folder=world, creator=cast.alice, now=NOON),
        publish_folder(folder=derived, creator=cast.bob, now=later(hours=1)),
    )
    for asset in Asset.objects.all():
        if asset.facts["kind"] == "picture":
            assets.operations.make_previews(asset=asset, now=NOON)
    return made


@pytest.fixture
def market(db: None, tmp_path: Path) -> Market:
    return standing(opened, tmp_path)


@pytest.fixture
def sealed(market: Market) -> Market:
    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=2))
    return market
