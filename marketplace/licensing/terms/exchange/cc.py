"""Creative Commons, versions 1.0 to 4.0: by id, name, address, title, and by what ccREL says of a license."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Any

from marketplace.licensing.terms.exchange.base import (
    Imported,
    Loss,
    Source,
    loss,
    object_of,
    shown,
    text_of,
    unreadable,
)
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import READY
from marketplace.ui.words import Listed
from marketplace.ui.words import gettext_noop as _

FORM = "cc"
VERSIONS = ("1.0", "2.0", "2.1", "2.5", "3.0", "4.0")
COMBINATIONS = ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
_ID = re.compile(
    r"cc[ _-]?by((?:[ _-](?:nc|nd|sa))*)(?:[ _-]?v?(\d\.\d))?"
    r"(?:[ _-](int|intl|international|unported|generic|[a-z]{2,3}))?",
    re.IGNORECASE,
)
_ZERO = re.compile(
    r"cc[ -]?0(?:[ -]v?1\.0)?(?: universal)?|creative commons zero(?: v?1\.0)?(?: universal)?", re.IGNORECASE
)
_MARK = re.compile(r"(?:cc[ -])?(?:pdm|public domain mark)(?:[ -]v?1\.0)?", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?<![\w.-])(?:https?:)?(?://)?(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z-]{2,20})/(\d\.\d)"
    r"(?:/(?!deed|legalcode|rdf)([a-z]{2,12})(?![\w.-]))?",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\bAttribution((?:\s?[ -]\s?(?:Non-?Commercial|Share-?\s?Alike|No-?Derivatives|No-?Derivs)){0,3})"
    r"\s+(?:v\.?\s?)?(\d\.\d)"
    r"(?:\s+(International|Unported|Generic|IGO|[A-Z][a-z]+))?",
    re.IGNORECASE,
)
_ZERO_TITLE = re.compile(r"\bCC0 1\.0 Universal\b|\bCreative Commons CC0\b", re.IGNORECASE)
_PAGE_CHARACTERS, _TITLES_CHARACTERS = 100_000, 20_000
_NOTICE_CHARACTERS, _HEAD_CHARACTERS = 2000, 600
"""A text that is longer than a notice is the license's own, or names in its head the one that it is under."""
_NOWHERE = frozenset({"", "int", "intl", "international", "unported", "generic", "public"})
_PORTED = """
am ar at au az be bg br ca ch cl cn co cr cz de dk ec ee eg es fi fr ge gr gt hk hr hu ie igo il in it jp kr lu mk mt mx
my ng nl no nz pe ph pl pr pt ro rs scotland se sg si th tw ug uk us ve vn za
"""
_PORTS = frozenset(_PORTED.split())
"""Places for whose law there are versions before 4.0; `igo` is for organizations between states."""
_NAMED = """
australia=au austria=at brazil=br canada=ca chile=cl england=uk france=fr germany=de hong=hk ireland=ie italy=it
japan=jp netherlands=nl new=nz poland=pl singapore=sg south=za spain=es switzerland=ch taiwan=tw united=us
"""
_PLACES = {**{code: code for code in _PORTS}, **dict(pair.split("=") for pair in _NAMED.split())}
"""By the first word of what a title calls them; whatever else follows a version is no place."""
_LICENSE_NAMES = ("license", "cc:license", "xhv:license", "dct:license", "dcterms:license", "schema:license")


@dataclass(frozen=True, slots=True)
class License:
    """A Creative Commons license: `kind` is one of COMBINATIONS, `zero` or `mark`; `place` is a ported jurisdiction."""

    kind: str
    version: str
    place: str = ""

    @property
    def spdx(self) -> str:
        """Its id in SPDX's manner."""
        if self.kind in ("zero", "mark"):
            return {"zero": "CC0-1.0", "mark": "CC-PDM-1.0"}[self.kind]
        return f"CC-{self.kind.upper()}-{self.version}" + (f"-{self.place.upper()}" if self.place else "")

    @property
    def address(self) -> str:
        """Where Creative Commons explains it."""
        part = "publicdomain" if self.kind in ("zero", "mark") else "licenses"
        place = f"{self.place.lower()}/" if self.place else ""
        return f"https://creativecommons.org/{part}/{self.kind}/{self.version}/{place}"


def read(source: Source) -> Imported:
    """Return the terms of the Creative Commons license that a source names; raise UnableToReadLicense."""
    if isinstance(source, Mapping):
        return _described(source)
    text = text_of(source, FORM).strip()
    if text.startswith("{"):
        return _described(object_of(text, FORM))
    page = _page(text)
    if page.said and not page.licenses:
        return _described(page.said)
    license, recognized = _named(text, page.licenses)
    return imported(license, recognized)


def imported(license: License, recognized: Iterable[Loss] = ()) -> Imported:
    """Return what a known license says in our terms."""
    return Imported(terms_of(license), (*_lost(license), *recognized), license.spdx, FORM)


