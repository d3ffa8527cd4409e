"""Turning what files of other tools name into the shapes of `import_shapes.py`."""

from typing import Any

from django.urls import reverse

from marketplace.api import recipe_answers, usage_answers
from marketplace.api.answers import Shape, Site
from marketplace.catalog.models import Release
from marketplace.compositions.importing.counting import Counted
from marketplace.compositions.importing.matching import Found, Guess
from marketplace.compositions.importing.queries import Imported, Owed
from marketplace.ui.formats import sentence


def imported(found: Imported, site: Site) -> Shape:
    """This will say which packs a file names, and what may be done with them."""
    claims, stated = found.claims, found.claims.stated
    owed = {one.release.pk: one for one in (*found.beside, *found.owed)}
    return {
        "container": claims.container,
        "sha256": claims.sha256,
        "recipe": claims.recipe,
        "site": stated.site if stated else "",
        "is_elsewhere": found.is_elsewhere,
        "lock": site(reverse("api-recipe-lock", args=[found.lock.digest])) if found.lock else None,
        "packs": [_pack(release, found, owed.get(release.pk)) for release in found.matched.releases],
        "guesses": [_guess(one) for one in found.matched.guesses],
        "unclear": [_guess(one) for one in found.matched.unclear],
        "unknown": list(found.matched.unknown),
        "contradictions": [sentence(one) for one in found.matched.contradictions],
        "owed": recipe_answers.amounts(found.totals),
        "counted": usage_answers.use(found.counted) if found.counted else None,
        "checked": recipe_answers.checked(found.checked, found.text) if found.checked else None,
    }


def _pack(release: Release, found: Imported, owed: Owed | None) -> Shape:
    money: dict[str, Any] = {"grant": None, "offer": None, "unit": "", "unit_minor": None, "so_far": 0}
    money |= {"price_minor": None, "currency": "", "verdict": None}
    if owed is not None:
        money |= {name: getattr(owed, name) for name in money if name not in ("grant", "offer")}
        money["grant"] = owed.grant.pk if owed.grant else None
        money["offer"] = owed.offer.pk if owed.offer else None
    return {
        "pack": str(release.pack),
        "version": release.version,
        "release": release.digest,
        "creator": release.pack.creator.handle,
        "mentions": [_mention(one, found) for one in found.matched.found if one.release.pk == release.pk],
        **money,
    }


def _mention(one: Found, found: Imported) -> Shape:
    layers = found.claims.workflow.layers
    label = (layers[one.layer].label or f"layer{one.layer + 1}") if 0 <= one.layer < len(layers) else ""
    return {"name": one.name, "evidence": one.evidence, "layer": label, "weight_ppm": one.weight_ppm}


def _guess(one: Guess) -> Shape:
    return {"name": one.name, "releases": [str(release) for release in one.releases]}


def counted(told: Counted) -> Shape:
    """This will say as which use a picture counts."""
    return {"is_new": told.is_new, "use": usage_answers.use(told.use)}
