"""One pack of one's own: its versions, and what it is sold under."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import ledger.operations
from ledger.custody import UnableToSignFor, own_key
from ledger.operations import Hands
from marketplace.catalog import queries as catalog
from marketplace.catalog import transferring
from marketplace.licensing import operations as licensing
from marketplace.people.models import Creator
from marketplace.portal import queries, words
from marketplace.portal.ceremonies import ceremony
from marketplace.portal.forms.rows import WithdrawForm
from marketplace.portal.views.access import creators_only
from marketplace.portal.views.sell import say_offer


@never_cache
@require_safe
@creators_only
def pack(request: HttpRequest, creator: Creator, pack: str, of: str = "") -> HttpResponse:
    """This will show the versions of a pack of one's own, with their offers."""
    return _page(request, creator, pack, of)


def _page(
    request: HttpRequest, creator: Creator, handle: str, of: str, *, refused: UUID | None = None, error: str = ""
) -> HttpResponse:
    found = queries.pack_of(creator, handle, of)
    if found is None:
        raise Http404
    versions = queries.versions_of(found)
    offers, shares = queries.offers_of(versions, timezone.now()), queries.own_shares(creator, versions)
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
        "signs_here": own_key(creator) is not None,
        "proposal": transferring.proposal_of(found),
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
    handle, of = found.release.pack.handle, found.release.pack.creator.handle

    def act(hands: Hands, now: datetime, given: Mapping[str, Any]) -> str:
        if str(given.get("name", "")).strip() != handle:
            raise licensing.UnableToOffer(found.release, _("Type %(handle)s first.") % {"handle": handle})
        signer = ledger.operations.any_signer(creator=creator, hands=hands, now=now)
        licensing.withdraw_offer(offer=found, now=now, signer=signer)
        return reverse("portal-pack-of", args=[of, handle])

    if "application/json" in request.headers.get("Content-Type", ""):
        return ceremony(request, creator, purpose=f"withdraw.{found.pk}", act=act)
    form = WithdrawForm(request.POST, handle=handle)
    if not form.is_valid():
        error = " ".join(str(text) for texts in form.errors.values() for text in texts)
        return _page(request, creator, handle, of, refused=found.pk, error=error)
    try:
        licensing.withdraw_offer(offer=found, now=timezone.now())
    except UnableToSignFor as refusal:
        return _page(request, creator, handle, of, refused=found.pk, error=str(refusal))
    text = _("The offer “%(name)s” is withdrawn. Licenses that were granted under it stay as they are.")
    messages.success(request, text % {"name": words.say(words.TERMS, found.terms.name)})
    return redirect("portal-pack-of", of, handle)
