"""Alice publishes in a real browser: a refusal leads her to the field, and the net follows what she types."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

import assets.operations
from marketplace.catalog.models import Release
from marketplace.intake import operations
from tests import packs
from tests.browser.conftest import violations
from tests.cast import PASSWORD, on_stage

pytestmark = pytest.mark.browser


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """What she has on her disk."""
    data = {"cover.png": packs.picture(), "style.safetensors": packs.lora(), "broken.safetensors": b"\xff" * 64}
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in data}


def test_alice_publishes_after_a_refusal(emptied: None, open_page: Callable[..., Any], files: dict[str, Path]) -> None:
    on_stage()
    page = open_page("/sign-in?next=/portal/publish", locale="en-US")
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.wait_for_url("**/portal/publish")
    assert violations(page) == []

    page.locator("#id_handle").fill("yunhai")
    page.locator("#id_title_en").fill("Sea of Clouds")
    page.locator("#id_cover").set_input_files(files["cover.png"])
    page.locator("#id_content").set_input_files(files["broken.safetensors"])
    page.locator("#id_parent-0-share").fill("20")
    page.locator("#id_offer-studio-price").fill("100.01")
    # 100.01 less the fee of 10.00 is 90.01, and four fifths of that are 72.00, rounded down.
    assert page.locator("net-price output").nth(1).inner_text() == "$72.00"
    page.locator("#id_parent-0-share").fill("")
    assert page.locator("net-price output").nth(1).inner_text() == "$90.01"

    # Each file is sent at once and inspected while she writes on.
    page.get_by_text("Being inspected").nth(1).wait_for()
    assert assets.operations.inspect_due(now=timezone.now()) == 2
    page.get_by_text("Refused", exact=True).wait_for()
    assert "broken.safetensors" in page.locator("file-uploads .error:visible").inner_text()
    page.get_by_role("button", name="Inspect and publish").click()
    page.locator("#error-summary").get_by_role("link", name="Content").click()
    assert page.url.endswith("#id_content")
    assert "broken.safetensors" in page.locator("#error-summary").inner_text()
    assert page.locator("#id_handle").input_value() == "yunhai"
    assert violations(page) == []
    assert Release.objects.count() == 0

    page.locator("file-uploads[data-name=content] [data-remove]").click()
    page.locator("#id_content").set_input_files(files["style.safetensors"])
    page.locator("file-uploads[data-name=content] input[name=uploaded_content]").wait_for(state="attached")
    page.get_by_role("button", name="Inspect and publish").click()
    page.wait_for_url("**/portal/submissions/*")
    assert violations(page) == []
    assert operations.examine_due(now=timezone.now()) == 1
    page.get_by_role("link", name="Open its page").click()  # the page has followed by itself
    page.wait_for_url("**/packs/alice/yunhai")

    assert page.locator("h1").inner_text() == "Sea of Clouds"
    assert Release.objects.get().title == {"en": "Sea of Clouds"}


@pytest.mark.parametrize("width", [390, 1360])
def test_the_form_works_without_javascript_and_never_scrolls_sideways(
    emptied: None, open_page: Callable[..., Any], files: dict[str, Path], width: int
) -> None:
    on_stage()
    settings = {"java_script_enabled": False, "viewport": {"width": width, "height": 800}, "locale": "en-US"}
    page = open_page("/sign-in?next=/portal/publish", **settings)
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.wait_for_url("**/portal/publish")
    page.locator("#id_handle").fill("yunhai")
    page.locator("#id_title_zh").fill("云海")
    page.locator("#id_cover").set_input_files(files["cover.png"])
    page.locator("#id_content").set_input_files(files["style.safetensors"])
    assert page.locator("main").bounding_box()["width"] <= width
    page.get_by_role("button", name="Inspect and publish").click()
    page.wait_for_url("**/portal/submissions/*")
    assert page.locator("main").bounding_box()["width"] <= width
    assert operations.examine_due(now=timezone.now()) == 1

    assert Release.objects.get().title == {"zh-Hans": "云海"}
