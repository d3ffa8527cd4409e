"""What a studio orders and holds: only for its API key."""

from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import answers, documentation, questions, serializers
from marketplace.api.door import PRIVATE, Door, not_modified, page
from marketplace.api.errors import InvalidRequest
from marketplace.api.problems import Finding, pointer
from marketplace.api.renderers import FastJSONRenderer, ProblemRenderer, ZipRenderer
from marketplace.checkout import operations as checkout
from marketplace.checkout import queries as orders
from marketplace.checkout.models import Order as OrderRow
from marketplace.licensing import bundles
from marketplace.licensing import operations as licensing_operations
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant as GrantRow
from marketplace.licensing.models import Offer
from marketplace.people.models import Studio

FILTERS = {
    "pack": questions.pattern(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,40}", "creator/pack"),
    "status": questions.choice(*serializers.GRANT_STATUSES),
    "cursor": questions.cursor("grants"),
    "limit": questions.limit,
}


def _studio(request: Request) -> Studio:
    studio: Studio = request.auth.studio
    return studio


class Orders(Door):
    """License offers."""

    @extend_schema(
        operation_id="orders_create",
        summary="License offers",
        tags=["licensing"],
        parameters=[documentation.IDEMPOTENCY_KEY],
        request=serializers.OrderRequest,
        responses=documentation.answers(
            serializers.OrderShape,
            *("invalid-json", "idempotency-key-missing", "api-key-missing", "payment-declined", "too-large"),
            *("unsupported-media-type", "invalid-request", "order-refused", "payment-method-refused"),
            *("idempotency-key-reused", "gateway-unavailable"),
            status=201,
        ),
        examples=[documentation.ORDER_REQUEST],
    )
    def post(self, request: Request) -> Response:
        """This will order offers for the key's studio, pay, and grant the licenses: all of it once for each
        idempotency key. The same request under the same key is answered with the same order.
        """
        key = questions.idempotency_key(request)
        questions.query(request, {})
        form = serializers.OrderRequest(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        order = checkout.buy(
            studio=_studio(request),
            buyer=request.user,
            offers=_offers(asked["offers"]),
            method=asked.get("payment", {}).get("card", ""),
            idempotency_key=key,
            now=timezone.now(),
        )
        body = _order(request, order)
        return Response(body, status=201, headers={"Location": body["url"]})


class Order(Door):
    """Read an order."""

    @extend_schema(
        operation_id="orders_read",
        summary="Read an order",
        tags=["licensing"],
        responses=documentation.answers(serializers.OrderShape, "api-key-missing", "not-found", "invalid-request"),
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """This will read one order of the key's studio: what it asked for, and what became of it."""
        questions.query(request, {})
        order = orders.order_of([_studio(request)], order_id)
        if order is None:
            raise Http404(_("Your studio has no order with the id %s.") % order_id)
        return Response(_order(request, order))


def _order(request: Request, order: OrderRow) -> answers.Shape:
    grants = licensing.grants_from(orders.sources_of(order))
    return answers.order(order, orders.status_of(order), grants, request.build_absolute_uri)


def _offers(ids: list[UUID]) -> list[Offer]:
    found = licensing.offers(ids)
    findings = [
        Finding("body", pointer("offers", place), _("No offer has the id %s.") % offer_id)
        for place, offer_id in enumerate(ids)
        if offer_id not in found
    ]
    if findings:
        raise InvalidRequest(findings)
    return [found[offer_id] for offer_id in ids]


class Grants(Door):
    """List what the studio holds."""

    @extend_schema(
        operation_id="grants_list",
        summary="List grants",
        tags=["licensing"],
        parameters=documentation.GRANT_FILTERS,
        responses=documentation.answers(serializers.GrantPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list the licenses that the key's studio holds, newest first."""
        asked = questions.query(request, FILTERS)
        grants, more = licensing.grants_of(
            [_studio(request)],
            after=asked.get("cursor", ""),
            size=asked.get("limit", questions.DEFAULT_LIMIT),
            pack=asked.get("pack", ""),
            status=asked.get("status", ""),
        )
        data = [answers.grant(grant, request.build_absolute_uri) for grant in grants]
        return page(request, data, questions.as_cursor("grants", more))


def _grant(request: Request, grant_id: UUID) -> GrantRow:
    questions.query(request, {})
    grant = licensing.grant_of([_studio(request)], grant_id)
    if grant is None:
        raise Http404(_("Your studio holds no license with the id %s.") % grant_id)
    return grant


class Grant(Door):
    """Read a grant."""

    @extend_schema(
        operation_id="grants_read",
        summary="Read a grant",
        tags=["licensing"],
        responses=documentation.answers(serializers.GrantShape, "api-key-missing", "not-found", "invalid-request"),
    )
    def get(self, request: Request, grant_id: UUID) -> Response:
        """This will read one license of the key's studio, with its certificate."""
        return Response(answers.grant(_grant(request, grant_id), request.build_absolute_uri))


class Download(Door):
    """Download what is licensed."""

    renderer_classes = [ZipRenderer, FastJSONRenderer, ProblemRenderer]

    @extend_schema(
        operation_id="grants_download",
        summary="Download a bundle",
        tags=["licensing"],
        responses=documentation.answers(
            bytes,
            *("api-key-missing", "license-not-active", "not-found", "invalid-request", "proof-pending"),
            media_type="application/zip",
        ),
    )
    def get(self, request: Request, grant_id: UUID) -> HttpResponseBase:
        """This will stream the bundle: files, manifest, certificate and proofs in one zip (docs/formats/bundle.md).

        The entity tag names its very bytes, so that a client can tell whether it has them.
        """
        grant = _grant(request, grant_id)
        bundle = bundles.prepare(grant, site=request.build_absolute_uri("/").rstrip("/"))
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="{grant.pk}.zip"',
            "Cache-Control": PRIVATE,
            "ETag": f'"{bundle.digest}"',
        }
        if short := not_modified(request, HttpResponse(headers=headers)):
            return short
        if request.method == "HEAD":
            return HttpResponse(headers=headers)
        licensing_operations.record_download(grant=grant, by=f"key {request.auth.shown}", now=timezone.now())
        return StreamingHttpResponse(bundle.chunks(), headers=headers)
