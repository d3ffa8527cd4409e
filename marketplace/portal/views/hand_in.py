"""Handing in by program: a pack's text and the uploads of its files; and how far it has come. All of it is JSON."""

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from marketplace.catalog.rules import Finding, gettext_noop
from marketplace.intake import operations, queries
from marketplace.intake.examining import findings_in
from marketplace.intake.models import Submission
from marketplace.intake.pricing import losses_of
from marketplace.intake.rules import PACK_FILE_LIMIT_BYTES, UnreadablePack, pack_name, parse_pack, read_pack
from marketplace.intake.stories import said
from marketplace.people.models import Creator, Person
from marketplace.people.queries import creator_of
from marketplace.portal import queries as portal
from marketplace.portal.views.uploader import NoUploader, refusal, uploader
from marketplace.ui.formats import sentence

_BODY_BYTES = 2 * PACK_FILE_LIMIT_BYTES
_MALFORMED = gettext_noop("The body must be JSON with “pack”, a pack.toml as text or as an object, and “files”.")


def door(method: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """This will let creators' programs and pages in, by one method."""

    def wrapped(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @functools.wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method != method:
                return HttpResponse(status=405, headers={"Allow": method})
            try:
                response = view(request, _creator(uploader(request)), *args, **kwargs)
            except NoUploader as error:
                response = refusal(error)
            response["Cache-Control"] = "no-store"
            return response

        return answer

    return wrapped


@door("POST")
def hand_in(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will hand a pack in: `{"pack": …, "files": {path in the release: id of its upload}}`."""
    try:
        draft, offers, files = _read(request)
        by_id = {str(upload.pk): upload for upload in portal.uploads_of(creator)}
        submission = operations.hand_in(
            creator=creator,
            draft=draft,
            offers=offers,
            uploads={path: by_id[pk] for path, pk in files.items() if pk in by_id},
            streams={},
            kept={},
            now=timezone.now(),
        )
    except UnreadablePack as error:
        return _refused(error.findings)
    except operations.REFUSALS as error:
        return _refused(findings_in(error))
    answer = JsonResponse(plain(submission), status=202)
    answer["Location"] = reverse("handed-in", args=[submission.pk])
    return answer


@door("GET")
def handed_in(request: HttpRequest, creator: Creator, submission: UUID) -> HttpResponse:
    """This will say how far a submission has come."""
    found = queries.submission_of(creator, submission)
    if found is None:
        return JsonResponse(_problem(404, "not-found", _("You handed nothing in under that id.")), status=404)
    return JsonResponse(plain(found))


def plain(found: Submission) -> dict[str, Any]:
    """This will write a submission as programs read it (docs/uploads.md)."""
    lost = [sentence(one) for one in losses_of(read_pack(found.pack)[1])]
    return {
        "id": str(found.pk),
        "state": found.state,
        "pack": pack_name(found.creator.handle, found.pack),
        "version": found.pack["version"],
        "release": found.release.digest if found.release else None,
        "findings": [{"where": finding.get("where", ""), "message": said(finding)} for finding in found.findings],
        "likenesses": found.likenesses,
        **({"sign_at": reverse("submission", args=[found.pk])} if found.state == Submission.State.TO_SIGN else {}),
        **({"lost": lost} if lost else {}),
        "claims": [str(claim.pk) for claim in queries.claims_about(found)],
    }


def _creator(person: Person) -> Creator:
    creator = creator_of(person)
    assert creator is not None  # uploader() lets nobody else in
    return creator


def _read(request: HttpRequest) -> tuple[Any, Any, dict[str, str]]:
    try:
        body = json.loads(request.read(_BODY_BYTES + 1)[: _BODY_BYTES + 1])
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or set(body) != {"pack", "files"} or not isinstance(body["files"], dict):
        raise UnreadablePack([Finding("body", _MALFORMED, {})])
    pack, files = body["pack"], {str(path): str(pk) for path, pk in body["files"].items()}
    if isinstance(pack, str):
        return (*parse_pack(pack), files)
    if isinstance(pack, dict):
        return (*read_pack(pack), files)
    raise UnreadablePack([Finding("body", _MALFORMED, {})])


def _refused(findings: Sequence[Any]) -> HttpResponse:
    said_ = [{"where": finding.where, "message": sentence(finding)} for finding in findings]
    detail = " ".join(one["message"] for one in said_)
    return JsonResponse(
        {**_problem(422, "release-refused", detail), "findings": said_},
        status=422,
        content_type="application/problem+json",
    )


def _problem(status: int, code: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
