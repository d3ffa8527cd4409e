"""Pages ask the database few questions, however much is on them (`make bench`, figure journey-queries: at most 25)."""

from pytest_django import DjangoAssertNumQueries

from tests.cast import CARD
from tests.storefront.market import Market, browser_of
from tests.storefront.test_buy import buy

QUERIES_LIMIT = 25


def test_every_page_asks_at_most_25_questions(
    sealed: Market, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    carol = browser_of(sealed.cast.carol)
    for address in (
        buy(carol, sealed, card=CARD)["Location"],  # type: ignore[index]
        "/",
        "/browse?q=clouds&kind=world",
        "/packs/alice/yunhai",
        "/creators/alice",
        f"/checkout?offer={sealed.offer('studio').pk}",
        "/licenses",
        f"/verify?digest={sealed.world.digest}",
        "/log/",
    ):
        with django_assert_max_num_queries(QUERIES_LIMIT, info=address):
            assert carol.get(address).status_code == 200
