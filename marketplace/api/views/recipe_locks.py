"""Locks of recipes, and what is taken of them to other tools: only for a studio's API key."""

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, questions, recipe_answers, recipe_examples, recipe_shapes
from marketplace.api.answers import Shape
from marketplace.api.asked import body, studio_of
from marketplace.api.door import Door, as_file, as_zip, page
from marketplace.api.errors import InvalidRequest
from marketplace.api.following import once
from marketplace.api.parsers import RecipeParser
from marketplace.api.problems import Finding
from marketplace.api.recipe_asked import lock_of, saved_in, text_in, wanted
from marketplace.api.renderers import FastJSONRenderer, ProblemRenderer, PythonRenderer, TextRenderer, ZipRenderer
from marketplace.api.views.recipes import WRITTEN
from marketplace.compositions import kit, queries
from marketplace.compositions import operations as compositions
from marketplace.compositions.exports.forms import FORMS, export
from marketplace.compositions.lockfile import read_lock

OURS = ("api-key-missing", "not-found", "invalid-request")


class RecipeLocks(Door):
    """Locks of the studio."""

    parser_classes = [RecipeParser]

    @extend_schema(
        operation_id="recipe_locks_list",
        summary="List locks",
        tags=["recipes"],
        parameters=documentation.PAGES,
        responses=documentation.answers(recipe_shapes.RecipeLockPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list the locks of the key's studio, newest first."""
        readers = {"cursor": questions.cursor("locks", questions.is_sha256), "limit": questions.limit}
        asked = questions.query(request, readers)
        size = asked.get("limit", questions.DEFAULT_LIMIT)
        found, more = queries.locks_of(studio_of(request), after=asked.get("cursor", ""), size=size)
        data = [recipe_answers.lock_row(row, request.build_absolute_uri) for row in found]
        return page(request, data, questions.as_cursor("locks", more))

    @extend_schema(
        operation_id="recipe_locks_create",
        summary="Lock a recipe",
        tags=["recipes"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=recipe_shapes.RecipeLockRequest,
        responses=documentation.answers(
            recipe_shapes.RecipeLockShape, *WRITTEN, "recipe-unreadable", "lock-refused", status=201
        ),
        examples=recipe_examples.LOCKS,
    )
    def post(self, request: Request) -> Response:
        """This will fix a recipe under one digest: exact versions, files, terms, prices, licenses and shares. What is
        not licensed yet is locked too; it cannot be downloaded or run before it is. The same lock again is the one
        that there is.
        """
        asked, now = body(request, recipe_shapes.RecipeLockRequest), timezone.now()
        studio = studio_of(request)
        text, row, said = text_in(asked), saved_in(asked, studio), wanted(asked, studio)

        def act() -> Shape:
            made = compositions.lock(
                recipe=text,
                studio=studio,
                person=request.user,
                recipe_row=row,
                masks=asked.get("masks"),
                title=asked.get("title", ""),
                now=now,
                **said,
            )
            return recipe_answers.lock(made, now, request.build_absolute_uri)

        return once(request=request, asked=asked, act=act, now=now)


class RecipeLock(Door):
    """A lock."""

    @extend_schema(
        operation_id="recipe_locks_read",
        summary="Read a lock",
        tags=["recipes"],
        parameters=[recipe_examples.DIGEST],
        responses=documentation.answers(recipe_shapes.RecipeLockShape, *OURS),
    )
    def get(self, request: Request, digest: str) -> Response:
        """This will read a lock of the key's studio: its document, and whether every license in it holds now."""
        questions.query(request, {})
        row = lock_of(request, digest)
        return Response(recipe_answers.lock(row, timezone.now(), request.build_absolute_uri))


class RecipeExports(Door):
    """The forms of a lock."""

    @extend_schema(
        operation_id="recipe_locks_exports",
        summary="List what a lock can be exported as",
        tags=["recipes"],
        parameters=[recipe_examples.DIGEST],
        responses=documentation.answers(recipe_shapes.RecipeExportsShape, *OURS),
    )
    def get(self, request: Request, digest: str) -> Response:
        """This will list the forms in which other tools read a lock, how faithful each is, and what is lost in it."""
        questions.query(request, {})
        found = read_lock(bytes(lock_of(request, digest).document))
        return Response(recipe_answers.exports(found, request.build_absolute_uri))


class RecipeExport(Door):
    """A lock in a form."""

    renderer_classes = [FastJSONRenderer, ProblemRenderer, TextRenderer, PythonRenderer]

    @extend_schema(
        operation_id="recipe_locks_export",
        summary="Export a lock",
        tags=["recipes"],
        parameters=[recipe_examples.DIGEST, recipe_examples.FORM],
        responses=documentation.answers(dict, *OURS, "export-refused", also=("text/plain", "text/x-python")),
    )
    def get(self, request: Request, digest: str, form: str) -> HttpResponseBase:
        """This will write a lock as ComfyUI, stable-diffusion-webui, diffusers or OpenTimelineIO read it, the same
        bytes every time, from the lock alone.
        """
        questions.query(request, {})
        row = lock_of(request, digest)
        if form not in FORMS:
            raise InvalidRequest([Finding("path", "form", _("must be one of %s.") % ", ".join(FORMS))])
        made = export(read_lock(bytes(row.document)), form, site=settings.SITE_URL)
        return as_file(request, made.data, made.form.media_type, made.file_name)


class RecipeKit(Door):
    """The kit of a lock."""

    renderer_classes = [ZipRenderer, FastJSONRenderer, ProblemRenderer]

    @extend_schema(
        operation_id="recipe_locks_kit",
        summary="Download all that a lock is rendered with",
        tags=["recipes"],
        parameters=[recipe_examples.DIGEST],
        responses=documentation.answers(
            bytes, *OURS, "recipe-not-runnable", "license-not-active", media_type="application/zip"
        ),
    )
    def get(self, request: Request, digest: str) -> HttpResponseBase:
        """This will stream the models of a lock under the names that its workflows use, the workflows, and the
        certificates of its licenses in one zip (docs/formats/exports.md), while each license holds. The entity tag
        names its very bytes.
        """
        questions.query(request, {})
        now, studio = timezone.now(), studio_of(request)
        made = kit.kit_of(lock_of(request, digest), studio=studio, site=settings.SITE_URL, now=now)
        return as_zip(
            request,
            name=made.file_name,
            digest=made.digest,
            chunks=made.chunks,
            record=lambda: kit.record(made, by=f"key {request.auth.shown}", now=now),
        )
