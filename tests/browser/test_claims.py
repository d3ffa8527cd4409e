"""Bob hands in what Alice drew: his page follows, both see the evidence, and each answers in turn."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from marketplace.catalog.models import Release
from marketplace.intake import operations
from marketplace.intake.models import Claim, Submission
from marketplace.people.models import Creator
from tests import packs
from tests.browser.conftest import NARROW, violations
from tests.cast import NOON, Cast, on_stage
from tests.intake.stage import examined, hand_in

pytestmark = pytest.mark.browser
LOADED = "() => [...document.querySelectorAll('.sides img')].filter(image => image.naturalWidth > 0).length === 2"


def drawn(size: tuple[int, int], form: str) -> bytes:
    """The same picture of colored clouds, as large and in whichever format it is asked for."""
    small = (np.random.default_rng(1).random((9, 12, 3)) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((1200, 900), Image.Resampling.BICUBIC).resize(size).save(file, form)
    return file.getvalue()


@pytest.fixture
def cast(emptied: None) -> Cast:
    return on_stage()


@pytest.fixture
def original(cast: Cast, tmp_path: Path) -> Release:
    folder = packs.write(tmp_path / "original", handle="clouds")
    (folder / "cover.png").write_bytes(drawn((1200, 900), "PNG"))
    return operations.publish_folder(folder=folder, creator=cast.alice, now=NOON)


@pytest.fixture
def copied(cast: Cast, original: Release, tmp_path: Path) -> Submission:
    """Her cover, smaller and saved again, under a pack of his."""
    folder = packs.write(tmp_path / "copy", handle="mist", title="Mist Harbor", seed=2)
    (folder / "cover.png").write_bytes(drawn((800, 600), "PNG"))
    return hand_in(cast.bob, folder, timezone.now())


@pytest.fixture
def page_of(open_page: Callable[..., Any], live_server: Any) -> Callable[..., Any]:
    """Opens a page as somebody who has signed in."""

    def page_of(creator: Creator, address: str, **given: Any) -> Any:
        client = Client()
        client.force_login(creator.person)
        page = open_page("/licenses/none", **{"locale": "en-US", **given})
        session = client.cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page.goto(address)
        return page

    return page_of


@pytest.mark.deep
def test_a_copied_picture_is_held_answered_and_maintained(
    cast: Cast, copied: Submission, page_of: Callable[..., Any]
) -> None:
    bob = page_of(cast.bob, f"/portal/submissions/{copied.pk}")
    assert bob.get_by_text("0 of 3 files inspected").is_visible()
    assert operations.examine_due(now=timezone.now()) == 1
    bob.get_by_role("link", name="See the claim about cover.png").click()  # the page has followed by itself
    bob.wait_for_url("**/portal/claims/*")
    assert bob.locator("h1").inner_text().startswith("The same picture: ")
    bob.wait_for_function(LOADED)
    assert bob.get_by_text("Bits in which the pictures differ, by PDQ").is_visible()
    bob.get_by_text("The evidence as it was written").click()
    assert '"format": "worldloom/claim-evidence/1"' in bob.locator(".snippet pre").inner_text()
    bob.get_by_role("link", name="Go to your answer").click()
    bob.get_by_label("Statement").fill("I painted it from her reference, with her leave.")
    bob.get_by_role("button", name="Send a counter-notice").click()
    assert bob.get_by_text("Waits for the claimant").first.is_visible()
    assert bob.get_by_role("button", name="Send a counter-notice").count() == 0

    alice = page_of(cast.alice, "/portal/claims")
    assert alice.get_by_text("Your answer is awaited").is_visible()
    alice.get_by_role("link", name="The same picture").click()
    assert alice.locator("blockquote").inner_text() == "I painted it from her reference, with her leave."
    alice.wait_for_function(LOADED)
    alice.get_by_label("Statement").fill("I gave no leave.")
    alice.get_by_role("button", name="Maintain the claim").click()
    assert alice.get_by_text("The operator reads what both sides said.").is_visible()
    assert [event.kind for event in Claim.objects.get().events.all()] == ["opened", "countered", "maintained"]

    bob.reload()
    bob.get_by_text("Accept the claim instead").click()
    bob.get_by_role("button", name="Accept the claim").click()
    assert bob.get_by_text("The claim ended for Alice.").is_visible()
    assert operations.examine_due(now=timezone.now()) == 1
    copied.refresh_from_db()
    assert copied.state == Submission.State.REFUSED
    bob.goto(f"/portal/submissions/{copied.pk}")
    bob.get_by_role("link", name="Mend and hand in again").click()
    assert bob.locator("#id_title_en").input_value() == "Mist Harbor"
    # What was not claimed is still here, and need not be sent again.
    names = bob.locator("file-uploads[data-name=content] .name")
    names.nth(1).wait_for()
    assert sorted(names.all_inner_texts()) == ["prompts.txt", "style.safetensors"]


@pytest.mark.deep
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param({"color_scheme": "light"}, id="light", marks=pytest.mark.deep),
        pytest.param({"color_scheme": "dark", "viewport": NARROW}, id="dark, 390 px"),
        pytest.param({"locale": "zh-CN"}, id="Chinese", marks=pytest.mark.deep),
        pytest.param({"color_scheme": "dark"}, id="dark", marks=pytest.mark.deep),
        pytest.param({"viewport": NARROW}, id="390 px", marks=pytest.mark.deep),
    ],
)
def test_axe_finds_nothing_on_what_is_handed_in_and_claimed(
    cast: Cast, copied: Submission, page_of: Callable[..., Any], kind: dict[str, Any]
) -> None:
    held = examined(copied, timezone.now())
    page = page_of(cast.bob, "/portal/submissions", **kind)
    faults: dict[str, list[str]] = {}
    for address in (
        "/portal/submissions",
        f"/portal/submissions/{held.pk}",
        "/portal/claims",
        f"/portal/claims/{Claim.objects.get().pk}",
        "/portal/report/alice/clouds/1.0.0",
        "/portal/publish/folder",
    ):
        page.goto(address)
        page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        found = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append("scrolls sideways")
        if found:
            faults[address] = found
    assert faults == {}
