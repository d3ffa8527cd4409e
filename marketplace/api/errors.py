"""The one table from error to status, and the one form of every refusal: RFC 9457 problem details."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from assets.inspectors.base import Refused
from assets.operations import UnableToAdmit, UnableToPreview, UnableToReceive
from marketplace.catalog.operations import UnableToPublish
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.operations import KeyUsedOtherwise, PaymentDeclined, UnableToBuy
from marketplace.licensing.bundles import NotDownloadable, ProofPending
from marketplace.licensing.operations import UnableToGrant, UnableToOffer
from marketplace.people.operations import UnableToBecomeCreator, UnableToIssueKey, UnableToSeat, UnableToSignUp

log = logging.getLogger(__name__)

STATUS: Mapping[type[Exception], int] = {
    UnableToSignUp: 422,
    UnableToBecomeCreator: 422,
    UnableToSeat: 403,
    UnableToIssueKey: 422,
    Refused: 422,
    UnableToReceive: 422,
    UnableToAdmit: 422,
    UnableToPreview: 422,
    UnableToPublish: 422,
    UnableToOffer: 422,
    UnableToGrant: 409,
    UnableToBuy: 422,
    UnableToUseMethod: 422,
    KeyUsedOtherwise: 422,
    PaymentDeclined: 402,
    GatewayUnavailable: 503,
    ProofPending: 503,
    NotDownloadable: 403,
}

_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    402: "Payment refused",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Refused",
    429: "Too many requests",
    500: "Our fault",
    503: "Not now",
}
RETRY_SECONDS = 2


def status_of(error: Exception) -> int | None:
    """This will find the status of a domain error, None for one that no caller can mend."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)


def problem(status: int, code: str, detail: str, **extra: Any) -> Response:
    """This will write a refusal as `application/problem+json` (RFC 9457)."""
    body = {
        "type": f"/docs/errors#{code}",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }
    answer = Response(body, status=status, content_type="application/problem+json")
    if status == 503:
        answer["Retry-After"] = str(RETRY_SECONDS)
    return answer


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """This will translate every error into a problem; one that we did not foresee is logged and named by an id."""
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, Http404):
        return problem(404, "not-found", str(error) or _("There is nothing here."))
    if isinstance(error, PermissionDenied):
        return problem(403, "not-allowed", str(error) or _("You may not do this."))
    status = status_of(error)
    if status is None:
        reference = uuid4().hex
        log.error("unforeseen error %s", reference, exc_info=error)
        return problem(500, "unforeseen", _("Something broke on our side; quote %s when you ask.") % reference)
    findings = [
        {"where": str(getattr(finding, "where", "")), "message": str(getattr(finding, "message", finding))}
        for finding in getattr(error, "findings", ())
    ]
    extra = {"findings": findings} if findings else {}
    return problem(status, str(getattr(error, "code", "refused")), str(error), **extra)


def _of_framework(error: exceptions.APIException) -> Response:
    status = error.status_code
    if isinstance(error, exceptions.ValidationError):
        findings = [
            {"where": "/" + "/".join(path), "message": message} for path, message in _leaves(error.detail, ())
        ]
        detail = _("The request cannot be understood: %s") % " ".join(f["message"] for f in findings)
        return problem(422, "invalid-request", detail, findings=findings)
    codes = error.get_codes()
    code = codes.replace("_", "-") if isinstance(codes, str) else "refused"
    answer = problem(status, code, str(error.detail))
    if header := getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = header
    return answer


def _leaves(detail: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    if isinstance(detail, Mapping):
        return [leaf for name, part in detail.items() for leaf in _leaves(part, (*path, str(name)))]
    if isinstance(detail, list):
        return [
            leaf
            for place, part in enumerate(detail)
            for leaf in _leaves(part, path if isinstance(part, str) else (*path, str(place)))
        ]
    return [(path, str(detail))]
