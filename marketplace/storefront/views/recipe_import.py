"""A picture or workflow of another tool: which registered packs it names, what may be done with them, what is owed."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.compositions.importing.counting import count_picture
from marketplace.compositions.importing.queries import Imported, look
from marketplace.compositions.importing.reading import MOST_BYTES
from marketplace.compositions.importing.refusals import UnableToCountPicture, UnableToImport
from marketplace.compositions.usage.refusals import UnableToCount
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.storefront import recipe_cards
from marketplace.storefront.forms_recipe_orders import said_again
from marketplace.storefront.forms_recipes import RecipeForm
from marketplace.storefront.recipe_import_rows import result
from marketplace.storefront.views.compose import form_of, studios_in, use_line
from marketplace.ui.formats import moment_text

_SALT = "recipe-import"
_KEPT_SECONDS = 24 * 60 * 60
"""How long after a picture was looked at it can be counted without choosing it again."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def recipe_import(request: HttpRequest) -> HttpResponse:
    """This will say which registered packs a file names; nothing of it is kept."""
    form = form_of(request, request.POST.copy() if request.method == "POST" else request.GET.copy())
    if request.method != "POST":
        return _page(request, form)
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return _page(request, form, refusal=_("Choose a file first: a picture, or a workflow as JSON."))
    if not form.is_valid():
        return _page(request, form, status=422)
    now = timezone.now()
    try:
        found = _looked(request, form, file, now)
    except UnableToImport as error:
        return _page(request, form, refusal=str(error), name=file.name)
    except UnreadableUse as error:
        form.refuse(error)
        return _page(request, form, status=422)
    return _page(request, form, name=file.name, **_shown(found, now))


def _looked(request: HttpRequest, form: RecipeForm, file: UploadedFile, now: datetime) -> Imported:
    asked = form.wanted(now)
    return look(
        file.read(MOST_BYTES + 1),
        site=settings.SITE_URL,
        studios=studios_in(request),
        **{name: asked[name] for name in ("studio", "project", "use", "currency")},
        now=now,
    )


def _shown(found: Imported, now: datetime) -> dict[str, Any]:
    context: dict[str, Any] = {"found": found, **result(found, now)}
    if found.checked is not None:
        context |= {
            "answer": recipe_cards.answer(found.checked, found.text, found.masks),
            "text": found.text,
            "fields": _fields(found),
        }
    if found.lock is not None and found.claims.is_picture and found.counted is None:
        said = {"studio": str(found.lock.studio_id), "lock": found.lock.digest, "picture": found.claims.sha256}
        context["told"] = signing.dumps(said, salt=_SALT)
    return context


def _fields(found: Imported) -> list[tuple[str, str]]:
    """Lists what composing it starts with, besides the text."""
    checked = found.checked
    if checked is None or checked.studio is None:
        return []
    return said_again(checked.use, found.masks, studio=checked.studio, project=checked.project)


def _page(request: HttpRequest, form: RecipeForm, *, status: int = 0, **context: Any) -> HttpResponse:
    context = {"here": "compose", "form": form, "use_line": use_line(form), **context}
    status = status or (422 if context.get("refusal") else 200)
    return render(request, "storefront/recipe_import.html", context, status=status)


@never_cache
@login_required
@require_POST
def count(request: HttpRequest) -> HttpResponse:
    """This will count a picture that was looked at, once, for the studio whose lock it names."""
    form = form_of(request, request.GET.copy())
    try:
        said = signing.loads(request.POST.get("told", ""), salt=_SALT, max_age=_KEPT_SECONDS)
    except signing.BadSignature:
        return _page(request, form, refusal=_("Choose the picture again: it was looked at too long ago."))
    studio = next((one for one in studios_in(request) if str(one.pk) == said["studio"]), None)
    if studio is None:
        return _page(request, form, refusal=_("The picture names no lock of your studios."))
    try:
        told = count_picture(
            studio=studio,
            person=request.user,  # type: ignore[arg-type]
            lock=said["lock"],
            picture=said["picture"],
            now=timezone.now(),
        )
    except (UnableToCount, UnableToCountPicture) as error:
        return _page(request, form, refusal=str(error))
    if told.is_new:
        messages.success(request, _("The picture is counted. It is added up when the month is over."))
    else:
        messages.success(request, _("Counted already, on %s; not again.") % moment_text(told.use.received_at))
    return redirect("recipe-import")
