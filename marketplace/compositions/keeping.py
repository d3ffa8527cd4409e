"""Recipes that are kept: written, written anew, shared by a link, forked."""

import secrets
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.compositions.models import Recipe, RecipeShare, RecipeText
from marketplace.compositions.notation.reading import MOST_BYTES
from marketplace.people.models import Person, Seat, Studio

MOST_TITLE = 120
MOST_TEXTS = 10_000
"""How often a recipe may be written anew."""


class UnableToKeepRecipe(Exception):
    """The recipe was not kept, changed, shared or forked; nothing was written."""

    code = "recipe-refused"


class NotYourRecipe(Exception):
    """Only the author of a recipe and its studio may do that; nothing was written."""

    code = "recipe-of-others"


def has_seat(person: Person, studio: Studio | None) -> bool:
    """This will tell whether a person sits in a studio."""
    return studio is not None and Seat.objects.filter(studio=studio, person=person).exists()


def check_seat(person: Person, studio: Studio) -> None:
    """This will raise NotYourRecipe for somebody who has no seat in a studio."""
    if not has_seat(person, studio):
        values = {"person": person.display_name, "studio": studio.name}
        raise NotYourRecipe(_("%(person)s has no seat in %(studio)s: ask one of its owners for one.") % values)


def may_read(person: Person, recipe: Recipe) -> bool:
    """This will tell whether somebody may read and change a recipe: its author, and every seat of its studio."""
    return recipe.author_id == person.pk or has_seat(person, recipe.studio)


def check_reads(person: Person, recipe: Recipe) -> None:
    """This will raise NotYourRecipe for whoever may not read a recipe."""
    if not may_read(person, recipe):
        raise NotYourRecipe(_("This recipe is of others: ask them to share it, and fork it."))


def newest_of(recipe: Recipe) -> RecipeText:
    """This will find what a recipe says now."""
    return RecipeText.objects.filter(recipe=recipe).order_by("-number")[0]


def a_title(title: str) -> str:
    """This will tidy a title, or raise UnableToKeepRecipe; an empty one is fine where a recipe need not have one."""
    title = title.strip()
    if len(title) > MOST_TITLE or not title.isprintable():
        raise UnableToKeepRecipe(_("A title is one line of at most %d characters: shorten it.") % MOST_TITLE)
    return title


def _titled(title: str) -> str:
    title = a_title(title)
    if not title:
        raise UnableToKeepRecipe(_("A recipe needs a title: call it something."))
    return title


def _kept(text: str) -> str:
    """Returns a text as it can be kept; it may still have errors in it."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UnableToKeepRecipe(_("The text has signs that are no characters: take them out.")) from None
    if size > MOST_BYTES:
        raise UnableToKeepRecipe(_("A recipe has at most %d bytes: shorten it.") % MOST_BYTES)
    if "\0" in text:
        raise UnableToKeepRecipe(_("The text has a zero character in it: take it out."))
    return text


@transaction.atomic
def keep(
    *,
    person: Person,
    title: str,
    text: str,
    studio: Studio | None = None,
    forked_from: Recipe | None = None,
    now: datetime,
) -> Recipe:
    """This will keep a recipe, for a person or for their studio; it may still have errors in it.

    Raises NotYourRecipe where the person has no seat, and UnableToKeepRecipe.
    """
    if studio is not None:
        check_seat(person, studio)
    title, text = _titled(title), _kept(text)
    recipe = Recipe.objects.create(author=person, studio=studio, forked_from=forked_from, created_at=now)
    RecipeText.objects.create(recipe=recipe, number=1, title=title, text=text, written_by=person, written_at=now)
    return recipe


@transaction.atomic
def rewrite(
    *, recipe: Recipe, person: Person, now: datetime, title: str | None = None, text: str | None = None, after: int = 0
) -> RecipeText:
    """This will say anew what a recipe says or is called, in a further text; what changes nothing adds none.

    With `after`, only where that is still the number of its newest text. Raises NotYourRecipe and UnableToKeepRecipe.
    """
    check_reads(person, recipe)
    # One writer at a time, so that each builds on what is there.
    Recipe.objects.select_for_update(no_key=True).get(pk=recipe.pk)
    newest = newest_of(recipe)
    if after and after != newest.number:
        template = _("%s wrote it anew meanwhile: look at that first, then save yours again.")
        raise UnableToKeepRecipe(template % newest.written_by.display_name)
    said = (
        newest.title if title is None else _titled(title),
        newest.text if text is None else _kept(text),
    )
    if said == (newest.title, newest.text):
        return newest
    if newest.number >= MOST_TEXTS:
        raise UnableToKeepRecipe(_("It was written anew %d times: keep it as a new recipe.") % MOST_TEXTS)
    return RecipeText.objects.create(
        recipe=recipe, number=newest.number + 1, title=said[0], text=said[1], written_by=person, written_at=now
    )


def _token() -> str:
    return secrets.token_urlsafe(32)


@transaction.atomic
def share(*, recipe: Recipe, person: Person, now: datetime, token: Callable[[], str] = _token) -> RecipeShare:
    """This will let whoever has the token read and fork a recipe; one that is shared already keeps its token.

    Raises NotYourRecipe.
    """
    check_reads(person, recipe)
    Recipe.objects.select_for_update(no_key=True).get(pk=recipe.pk)
    there = RecipeShare.objects.filter(recipe=recipe, ended_at=None).first()
    return there or RecipeShare.objects.create(recipe=recipe, token=token(), shared_by=person, shared_at=now)


@transaction.atomic
def unshare(*, recipe: Recipe, person: Person, now: datetime) -> bool:
    """This will end the share of a recipe; tells whether it had one. Forks stay. Raises NotYourRecipe."""
    check_reads(person, recipe)
    return bool(RecipeShare.objects.filter(recipe=recipe, ended_at=None).update(ended_at=now))


def fork(*, token: str, person: Person, studio: Studio | None = None, now: datetime) -> Recipe:
    """This will keep a copy of a shared recipe as it is now; raises UnableToKeepRecipe where the share has ended."""
    shared = RecipeShare.objects.filter(token=token, ended_at=None).select_related("recipe").first()
    if shared is None:
        raise UnableToKeepRecipe(_("This recipe is not shared any more: ask for a new link."))
    newest = newest_of(shared.recipe)
    return keep(person=person, title=newest.title, text=newest.text, studio=studio, forked_from=shared.recipe, now=now)
