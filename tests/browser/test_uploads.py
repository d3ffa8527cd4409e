"""Alice's files on their way: paused, broken off, opened again, refused and signed out, and nothing is lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

import assets.operations
from assets.models import Upload
from marketplace.catalog.models import Release
from marketplace.intake import operations
from marketplace.intake.models import Submission
from tests import packs
from tests.browser.conftest import violations
from tests.cast import PASSWORD, on_stage

pytestmark = pytest.mark.browser
SLOW = 500_000  # bytes per second, so that there is time to do something in the middle
LARGE = 3_000_000


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """What she has on her disk."""
    rows = ",".join(f'{{"prompt":"a pier above the clouds, take {n:09}"}}' for n in range(LARGE // 52))
    data = {
        "cover.png": packs.picture(),
        "style.safetensors": packs.lora(),
        "broken.safetensors": b"\xff" * 64,
        "empty.txt": b"",
        "prompts.json": f"[{rows}]".encode(),
    }
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in data}


@pytest.fixture
def alice(emptied: None, open_page: Callable[..., Any]) -> Any:
    """Her page of publishing; leaving it in the middle is confirmed."""
    on_stage()
    page = open_page("/sign-in?next=/portal/publish", locale="en-US")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.wait_for_url("**/portal/publish")
    return page


def slow(page: Any, rate: int = SLOW) -> None:
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate},
    )


def row(page: Any, name: str) -> Any:
    return page.locator(".uploads > li").filter(has_text=name)


def reaches(page: Any, name: str, state: str) -> None:
    row(page, name).locator("[data-state]").get_by_text(state, exact=True).wait_for()


def sent(page: Any, name: str) -> int:
    return int(row(page, name).evaluate("item => item.row.sent"))


def until_sent(page: Any, name: str, least: int) -> None:
    page.wait_for_function(
        "([name, least]) => [...document.querySelectorAll('.uploads > li')]"
        ".some(item => item.row.name === name && item.row.sent >= least)",
        arg=[name, least],
    )


def removes(page: Any, item: Any) -> None:
    """Removes a file, and waits until the server has."""
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        item.get_by_role("button", name="Remove").click()


def submit(page: Any) -> None:
    page.get_by_role("button", name="Inspect and publish").click()


def describe(page: Any) -> None:
    page.locator("#id_handle").fill("yunhai")
    page.locator("#id_title_en").fill("Sea of Clouds")
    page.locator("#id_offer-studio-price").fill("100.01")


def test_a_file_is_paused_resumed_and_goes_on_after_a_reload(alice: Any, files: dict[str, Path]) -> None:
    slow(alice)
    alice.locator("#id_content").set_input_files([files["prompts.json"], files["style.safetensors"]])
    until_sent(alice, "prompts.json", 400_000)
    total = alice.locator("upload-total [data-says]").inner_text()
    assert " of 3.1 MB" in total
    assert alice.get_by_role("progressbar", name="All files").get_attribute("value") != "0"

    alice.get_by_role("button", name="Pause prompts.json").click()
    reaches(alice, "prompts.json", "Paused")
    assert alice.evaluate("document.activeElement.textContent") == "Resume prompts.json"
    submit(alice)
    assert alice.get_by_role("alert").inner_text().startswith("Some files have not arrived yet")
    assert Submission.objects.count() == 0
    assert violations(alice) == []
    alice.keyboard.press("Shift+Tab")
    alice.get_by_role("button", name="Resume prompts.json").click()
    until_sent(alice, "prompts.json", sent(alice, "prompts.json") + 1)

    alice.reload()
    alice.get_by_text("Choose this file again to go on where it stopped.").wait_for()
    kept = sent(alice, "prompts.json")
    assert 0 < kept < files["prompts.json"].stat().st_size
    alice.locator("#id_content").set_input_files(files["prompts.json"])
    reaches(alice, "prompts.json", "Being inspected")
    assert Upload.objects.filter(name="prompts.json").count() == 1  # it went on, and did not begin again
    assert row(alice, "style.safetensors").locator("input[name=uploaded_content]").count() == 1
    assert alice.get_by_role("alert").count() == 0


def test_without_a_line_it_waits_and_goes_on_by_itself(alice: Any, files: dict[str, Path]) -> None:
    alice.context.set_offline(True)
    alice.locator("#id_content").set_input_files(files["style.safetensors"])
    alice.get_by_text("There is no connection. It goes on by itself when there is one.").wait_for()
    alice.context.set_offline(False)
    reaches(alice, "style.safetensors", "Being inspected")
    assert Upload.objects.get().sha256


def test_a_broken_line_is_tried_again(alice: Any, files: dict[str, Path]) -> None:
    broken = []

    def breaks(route: Any) -> None:
        if route.request.method == "PATCH" and not broken:
            broken.append(1)
            route.abort("connectionreset")
        else:
            route.continue_()

    alice.route("**/portal/uploads/**", breaks)
    alice.locator("#id_content").set_input_files(files["style.safetensors"])
    reaches(alice, "style.safetensors", "Being inspected")
    assert broken == [1]
    assert Upload.objects.count() == 1


@pytest.mark.deep
def test_a_refused_file_is_named_while_the_others_pass(alice: Any, files: dict[str, Path]) -> None:
    names = ("broken.safetensors", "empty.txt", "style.safetensors")
    alice.locator("#id_content").set_input_files([files[name] for name in names])
    reaches(alice, "empty.txt", "Not sent")
    assert "empty" in row(alice, "empty.txt").locator(".error").inner_text()
    for name in ("broken.safetensors", "style.safetensors"):
        reaches(alice, name, "Being inspected")
    assert assets.operations.inspect_due(now=timezone.now()) == 2
    reaches(alice, "broken.safetensors", "Refused")
    assert "the header claims" in row(alice, "broken.safetensors").locator(".error").inner_text()
    reaches(alice, "style.safetensors", "Inspected, nothing found")
    assert "broken.safetensors: Refused." in alice.locator("[data-announces]").inner_text()
    submit(alice)
    assert alice.get_by_role("alert").inner_text().startswith("Some files were not sent")
    assert violations(alice) == []

    alice.get_by_role("button", name="Remove empty.txt").click()
    assert alice.evaluate("document.activeElement.textContent") == "Remove style.safetensors"
    removes(alice, row(alice, "broken.safetensors"))
    assert list(Upload.objects.values_list("name", flat=True)) == ["style.safetensors"]


def test_a_name_is_taken_once(alice: Any, files: dict[str, Path], tmp_path: Path) -> None:
    alice.locator("#id_content").set_input_files(files["style.safetensors"])
    reaches(alice, "style.safetensors", "Being inspected")
    other = tmp_path / "other" / "style.safetensors"
    other.parent.mkdir()
    other.write_bytes(packs.lora(9))
    with alice.expect_response(lambda response: response.request.method == "DELETE"):
        alice.locator("#id_content").set_input_files(other)
    reaches(alice, "style.safetensors", "Being inspected")
    assert row(alice, "style.safetensors").count() == 1

    alice.locator("#id_previews").set_input_files(other)
    twice = alice.locator("file-uploads[data-name=previews] li")
    assert "stands under “Content”" in twice.locator(".error").inner_text()
    twice.get_by_role("button", name="Remove").click()
    assert [upload.size_bytes for upload in Upload.objects.all()] == [other.stat().st_size]
    assert alice.evaluate("document.activeElement.id") == "id_previews"


@pytest.mark.deep
def test_who_is_signed_out_signs_in_elsewhere_and_goes_on(alice: Any, files: dict[str, Path]) -> None:
    describe(alice)
    alice.locator("#id_cover").set_input_files(files["cover.png"])
    reaches(alice, "cover.png", "Being inspected")
    alice.context.clear_cookies(name="sessionid")
    alice.locator("#id_content").set_input_files(files["style.safetensors"])
    error = row(alice, "style.safetensors").locator(".error")
    error.get_by_text("You are signed out.").wait_for()

    elsewhere = alice.context.new_page()
    elsewhere.goto("/sign-in")
    elsewhere.get_by_label("E-mail address").fill("alice@example.com")
    elsewhere.get_by_label("Password").fill(PASSWORD)
    elsewhere.locator("main button.primary").click()
    elsewhere.wait_for_url(lambda url: "sign-in" not in url)
    elsewhere.close()
    alice.get_by_role("button", name="Resume style.safetensors").click()
    reaches(alice, "style.safetensors", "Being inspected")

    session = [cookie for cookie in alice.context.cookies() if cookie["name"] == "sessionid"]
    alice.context.clear_cookies(name="sessionid")
    submit(alice)
    alice.get_by_role("alert").get_by_text("You are signed out.").wait_for()
    assert alice.locator("#id_handle").input_value() == "yunhai"
    alice.context.add_cookies(session)
    alice.get_by_role("button", name="Inspect and publish").dblclick()  # one submission all the same
    alice.wait_for_url("**/portal/submissions/*")
    assert Submission.objects.get().pack["handle"] == "yunhai"


def test_a_browser_that_may_not_store_sends_all_the_same(alice: Any, files: dict[str, Path]) -> None:
    alice.evaluate("() => { Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError') } }")
    alice.locator("#id_content").set_input_files(files["style.safetensors"])
    reaches(alice, "style.safetensors", "Being inspected")
    removes(alice, row(alice, "style.safetensors"))
    assert Upload.objects.count() == 0


@pytest.mark.deep
def test_a_folder_goes_by_uploads_and_leaves_out_what_is_not_named(alice: Any, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "pack", handle="yunhai")
    (folder / "notes.md").write_text("not for anybody", encoding="utf-8")
    alice.goto("/portal/publish/folder")
    assert violations(alice) == []
    alice.locator("#id_folder").set_input_files(folder)
    for name in ("cover.png", "style.safetensors", "prompts.txt"):
        reaches(alice, name, "Being inspected")
    assert row(alice, "notes.md").count() == 0
    assert alice.locator("#id_folder").evaluate("input => [...input.files].map(file => file.name)") == ["pack.toml"]
    submit(alice)
    alice.wait_for_url("**/portal/submissions/*")
    assert alice.get_by_text("0 of 3 files inspected").is_visible()
    assert violations(alice) == []
    assert operations.examine_due(now=timezone.now()) == 1
    alice.get_by_role("link", name="Open its page").wait_for()  # the page has followed by itself
    assert Release.objects.get().pack.handle == "yunhai"
    assert alice.locator("#submission-says").inner_text() == "Published"
