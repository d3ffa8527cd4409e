"""What belongs to a recipe that is kept, beside its text: whose it is, its link, and what it said before."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from marketplace.compositions import queries
from marketplace.compositions.models import Recipe
from marketplace.people.models import Person


def mine(request: HttpRequest, recipe: UUID | str) -> Recipe | None:
    """This will find a recipe that the visitor may read; what names none is none."""
    person = request.user
    if not isinstance(person, Person):
        return None
    try:
        return queries.recipe_of(UUID(str(recipe)), person=person)
    except ValueError:
        return None


def about(request: HttpRequest, found: Recipe) -> dict[str, Any]:
    """This will give what the page of a recipe shows of it, with its newest text as the one that is shown."""
    history, earlier = queries.history_of(found, before=number_in(request.GET.get("before", "")))
    newest, share = found.newest, found.share  # type: ignore[attr-defined]
    asked = number_in(request.GET.get("text", ""))
    return {
        "saved": found,
        "shown_text": newest,
        "older": bool(asked) and asked != newest.number,
        "history": history,
        "earlier": earlier,
        "share_href": request.build_absolute_uri(reverse("recipe-shared", args=[share.token])) if share else "",
    }


def named(request: HttpRequest, given: QueryDict) -> dict[str, Any]:
    """This will give the same of the recipe that a form came from, nothing where it came from none."""
    found = mine(request, given["recipe"]) if given.get("recipe") else None
    return about(request, found) if found is not None else {}


def number_in(text: str) -> int:
    """This will read the number of a text, 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
