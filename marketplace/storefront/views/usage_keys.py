"""Keys of a studio's renderers: what they sign counts as used."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.compositions.usage import queries
from marketplace.compositions.usage.accepting import add_usage_key, end_usage_key
from marketplace.compositions.usage.refusals import UnableToKeepKey
from marketplace.compositions.uses import UsageKey
from marketplace.licensing.holding import manages
from marketplace.people.models import Studio
from marketplace.people.queries import studios_of
from marketplace.storefront.forms_recipe_orders import EndKeyForm, UsageKeyForm

KEY_COMMAND = "openssl genpkey -algorithm ed25519 -out renderer.pem\nopenssl pkey -in renderer.pem -pubout"


@never_cache
@login_required
@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    """This will list the keys whose signatures count for one of the visitor's studios."""
    return _page(request, _studio(request, request.GET.get("studio", "")))


def _studio(request: HttpRequest, key: str) -> Studio | None:
    """Finds the studio that is named among the visitor's, the first where none is; None for whoever has none."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    found = next((one for one in studios if str(one.pk) == key), None if key else next(iter(studios), None))
    if found is None and key:
        raise Http404
    return found


def _page(request: HttpRequest, studio: Studio | None, status: int = 200, **refused: Any) -> HttpResponse:
    found = queries.usage_keys(studio) if studio is not None else []
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    ending: UsageKey | None = refused.get("ending")
    context = {
        "here": "licenses",
        "studio": studio,
        "studios": studios if len(studios) > 1 else [],
        "may_change": studio is not None and manages(request.user, studio),  # type: ignore[arg-type]
        "rows": [
            {
                "key": one,
                "end": getattr(one, "end", None),
                "form": refused["end_form"] if ending is not None and one.pk == ending.pk else _end_form(one),
            }
            for one in found
        ],
        "form": refused.get("form") or UsageKeyForm(),
        "key_command": KEY_COMMAND,
    }
    return render(request, "storefront/usage_keys.html", context, status=status)


def _end_form(key: UsageKey) -> EndKeyForm:
    return EndKeyForm(key=key, auto_id=f"end_{key.pk}_%s")


def _to(studio: Studio) -> HttpResponse:
    return redirect(f"{reverse('usage-keys')}?studio={studio.pk}")


@never_cache
@login_required
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """This will register a key of the studio's renderers."""
    studio = _studio(request, request.POST.get("studio", ""))
    if studio is None:
        raise Http404
    form = UsageKeyForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = add_usage_key(
                studio=studio,
                person=request.user,  # type: ignore[arg-type]
                public_key=given["public_key"],
                name=given["name"],
                now=timezone.now(),
            )
        except UnableToKeepKey as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("What “%s” signs counts from now on.") % made.name)
            return _to(studio)
    return _page(request, studio, 422, form=form.without_private())


@never_cache
@login_required
@require_POST
def end(request: HttpRequest, key: UUID) -> HttpResponse:
    """This will end a key, once its name was typed."""
    found = next((one for studio in studios_of(request.user) if (one := queries.usage_key(studio, key))), None)  # type: ignore[arg-type]
    if found is None:
        raise Http404
    form = EndKeyForm(request.POST, key=found, auto_id=f"end_{found.pk}_%s")
    if form.is_valid():
        try:
            end_usage_key(key=found, person=request.user, now=timezone.now())  # type: ignore[arg-type]
        except UnableToKeepKey as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("“%s” is ended: nothing that it signs counts any more.") % found.name)
            return _to(found.studio)
    return _page(request, found.studio, 422, ending=found, end_form=form)
