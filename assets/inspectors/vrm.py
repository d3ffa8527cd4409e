"""VRM: a humanoid with a license in it; version 0.x (`VRM`), 1.0 (`VRMC_vrm`) and animations (`VRMC_vrm_animation`).

The fields are those of the VRM Consortium's specification. Its two ways to write a license are read into one
form, docs/formats/asset-facts.md "model", which `license_conflicts` compares with offered terms.
"""

from collections.abc import Mapping
from typing import Any

from assets.inspectors import gltf_fields as fields
from assets.inspectors.base import Finding, shown_name
from assets.inspectors.gltf_fields import wrong
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

VRM0, VRM1, VRMA = "VRM", "VRMC_vrm", "VRMC_vrm_animation"

# What licenses in files and offered terms say, in words for both.
_IN_WORDS = {
    "none": _("not allowed"),
    "personal": _("for persons, not for companies"),
    "limited": _("up to a revenue limit"),
    "full": _("without a revenue limit"),
    "private": _("for oneself"),
    "share": _("and sharing the result"),
    "in-product": _("inside a finished product"),
    "raw": _("as files"),
    "required": _("must be given"),
    "unnecessary": _("not needed"),
    "author": _("the author alone"),
    "licensed": _("whoever is licensed"),
}

License = dict[str, Any]
ELSEWHERE = "elsewhere"

_TEXT_CHARACTERS = 20_000
_CLAIM_CHARACTERS = 500
_LIMBS = [
    f"{side}{bone}"
    for side in ("left", "right")
    for bone in ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")
]
_NEEDED_BONES = frozenset(["hips", "spine", "head", *_LIMBS])
_COMMON_BONES = _NEEDED_BONES | {"chest", "upperChest", "neck", "jaw"}
_COMMON_BONES |= {
    f"{side}{bone}"
    for side in ("left", "right")
    for bone in ("Eye", "Toes", "Shoulder", "ThumbProximal", "ThumbDistal")
}
_COMMON_BONES |= {
    f"{side}{finger}{part}"
    for side in ("left", "right")
    for finger in ("Index", "Middle", "Ring", "Little")
    for part in ("Proximal", "Intermediate", "Distal")
}
_BONES = {
    VRM0: _COMMON_BONES | {"leftThumbIntermediate", "rightThumbIntermediate"},
    VRM1: _COMMON_BONES | {"leftThumbMetacarpal", "rightThumbMetacarpal"},
}
_BONES[VRMA] = _BONES[VRM1] - {"leftEye", "rightEye"}
# VRM 1.0, meta.md: (field, its values and what they are in our form; the first is the default).
_CHOICES_1: tuple[tuple[str, str, dict[Any, Any]], ...] = (
    (
        "avatar_permission",
        "avatarPermission",
        {"onlyAuthor": "author", "onlySeparatelyLicensedPerson": "licensed", "everyone": "everyone"},
    ),
    (
        "commercial_usage",
        "commercialUsage",
        {"personalNonProfit": "none", "personalProfit": "personal", "corporation": "corporation"},
    ),
    (
        "modification",
        "modification",
        {"prohibited": "none", "allowModification": "private", "allowModificationRedistribution": "share"},
    ),
    ("redistribution", "allowRedistribution", {False: "none", True: "allowed"}),
    ("credit", "creditNotation", {"required": "required", "unnecessary": "unnecessary"}),
    ("violent", "allowExcessivelyViolentUsage", {False: False, True: True}),
    ("sexual", "allowExcessivelySexualUsage", {False: False, True: True}),
    ("political_or_religious", "allowPoliticalOrReligiousUsage", {False: False, True: True}),
    ("antisocial_or_hate", "allowAntisocialOrHateUsage", {False: False, True: True}),
)
_CHOICES_0: tuple[tuple[str, str, dict[Any, Any]], ...] = (
    (
        "avatar_permission",
        "allowedUserName",
        {"OnlyAuthor": "author", "ExplicitlyLicensedPerson": "licensed", "Everyone": "everyone"},
    ),
    ("commercial_usage", "commercialUssageName", {"Disallow": "none", "Allow": "corporation"}),
    ("violent", "violentUssageName", {"Disallow": False, "Allow": True}),
    ("sexual", "sexualUssageName", {"Disallow": False, "Allow": True}),
)
# What the license names of VRM 0.x say: (modification, redistribution, credit).
_LICENSES_0 = {
    # It says nothing of changes, and what is not allowed is not.
    "Redistribution_Prohibited": ("none", "none", "required"),
    "CC0": ("share", "allowed", "unnecessary"),
    "CC_BY": ("share", "allowed", "required"),
    "CC_BY_NC": ("share", "allowed", "required"),
    "CC_BY_SA": ("share", "allowed", "required"),
    "CC_BY_NC_SA": ("share", "allowed", "required"),
    "CC_BY_ND": ("none", "allowed", "required"),
    "CC_BY_NC_ND": ("none", "allowed", "required"),
    "Other": (ELSEWHERE, ELSEWHERE, ELSEWHERE),
}


