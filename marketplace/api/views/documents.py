"""What the API says about itself: its OpenAPI description, a page for people, and an answer for every other address."""

from functools import lru_cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, problems, questions
from marketplace.api.door import PublicDoor


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """This will describe the API in OpenAPI 3.1, once a process."""
    return documentation.describe()


class Schema(PublicDoor):
    """Describe the API."""

    @extend_schema(
        operation_id="schema_read",
        summary="Read this description",
        tags=["description"],
        responses=documentation.answers(dict, "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will describe the API in OpenAPI 3.1."""
        questions.query(request, {})
        return Response(description())


class Nothing(PublicDoor):
    """Every other address below the API."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> Response:
        """This will say, in the API's own words, that there is nothing here."""
        raise Http404(_("There is no address /api/v1/%s: see /api/v1/schema.") % rest[:200])

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """This will refuse before method, key and media type are looked at: nothing is here for any of them."""
        self.get(request, kwargs["rest"])


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """This will show the operations and every kind of problem, which the `type` of a problem leads to."""
    operations = [
        {"method": method.upper(), "path": path, "summary": operation["summary"], "text": operation["description"]}
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "put", "delete")
    ]
    site = request.build_absolute_uri("/").rstrip("/")
    command = (
        f"curl {site}/api/v1/orders \\\n"
        '  -H "Authorization: Bearer $WORLDLOOM_KEY" \\\n'
        '  -H "Idempotency-Key: order-2026-0001" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        '  -d \'{"offers": ["…"], "payment": {"card": "4242 4242 4242 4242"}}\''
    )
    context = {"operations": operations, "kinds": problems.KINDS, "command": command}
    return render(request, "api/docs.html", context)
