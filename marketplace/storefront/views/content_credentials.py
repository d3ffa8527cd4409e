"""The roots of our own authorities for Content Credentials, for whoever checks a picture."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ledger.credentials import issuing
from ledger.credentials.papers import Authority


@require_safe
def roots(request: HttpRequest, authority: Authority) -> HttpResponse:
    """This will send all roots of an authority as PEM; the address allows no other name."""
    found = issuing.roots(authority)
    if not found:
        raise Http404
    headers = {
        "Cache-Control": "public, max-age=300",
        "Access-Control-Allow-Origin": "*",
        "Content-Disposition": f'inline; filename="worldloom-{authority}-roots.pem"',
    }
    return HttpResponse(found, content_type="application/x-pem-file", headers=headers)
