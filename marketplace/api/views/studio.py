"""The studio whose API key it is: who it is at law, and how large."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, holding_answers, holding_shapes, questions
from marketplace.api.asked import body, studio_of
from marketplace.api.door import Door
from marketplace.licensing.pricing_queries import declared_size
from marketplace.people import operations as people

WRITES = (
    *("invalid-json", "api-key-missing", "too-large", "unsupported-media-type", "invalid-request"),
    *("seat-refused", "declaration-refused"),
)


def _told(request: Request) -> Response:
    studio = studio_of(request)
    return Response(holding_answers.studio(studio, declared_size(studio)))


class Studio(Door):
    """The key's studio."""

    @extend_schema(
        operation_id="studio_read",
        summary="Read whose key it is",
        tags=["licensing"],
        responses=documentation.answers(holding_shapes.StudioShape, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will say whose key it is: the studio, its legal entity, and its size as it declared it."""
        questions.query(request, {})
        return _told(request)


class Size(Door):
    """The studio's size."""

    @extend_schema(
        operation_id="studio_size",
        summary="Declare the studio's size",
        tags=["licensing"],
        request=holding_shapes.SizeRequest,
        responses=documentation.answers(holding_shapes.StudioShape, *WRITES),
    )
    def put(self, request: Request) -> Response:
        """This will keep what the studio says of its size; prices by size go by it from the next order on."""
        asked = body(request, holding_shapes.SizeRequest)
        people.declare_size(studio=studio_of(request), by=request.user, now=timezone.now(), **asked)
        return _told(request)


class Entity(Door):
    """The studio's legal entity."""

    @extend_schema(
        operation_id="studio_entity",
        summary="Say which legal entity the studio is",
        tags=["licensing"],
        request=holding_shapes.EntityRequest,
        responses=documentation.answers(holding_shapes.StudioShape, *WRITES),
    )
    def put(self, request: Request) -> Response:
        """This will say which legal entity the studio is: licenses granted from now on name it, earlier ones stay."""
        asked = {"country": "", "registration": "", **body(request, holding_shapes.EntityRequest)}
        people.set_legal_entity(studio=studio_of(request), by=request.user, now=timezone.now(), **asked)
        return _told(request)
