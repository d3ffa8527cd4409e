"""Carol finds a world, licenses it and downloads it, in a real browser."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger.operations
from marketplace.licensing.models import Grant
from marketplace.licensing.terms.ready import READY
from tests.browser.conftest import NARROW, violations
from tests.cast import CARD, DECLINED_CARD, PASSWORD, later
from tests.storefront.market import Market
from tests.storefront.test_licenses import offer

pytestmark = pytest.mark.browser
CARD_FIELD = "Card number"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_carol_finds_buys_and_downloads(
    market: Market, open_page: Callable[..., Any], tmp_path: Path, scripts: bool
) -> None:
    page = open_page("/", java_script_enabled=scripts, locale="en-US")
    page.locator("#home-search").fill("clouds")
    page.locator("#home-search").press("Enter")
    page.get_by_role("link", name="Sea of Clouds").click()

    page.get_by_role("radio", name=re.compile("Personal")).check()
    assert page.get_by_text("No commercial use", exact=True).first.is_visible()
    page.get_by_role("radio", name=re.compile("Studio")).check()
    page.get_by_role("button", name="Continue to checkout").click()

    page.wait_for_url("**/sign-in?next=**")
    page.locator("input[type=email]").fill("carol@example.com")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()

    page.wait_for_url("**/checkout?offer=**")
    assert page.get_by_text("Lantern Films").first.is_visible()
    page.get_by_label(CARD_FIELD).fill(DECLINED_CARD)
    page.get_by_role("button", name="Pay $100.01 and license").click()
    assert page.get_by_text("The card was declined: use another card.").first.is_visible()
    assert Grant.objects.count() == 0

    page.get_by_label(CARD_FIELD).fill(CARD)
    page.get_by_role("button", name="Pay $100.01 and license").click()
    page.wait_for_url("**/licenses/**")
    assert page.get_by_role("heading", name="Sea of Clouds").is_visible()

    ledger.operations.seal(now=later(hours=3))
    page.goto(f"/licenses/{Grant.objects.get().pk}")
    assert page.get_by_text("Proof sealed").first.is_visible()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the bundle").click()
    waiting.value.save_as(tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        assert {"certificate.jws", "manifest.json", "files/style.safetensors"} <= set(bundle.namelist())


def test_the_price_follows_what_is_chosen(market: Market, open_page: Callable[..., Any]) -> None:
    by_seat = offer(market.world, READY["studio"], 1_250, model="per-seat")
    page = open_page("/packs/alice/yunhai", locale="en-US")
    page.locator(f"input[value='{by_seat.pk}']").check()
    page.locator(f"#id_seats-{by_seat.pk}").fill("3")
    page.get_by_role("button", name="Continue to checkout").click()
    page.locator("input[type=email]").fill("carol@example.com")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()

    page.get_by_role("button", name="Pay $37.50 and license").wait_for()
    page.locator(f"#id_seats-{by_seat.pk}").fill("4")
    page.locator("[name=code]").fill("NOTHING")
    page.locator("[name=code]").blur()
    page.get_by_text("The code “NOTHING” takes nothing off").wait_for()
    page.locator("[name=code]").fill("")
    page.locator("[name=code]").blur()
    page.get_by_role("button", name="Pay $50.00 and license").wait_for()
    page.get_by_label(CARD_FIELD).fill(CARD)
    page.get_by_role("button", name="Pay $50.00 and license").click()
    page.wait_for_url("**/licenses/**")
    assert Grant.objects.get().seats == 4


def test_a_filter_that_is_chosen_shows_at_once_and_stands_in_the_address(
    market: Market, open_page: Callable[..., Any]
) -> None:
    page = open_page("/browse", locale="en-US")
    page.get_by_label("Creator", exact=True).select_option("bob")

    page.wait_for_url("**/browse?**creator=bob**")
    page.get_by_role("link", name=re.compile("Remove filter: .*Bob")).wait_for()
    assert page.locator(".pack-card").count() == 1


@pytest.mark.deep
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param({"locale": "en-US", "color_scheme": "light"}, id="light", marks=pytest.mark.deep),
        pytest.param({"locale": "en-US", "color_scheme": "dark", "viewport": NARROW}, id="dark, 390 px"),
        pytest.param({"locale": "zh-CN", "color_scheme": "light"}, id="Chinese", marks=pytest.mark.deep),
        pytest.param({"locale": "en-US", "color_scheme": "dark"}, id="dark", marks=pytest.mark.deep),
        pytest.param({"locale": "en-US", "viewport": NARROW}, id="390 px", marks=pytest.mark.deep),
    ],
)
def test_axe_finds_nothing_on_any_page(
    market: Market, open_page: Callable[..., Any], kind: dict[str, Any], client: Any, live_server: Any
) -> None:
    client.force_login(market.cast.carol)
    one = market.offer("studio")
    by_seat = offer(market.world, READY["studio"], 1_250, model="per-seat")
    page = open_page("/", **kind)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page.goto(f"/checkout?offer={one.pk}")
    page.locator("[name=card]").fill(CARD)
    page.locator(".summary-box button").click()
    page.wait_for_url("**/licenses/**")
    license_address = page.url
    ledger.operations.seal(now=later(hours=3))
    faults: dict[str, list[str]] = {}
    for address in (
        "/",
        "/browse",
        "/browse?q=zeppelin",
        "/packs/alice/yunhai",
        "/creators/alice",
        f"/checkout?offer={one.pk}",
        f"/checkout?offer={one.pk}&offer={by_seat.pk}&seats=2&code=NOTHING",
        "/licenses",
        license_address,
        f"/terms/{one.terms_id}",
        "/verify",
        "/verify?digest=zz",
        f"/verify?digest={market.world.digest}",
        "/log/",
        "/nowhere",
    ):
        page.goto(address)
        found = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append("scrolls sideways")
        if found:
            faults[address] = found
    assert faults == {}
