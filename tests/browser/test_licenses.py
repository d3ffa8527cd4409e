"""Carol asks whether she may, looks after her licenses and agrees on a price, in a real browser."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

import ledger.operations
from marketplace.checkout import operations as checkout
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import SeatAssignment
from marketplace.licensing.models import Grant
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.browser.conftest import NARROW, violations
from tests.cast import CARD, PASSWORD
from tests.storefront.market import Market

pytestmark = pytest.mark.browser


def bought(market: Market, *asks: checkout.Ask) -> list[Grant]:
    """Carol licenses things for Lantern Films."""
    cast = market.cast
    order = checkout.buy(
        studio=cast.studio,
        buyer=cast.carol,
        offers=asks,
        method=CARD,
        idempotency_key=str(uuid4()),
        now=timezone.now(),
    )
    return [Grant.objects.get(source=line.source) for line in order.lines.all()]


@pytest.fixture
def addresses(market: Market) -> list[str]:
    """Pages with something on them."""
    now, cast, world = timezone.now(), market.cast, market.world
    studio, enterprise = market.offer("studio"), market.offer("enterprise")
    tide = licensing.open_project(studio=cast.studio, by=cast.carol, name="Tide", now=now)
    monthly = licensing.offer(release=world, terms=READY["studio"], price=Money(900, "USD"), model="monthly", now=now)
    metered = licensing.offer(
        release=world, terms=READY["studio"], price=Money(2, "USD"), model="metered", unit="image", now=now
    )
    talked = licensing.offer(
        release=world, terms=READY["exclusive"], price=Money(0, "USD"), model="on-request", now=now
    )
    grants = bought(
        market,
        checkout.Ask(studio, project=tide),
        checkout.Ask(monthly, seats=2),
        checkout.Ask(metered),
        checkout.Ask(enterprise),
    )
    licensing.assign_seat(grant=grants[1], person=cast.carol, by=cast.carol, now=now)
    day = now.date()
    licensing.report_use(grant=grants[2], key="1", quantity=1200, from_day=day, until_day=day, by="Carol", now=now)
    quote = licensing.ask_quote(
        offer=talked, studio=cast.studio, person=cast.carol, now=now, seats=3, message="A film in two parts."
    )
    licensing.answer_quote(
        request=quote,
        person=cast.alice.person,
        side="creator",
        now=now,
        price_minor=500_000,
        valid_until=now + timedelta(days=9),
        message="Gladly.",
    )
    # Pages whose proof is still being sealed ask for themselves again, whatever is looked at meanwhile.
    ledger.operations.seal(now=now)
    use = f"digest={world.digest}&studio={cast.studio.pk}&fields_of_use=film&media=video&credited=on&seats=1"
    return [
        "/licenses",
        *(f"/licenses/{grant.pk}" for grant in grants[:3]),
        f"/licenses/{grants[0].pk}/upgrade",
        f"/licenses/{grants[3].pk}/pass-on",
        "/projects",
        f"/projects/{tide.pk}",
        "/may-i",
        f"/may-i?{use}&commercial=full",
        f"/may-i?{use}&commercial=full&ai_training=share&content=gambling",
        "/may-i?digest=x&commercial=limited",
        "/quotes",
        f"/quotes/{quote.pk}",
        f"/quotes/ask?offer={talked.pk}",
        f"/studio/{cast.studio.pk}/entity",
        "/studio",
    ]


def sign_in(page: Any) -> None:
    page.locator("input[type=email]").fill("carol@example.com")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()


def test_a_file_is_hashed_here_and_asked_about(market: Market, open_page: Callable[..., Any], tmp_path: Path) -> None:
    (grant,) = bought(market, checkout.Ask(market.offer("studio")))
    page = open_page("/sign-in?next=/may-i", locale="en-US")
    sign_in(page)
    page.wait_for_url("**/may-i")
    asked: list[tuple[str, str | None]] = []
    page.on("request", lambda request: asked.append((request.method, request.post_data)))

    page.locator("verify-file input[type=file]").set_input_files(tmp_path / "yunhai" / "style.safetensors")
    page.get_by_text("Hashed: its digest is below.").first.wait_for()
    page.get_by_label("films", exact=True).check()
    page.get_by_label("video", exact=True).check()
    page.get_by_label("Who earns with it?").select_option("full")
    page.locator("#ask button.primary").click()

    page.get_by_role("heading", name="No, not as it stands.").wait_for()
    assert page.get_by_text("$900.00").is_visible()
    page.get_by_label("Who earns with it?").select_option("none")
    page.locator("#ask button.primary").click()
    page.get_by_role("heading", name="Yes, you may.").wait_for()
    assert page.get_by_role("link", name="by this license").get_attribute("href") == f"/licenses/{grant.pk}"
    assert {(method, body) for method, body in asked} == {("GET", None)}


def test_a_seat_is_assigned_without_scripts(market: Market, open_page: Callable[..., Any]) -> None:
    (grant,) = bought(market, checkout.Ask(market.offer("studio")))
    page = open_page(f"/sign-in?next=/licenses/{grant.pk}", java_script_enabled=False, locale="en-US")
    sign_in(page)
    page.get_by_role("button", name="Assign the seat").click()

    assert page.get_by_text("1 of 30 assigned").is_visible()
    page.get_by_role("button", name="Release Carol").click()
    assert SeatAssignment.objects.filter(released_at=None).count() == 0


WIDE = {"width": 1360, "height": 900}


@pytest.mark.deep
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            {"locale": "en-US", "color_scheme": "light", "viewport": WIDE}, id="light", marks=pytest.mark.deep
        ),
        pytest.param({"locale": "en-US", "color_scheme": "dark", "viewport": NARROW}, id="dark, 390 px"),
        pytest.param({"locale": "zh-CN", "viewport": NARROW}, id="Chinese, 390 px", marks=pytest.mark.deep),
    ],
)
def test_axe_finds_nothing_on_the_pages_of_licenses(
    market: Market,
    addresses: list[str],
    open_page: Callable[..., Any],
    kind: dict[str, Any],
    client: Any,
    live_server: Any,
) -> None:
    client.force_login(market.cast.carol)
    page = open_page("/", **kind)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    for address in addresses:
        page.goto(address)
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= kind["viewport"]["width"], address
