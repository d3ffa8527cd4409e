"""Publishing a recipe, and what was composed, on every screen: axe finds nothing, and nothing scrolls sideways."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import violations
from tests.browser.test_usage import SCREENS
from tests.cast import on_stage
from tests.compositions.composed import compose
from tests.compositions.stage import stage

pytestmark = pytest.mark.browser
TEXT = "|sky: clouds @alice/sea/ink\n|people: lanterns @bob/night [box 0,0.5,1,1]\n- style: ink wash @mo/ink\n"


@pytest.mark.deep
def test_axe_finds_nothing_on_the_pages_of_compositions(
    emptied: None, open_page: Callable[..., Any], client: Any, live_server: Any, tmp_path: Path
) -> None:
    scene = stage(on_stage(), tmp_path)
    compose(scene.cast.bob)
    client.force_login(scene.cast.bob.person)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    for screen in SCREENS:
        page = open_page("/", **screen)
        page.context.add_cookies([cookie])
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text) if message.type == "error" else None)
        for address in ("/packs/bob/pier-night", "/portal/publish/composition"):
            page.goto(address)
            assert violations(page) == [], address
            assert page.evaluate("document.documentElement.scrollWidth") <= screen["viewport"]["width"], address
        page.locator("[name=recipe]").fill(TEXT)
        page.locator("button[name=preview]").click()
        page.wait_for_selector("#part-shares")
        page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        assert violations(page) == []
        assert said == []