def profile_of(root: dict[str, Any]) -> str:
    """Return which extension makes a model a VRM, or ""; raise Refused where more than one says so."""
    extensions = fields.child(root, "extensions", "glTF")
    found = [name for name in (VRM0, VRM1, VRMA) if name in extensions]
    if len(found) > 1:
        # Two readers would show two licenses of one file.
        template = _("the model is both %(one)s and %(other)s; save it as one of them.")
        raise wrong("vrm-two-versions", template, "extensions", one=found[0], other=found[1])
    return found[0] if found else ""


def check_vrm(root: dict[str, Any], profile: str) -> dict[str, Any]:
    """Return the facts of a VRM beside those of its glTF: `license`, `bones`, `claims`; raise Refused."""
    place = f"extensions.{profile}"
    vrm = fields.mapping(root["extensions"][profile], place)
    if profile != VRM0 and fields.text(vrm, "specVersion", place) != "1.0":
        template = _("%(place)s must be 1.0; export the model as VRM 1.0.")
        raise wrong("vrm-version", template, f"{place}.specVersion")
    bones = _bones(vrm, profile, place, len(fields.values(root, "nodes")))
    _check_references(vrm, place, root)
    if profile == VRMA:
        return {"bones": bones, "claims": {}}
    where = f"{place}.meta"
    meta = vrm.get("meta")
    if not isinstance(meta, dict):
        raise wrong("vrm-meta", _("%(place)s is missing: a VRM says its license there."), where)
    texts = _texts(meta, where)
    if profile == VRM0:
        return {"bones": bones, "license": _license_0(meta, where), "claims": texts}
    if not {"title", "authors"} <= set(texts):
        raise wrong("vrm-meta", _("%(place)s must name the model and its authors."), where)
    fields.index(meta, "thumbnailImage", where, len(fields.values(root, "images")))
    return {"bones": bones, "license": _license_1(meta, where), "claims": texts}


def license_conflicts(license: Mapping[str, Any], terms: Mapping[str, Any]) -> list[Finding]:
    """Return in what offered terms allow more than the license in the file; none where they agree.

    `license` is `facts["license"]` of a VRM, `terms` are the fields of worldloom/terms/2. Each finding names the
    dimension, what the file says and what the offer says. The code is `vrm-license-elsewhere` where the file
    points to another document instead, and `vrm-license-conflict` otherwise.
    """
    found = []
    commercial = {"none": 0, "personal": 1, "limited": 2, "full": 2}
    if commercial[terms["commercial"]] > {"none": 0, "personal": 1, "corporation": 2}[license["commercial_usage"]]:
        found.append(_conflict(_("commercial use"), license, "commercial_usage", terms["commercial"]))
    for dimension, ours, theirs, scale in (
        (_("changes"), "derivatives", "modification", ("none", "private", "share")),
        (_("passing the file on"), "redistribution", "redistribution", ("none", "in-product", "raw")),
    ):
        says = license[theirs]
        allowed = {"allowed": 2, ELSEWHERE: 0, **{word: n for n, word in enumerate(scale)}}[says]
        if scale.index(terms[ours]) > allowed:
            found.append(_conflict(dimension, license, theirs, terms[ours]))
    if license["credit"] != "unnecessary" and not terms["credit_required"]:
        found.append(_conflict(_("credit"), license, "credit", "unnecessary"))
    if license["avatar_permission"] == "author":
        found.append(_conflict(_("acting as the character"), license, "avatar_permission", "licensed"))
    return found


def _conflict(dimension: str, license: Mapping[str, Any], field: str, offer: str) -> Finding:
    values: dict[str, str | int | Words] = {"dimension": Words(dimension), "offer": Words(_IN_WORDS[offer])}
    if license[field] == ELSEWHERE:
        template = _(
            "%(dimension)s: the license in the file points to another document, and the offer says “%(offer)s”;"
            " save the file with a license of its own that allows it, or offer less."
        )
        return Finding("vrm-license-elsewhere", template, f"license.{field}", values)
    values["file"] = Words(_IN_WORDS[license[field]])
    template = _(
        "%(dimension)s: the license in the file says “%(file)s”, and the offer says “%(offer)s”;"
        " save the file with a license that allows it, or offer less."
    )
    return Finding("vrm-license-conflict", template, f"license.{field}", values)


def _license_0(meta: dict[str, Any], place: str) -> License:
    found = _chosen(meta, place, _CHOICES_0, needed=True)
    name = fields.choice(meta, "licenseName", place, tuple(_LICENSES_0))
    modification, redistribution, credit = _LICENSES_0[name]
    if "_NC" in name:
        found["commercial_usage"] = "none"
    return found | {
        "modification": modification,
        "redistribution": redistribution,
        "credit": credit,
        "political_or_religious": None,
        "antisocial_or_hate": None,
        "license_name": name,
        "license_url": None,
        "other_license_url": _address(meta, "otherLicenseUrl", place),
        "other_permission_url": _address(meta, "otherPermissionUrl", place),
    }


