"""Story's Programmable IP License: the 17 fields of `PILTerms`, its flavors by name, and written as those fields."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from marketplace.licensing.terms.exchange.base import Imported, Loss, Source, loss, object_of, shown, unreadable
from marketplace.licensing.terms.model import DAYS_LIMIT, UNLIMITED_DAYS, Terms
from marketplace.licensing.terms.ready import READY
from marketplace.ui.words import gettext_noop as _

FORM = "pil"
FLAGS = (
    "transferable",
    "commercialUse",
    "commercialAttribution",
    "derivativesAllowed",
    "derivativesAttribution",
    "derivativesApproval",
    "derivativesReciprocal",
)
NUMBERS = ("defaultMintingFee", "expiration", "commercialRevShare", "commercialRevCeiling", "derivativeRevCeiling")
ADDRESSES = ("royaltyPolicy", "commercializerChecker", "currency")
TEXTS = ("commercializerCheckerData", "uri")
FIELDS = (*FLAGS, *NUMBERS, *ADDRESSES, *TEXTS)
WHOLE_SHARE = 100_000_000
_PERCENT = 1_000_000
_MOST_PERCENT = 100
_PPB_OF_SHARE = 10
_DAY_SECONDS = 86_400
_MOST = 2**256 - 1
NOBODY = "0x" + "0" * 40
EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(FLAGS, False),
    **dict.fromkeys(NUMBERS, "0"),
    **dict.fromkeys(ADDRESSES, NOBODY),
    "commercializerCheckerData": "0x",
    "uri": "",
}
_REMIX = {"derivativesAllowed": True, "derivativesAttribution": True, "derivativesReciprocal": True}
_COMMERCE = {"commercialUse": True, "commercialAttribution": True}
FLAVORS: Mapping[str, Mapping[str, Any]] = {
    "non-commercial-social-remixing": {**EMPTY, "transferable": True, **_REMIX},
    "commercial-use": {**EMPTY, "transferable": True, **_COMMERCE},
    "commercial-remix": {**EMPTY, "transferable": True, **_COMMERCE, **_REMIX},
    "creative-commons-attribution": {**EMPTY, "transferable": True, **_COMMERCE, **_REMIX},
}
# The off-chain parameters that Story publishes for its flavors: everywhere, in all channels, and for AI to learn from.
_PUBLISHED = re.compile(
    r"https://github\.com/piplabs/pil-document/blob/[\w.-]+/off-chain-terms/"
    r"(?:NCSR|NonCommercialSocialRemixing|CommercialUse|CommercialRemix|CC-BY)\.json"
)
# Old SDKs spell these so, and that for Python has names such as commercial_use.
_SPELLED = {
    "commercialRevCelling": "commercialRevCeiling",
    "derivativeRevCelling": "derivativeRevCeiling",
    **{re.sub("([A-Z])", r"_\1", name).lower(): name for name in FIELDS if name != "uri"},
}
_KNOWN = {*FIELDS, *_SPELLED}


def read(source: Source) -> Imported:
    """Return the terms of `PILTerms`, alone or inside an answer of Story's API, or of a flavor by its name.

    Raise UnableToReadLicense. What the contract itself refuses is refused: flags that go with a use it forbids.
    """
    if isinstance(source, str) and (flavor := flavor_of(source)):
        terms = {**FLAVORS[flavor]}
        return _imported(terms, f"PIL {flavor}", published=True)
    said = object_of(source, FORM)
    fields = _fields(said)
    found = _imported(fields, "PIL", published=bool(_PUBLISHED.fullmatch(fields["uri"])))
    return _configured(found) if any(_has_config(inner) for inner in _inside(said)) else found


def _has_config(said: Mapping[str, Any]) -> bool:
    """Whether terms come with a configuration that holds; it may ask for more, or stop the license."""
    configs = (said.get(name) for name in ("licensingConfig", "licensing_config"))
    return any(isinstance(one, Mapping) and (one.get("isSet") or one.get("is_set")) for one in configs)


def _configured(found: Imported) -> Imported:
    template = _("It refers to “%(text)s”, which was not read; each use must be approved for its sake.")
    lost = (*found.lost, loss("document", template, text="licensingConfig"))
    return replace(found, terms=replace(found.terms, approval_required=True), lost=lost)


def flavor_of(text: str) -> str:
    """Return the flavor that a text names, empty for none; `PIL` may stand before it."""
    plain = re.sub(r"[\s_]+", "-", text.strip().lower()).removeprefix("pil-").removeprefix("story-pil-")
    return plain if plain in FLAVORS else ""


def looks_so(said: Mapping[str, Any]) -> bool:
    """Return whether an object is `PILTerms` or holds them."""
    return any(len(_KNOWN & set(inner)) >= 2 for inner in _inside(said))


def _inside(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Gives an object, and what Story's API and SDK put terms into."""
    yield said
    for name in ("terms", "licenseTerms", "pilTerms", "licenseTermsData", "data"):
        inner = said.get(name)
        if isinstance(inner, list) and len(inner) == 1:
            inner = inner[0]
        if isinstance(inner, Mapping):
            yield inner
            deeper = inner.get("terms")
            if isinstance(deeper, Mapping):
                yield deeper


