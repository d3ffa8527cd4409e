"""What kinds, terms, shares and inspected facts are called on the pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from marketplace.catalog.words import BASE_MODELS as BASE_MODELS
from marketplace.catalog.words import ELEMENT_NAMES as ELEMENT_NAMES
from marketplace.catalog.words import PACK_KINDS as PACK_KINDS
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.words import HEADINGS, Right, rights_in
from marketplace.licensing.words import TERMS as TERMS
from marketplace.licensing.words import summary_text as summary_text
from marketplace.ui import formats
from marketplace.ui.formats import Names as Names
from marketplace.ui.formats import percent_text as percent_text
from marketplace.ui.formats import say as say

ELEMENT_KINDS: Names = {
    "character": gettext_lazy("Characters"),
    "creature": gettext_lazy("Creatures"),
    "plant": gettext_lazy("Plants"),
    "landform": gettext_lazy("Landforms"),
    "scene": gettext_lazy("Scenes"),
    "style": gettext_lazy("Styles"),
    "model": gettext_lazy("Models"),
    "prompt-set": gettext_lazy("Prompt sets"),
    "motion": gettext_lazy("Motion"),
    "service": gettext_lazy("Services"),
}
AI_TRAINING: Names = {
    "not-allowed": gettext_lazy("No AI training"),
    "with-license": gettext_lazy("AI training by license"),
}
MADE_BY: Names = {
    "human": gettext_lazy("Made by people"),
    "ai-assisted": gettext_lazy("Made with help of AI"),
    "ai": gettext_lazy("Made by AI"),
}
STATUSES: Names = {
    "active": gettext_lazy("Active"),
    "suspended": gettext_lazy("Suspended"),
    "revoked": gettext_lazy("Revoked"),
}
ENTRY_TYPES: Names = {
    "key": gettext_lazy("Key registered"),
    "key-rotation": gettext_lazy("Key handed over"),
    "key-revocation": gettext_lazy("Key revoked"),
    "asset": gettext_lazy("File registered"),
    "split": gettext_lazy("Split stated"),
    "release": gettext_lazy("Release published"),
    "transfer": gettext_lazy("Release handed over"),
    "takedown": gettext_lazy("Release taken down or restored"),
    "dsse": gettext_lazy("Release signed for other tools"),
    "offer": gettext_lazy("Offer made"),
    "offer-price": gettext_lazy("Price changed"),
    "offer-withdrawal": gettext_lazy("Offer withdrawn"),
    "grant": gettext_lazy("License granted"),
    "grant-status": gettext_lazy("License status changed"),
    "recipe": gettext_lazy("Recipe locked"),
    "usage": gettext_lazy("Uses counted"),
    "claim": gettext_lazy("Claim"),
    "asset-token": gettext_lazy("Token asked for"),
    "royalty-statement": gettext_lazy("Royalty statements closed"),
    "index-root": gettext_lazy("Index committed"),
    "policy": gettext_lazy("Witness policy stated"),
    "anchor-receipt": gettext_lazy("Log anchored on chain"),
}
NETWORKS: Names = {"lora": "LoRA", "loha": "LoHa", "lokr": "LoKr", "checkpoint": pgettext_lazy("model", "Checkpoint")}


def rights_of(terms: Terms) -> list[dict[str, Any]]:
    """This will say what terms allow, forbid and require, a line a dimension, as the component `c-rights` takes it."""
    return [_shown(right) for right in rights_in(terms)]


def _shown(right: Right) -> dict[str, Any]:
    return {"text": formats.sentence(right), "kind": right.kind, "allowed": right.allowed}


# What a buyer compares first: these rows stand in every table.
_ALWAYS_COMPARED = ("commercial", "derivatives", "ai_training", "redistribution", "seats", "credit_required")


def compared(several: Sequence[Terms], *, every: bool = False) -> list[dict[str, Any]]:
    """This will set terms beside each other: the rows that everybody looks for, and all in which they differ.

    With `every` no row is left out. Each says whether the terms differ in it.
    """
    return [
        {
            "dimension": _(HEADINGS[row[0].dimension]),
            "cells": [_shown(right) for right in row],
            "differs": any(right != row[0] for right in row),
        }
        for row in zip(*(rights_in(terms) for terms in several), strict=True)
        if every or row[0].dimension in _ALWAYS_COMPARED or any(right != row[0] for right in row)
    ]


_COUNTS: Mapping[str, Sequence[tuple[str, Callable[[int], str]]]] = {
    "model": (
        ("triangles", lambda n: ngettext("%(count)s triangle", "%(count)s triangles", n)),
        ("joints", lambda n: ngettext("%(count)s joint", "%(count)s joints", n)),
        ("animations", lambda n: ngettext("%(count)s animation", "%(count)s animations", n)),
    ),
    "motion": (
        ("joints", lambda n: ngettext("%(count)s joint", "%(count)s joints", n)),
        ("frames", lambda n: ngettext("%(count)s frame", "%(count)s frames", n)),
    ),
    "card": (
        ("greetings", lambda n: ngettext("%(count)s greeting", "%(count)s greetings", n)),
        ("book_entries", lambda n: ngettext("%(count)s lore entry", "%(count)s lore entries", n)),
    ),
    "archive": (("count", lambda n: ngettext("%(count)s file", "%(count)s files", n)),),
}


def facts_text(facts: Mapping[str, Any]) -> str:
    """This will say in one line what inspection found in a file; nothing for a kind that has no words yet."""
    if facts.get("kind") == "picture":
        return f"{facts['width']} × {facts['height']} px"
    if facts.get("kind") == "prompts":
        count = ngettext("%(count)s prompt", "%(count)s prompts", facts["prompts"]) % {
            "count": formats.number_text(facts["prompts"])
        }
        return " · ".join([count, *facts.get("languages", [])])
    if facts.get("kind") == "weights":
        return " · ".join(_weights(facts))
    counted = [
        said(facts[name]) % {"count": formats.number_text(facts[name])}
        for name, said in _COUNTS.get(facts.get("kind", ""), ())
        if facts.get(name)
    ]
    return " · ".join(counted)


def _weights(facts: Mapping[str, Any]) -> list[str]:
    parts = [say(NETWORKS, facts.get("network") or _("Weights"))]
    if family := facts.get("base_family"):
        parts.append(say(BASE_MODELS, family))
    if ranks := facts.get("ranks"):
        parts.append(_("rank %(ranks)s") % {"ranks": ", ".join(str(rank) for rank in ranks[:4])})
    tensors = facts.get("tensors", 0)
    parts.append(ngettext("%(count)s tensor", "%(count)s tensors", tensors) % {"count": formats.number_text(tensors)})
    return parts
