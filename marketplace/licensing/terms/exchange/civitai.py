"""Civitai: the four flags of a model, alone or in the JSON that its API gives of the model, and written as such."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from marketplace.licensing.terms.exchange.base import Imported, Loss, Source, flag, loss, object_of, shown, unreadable
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import OPENRAIL_BANNED, READY
from marketplace.ui.words import gettext_noop as _

FORM = "civitai"
COMMERCIAL = ("None", "Image", "RentCivit", "Rent", "Sell")
FLAGS = ("allowNoCredit", "allowCommercialUse", "allowDerivatives", "allowDifferentLicense")
_SNAKE = {re.sub("(?<=[a-z])([A-Z])", r"_\1", name).lower(): name for name in FLAGS}
# A model carries the license of the one that it was trained from; Civitai names that in each version.
_NO_COMMERCE = re.compile(
    r"flux\.1 (?:d|kontext)|flux\.2 d|svd|stable cascade|sdxl turbo|sd 3|playground|kolors|hunyuan",
    re.IGNORECASE,
)
_RAIL = re.compile(
    r"sd 1\.[45]|sd 2\.[01]|sdxl (?:1\.0|lightning|hyper)|pony|illustrious|noobai",
    re.IGNORECASE,
)
_FREE = re.compile(r"flux\.1 s|chroma|auraflow|lumina|qwen|wan video|hidream|pixart", re.IGNORECASE)


def read(source: Source) -> Imported:
    """Return the terms of a model's flags; a missing flag allows nothing. Raise UnableToReadLicense."""
    said = object_of(source, FORM)
    if "items" in said:
        raise unreadable(FORM, _("This is a list of models; give one of them."))
    if not looks_so(said) and isinstance(said.get("model"), Mapping):
        said = {**said["model"], "modelVersions": [said]}
    if not looks_so(said):
        raise unreadable(FORM, _("None of Civitai's flags is in it, such as allowCommercialUse; give a model's JSON."))
    lost: list[Loss] = []
    flags = _flags(said, lost)
    terms = _terms(flags, lost)
    for base in sorted(_bases(said)):
        terms = _on(base, terms, lost)
    return Imported(terms, tuple(lost), "Civitai", FORM)


def looks_so(said: Mapping[str, Any]) -> bool:
    """Return whether an object has any of the flags."""
    return bool({*FLAGS, *_SNAKE} & set(said))


def _flags(said: Mapping[str, Any], lost: list[Loss]) -> dict[str, Any]:
    both = [name for name, camel in _SNAKE.items() if name in said and camel in said]
    if both:
        raise unreadable(FORM, _("“%(field)s” stands in it in two spellings; keep one."), field=both[0])
    said = {_SNAKE.get(name, name): value for name, value in said.items()}
    found: dict[str, Any] = {name: flag(said, name, FORM) for name in FLAGS if name != "allowCommercialUse"}
    found["allowCommercialUse"] = _commercial(said.get("allowCommercialUse"))
    about = {
        "allowNoCredit": "credit_required",
        "allowCommercialUse": "commercial",
        "allowDerivatives": "derivatives",
        "allowDifferentLicense": "share_alike",
    }
    for name in FLAGS:
        if found[name] is None:
            template = _("“%(field)s” is not said; what is not said is not allowed.")
            lost.append(loss(about[name], template, field=name))
    return found


def _commercial(value: Any) -> frozenset[str] | None:
    """Return the commercial uses that are allowed; older answers have one word, or a list as PostgreSQL writes it."""
    if value is None:
        return None
    if isinstance(value, str):
        value = [word.strip(' "') for word in value.strip("{}").split(",") if word.strip(' "')]
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise unreadable(FORM, _("“allowCommercialUse” must be a list of words."))
    if unknown := sorted(set(value) - set(COMMERCIAL)):
        template = _("“allowCommercialUse” must be of %(words)s, not “%(value)s”.")
        raise unreadable(FORM, template, words=", ".join(COMMERCIAL), value=shown(unknown[0]))
    if "None" in value and len(set(value)) > 1:
        raise unreadable(FORM, _("“allowCommercialUse” says “None” and something else; keep one of them."))
    return frozenset(value) - {"None"}


