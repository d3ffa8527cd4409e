"""Locks of recipes: what is fixed in them, what it costs, whether they can be run, and what is taken away of them."""

import re
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assets.storage.base import BlobDamaged, BlobMissing
from marketplace.checkout.rating import month_of
from marketplace.compositions import kit as kits
from marketplace.compositions import operations as compositions
from marketplace.compositions import queries
from marketplace.compositions.exports.forms import FORMS, UnableToExport, export
from marketplace.compositions.keeping import NotYourRecipe, UnableToKeepRecipe
from marketplace.compositions.lockfile import Lock
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.notation.document import from_document
from marketplace.compositions.notation.findings import UnreadableRecipe
from marketplace.compositions.notation.writing import write
from marketplace.compositions.operations import UnableToLock
from marketplace.compositions.services import queries as services
from marketplace.compositions.usage import queries as usage
from marketplace.licensing.bundles import NotDownloadable
from marketplace.licensing.terms.using import UnreadableUse, use_from
from marketplace.people.models import Studio
from marketplace.people.queries import studios_of
from marketplace.storefront import recipe_lock_rows as rows
from marketplace.storefront import words
from marketplace.storefront.forms_recipe_orders import said_again
from marketplace.storefront.recipe_problems import refused_page
from marketplace.storefront.views.recipe_quotes import asked_of, quoted

PRIVATE = "private, no-store"
RUNS_SHOWN = 5
_CURSOR = re.compile(r"[0-9T:.+-]{1,40}~[0-9a-f]{64}")


def find_lock(request: HttpRequest, digest: str) -> RecipeLock:
    """This will find a lock of one of the visitor's studios; to everybody else it is not there."""
    studios = studios_of(request.user)  # type: ignore[arg-type]
    found = next((row for studio in studios if (row := queries.lock_of(digest, studio=studio))), None)
    if found is None:
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def locks(request: HttpRequest) -> HttpResponse:
    """This will list the locks of one of the visitor's studios, the newest first."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    studio = _chosen(studios, request.GET.get("studio", ""))
    found, after = [], None
    if studio is not None:
        cursor = request.GET.get("cursor", "")
        found, after = queries.locks_of(studio, after=cursor if _CURSOR.fullmatch(cursor) else "")
    context = {
        "here": "compose",
        "studios": studios if len(studios) > 1 else [],
        "studio": studio,
        "rows": rows.list_rows(found),
        "after": after,
    }
    return render(request, "storefront/recipe_locks.html", context)


def _chosen(studios: list[Studio], key: str) -> Studio | None:
    return next((one for one in studios if str(one.pk) == key), studios[0] if studios else None)


@never_cache
@login_required
@require_safe
def lock(request: HttpRequest, digest: str) -> HttpResponse:
    """This will show what a lock fixes, whether it can be run now, and what can be done with it."""
    return lock_page(request, find_lock(request, digest))


def lock_page(request: HttpRequest, row: RecipeLock, status: int = 200, refusal: str = "") -> HttpResponse:
    """This will show a lock, with why something was refused."""
    now, found = timezone.now(), queries.lock_in(row)
    missing = queries.unlicensed(found, now=now)
    month = month_of(now)
    uses, units = usage.counted(row.studio, recipe=row.digest, month=month)
    context = {
        "here": "compose",
        "row": row,
        "lock": found,
        "refusal": refusal,
        "policy": words.say(rows.POLICIES, found.policy),
        "missing": [{"layer": layer, "pack": pack} for layer, pack in missing],
        "layers": rows.layer_rows(row, found, missing),
        "exports": rows.export_rows(found),
        "steps": rows.steps_of(row, reverse("log")),
        "text": write(from_document(found.recipe)),
        "fields": _fields(row, found),
        "month": month,
        "uses": uses,
        "units": sorted(units.items()),
        **_runs(row, found),
    }
    return render(request, "storefront/recipe_lock.html", context, status=status)


def _runs(row: RecipeLock, lock: Lock) -> dict[str, Any]:
    """Says whether providers can paint a lock here, layer by layer, and what they painted of it lately."""
    if not any(ref.service for ref in lock.refs):
        return {}
    found, _more = services.runs_of(row.studio, lock=row, size=RUNS_SHOWN)
    runs = [{"run": one, "state": words.say(rows.RUN_STATES, services.state_of(one))} for one in found]
    return {
        "is_of_services": True,
        "unpaintable": [str(one) for one in services.unpaintable(lock)],
        "runs": runs,
        "run_key": str(uuid4()),
    }


def _fields(row: RecipeLock, lock: Lock) -> list[tuple[str, str]]:
    """Lists what composing a locked recipe again starts with, besides the text."""
    use, masks = use_from(lock.use), _masks(lock)
    return said_again(use, masks, studio=row.studio, project=row.project, title=row.title, recipe=row.recipe_id)


def _masks(lock: Lock) -> dict[str, str]:
    return {layer.mask: layer.mask_sha256 for layer in lock.painted if layer.mask_sha256}


@login_required
@require_safe
def document(request: HttpRequest, digest: str) -> HttpResponse:
    """This will send the lock itself: the bytes whose SHA-256 is the recipe's id."""
    row = find_lock(request, digest)
    return _file(bytes(row.document), "application/json", f"worldloom-{row.digest[:12]}-lock.json")


