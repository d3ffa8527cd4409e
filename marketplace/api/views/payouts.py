"""A creator's own payouts, for their API key: which there were, how far each is, and when the next one comes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, payout_answers, payout_shapes, questions
from marketplace.api.asked import body
from marketplace.api.authentication import PayoutKeyAuthentication
from marketplace.api.door import page
from marketplace.api.errors import InvalidRequest
from marketplace.api.problems import Finding
from marketplace.api.views.statements import CreatorDoor, creator_of, currency
from marketplace.payouts.claims.ways import CHAIN, choose_way, way_of, ways_in
from marketplace.payouts.models import Payout
from marketplace.payouts.when_queries import next_payouts, reserves_of, ripening_of
from marketplace.people.models import Creator

CURRENCY = OpenApiParameter(
    "code", {"type": "string", "pattern": "^[A-Z]{3}$"}, OpenApiParameter.PATH, description="As in USD."
)


class Payouts(CreatorDoor):
    """Payouts."""

    @extend_schema(
        operation_id="payouts_list",
        summary="List payouts",
        tags=["payouts"],
        parameters=documentation.paged(OpenApiParameter("currency", str, description="Only in this one, as in USD.")),
        responses=documentation.answers(payout_shapes.PayoutPage, "api-key-missing", "invalid-request"),
        examples=payout_shapes.LISTED,
    )
    def get(self, request: Request) -> Response:
        """This will list what was paid to the key's creator, or is on its way to them, newest first."""
        asked = questions.query(request, {"currency": currency, **questions.pages("payouts")})
        creator = creator_of(request)
        rows, more = _page_of(creator, asked)
        data = payout_answers.payouts(creator, rows, request.build_absolute_uri)
        return page(request, data, questions.as_cursor("payouts", more))


def _page_of(creator: Creator, asked: Mapping[str, Any]) -> tuple[list[Payout], str | None]:
    """Cuts one page out of a creator's payouts, and names the place of its last row if more follow."""
    rows = Payout.objects.filter(creator=creator).prefetch_related("outcomes")
    if "currency" in asked:
        rows = rows.filter(currency=asked["currency"])
    if at := asked.get("cursor"):
        moment, _sign, key = at.partition("~")
        since = datetime.fromisoformat(moment)
        rows = rows.filter(Q(reserved_at__lt=since) | Q(reserved_at=since, pk__lt=UUID(key)))
    size = asked.get("limit", questions.DEFAULT_LIMIT)
    found = list(rows.order_by("-reserved_at", "-pk")[: size + 1])
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    return found[:size], f"{last.reserved_at.isoformat()}~{last.pk}"


class NextPayouts(CreatorDoor):
    """The next payouts."""

    @extend_schema(
        operation_id="payouts_next",
        summary="Ask when the next payout comes",
        tags=["payouts"],
        responses=documentation.answers(payout_shapes.NextPayoutsShape, "api-key-missing", "invalid-request"),
        examples=payout_shapes.NEXT,
    )
    def get(self, request: Request) -> Response:
        """This will say when the key's creator is paid next, one row a currency, with what waits and why."""
        questions.query(request, {})
        creator = creator_of(request)
        ripening, kept = ripening_of(creator), reserves_of(creator)
        rows = next_payouts(creator, now=timezone.now())
        return Response({"data": [payout_answers.next_payout(creator, row, ripening, kept) for row in rows]})


class Way(CreatorDoor):
    """How the creator is paid in a currency."""

    authentication_classes = [PayoutKeyAuthentication]

    @extend_schema(
        operation_id="payouts_choose",
        summary="Choose how you are paid",
        tags=["payouts"],
        parameters=[CURRENCY],
        request=payout_shapes.ChooseWay,
        responses=documentation.answers(
            payout_shapes.ChosenWayShape,
            "api-key-missing",
            "unable-to-choose-way",
            "invalid-request",
            "invalid-json",
            "unsupported-media-type",
            "too-large",
        ),
        examples=payout_shapes.CHOSEN,
    )
    def put(self, request: Request, code: str) -> Response:
        """This will have the key's creator paid like that in a currency from the next payout on; sent again it changes
        nothing. It needs a key for payouts. A way that is not ready holds what comes next, and `held_for` says why.
        """
        way = body(request, payout_shapes.ChooseWay)["way"]
        try:
            currency(code)
        except ValueError as error:
            raise InvalidRequest([Finding("path", "code", str(error))]) from None
        creator = creator_of(request)
        rail = "" if way == CHAIN else way
        choose_way(creator=creator, currency=code, on_chain=way == CHAIN, rail=rail, now=timezone.now())
        return Response({"currency": code, "way": way_of(creator, code), "ways": ways_in(code)})


class OnePayout(CreatorDoor):
    """One payout."""

    @extend_schema(
        operation_id="payouts_read",
        summary="Read a payout",
        tags=["payouts"],
        responses=documentation.answers(
            payout_shapes.WholePayoutShape, "api-key-missing", "not-found", "invalid-request"
        ),
        examples=payout_shapes.WHOLE,
    )
    def get(self, request: Request, payout_id: UUID) -> Response:
        """This will read a payout of the key's creator with its way: to their account with the payment provider part
        by part, on to their bank, and back where it came back. What is another creator's is not found.
        """
        questions.query(request, {})
        creator = creator_of(request)
        row = Payout.objects.filter(creator=creator, pk=payout_id).prefetch_related("outcomes").first()
        if row is None:
            raise Http404
        return Response(payout_answers.whole(creator, row, request.build_absolute_uri))
