"""Papers of what a studio holds, as files: the certificate as PDF and JWS, and the credits of a project."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from marketplace.licensing import bundles, creditpapers, papers
from marketplace.licensing import queries as licensing
from marketplace.licensing.crediting import Credits, credits_of
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant
from marketplace.people.queries import studios_of
from marketplace.ui.typesetting import FontsMissing

PRIVATE = "private, no-store"
FORMS: dict[str, tuple[str, Callable[[Credits, str], str | bytes]]] = {
    "txt": ("text/plain; charset=utf-8", creditpapers.as_text),
    "csv": ("text/csv; charset=utf-8; header=present", creditpapers.as_csv),
    "json": ("application/json", creditpapers.as_json),
    "spdx.json": ("application/spdx+json", creditpapers.as_spdx),
}


def _held(request: HttpRequest, grant: object) -> Grant:
    """Finds a license that one of the visitor's studios holds; to everybody else it is not there."""
    found = licensing.grant_of(studios_of(request.user), str(grant))  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


def _file(content: str | bytes, media_type: str, name: str, *, kind: str = "attachment") -> HttpResponse:
    said = {"Content-Disposition": f'{kind}; filename="{name}"', "Cache-Control": PRIVATE}
    return HttpResponse(content, content_type=media_type, headers=said)


@login_required
@require_safe
def certificate_pdf(request: HttpRequest, grant: object) -> HttpResponse:
    """This will send the certificate of a license on paper, in both languages."""
    held = _held(request, grant)
    try:
        paper = papers.certificate_pdf(held, settings.SITE_URL)
    except papers.UnableToPrint as error:
        return _refused(request, held, str(error), 403)
    except FontsMissing as error:
        return _refused(request, held, str(error), 503)
    return _file(paper, "application/pdf", f"{held.pk}.pdf", kind="inline")


@login_required
@require_safe
def certificate_jws(request: HttpRequest, grant: object) -> HttpResponse:
    """This will send the signed certificate of a license, as any JOSE library takes it."""
    held = _held(request, grant)
    if not held.certificate:
        return _refused(request, held, str(bundles.NotDownloadable(held, bundles.ERASED)), 403)
    return _file(held.certificate, "application/jose", f"{held.pk}.jws")


def _refused(request: HttpRequest, held: Grant, sentence: str, status: int) -> HttpResponse:
    context = {"grant": held, "sentence": sentence}
    return render(request, "storefront/download_refused.html", context, status=status)


@login_required
@require_safe
def credits(request: HttpRequest, project: object, form: str) -> HttpResponse:
    """This will send the credits that a project owes: `txt` in both languages, `csv`, `json` or `spdx.json`."""
    if form not in FORMS:
        raise Http404
    found = Project.objects.filter(pk=str(project), studio__in=studios_of(request.user)).first()  # type: ignore[arg-type]
    if found is None:
        raise Http404
    media_type, written = FORMS[form]
    content = written(credits_of(found, now=timezone.now()), settings.SITE_URL)
    return _file(content, media_type, f"credits-{found.pk}.{form}")
