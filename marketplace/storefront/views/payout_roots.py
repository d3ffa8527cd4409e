"""The public lists of payout roots: who wants to recompute a root downloads its list."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import condition, require_safe

from marketplace.payouts.claims.lists import kept_list
from marketplace.payouts.claims.queries import root_by_id

YEAR = 365 * 24 * 3600


def _etag(request: HttpRequest, root: int) -> str | None:
    found = root_by_id(root)
    return f'"{found.document_sha256}"' if found else None


@require_safe
@condition(etag_func=_etag)
def payout_root(request: HttpRequest, root: int) -> HttpResponse:
    """This will send the list of a root, to the byte what its digest was taken of; it never changes."""
    found = root_by_id(root)
    if found is None:
        raise Http404(_("There is no such payout root."))
    headers = {
        "Content-Disposition": f'attachment; filename="payout-root-{found.pk}.json"',
        "Cache-Control": f"public, max-age={YEAR}, immutable",
    }
    return HttpResponse(kept_list(found), content_type="application/json", headers=headers)
