"""What a ref that is being typed may become. Questions only."""

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from marketplace.catalog.models import Element, Listing
from marketplace.catalog.queries import Filter, best

MOST_TYPED = 200
_HANDLE = re.compile(r"[a-z0-9-]{0,40}")


@dataclass(frozen=True, slots=True)
class Completion:
    """A pack, or an element of one. `ref` is what a recipe has, without its @; titles are by language."""

    ref: str
    pack: str
    title: dict[str, str]
    kind: str
    creator: str


def completions(typed: str, *, size: int = 8) -> list[Completion]:
    """This will list what the text behind an @ may become: packs by their handles, else by words; elements of a pack.

    `alice/se` begins a pack of Alice's, `alice/sea/` is followed by its elements, `sea` begins a creator's or a pack's
    handle or stands in what is said of a pack. At most two queries for packs.
    """
    text = typed[:MOST_TYPED].replace("\x00", "").strip().lstrip("@\N{FULLWIDTH COMMERCIAL AT}").strip().lower()
    creator, slash, rest = text.partition("/")
    if not slash:
        return _packs(text, size)
    pack, slash, element = rest.partition("/")
    if not all(_HANDLE.fullmatch(one) for one in (creator, pack)):
        return []
    return _elements(creator, pack, element, size) if slash else _of_creator(creator, pack, size)


def _rows(wanted: Q, size: int) -> list[Listing]:
    rows = Listing.objects.filter(wanted).select_related("release", "pack__creator")
    return list(rows.order_by("pack__creator__handle", "pack__handle", "pack")[:size])


def _packs(text: str, size: int) -> list[Completion]:
    found: list[Listing] = []
    if _HANDLE.fullmatch(text):
        found = _rows(Q(pack__handle__startswith=text) | Q(pack__creator__handle__startswith=text), size)
    if text and len(found) < size:
        known = {row.pk for row in found}
        found += [row for row in best(Filter(text=text), size=size) if row.pk not in known]
    return [_pack(row) for row in found[:size]]


def _of_creator(creator: str, pack: str, size: int) -> list[Completion]:
    return [_pack(row) for row in _rows(Q(pack__creator__handle=creator, pack__handle__startswith=pack), size)]


def _pack(row: Listing) -> Completion:
    return _made(row, str(row.pack), row.release.title, row.kind)


def _made(row: Listing, ref: str, title: Any, kind: str) -> Completion:
    return Completion(ref, str(row.pack), dict(title), kind, row.pack.creator.display_name)


def _elements(creator: str, pack: str, element: str, size: int) -> list[Completion]:
    row = next(iter(_rows(Q(pack__creator__handle=creator, pack__handle=pack), 1)), None)
    if row is None:
        return []
    found = Element.objects.filter(release=row.release_id, name__istartswith=element).order_by("position", "id")
    return [_made(row, f"{row.pack}/{one.name}", one.title, one.kind) for one in found[:size]]