@login_required
@require_safe
def exported(request: HttpRequest, digest: str, form: str) -> HttpResponse:
    """This will send a lock as another tool reads it."""
    row = find_lock(request, digest)
    if form not in FORMS:
        raise Http404
    try:
        made = export(queries.lock_in(row), form, site=settings.SITE_URL)
    except UnableToExport as error:
        return lock_page(request, row, 422, str(error))
    return _file(made.data, made.form.media_type, made.file_name)


def _file(data: bytes, media_type: str, name: str) -> HttpResponse:
    said = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": PRIVATE}
    return HttpResponse(data, content_type=media_type, headers=said)


@login_required
@require_safe
def kit(request: HttpRequest, digest: str) -> HttpResponseBase:
    """This will send all that a lock is rendered with, in one zip, and note that on each license."""
    now, row = timezone.now(), find_lock(request, digest)
    try:
        made = kits.kit_of(row, studio=row.studio, site=settings.SITE_URL, now=now)
    except (kits.NotRunnable, NotDownloadable) as error:
        return lock_page(request, row, 403, str(error))
    except (BlobMissing, BlobDamaged):
        return lock_page(request, row, 503, _("Our storage has lost a file of this kit: we are mending it, try later."))
    said = {"Content-Disposition": f'attachment; filename="{made.file_name}"', "Cache-Control": PRIVATE}
    if request.method == "HEAD":
        return HttpResponse(content_type="application/zip", headers=said)
    kits.record(made, by=str(request.user), now=now)
    return StreamingHttpResponse(made.chunks(), content_type="application/zip", headers=said)


@never_cache
@login_required
@require_POST
def quote(request: HttpRequest, digest: str) -> HttpResponse:
    """This will ask what the licenses cost that a lock lacks by now."""
    row = find_lock(request, digest)
    found = queries.lock_in(row)
    return quoted(
        request,
        fields=_fields(row, found),
        masks=_masks(found),
        studio=row.studio,
        project=row.project,
        recipe_row=row.recipe,
        title=row.title,
        text=write(from_document(found.recipe)),
        use=use_from(found.use),
    )


@never_cache
@login_required
@require_POST
def make(request: HttpRequest) -> HttpResponse:
    """This will lock the recipe that was written and lead to its page, or say why it cannot be locked."""
    asked = asked_of(request, is_lock=True)
    if isinstance(asked, HttpResponse):
        return asked
    text = asked.pop("text")
    try:
        made = compositions.lock(recipe=text, person=request.user, now=timezone.now(), **asked)  # type: ignore[arg-type]
    except (UnableToLock, UnreadableRecipe, UnreadableUse, NotYourRecipe, UnableToKeepRecipe) as error:
        return refused_page(request, error, text=text, is_lock=True)
    messages.success(request, _("Locked: the recipe is the same for ever under this id."))
    return redirect("recipe-lock", made.digest)
