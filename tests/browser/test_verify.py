"""Somebody drops a file: it is hashed in the browser and stays there, and the verdict comes first."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ledger.operations
from marketplace.intake.operations import publish_folder
from marketplace.licensing import bundles
from marketplace.licensing import operations as licensing
from tests import packs
from tests.browser.conftest import violations
from tests.cast import NOON, later
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


def scenery() -> Image.Image:
    """A picture with enough to see."""
    small = Image.fromarray(np.random.default_rng(1).integers(0, 255, (12, 12, 3), dtype=np.uint8))
    return small.resize((640, 480), Image.Resampling.BICUBIC)


def test_a_re_saved_picture_is_seen_by_its_shapes_in_the_browser(
    market: Market, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    folder = packs.write(tmp_path / "shan", handle="shan")
    scenery().save(folder / "cover.png")
    publish_folder(folder=folder, creator=market.cast.alice, now=NOON)
    file = tmp_path / "stolen.jpg"
    scenery().resize((320, 240)).transpose(Image.Transpose.ROTATE_90).save(file, quality=60)
    page = open_page("/verify", locale="en-US")

    page.locator("verify-file input[type=file]").set_input_files(file)
    page.wait_for_url("**/verify?**digest=**")

    assert page.locator("h1").inner_text() == "This is not registered here."
    assert "alice/shan 1.0.0" in page.locator("section[aria-labelledby=alike]").inner_text()
    assert violations(page) == []


def bundle_of(market: Market, path: Path) -> Path:
    """Carol's download of Alice's world."""
    grant = licensing.grant(
        offer=market.offer("studio"), studio=market.cast.studio, source="order-line:1", now=later(hours=2)
    )
    ledger.operations.seal(now=later(hours=3))
    path.write_bytes(b"".join(bundles.stream(grant, site="http://testserver")))
    return path


def test_a_bundle_is_compared_in_the_browser_and_its_license_looked_up(
    market: Market, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    bundle = bundle_of(market, tmp_path / "bundle.zip")
    page = open_page("/verify", locale="en-US")
    sent = []
    page.on("request", lambda request: sent.append(len(request.post_data or "")))

    page.locator("verify-file input[type=file]").set_input_files(bundle)
    page.wait_for_url("**/verify/certificate")

    assert page.locator("h1").inner_text() == (
        "This bundle matches what was registered: alice/yunhai 1.0.0, licensed to Lantern Films."
    )
    assert page.locator(".verdict.ok").count() == 1
    assert max(sent) < 8_000
    assert violations(page) == []

    altered = tmp_path / "altered.zip"
    with zipfile.ZipFile(bundle) as good, zipfile.ZipFile(altered, "w", zipfile.ZIP_DEFLATED) as bad:
        for name in good.namelist():
            content = good.read(name)
            bad.writestr(name, content[:-1] + b"x" if name == "files/cover.png" else content)
    page.goto("/verify")
    page.locator("verify-file input[type=file]").set_input_files(altered)
    page.wait_for_url("**/verify/certificate")

    assert page.locator("h1").inner_text() == "1 file in this bundle is not what was registered."
    assert "cover.png" in page.locator("section[aria-labelledby=wrong]").inner_text()


def test_a_certificate_can_be_dropped_or_pasted(market: Market, open_page: Callable[..., Any], tmp_path: Path) -> None:
    bundle = bundle_of(market, tmp_path / "bundle.zip")
    with zipfile.ZipFile(bundle) as archive:
        text = archive.read("certificate.jws").decode()
    (tmp_path / "certificate.jws").write_text(text)
    says = "This certificate was issued here: Lantern Films holds a license for alice/yunhai 1.0.0."

    page = open_page("/verify", locale="en-US")
    page.locator("verify-file input[type=file]").set_input_files(tmp_path / "certificate.jws")
    page.wait_for_url("**/verify/certificate")
    assert page.locator("h1").inner_text() == says

    plain = open_page("/verify", java_script_enabled=False, locale="en-US")
    plain.locator("summary").filter(has_text="Or paste a license certificate").click()
    plain.locator("#id_certificate").fill(text)
    plain.get_by_role("button", name="Verify the certificate").click()
    assert plain.locator("h1").inner_text() == says
