"""Recipes that are kept: listed, opened with all that they said, saved, shared by a link, and forked."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.compositions import operations, queries
from marketplace.compositions.keeping import may_read
from marketplace.compositions.models import Recipe
from marketplace.people.models import Person
from marketplace.storefront import recipe_kept
from marketplace.storefront.forms_recipes import RecipeForm
from marketplace.storefront.views import compose


def _person(request: HttpRequest) -> Person:
    return request.user  # type: ignore[return-value]


@never_cache
@login_required
@require_safe
def recipes(request: HttpRequest) -> HttpResponse:
    """This will list the recipes that the visitor and their studios keep."""
    found, after = queries.recipes_of(person=_person(request), after=request.GET.get("cursor", "")[:120])
    return render(request, "storefront/recipes.html", {"here": "compose", "recipes": found, "after": after})


def _mine(request: HttpRequest, recipe: UUID) -> Recipe:
    found = recipe_kept.mine(request, recipe)
    if found is None:
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def recipe(request: HttpRequest, recipe: UUID) -> HttpResponse:
    """This will open a recipe where it is composed, with one of the texts that it had."""
    found = _mine(request, recipe)
    given = request.GET.copy()
    shown = found.newest  # type: ignore[attr-defined]
    if "text" in given:
        shown = queries.text_of(found, recipe_kept.number_in(given["text"]))
        if shown is None:
            raise Http404
    given["text"], given["title"] = shown.text, shown.title
    given["recipe"], given["after"] = str(found.pk), str(found.newest.number)  # type: ignore[attr-defined]
    form = compose.form_of(request, given)
    return compose.page(request, form, **recipe_kept.about(request, found) | {"shown_text": shown})


@never_cache
@login_required
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """This will keep what is in the form: as a new recipe, or as the next text of one."""
    form = compose.form_of(request, request.POST.copy())
    form.is_valid()
    given = form.cleaned_data
    row = _mine(request, given["recipe"]) if given.get("recipe") and "new" not in request.GET else None
    text, title = given.get("text", ""), form.data.get("title", "")
    person, now = _person(request), timezone.now()
    try:
        if row is None:
            row = operations.keep(person=person, title=title, text=text, studio=_keeper(form), now=now)
        else:
            operations.rewrite(
                recipe=row, person=person, title=title, text=text, after=given.get("after") or 0, now=now
            )
    except (operations.UnableToKeepRecipe, operations.NotYourRecipe) as error:
        return _not_saved(request, form, row, str(error))
    messages.success(request, _("Saved."))
    return _opened(row, form)


def _keeper(form: RecipeForm) -> Any:
    return form.keeper() if "keep_for" in form.cleaned_data else None


def _opened(row: Recipe, form: RecipeForm) -> HttpResponse:
    """Leads to a recipe, still asked about for the same use."""
    asked = form.asked()
    return redirect(reverse("recipe", args=[row.pk]) + (f"?{asked}" if asked else ""))


def _not_saved(request: HttpRequest, form: RecipeForm, row: Recipe | None, refusal: str) -> HttpResponse:
    """Shows the text as it was sent, and what somebody else saved meanwhile; saving again then comes after that."""
    context: dict[str, Any] = {"refusal": refusal}
    if row is not None:
        newest = row.newest  # type: ignore[attr-defined]
        context |= recipe_kept.about(request, row)
        if newest.number != form.cleaned_data.get("after"):
            context["theirs"] = newest
            form.data["after"] = str(newest.number)
    return compose.page(request, form, status=422, **context)


@never_cache
@login_required
@require_POST
def share(request: HttpRequest, recipe: UUID) -> HttpResponse:
    """This will make the link by which others read a recipe."""
    found = _mine(request, recipe)
    operations.share(recipe=found, person=_person(request), now=timezone.now())
    messages.success(request, _("Shared: the link is below."))
    return _kept_open(request, recipe)


@never_cache
@login_required
@require_POST
def unshare(request: HttpRequest, recipe: UUID) -> HttpResponse:
    """This will end the link by which others read a recipe."""
    found = _mine(request, recipe)
    if operations.unshare(recipe=found, person=_person(request), now=timezone.now()):
        messages.success(request, _("The link has ended. Copies that were forked stay."))
    return _kept_open(request, recipe)


def _kept_open(request: HttpRequest, recipe: UUID) -> HttpResponse:
    """Leads back to the recipe, or shows what was typed and is not saved yet."""
    found = _mine(request, recipe)
    form = compose.form_of(request, request.POST.copy())
    form.is_valid()
    text = form.cleaned_data.get("text")
    if "text" in request.POST and text != found.newest.text:  # type: ignore[attr-defined]
        return compose.page(request, form, **recipe_kept.about(request, found))
    return _opened(found, form)


@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """This will show a shared recipe, and what it would be to the visitor."""
    return _shared(request, token)


def _shared(request: HttpRequest, token: str, refusal: str = "") -> HttpResponse:
    found = queries.shared(token)
    if found is None:
        return render(request, "storefront/recipe_unshared.html", {"here": "compose"}, status=404)
    given = request.GET.copy()
    given["text"] = found.recipe.newest.text  # type: ignore[attr-defined]
    form = compose.form_of(request, given)
    context = {
        "here": "compose",
        "token": token,
        "recipe": found.recipe,
        "is_mine": request.user.is_authenticated and may_read(_person(request), found.recipe),
        "refusal": refusal,
        **compose.answer_in(request, form, timezone.now()),
        "use_line": compose.use_line(form),
    }
    status = 422 if refusal or form.errors else 200
    return render(request, "storefront/recipe_shared.html", context, status=status)


@never_cache
@require_POST
def fork(request: HttpRequest, token: str) -> HttpResponse:
    """This will keep a copy of a shared recipe for the visitor, or for one of their studios."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("recipe-shared", args=[token]))
    form = compose.form_of(request, request.POST.copy())
    form.is_valid()
    try:
        made = operations.fork(token=token, person=_person(request), studio=_keeper(form), now=timezone.now())
    except (operations.UnableToKeepRecipe, operations.NotYourRecipe) as error:
        return _shared(request, token, str(error))
    messages.success(request, _("Forked: this copy is yours."))
    return redirect("recipe", made.pk)
