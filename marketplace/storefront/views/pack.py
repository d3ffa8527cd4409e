"""One pack: what it is, who made it, how it is proven, and what a license of it allows."""

import json
from collections.abc import Sequence

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from marketplace.catalog import deriving, token_words
from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Element, Release, ReleaseAsset
from marketplace.catalog.rules import is_version
from marketplace.licensing.chain_offers import open_chain_offers
from marketplace.payouts import queries as books
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.storefront import pictures, provenance, queries, words
from marketplace.storefront.cards import cards
from marketplace.storefront.choices import Choice, choices_of, chosen_of, collections_with, options_of
from marketplace.storefront.composition_rows import composition_of
from marketplace.storefront.split_rows import split_on_chain
from marketplace.ui import formats
from marketplace.ui.currencies import ISO_4217

SPLIT_UNITS = 1000


@require_safe
def pack(request: HttpRequest, creator: str, pack: str) -> HttpResponse:
    """This will show a pack by its newest release, or by the version that the address names."""
    version = request.GET.get("version", "")
    if version and not is_version(version):
        raise Http404
    release = catalog.release(creator, pack, version)
    if release is None:
        raise Http404
    rows, elements = list(release.assets.all()), list(release.elements.all())
    title, title_language = formats.choose_title(release.title)
    standing = queries.entry_about("release", f"release:{release.digest}")
    stands = queries.standing(standing) if standing else None
    shown = pictures.gallery(rows, elements, title)
    now = timezone.now()
    choices = choices_of(release, person=request.user if request.user.is_authenticated else None, now=now)
    versions, others = catalog.versions_of(release), catalog.packs_of(release.pack.creator_id)[:9]
    context = {
        "here": "browse",
        "release": release,
        "creator": release.pack.creator,
        "owner": release.pack.owner if release.pack.owner_id != release.pack.creator_id else None,
        "title": title,
        "title_language": title_language,
        "kind": words.say(words.PACK_KINDS, release.pack.kind),
        "pictures": shown,
        "stands": stands,
        "steps": provenance.release_steps(release, len(rows), queries.registered(rows), stands, reverse("log")),
        "elements": _elements(elements, rows),
        "composition": composition_of(release),
        "files": [_file(row) for row in rows],
        "drawings": pictures.drawings(rows),
        "files_bytes": sum(row.asset.blob.size_bytes for row in rows),
        "prompts": sum(
            row.asset.facts.get("prompts", 0) for row in rows if isinstance(row.asset.facts.get("prompts"), int)
        ),
        "facts": _facts(release),
        "parents": [(link.parent, link.mode, words.percent_text(link.share_ppb)) for link in release.parents.all()],
        "children": [
            (row.release, row.mode, words.percent_text(row.share_ppb)) for row in queries.derived_from(release)
        ],
        "absolute": [(one.release, words.percent_text(one.share_ppb)) for one in deriving.absolute_of(release)],
        "split": _split(release),
        "split_units": SPLIT_UNITS,
        "split_chain": split_on_chain(release),
        "fee": words.percent_text(settings.PLATFORM_FEE_PPB),
        "versions": versions,
        "is_newest": versions[0].pk == release.pk,
        "more": cards([row for row in others if row.pack_id != release.pack_id][:4]),
        "collections": collections_with(release, now),
        "token": token_words.said_of(release, now=now),
        "on_chain": open_chain_offers([choice.offer for choice in choices], now),
        **_offers(request, choices),
    }
    context["linked_data"] = _linked_data(request, release, title, shown, choices)
    return render(request, "storefront/pack.html", context)


def _facts(release: Release) -> list[tuple[str, str]]:
    """Names what holds for the whole release; the template says under which words."""
    return [
        ("made_by", words.say(words.MADE_BY, release.made_by)),
        ("ai_training", words.say(words.AI_TRAINING, release.ai_training)),
        ("base_model", words.say(words.BASE_MODELS, release.base_model) if release.base_model else ""),
    ]


def _elements(elements: Sequence[Element], rows: Sequence[ReleaseAsset]) -> list[dict[str, object]]:
    """Lists elements in the order in which kinds are known, each with a picture of it if there is one.

    That is a public preview, else what is drawn of one of its files.
    """
    by_path = {row.path: row for row in rows}
    order = list(words.ELEMENT_KINDS)
    items: list[dict[str, object]] = []
    for element in sorted(elements, key=lambda element: order.index(element.kind)):
        files = [by_path[path] for path in element.paths if path in by_path]
        shown = next((row for row in files if row.role == "preview"), None)
        shown = shown or next((row for row in files if pictures.is_drawn(row)), None)
        previews = shown.asset.previews.all() if shown else []
        items.append(
            {
                "element": element,
                "kind": words.say(words.ELEMENT_NAMES, element.kind),
                **pictures.shown(previews),
            }
        )
    return items


def _file(row: ReleaseAsset) -> dict[str, object]:
    return {
        "path": row.path,
        "is_preview": row.role == "preview",
        "size_bytes": row.asset.blob.size_bytes,
        "sha256": row.asset.blob_id,
        "facts": words.facts_text(row.asset.facts),
    }


def _split(release: Release) -> list[dict[str, object]]:
    """Says who gets what, with the place of each in a bar of SPLIT_UNITS. Rounded down: the last takes the rest."""
    shares = books.shares_of(release.split_id)
    rows, x = [], 0
    for place, (payee, share_ppb) in enumerate(shares):
        last = place == len(shares) - 1
        width = SPLIT_UNITS - x if last else share_ppb * SPLIT_UNITS // WHOLE_PPB
        rows.append({"payee": payee, "share": words.percent_text(share_ppb), "x": x, "width": width, "tone": place % 5})
        x += width
    return rows


def _offers(request: HttpRequest, choices: Sequence[Choice]) -> dict[str, object]:
    """Puts what is sold into radio cards, one by one in full, and beside each other in every dimension."""
    return {
        "options": options_of(choices),
        "chosen_offer": chosen_of(choices, request.GET.get("offer", "")),
        "can_choose": any(not choice.taken for choice in choices),
        "choices": choices,
        "compared": words.compared([choice.terms for choice in choices], every=True) if len(choices) > 1 else [],
    }


def _linked_data(
    request: HttpRequest, release: Release, title: str, shown: list[dict[str, str]], choices: Sequence[Choice]
) -> SafeString:
    """Writes the pack as JSON-LD (schema.org Product), escaped for a script element that no browser runs."""
    digits = ISO_4217
    address = request.build_absolute_uri(request.path)
    document = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": title,
        "description": formats.choose_title(release.summary)[0],
        "url": address,
        "sku": f"{release.pack}@{release.version}",
        "brand": {"@type": "Brand", "name": release.pack.creator.display_name},
        "image": [request.build_absolute_uri(picture["href"]) for picture in shown[:6]],
        "offers": [
            {
                "@type": "Offer",
                "price": _decimal(choice.price.minor, digits.get(choice.price.currency, 2)),
                "priceCurrency": choice.price.currency,
                "availability": f"https://schema.org/{'SoldOut' if choice.taken else 'InStock'}",
                "url": address,
            }
            for choice in choices
            if choice.price.minor is not None
        ],
    }
    escapes = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}
    return mark_safe(json.dumps(document, ensure_ascii=False).translate(escapes))


def _decimal(minor: int, digits: int) -> str:
    whole, rest = divmod(minor, 10**digits)
    return f"{whole}.{rest:0{digits}d}" if digits else str(whole)
