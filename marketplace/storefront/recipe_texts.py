"""Recipes to begin with: with one pack, or an example out of packs that are really here."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Listing, Release
from marketplace.catalog.rules import COMPOSITION

_LOOKED_AT = 48


def text_of_pack(release: Release, element: str = "") -> str:
    """This will write a recipe that begins with a pack, or with an element of it; what is no element is left out."""
    known = {one.name: one.kind for one in release.elements.all()}
    ref = f"@{release.pack}/{element}" if element in known else f"@{release.pack}"
    if (known.get(element) or release.pack.kind) == "style":
        return "\n".join([_("|layer1: a traveler in a red cloak"), f"{_('- style: soft light')} {ref}", ""])
    return f"{_('|layer1: a traveler in a red cloak')} {ref}\n"


def start_text() -> str:
    """This will write an example with the newest packs that go together, or without any where there are none."""
    rows = [row for row in catalog.newest(size=_LOOKED_AT) if row.kind != COMPOSITION]
    best = max(_together(rows), key=len, default={})
    lines = [_("# Each line is a layer; a pack that paints it stands behind @.")]
    lines += [f"{_('|backdrop: a wide view at dusk')}{_ref(best, 'world')}"]
    lines += [f"{_('|people: travelers with lanterns')}{_ref(best, 'characters')} [box 0.1,0.4,0.9,1]"]
    lines += [f"{_('- style: soft light')}{_ref(best, 'style')}", ""]
    return "\n".join(lines)


def _together(rows: Sequence[Listing]) -> list[dict[str, str]]:
    """Finds for each base model the newest pack of each kind: packs of several would not go together."""
    found = []
    for base in dict.fromkeys(row.base_model for row in rows):
        kinds: dict[str, str] = {}
        for row in rows:
            if row.base_model in (base, ""):
                kinds.setdefault(row.kind, str(row.pack))
        found.append(kinds)
    return found


def _ref(kinds: dict[str, str], kind: str) -> str:
    return f" @{kinds[kind]}" if kind in kinds else ""
