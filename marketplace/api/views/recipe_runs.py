"""Runs of recipes whose layers are services: only for a studio's API key."""

from uuid import UUID

from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, questions, recipe_examples, run_answers, run_shapes
from marketplace.api.answers import Shape
from marketplace.api.asked import studio_of
from marketplace.api.door import Door, as_file, page
from marketplace.api.following import once
from marketplace.api.recipe_asked import lock_of
from marketplace.api.renderers import FastJSONRenderer, PngRenderer, ProblemRenderer
from marketplace.api.views.recipes import WRITTEN
from marketplace.compositions.runs import Run
from marketplace.compositions.services import operations, queries

READS = ("api-key-missing", "not-found", "invalid-request")


class LockRuns(Door):
    """Runs of a lock."""

    @extend_schema(
        operation_id="recipe_runs_create",
        summary="Run a lock",
        tags=["recipes"],
        parameters=[recipe_examples.DIGEST, documentation.IDEMPOTENCY_KEY],
        request=None,
        responses=documentation.answers(
            run_shapes.RunShape,
            *(*WRITTEN, "not-found", "recipe-of-others", "recipe-not-runnable"),
            *("run-refused", "service-over-quota", "too-many-runs"),
            status=201,
        ),
    )
    def post(self, request: Request, digest: str) -> Response:
        """This will have a lock painted whose layers are all services: each is asked under a key of its own, and what
        they paint becomes one picture (docs/services.md). Come again to read how far it is. Its use is counted once,
        when the picture is made; a run that fails charges nothing.
        """
        questions.query(request, {})
        now, lock = timezone.now(), lock_of(request, digest)

        def act() -> Shape:
            made = operations.start_run(
                lock=lock,
                studio=studio_of(request),
                person=request.user,
                idempotency_key=questions.idempotency_key(request),
                now=now,
            )
            return run_answers.run(made, request.build_absolute_uri)

        return once(request=request, asked={}, act=act, now=now)


class RecipeRuns(Door):
    """Runs of the studio."""

    @extend_schema(
        operation_id="recipe_runs_list",
        summary="List runs",
        tags=["recipes"],
        parameters=documentation.PAGES,
        responses=documentation.answers(run_shapes.RunPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list the runs of the key's studio, newest first."""
        asked = questions.query(request, questions.pages("runs"))
        size = asked.get("limit", questions.DEFAULT_LIMIT)
        found, more = queries.runs_of(studio_of(request), after=asked.get("cursor", ""), size=size)
        data = [run_answers.run_row(row, request.build_absolute_uri) for row in found]
        return page(request, data, questions.as_cursor("runs", more))


class RecipeRun(Door):
    """A run."""

    @extend_schema(
        operation_id="recipe_runs_read",
        summary="Read a run",
        tags=["recipes"],
        responses=documentation.answers(run_shapes.RunShape, *READS),
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """This will say how far a run of the key's studio is, layer by layer, and why it failed if it did."""
        return Response(run_answers.run(_mine(request, run_id), request.build_absolute_uri))


class RecipeRunPicture(Door):
    """The picture of a run."""

    renderer_classes = [FastJSONRenderer, ProblemRenderer, PngRenderer]

    @extend_schema(
        operation_id="recipe_runs_picture",
        summary="Download the picture of a run",
        tags=["recipes"],
        responses=documentation.answers(bytes, *READS, media_type="image/png"),
    )
    def get(self, request: Request, run_id: UUID) -> HttpResponseBase:
        """This will send the picture that a run made, a PNG that names its recipe (docs/formats/exports.md)."""
        row = _mine(request, run_id)
        file = queries.picture_of(row)
        if file is None:
            raise Http404(_("The run has no picture: read it to see how far it is."))
        with file:
            return as_file(request, file.read(), "image/png", f"worldloom-{row.lock_id[:12]}-{str(row.pk)[:8]}.png")


def _mine(request: Request, run_id: UUID) -> Run:
    questions.query(request, {})
    row = queries.run_of(run_id, studio=studio_of(request))
    if row is None:
        raise Http404(_("Your studio has no run with the id %s.") % run_id)
    return row
