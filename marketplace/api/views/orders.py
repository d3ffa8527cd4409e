"""What a studio orders, and what that would cost: only for its API key."""

from uuid import UUID

from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import answers, documentation, order_answers, order_shapes, parameters, questions
from marketplace.api.asked import asks_in, body, method_in, studio_of
from marketplace.api.door import Door, as_file, page
from marketplace.api.following import check_unfollowed
from marketplace.api.renderers import FastJSONRenderer, PdfRenderer, ProblemRenderer
from marketplace.api.views import order_payments
from marketplace.checkout import operations as checkout
from marketplace.checkout import order_queries, order_states
from marketplace.checkout import queries as orders
from marketplace.checkout.billing_details import say_details
from marketplace.checkout.models import Order as OrderRow
from marketplace.checkout.papers import queries as papers
from marketplace.checkout.papers.paper import paper_pdf
from marketplace.checkout.taxes.ordering import details_of

FORMS = ("json", "pdf")
POSTED = ("invalid-json", "api-key-missing", "too-large", "unsupported-media-type", "invalid-request")
REFUSED = ("order-refused", "price-refused", "grant-refused", "exclusivity-taken", "tax-unavailable")


class Orders(Door):
    """Orders of the studio, and license offers."""

    @extend_schema(
        operation_id="orders_list",
        summary="List orders",
        tags=["licensing"],
        parameters=documentation.PAGES,
        responses=documentation.answers(order_shapes.OrderPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list what the key's studio ordered, newest first, with how each order stands and its papers."""
        asked = questions.query(request, questions.pages("orders"))
        size = asked.get("limit", questions.DEFAULT_LIMIT)
        found, more = order_queries.orders_of([studio_of(request)], after=asked.get("cursor", ""), size=size)
        states, written = order_states.states_of(found), papers.papers_of_orders(found)
        site = request.build_absolute_uri
        data = [order_answers.listed(row, states[row.pk], written[row.pk], site) for row in found]
        return page(request, data, questions.as_cursor("orders", more))

    @extend_schema(
        operation_id="orders_create",
        summary="License offers",
        tags=["licensing"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=order_shapes.OrderRequest,
        responses=documentation.answers(
            order_shapes.OrderShape,
            *(*POSTED, *REFUSED, "idempotency-key-missing", "payment-declined", "payment-method-refused"),
            *("idempotency-key-reused", "gateway-unavailable"),
            status=201,
        )
        | documentation.waiting(order_shapes.OrderShape),
        examples=[documentation.ORDER_REQUEST, *parameters.ORDERS],
    )
    def post(self, request: Request) -> Response:
        """This will order offers for the key's studio, pay, and grant the licenses: all of it once for each
        idempotency key. The same request under the same key is answered with the same order. While its payment waits,
        for the bank or for a person at `payment.url`, the answer is 202 and nothing is granted yet.
        """
        key = questions.idempotency_key(request)
        asked = body(request, order_shapes.OrderRequest)
        check_unfollowed(studio_of(request), key)
        order = checkout.buy(
            studio=studio_of(request),
            buyer=request.user,
            offers=asks_in(asked, studio_of(request)),
            method=method_in(asked),
            idempotency_key=key,
            now=timezone.now(),
        )
        told = _order(request, order)
        is_over = told["status"] != "open"
        return Response(told, status=201 if is_over else 202, headers={"Location": told["url"]})


class Order(Door):
    """Read an order."""

    @extend_schema(
        operation_id="orders_read",
        summary="Read an order",
        tags=["licensing"],
        responses=documentation.answers(order_shapes.OrderShape, "api-key-missing", "not-found", "invalid-request"),
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """This will read one order of the key's studio: what it asked for, and what became of it."""
        questions.query(request, {})
        order = orders.order_of([studio_of(request)], order_id)
        if order is None:
            raise Http404(_("Your studio has no order with the id %s.") % order_id)
        return Response(_order(request, order))

    @extend_schema(
        operation_id="orders_cancel",
        summary="Call off an order",
        tags=["licensing"],
        responses=documentation.answers(
            order_shapes.OrderShape, *order_payments.ASKED, "unable-to-pay", "gateway-unavailable"
        ),
    )
    def delete(self, request: Request, order_id: UUID) -> Response:
        """This will give up an order that is not paid yet, and free what it took. Doing it twice changes nothing."""
        questions.query(request, {})
        return Response(_order(request, order_payments.cancelled(request, order_id, timezone.now())))


def _order(request: Request, order: OrderRow) -> answers.Shape:
    return order_answers.whole(order, request.build_absolute_uri)


class Paper(Door):
    """A paper of an order."""

    renderer_classes = [FastJSONRenderer, ProblemRenderer, PdfRenderer]

    @extend_schema(
        operation_id="orders_paper",
        summary="Read an invoice, a receipt or a credit note",
        tags=["licensing"],
        parameters=[parameters.PAPER_NUMBER, parameters.choice("format", FORMS, "Instead of the header Accept.")],
        responses=documentation.answers(
            dict, "api-key-missing", "not-found", "invalid-request", also=("application/pdf",)
        ),
    )
    def get(self, request: Request, order_id: UUID, number: str) -> HttpResponseBase:
        """This will send a paper as it was written (docs/formats/invoice.md), or as PDF in the language asked for."""
        asked = questions.query(request, {"format": questions.choice(*FORMS)})
        order = orders.order_of([studio_of(request)], order_id)
        row = order.papers.filter(name=number).first() if order is not None else None
        if row is None:
            raise Http404(_("Your studio has no paper with the number %s.") % number)
        document = row.document.encode()
        if questions.form(request, asked) == "json":
            return as_file(request, document, "application/json", f"{row.name}.json")
        language = "zh-hans" if (get_language() or "").startswith("zh") else "en"
        return as_file(request, paper_pdf(document, language=language), "application/pdf", f"{row.name}.pdf")


class Billing(Door):
    """Billing details of the studio."""

    @extend_schema(
        operation_id="studio_billing_read",
        summary="Read whom papers are made out to",
        tags=["licensing"],
        responses=documentation.answers(order_shapes.BillingShape, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will say whom the papers of the key's studio are made out to."""
        questions.query(request, {})
        return Response(order_answers.billing(details_of(studio_of(request))))

    @extend_schema(
        operation_id="studio_billing",
        summary="Say whom papers are made out to",
        tags=["licensing"],
        request=order_shapes.BillingRequest,
        responses=documentation.answers(order_shapes.BillingShape, *POSTED, "billing-details-refused"),
    )
    def put(self, request: Request) -> Response:
        """This will keep whom papers are made out to, and by which country taxes go, from the next order on."""
        asked = body(request, order_shapes.BillingRequest)
        said = say_details(studio=studio_of(request), by=request.user, now=timezone.now(), **asked)
        return Response(order_answers.billing(said))


class Quotes(Door):
    """Ask what an order would cost."""

    @extend_schema(
        operation_id="orders_quote",
        summary="Ask what an order would cost",
        tags=["licensing"],
        request=order_shapes.WantedRequest,
        responses=documentation.answers(order_shapes.QuotedShape, *POSTED, *REFUSED),
        examples=parameters.WANTED,
    )
    def post(self, request: Request) -> Response:
        """This will say what an order would cost the key's studio now, each line explained in words. Nothing is
        written and nothing is held: send a line's price as `expect_minor` to buy at that price or not at all.
        """
        asked = body(request, order_shapes.WantedRequest)
        studio = studio_of(request)
        found = checkout.quote(studio=studio, offers=asks_in(asked, studio), now=timezone.now())
        return Response(order_answers.quoted(found))
