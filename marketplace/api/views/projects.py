"""What a studio makes, and whom it credits for it: only for its API key."""

from uuid import UUID

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, holding_answers, holding_shapes, parameters, questions
from marketplace.api.answers import Shape
from marketplace.api.asked import body, project_of, studio_of
from marketplace.api.door import Door, as_file, page
from marketplace.api.following import once
from marketplace.api.renderers import CsvRenderer, FastJSONRenderer, ProblemRenderer, SpdxRenderer, TextRenderer
from marketplace.licensing import creditpapers, holding_queries
from marketplace.licensing import operations as licensing
from marketplace.licensing.crediting import credits_of

FORMS = {
    "json": ("application/json", "credits.json", creditpapers.as_json),
    "text": ("text/plain; charset=utf-8", "credits.txt", creditpapers.as_text),
    "csv": ("text/csv; charset=utf-8", "credits.csv", creditpapers.as_csv),
    "spdx": ("application/spdx+json", "credits.spdx.json", creditpapers.as_spdx),
}


class Projects(Door):
    """Projects of the studio."""

    @extend_schema(
        operation_id="projects_list",
        summary="List projects",
        tags=["licensing"],
        parameters=documentation.PAGES,
        responses=documentation.answers(holding_shapes.ProjectPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list the projects of the key's studio, newest first."""
        asked = questions.query(request, questions.pages("projects"))
        rows = holding_queries.projects_of([studio_of(request)])
        found, more = questions.sliced(rows, asked, lambda row: (row.created_at, row.pk))
        data = [holding_answers.project(row, request.build_absolute_uri) for row in found]
        return page(request, data, questions.as_cursor("projects", more))

    @extend_schema(
        operation_id="projects_create",
        summary="Open a project",
        tags=["licensing"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=holding_shapes.ProjectRequest,
        responses=documentation.answers(
            holding_shapes.ProjectShape,
            *("invalid-json", "idempotency-key-missing", "api-key-missing", "too-large", "unsupported-media-type"),
            *("invalid-request", "idempotency-key-reused", "project-refused"),
            status=201,
        ),
        examples=[documentation.request_example("a film", {"name": "Night Market"})],
    )
    def post(self, request: Request) -> Response:
        """This will open a project, so that licenses can be for it alone, once for each idempotency key."""
        asked, now = body(request, holding_shapes.ProjectRequest), timezone.now()

        def act() -> Shape:
            made = licensing.open_project(studio=studio_of(request), by=request.user, name=asked["name"], now=now)
            return holding_answers.project(made, request.build_absolute_uri)

        return once(request=request, asked=asked, act=act, now=now)


class Project(Door):
    """A project."""

    @extend_schema(
        operation_id="projects_read",
        summary="Read a project",
        tags=["licensing"],
        responses=documentation.answers(holding_shapes.ProjectShape, "api-key-missing", "not-found", "invalid-request"),
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        """This will read one project of the key's studio."""
        questions.query(request, {})
        row = project_of(request, project_id)
        row.license_count = row.grants.count()  # type: ignore[attr-defined]
        return Response(holding_answers.project(row, request.build_absolute_uri))


class Credits(Door):
    """Credits of a project."""

    renderer_classes = [FastJSONRenderer, ProblemRenderer, TextRenderer, CsvRenderer, SpdxRenderer]

    @extend_schema(
        operation_id="projects_credits",
        summary="Read whom a project credits",
        tags=["licensing"],
        parameters=[parameters.choice("format", tuple(FORMS), "Instead of the header Accept.")],
        responses=documentation.answers(
            dict,
            *("api-key-missing", "not-found", "invalid-request"),
            also=("text/plain", "text/csv", "application/spdx+json"),
        ),
    )
    def get(self, request: Request, project_id: UUID) -> HttpResponseBase:
        """This will list every credit that a project owes, of what it is licensed and of what that was made from
        (docs/formats/credits.md): as JSON, text in both languages, CSV or SPDX, by the header Accept or by `format`.
        """
        asked = questions.query(request, {"format": questions.choice(*FORMS)})
        media_type, name, write = FORMS[questions.form(request, asked)]
        found = credits_of(project_of(request, project_id), now=timezone.now())
        written = write(found, settings.SITE_URL)
        return as_file(request, written if isinstance(written, bytes) else written.encode(), media_type, name)
