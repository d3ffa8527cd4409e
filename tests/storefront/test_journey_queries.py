"""Pages ask the database few questions, however much is on them (`make bench`, figure journey-queries: at most 25)."""

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.cast import CARD
from tests.storefront.market import Market, browser_of
from tests.storefront.test_buy import buy

QUERIES_LIMIT = 25


@pytest.fixture
def addresses(sealed: Market) -> dict[str, str]:
    carol = browser_of(sealed.cast.carol)
    license_address = buy(carol, sealed, card=CARD)["Location"]  # type: ignore[index]
    return {
        "home": "/",
        "browse": "/browse?q=clouds&kind=world",
        "pack": "/packs/alice/yunhai",
        "creator": "/creators/alice",
        "checkout": f"/checkout?offer={sealed.offer('studio').pk}",
        "licenses": "/licenses",
        "license": license_address,
        "verify": f"/verify?digest={sealed.world.digest}",
        "log": "/log/",
    }


@pytest.mark.parametrize(
    "page", ["home", "browse", "pack", "creator", "checkout", "licenses", "license", "verify", "log"]
)
def test_a_page_asks_at_most_25_questions(
    sealed: Market, addresses: dict[str, str], page: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    carol = browser_of(sealed.cast.carol)
    with django_assert_max_num_queries(QUERIES_LIMIT):
        assert carol.get(addresses[page]).status_code == 200
