"""The licensing API: one view, one verb."""

import re
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import ledger.queries
from marketplace.api import answers, serializers
from marketplace.catalog import queries as catalog
from marketplace.checkout import operations as checkout
from marketplace.checkout import queries as orders
from marketplace.licensing import bundles
from marketplace.licensing import operations as licensing_operations
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.people.models import Studio

LIMIT = 100
_PROBLEM = OpenApiResponse(serializers.ProblemShape, description="Refused: problem details (RFC 9457).")
_CURSOR = OpenApiParameter("cursor", str, description="`next` of the page before.")
_SIZE = OpenApiParameter("limit", int, description="Rows a page, 1 to 100; 24 without it.")
_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="1 to 200 visible ASCII characters; the same key with the same request returns the same order.",
)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "24")
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= LIMIT:
        raise ValidationError({"limit": _("must be a whole number from 1 to %s.") % LIMIT})
    return int(text)


def _studio(request: Request) -> Studio:
    studio: Studio = request.auth.studio
    return studio


class Packs(APIView):
    """List and search packs."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="packs_list",
        parameters=[
            OpenApiParameter("q", str, description="Words in English or Chinese."),
            OpenApiParameter("kind", str),
            OpenApiParameter("element", str),
            OpenApiParameter("base_model", str),
            OpenApiParameter("creator", str),
            _CURSOR,
            _SIZE,
        ],
        responses={200: serializers.PackPage, 422: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """This will list packs, newest first."""
        asked = request.query_params
        chosen = catalog.Filter(
            text=asked.get("q", "")[:200],
            kind=asked.get("kind", ""),
            element=asked.get("element", ""),
            base_model=asked.get("base_model", ""),
            creator=asked.get("creator", ""),
        )
        page = catalog.browse(chosen, after=answers.place(asked.get("cursor", "")), size=_limit(request))
        offers = licensing.cheapest(listing.release for listing in page.listings)
        data = [answers.pack(listing, offers.get(listing.release_id)) for listing in page.listings]
        return Response({"data": data, "next": answers.cursor(page.after)})


class Pack(APIView):
    """Read a pack by name."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="packs_read",
        parameters=[OpenApiParameter("version", str, description="A version; the newest without it.")],
        responses={200: serializers.ReleaseShape, 404: _PROBLEM},
    )
    def get(self, request: Request, creator: str, pack: str) -> Response:
        """This will read one release of a pack."""
        release = catalog.release(creator, pack, request.query_params.get("version", ""))
        if release is None:
            raise Http404(_("There is no such pack or version: list packs at /api/v1/packs."))
        return Response(answers.release(release))


class Release(APIView):
    """Read a release by digest."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="releases_read", responses={200: serializers.ReleaseShape, 404: _PROBLEM})
    def get(self, request: Request, digest: str) -> Response:
        """This will read the release whose manifest has this SHA-256."""
        release = catalog.release_by_digest(digest.lower())
        if release is None:
            raise Http404(_("No release has the digest %s.") % digest)
        return Response(answers.release(release))


class Licenses(APIView):
    """What the studio holds, and how it gets more."""

    @extend_schema(
        operation_id="licenses_list", parameters=[_CURSOR, _SIZE], responses={200: serializers.LicensePage, 401: _PROBLEM}
    )
    def get(self, request: Request) -> Response:
        """This will list the licenses of the key's studio, newest first."""
        after = answers.place(request.query_params.get("cursor", ""))
        grants, more = licensing.grants_of([_studio(request)], after=after, size=_limit(request))
        return Response({"data": [answers.license(grant) for grant in grants], "next": answers.cursor(more)})

    @extend_schema(
        operation_id="licenses_create",
        parameters=[_KEY],
        request=serializers.LicenseRequest,
        responses={201: serializers.OrderShape, 400: _PROBLEM, 401: _PROBLEM, 402: _PROBLEM, 422: _PROBLEM, 503: _PROBLEM},
    )
    def post(self, request: Request) -> Response:
        """This will license offers to the key's studio, once for each idempotency key."""
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > 1 and key[0] == key[-1] == '"':
            key = key[1:-1]  # a structured field (draft-ietf-httpapi-idempotency-key-header) puts it in quotes
        if not key:
            raise MissingKey()
        form = serializers.LicenseRequest(data=request.data)
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
        grants = licensing.grants_from(orders.sources_of(order))
        body = {
            "order": order.pk,
            "total_minor": order.total_minor,
            "currency": order.currency,
            "licenses": [answers.license(grant) for grant in grants],
        }
        return Response(body, status=201)


