"""What every address of the licensing API has in common, whatever it answers."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.translation.trans_real import get_supported_language_variant, parse_accept_lang_header
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.api.questions import preferred
from marketplace.api.renderers import FastJSONRenderer, Negotiation, ProblemRenderer

# May be kept by anybody or by the studio alone, but is asked for again each time; the entity tag makes that cheap.
SHARED, PRIVATE, NEVER = "public, no-cache", "private, no-cache", "no-store"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_KEPT_IN_304 = ("Cache-Control", "ETag", "Vary")


class Door(APIView):
    """An address of the API: it names each request, speaks the language asked for, and answers conditionally."""

    http_method_names = ["get", "head", "post", "put", "delete"]
    renderer_classes = [FastJSONRenderer, ProblemRenderer]
    content_negotiation_class = Negotiation
    cache_control = PRIVATE

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """This will answer, with `X-Request-Id` and `Cache-Control` on every answer."""
        sent = request.headers.get("X-Request-Id", "")
        request.request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid4().hex  # type: ignore[attr-defined]
        # Accept-Language alone decides, so that no cookie changes what a cache may keep.
        translation.activate(language_of(request))
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        answer["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        if not answer.has_header("Cache-Control"):
            good = answer.status_code == 200 and request.method in ("GET", "HEAD")
            answer["Cache-Control"] = self.cache_control if good else NEVER
        if isinstance(answer, Response):
            answer.add_post_render_callback(lambda rendered: conditional(request, rendered))
        return answer


class PublicDoor(Door):
    """An address for everybody; a key that does not work is refused all the same."""

    permission_classes = [AllowAny]
    cache_control = SHARED


def language_of(request: HttpRequest) -> str:
    """This will choose a language by Accept-Language (RFC 9110, section 12.5.4)."""
    for name, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()[:500]):
        if name == "*":
            break
        try:
            return get_supported_language_variant(name)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


def conditional(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """This will tag a good answer to a read with the digest of its body, or say 304 when the client has it."""
    if request.method not in ("GET", "HEAD") or answer.status_code != 200:
        return answer
    answer["ETag"] = f'"{hashlib.sha256(answer.content).hexdigest()[:32]}"'
    return not_modified(request, answer) or answer


def not_modified(request: HttpRequest, answer: HttpResponseBase) -> HttpResponse | None:
    """This will make a 304 (RFC 9110, section 15.4.5) of an answer whose tag the client sent, None otherwise."""
    if not preferred(request.headers.get("If-None-Match", ""), [answer["ETag"]]):
        return None
    short = HttpResponseNotModified()
    for name in (*_KEPT_IN_304, "X-Request-Id"):
        if answer.has_header(name):
            short[name] = answer[name]
    return short


def as_file(request: Request, body: bytes, media_type: str, name: str) -> HttpResponse:
    """This will answer with a file of the studio's, unless the client has it."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": PRIVATE, "Vary": "Accept"}
    return conditional(request._request, HttpResponse(body, content_type=media_type, headers=headers))


def as_zip(
    request: Request, *, name: str, digest: str, chunks: Callable[[], Iterator[bytes]], record: Callable[[], object]
) -> HttpResponseBase:
    """This will stream a zip of the studio's unless the client has it; only what is really sent is recorded.

    `digest` names its very bytes. A HEAD, and an answer that the client has, record nothing.
    """
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": PRIVATE,
        "ETag": f'"{digest}"',
    }
    if short := not_modified(request, HttpResponse(headers=headers)):
        return short
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    record()
    return StreamingHttpResponse(chunks(), headers=headers)


def page(request: Request, data: list[Any], cursor: str | None) -> Response:
    """This will answer with one page of a list, and a Link to the next (RFC 8288)."""
    answer = Response({"data": data, "next": cursor})
    if cursor:
        kept = [(name, value) for name, value in request.query_params.items() if name != "cursor" and value]
        address = request.build_absolute_uri(request.path) + "?" + urlencode([*kept, ("cursor", cursor)])
        answer["Link"] = f'<{address}>; rel="next"'
    return answer
