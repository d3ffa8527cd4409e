"""What uses cost and earn, on every screen: axe finds nothing, and no page scrolls sideways."""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.checkout import billing
from marketplace.checkout.charges import UsageCharge
from marketplace.people.models import Person
from tests.browser.conftest import violations
from tests.checkout.shop import Shop
from tests.checkout.usage import FIRST, composed, works_of
from tests.compositions.usage.rendering import locked
from tests.storefront.market import Market

SCREENS: list[dict[str, Any]] = [
    {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1360, "height": 900}},
    {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
]


@pytest.mark.deep
def test_axe_finds_nothing_on_the_pages_of_uses(
    market: Market, open_page: Callable[..., Any], client: Any, live_server: Any
) -> None:
    works, cast = works_of(Shop(market)), market.cast  # type: ignore[arg-type]
    composed(works.derived, [{"release": works.world.digest, "amount_minor": 2}])
    composition, plain = works.held(works.offer(7, "studio", release=works.derived)), works.held(works.offer(5))
    recipe = locked(works.carol.studio, cast.carol, composition, plain, title="A pier above the clouds")
    works.carol.send(*(works.carol.event(recipe, counts={"image": n}, outputs=["ab" * 32]) for n in (4, 26)))
    billing.bill_usage(now=FIRST)
    charge = UsageCharge.objects.get(grant=composition)
    pages: list[tuple[Person, str]] = [
        (cast.carol, "/usage"),
        (cast.carol, f"/usage/charges/{charge.pk}"),
        (cast.alice.person, "/portal/uses?month=2026-11"),
    ]
    for screen in SCREENS:
        page = open_page("/", **screen)
        for person, address in pages:
            client.force_login(person)
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
            page.context.add_cookies([cookie])
            page.goto(address)
            assert violations(page) == [], address
            assert page.evaluate("document.documentElement.scrollWidth") <= screen["viewport"]["width"], address
