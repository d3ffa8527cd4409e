"""What the pages of locks show: layers in paint order, what each pack is painted under, exports, and the proof."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from marketplace.catalog.models import Release
from marketplace.compositions.exports.forms import FORMS, UnableToExport, export
from marketplace.compositions.lockfile import Lock, LockedLayer, LockedRef
from marketplace.compositions.models import LockedPack, RecipeLock
from marketplace.licensing.models import TermsText
from marketplace.licensing.pricing import PERIODS
from marketplace.storefront import provenance, queries, words
from marketplace.ui.formats import Names, money_text, percent_text, sentence

PACKS_SHOWN = 4
FIDELITIES: Names = {
    "exact": gettext_lazy("Exact"),
    "approximate": gettext_lazy("Approximate"),
    "metadata": gettext_lazy("Metadata only"),
}
POLICIES: Names = {
    "weight-area": gettext_lazy("By weight and area"),
    "weight": gettext_lazy("By weight"),
    "equal": gettext_lazy("In equal parts"),
    "negotiated": gettext_lazy("As negotiated"),
}
RUN_STATES: Names = {
    "running": gettext_lazy("Under way"),
    "made": pgettext_lazy("a picture", "Made"),
    "failed": gettext_lazy("Failed"),
}
Row = dict[str, Any]


def layer_rows(row: RecipeLock, lock: Lock, missing: Iterable[tuple[str, str]]) -> list[Row]:
    """This will show the layers of a lock in paint order, each with its packs; `missing` have no license that holds."""
    packs: Sequence[LockedPack] = list(row.packs.all())
    lacking = set(missing)
    releases = (
        Release.objects.select_related("pack__creator").defer("manifest").in_bulk({one.release_id for one in packs})
    )
    names = dict(TermsText.objects.filter(pk__in={ref.terms for ref in lock.refs}).values_list("digest", "name"))
    found = iter(packs)
    return [
        {
            "layer": layer,
            "region": region_text(layer),
            "area": percent_text(layer.area_ppm * 1000),
            "share": percent_text(sum(ref.share_ppb for ref in layer.refs)),
            "packs": [
                _pack(layer, ref, pack, releases[pack.release_id], names, lacking)
                for ref, pack in zip(layer.refs, found, strict=False)
            ],
        }
        for layer in lock.painted
    ]


def _pack(
    layer: LockedLayer,
    ref: LockedRef,
    pack: LockedPack,
    release: Release,
    names: Mapping[str, str],
    lacking: set[tuple[str, str]],
) -> Row:
    return {
        "ref": ref,
        "release": release,
        "grant": pack.grant_id,
        "is_lacking": (layer.label, f"{ref.pack}@{ref.version}") in lacking,
        "terms": words.say(words.TERMS, names.get(ref.terms, "")),
        "weight": percent_text(ref.weight_ppm * 1000),
        "share": percent_text(ref.share_ppb),
        "price": price_text(ref),
        "files": len(ref.files),
    }


def price_text(ref: LockedRef) -> str:
    """This will say what a pack costs under its lock: each unit of it, a seat, a period, or once."""
    amount = money_text(ref.price_minor, ref.currency) if ref.currency else ""
    if ref.model == "metered":
        return _("%(price)s for each %(unit)s") % {"price": amount, "unit": ref.unit}
    if ref.model == "revenue-share":
        return _("A share of the revenue, billed as it is reported")
    if not ref.price_minor:
        return _("Free")
    if ref.model in PERIODS:
        template = _("%(price)s a month") if ref.model == "monthly" else _("%(price)s a year")
        return template % {"price": amount}
    return _("%(price)s once") % {"price": amount}


def region_text(layer: LockedLayer) -> str:
    """This will say where a layer is painted."""
    if layer.region == "box" and layer.box_ppm is not None:
        left, top, right, bottom = (percent_text(edge * 1000) for edge in layer.box_ppm)
        return _("From %(left)s, %(top)s to %(right)s, %(bottom)s") % {
            "left": left, "top": top, "right": right, "bottom": bottom,
        }  # fmt: skip
    if layer.region == "mask":
        return _("Where the mask “%(mask)s” is white") % {"mask": layer.mask}
    if layer.region == "rest":
        return _("What the others leave")
    return _("The whole picture")


def export_rows(lock: Lock) -> list[Row]:
    """This will list the forms that a lock can be taken away in, how faithful each is, and what it loses."""
    return [_export(lock, name) for name in FORMS]


def _export(lock: Lock, name: str) -> Row:
    form = FORMS[name]
    shown = {"name": name, "label": _(form.label), "about": _(form.about), "notes": [], "refused": ""}
    lost = [sentence(text) for text in form.lost]
    fidelity = form.fidelity
    try:
        made = export(lock, name, site=settings.SITE_URL)
    except UnableToExport as error:
        shown["refused"] = sentence(error.words)
    else:
        fidelity = made.fidelity
        lost += [sentence(text) for text in made.lost]
        shown["notes"] = [sentence(text) for text in made.notes]
    return shown | {
        "fidelity": words.say(FIDELITIES, fidelity),
        "is_exact": fidelity == "exact",
        "lost": list(dict.fromkeys(lost)),
    }


def steps_of(row: RecipeLock, log_address: str) -> list[provenance.Step]:
    """This will show the way of a lock: locked, sealed into the log, anchored."""
    locked: provenance.Step = {"title": _("Recipe locked"), "at": row.locked_at, "hash": row.digest}
    entry = queries.entry_about("recipe", f"recipe:{row.digest}")
    return [locked, *provenance.seal_steps(queries.standing(entry) if entry else None, log_address)]


def list_rows(locks: Sequence[RecipeLock]) -> list[Row]:
    """This will show locks in a list, each with the first packs that paint it; one query."""
    packs: dict[str, dict[str, Release]] = {row.digest: {} for row in locks}
    found = LockedPack.objects.filter(lock__in=list(locks)).select_related("release__pack__creator")
    for one in found.defer("release__manifest").order_by("lock", "position"):
        packs[one.lock_id].setdefault(str(one.release), one.release)
    return [
        {
            "lock": row,
            "packs": list(packs[row.digest].values())[:PACKS_SHOWN],
            "more": max(len(packs[row.digest]) - PACKS_SHOWN, 0),
        }
        for row in locks
    ]
