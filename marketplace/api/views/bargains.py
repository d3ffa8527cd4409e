"""Prices on request: a studio asks, the creator and the studio take turns."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import answers, documentation, order_answers, order_shapes, questions
from marketplace.api.asked import body, end_of, offer_in, project_in, studio_of
from marketplace.api.door import Door, page
from marketplace.api.following import once
from marketplace.licensing import operations as licensing
from marketplace.licensing import pricing_queries
from marketplace.licensing.bargains import QuoteRequest, QuoteStep

WRITES = (
    *("invalid-json", "idempotency-key-missing", "api-key-missing", "too-large", "unsupported-media-type"),
    *("invalid-request", "idempotency-key-reused"),
)


class QuoteRequests(Door):
    """Prices on request."""

    @extend_schema(
        operation_id="quote_requests_list",
        summary="List requests for a price",
        tags=["licensing"],
        parameters=documentation.PAGES,
        responses=documentation.answers(order_shapes.PriceRequestPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list what the key's studio asked a price for, newest first, with each side's steps."""
        asked = questions.query(request, questions.pages("quote-requests"))
        rows = pricing_queries.quotes_for(studio=studio_of(request))
        found, more = questions.sliced(rows, asked, lambda row: (row.asked_at, row.pk))
        data = [order_answers.price_request(row, request.build_absolute_uri) for row in found]
        return page(request, data, questions.as_cursor("quote-requests", more))

    @extend_schema(
        operation_id="quote_requests_create",
        summary="Ask for a price",
        tags=["licensing"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=order_shapes.PriceRequest,
        responses=documentation.answers(order_shapes.PriceRequestShape, *WRITES, "bargain-refused", status=201),
    )
    def post(self, request: Request) -> Response:
        """This will ask the owner of an offer on request for a price, once for each idempotency key."""
        asked, now, studio = body(request, order_shapes.PriceRequest), timezone.now(), studio_of(request)

        def act() -> answers.Shape:
            made = licensing.ask_quote(
                offer=offer_in(asked),
                studio=studio,
                person=request.user,
                seats=asked.get("seats", 1),
                project=project_in(asked, studio),
                message=asked.get("message", ""),
                now=now,
            )
            return order_answers.price_request(made, request.build_absolute_uri)

        return once(request=request, asked=asked, act=act, now=now)


def _mine(request: Request, request_id: UUID) -> QuoteRequest:
    row = pricing_queries.quote_request(request_id)
    if row is None or row.studio_id != studio_of(request).pk:
        raise Http404(_("Your studio has no request with the id %s.") % request_id)
    return row


class OneQuoteRequest(Door):
    """A request for a price."""

    @extend_schema(
        operation_id="quote_requests_read",
        summary="Read a request for a price",
        tags=["licensing"],
        responses=documentation.answers(
            order_shapes.PriceRequestShape, "api-key-missing", "not-found", "invalid-request"
        ),
    )
    def get(self, request: Request, request_id: UUID) -> Response:
        """This will read what the key's studio asked for, what was answered, and whose turn it is."""
        questions.query(request, {})
        return Response(order_answers.price_request(_mine(request, request_id), request.build_absolute_uri))


class QuoteAnswers(Door):
    """Answers to a price."""

    @extend_schema(
        operation_id="quote_requests_answer",
        summary="Answer a price",
        tags=["licensing"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=order_shapes.AnswerRequest,
        responses=documentation.answers(
            order_shapes.PriceRequestShape, *WRITES, "not-found", "bargain-refused", status=201
        ),
    )
    def post(self, request: Request, request_id: UUID) -> Response:
        """This will answer the creator's price with another one, yes or no, once for each idempotency key. What is
        accepted is bought by an order that names the request as `quote_request`.
        """
        asked, now = body(request, order_shapes.AnswerRequest), timezone.now()

        def act() -> answers.Shape:
            row = _mine(request, request_id)
            said: dict[str, Any] = {name: asked[name] for name in ("price_minor", "seats", "message") if name in asked}
            if "valid_until" in asked:
                said["valid_until"] = end_of(asked["valid_until"])
            licensing.answer_quote(
                request=row, person=request.user, side=QuoteStep.STUDIO, kind=asked["kind"], now=now, **said
            )
            return order_answers.price_request(_mine(request, request_id), request.build_absolute_uri)

        return once(request=request, asked=asked, act=act, now=now)
