"""What goes with licenses: who has their seats, passing them on, reported use. Only for a studio's API key."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, holding_answers, holding_shapes, parameters, questions
from marketplace.api.answers import Shape
from marketplace.api.asked import body, grant_of, studio_of
from marketplace.api.door import Door, page
from marketplace.api.errors import InvalidRequest
from marketplace.api.following import once
from marketplace.api.problems import Finding
from marketplace.licensing import holding_queries
from marketplace.licensing import operations as licensing
from marketplace.people.models import Person, Studio

READS = ("api-key-missing", "not-found", "invalid-request")
BODIES = ("invalid-json", "too-large", "unsupported-media-type")


def person_in(studio: Studio, email: str) -> Person | None:
    """This will find a person of the studio; whoever is not in it is nobody here."""
    return Person.objects.filter(email__iexact=email, seats__studio=studio).first()


class Seats(Door):
    """A license's seats."""

    @extend_schema(
        operation_id="seats_read",
        summary="Read who has a license's seats",
        tags=["licensing"],
        responses=documentation.answers(holding_shapes.SeatsShape, *READS),
    )
    def get(self, request: Request, grant_id: UUID) -> Response:
        """This will say how many seats a license has, and who has one."""
        questions.query(request, {})
        grant = grant_of(request, grant_id, timezone.now())
        return Response(holding_answers.seats(grant, holding_queries.seats_of(grant)))


class Seat(Door):
    """One person's seat."""

    @extend_schema(
        operation_id="seats_assign",
        summary="Assign a seat",
        tags=["licensing"],
        parameters=[parameters.EMAIL],
        request=None,
        responses=documentation.answers(holding_shapes.SeatsShape, *READS, "seat-not-assigned"),
    )
    def put(self, request: Request, grant_id: UUID, email: str) -> Response:
        """This will give a person of the studio one of a license's seats; whoever has one already keeps it."""
        return self._changed(request, grant_id, email, licensing.assign_seat)

    @extend_schema(
        operation_id="seats_release",
        summary="Release a seat",
        tags=["licensing"],
        parameters=[parameters.EMAIL],
        responses=documentation.answers(holding_shapes.SeatsShape, *READS, "seat-not-assigned"),
    )
    def delete(self, request: Request, grant_id: UUID, email: str) -> Response:
        """This will free a person's seat at once; where there was none, it changes nothing."""
        return self._changed(request, grant_id, email, licensing.release_seat)

    def _changed(self, request: Request, grant_id: UUID, email: str, verb: Any) -> Response:
        questions.query(request, {})
        now = timezone.now()
        grant = grant_of(request, grant_id, now)
        person = person_in(studio_of(request), email)
        if person is None:
            raise Http404(_("Nobody in your studio has the address %s.") % email[:254])
        verb(grant=grant, person=person, by=request.user, now=now)
        return Response(holding_answers.seats(grant, holding_queries.seats_of(grant)))


class Transfer(Door):
    """Pass a license on."""

    @extend_schema(
        operation_id="grants_transfer",
        summary="Pass a license on",
        tags=["licensing"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=holding_shapes.TransferRequest,
        responses=documentation.answers(
            holding_shapes.TransferShape,
            *(*READS, *BODIES, "idempotency-key-missing", "idempotency-key-reused"),
            *("transfer-of-license-refused", "grant-refused", "exclusivity-taken"),
            status=201,
        ),
    )
    def post(self, request: Request, grant_id: UUID) -> Response:
        """This will pass a license on to another studio, where its terms allow that, once for each idempotency key. The
        other studio holds a new license; yours is superseded, and its bundle cannot be downloaded any more.
        """
        asked, now = body(request, holding_shapes.TransferRequest), timezone.now()

        def act() -> Shape:
            grant = grant_of(request, grant_id, now)
            to = Studio.objects.filter(pk=asked["studio"]).first()
            if to is None:
                message = _("No studio has the id %s.") % asked["studio"]
                raise InvalidRequest([Finding("body", "/studio", message)])
            return holding_answers.passed_on(licensing.transfer(grant=grant, to=to, by=request.user, now=now))

        return once(request=request, asked=asked, act=act, now=now)


class Usages(Door):
    """What was reported."""

    @extend_schema(
        operation_id="usage_list",
        summary="List reported use",
        tags=["licensing"],
        responses=documentation.answers(holding_shapes.UsagePage, *READS),
    )
    def get(self, request: Request, grant_id: UUID) -> Response:
        """This will list what was reported under a metered or revenue-share license, the oldest first."""
        questions.query(request, {})
        grant = grant_of(request, grant_id, timezone.now())
        return page(request, [holding_answers.usage(row) for row in holding_queries.usage_of(grant)], None)


class Usage(Door):
    """Reports of use."""

    @extend_schema(
        operation_id="usage_report",
        summary="Report use",
        tags=["licensing"],
        parameters=[parameters.USAGE_KEY],
        request=holding_shapes.UsageRequest,
        responses=documentation.answers(holding_shapes.UsageShape, *READS, *BODIES, "usage-refused"),
    )
    def put(self, request: Request, grant_id: UUID, key: str) -> Response:
        """This will take a report of what was used or earned under a metered or revenue-share license. The key is
        yours: the same report under it again is taken once, another one is refused.
        """
        asked, now = body(request, holding_shapes.UsageRequest), timezone.now()
        grant = grant_of(request, grant_id, now)
        row = licensing.report_use(
            grant=grant,
            key=key,
            quantity=asked["quantity"],
            from_day=asked["from_day"],
            until_day=asked["until_day"],
            note=asked.get("note", ""),
            by=f"key {request.auth.shown}",
            now=now,
        )
        return Response(holding_answers.usage(row))
