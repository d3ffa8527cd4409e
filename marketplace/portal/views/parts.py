"""Uploads whose parts a program puts into the object store itself: begin, sign, list, finish, abort; all of it JSON."""

import functools
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from assets import operations as assets
from assets.uploads.direct import EXPIRES_SECONDS, DirectState
from marketplace.people.models import Person
from marketplace.portal import tus
from marketplace.portal.views.uploader import REFUSALS, NoUploader, read_json, refusal, uploader

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _door(**methods: View) -> View:
    """Gives the view that answers each method by its own verb, to those who may upload, and refuses in JSON."""

    @csrf_exempt
    @functools.wraps(next(iter(methods.values())))
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        verb = methods.get(request.method or "")
        if verb is None:
            return HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
        try:
            response = verb(request, uploader(request), *args, **kwargs)
        except (NoUploader, *REFUSALS) as error:
            response = refusal(error)
            if response.status_code == 507:
                log.error("a direct upload met storage that refused", exc_info=error)
        response["Cache-Control"] = "no-store"
        return response

    return answer


def _begin(request: HttpRequest, person: Person) -> HttpResponse:
    """This will make room for a file and say how many bytes each of its parts has."""
    given = read_json(request, name=str, size_bytes=int)
    state = assets.begin_direct(owner=person, **given, now=timezone.now())
    return JsonResponse(_standing(state), status=201)


def _sign(request: HttpRequest, person: Person, upload_id: UUID) -> HttpResponse:
    """This will sign the sending of parts, each for one SHA-256."""
    sha256s = _sha256s(read_json(request, parts=list)["parts"])
    signed = assets.sign_parts(upload_id=upload_id, owner=person, sha256s=sha256s, now=timezone.now())
    parts = [
        {
            "number": part.number,
            "size_bytes": part.size_bytes,
            "url": part.request.url,
            "method": part.request.method,
            "headers": part.request.headers,
        }
        for part in signed
    ]
    return JsonResponse({"parts": parts, "expires_seconds": EXPIRES_SECONDS})


def _list(request: HttpRequest, person: Person, upload_id: UUID) -> HttpResponse:
    """This will list the parts that have arrived."""
    return JsonResponse(_standing(assets.list_sent(upload_id=upload_id, owner=person)))


def _finish(request: HttpRequest, person: Person, upload_id: UUID) -> HttpResponse:
    """This will join the parts and check the digest of the whole."""
    given = read_json(request, sha256=str)
    if not _DIGEST.fullmatch(given["sha256"]):  # What is no digest is a slip, and no reason to remove the bytes.
        raise tus.Unreadable("body")
    upload = assets.finish_direct(upload_id=upload_id, owner=person, **given, now=timezone.now())
    return JsonResponse({"upload": str(upload.pk), "size_bytes": upload.size_bytes, "sha256": upload.sha256})


def _abort(request: HttpRequest, person: Person, upload_id: UUID) -> HttpResponse:
    """This will remove the upload and every part of it."""
    assets.abort_upload(upload_id=upload_id, owner=person)
    return HttpResponse(status=204)


begin = _door(POST=_begin)
one = _door(GET=_list, DELETE=_abort)
sign = _door(POST=_sign)
finish = _door(POST=_finish)


def _standing(state: DirectState) -> Mapping[str, Any]:
    upload = state.upload
    return {
        "upload": str(upload.pk),
        "name": upload.name,
        "size_bytes": upload.size_bytes,
        "part_bytes": state.part_bytes,
        "sha256": upload.sha256,
        "expires_at": f"{upload.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "parts": [
            {"number": part.number, "size_bytes": part.size_bytes, "sha256": part.sha256} for part in state.parts
        ],
    }


def _sha256s(parts: list[Any]) -> dict[int, str]:
    """Reads `[{"number": 1, "sha256": "…"}, …]`, each number once."""
    sha256s: dict[int, str] = {}
    for part in parts:
        if not isinstance(part, dict) or set(part) != {"number", "sha256"}:
            raise tus.Unreadable("body")
        number, sha256 = part["number"], part["sha256"]
        if type(number) is not int or type(sha256) is not str or number in sha256s:
            raise tus.Unreadable("body")
        sha256s[number] = sha256
    if not sha256s:
        raise tus.Unreadable("body")
    return sha256s
