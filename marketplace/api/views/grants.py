"""What a studio holds: only for its API key."""

from uuid import UUID

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import answers, documentation, holding_answers, holding_shapes, parameters, questions, serializers
from marketplace.api.asked import grant_of, midnight, studio_of
from marketplace.api.door import Door, as_file, as_zip, page
from marketplace.api.renderers import FastJSONRenderer, JoseRenderer, PdfRenderer, ProblemRenderer, ZipRenderer
from marketplace.licensing import bundles
from marketplace.licensing import operations as licensing_operations
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant as GrantRow
from marketplace.licensing.papers import certificate_pdf

FILTERS = {
    "pack": questions.pattern(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,40}", "creator/pack"),
    "status": questions.choice(*serializers.GRANT_STATUSES),
    "state": questions.choice(*licensing.STATES),
    "project": questions.uuid,
    "ending_before": questions.day,
    "cursor": questions.cursor("grants"),
    "limit": questions.limit,
}


class Grants(Door):
    """List what the studio holds."""

    @extend_schema(
        operation_id="grants_list",
        summary="List grants",
        tags=["licensing"],
        parameters=parameters.GRANT_FILTERS,
        responses=documentation.answers(serializers.GrantPage, "api-key-missing", "invalid-request"),
    )
    def get(self, request: Request) -> Response:
        """This will list the licenses that the key's studio holds, newest first."""
        asked = questions.query(request, FILTERS)
        ending = asked.get("ending_before")
        grants, more = licensing.grants_of(
            [studio_of(request)],
            after=asked.get("cursor", ""),
            size=asked.get("limit", questions.DEFAULT_LIMIT),
            pack=asked.get("pack", ""),
            status=asked.get("status", ""),
            state=asked.get("state", ""),
            project=asked.get("project"),
            ending_before=midnight(ending) if ending else None,
            now=timezone.now(),
        )
        data = [answers.grant(grant, request.build_absolute_uri) for grant in grants]
        return page(request, data, questions.as_cursor("grants", more))


def _grant(request: Request, grant_id: UUID) -> GrantRow:
    questions.query(request, {})
    return grant_of(request, grant_id, timezone.now())


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


class Certificate(Door):
    """Fetch a certificate."""

    renderer_classes = [FastJSONRenderer, ProblemRenderer, JoseRenderer, PdfRenderer]

    @extend_schema(
        operation_id="grants_certificate",
        summary="Fetch a certificate",
        tags=["licensing"],
        parameters=[parameters.choice("format", ("json", "jws", "pdf"), "Instead of the header Accept.")],
        responses=documentation.answers(
            holding_shapes.CertificateShape,
            *("api-key-missing", "not-found", "invalid-request", "paper-refused"),
            also=("application/jose", "application/pdf"),
        ),
    )
    def get(self, request: Request, grant_id: UUID) -> HttpResponseBase:
        """This will fetch a license's certificate: as JSON, as the signed text, or on A4 in both languages, by the
        header Accept or by `format`.
        """
        asked = questions.query(request, {"format": questions.choice("json", "jws", "pdf")})
        grant = grant_of(request, grant_id, timezone.now())
        match questions.form(request, asked):
            case "jws":
                return as_file(request, grant.certificate.encode(), "application/jose", f"{grant.pk}.jws")
            case "pdf":
                paper = certificate_pdf(grant, settings.SITE_URL)
                return as_file(request, paper, "application/pdf", f"{grant.pk}.pdf")
        return Response(holding_answers.certificate(grant, request.build_absolute_uri))


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
        key = f"key {request.auth.shown}"
        return as_zip(
            request,
            name=f"{grant.pk}.zip",
            digest=bundle.digest,
            chunks=bundle.chunks,
            record=lambda: licensing_operations.record_download(grant=grant, by=key, now=timezone.now()),
        )
