"""Terms: read, brought from other people's licenses, taken elsewhere, and asked whether they allow a use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, parameters, questions, terms_answers, terms_shapes
from marketplace.api.door import PublicDoor
from marketplace.api.errors import InvalidRequest
from marketplace.api.layers import Found, layers_in
from marketplace.api.problems import Finding, pointer
from marketplace.licensing import queries as licensing
from marketplace.licensing.alternatives import alternatives_for
from marketplace.licensing.models import TermsText
from marketplace.licensing.terms.asking import ask
from marketplace.licensing.terms.exchange.forms import WRITTEN, read, write
from marketplace.licensing.terms.fixing import fixes
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.ui.formats import language_tag, sentence

POSTED = ("invalid-json", "too-large", "unsupported-media-type", "invalid-request")


def _terms(digest: str) -> TermsText:
    row = licensing.terms_text(questions.digest("sha256", digest))
    if row is None:
        raise Http404(_("No terms have the digest %s.") % digest)
    return row


class Terms(PublicDoor):
    """Read terms."""

    @extend_schema(
        operation_id="terms_read",
        summary="Read terms by their digest",
        tags=["terms"],
        parameters=[documentation.digest("sha256", "SHA-256 of the terms document.")],
        responses=documentation.answers(terms_shapes.TermsShape, "not-found", "invalid-request"),
    )
    def get(self, request: Request, sha256: str) -> Response:
        """This will read terms that something was ever offered under: the document, and its text in both languages."""
        questions.query(request, {})
        row = _terms(sha256)
        return Response(terms_answers.stored_terms(row, licensing.terms_of(row)))


class TermsElsewhere(PublicDoor):
    """Read terms in somebody else's form."""

    @extend_schema(
        operation_id="terms_export",
        summary="Read terms in another form",
        tags=["terms"],
        parameters=[documentation.digest("sha256", "SHA-256 of the terms document."), parameters.FORM],
        responses=documentation.answers(terms_shapes.ExportShape, "not-found", "invalid-request", "license-unwritable"),
    )
    def get(self, request: Request, sha256: str, form: str) -> Response:
        """This will write terms as ODRL, CAWG, RSL and others have them: never more than they allow; `lost` says what
        the form cannot carry.
        """
        asked = questions.query(request, {"subject": questions.text})
        if form not in WRITTEN:
            known = ", ".join(WRITTEN)
            raise InvalidRequest([Finding("path", "form", _("must be one of %s.") % known)])
        row = _terms(sha256)
        subject = asked.get("subject", "") or request.build_absolute_uri(f"/api/v1/terms/{row.digest}")
        found = write(licensing.terms_of(row), form, subject=subject, language=language_tag())
        return Response(terms_answers.exported(found))


class ReadLicense(PublicDoor):
    """Bring terms from elsewhere."""

    @extend_schema(
        operation_id="terms_import",
        summary="Read somebody's license as terms",
        tags=["terms"],
        request=terms_shapes.LicenseRequest,
        responses=documentation.answers(terms_shapes.ImportShape, *POSTED, "license-unreadable"),
        examples=[documentation.request_example("an SPDX id", {"license": "CC-BY-4.0"})],
    )
    def post(self, request: Request) -> Response:
        """This will read an SPDX id, a Creative Commons or OpenRAIL license, VRM meta, Civitai's flags or Story's PIL
        as terms. What it does not say is not allowed; `lost` says what was not carried over. Nothing is written.
        """
        questions.query(request, {})
        form = terms_shapes.LicenseRequest(data=request.data)
        form.is_valid(raise_exception=True)
        found = read(form.validated_data["license"], form.validated_data.get("form", ""))
        return Response(terms_answers.imported(found))


class Check(PublicDoor):
    """Ask whether layers allow a use."""

    @extend_schema(
        operation_id="terms_check",
        summary="Ask whether layers together allow a use",
        tags=["terms"],
        request=terms_shapes.CheckRequest,
        responses=documentation.answers(terms_shapes.CheckShape, *POSTED, "layers-refused"),
        examples=[documentation.request_example("a pack and a license of others", parameters.CHECK_REQUEST)],
    )
    def post(self, request: Request) -> Response:
        """This will compose the terms of all layers and say whether they allow the use; if not, by dimension and layer
        why, and the smallest changes that would make it legal, with their prices. Nothing is written.
        """
        questions.query(request, {})
        form = terms_shapes.CheckRequest(data=request.data)
        form.is_valid(raise_exception=True)
        now = timezone.now()
        studio = getattr(request.auth, "studio", None)
        found = layers_in(form.validated_data["layers"], studio=studio, now=now)
        use, layers = terms_shapes.use_from(form.validated_data["use"], now), [one.layer for one in found]
        try:
            answer = ask(use, layers)
        except UnreadableUse as error:
            raise unreadable(error) from None
        helps = [] if answer.allowed else fixes(use, layers, _alternatives(found, now))
        return Response(terms_answers.checked(answer, helps))


def unreadable(error: UnreadableUse) -> InvalidRequest:
    """This will say where in the request a use cannot be judged."""
    return InvalidRequest([Finding("body", pointer("use", error.where), sentence(error))])


def _alternatives(found: list[Found], now: datetime) -> Mapping[str, Any]:
    releases = {one.layer.name: one.release for one in found if one.release is not None}
    under = [one.offer for one in found if one.offer is not None]
    return alternatives_for(releases, now=now, except_offers=under)
