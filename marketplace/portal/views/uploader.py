"""Who uploads: a creator who is signed in, or a creator's program by its key; and how a refusal is told to programs."""

import json
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.translation import gettext as _

from assets.operations import UnableToUpload
from assets.storage.base import BlobDamaged, BlobMissing, UnableToStore
from marketplace.people import queries as people
from marketplace.people.models import ApiKey, Person
from marketplace.portal import tus

STATUS = {
    "upload-unknown": 404,
    "upload-expired": 410,
    "upload-is-final": 403,
    "upload-in-use": 403,
    "upload-overtaken": 409,
    "upload-too-long": 413,
    "offset-wrong": 409,
    "checksum-unknown": 400,
    "checksum-wrong": tus.CHECKSUM_MISMATCH,
    "file-too-large": 413,
    "file-empty": 400,
    "name-unusable": 400,
    "uploads-too-large": 413,
    "too-many-uploads": 403,
    "parts-unusable": 400,
    "direct-unavailable": 404,
    "upload-is-finished": 409,
    "parts-too-many": 400,
    "part-unknown": 400,
    "part-digest-malformed": 400,
    "parts-missing": 409,
    "parts-changed": 409,
    "digest-wrong": 422,
    "bytes-unknown": 404,
    "challenge-over": 403,
    "proof-wrong": 403,
}
"""What each refusal of assets.uploads is in HTTP and tus."""

_BODY_BYTES = 64 * 1024

# An OSError is storage's, too: a bucket that breaks off while it is read.
REFUSALS = (UnableToUpload, UnableToStore, BlobMissing, BlobDamaged, tus.Unreadable, OSError)


class NoUploader(Exception):
    """Nobody who may upload asks; `status` is 401 or 403."""

    code = "no-uploader"

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Csrf(CsrfViewMiddleware):
    """Django's own check, for the views that do it themselves because a key needs none."""

    def _reject(self, request: HttpRequest, reason: str) -> str:  # type: ignore[override]
        return reason


def uploader(request: HttpRequest) -> Person:
    """This will return the creator who asks, or raise NoUploader.

    A key comes as `Authorization: Bearer wl_…` (RFC 6750, section 2.1). A browser's session needs the CSRF token in
    the header X-CSRFToken, except to read.
    """
    words = request.headers.get("Authorization", "").split()
    if words and words[0].lower() == "bearer":
        key = people.creator_key(words[1], ApiKey.UPLOADS) if len(words) == 2 else None
        if key is None:
            raise NoUploader(
                401,
                _("The API key is unknown, revoked or not for uploads: make one in the portal."),
            )
        return key.created_by
    if not request.user.is_authenticated:
        raise NoUploader(401, _("Sign in, or send the API key of a creator as a bearer token."))
    if _forged(request):
        raise NoUploader(403, _("The request lacks the token of this page: load the page again."))
    if people.creator_of(request.user) is None:  # type: ignore[arg-type]
        raise NoUploader(403, _("First choose the name that you sell under."))
    return request.user  # type: ignore[return-value]


def _forged(request: HttpRequest) -> bool:
    """Tells whether another site may have sent this, by Django's own rules."""
    check = _Csrf(lambda _request: HttpResponse())
    check.process_request(request)
    return check.process_view(request, lambda *_args: HttpResponse(), (), {}) is not None


def read_json(request: HttpRequest, **fields: type) -> dict[str, Any]:
    """This will read a small JSON object of exactly these fields, or raise Unreadable."""
    try:
        given = json.loads(request.read(_BODY_BYTES))
    except (ValueError, RecursionError, UnreadablePostError):
        raise tus.Unreadable("body") from None
    if not isinstance(given, dict) or set(given) != set(fields):
        raise tus.Unreadable("body")
    if any(type(given[name]) is not kind for name, kind in fields.items()):
        raise tus.Unreadable("body")
    return given


def refusal(error: Exception) -> HttpResponse:
    """This will tell a program why, as `application/problem+json` (RFC 9457)."""
    if isinstance(error, NoUploader):
        answer = _problem(error.status, error.code, str(error))
        if error.status == 401:
            answer["WWW-Authenticate"] = 'Bearer realm="worldloom"'
        return answer
    if isinstance(error, tus.Unreadable):
        said = _("The header %(header)s is missing or cannot be read.") % {"header": error.header}
        return _problem(400, error.code, said)
    if isinstance(error, UnableToUpload):
        answer = _problem(STATUS[error.code], error.code, str(error))
        if error.offset_bytes is not None:
            answer["Upload-Offset"] = str(error.offset_bytes)
        return answer
    # Storage's own words name places of ours; who uploads can only come back.
    said = _("The bytes could not be stored just now: what was acknowledged is safe; go on in a moment.")
    code = "storage-refused" if isinstance(error, OSError) else getattr(error, "code", "storage-refused")
    return _problem(507, str(code), said)


def _problem(status: int, code: str, detail: str) -> HttpResponse:
    title = "Checksum Mismatch" if status == tus.CHECKSUM_MISMATCH else HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return JsonResponse(body, status=status, reason=title, content_type="application/problem+json")
