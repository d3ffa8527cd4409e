"""What the stories of payments share: three sellers, people who sign in, and the pages' addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.utils import timezone

from marketplace.checkout.models import Order
from marketplace.intake.operations import publish_folder
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Offer
from marketplace.payouts.operations import allocate_royalties
from marketplace.people import operations as people
from marketplace.people.models import Person
from tests import packs
from tests.browser.conftest import opened
from tests.cast import NOON, PASSWORD, later, person
from tests.storefront.market import Market

ASKS, LATE, DISPUTED = "4000 0027 6000 3184", "4000 0099 0000 0012", "4000 0000 0000 0259"
SCREENS: list[dict[str, Any]] = [
    {"locale": "en-US", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
    {"locale": "zh-CN", "color_scheme": "light", "viewport": {"width": 1360, "height": 900}},
]


@dataclass(frozen=True)
class Fair:
    """A market with three sellers, and Olga who runs the house."""

    market: Market
    offers: tuple[Offer, Offer, Offer]
    olga: Person

    @property
    def checkout(self) -> str:
        """The address where one license of each seller is ordered."""
        return "/checkout?" + "&".join(f"offer={one.pk}" for one in self.offers)


def fair(folder: Path) -> Fair:
    """Alice's world, Bob's work made with it, and Mo's style, each under one offer for studios."""
    market = opened(folder)
    style = packs.write(folder / "wash", handle="wash", title="Ink Wash", seed=3, offers=[("studio", "40.00", "USD")])
    mine = publish_folder(folder=style, creator=market.cast.mo, now=later(hours=1))
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    live = [next(iter(licensing.live_offers(release))) for release in (market.derived, mine)]
    return Fair(market, (market.offer("studio"), live[0], live[1]), olga)


def signed_in(open_page: Callable[..., Any], name: str, address: str, **settings: Any) -> Any:
    """Somebody's own browser, at a page."""
    page = open_page(f"/sign-in?next={quote(address)}", **settings)
    page.locator("main input[name=email]").fill(f"{name}@example.com")
    page.locator("main input[name=password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def shared_out() -> Order:
    """What the worker does with the newest order's money."""
    allocate_royalties(now=timezone.now())
    return Order.objects.latest("placed_at")


def sideways(page: Any) -> bool:
    """Whether a page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
