"""Turning recipes, what is said of them, their quotes and their locks into the shapes of `recipe_shapes.py`."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.api import order_answers, terms_answers
from marketplace.api.answers import Shape, Site
from marketplace.checkout import queries as orders
from marketplace.checkout.recipe_quote_queries import LineNow, QuoteNow, told
from marketplace.checkout.recipe_quotes import BoughtRecipe
from marketplace.compositions import queries as compositions
from marketplace.compositions.checking import Checked, CheckedLayer, CheckedRef, Missing, Remedy, Swap
from marketplace.compositions.completing import Completion
from marketplace.compositions.exports.forms import FORMS, UnableToExport, export
from marketplace.compositions.lockfile import Lock, LockedLayer, LockedRef, read_lock
from marketplace.compositions.models import Recipe, RecipeLock, RecipeMask, RecipeShare
from marketplace.compositions.notation.document import to_document
from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.model import Place, Ref
from marketplace.licensing import queries as licensing
from marketplace.licensing.terms.asking import Refusal
from marketplace.ui.formats import sentence


def finding(found: Finding) -> Shape:
    """This will show one thing that is wrong in a recipe, with its place."""
    return {
        "line": found.line,
        "column": found.column,
        "length": found.length,
        "code": found.code,
        "message": sentence(found.words),
        "suggestion": found.suggestion,
    }


def amounts(found: Iterable[tuple[str, int]]) -> list[Shape]:
    """This will write amounts by currency."""
    return [{"amount_minor": amount, "currency": currency} for currency, amount in found]


def checked(found: Checked, text: str) -> Shape:
    """This will say layer by layer whether a recipe may be used, what that costs, and what would help.

    `text` is what the places are in.
    """
    return {
        "readable": found.recipe is not None,
        "allowed": found.recipe is not None and found.allowed,
        "licensed": found.recipe is not None and found.licensed,
        "findings": [finding(one) for one in found.findings],
        "layers": [_layer(one) for one in found.layers],
        "missing": [_missing(one) for one in found.missing],
        "prices": amounts(found.prices),
        "clashes": [terms_answers.refusal(one) for one in found.clashes],
        "fixes": [_remedy(one) for one in found.fixes],
        "duties": terms_answers.duties(found.duties),
        "base_model": found.base_model,
        "text": text,
        "recipe": to_document(found.recipe) if found.recipe is not None else None,
    }


def _layer(found: CheckedLayer) -> Shape:
    return {
        "label": found.layer.label,
        "prompt": found.layer.prompt,
        "verdict": found.verdict,
        "area_ppm": found.area_ppm,
        "share_ppb": found.share_ppb,
        "packs": [_ref(one) for one in found.refs],
    }


def written(ref: Ref) -> str:
    """This will write a ref as a recipe has it, without its weight."""
    return "@" + "/".join(ref.path) + (f":{ref.version}" if ref.version else "")


def _place(at: Place | None) -> Shape | None:
    return {"line": at.line, "column": at.column, "length": at.length} if at else None


def _ref(found: CheckedRef) -> Shape:
    one, offer, priced = found.resolved, found.offer, found.priced
    of = offer or (found.grant.offer if found.grant else None)
    return {
        "written": written(one.ref),
        "at": _place(one.ref.at),
        "pack": str(one.release.pack) if one.release else None,
        "version": one.release.version if one.release else None,
        "release": one.release.digest if one.release else None,
        "element": one.element.name if one.element else None,
        "weight_ppm": one.weight_ppm,
        "share_ppb": found.share_ppb,
        "verdict": found.verdict,
        "grant": found.grant.pk if found.grant else None,
        "offer": offer.pk if offer else None,
        "terms": of.terms.name if of else None,
        "model": of.model if of else None,
        "unit": of.unit if of else "",
        "seats": found.seats,
        "price_minor": priced.price_minor if priced else None,
        "unit_minor": priced.unit_minor if priced else None,
        "currency": offer.currency if offer else None,
        "needs_quote": found.needs_quote,
        "explained": [sentence(words) for words in priced.lines] if priced else [],
        "reasons": [_reason(reason) for reason in found.reasons],
        "fixes": [_remedy(fix) for fix in found.fixes],
    }


def _reason(found: Any) -> Shape:
    reason: Refusal = found
    return terms_answers.refusal(reason)


def _missing(found: Missing) -> Shape:
    release = found.offer.release
    return {
        "offer": found.offer.pk,
        "pack": str(release.pack),
        "version": release.version,
        "terms": found.offer.terms.name,
        "layers": list(found.layers),
        "seats": found.seats,
        "price_minor": found.priced.price_minor if found.priced else None,
        "currency": found.offer.currency,
        "needs_quote": found.needs_quote,
    }


def _remedy(found: Remedy) -> Shape:
    changes = found.narrowed.changes if found.narrowed else ()
    return {
        "kind": found.kind,
        "swaps": [_swap(one) for one in found.swaps],
        "narrowed": [{"dimension": one.dimension, "message": sentence(one.words)} for one in changes],
        "prices": amounts(found.prices),
        "use": terms_answers.use(found.use),
        "is_smallest": found.is_smallest,
    }


def _swap(found: Swap) -> Shape:
    return {
        "layer": found.layer,
        "pack": found.pack,
        "offer": found.offer.pk if found.offer else None,
        "price_minor": found.price_minor,
        "currency": found.currency,
        "message": sentence(found.words),
    }


def quote(found: QuoteNow, site: Site) -> Shape:
    """This will show a quote, each price beside what it is now."""
    row = found.quote
    return {
        "id": row.pk,
        "state": found.state,
        "quoted_at": row.quoted_at,
        "expires_at": row.expires_at,
        "text": row.text,
        "use": row.use,
        "project": row.project_id,
        "saved": row.recipe_id,
        "lines": [_quote_line(one) for one in found.lines],
        "totals": amounts(found.totals),
        "needs_payment": found.needs_method,
        "orders": [one.pk for one in found.orders],
        "url": site(reverse("api-recipe-quote", args=[row.pk])),
    }


def _quote_line(found: LineNow) -> Shape:
    row, release = found.line, found.line.offer.release
    return {
        "offer": row.offer_id,
        "pack": str(release.pack),
        "version": release.version,
        "terms": row.offer.terms.name,
        "layers": row.layers,
        "seats": row.seats,
        "price_minor": row.price_minor,
        "now_minor": found.price_minor,
        "unit_minor": found.unit_minor,
        "unit_now_minor": found.unit_now_minor,
        "currency": row.currency,
        "state": found.state,
        "message": "" if found.state in ("same", "bought") else told(found),
        "explained": [sentence(words) for words in found.explained],
    }


def bought(found: BoughtRecipe, now: datetime, site: Site) -> Shape:
    """This will show what came of a quote: orders, licenses and the lock."""
    return {
        "quote": found.quote.pk,
        "orders": [
            order_answers.order(one, orders.status_of(one), licensing.grants_from(orders.sources_of(one)), site)
            for one in found.orders
        ],
        "lock": lock(found.lock, now, site),
        "url": site(reverse("api-recipe-lock", args=[found.lock.digest])),
    }


def lock_row(row: RecipeLock, site: Site) -> Shape:
    """This will show a lock in a list."""
    return {
        "digest": row.digest,
        "title": row.title,
        "locked_at": row.locked_at,
        "project": row.project_id,
        "saved": row.recipe_id,
        "url": site(reverse("api-recipe-lock", args=[row.digest])),
    }


def lock(row: RecipeLock, now: datetime, site: Site) -> Shape:
    """This will show a lock with everything that is fixed in it."""
    document = bytes(row.document)
    found = read_lock(document)
    return {
        **lock_row(row, site),
        "runnable": compositions.is_runnable(found, now=now),
        "packs": [_locked(layer, ref) for layer in found.painted for ref in layer.refs],
        "document": json.loads(document),
        "exports": site(reverse("api-recipe-exports", args=[row.digest])),
        "kit": site(reverse("api-recipe-kit", args=[row.digest])),
    }


def _locked(layer: LockedLayer, ref: LockedRef) -> Shape:
    return {
        "layer": layer.label,
        "pack": ref.pack,
        "version": ref.version,
        "release": ref.release,
        "element": ref.element,
        "weight_ppm": ref.weight_ppm,
        "share_ppb": ref.share_ppb,
        "grant": ref.grant or None,
        "offer": ref.offer or None,
        "files": [file.name for file in ref.files],
    }


def exports(found: Lock, site: Site) -> Shape:
    """This will list the forms of a lock, with what each of them loses."""
    return {"data": [_export(found, name, site) for name in FORMS]}


def _export(found: Lock, name: str, site: Site) -> Shape:
    form = FORMS[name]
    shape = {
        "form": name,
        "label": _(form.label),
        "media_type": form.media_type,
        "fidelity": form.fidelity,
        "lost": [sentence(words) for words in form.lost],
        "notes": [],
        "refused": "",
        "url": site(reverse("api-recipe-export", args=[found.digest, name])),
    }
    try:
        made = export(found, name, site=settings.SITE_URL)
    except UnableToExport as error:
        return shape | {"refused": sentence(error.words)}
    # What a form loses of every recipe is told with what it loses of this one.
    lost = dict.fromkeys([*shape["lost"], *(sentence(words) for words in made.lost)])
    return shape | {
        "fidelity": made.fidelity,
        "lost": list(lost),
        "notes": [sentence(words) for words in made.notes],
    }


def saved(row: Recipe, site: Site) -> Shape:
    """This will show a recipe that is kept, with its newest text."""
    newest = row.newest  # type: ignore[attr-defined]
    token = getattr(getattr(row, "share", None), "token", None)
    return {
        "id": row.pk,
        "title": newest.title,
        "text": newest.text,
        "number": newest.number,
        "written_at": newest.written_at,
        "created_at": row.created_at,
        "forked_from": row.forked_from_id,
        "share_token": token,
        "share_url": site(reverse("api-recipe-shared", args=[token])) if token else None,
        "url": site(reverse("api-recipe", args=[row.pk])),
    }


def shared(found: RecipeShare) -> Shape:
    """This will show a recipe to whoever has its token."""
    newest = found.recipe.newest  # type: ignore[attr-defined]
    return {
        "title": newest.title,
        "text": newest.text,
        "shared_by": found.shared_by.display_name,
        "shared_at": found.shared_at,
    }


def mask(row: RecipeMask) -> Shape:
    """This will show a mask that was added."""
    return {"sha256": row.sha256, "width": row.width, "height": row.height, "area_ppm": row.area_ppm}


def completions(found: Iterable[Completion]) -> Shape:
    """This will list what a ref may become."""
    return {
        "data": [
            {"ref": f"@{one.ref}", "pack": one.pack, "title": one.title, "kind": one.kind, "creator": one.creator}
            for one in found
        ]
    }
