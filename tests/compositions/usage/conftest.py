"""The same market as the API's, and Carol's render farm in it."""

import pytest

from marketplace.compositions.models import RecipeLock
from tests.api.conftest import _english, _quick, market  # noqa: F401
from tests.api.studios import Market
from tests.compositions.usage.rendering import Farm, farm_of, granted, locked, metered


@pytest.fixture
def farm(market: Market) -> Farm:  # noqa: F811
    return farm_of(market.cast.studio, market.cast.carol)


@pytest.fixture
def lock(market: Market) -> RecipeLock:  # noqa: F811
    """Alice's world by the image, and what Bob derived from it as often as Carol likes."""
    studio = market.cast.studio
    by_image, at_once = granted(metered(market.world), studio), granted(market.offer(release=market.derived), studio)
    return locked(studio, market.cast.carol, by_image, at_once)
