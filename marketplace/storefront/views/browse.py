"""The catalog: filters and words in the address, cards on the page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketplace.catalog import queries as catalog
from marketplace.catalog.queries import Filter
from marketplace.people import queries as people
from marketplace.storefront import words
from marketplace.storefront.cards import cards
from marketplace.storefront.forms import SORTS, BrowseForm

GROUPS = (
    ("kind", words.PACK_KINDS),
    ("element", words.ELEMENT_KINDS),
    ("base_model", words.BASE_MODELS),
    ("ai_training", words.AI_TRAINING),
)


@require_safe
def browse(request: HttpRequest) -> HttpResponse:
    """This will list the packs that fit the filters of the address."""
    chosen, sort, cursor = BrowseForm(request.GET).read()
    counts = catalog.facets(chosen)
    if sort == "best":
        listings, after = catalog.best(chosen), None
    else:
        page = catalog.browse(chosen, after=cursor)
        listings, after = list(page.listings), page.after
    by_kind = counts["kind"]
    creators = catalog.creators_with(chosen)
    context = {
        "here": "browse",
        "chosen": chosen,
        "sort": sort,
        "sorts": SORTS.items() if chosen.text else [],
        "cards": cards(listings),
        "after": after,
        "total": by_kind.get(chosen.kind, 0) if chosen.kind else sum(by_kind.values()),
        "groups": [_group(name, known, getattr(chosen, name), counts[name]) for name, known in GROUPS],
        "creators": creators,
        "chips": _chips(chosen, dict(creators_name(creators))),
        "narrowed": chosen != Filter(text=chosen.text),
    }
    return render(request, "storefront/browse.html", context)


def creators_name(creators: list[tuple[str, str, int]]) -> list[tuple[str, str]]:
    """This will pair handles with names."""
    return [(handle, name) for handle, name, _count in creators]


def _group(name: str, known: words.Names, value: str, counts: dict[str, int]) -> dict[str, object]:
    """Lists what a filter offers now: what would show something, and what is chosen."""
    options = [
        {"value": key, "label": label, "count": counts.get(key, 0)}
        for key, label in known.items()
        if counts.get(key) or key == value
    ]
    return {"name": name, "value": value, "options": options}


def _chips(chosen: Filter, names: dict[str, str]) -> list[tuple[str, str]]:
    """Names the filters that are on, each with the name of the field that it takes away."""
    found = [(name, words.say(known, getattr(chosen, name))) for name, known in GROUPS if getattr(chosen, name)]
    if chosen.creator:
        found.append(("creator", names.get(chosen.creator, chosen.creator)))
    return found


@require_safe
def creator(request: HttpRequest, handle: str) -> HttpResponse:
    """This will show who sells under a handle, and what."""
    found = people.creator_named(handle)
    if found is None:
        raise Http404
    listings = catalog.packs_of(found.pk)
    context = {"here": "browse", "creator": found, "cards": cards(listings)}
    return render(request, "storefront/creator.html", context)
