"""Runs of recipes whose layers are services: started, watched while they go on, and their picture."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assets.storage.base import BlobDamaged, BlobMissing
from marketplace.compositions.keeping import NotYourRecipe
from marketplace.compositions.kit import NotRunnable
from marketplace.compositions.runs import Run
from marketplace.compositions.services import operations, queries
from marketplace.compositions.services.queries import LayerState
from marketplace.people.queries import studios_of
from marketplace.storefront import words
from marketplace.storefront.recipe_lock_rows import RUN_STATES
from marketplace.storefront.views.recipe_locks import PRIVATE, find_lock, lock_page
from marketplace.ui.formats import Names, sentence

REFUSALS = (
    *(NotYourRecipe, NotRunnable),
    *(operations.RunKeyTaken, operations.UnableToRun, operations.TooManyRuns, operations.ServiceOverQuota),
)
POLL_SECONDS = 3
LAYER_STATES: Names = {
    queries.WAITING: gettext_lazy("Waiting for its turn"),
    queries.ASKED: gettext_lazy("Asked"),
    queries.TAKEN: gettext_lazy("Taken on"),
    queries.MADE: pgettext_lazy("a picture", "Made"),
    queries.FAILED: gettext_lazy("Failed"),
}
TONES = {queries.FAILED: "bad", queries.ASKED: "accent", queries.TAKEN: "accent", queries.RUNNING: "accent"}
ICONS = {queries.FAILED: "refused", queries.MADE: "check", queries.WAITING: "clock"}


@never_cache
@login_required
@require_POST
def start(request: HttpRequest, digest: str) -> HttpResponse:
    """This will have a lock painted by the services in it, once for each form that was shown."""
    row = find_lock(request, digest)
    try:
        made = operations.start_run(
            lock=row,
            studio=row.studio,
            person=request.user,  # type: ignore[arg-type]
            idempotency_key=request.POST.get("key", ""),
            now=timezone.now(),
        )
    except REFUSALS as error:
        return lock_page(request, row, 422, str(error))
    return redirect("recipe-run", made.pk)


def _mine(request: HttpRequest, run_id: UUID) -> Run:
    """Finds a run of one of the visitor's studios; to everybody else it is not there."""
    studios = studios_of(request.user)  # type: ignore[arg-type]
    found = next((run for studio in studios if (run := queries.run_of(run_id, studio=studio))), None)
    if found is None:
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def run(request: HttpRequest, run: UUID) -> HttpResponse:
    """This will show how far each layer of a run is, and the picture once it is made."""
    found = _mine(request, run)
    state, reason = queries.state_of(found), queries.reason_of(found)
    layers = queries.layers_of(found)
    context = {
        "here": "compose",
        "run": found,
        "state": state,
        "state_name": words.say(RUN_STATES, state),
        "tone": TONES.get(state, ""),
        "icon": ICONS.get(state, "clock"),
        "reason": sentence(reason) if reason is not None else "",
        "layers": [_layer(one) for one in layers],
        "made": sum(one.state == queries.MADE for one in layers),
        "poll_seconds": POLL_SECONDS,
    }
    return render(request, "storefront/recipe_run.html", context)


def _layer(one: LayerState) -> dict[str, Any]:
    return {
        "layer": one,
        "state": words.say(LAYER_STATES, one.state),
        "tone": TONES.get(one.state, ""),
        "icon": ICONS.get(one.state, "clock"),
        "reason": sentence(one.words) if one.words is not None else "",
        "is_open": one.state in (queries.ASKED, queries.TAKEN),
    }


@login_required
@require_safe
def picture(request: HttpRequest, run: UUID) -> HttpResponseBase:
    """This will send the picture of a run to the studio that it was made for; with `download`, as a file."""
    found = _mine(request, run)
    try:
        content = queries.picture_of(found)
    except (BlobMissing, BlobDamaged):
        content = None
    if content is None:
        raise Http404
    return FileResponse(
        content,
        as_attachment="download" in request.GET,
        filename=f"worldloom-{found.pk}.png",
        content_type="image/png",
        headers={"Cache-Control": PRIVATE},
    )
