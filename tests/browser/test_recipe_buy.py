"""Carol writes a recipe, buys all that it lacks in one checkout and takes the kit away, in a real browser."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from marketplace.compositions.models import RecipeLock
from marketplace.compositions.runs import Run, RunOutcome
from marketplace.licensing.models import Grant
from tests.browser.conftest import violations
from tests.cast import CARD, DECLINED_CARD, on_stage
from tests.compositions.services.gallery import TWO, Gallery, gallery
from tests.compositions.services.painter import at_work
from tests.storefront.market import Market

pytestmark = pytest.mark.browser
TEXT = "| sea: a pier above the clouds @alice/yunhai [box 0,0,0.5,1]\n- style: ink @bob/ink\n"
WIDE = {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1360, "height": 900}}
THIN = {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}}


def as_carol(page: Any, market: Market | Gallery, client: Any, live_server: Any) -> None:
    client.force_login(market.cast.carol)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])


@pytest.mark.parametrize(
    "scripts",
    [
        pytest.param(True, id="with scripts"),
        pytest.param(False, id="without scripts", marks=pytest.mark.deep),
    ],
)
def test_carol_quotes_pays_locks_and_downloads(
    market: Market, open_page: Callable[..., Any], client: Any, live_server: Any, tmp_path: Path, scripts: bool
) -> None:
    page = open_page("/", java_script_enabled=scripts, **WIDE)
    as_carol(page, market, client, live_server)
    page.goto("/compose")
    page.get_by_label("Recipe", exact=True).fill(TEXT)
    if not scripts:
        page.get_by_role("button", name="Check").last.click()
    page.get_by_role("button", name="Quote this recipe").click()

    page.wait_for_url("**/recipes/quotes/**")
    assert page.get_by_text("Kept until").is_visible()
    page.get_by_label("Name of the lock").fill("Pier")
    page.get_by_label("Card number").fill(DECLINED_CARD)
    page.get_by_role("button", name="Pay, license and lock").click()
    assert page.get_by_text("Declined: nothing was charged").is_visible()
    assert Grant.objects.count() == 0

    page.get_by_label("Card number").fill(CARD)
    page.get_by_role("button", name="Pay, license and lock").click()
    page.wait_for_url("**lock=**")
    assert page.get_by_role("heading", name="Licensed and locked").is_visible()
    assert Grant.objects.count() == 2
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the kit").click()
    waiting.value.save_as(tmp_path / "kit.zip")
    with zipfile.ZipFile(tmp_path / "kit.zip") as kit:
        assert "recipe.lock.json" in kit.namelist()
    page.get_by_role("link", name="See the lock").click()
    page.wait_for_url("**/recipes/locks/*")
    assert page.get_by_role("heading", name="Pier").is_visible()


@pytest.mark.deep
def test_axe_finds_nothing_and_no_page_scrolls_sideways(
    market: Market, open_page: Callable[..., Any], client: Any, live_server: Any
) -> None:
    asked = {"fields_of_use": "film", "media": "video", "derivatives": "private", "credited": "on"}
    client.force_login(market.cast.carol)
    quote = client.post("/recipes/quotes/make", asked | {"text": TEXT})["Location"]
    later = client.post("/recipes/quotes/make", asked | {"text": TEXT})["Location"]
    client.post(f"{quote}/buy", {"card": CARD, "title": "Pier"})
    lock = RecipeLock.objects.get().digest
    open_lock = client.post("/recipes/locks/make", asked | {"text": "| sea: a pier\n"})["Location"]
    addresses = [quote, later, f"/recipes/locks/{lock}", open_lock, "/recipes/locks", "/usage/keys"]
    for screen in (WIDE, THIN):
        page = open_page("/", **screen)
        as_carol(page, market, client, live_server)
        for address in addresses:
            page.goto(address)
            assert violations(page) == [], address
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= screen["viewport"]["width"], address  # type: ignore[index]


@pytest.mark.deep
def test_a_run_is_watched_until_its_picture_is_there(
    emptied: None, open_page: Callable[..., Any], client: Any, live_server: Any, tmp_path: Path, settings: Any
) -> None:
    settings.SERVICE_PRIVATE = ["127.0.0.0/8"]
    with at_work() as painter:
        shown = gallery(on_stage(), tmp_path, painter)
        shown.stage.buy(*(shown.stage.offer(one, "studio") for one in (shown.sea, shown.night)), now=timezone.now())
        row = shown.lock(TWO, now=timezone.now(), title="Pier")
        page, thin = open_page("/", **WIDE), open_page("/", **THIN)
        for one in (page, thin):
            as_carol(one, shown, client, live_server)
        page.goto(f"/recipes/locks/{row.digest}")
        assert violations(page) == []
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_url("**/recipes/runs/*")
        page.get_by_text("0 of 2 layers are made").wait_for()
        for one in (page, thin):
            one.goto(page.url)
            assert violations(one) == []

        shown.now = timezone.now()
        assert shown.finish(Run.objects.get()).outcome == RunOutcome.MADE

        # The page asks again by itself, and stops when it is over.
        page.get_by_role("link", name="Download the picture").wait_for(timeout=30_000)
        picture = page.locator("figure img")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 256
        assert page.locator("#run[hx-get]").count() == 0
        for one in (page, thin):
            one.goto(page.url)
            assert violations(one) == []
        assert thin.evaluate("document.documentElement.scrollWidth") <= THIN["viewport"]["width"]  # type: ignore[index]
