"""Composing in a browser: checked while it is typed, completed by keyboard, mended by a press, and without scripts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketplace.compositions import operations
from marketplace.compositions.models import Recipe, RecipeMask
from marketplace.people.models import Person
from tests.browser.conftest import violations
from tests.cast import later, on_stage
from tests.compositions.stage import THREE, Stage, stage
from tests.packs import picture

SCREENS: list[dict[str, Any]] = [
    {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1360, "height": 900}},
    {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
]
WRONG = "|天空 🌆: clouds @alice/see\n|b: boats @bob/night\n"


@pytest.fixture
def scene(emptied: None, tmp_path: Path) -> Stage:
    return stage(on_stage(), tmp_path)


def _sign_in(page: Any, client: Any, live_server: Any, person: Person) -> None:
    client.force_login(person)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])


def _says(page: Any, text: str) -> None:
    page.get_by_text(text).first.wait_for(timeout=20_000)


def _selected(page: Any) -> str:
    found = page.evaluate(
        "(() => { const t = document.getElementById('id_text');"
        " return t.value.slice(t.selectionStart, t.selectionEnd); })()"
    )
    return str(found)


def test_a_recipe_is_checked_completed_and_mended_while_it_is_typed(
    scene: Stage, open_page: Callable[..., Any], client: Any, live_server: Any
) -> None:
    page = open_page("/compose", **SCREENS[0])
    page.set_default_timeout(20_000)
    text = page.locator("#id_text")
    text.fill(WRONG)
    _says(page, "There is no pack alice/see.")
    # A finding leads to its place, counted as people count, and its suggestion is written there.
    page.get_by_role("link", name="Line 1, column 15").click()
    assert (_selected(page), page.evaluate("document.activeElement.id")) == ("@alice/see", "id_text")
    page.get_by_role("button", name="Write @alice/sea").click()
    assert text.input_value() == WRONG.replace("see", "sea")
    _says(page, "2 licenses are missing: Free. 2 layers.")
    # What is said when somebody pauses is the same.
    page.locator("recipe-check > [data-announces]", has_text="2 licenses").wait_for(state="attached")
    # Behind an @ the keyboard chooses, in either script; the caret stays in the text.
    text.press("Control+End")
    page.keyboard.type("｜c：＠mo")
    page.get_by_role("option", name="mo/ink").wait_for()
    assert text.get_attribute("aria-activedescendant") == "completions-0"
    page.keyboard.press("Escape")
    choices = page.locator("#completions")
    assert (choices.is_hidden(), text.get_attribute("aria-activedescendant")) == (True, None)
    page.keyboard.type("/")
    choices.wait_for()
    page.keyboard.press("Enter")
    assert text.input_value().endswith("｜c：＠mo/ink")
    assert page.evaluate("document.activeElement.id") == "id_text"
    _says(page, "3 licenses are missing: Free. 3 layers.")
    # While a line is half written the cards stay, without what they could do.
    page.keyboard.type("\n|d: @")
    _says(page, "The cards are about the text as it could last be read.")
    assert page.locator("[data-cards]").get_attribute("inert") is not None
    page.keyboard.press("Escape")
    page.keyboard.press("Backspace")
    page.keyboard.type("a lantern")
    _says(page, "Your own words")
    assert page.locator("[data-cards]").get_attribute("inert") is None
    # Another use is asked about at once.
    page.get_by_text("What is it for?").click()
    page.locator("#id_commercial").select_option("personal")
    page.locator("#id_seats").fill("5")
    _says(page, "3 licenses are missing: $300.03. 4 layers.")
    assert Recipe.objects.count() == 0


@pytest.mark.deep
def test_a_mask_is_chosen_and_the_recipe_saved(
    scene: Stage, open_page: Callable[..., Any], client: Any, live_server: Any
) -> None:
    page = open_page("/", **SCREENS[0])
    page.set_default_timeout(20_000)
    _sign_in(page, client, live_server, scene.cast.carol)
    page.goto("/compose")
    page.locator("#id_text").fill("|sky: clouds @alice/sea [mask half.png]\n")
    _says(page, "not chosen yet: it counts as the whole picture")
    page.locator("input[type=file]").set_input_files(
        {"name": "any.png", "mimeType": "image/png", "buffer": picture("#000000", size=(60, 60))}
    )
    _says(page, "white in ")
    mask = RecipeMask.objects.get()
    assert page.locator("input[name=mask]").input_value() == f"{mask.sha256} half.png"
    page.locator("#id_title").fill("The pier")
    page.get_by_role("button", name="Save the recipe").click()
    page.wait_for_url("**/recipes/*")
    # What was chosen is still there.
    assert page.locator("input[name=mask]").input_value() == f"{mask.sha256} half.png"
    recipe = Recipe.objects.get()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator(".kept .hash code").inner_text()
    page.goto(link)
    _says(page, "A recipe that Carol shares.")
    assert recipe.shares.count() == 1


def test_it_works_without_scripts(scene: Stage, open_page: Callable[..., Any]) -> None:
    page = open_page("/compose", java_script_enabled=False, **SCREENS[0])
    page.set_default_timeout(20_000)
    page.locator("#id_text").fill(WRONG)
    page.get_by_role("button", name="Check", exact=True).last.click()
    page.get_by_role("button", name="Write @alice/sea").click()
    assert page.locator("#id_text").input_value() == WRONG.replace("see", "sea")
    _says(page, "2 licenses are missing: Free. 2 layers.")


@pytest.mark.deep
def test_axe_finds_nothing_on_the_pages_of_recipes(
    scene: Stage, open_page: Callable[..., Any], client: Any, live_server: Any
) -> None:
    cast = scene.cast
    scene.buy(scene.offer(scene.sea, "studio"))
    text = THREE + "|x: @alice/sea:1.0.0 @bob/nigt\n|m: a lantern [mask 左.png]"
    recipe = operations.keep(person=cast.carol, title="The pier", text=text, now=later(hours=1))
    operations.rewrite(recipe=recipe, person=cast.carol, text=text + " ", now=later(hours=1))
    share = operations.share(recipe=recipe, person=cast.carol, now=later(hours=1))
    pages: list[tuple[Person | None, str]] = [
        (None, "/compose"),
        (cast.carol, f"/recipes/{recipe.pk}?fields_of_use=film&media=video&commercial=full&redistribution=raw"),
        (cast.carol, "/recipes"),
        (cast.dave, "/recipes"),
        (cast.dave, f"/recipes/shared/{share.token}"),
        (None, "/recipes/shared/" + "x" * 43),
        (cast.carol, "/packs/alice/sea"),
    ]
    for screen in SCREENS:
        page = open_page("/", **screen)
        for person, address in pages:
            page.context.clear_cookies()
            if person is not None:
                _sign_in(page, client, live_server, person)
            page.goto(address)
            assert violations(page) == [], address
            assert page.evaluate("document.documentElement.scrollWidth") <= screen["viewport"]["width"], address
        page.goto("/compose")
        page.locator("#id_text").fill("|a: @ali")
        page.locator("#id_text").press("Control+End")
        page.keyboard.type("c")
        page.locator("#completions").wait_for(timeout=20_000)
        assert violations(page) == [], "choices"