class MissingKey(ValidationError):
    """A request that moves money came without an idempotency key."""

    status_code = 400

    def __init__(self) -> None:
        super().__init__({"Idempotency-Key": _("is missing: send a fresh value with each new order.")})


def _offers(ids: list[UUID]) -> list[Offer]:
    found = [licensing.offer(offer_id) for offer_id in ids]
    missing = [str(offer_id) for offer_id, offer in zip(ids, found, strict=True) if offer is None]
    if missing:
        raise ValidationError({"offers": _("No live offer has the id %s.") % ", ".join(missing)})
    return [offer for offer in found if offer is not None]


def _grant(request: Request, grant_id: UUID) -> Grant:
    grant = licensing.grant_of([_studio(request)], grant_id)
    if grant is None:
        raise Http404(_("Your studio holds no license with the id %s.") % grant_id)
    return grant


class License(APIView):
    """Read a license."""

    @extend_schema(operation_id="licenses_read", responses={200: serializers.LicenseShape, 401: _PROBLEM, 404: _PROBLEM})
    def get(self, request: Request, grant_id: UUID) -> Response:
        """This will read one license of the key's studio."""
        return Response(answers.license(_grant(request, grant_id)))


class Download(APIView):
    """Download what is licensed."""

    @extend_schema(
        operation_id="licenses_download",
        responses={(200, "application/zip"): bytes, 401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 503: _PROBLEM},
    )
    def get(self, request: Request, grant_id: UUID) -> HttpResponseBase:
        """This will stream the bundle: files, manifest, certificate and proofs in one zip."""
        grant = _grant(request, grant_id)
        body = bundles.stream(grant, site=settings.SITE_URL)
        key = request.auth
        licensing_operations.record_download(grant=grant, by=f"key {key.shown}", now=timezone.now())
        answer = StreamingHttpResponse(body, content_type="application/zip")
        answer["Content-Disposition"] = f'attachment; filename="{grant.pk}.zip"'
        answer["Cache-Control"] = "private, no-store"
        return answer


class Verify(APIView):
    """Ask whether bytes are registered."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="verify", responses={200: serializers.VerifyShape, 422: _PROBLEM})
    def get(self, request: Request, sha256: str) -> Response:
        """This will tell whether bytes with this SHA-256 were registered here, in which releases, and since when."""
        if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
            raise ValidationError({"sha256": _("must be 64 hexadecimal digits.")})
        digest = sha256.lower()
        entry = ledger.queries.find_by_asset_digest(digest)
        releases = catalog.releases_with(digest)
        body: dict[str, Any] = {
            "sha256": digest,
            "matches": bool(entry and releases),
            "registered_at": entry.stated_at if entry else None,
            "releases": [
                {
                    "pack": str(release.pack),
                    "version": release.version,
                    "release": release.digest,
                    "creator": release.pack.creator.display_name,
                    "published_at": release.published_at,
                }
                for release in releases
            ],
            "proof": answers.proof(entry) if entry else None,
        }
        return Response(body)


class Nothing(APIView):
    """Every other address below the API."""

    permission_classes = [AllowAny]

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> Response:
        """This will say, in the API's own words, that there is nothing here."""
        raise Http404(_("There is no address /api/v1/%s: see /api/v1/schema.") % rest)

    post = put = patch = delete = get
