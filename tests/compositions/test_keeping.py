"""Carol keeps a recipe for her studio, Bob forks what she shares, and Dave may not."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import translation
from PIL import Image

from ledger.models import Entry
from marketplace.compositions import queries
from marketplace.compositions.models import Recipe, RecipeLock, RecipeMask, RecipeShare, RecipeText
from marketplace.compositions.operations import (
    NotYourRecipe,
    UnableToAddMask,
    UnableToKeepRecipe,
    add_mask,
    fork,
    keep,
    lock,
    rewrite,
    share,
    unshare,
)
from marketplace.people import operations as people
from marketplace.people.models import Seat
from tests import packs
from tests.cast import NOON, Cast, later, on_stage
from tests.compositions.stage import HOBBY

TEXT = "|sky: clouds @alice/sea\n"


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


def _rows() -> tuple[int, int, int]:
    return Recipe.objects.count(), RecipeText.objects.count(), RecipeShare.objects.count()


def test_a_studios_recipe_is_written_anew_shared_and_forked(cast: Cast) -> None:
    erin = cast.mo.person
    people.give_seat(studio=cast.studio, by=cast.carol, email=erin.email, role=Seat.MEMBER, now=NOON)
    recipe = keep(person=cast.carol, title="  Night pier ", text=TEXT, studio=cast.studio, now=NOON)
    assert [text.title for text in queries.texts_of(recipe)] == ["Night pier"]
    # Every seat of the studio may write; what changes nothing adds nothing.
    second = rewrite(recipe=recipe, person=erin, text=TEXT + "! rain\n", now=later(minutes=1), after=1)
    assert (second.number, second.title, second.written_by) == (2, "Night pier", erin)
    assert rewrite(recipe=recipe, person=cast.carol, text=second.text, now=later(minutes=2)) == second
    with pytest.raises(UnableToKeepRecipe, match="Mo wrote it anew meanwhile"):
        rewrite(recipe=recipe, person=cast.carol, text="|a: b", now=later(minutes=3), after=1)
    # Shared under a token that is drawn once; Bob's fork says where it is from, and stays when the share ends.
    shared = share(recipe=recipe, person=cast.carol, now=later(minutes=4), token=lambda: "t" * 43)
    assert share(recipe=recipe, person=erin, now=later(minutes=5)) == shared
    found = queries.shared("t" * 43)
    assert found is not None
    assert found.recipe.newest.text == TEXT + "! rain\n"  # type: ignore[attr-defined]
    forked = fork(token="t" * 43, person=cast.bob.person, now=later(minutes=6))
    assert (forked.forked_from, forked.studio, forked.author) == (recipe, None, cast.bob.person)
    assert unshare(recipe=recipe, person=cast.carol, now=later(minutes=7))
    assert not unshare(recipe=recipe, person=cast.carol, now=later(minutes=8))
    assert queries.shared("t" * 43) is None
    with pytest.raises(UnableToKeepRecipe, match="not shared any more"):
        fork(token="t" * 43, person=cast.dave, now=later(minutes=9))
    again = share(recipe=recipe, person=cast.carol, now=later(minutes=10))
    assert len(again.token) == 43
    # Who may read what: the studio's for its seats, one's own for oneself.
    assert [one.pk for one in queries.recipes_of(person=erin)[0]] == [recipe.pk]
    assert [one.pk for one in queries.recipes_of(studio=cast.studio)[0]] == [recipe.pk]
    assert [one.newest.number for one in queries.recipes_of(person=cast.bob.person)[0]] == [1]  # type: ignore[attr-defined]
    assert queries.recipe_of(recipe.pk, person=cast.dave) is None
    assert queries.recipe_of(recipe.pk, studio=cast.daves_studio) is None
    assert queries.recipe_of(recipe.pk) is None
    seen = queries.recipe_of(recipe.pk, person=cast.carol)
    assert seen is not None
    assert seen.share == again  # type: ignore[attr-defined]


def test_recipes_are_listed_page_by_page(cast: Cast) -> None:
    kept = [keep(person=cast.carol, title=f"r{n}", text="", now=later(minutes=n // 2)) for n in range(5)]
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page, after = queries.recipes_of(person=cast.carol, after=after, size=2)
        seen += [one.newest.title for one in page]  # type: ignore[attr-defined]
    assert sorted(seen) == [f"r{n}" for n in range(5)]
    assert seen[0] == kept[4].texts.get().title


def test_dave_may_not_and_what_cannot_be_kept_is_not(cast: Cast) -> None:
    recipe = keep(person=cast.carol, title="Mine", text=TEXT, now=NOON)
    rows = _rows()
    refused: list[tuple[type[Exception], Callable[[], Any]]] = [
        (NotYourRecipe, lambda: keep(person=cast.dave, title="x", text=TEXT, studio=cast.studio, now=NOON)),
        (NotYourRecipe, lambda: rewrite(recipe=recipe, person=cast.dave, text="|a: b", now=NOON)),
        (NotYourRecipe, lambda: share(recipe=recipe, person=cast.dave, now=NOON)),
        (NotYourRecipe, lambda: unshare(recipe=recipe, person=cast.dave, now=NOON)),
        (UnableToKeepRecipe, lambda: fork(token="guessed", person=cast.dave, now=NOON)),
        (UnableToKeepRecipe, lambda: keep(person=cast.carol, title=" ", text=TEXT, now=NOON)),
        (UnableToKeepRecipe, lambda: keep(person=cast.carol, title="x" * 121, text=TEXT, now=NOON)),
        (UnableToKeepRecipe, lambda: keep(person=cast.carol, title="two\nlines", text=TEXT, now=NOON)),
        (UnableToKeepRecipe, lambda: keep(person=cast.carol, title="x", text="海" * 400_000, now=NOON)),
        (UnableToKeepRecipe, lambda: keep(person=cast.carol, title="x", text="a\0b", now=NOON)),
        (UnableToKeepRecipe, lambda: rewrite(recipe=recipe, person=cast.carol, text="\ud800", now=NOON)),
        (UnableToKeepRecipe, lambda: rewrite(recipe=recipe, person=cast.carol, title="", now=NOON)),
    ]
    for error, verb in refused:
        with pytest.raises(error):
            verb()
    assert _rows() == rows


def test_two_at_once_share_and_lock_once(committed: None, at_once: Callable[..., list[Any]]) -> None:
    cast = on_stage()
    recipe = keep(person=cast.carol, title="Mine", text="|a: x", studio=cast.studio, now=NOON)

    def locked() -> Any:
        return lock(recipe="|a: x", studio=cast.studio, person=cast.carol, use=HOBBY, recipe_row=recipe, now=NOON)

    def shared() -> Any:
        return share(recipe=recipe, person=cast.carol, now=NOON)

    said = at_once(locked, shared, locked, shared)
    assert said[0] == said[2] == RecipeLock.objects.get()
    assert said[1] == said[3] == RecipeShare.objects.get()
    assert Entry.objects.filter(type="recipe").count() == 1


def test_a_mask_is_measured_and_kept_as_gray_png(cast: Cast) -> None:
    translation.activate("en")
    row = add_mask(data=_half(), person=cast.carol, now=NOON)
    assert (row.width, row.height, row.area_ppm) == (100, 50, 250_000)
    assert bytes(row.png).startswith(b"\x89PNG")
    # The same picture in another coat of bytes is the same mask.
    assert add_mask(data=_half("WEBP"), person=cast.dave, now=later(hours=1)) == row
    for data, why in (
        (b"", "at most"),
        (b"x" * (2 * 1024 * 1024 + 1), "at most"),
        (b"<svg onload='alert(1)'/>", "cannot be a mask"),
        (packs.picture()[:200], "cannot be a mask"),
        (packs.picture(form="AVIF"), "PNG, JPEG or WebP"),
        (_half(light=0), "black"),
    ):
        with pytest.raises(UnableToAddMask, match=why):
            add_mask(data=data, person=cast.carol, now=NOON)
    assert RecipeMask.objects.count() == 1


def _half(form: str = "PNG", light: int = 255) -> bytes:
    """A quarter of a picture in white, the rest in black."""

    image = Image.new("L", (100, 50), 0)
    image.paste(light, (0, 0, 50, 25))
    file = io.BytesIO()
    image.save(file, form, **({"lossless": True} if form == "WEBP" else {}))
    return file.getvalue()
