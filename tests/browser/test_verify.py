"""Somebody drops a file: it is hashed in the browser and stays there, and the verdict comes first."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.storefront.market import Market

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("start", ["/verify", "/"])
def test_a_file_is_hashed_here_and_only_its_digest_is_asked_about(
    market: Market, open_page: Callable[..., Any], tmp_path: Path, start: str
) -> None:
    file = tmp_path / "yunhai" / "style.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    page = open_page(start, locale="en-US")
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.post_data, request.url)))

    page.locator("verify-file input[type=file]").set_input_files(file)
    page.wait_for_url(f"**/verify?digest={digest}")

    assert page.locator("h1").inner_text() == "This file matches what was registered by Alice on Nov 22, 2026."
    assert {(method, body) for method, body, _url in asked} == {("GET", None)}


def test_a_changed_file_is_not_registered(market: Market, open_page: Callable[..., Any], tmp_path: Path) -> None:
    altered = bytearray((tmp_path / "yunhai" / "cover.png").read_bytes())
    altered[-20] ^= 1
    file = tmp_path / "altered.png"
    file.write_bytes(altered)
    page = open_page("/verify", locale="en-US")

    page.locator("verify-file input[type=file]").set_input_files(file)
    page.wait_for_url("**/verify?digest=**")

    assert page.locator("h1").inner_text() == "This is not registered here."
    assert page.locator(".verdict.ok").count() == 0


def test_a_pasted_digest_needs_no_scripts(market: Market, open_page: Callable[..., Any]) -> None:
    page = open_page("/verify", java_script_enabled=False, locale="en-US")
    page.locator("#id_digest").fill(market.world.digest.upper())
    page.get_by_role("button", name="Verify").click()

    assert "registered by Alice on Nov 22, 2026" in page.locator("h1").inner_text()
