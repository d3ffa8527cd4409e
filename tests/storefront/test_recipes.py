"""Recipes that are kept: by Carol and her studio, with all they said, shared by a link, forked by Dave."""

from typing import Any

from django.test import Client
from pytest_django import DjangoAssertNumQueries

from marketplace.compositions import operations
from marketplace.compositions.models import Recipe, RecipeShare, RecipeText
from marketplace.people.models import Seat
from tests.cast import later, person
from tests.compositions.stage import THREE, Stage
from tests.storefront.composing import FILM_ASKED, about, shown, text_in
from tests.storefront.market import browser_of

PIER = "|sky: clouds @alice/sea\n"


def _saved(browser: Client, text: str, title: str, **more: Any) -> Any:
    return browser.post("/recipes/save", FILM_ASKED | {"text": text, "title": title} | more)


def _texts() -> list[tuple[int, str, str]]:
    return list(RecipeText.objects.order_by("recipe__created_at", "number").values_list("number", "title", "text"))


def test_a_recipe_is_saved_opened_and_written_anew(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    empty = carol.get("/recipes")
    assert "No recipes yet Compose one and save it" in shown(empty)  # type: ignore[arg-type]
    answer = _saved(carol, PIER.replace("\n", "\r\n"), "The pier", keep_for=str(scene.cast.studio.pk))
    recipe = Recipe.objects.get()
    assert (recipe.author, recipe.studio) == (scene.cast.carol, scene.cast.studio)
    assert _texts() == [(1, "The pier", PIER)]
    # It opens asked about for the same use.
    assert answer["Location"].startswith(f"/recipes/{recipe.pk}?")
    opened = carol.get(answer["Location"])
    assert text_in(opened) == PIER  # type: ignore[arg-type]
    assert "1 license is missing: $100.01. 1 layer." in about(opened)  # type: ignore[arg-type]
    assert "Kept for Lantern Films" in shown(opened)  # type: ignore[arg-type]
    assert "Saved." in shown(opened)  # type: ignore[arg-type]
    # What changes nothing adds no text; what changes something does.
    again = {"recipe": str(recipe.pk), "after": "1"}
    assert _saved(carol, PIER, "The pier", **again).status_code == 302
    assert len(_texts()) == 1
    assert _saved(carol, PIER + "|b: a lantern", "The pier at night", **again).status_code == 302
    assert _texts() == [(1, "The pier", PIER), (2, "The pier at night", PIER + "|b: a lantern")]
    old = carol.get(f"/recipes/{recipe.pk}?text=1")
    assert text_in(old) == PIER  # type: ignore[arg-type]
    assert "This is text 1; the newest is 2. Save it to make it the newest." in shown(old)  # type: ignore[arg-type]
    assert 'name="after" value="2"' in old.content.decode()
    for lost in ("3", "0", "x", "9" * 30):
        assert carol.get(f"/recipes/{recipe.pk}?text={lost}").status_code == 404, lost
    # Checked anew without scripts, it is still that recipe, and nothing is saved.
    checked = carol.post("/compose", FILM_ASKED | {"text": "|c: rain", "title": "The pier", **again})
    assert "Kept for Lantern Films" in shown(checked)  # type: ignore[arg-type]
    assert "Save as a new recipe" in shown(checked)  # type: ignore[arg-type]
    assert text_in(checked) == "|c: rain"  # type: ignore[arg-type]
    dave = browser_of(scene.cast.dave).post("/compose", FILM_ASKED | {"text": "|c: rain", **again})
    assert "Lantern" not in shown(dave)  # type: ignore[arg-type]
    assert browser_of(scene.cast.dave).post("/compose", {"text": "", "recipe": "x"}).status_code in (200, 422)
    assert len(_texts()) == 2
    # As a new one it is another recipe.
    new = carol.post("/recipes/save?new=1", {"text": PIER, "title": "Another", **again})
    assert new.status_code == 302
    assert Recipe.objects.count() == 2
    listed = shown(carol.get("/recipes"))  # type: ignore[arg-type]
    assert listed.index("Another") < listed.index("The pier at night")
    assert "2 texts" in listed


def test_what_cannot_be_kept_is_refused_and_the_text_stays(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    for title, text, said in (
        ("", PIER, "A recipe needs a title: call it something."),
        ("x" * 121, PIER, "A title is one line of at most 120 characters: shorten it."),
        ("ok", "|a: x\x00", "The text has a zero character in it: take it out."),
        ("ok", "|a: " + "雨" * 400_000, "A recipe has at most 1048576 bytes: shorten it."),
    ):
        answer = _saved(carol, text, title)
        assert answer.status_code == 422
        assert said in shown(answer)
        assert text_in(answer) == text
    # It may have errors in it, and be asked about for nothing.
    assert _saved(carol, "|a: x @", "Half", fields_of_use="").status_code == 302
    assert _texts() == [(1, "Half", "|a: x @")]
    nobody = Client().post("/recipes/save", {"text": PIER, "title": "x"})
    assert (nobody.status_code, nobody["Location"]) == (302, "/sign-in?next=/recipes/save")
    # Nobody keeps for a studio that is not theirs, nor writes in others' recipes.
    assert _saved(browser_of(scene.cast.dave), PIER, "x", keep_for=str(scene.cast.studio.pk)).status_code == 302
    assert Recipe.objects.get(author=scene.cast.dave).studio is None
    half = Recipe.objects.get(author=scene.cast.carol)
    assert _saved(browser_of(scene.cast.dave), PIER, "x", recipe=str(half.pk)).status_code == 404
    assert browser_of(scene.cast.dave).get(f"/recipes/{half.pk}").status_code == 404
    assert RecipeText.objects.filter(recipe=half).count() == 1


def test_nobody_writes_over_what_somebody_else_saved_meanwhile(scene: Stage) -> None:
    erin = person("erin")
    Seat.objects.create(studio=scene.cast.studio, person=erin, role=Seat.MEMBER, created_at=later(minutes=1))
    recipe = operations.keep(
        person=scene.cast.carol, title="The pier", text=PIER, studio=scene.cast.studio, now=later(hours=1)
    )
    operations.rewrite(recipe=recipe, person=erin, text="|sky: Erin's rain\n", now=later(hours=2))
    carol = browser_of(scene.cast.carol)
    mine = {"recipe": str(recipe.pk), "after": "1"}
    answer = _saved(carol, "|sky: Carol's snow", "The pier", **mine)
    assert answer.status_code == 422
    said = shown(answer)
    assert "Erin wrote it anew meanwhile: look at that first, then save yours again." in said
    assert "This is what is saved now: |sky: Erin's rain" in said
    assert text_in(answer) == "|sky: Carol's snow"
    assert [one[2] for one in _texts()] == [PIER, "|sky: Erin's rain\n"]
    # Having seen it, she saves hers; Erin's stays in the history.
    assert 'name="after" value="2"' in answer.content.decode()
    assert _saved(carol, "|sky: Carol's snow", "The pier", **mine | {"after": "2"}).status_code == 302
    assert [one[2] for one in _texts()] == [PIER, "|sky: Erin's rain\n", "|sky: Carol's snow"]


def test_a_recipe_is_shared_read_forked_and_the_link_ended(scene: Stage) -> None:
    carol, dave = browser_of(scene.cast.carol), browser_of(scene.cast.dave)
    recipe = operations.keep(person=scene.cast.carol, title="The pier", text=THREE, now=later(hours=1))
    made = carol.post(f"/recipes/{recipe.pk}/share")
    assert made["Location"].startswith(f"/recipes/{recipe.pk}")
    share = RecipeShare.objects.get()
    link = f"/recipes/shared/{share.token}"
    assert f"http://testserver{link}" in shown(carol.get(f"/recipes/{recipe.pk}"))  # type: ignore[arg-type]
    # What is typed and not saved yet stays on the page.
    typed = carol.post(f"/recipes/{recipe.pk}/share", FILM_ASKED | {"text": "|a: new", "recipe": str(recipe.pk)})
    assert text_in(typed) == "|a: new"  # type: ignore[arg-type]
    assert RecipeShare.objects.count() == 1
    nobody = Client()
    page = nobody.get(link, FILM_ASKED)
    assert page.status_code == 200
    assert "A recipe that Carol shares." in shown(page)  # type: ignore[arg-type]
    assert "3 licenses are missing: $300.03. 3 layers." in about(page)  # type: ignore[arg-type]
    assert 'name="apply"' not in page.content.decode()
    assert f'href="/sign-in?next={link}"' in page.content.decode()
    assert nobody.post(f"{link}/fork")["Location"] == f"/sign-in?next={link}"
    # Dave forks it for his studio: a recipe of his own, which says what it came of.
    forked = dave.post(f"{link}/fork", {"keep_for": str(scene.cast.daves_studio.pk)})
    fork = Recipe.objects.get(forked_from=recipe)
    assert forked["Location"] == f"/recipes/{fork.pk}"
    assert (fork.author, fork.studio) == (scene.cast.dave, scene.cast.daves_studio)
    mine = dave.get(f"/recipes/{fork.pk}")
    assert "forked from another recipe" in shown(mine)  # type: ignore[arg-type]
    assert text_in(mine) == THREE  # type: ignore[arg-type]
    assert "Forked" in shown(dave.get("/recipes"))  # type: ignore[arg-type]
    # Only those who may write the recipe share it or end that.
    assert dave.post(f"/recipes/{recipe.pk}/unshare").status_code == 404
    assert nobody.get(link).status_code == 200
    assert carol.post(f"/recipes/{recipe.pk}/unshare").status_code == 302
    for visitor in (nobody, dave, carol):
        ended = visitor.get(link)
        assert ended.status_code == 404
        assert "This recipe is not shared The link has ended, or is incomplete." in shown(ended)  # type: ignore[arg-type]
    assert dave.post(f"{link}/fork").status_code == 404
    assert Recipe.objects.count() == 2
    for junk in ("x", "a" * 43, "%00" * 43, "a" * 44):
        assert nobody.get(f"/recipes/shared/{junk}").status_code == 404, junk


def test_lists_go_on_page_by_page_with_few_questions(
    scene: Stage, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    carol = browser_of(scene.cast.carol)
    for number in range(30):
        recipe = operations.keep(person=scene.cast.carol, title=f"No {number:02}", text=PIER, now=later(minutes=number))
    with django_assert_max_num_queries(25):
        first = carol.get("/recipes").content.decode()
    assert ("No 29" in first, "No 06" in first, "No 05" in first) == (True, True, False)
    cursor = first.partition("?cursor=")[2].partition('"')[0]
    rest = carol.get(f"/recipes?cursor={cursor}").content.decode()
    assert ("No 05" in rest, "No 00" in rest, "No 06" in rest) == (True, True, False)
    assert 'rel="next"' not in rest
    for number in range(30):
        operations.rewrite(recipe=recipe, person=scene.cast.carol, text=f"{PIER}# {number}\n", now=later(hours=1))
    with django_assert_max_num_queries(25):
        opened = carol.get(f"/recipes/{recipe.pk}").content.decode()
    assert opened.count("?text=") == 23
    assert "?before=8#texts" in opened
    earlier = carol.get(f"/recipes/{recipe.pk}?before=8").content.decode()
    assert earlier.count("?text=") == 7
    assert Client().get("/recipes")["Location"] == "/sign-in?next=/recipes"
    assert Client().get(f"/recipes/{recipe.pk}").status_code == 302
