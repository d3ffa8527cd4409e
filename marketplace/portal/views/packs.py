"""One pack of one's own: its versions, and what it is sold under."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.catalog import queries as catalog
from marketplace.licensing import operations as licensing
from marketplace.people.models import Creator
from marketplace.portal import queries, words
from marketplace.portal.forms.rows import WithdrawForm
from marketplace.portal.views.access import creators_only
from marketplace.portal.views.sell import say_offer


@never_cache
@require_safe
@creators_only
def pack(request: HttpRequest, creator: Creator, pack: str) -> HttpResponse:
    """This will show the versions of a pack of one's own, with their offers."""
    return _page(request, creator, pack)


def _page(
    request: HttpRequest, creator: Creator, handle: str, *, refused: UUID | None = None, error: str = ""
) -> HttpResponse:
    found = queries.pack_of(creator, handle)
    if found is None:
        raise Http404
    versions = queries.versions_of(found)
    offers, shares = queries.offers_of(versions), queries.own_shares(creator, versions)
    cover = catalog.cover_of(versions[0])
    context = {
        "here": "sell",
        "pack": found,
        "newest": versions[0],
        "kind": words.say(words.PACK_KINDS, found.kind),
        "granted": queries.granted([found.pk]).get(found.pk, 0),
        "versions": [
            {
                "release": release,
                "share": words.percent_text(shares.get(release.split_id, 0)),
                "offers": [say_offer(offer, shares.get(release.split_id, 0)) for offer in offers.get(release.pk, [])],
            }
            for release in versions
        ],
        "refused": refused,
        "error": error,
        **words.cover(cover.asset.previews.all() if cover else []),
    }
    return render(request, "portal/pack.html", context, status=422 if error else 200)


@require_POST
@creators_only
def withdraw(request: HttpRequest, creator: Creator, offer: UUID) -> HttpResponse:
    """This will stop the sale of an offer, once the pack's handle is typed."""
    found = queries.my_offer(creator, offer)
    if found is None:
        raise Http404
    handle = found.release.pack.handle
    form = WithdrawForm(request.POST, handle=handle)
    if not form.is_valid():
        error = " ".join(str(text) for texts in form.errors.values() for text in texts)
        return _page(request, creator, handle, refused=found.pk, error=error)
    licensing.withdraw_offer(offer=found, now=timezone.now())
    text = _("The offer “%(name)s” is withdrawn. Licenses that were granted under it stay as they are.")
    messages.success(request, text % {"name": words.say(words.TERMS, found.terms.name)})
    return redirect("portal-pack", handle)