def _fields(said: Mapping[str, Any]) -> dict[str, Any]:
    found = next((inner for inner in _inside(said) if len(_KNOWN & set(inner)) >= 2), None)
    if found is None:
        raise unreadable(FORM, _("There are no terms of Story in it, such as commercialUse and derivativesAllowed."))
    twice = [name for name in found if name in _SPELLED and _SPELLED[name] != name and _SPELLED[name] in found]
    if twice:
        raise unreadable(FORM, _("“%(field)s” stands in it in two spellings; keep one."), field=twice[0])
    given = {_SPELLED.get(name, name): value for name, value in found.items()}
    fields: dict[str, Any] = {}
    for name in FLAGS:
        value = given.get(name, False)
        if type(value) is not bool:
            raise unreadable(FORM, _("“%(field)s” must be true or false."), field=name)
        fields[name] = value
    for name in NUMBERS:
        fields[name] = _number(name, given.get(name, 0))
    for name in ADDRESSES:
        value = given.get(name, NOBODY)
        if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
            raise unreadable(FORM, _("“%(field)s” must be an address, 0x and 40 digits."), field=name)
        fields[name] = value.lower()
    for name in TEXTS:
        value = given.get(name, EMPTY[name])
        if not isinstance(value, str):
            raise unreadable(FORM, _("“%(field)s” must be a text."), field=name)
        fields[name] = value
    return fields


def _number(name: str, value: Any) -> int:
    """Return a whole number, which JSON often carries as text: it has 256 bits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,78}n?", value):
        value = int(value.removesuffix("n"))
    if type(value) is not int or not 0 <= value <= _MOST:
        raise unreadable(FORM, _("“%(field)s” must be a whole number that is not negative."), field=name)
    return value


def _check(fields: Mapping[str, Any]) -> None:
    """Raise UnableToReadLicense for what the contract refuses to register (PILicenseTemplate)."""
    for use, rights in (
        ("commercialUse", ("commercialAttribution", "commercialRevShare", "commercialRevCeiling")),
        (
            "derivativesAllowed",
            ("derivativesAttribution", "derivativesApproval", "derivativesReciprocal", "derivativeRevCeiling"),
        ),
    ):
        wrong = next((name for name in rights if not fields[use] and int(fields[name])), None)
        if wrong:
            template = _("“%(field)s” goes with “%(use)s”, which is false; mend one of them.")
            raise unreadable(FORM, template, field=wrong, use=use)
    if not fields["commercialUse"] and fields["commercializerChecker"] != NOBODY:
        template = _("“%(field)s” goes with “%(use)s”, which is false; mend one of them.")
        raise unreadable(FORM, template, field="commercializerChecker", use="commercialUse")
    if int(fields["commercialRevShare"]) > WHOLE_SHARE:
        template = _("“commercialRevShare” is above 100000000, which is 100 percent; mend it.")
        raise unreadable(FORM, template)


def _imported(fields: Mapping[str, Any], source: str, *, published: bool) -> Imported:
    _check(fields)
    lost = list(_always(fields))
    fields = _in_parts(fields, lost)
    derives = fields["derivativesAllowed"]
    commercial = _commercial(fields, lost)
    share_ppb = int(fields["commercialRevShare"]) * _PPB_OF_SHARE if commercial != "none" and derives else 0
    training = ("share" if derives else "own") if published else "none"
    if not published:
        template = _("The terms off the chain are not Story's own and were not read; AI training is not allowed.")
        lost.append(loss("ai_training", template))
    terms = replace(
        READY["personal"],
        name=source.lower().replace(" ", "-")[:40],
        commercial=commercial,
        derivatives="share" if derives else "none",
        ai_training=training,
        redistribution="in-product" if derives or commercial != "none" else "none",
        transferable=fields["transferable"],
        duration_days=_days(int(fields["expiration"]), lost),
        approval_required=_approval(fields, lost),
        credit_required=published or _credit(fields),
        share_alike=label_of(fields) if derives and fields["derivativesReciprocal"] else "",
        royalty_ppb=share_ppb,
    )
    if fields["uri"] and not published:
        template = _("It refers to “%(text)s”, which was not read; each use must be approved for its sake.")
        lost.append(loss("document", template, text=shown(fields["uri"])))
        terms = replace(terms, approval_required=True)
    return Imported(terms, tuple(lost), source, FORM)


def _in_parts(fields: Mapping[str, Any], lost: list[Loss]) -> Mapping[str, Any]:
    """Returns the fields with the share as the contract counts it; Story's SDK is given percent under the same name."""
    share = int(fields["commercialRevShare"])
    if not 0 < share <= _MOST_PERCENT:
        return fields
    template = _(
        "A share of %(number)d was read as percent, as Story's SDK is given it, not as millionths of a percent."
    )
    lost.append(loss("royalty_ppb", template, number=share))
    return {**fields, "commercialRevShare": share * _PERCENT}


