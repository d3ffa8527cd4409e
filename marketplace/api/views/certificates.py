"""Licenses that anybody can check, without a key."""

from collections.abc import Mapping
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

import ledger.queries
from marketplace.api import documentation, holding_answers, holding_shapes, questions
from marketplace.api.asked import body
from marketplace.api.door import PublicDoor
from marketplace.catalog.queries import releases_with
from marketplace.licensing import queries as licensing
from marketplace.licensing.certificates import UnableToTrust, checked


def key_of(kid: str) -> Mapping[str, str] | None:
    """This will find the public half of a key that signs certificates."""
    entry = ledger.queries.find_key(kid)
    if entry is None or entry.statement["use"] != "certificates":
        return None
    jwk: Mapping[str, str] = entry.statement["public_jwk"]
    return jwk


class Standing(PublicDoor):
    """Check a license."""

    @extend_schema(
        operation_id="certificates_read",
        summary="Check a license by its number",
        tags=["proof"],
        responses=documentation.answers(holding_shapes.StandingShape, "not-found", "invalid-request"),
    )
    def get(self, request: Request, grant_id: UUID) -> Response:
        """This will say what a license licenses, whether it holds now, and where it stands in the log; not who holds
        it: that is said by the certificate, to whoever is shown it.
        """
        questions.query(request, {})
        grant = licensing.granted(grant_id, now=timezone.now())
        if grant is None:
            raise Http404(_("No license has the number %s.") % grant_id)
        return Response(holding_answers.standing(grant, request.build_absolute_uri))


class CheckCertificate(PublicDoor):
    """Check a certificate."""

    @extend_schema(
        operation_id="certificates_check",
        summary="Check a certificate",
        tags=["proof"],
        request=holding_shapes.CertificateRequest,
        responses=documentation.answers(
            holding_shapes.CheckedShape,
            *("invalid-json", "too-large", "unsupported-media-type", "invalid-request", "certificate-refused"),
        ),
    )
    def post(self, request: Request) -> Response:
        """This will verify a certificate and say what it says, and whether its license holds now. One that is for
        another release or file, by another key, altered or not spelled as we spell it is refused in one sentence. It
        is a POST so that a certificate, which names people, is in no address; nothing is written.
        """
        asked = body(request, holding_shapes.CertificateRequest)
        text = asked["certificate"].strip()
        paper = checked(text, key_of=key_of, release=asked.get("release", ""))
        if "file" in asked and paper.subject["release"] not in {one.digest for one in releases_with(asked["file"])}:
            raise UnableToTrust("other-file")
        grant = licensing.grant_of_certificate(text)
        return Response(holding_answers.checked(paper, grant, request.build_absolute_uri))
