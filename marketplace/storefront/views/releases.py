"""A release under its digest: the page to which its token leads, and what wallets are told of it."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from ledger.chain.base import ChainUnavailable
from marketplace.catalog import queries as catalog
from marketplace.catalog import token_queries
from marketplace.catalog.models import Release
from marketplace.catalog.token_models import TokenAsk
from marketplace.catalog.token_queries import Disagreement
from marketplace.storefront import pictures, words
from marketplace.ui import formats

_FIVE_MINUTES = 300


@require_safe
@vary_on_headers("Accept")
def release(request: HttpRequest, digest: str) -> HttpResponse:
    """This will lead people to the page of the version, and tell wallets and marketplaces in JSON what it is.

    A token's URI is this address. Only who asks for HTML by name is a person: wallets ask for anything.
    """
    found = _found(digest)
    if request.accepts("text/html") and "text/html" in request.headers.get("Accept", ""):
        address = reverse("pack", args=[found.pack.creator.handle, found.pack.handle])
        return redirect(f"{address}?version={found.version}")
    return _metadata(found)


@require_safe
def token(request: HttpRequest, digest: str) -> HttpResponse:
    """This will tell in JSON what wallets are told, to whoever asks."""
    return _metadata(_found(digest))


def _found(digest: str) -> Release:
    found = catalog.release_by_digest(digest)
    if found is None:
        raise Http404
    return found


def _metadata(found: Release) -> HttpResponse:
    # In English for all: a wallet shows to everybody what it read once.
    with override("en"):
        document = metadata(found)
    headers = {"Cache-Control": f"public, max-age={_FIVE_MINUTES}", "Access-Control-Allow-Origin": "*"}
    return JsonResponse(document, headers=headers, json_dumps_params={"ensure_ascii": False})


def metadata(found: Release) -> dict[str, Any]:
    """This will write a release as the metadata of its token (ERC-721), with what marketplaces read besides."""
    address = reverse("pack", args=[found.pack.creator.handle, found.pack.handle])
    title, _language = formats.choose_title(found.title)
    summary, _language = formats.choose_title(found.summary) if found.summary else ("", "")
    cover = catalog.cover_of(found)
    shown = pictures.gallery([cover], [], title) if cover else []
    ask, wrong = _token_of(found)
    document: dict[str, Any] = {
        "name": f"{title} {found.version}",
        "description": summary,
        "external_url": f"{settings.SITE_URL}{address}?version={found.version}",
        "attributes": [
            {"trait_type": "Kind", "value": words.say(words.PACK_KINDS, found.pack.kind)},
            {"trait_type": "Creator", "value": found.pack.creator.display_name},
            {"trait_type": "Version", "value": found.version},
            {"display_type": "date", "trait_type": "Published", "value": int(found.published_at.timestamp())},
        ],
        "properties": {
            "release": found.digest,
            "split": found.split_id,
            "log": settings.LOG_ORIGIN,
            "owner_by_the_log": found.pack.owner.handle,
            "royalty_bps": ask.bps if ask else None,
        },
    }
    if shown:
        document["image"] = f"{settings.SITE_URL}{shown[0]['href']}"
    if wrong is not None:
        document["properties"]["disagreement"] = str(wrong)
    return document


def _token_of(found: Release) -> tuple[TokenAsk | None, Disagreement | None]:
    """Return what was asked for and where log and chain differ; nothing while the contracts' record is unreadable."""
    try:
        ask = token_queries.state_of(found).ask
        return ask, token_queries.disagreement_about(found, now=timezone.now()) if ask else None
    except ChainUnavailable:
        return None, None