def _credit(fields: Mapping[str, Any]) -> bool:
    """Returns whether credit is asked for, or whether no flag that has a meaning says that it is not."""
    silent = not fields["commercialUse"] and not fields["derivativesAllowed"]
    return bool(silent or fields["commercialAttribution"] or fields["derivativesAttribution"])


def label_of(fields: Mapping[str, Any]) -> str:
    """Return the label of terms that derivatives must carry unchanged: named by what all 17 fields say."""
    plain = json.dumps({name: str(fields[name]).lower() for name in FIELDS}, sort_keys=True)
    return f"LicenseRef-Story-PIL-{hashlib.sha256(plain.encode()).hexdigest()[:16]}"


def _commercial(fields: Mapping[str, Any], lost: list[Loss]) -> str:
    if not fields["commercialUse"]:
        return "none"
    if int(fields["commercialRevCeiling"]) or int(fields["derivativeRevCeiling"]):
        template = _("It has a ceiling in some token, which terms cannot say; no commercial use is allowed.")
        lost.append(loss("revenue_cap_usd", template))
        return "none"
    if int(fields["commercialRevShare"]) and not fields["derivativesAllowed"]:
        template = _("It takes a share of what the work itself earns, which terms cannot say; it may earn nothing.")
        lost.append(loss("royalty_ppb", template))
        return "none"
    return "full"


def _days(seconds: int, lost: list[Loss]) -> int:
    if not seconds:
        return UNLIMITED_DAYS
    days = min(seconds // _DAY_SECONDS, DAYS_LIMIT)
    if not days:
        raise unreadable(FORM, _("“expiration” is less than a day (86400 seconds), which no terms can say."))
    if days * _DAY_SECONDS != seconds:
        lost.append(loss("duration_days", _("It is counted in whole days, and at most in 200 years.")))
    return days


def _approval(fields: Mapping[str, Any], lost: list[Loss]) -> bool:
    if fields["commercializerChecker"] != NOBODY:
        template = _("A contract decides who may earn with it; it is asked for as an approval.")
        lost.append(loss("approval_required", template))
        return True
    return bool(fields["derivativesApproval"])


def _always(fields: Mapping[str, Any]) -> Iterator[Loss]:
    yield loss("seats", _("A license is held by one; it is read as being for one person."))
    if int(fields["defaultMintingFee"]) or fields["royaltyPolicy"] != NOBODY:
        yield loss("price", _("The fee and how royalties are paid are no terms; set them in an offer."))
    if fields["derivativesAllowed"] and not fields["derivativesReciprocal"]:
        template = _("What is derived from it may not be derived from again, which terms do not speak of.")
        yield loss("derivatives", template)


def candidates(terms: Terms, subject: str) -> Iterator[str]:
    """Give fields of PILTerms, the ones nearest to the terms first."""
    commercial = terms.commercial == "full"
    royal = terms.royalty_ppb and terms.royalty_basis == "revenue"
    royal_too = not commercial or not terms.royalty_ppb or royal
    derives = terms.derivatives == "share" and not terms.share_alike and royal_too
    for derives_too in (True, False) if derives else (False,):
        share = -(-terms.royalty_ppb // _PPB_OF_SHARE) if derives_too and commercial else 0
        # Whatever is that low would be read as percent.
        share = max(share, _MOST_PERCENT + 1) if share else 0
        fields = {
            **EMPTY,
            "transferable": terms.transferable,
            "expiration": str(terms.duration_days * _DAY_SECONDS),
            "commercialUse": commercial,
            "commercialAttribution": commercial and terms.credit_required,
            "commercialRevShare": str(share),
            "derivativesAllowed": derives_too,
            "derivativesAttribution": derives_too and terms.credit_required,
            "derivativesApproval": derives_too and terms.approval_required,
        }
        yield json.dumps({name: fields[name] for name in FIELDS}, indent=2)
