"""What stands against publishing a recipe: stable codes, one sentence each, with line and column where there is one."""

from collections.abc import Mapping

from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.model import Place, Recipe
from marketplace.compositions.resolving import Resolved
from marketplace.ui.words import Sayable, Value, Words
from marketplace.ui.words import gettext_noop as _

NOWHERE = Place(1, 1, 0)
"""For what is about no line of the recipe."""
CODES: dict[str, str] = {
    "no-pack": _("No layer names a pack, so that there is nothing to compose: name the packs that paint."),
    "two-versions": _(
        "The layer “%(layer)s” uses %(release)s, and another one %(other)s: use one version of a pack in all layers."
    ),
    "own-share": _("You keep a part of each sale and leave one to the packs: choose a share between the two."),
    "no-share": _(
        "%(release)s in the layer “%(layer)s” would get nothing of a sale: give it weight or area, or take it out."
    ),
    "layer-forbids": _("The layer “%(layer)s”: %(why)s"),
    "layers-forbid": _("Of several layers together: %(why)s"),
    "fee-of-nothing": _("The fee for %(release)s… is for no release of this composition: take it out."),
    "fee-incomplete": _("Fees need a unit and a currency, and those need fees: write all of them, or none."),
    "fee-of-zero": _("A fee must be more than nothing: write one, or take it out."),
    "fee-of-own": _(
        "The fee for %(release)s is for a pack of your own, and would be paid before the others get their part: take it"
        " out."
    ),
    "fee-currency": _("Fees are in one of %(currencies)s: choose one of these."),
}
"""Findings of drafting.py."""


def finding(place: Place, code: str, values: Mapping[str, Value | Sayable]) -> Finding:
    """This will say what stands against it, and where."""
    said: dict[str, Value] = {
        name: Words(value.template, value.values) if isinstance(value, Sayable) else value  # type: ignore[arg-type]
        for name, value in values.items()
    }
    return Finding(place.line, place.column, place.length, code, Words(CODES[code], said))


def at(one: Resolved) -> Place:
    """This will tell where a pack is named."""
    return one.ref.at or NOWHERE


def first(recipe: Recipe) -> Place:
    """This will tell where a recipe's first layer stands."""
    return recipe.layers[0].at or NOWHERE