def speaks_of(text: str) -> bool:
    """Return whether a text names a license of Creative Commons by id, address or title, or describes one in ccREL."""
    short = len(text) < 80 and any(form.fullmatch(text) for form in (_ID, _ZERO, _MARK))
    text = text[:_PAGE_CHARACTERS]
    named = any(form.search(text) for form in (_ADDRESS, _TITLE, _ZERO_TITLE))
    return short or named or bool(_page(text).said)


def by_id(name: str) -> License | None:
    """Return the license of an id or a short name such as `CC-BY-NC-4.0` or `CC BY-NC 4.0`, None if it is none.

    An id without a version or with a combination that does not exist raises UnableToReadLicense.
    """
    name = name.strip()
    if _ZERO.fullmatch(name):
        return License("zero", "1.0")
    if _MARK.fullmatch(name):
        return License("mark", "1.0")
    found = _ID.fullmatch(name)
    if found is None:
        return None
    return _license(re.findall("nc|nd|sa", (found[1] or "").lower()), found[2] or "", found[3] or "")


def terms_of(license: License) -> Terms:
    """Return the terms of a license; its text stays what counts between those who agreed on it."""
    name = license.spdx.lower()
    if license.kind in ("zero", "mark"):
        return replace(READY["cc0-1.0"], name=name)
    terms = replace(READY["cc-by-4.0"], name=name)
    parts = license.kind.split("-")
    if "nc" in parts:
        terms = replace(terms, commercial="none")
    if "sa" in parts:
        terms = replace(terms, share_alike=license.spdx)
    if "nd" in parts:
        # Version 4.0 lets people change the work for themselves, section 2(a)(1)(B); older ones give no right to.
        private = license.version == "4.0"
        terms = replace(terms, derivatives="private" if private else "none", ai_training="own" if private else "none")
    return terms


def every() -> Iterator[License]:
    """Return the international licenses of version 4.0, and the two tools for the public domain."""
    yield License("zero", "1.0")
    for kind in COMBINATIONS:
        yield License(kind, "4.0")


def _license(parts: list[str], version: str, place: str) -> License:
    kind = "-".join(["by", *(part for part in ("nc", "nd", "sa") if part in parts)])
    if "nd" in parts and "sa" in parts:
        template = _("Creative Commons has no license that forbids changes and asks to share them alike; choose one.")
        raise unreadable(FORM, template)
    if not version:
        template = _("“%(name)s” names no version; say which, as in %(name)s-4.0.")
        raise unreadable(FORM, template, name=f"CC-{kind.upper()}")
    if version not in VERSIONS:
        template = _("Creative Commons has no version %(version)s; its versions are %(versions)s.")
        raise unreadable(FORM, template, version=version, versions=", ".join(VERSIONS))
    place = "" if place.lower() in _NOWHERE else place.lower()
    if place and (place not in _PORTS or version == "4.0"):
        template = _("There is no version %(version)s for “%(place)s”; leave the place out, or look the license up.")
        raise unreadable(FORM, template, version=version, place=shown(place))
    return License(kind, version, place)


def _named(text: str, links: Iterable[str] = ()) -> tuple[License, tuple[Loss, ...]]:
    """Return the one license that a text names, by id, address or title."""
    found = by_id(text) if len(text) < 80 else None
    if found:
        return found, ()
    licenses = [_at(match) for match in _ADDRESS.finditer("\n".join(links) or text)]
    if len(text) < 200 and len(set(licenses)) == 1 and _ADDRESS.match(text):
        return licenses[0], ()
    head = text[:_HEAD_CHARACTERS]
    if (
        not links
        and len(text) > _NOTICE_CHARACTERS
        and not any(f.search(head) for f in (_ADDRESS, _TITLE, _ZERO_TITLE))
    ):
        template = _(
            "The text speaks of Creative Commons only later on, perhaps of something else; give the id itself."
        )
        raise unreadable(FORM, template)
    licenses = licenses or list(_titled(text[:_TITLES_CHARACTERS]))
    if not licenses:
        template = _("“%(text)s” names no license of Creative Commons; give an id such as CC-BY-4.0, or its address.")
        raise unreadable(FORM, template, text=shown(text))
    if len({(one.kind, one.version) for one in licenses}) > 1:
        template = _("The text names several licenses: %(names)s; give the one that you choose.")
        raise unreadable(FORM, template, names=Listed(tuple(sorted({one.spdx for one in licenses}))))
    template = _("It was recognized by its name; the text around it was not compared with the license's own.")
    # Legal texts name versions for other places as examples, and themselves first.
    return licenses[0], (loss("document", template),)


def _titled(text: str) -> Iterator[License]:
    """Gives the licenses whose titles are in a text, in their order."""
    if _ZERO_TITLE.search(text):
        yield License("zero", "1.0")
    for match in _TITLE.finditer(text):
        yield _license(_words(match[1]), match[2], _PLACES.get((match[3] or "").lower(), ""))


