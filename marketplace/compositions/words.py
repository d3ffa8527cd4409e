"""What is found in a recipe once its packs are looked for: stable codes, one sentence each, with line and column."""

from collections.abc import Sequence
from difflib import get_close_matches

from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.model import Place, Ref
from marketplace.ui.words import Listed, Values, Words
from marketplace.ui.words import gettext_noop as _

CODES: dict[str, str] = {
    "unknown-pack": _("There is no pack %(pack)s."),
    "unknown-creator": _(
        "There is no creator and no alias “%(name)s”: write creator/pack, or say %%@%(name)s = creator/pack."
    ),
    "no-pack-of-creator": _("%(name)s has no pack yet: write creator/pack."),
    "ambiguous-pack": _("%(name)s has several packs: write %(packs)s."),
    "is-composition": _(
        "%(pack)s is a composition, which cannot paint a layer: open its recipe, or name the packs that it is made of."
    ),
    "no-version": _("No version of %(pack)s fits “%(range)s”; there is %(versions)s."),
    "no-digest": _("No release of %(pack)s has the digest %(digest)s…: check it."),
    "no-element": _("%(release)s has no element “%(element)s”."),
    "alias-cycle": _("The aliases stand for each other in a circle: %(cycle)s."),
    "wrong-base-model": _("%(release)s is made for %(base)s, but %(other)s: use models of one base model."),
}
"""Findings of resolving.py."""

OTHERS_BASE = _("%(release)s for %(base)s")
SAID_BASE = _("the recipe says %(base)s")


def finding(ref: Ref, code: str, values: Values, suggestion: str = "") -> Finding:
    """This will say what is wrong with a ref, where it stands."""
    at = ref.at or Place(1, 1)
    return Finding(at.line, at.column, at.length, code, Words(CODES[code], values), suggestion)


def listed(names: Sequence[str], most: int = 6) -> Listed:
    """This will name some of several things."""
    more = ("…",) if len(names) > most else ()
    return Listed((*names[:most], *more))


def closest(name: str, names: Sequence[str]) -> str:
    """This will find what was probably meant, or nothing."""
    near = get_close_matches(name, names, 1, 0.6)
    return near[0] if near else ""