def _terms(flags: Mapping[str, Any], lost: list[Loss]) -> Terms:
    uses = flags["allowCommercialUse"] or frozenset()
    share = bool(flags["allowDerivatives"])
    if "RentCivit" in uses and "Rent" not in uses:
        template = _("Only Civitai's own service may run it, which terms cannot say; no such service may.")
        lost.append(loss("banned", template))
    for dimension in ("ai_training", "sublicense_depth", "transferable"):
        lost.append(loss(dimension, _("The flags do not speak of it; what is not said is not allowed.")))
    if not share:
        template = _("Merges may not be shared, and no other change is spoken of; none is allowed.")
        lost.append(loss("derivatives", template))
    return replace(
        READY["cc0-1.0"],
        name="civitai",
        commercial="full" if "Image" in uses else "none",
        derivatives="share" if share else "none",
        ai_training="none",
        redistribution="raw" if "Sell" in uses else "none",
        sublicense_depth=0,
        transferable=False,
        credit_required=not flags["allowNoCredit"],
        banned=frozenset() if "Rent" in uses else frozenset({"generation-services"}),
        share_alike=_label(flags, uses) if share and not flags["allowDifferentLicense"] else "",
    )


def _label(flags: Mapping[str, Any], uses: frozenset[str]) -> str:
    """Returns the name of the permissions that a merge must be shared with: these very flags."""
    words = ["Civitai", "NoCredit" if flags["allowNoCredit"] else "Credit", *(one for one in COMMERCIAL if one in uses)]
    return "LicenseRef-" + "-".join(words)


def _bases(said: Mapping[str, Any]) -> set[str]:
    """Return the base models of a model's versions."""
    versions = said.get("modelVersions", [])
    if not isinstance(versions, list):
        raise unreadable(FORM, _("“modelVersions” must be a list."))
    found = {one.get("baseModel") for one in [*versions, said] if isinstance(one, Mapping)}
    return {base for base in found if isinstance(base, str) and base}


def _on(base: str, terms: Terms, lost: list[Loss]) -> Terms:
    """Returns what is left under the license of the base model."""
    name = shown(base)
    if _NO_COMMERCE.match(base):
        lost.append(
            loss("commercial", _("Its base model %(base)s forbids commercial use, and so do these terms."), base=name)
        )
        return replace(terms, commercial="none")
    if _RAIL.match(base):
        template = _("Its base model %(base)s is under an OpenRAIL license; what that bans is banned here, too.")
        lost.append(loss("banned", template, base=name))
        return replace(terms, banned=terms.banned | OPENRAIL_BANNED)
    if _FREE.match(base):
        return terms
    template = _("The license of its base model %(base)s is not known here; each use must be approved for its sake.")
    lost.append(loss("approval_required", template, base=name))
    return replace(terms, approval_required=True)


def candidates(terms: Terms, subject: str) -> Iterator[str]:
    """Give flags, the ones nearest to the terms first."""
    sells = terms.commercial == "full"
    uses = [
        word
        for word, allowed in (
            ("Image", sells),
            ("RentCivit", sells and "generation-services" not in terms.banned),
            ("Rent", sells and "generation-services" not in terms.banned),
            ("Sell", sells and terms.redistribution == "raw"),
        )
        if allowed
    ]
    flags = {
        "allowNoCredit": not terms.credit_required,
        "allowCommercialUse": uses or ["None"],
        "allowDerivatives": terms.derivatives == "share",
        "allowDifferentLicense": not terms.share_alike,
    }
    yield json.dumps(flags, indent=2)
    yield json.dumps(flags | {"allowDerivatives": False}, indent=2)
