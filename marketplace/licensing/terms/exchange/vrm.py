"""VRM: the license in a character's meta, 0.x and 1.0, read from a file or its JSON, and written as 1.0."""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from marketplace.licensing.terms.exchange import cc
from marketplace.licensing.terms.exchange.base import (
    SIZE_LIMIT_BYTES,
    Imported,
    Loss,
    Source,
    flag,
    loss,
    object_of,
    shown,
    unreadable,
)
from marketplace.licensing.terms.model import NOTHING, UNLIMITED_SEATS, Terms
from marketplace.licensing.terms.ready import READY
from marketplace.ui.words import gettext_noop as _

FORM = "vrm"
LICENSE_1 = "https://vrm.dev/licenses/1.0/"
_GLTF, _JSON_CHUNK = b"glTF", b"JSON"
# Each field's values, and what they are in our terms; the first is what a missing field stands for.
COMMERCIAL_1 = {"personalNonProfit": "none", "personalProfit": "personal", "corporation": "full"}
MODIFICATION_1 = {
    "prohibited": "none",
    "allowModification": "private",
    "allowModificationRedistribution": "share",
}
PERSONS_1 = ("onlyAuthor", "onlySeparatelyLicensedPerson", "everyone")
CREDIT_1 = {"required": True, "unnecessary": False}
BANNED_1 = {
    "allowExcessivelyViolentUsage": "violent",
    "allowExcessivelySexualUsage": "sexual",
    "allowPoliticalOrReligiousUsage": "political-religious",
    "allowAntisocialOrHateUsage": "antisocial-hate",
}
_PERSONS_0 = {"OnlyAuthor": PERSONS_1[0], "ExplicitlyLicensedPerson": PERSONS_1[1], "Everyone": PERSONS_1[2]}
_ALLOWED_0 = {"Disallow": False, "Allow": True}
# VRM 0.x names no versions; a license that it names is taken as that of version 4.0, and forbids changes as the older.
_LICENSES_0 = {
    "Redistribution_Prohibited": None,
    "CC0": cc.License("zero", "1.0"),
    "CC_BY": cc.License("by", "4.0"),
    "CC_BY_NC": cc.License("by-nc", "4.0"),
    "CC_BY_SA": cc.License("by-sa", "4.0"),
    "CC_BY_NC_SA": cc.License("by-nc-sa", "4.0"),
    "CC_BY_ND": cc.License("by-nd", "3.0"),
    "CC_BY_NC_ND": cc.License("by-nc-nd", "3.0"),
    "Other": None,
}
_META_0, _META_1 = ("allowedUserName", "licenseName", "commercialUssageName"), ("avatarPermission", "licenseUrl")


def read(source: Source) -> Imported:
    """Return the terms of a VRM's license: from a `.vrm` file, its JSON, its meta; raise UnableToReadLicense."""
    if isinstance(source, bytes) and source.startswith(_GLTF):
        source = _json_of(source)
    said = object_of(source, FORM)
    meta, version = _meta(said)
    return _read_0(meta) if version == 0 else _read_1(meta)


def looks_so(said: Mapping[str, Any]) -> bool:
    """Return whether an object is a VRM, or the meta of one."""
    extensions = said.get("extensions")
    inside = isinstance(extensions, Mapping) and bool({"VRM", "VRMC_vrm"} & set(extensions))
    return inside or bool({*_META_0, *_META_1} & set(said)) or isinstance(said.get("meta"), Mapping)


def _json_of(file: bytes) -> bytes:
    """Return the JSON of a binary glTF; raise UnableToReadLicense where the file does not hold what it says."""
    length = struct.unpack_from("<I", file, 12)[0] if len(file) >= 20 and file[16:20] == _JSON_CHUNK else 0
    if not 0 < length <= min(len(file) - 20, SIZE_LIMIT_BYTES):
        raise unreadable(FORM, _("The file is no whole binary glTF; export the model again."))
    return file[20 : 20 + length]


