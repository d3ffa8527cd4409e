"""A checked recipe as a page shows it: what is wrong in the text, a card a layer, and what is missing together."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from marketplace.catalog.queries import with_covers
from marketplace.compositions.checking import Checked, CheckedLayer, CheckedRef, Missing, Remedy
from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.model import BOX, FULL, MASK, MILLION, REST, Layer, Region
from marketplace.compositions.notation.numbers import write_decimal
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.pricing import BILLED_LATER, BY_SEAT
from marketplace.licensing.words import change_text
from marketplace.storefront import pictures, words
from marketplace.storefront.duties import duty_lines
from marketplace.storefront.prices import cost_words
from marketplace.storefront.recipe_edits import mark_of, mend, remedied
from marketplace.ui.formats import Names, money_text, percent_text, sentence

VERDICTS: Names = {
    "own": gettext_lazy("Your own words"),
    "licensed": gettext_lazy("Licensed"),
    "offered": gettext_lazy("To be licensed"),
    "refused": gettext_lazy("Refused"),
}
REQUESTED = gettext_lazy("On request")
TONES = {"offered": "accent", "refused": "bad"}
ICONS = {"own": "file", "licensed": "check", "offered": "coins", "refused": "refused"}
"""Green is for what is verified alone, so a license that is held has none."""

REMEDIES: Names = {
    "offer": gettext_lazy("Another license of it"),
    "version": gettext_lazy("Another version of it"),
    "pack": gettext_lazy("Another pack"),
    "request": gettext_lazy("Less of it"),
}
APPLIES: Names = {
    "offer": gettext_lazy("Take this license"),
    "version": gettext_lazy("Use this version"),
    "pack": gettext_lazy("Use this pack"),
    "request": gettext_lazy("Ask for less"),
}
REGIONS: Names = {
    FULL: gettext_lazy("the whole picture"),
    REST: gettext_lazy("what the others leave"),
    BOX: gettext_lazy("a box"),
}
_PPB_OF_PPM = 1_000
_HUNDREDTH = 100_000


def answer(checked: Checked, text: str, masks: Mapping[str, str]) -> dict[str, Any]:
    """This will say all that a check found; two queries for pictures, whatever it found."""
    releases = {ref.release.pk: ref.release for ref in checked.refs if ref.release is not None}
    covers = {release.pk: release.covers for release in with_covers(releases.values())}  # type: ignore[attr-defined]
    shown, missing = _Shown(checked, text, masks, covers), [_missing(one) for one in checked.missing]
    return {
        "mark": mark_of(text),
        "is_readable": checked.recipe is not None,
        "summary": summary(checked),
        "findings": [shown.finding(one) for one in checked.findings],
        "layers": [shown.layer(one) for one in checked.layers],
        "clashes": [sentence(one) for one in checked.clashes],
        "fixes": [shown.remedy(one) for one in checked.fixes],
        "missing": missing,
        "totals": _totals(checked),
        "is_allowed": checked.allowed,
        "is_licensed": checked.licensed,
        "is_own": checked.allowed and not checked.refs,
        "is_requested": any(one["ask_href"] for one in missing),
        "duties": duty_lines(checked.duties) if checked.refs else [],
        "masks": _masks(checked, masks),
    }


def summary(checked: Checked) -> str:
    """This will say in a sentence or two how a recipe stands, as it is read out while somebody types."""
    if problems := len(checked.problems):
        said = ngettext("%(count)s problem.", "%(count)s problems.", problems) % {"count": problems}
        return said if checked.recipe is None else _with_layers(said, checked)
    if checked.licensed:
        return _with_layers(_("All is licensed."), checked)
    totals = " + ".join(_totals(checked)) or _("Free")
    count = len(checked.missing)
    said = ngettext("%(count)s license is missing: %(price)s.", "%(count)s licenses are missing: %(price)s.", count)
    return _with_layers(said % {"count": count, "price": totals}, checked)


def _totals(checked: Checked) -> list[str]:
    """Says what is paid at once; what is billed by use later on is not free."""
    totals = [money_text(minor, currency) for currency, minor in checked.prices]
    is_metered = any(one.offer.model == "metered" for one in checked.missing)
    return totals or ([_("nothing to pay now")] if is_metered else [])


def _with_layers(said: str, checked: Checked) -> str:
    count = len(checked.layers)
    layers = ngettext("%(count)s layer.", "%(count)s layers.", count) % {"count": count}
    return pgettext("two sentences", "%(one)s %(other)s") % {"one": said, "other": layers}


class _Shown:
    """What is needed to show the parts of one check."""

    def __init__(
        self, checked: Checked, text: str, masks: Mapping[str, str], covers: Mapping[Any, Sequence[Any]]
    ) -> None:
        self.checked, self.text, self.masks, self.covers = checked, text, masks, covers

    def finding(self, one: Finding) -> dict[str, Any]:
        return {
            "line": one.line,
            "column": one.column,
            "length": one.length,
            "code": one.code,
            "text": sentence(one),
            "suggestion": one.suggestion,
            "apply": mend(self.text, one),
        }

    def layer(self, one: CheckedLayer) -> dict[str, Any]:
        is_requested = one.verdict == "offered" and any(ref.needs_quote for ref in one.refs)
        return {
            "label": _("Style") if one.layer is self._style else one.layer.label,
            "prompt": one.layer.prompt,
            "region": region_words(one.layer.region),
            "area": percent_text(one.area_ppm * _PPB_OF_PPM),
            "share": _rounded(one.share_ppb) if one.refs else "",
            "options": [f"{name} {write_decimal(value)}" for name, value in one.layer.options],
            "at": one.layer.at,
            "refs": [self.ref(ref) for ref in one.refs],
            **verdict(one.verdict, is_requested),
        }

    @property
    def _style(self) -> Layer | None:
        return self.checked.recipe.style if self.checked.recipe else None

    def ref(self, one: CheckedRef) -> dict[str, Any]:
        resolved, release = one.resolved, one.release
        at = resolved.ref.at
        said = {
            "name": resolved.name,
            "release": release,
            "element": resolved.element,
            "is_service": resolved.is_service,
            "share": _rounded(one.share_ppb),
            "weight": write_decimal(resolved.weight_ppm) if resolved.weight_ppm != MILLION else "",
            "at": at,
            "reasons": [sentence(reason) for reason in one.reasons],
            "findings": [sentence(found) for found in one.findings],
            "fixes": [self.remedy(fix) for fix in one.fixes],
            "grant": one.grant,
            "terms": _terms(one.grant or one.offer),
            "price": cost_of(one) if one.verdict == "offered" else None,
            **verdict(one.verdict, one.needs_quote),
        }
        if release is not None:
            said["href"] = pack_address(release.pack) + f"?version={release.version}"
            cover = self.covers.get(release.pk, ())
            said["cover"] = pictures.shown(cover[0].asset.previews.all() if cover else [])
        return said

    def remedy(self, one: Remedy) -> dict[str, Any]:
        changes = one.narrowed.changes if one.narrowed else ()
        lines = [sentence(change.words) for change in changes]
        lines += list(dict.fromkeys(change_text(swap.words) for swap in one.swaps))
        offered = any(swap.offer for swap in one.swaps)
        price = " + ".join(money_text(minor, currency) for currency, minor in one.prices)
        return {
            "kind": one.kind,
            "title": words.say(REMEDIES, one.kind),
            "does": words.say(APPLIES, one.kind),
            "lines": lines,
            "price": price or (_("Free") if offered else ""),
            "apply": remedied(self.text, self.checked, one),
        }


def _rounded(share_ppb: int) -> str:
    """Writes a share to the hundredth of a percent: the lock has it exactly, and a card has little room."""
    return percent_text((share_ppb + _HUNDREDTH // 2) // _HUNDREDTH * _HUNDREDTH)


def _terms(of: Grant | Offer | None) -> str:
    return words.say(words.TERMS, of.terms.name) if of is not None else ""


def verdict(code: str, needs_quote: bool = False) -> dict[str, str]:
    """This will say a verdict as a badge."""
    is_requested = needs_quote and code == "offered"
    text = str(REQUESTED) if is_requested else words.say(VERDICTS, code)
    return {"verdict": code, "verdict_text": text, "tone": TONES.get(code, ""), "icon": ICONS[code]}


def region_words(region: Region | None) -> str:
    """This will say where a layer is painted."""
    if region is None or region.kind not in (BOX, MASK):
        return words.say(REGIONS, region.kind if region else FULL)
    if region.kind == MASK:
        return _("where %(mask)s is white") % {"mask": region.mask}
    box = " ".join(percent_text(edge * _PPB_OF_PPM) for edge in region.box_ppm or ())
    return f"{REGIONS[BOX]} {box}"


def cost_of(one: CheckedRef | Missing) -> dict[str, str]:
    """This will say what a license to be bought costs: its price, and what that is for."""
    offer, priced = one.offer, one.priced
    assert offer is not None
    if one.needs_quote:
        text, note = cost_words(offer)
        return {"text": text, "note": note}
    text, note = cost_words(offer)
    if priced is not None and offer.model not in BILLED_LATER and priced.price_minor:
        text = money_text(priced.price_minor, offer.currency)
    if offer.model in BY_SEAT and one.seats:
        note = ngettext("for %(count)s seat", "for %(count)s seats", one.seats) % {"count": one.seats}
        if offer.model != "per-seat":
            note = f"{note} · {_('a month') if offer.model == 'monthly' else _('a year')}"
    return {"text": text, "note": note}


def _missing(one: Missing) -> dict[str, Any]:
    release = one.offer.release
    return {
        "release": release,
        "href": pack_address(release.pack),
        "terms": _terms(one.offer),
        "layers": [_("Style") if label == "style" else label for label in one.layers],
        "ask_href": f"{reverse('quote-ask')}?offer={one.offer.pk}" if one.needs_quote else "",
        **cost_of(one),
    }


def _masks(checked: Checked, masks: Mapping[str, str]) -> list[dict[str, Any]]:
    """Lists the masks that the recipe names, each once, with what is known of them."""
    found: dict[str, dict[str, Any]] = {}
    unknown = {finding.values.get("mask") for finding in checked.findings if finding.code == "unknown-mask"}
    for one in checked.layers:
        region = one.layer.region
        if region is not None and region.kind == MASK and region.mask not in found:
            is_here = region.mask in masks and region.mask not in unknown
            area = percent_text(one.area_ppm * _PPB_OF_PPM) if is_here else ""
            found[region.mask] = {"name": region.mask, "sha256": masks.get(region.mask, ""), "area": area}
    return list(found.values())


def pack_address(pack: Any) -> str:
    """This will give the address of a pack's page."""
    return reverse("pack", args=[pack.creator.handle, pack.handle])
