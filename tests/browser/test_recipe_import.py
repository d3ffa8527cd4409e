"""A picture in a browser: chosen or dropped, looked at, counted, and opened as a recipe."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketplace.compositions.lockfile import read_lock
from marketplace.compositions.uses import UsageEvent
from tests.browser.conftest import violations
from tests.cast import on_stage
from tests.compositions.importing import outputs
from tests.compositions.importing.test_importing import HASH, METERED, flat
from tests.compositions.stage import Stage, stage

SCREENS: list[dict[str, Any]] = [
    {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1360, "height": 900}},
    {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
]
DROP = """([drop, data]) => {
  const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
  for (const name of ["dragenter", "dragover", "drop"])
    drop.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer }));
}"""


@pytest.fixture
def scene(emptied: None, tmp_path: Path) -> Stage:
    return stage(on_stage(), tmp_path)


def _fits(page: Any, screen: dict[str, Any]) -> None:
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["viewport"]["width"]


@pytest.mark.deep
def test_a_picture_is_chosen_dropped_and_counted_once(
    scene: Stage, open_page: Callable[..., Any], client: Any, live_server: Any
) -> None:
    by_image = scene.offering(scene.sea_11, "enterprise", 5, model="metered", unit="image")
    scene.buy(by_image, scene.offer(scene.night, "studio"), scene.offer(scene.ink, "studio"))
    data = outputs.rendered(read_lock(bytes(scene.lock(METERED).document)))
    client.force_login(scene.cast.carol)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    for screen in SCREENS:
        page = open_page("/recipes/import", **screen)
        page.set_default_timeout(20_000)
        page.context.add_cookies([cookie])
        page.reload()
        _fits(page, screen)
        page.set_input_files("#id_file", {"name": "take 1.png", "mimeType": "image/png", "buffer": data})
        page.locator("#import button.primary").click()
        page.locator(".imported-packs").wait_for()
        assert page.locator(".imported-packs > li").count() == 3
        assert page.locator(".recipe-lines").inner_text().startswith("|sea: clouds at dusk @alice/sea:1.1.0*0.8")
        _fits(page, screen)
        if screen is SCREENS[0]:
            page.get_by_role("button", name="Count this picture").click()
            page.get_by_text("The picture is counted.").wait_for()
            drop = page.locator(".drop").element_handle()
            page.evaluate(DROP, [drop, base64.b64encode(data).decode()])
            page.get_by_text("It is not counted again.").wait_for()
            page.get_by_role("button", name="Open in compose").click()
            page.locator("#id_text").wait_for()
            assert "@alice/sea:1.1.0*0.8" in page.locator("#id_text").input_value()
    assert UsageEvent.objects.count() == 1


@pytest.mark.deep
def test_foreign_and_broken_files_are_told_without_scripts_and_to_anybody(
    scene: Stage, open_page: Callable[..., Any]
) -> None:
    text = f"a pier <lora:{flat(scene.sea)[:-12]}:0.7> <lora:style:1> <lora:mo__ink__1.0.0__x-000000000000:1>\n{HASH}"
    for screen in SCREENS:
        page = open_page("/recipes/import", java_script_enabled=screen is not SCREENS[0], **screen)
        page.set_default_timeout(20_000)
        page.set_input_files(
            "#id_file", {"name": "a" * 120 + ".txt", "mimeType": "text/plain", "buffer": text.encode()}
        )
        page.locator("#import button.primary").click()
        page.locator(".imported-packs").wait_for()
        assert "1.0.0" in page.locator(".imported-packs").inner_text()
        if screen is SCREENS[1]:
            _fits(page, screen)
        page.set_input_files("#id_file", {"name": "b.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n"})
        page.locator("#import button.primary").click()
        page.locator("[role=alert]").wait_for()
        assert page.locator("[role=alert]").inner_text().strip()
        assert page.locator(".imported-packs").count() == 0
        if screen is SCREENS[1]:
            _fits(page, screen)
