"""What a composition is made of, for its page, and which ones would license a recipe for less, for the recipe's."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from marketplace.catalog.models import Release
from marketplace.catalog.rules import COMPOSITION
from marketplace.compositions.compositions import facts_of
from marketplace.compositions.wholes import Whole
from marketplace.storefront import words
from marketplace.ui.formats import money_text, sentence
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

POLICIES = {
    "weight-area": _("by the weight and the area of each layer"),
    "equal": _("in equal parts"),
    "negotiated": _("as was agreed on"),
}


def composition_of(release: Release) -> dict[str, Any] | None:
    """This will say what a composition is made of; None for any other pack. Two queries."""
    if release.pack.kind != COMPOSITION:
        return None
    facts = facts_of([release]).get(release.pk)
    if facts is None:
        return None
    digests = {row["release"] for row in facts["packs"]}
    rows = Release.objects.filter(digest__in=digests).select_related("pack__creator").defer("manifest", "summary")
    releases = {row.digest: row for row in rows}
    fees = {row["release"]: money_text(row["amount_minor"], facts["currency"]) for row in facts["fees"]}
    return {
        "policy": sentence(Words(POLICIES[facts["policy"]])),
        "layers": [
            {
                "layer": row["layer"],
                "release": releases[row["release"]],
                "element": row["element"],
                "share": words.percent_text(row["share_ppb"]),
                "fee": fees.get(row["release"], ""),
            }
            for row in facts["packs"]
        ],
        "has_fees": bool(fees),
        "unit": facts["unit"],
    }


def whole_rows(wholes: Iterable[Whole]) -> list[dict[str, Any]]:
    """This will show compositions that cost less than the licenses that they take the place of."""
    return [
        {
            "release": one.release,
            "href": reverse("pack", args=[one.release.pack.creator.handle, one.release.pack.handle])
            + f"?version={one.release.version}&offer={one.offer}",
            "price": money_text(one.price_minor, one.currency),
            "instead": money_text(one.instead_minor, one.currency),
            "layers": one.layers,
        }
        for one in wholes
    ]
