"""Uploads by tus 1.0.0, and hash first: the bytes themselves, from the portal's pages and from any tus client."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt

from assets import operations as assets
from assets.inspectors.base import finding_of
from assets.models import Upload, UploadInspection
from assets.storage.base import UnableToStore
from assets.uploads import joining
from assets.uploads.appending import CHECKSUMS
from assets.uploads.feeding import Readable
from assets.uploads.refusing import unknown
from marketplace.intake import queries as intake
from marketplace.people.models import Person
from marketplace.portal import tus
from marketplace.portal.views.uploader import REFUSALS, NoUploader, read_json, refusal, uploader
from marketplace.ui.formats import sentence

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


def _door(*methods: str, is_tus: bool = True) -> Callable[[View], View]:
    """Wraps a view that a creator's browser or program calls: who asks, in which version, and what a refusal becomes.

    A tus client may name the method in X-HTTP-Method-Override; what it names is what is checked.
    """

    def wrapped(view: View) -> View:
        @csrf_exempt
        @functools.wraps(view)
        def answer(request: HttpRequest, **at: Any) -> HttpResponse:
            if is_tus:
                request.method = request.headers.get("X-HTTP-Method-Override", request.method or "").upper()
            response = _answer(request, **at)
            response["Cache-Control"] = "no-store"
            if is_tus:
                response["Tus-Resumable"] = tus.VERSION
            return response

        def _answer(request: HttpRequest, **at: Any) -> HttpResponse:
            if is_tus and request.method == "OPTIONS":
                return _capabilities()
            if request.method not in methods:
                return HttpResponse(status=405, headers={"Allow": ", ".join((*methods, "OPTIONS"))})
            if is_tus and request.headers.get("Tus-Resumable") != tus.VERSION:
                return HttpResponse(status=412, headers={"Tus-Version": tus.VERSION})
            try:
                return view(request, uploader(request), **at)
            except (NoUploader, *REFUSALS) as error:
                response = refusal(error)
                if response.status_code == 507:
                    log.error("an upload could not be stored", exc_info=error)
                return response

        return answer

    return wrapped


def _capabilities() -> HttpResponse:
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(settings.ASSET_FILE_LIMIT_BYTES),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }
    return HttpResponse(status=204, headers=headers)


@_door("POST")
def uploads(request: HttpRequest, person: Person) -> HttpResponse:
    """This will begin an upload, with the first bytes if they come along, or join parts (tus, "Creation")."""
    kind, parts = tus.read_concat(request.headers.get("Upload-Concat", ""))
    metadata = request.headers.get("Upload-Metadata", "")
    said = tus.read_metadata(metadata)
    name, now = next(filter(None, map(said.get, tus.NAMES)), ""), timezone.now()
    if kind == Upload.FINAL:
        concat = request.headers["Upload-Concat"]
        upload = assets.join_uploads(
            owner=person, parts=parts, name=name or "upload", metadata=metadata, said=concat, now=now
        )
        return _created(upload)
    # A client need not say a name; what has no ending is refused by its inspection, which says so.
    name = name or ("part" if kind == Upload.PARTIAL else "upload")
    size_bytes = tus.read_number(request.headers, "Upload-Length")
    checksum = _checksum(request)
    upload = assets.begin_upload(
        owner=person, name=name, size_bytes=size_bytes, concatenation=kind, metadata=metadata, now=now
    )
    if request.content_type != tus.BYTES_TYPE:
        return _created(upload)
    try:
        upload = _append(request, person, upload.pk, 0, checksum)
    except (assets.UnableToUpload, UnableToStore):
        # Its address was never told to anybody.
        assets.abort_upload(upload_id=upload.pk, owner=person)
        raise
    response = _created(upload)
    response["Upload-Offset"] = str(upload.offset_bytes)
    return response


def _created(upload: Upload) -> HttpResponse:
    # A path: what stands in front of us may know this site by another name.
    headers = {"Location": reverse("upload", args=[upload.pk]), **_expires(upload)}
    return HttpResponse(status=201, headers=headers)


@_door("HEAD", "PATCH", "DELETE")
def upload(request: HttpRequest, person: Person, upload_id: UUID) -> HttpResponse:
    """This will say where an upload stands, take its next bytes, or remove it (tus, "Core protocol", "Termination")."""
    if request.method == "HEAD":
        found = assets.resume_upload(upload_id=upload_id, owner=person, now=timezone.now())
        return HttpResponse(status=200, headers=_standing(found))
    if request.method == "DELETE":
        assets.abort_upload(upload_id=upload_id, owner=person)
        return HttpResponse(status=204)
    if request.content_type != tus.BYTES_TYPE:
        return HttpResponse(status=415)
    offset = tus.read_number(request.headers, "Upload-Offset")
    found = _append(request, person, upload_id, offset, _checksum(request))
    return HttpResponse(status=204, headers={"Upload-Offset": str(found.offset_bytes), **_expires(found)})


def _standing(found: Upload) -> dict[str, str]:
    headers = {
        "Upload-Length": str(found.size_bytes),
        "Upload-Metadata": found.metadata or tus.write_metadata(found.name),
        **_expires(found),
    }
    is_joined = found.concatenation == Upload.FINAL
    if found.concatenation != Upload.WHOLE:
        headers["Upload-Concat"] = (joining.said_of(found) or "final") if is_joined else "partial"
    if not is_joined or found.sha256:
        headers["Upload-Offset"] = str(found.offset_bytes)
    return headers


def _expires(found: Upload) -> dict[str, str]:
    return {"Upload-Expires": http_date(found.expires_at.timestamp())}


def _checksum(request: HttpRequest) -> assets.Checksum | None:
    if not (text := request.headers.get("Upload-Checksum")):
        return None
    algorithm, digest = tus.read_checksum(text)
    return assets.Checksum(algorithm=algorithm, digest=digest)


def _append(
    request: HttpRequest, person: Person, upload_id: UUID, offset: int, checksum: assets.Checksum | None
) -> Upload:
    stream, length_bytes = _body(request)
    return assets.append(
        upload_id=upload_id,
        owner=person,
        offset=offset,
        stream=stream,
        checksum=checksum,
        length_bytes=length_bytes,
        now=timezone.now(),
    )


def _body(request: HttpRequest) -> tuple[Readable, int | None]:
    """Gives the body as it comes from the line, and its length if it was announced; `request.body` would keep it all.

    Django reads no body without a length; the server itself ends one sent in chunks (`wsgi.input_terminated`).
    """
    environ: Mapping[str, Any] = request.META
    if environ.get("CONTENT_LENGTH") or not environ.get("wsgi.input_terminated"):
        return cast(Readable, request), int(environ.get("CONTENT_LENGTH") or 0)
    return cast(Readable, environ["wsgi.input"]), None


@_door("GET", is_tus=False)
def inspection(request: HttpRequest, person: Person, upload_id: UUID) -> HttpResponse:
    """This will say what became of an upload's inspection, as JSON; before its last byte it is `arriving`."""
    found = Upload.objects.filter(pk=upload_id, owner=person).select_related("inspection").first()
    if found is None:
        return refusal(unknown())
    row: UploadInspection | None = getattr(found, "inspection", None)
    if row is None:
        return JsonResponse({"state": "arriving", "findings": []})
    findings = [{"where": plain.where, "message": sentence(plain)} for plain in map(finding_of, row.findings)]
    body: dict[str, Any] = {"state": row.state, "findings": findings, "sha256": found.sha256}
    if row.state == UploadInspection.State.PASSED:
        body |= {"media_type": row.media_type, "facts": row.facts}
    return JsonResponse(body)


@_door("POST", is_tus=False)
def known(request: HttpRequest, person: Person) -> HttpResponse:
    """This will answer a digest and a size with a challenge, if those bytes are published here already."""
    given = read_json(request, sha256=str, size_bytes=int, name=str)
    challenge = assets.offer_known(owner=person, **given, is_published=intake.is_published, now=timezone.now())
    body = {
        "token": challenge.token,
        "nonce": challenge.nonce.hex(),
        "ranges": [{"start": start, "length": length} for start, length in challenge.ranges],
        "until": f"{challenge.until:%Y-%m-%dT%H:%M:%SZ}",
    }
    return JsonResponse(body)


@_door("POST", is_tus=False)
def known_answer(request: HttpRequest, person: Person) -> HttpResponse:
    """This will link bytes that are here already, for the right answer to a challenge."""
    given = read_json(request, token=str, proof=str)
    return _created(assets.link_known(owner=person, **given, is_published=intake.is_published, now=timezone.now()))