def _meta(said: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    extensions = said.get("extensions")
    if isinstance(extensions, Mapping):
        found = [name for name in ("VRM", "VRMC_vrm") if name in extensions]
        if len(found) > 1:
            raise unreadable(FORM, _("The model is both VRM 0.x and VRM 1.0; save it as one of them."))
        said = extensions[found[0]] if found else {}
    if isinstance(said, Mapping) and isinstance(said.get("meta"), Mapping):
        said = said["meta"]
    if not isinstance(said, Mapping) or not {*_META_0, *_META_1, *BANNED_1} & set(said):
        raise unreadable(FORM, _("There is no license of VRM in it: it has neither avatarPermission nor licenseName."))
    old, new = set(_META_0) & set(said), ({*_META_1, *BANNED_1}) & set(said)
    if old and new:
        template = _("The license mixes fields of VRM 0.x (%(old)s) and VRM 1.0 (%(new)s); keep one version.")
        raise unreadable(FORM, template, old=min(old), new=min(new))
    return said, 0 if old else 1


def _choice(meta: Mapping[str, Any], field: str, words: tuple[Any, ...], lost: list[Loss], about: str) -> Any:
    """Return a field's value; one that is missing is the first of the words, which allows the least."""
    value = meta.get(field)
    if value is None:
        lost.append(loss(about, _("“%(field)s” is not said; what is not said is not allowed."), field=field))
        return words[0]
    if not isinstance(value, str) or value not in words:
        template = _("“%(field)s” must be one of %(words)s, not “%(value)s”.")
        raise unreadable(FORM, template, field=field, words=", ".join(words), value=shown(value))
    return value


def _read_1(meta: Mapping[str, Any]) -> Imported:
    lost: list[Loss] = []
    banned = set()
    for field, word in BANNED_1.items():
        if not flag(meta, field, FORM):
            banned.add(word)
            if field not in meta:
                lost.append(loss("banned", _("“%(field)s” is not said; what is not said is not allowed."), field=field))
    passed_on = flag(meta, "allowRedistribution", FORM)
    if passed_on is None:
        template = _("“%(field)s” is not said; what is not said is not allowed.")
        lost.append(loss("redistribution", template, field="allowRedistribution"))
    terms = replace(
        _anybody("vrm-1.0"),
        commercial=COMMERCIAL_1[_choice(meta, "commercialUsage", tuple(COMMERCIAL_1), lost, "commercial")],
        derivatives=MODIFICATION_1[_choice(meta, "modification", tuple(MODIFICATION_1), lost, "derivatives")],
        redistribution="raw" if passed_on else "none",
        credit_required=CREDIT_1[_choice(meta, "creditNotation", tuple(CREDIT_1), lost, "credit_required")],
        banned=frozenset(banned),
    )
    terms = _for(_choice(meta, "avatarPermission", PERSONS_1, lost, "territory"), terms, lost)
    address = _text(meta, "licenseUrl")
    elsewhere = [] if address.rstrip("/") == LICENSE_1.rstrip("/") else [address or "licenseUrl"]
    elsewhere += [_text(meta, field) for field in ("otherLicenseUrl", "thirdPartyLicenses")]
    return _asked(terms, [one for one in elsewhere if one], lost, "VRM 1.0")


def _read_0(meta: Mapping[str, Any]) -> Imported:
    lost: list[Loss] = []
    name = _choice(meta, "licenseName", tuple(_LICENSES_0), lost, "derivatives")
    license = _LICENSES_0[name]
    terms = replace(cc.terms_of(license), name="vrm-0", ai_training="none") if license else _anybody("vrm-0")
    terms = replace(terms, transferable=False, sublicense_depth=0)
    if not license:
        lost.append(loss("derivatives", _("It says nothing of changes; what is not said is not allowed.")))
    words = tuple(_ALLOWED_0)
    if not _ALLOWED_0[_choice(meta, "commercialUssageName", words, lost, "commercial")]:
        terms = replace(terms, commercial="none")
    elif not license:
        terms = replace(terms, commercial="full")
    banned = {"political-religious", "antisocial-hate"}
    lost.append(loss("banned", _("VRM 0.x does not speak of politics, religion and hate; they are not allowed.")))
    for field, word in (("violentUssageName", "violent"), ("sexualUssageName", "sexual")):
        if not _ALLOWED_0[_choice(meta, field, words, lost, "banned")]:
            banned.add(word)
    terms = replace(terms, banned=frozenset(banned))
    terms = _for(_PERSONS_0[_choice(meta, "allowedUserName", tuple(_PERSONS_0), lost, "territory")], terms, lost)
    elsewhere = [_text(meta, "otherPermissionUrl"), _text(meta, "otherLicenseUrl") if name == "Other" else ""]
    if name == "Other" and not elsewhere[1]:
        elsewhere[1] = "Other"
    return _asked(terms, [one for one in elsewhere if one], lost, f"VRM 0.x, {name}")


def _anybody(name: str) -> Terms:
    """Returns what VRM grants whatever its fields say: to use the character as it is, everywhere, for everything."""
    return replace(READY["personal"], name=name, derivatives="none", seats=UNLIMITED_SEATS)


def _for(persons: str, terms: Terms, lost: list[Loss]) -> Terms:
    """Returns the terms for those whom VRM lets act as the character."""
    if persons == PERSONS_1[0]:
        lost.append(loss("territory", _("The author alone may act as the character; nobody else is licensed.")))
        return replace(terms, territory=NOTHING, fields=NOTHING, media=NOTHING)
    if persons == PERSONS_1[1]:
        template = _("Each person needs the author's own permission; it is asked for as an approval.")
        lost.append(loss("approval_required", template))
        return replace(terms, seats=1, approval_required=True)
    return terms


def _asked(terms: Terms, elsewhere: list[str], lost: list[Loss], source: str) -> Imported:
    """Returns the terms, with an approval for each use where other documents say more than was read."""
    for one in elsewhere:
        template = _("It refers to “%(text)s”, which was not read; each use must be approved for its sake.")
        lost.append(loss("document", template, text=shown(one)))
    if elsewhere:
        terms = replace(terms, approval_required=True)
    return Imported(terms, tuple(lost), source, FORM)


def _text(meta: Mapping[str, Any], field: str) -> str:
    value = meta.get(field)
    if value is not None and not isinstance(value, str):
        raise unreadable(FORM, _("“%(field)s” must be a text."), field=field)
    return (value or "").strip()


def candidates(terms: Terms, subject: str) -> Iterator[str]:
    """Give metas of VRM 1.0, the one nearest to the terms first, the one that licenses nobody last."""
    for persons in reversed(PERSONS_1):
        meta: dict[str, Any] = {
            "licenseUrl": LICENSE_1,
            "avatarPermission": persons,
            "commercialUsage": {"personal": "personalProfit", "full": "corporation"}.get(
                terms.commercial, "personalNonProfit"
            ),
            "modification": _key(MODIFICATION_1, "private" if _held_back(terms) else terms.derivatives),
            "allowRedistribution": terms.redistribution == "raw",
            "creditNotation": _key(CREDIT_1, terms.credit_required),
            **{field: word not in terms.banned for field, word in BANNED_1.items()},
        }
        if persons != PERSONS_1[2] and subject.startswith("https://"):
            meta["otherLicenseUrl"] = subject
        yield json.dumps(meta, ensure_ascii=False, indent=2)


def _held_back(terms: Terms) -> bool:
    """Whether what is made of it may not be shared as VRM would let it."""
    return terms.derivatives == "share" and bool(terms.share_alike)


def _key(words: Mapping[str, Any], value: Any) -> str:
    return next(word for word, ours in words.items() if ours == value)
