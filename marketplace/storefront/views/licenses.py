"""What my studios hold: licenses, their papers and their proof."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import ledger.queries
from marketplace.licensing import bundles, operations
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant
from marketplace.people.queries import studios_of
from marketplace.storefront import pictures, provenance, queries, words

RETRY_SECONDS = 2


def _held(request: HttpRequest, grant: object) -> Grant:
    """Finds a license that one of the visitor's studios holds; to everybody else it is not there."""
    found = licensing.grant_of(studios_of(request.user), str(grant))  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def licenses(request: HttpRequest) -> HttpResponse:
    """This will list what the visitor's studios hold."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    grants, after = licensing.grants_of(studios, after=request.GET.get("cursor", "")[:120])
    sealed = queries.sealed_grants(grants)
    rows = []
    for grant in grants:
        covers = grant.release.covers  # type: ignore[attr-defined]
        previews = covers[0].asset.previews.all() if covers else []
        rows.append(
            {
                "grant": grant,
                "terms": words.say(words.TERMS, grant.terms.name),
                "status": words.say(words.STATUSES, grant.status),  # type: ignore[attr-defined]
                "sealed": grant.pk in sealed,
                **pictures.shown(previews),
            }
        )
    context = {"here": "licenses", "rows": rows, "after": after, "studios": studios}
    return render(request, "storefront/licenses.html", context)


@never_cache
@login_required
@require_safe
def license(request: HttpRequest, grant: object) -> HttpResponse:
    """This will show one license: its certificate, its terms, its proof, and how to check it without us."""
    held = _held(request, grant)
    entry = queries.entry_about("grant", f"grant:{held.pk}")
    stands = queries.standing(entry) if entry else None
    covers = held.release.covers  # type: ignore[attr-defined]
    previews = covers[0].asset.previews.all() if covers else []
    key = str(ledger.queries.verifier_key())
    site = _site(request)
    context = {
        "here": "licenses",
        "grant": held,
        "release": held.release,
        "terms_name": words.say(words.TERMS, held.terms.name),
        "rights": words.rights_of(licensing.terms_of(held.terms)),
        "status": words.say(words.STATUSES, held.status),  # type: ignore[attr-defined]
        "stands": stands,
        "is_pending": stands is None or stands.index is None,
        "steps": provenance.grant_steps(held, stands, reverse("log")),
        **pictures.shown(previews, 960),
        "verify_command": f'curl -O {site}{reverse("source")}\npython verify.py {held.pk}.zip \\\n  --key "{key}"',
        "api_command": _api_command(site, held),
    }
    return render(request, "storefront/license.html", context)


def _site(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _api_command(site: str, grant: Grant) -> str:
    return (
        f'curl -H "Authorization: Bearer $WORLDLOOM_KEY" \\\n  -o {grant.pk}.zip \\\n'
        f"  {site}{reverse('api-download', args=[grant.pk])}"
    )


@login_required
@require_safe
def download(request: HttpRequest, grant: object) -> HttpResponseBase:
    """This will send the bundle of a license: files, manifest, certificate and proofs."""
    held = _held(request, grant)
    try:
        chunks = bundles.stream(held, site=_site(request))
    except bundles.ProofPending as error:
        context = {"grant": held, "sentence": str(error), "retry_seconds": RETRY_SECONDS}
        response = render(request, "storefront/download_pending.html", context, status=503)
        response["Retry-After"] = str(RETRY_SECONDS)
        response["Cache-Control"] = "no-store"
        return response
    except bundles.NotDownloadable as error:
        context = {"grant": held, "sentence": str(error)}
        return render(request, "storefront/download_refused.html", context, status=403)
    if request.method == "GET":
        operations.record_download(grant=held, by=str(request.user), now=timezone.now())
    return StreamingHttpResponse(
        chunks,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{held.pk}.zip"',
            "Cache-Control": "private, no-store",
        },
    )


@require_safe
def terms(request: HttpRequest, digest: str) -> HttpResponse:
    """This will show the full text of terms, in both languages, under the digest that grants fix."""
    found = licensing.terms_text(digest)
    if found is None:
        raise Http404
    context = {
        "terms": found,
        "name": words.say(words.TERMS, found.name),
        "document": bytes(found.document).decode(),
        "site": settings.SITE_URL,
    }
    return render(request, "storefront/terms.html", context)