def _license_1(meta: dict[str, Any], place: str) -> License:
    address = _address(meta, "licenseUrl", place)
    if address is None or not address.startswith("https://"):
        raise wrong("vrm-meta", _("%(place)s must be the https address of a license."), f"{place}.licenseUrl")
    return _chosen(meta, place, _CHOICES_1, needed=False) | {
        "license_name": None,
        "license_url": address,
        "other_license_url": _address(meta, "otherLicenseUrl", place),
        "other_permission_url": None,
    }


def _chosen(
    meta: dict[str, Any], place: str, choices: tuple[tuple[str, str, dict[Any, Any]], ...], *, needed: bool
) -> License:
    """Return each field in our form; one that is not there is refused or has the specification's default."""
    found: License = {}
    for ours, theirs, words in choices:
        if not needed and theirs not in meta:
            found[ours] = next(iter(words.values()))
        else:
            found[ours] = words[fields.choice(meta, theirs, place, tuple(words))]
    return found


def _address(meta: dict[str, Any], key: str, place: str) -> str | None:
    value = fields.text(meta, key, place)
    return shown_name(value, _CLAIM_CHARACTERS) if value else None


def _texts(meta: dict[str, Any], place: str) -> dict[str, str]:
    """Return the claims in `meta`: title, authors and the like; raise Refused where they are no text or too long."""
    found: dict[str, str] = {}
    for key, value in meta.items():
        parts = value if key in ("authors", "references") else [value]
        if key in ("authors", "references") and not isinstance(value, list):
            raise fields.misshapen(f"{place}.{key}", fields.LIST)
        for part in parts:
            if isinstance(part, str) and len(part) > _TEXT_CHARACTERS:
                template = _("%(place)s is longer than %(limit)s characters.")
                raise wrong("vrm-meta", template, f"{place}.{shown_name(key, 40)}", limit=_TEXT_CHARACTERS)
            if key in _CLAIMS and not isinstance(part, str):
                raise fields.misshapen(f"{place}.{key}", fields.TEXT)
        if key in _CLAIMS and any(parts):
            found[_CLAIMS[key]] = shown_name(", ".join(parts), _CLAIM_CHARACTERS)
    return found


_CLAIMS = {
    "title": "title",
    "name": "title",
    "version": "version",
    "author": "authors",
    "authors": "authors",
    "copyrightInformation": "copyright",
    "contactInformation": "contact",
    "reference": "references",
    "references": "references",
    "thirdPartyLicenses": "third_party_licenses",
}


def _bones(vrm: dict[str, Any], profile: str, place: str, nodes: int) -> int:
    """Return how many bones of the humanoid have a node; raise Refused where one that is needed has none."""
    where = f"{place}.humanoid.humanBones"
    humanoid = fields.mapping(vrm.get("humanoid"), f"{place}.humanoid")
    given = humanoid.get("humanBones")
    if profile == VRM0:
        if not isinstance(given, list):
            raise fields.misshapen(where, fields.LIST)
        named = [fields.mapping(bone, f"{where}[{n}]") for n, bone in enumerate(given)]
        pairs = [(fields.text(bone, "bone", where) or "", bone) for bone in named]
    else:
        pairs = [(name, fields.mapping(bone, where)) for name, bone in fields.mapping(given, where).items()]
    found: dict[str, int] = {}
    for name, bone in pairs:
        if name not in _BONES[profile] or name in found:
            template = _("%(place)s names the bone %(bone)s, which is no bone of VRM or stands there twice.")
            raise wrong("vrm-humanoid", template, where, bone=repr(shown_name(name, 40)))
        found[name] = fields.needed_index(bone, "node", f"{where}.{name}", nodes)
    if len(set(found.values())) != len(found):
        raise wrong("vrm-humanoid", _("%(place)s gives two bones one node."), where)
    missing = sorted(_NEEDED_BONES - set(found))
    if profile != VRMA and missing:
        raise wrong("vrm-humanoid", _("%(place)s lacks the bone %(bone)s."), where, bone=missing[0])
    return len(found)


def _check_references(vrm: dict[str, Any], place: str, root: dict[str, Any]) -> None:
    """Refuse an index anywhere in the extension, by the names that VRM gives them, to what is not there."""
    counts = {key: len(fields.values(root, f"{key}s")) for key in ("node", "material", "texture")}
    counts |= {"mesh": len(fields.values(root, "meshes")), "firstPersonBone": counts["node"], "bones": counts["node"]}
    todo: list[tuple[str, str, Any]] = [(place, "", vrm)]
    while todo:
        where, name, value = todo.pop()
        # Minus one stands for none in VRM 0.x.
        if type(value) is int and name in counts and value != -1:
            fields.in_range(value, where, counts[name])
        elif isinstance(value, list):
            todo += [(f"{where}[{n}]", name if name == "bones" else "", one) for n, one in enumerate(value)]
        elif isinstance(value, dict):
            for key, one in value.items():
                named = "texture" if name == "textureProperties" else key
                todo.append((f"{where}.{shown_name(key, 40)}", named, one))
