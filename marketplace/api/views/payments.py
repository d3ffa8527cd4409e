"""Cards that a studio lets us keep, and refunds of its orders: only for its API key."""

from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, payment_answers, payment_shapes, questions
from marketplace.api.answers import Shape
from marketplace.api.asked import body, studio_of
from marketplace.api.door import Door, page
from marketplace.api.following import once
from marketplace.checkout import asking_back, methods
from marketplace.checkout.models import OrderLine
from marketplace.checkout.refund_requests import RefundRequest
from marketplace.checkout.refunds import RefundIntent


class PaymentMethods(Door):
    """Payment methods of the studio."""

    @extend_schema(
        operation_id="payment_methods_list",
        summary="List the cards that are kept",
        tags=["licensing"],
        responses=documentation.answers(payment_shapes.PaymentMethodsShape, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list the cards that the key's studio lets the marketplace keep, the default first."""
        questions.query(request, {})
        return Response({"data": [payment_answers.method(row) for row in methods.saved(studio_of(request))]})


class Refunds(Door):
    """Refunds of the studio."""

    @extend_schema(
        operation_id="refunds_list",
        summary="List refunds",
        tags=["licensing"],
        parameters=documentation.PAGES,
        responses=documentation.answers(payment_shapes.RefundPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list what was given back of the orders of the key's studio, newest first."""
        asked = questions.query(request, questions.pages("refunds"))
        rows = RefundIntent.objects.filter(line__order__studio=studio_of(request))
        related = rows.select_related("line__order", "outcome", "mended").prefetch_related("steps")
        found, more = questions.sliced(related, asked, lambda row: (row.intended_at, row.pk))
        data = [payment_answers.refund(row) for row in found]
        return page(request, data, questions.as_cursor("refunds", more))


class RefundRequests(Door):
    """Refunds that are asked for."""

    @extend_schema(
        operation_id="refund_requests_list",
        summary="List refunds that were asked for",
        tags=["licensing"],
        parameters=documentation.PAGES,
        responses=documentation.answers(payment_shapes.RefundRequestPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list what the key's studio asked for, with the answers, newest first."""
        asked = questions.query(request, questions.pages("refund-requests"))
        rows = RefundRequest.objects.filter(line__order__studio=studio_of(request))
        related = rows.select_related("line__order", "answer")
        found, more = questions.sliced(related, asked, lambda row: (row.asked_at, row.pk))
        data = [payment_answers.request(row, request.build_absolute_uri) for row in found]
        return page(request, data, questions.as_cursor("refund-requests", more))

    @extend_schema(
        operation_id="refund_requests_create",
        summary="Ask for a refund",
        tags=["licensing"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=payment_shapes.RefundAsked,
        responses=documentation.answers(
            payment_shapes.RefundRequestShape,
            *("invalid-json", "idempotency-key-missing", "api-key-missing", "not-found", "too-large"),
            *("unsupported-media-type", "invalid-request", "idempotency-key-reused", "refund-request-refused"),
            status=201,
        ),
    )
    def post(self, request: Request) -> Response:
        """This will ask for money of an order line back, once for each idempotency key; an operator answers."""
        asked, now = body(request, payment_shapes.RefundAsked), timezone.now()

        def act() -> Shape:
            mine = OrderLine.objects.select_related("order").filter(order__studio=studio_of(request))
            line = mine.filter(order=asked["order"], position=asked["line"]).first()
            if line is None:
                raise Http404
            amount_minor, reason = asked.get("amount_minor"), asked["reason"]
            made = asking_back.ask(line=line, by=request.user, amount_minor=amount_minor, reason=reason, now=now)
            return payment_answers.request(made, request.build_absolute_uri)

        return once(request=request, asked=asked, act=act, now=now)


class OneRefundRequest(Door):
    """A refund that is asked for."""

    @extend_schema(
        operation_id="refund_requests_read",
        summary="Read a refund that was asked for",
        tags=["licensing"],
        responses=documentation.answers(
            payment_shapes.RefundRequestShape, "api-key-missing", "not-found", "invalid-request"
        ),
    )
    def get(self, request: Request, request_id: UUID) -> Response:
        """This will read one request of the key's studio, with its answer."""
        questions.query(request, {})
        rows = RefundRequest.objects.filter(line__order__studio=studio_of(request), pk=request_id)
        row = rows.select_related("line__order", "answer").first()
        if row is None:
            raise Http404
        return Response(payment_answers.request(row, request.build_absolute_uri))