def _at(match: re.Match[str]) -> License:
    kind, version, place = match[2].lower(), match[3], (match[4] or "").lower()
    if match[1].lower() == "publicdomain":
        if kind not in ("zero", "mark"):
            raise unreadable(
                FORM, _("“%(text)s” is no license that we know; give an id such as CC-BY-4.0."), text=shown(match[0])
            )
        return License(kind, "1.0")
    parts = kind.split("-")
    if parts[0] != "by" or not set(parts) <= {"by", "nc", "nd", "sa"}:
        raise unreadable(
            FORM, _("“%(text)s” is no license that we know; give an id such as CC-BY-4.0."), text=shown(match[0])
        )
    return _license(parts, version, place)


def _words(title: str) -> list[str]:
    plain = re.sub(r"[^a-z]", "", title.lower())
    found = (("noncommercial", "nc"), ("noderiv", "nd"), ("sharealike", "sa"))
    return [short for long, short in found if long in plain]


class _Page(HTMLParser):
    """Collects the addresses that a page calls its license, and what it says of a license in ccREL."""

    def __init__(self) -> None:
        super().__init__()
        self.licenses: list[str] = []
        self.said: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        names = f"{said.get('rel') or ''} {said.get('property') or ''}".lower().split()
        target = said.get("href") or said.get("resource") or said.get("content") or ""
        for name in names:
            if name in _LICENSE_NAMES:
                self.licenses.append(target)
            elif name in ("cc:permits", "cc:requires", "cc:prohibits"):
                self.said.setdefault(name, []).append(target)


def _page(text: str) -> _Page:
    page = _Page()
    if "<" in text:
        page.feed(text[:_PAGE_CHARACTERS])
    return page


def _described(said: Mapping[str, Any]) -> Imported:
    """Return the terms of linked data: the address of a license, or what ccREL says that one permits."""
    for name in _LICENSE_NAMES:
        value = said.get(name)
        if isinstance(value, Mapping):
            value = value.get("@id")
        if isinstance(value, str):
            license, recognized = _named(value)
            return imported(license, recognized)
    words = {key: _ccrel(said, key) for key in ("permits", "requires", "prohibits")}
    known = {
        "permits": {"Reproduction", "Distribution", "DerivativeWorks", "Sharing"},
        "requires": {"Notice", "Attribution", "ShareAlike", "SourceCode", "Copyleft", "LesserCopyleft"},
        "prohibits": {"CommercialUse", "HighIncomeNationUse"},
    }
    for key, found in words.items():
        if unknown := sorted(found - known[key]):
            template = _("“%(word)s” is nothing that cc:%(key)s can say.")
            raise unreadable(FORM, template, word=shown(unknown[0]), key=key)
    if "Reproduction" not in words["permits"]:
        raise unreadable(FORM, _("There is no license here: neither its address nor what cc:permits."))
    return _from_ccrel(words)


def _ccrel(said: Mapping[str, Any], key: str) -> set[str]:
    values = said.get(f"cc:{key}", [])
    found = set()
    for value in values if isinstance(values, list) else [values]:
        word = value.get("@id") if isinstance(value, Mapping) else value
        if not isinstance(word, str):
            raise unreadable(FORM, _("cc:%(key)s must name words of ccREL."), key=key)
        found.add(word.rsplit("#", 1)[-1].removeprefix("cc:"))
    return found


def _from_ccrel(words: Mapping[str, set[str]]) -> Imported:
    permits, requires, prohibits = words["permits"], words["requires"], words["prohibits"]
    alike = requires & {"ShareAlike", "Copyleft", "LesserCopyleft", "SourceCode"}
    lost = [loss("document", _("It was read from what ccREL says of it; the license itself was not."))]
    # Whoever asks to share alike without saying under what license is not followed blindly.
    share = "DerivativeWorks" in permits and not alike
    if alike:
        template = _("It does not say under which license changed works must be shared; they may not be shared.")
        lost.append(loss("share_alike", template))
    terms = replace(
        READY["cc-by-4.0"],
        name="ccrel",
        commercial="none" if prohibits or "Distribution" not in permits else "full",
        derivatives="share" if share else "private" if "DerivativeWorks" in permits else "none",
        ai_training="share" if share else "own" if "DerivativeWorks" in permits else "none",
        redistribution="raw" if permits & {"Distribution", "Sharing"} else "none",
        sublicense_depth=READY["cc-by-4.0"].sublicense_depth if permits & {"Distribution", "Sharing"} else 0,
        credit_required="Attribution" in requires or "Notice" in requires,
    )
    return Imported(terms, tuple(lost), "ccREL", FORM)


def _lost(license: License) -> Iterator[Loss]:
    if license.kind == "mark":
        template = _("The mark is no license: it says that nobody is known to hold rights, and nobody promises it.")
        yield loss("document", template)
        return
    if license.place:
        template = _("It is the version for the law of one place (%(place)s), which terms do not speak of.")
        yield loss("document", template, place=license.place.upper())
    if license.kind == "zero":
        yield loss("patents", _("It gives up copyright alone; patents and trademarks stay as they are."))
        return
    yield loss("patents", _("It licenses copyright alone; patents and trademarks stay as they are."))
    yield loss("notices", _("Credit names the creator, the license with its address, and what was changed."))
    if "nd" in license.kind.split("-") and license.version != "4.0":
        yield loss("derivatives", _("This version gives no right to change the work, not even for oneself."))
