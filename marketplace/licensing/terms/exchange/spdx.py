"""SPDX: license ids and expressions, by the list that `license-expression` keeps, old ids included."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from marketplace.licensing.terms.exchange import cc, openrail
from marketplace.licensing.terms.exchange.base import Imported, Loss, Source, loss, shown, text_of, unreadable
from marketplace.licensing.terms.lattice import Layer, clashes, compose
from marketplace.licensing.terms.model import DIMENSIONS, NAME_LENGTH, Terms
from marketplace.licensing.terms.ready import READY
from marketplace.ui.words import Listed
from marketplace.ui.words import gettext_noop as _

FORM = "spdx"
EXPRESSION_CHARACTERS = 1000
_PERMISSIVE = """
AFL-3.0 Apache-1.1 Apache-2.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear
BSD-4-Clause BSL-1.0 BlueOak-1.0.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 ECL-2.0 FTL HPND ICU IJG ISC MIT
MulanPSL-2.0 NCSA ODC-By-1.0 PHP-3.01 PSF-2.0 PostgreSQL Python-2.0 TCL UPL-1.0 Unicode-3.0 Unicode-DFS-2016 W3C X11
ZPL-2.1 Zlib curl libpng-2.0
"""
PERMISSIVE = frozenset(_PERMISSIVE.split())
UNCREDITED = frozenset(["0BSD", "MIT-0", "PDDL-1.0", "Unlicense", "WTFPL"])
_COPYLEFT = """
AGPL-3.0-only AGPL-3.0-or-later CDDL-1.0 CDDL-1.1 CDLA-Sharing-1.0 CECILL-2.1 CPL-1.0 EPL-1.0 EPL-2.0 EUPL-1.1
EUPL-1.2 GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later LAL-1.3
LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MPL-1.1 MPL-2.0 MS-RL
ODbL-1.0 OSL-3.0
"""
COPYLEFT = frozenset(_COPYLEFT.split())
# Fonts that may not be sold by themselves, only with something else.
BUNDLED = frozenset(["OFL-1.0", "OFL-1.1", "OFL-1.1-RFN", "OFL-1.1-no-RFN"])
_PATENTS = re.compile(r"Apache-2|GPL-3|AGPL|MPL|EPL|EUPL|CDDL|OSL|AFL|UPL|MulanPSL|BlueOak|ECL|Patent|MS-|CPL|CECILL")
_TAG = re.compile(r"SPDX-License-Identifier:[ \t]*([^\r\n*]+)")
# How each begins, and how many words it has at most with its appendix, names and years; more are conditions of its own.
_TITLES: tuple[tuple[str, str, int], ...] = (
    (r"\s*(?:The )?MIT License\b", "MIT", 220),
    (r"\s*Apache License\s+Version 2\.0", "Apache-2.0", 1640),
    (r"\s*GNU GENERAL PUBLIC LICENSE\s+Version 3\b", "GPL-3.0-only", 5700),
    (r"\s*GNU GENERAL PUBLIC LICENSE\s+Version 2\b", "GPL-2.0-only", 3030),
    (r"\s*GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3\b", "LGPL-3.0-only", 1300),
    (r"\s*GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1\b", "LGPL-2.1-only", 4430),
    (r"\s*GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3\b", "AGPL-3.0-only", 5600),
    (r"\s*Mozilla Public License,? (?:Version )?2\.0", "MPL-2.0", 2500),
    (r"\s*This is free and unencumbered software released into the public domain", "Unlicense", 230),
)
# What none of these texts says, and those say that somebody wrote between their lines.
_OWN_CONDITIONS = re.compile(
    r"commons clause|\bnon-commercial\b|\bcommercial (?:product|use)\b|\bused? \w+ commercially|\bmilitary\b|not evil",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+", re.IGNORECASE)


def read(source: Source) -> Imported:
    """Return the terms of an SPDX id or expression, or of a file that carries one; raise UnableToReadLicense.

    `AND` is what both allow; `OR` leaves a choice, which somebody must make before.
    """
    text = text_of(source, FORM).strip()
    written, lost = _written(text)
    if len(written) > EXPRESSION_CHARACTERS or "\n" in written:
        raise unreadable(FORM, _("This is no license expression; give one such as MIT or CC-BY-4.0."))
    found = _read(_parsed(written))
    return replace(found, lost=(*found.lost, *lost))


def is_titled(text: str) -> bool:
    """Return whether a text carries an SPDX tag, or begins as a license of software does that we know by its title."""
    return bool(_TAG.search(text)) or any(re.match(title, text, re.IGNORECASE) for title, _id, _words in _TITLES)


def _written(text: str) -> tuple[str, tuple[Loss, ...]]:
    """Return the expression of a file, and what its finding lost."""
    tags = {found.strip().removesuffix("-->").removesuffix("*/").strip() for found in _TAG.findall(text)}
    if len(tags) > 1:
        template = _("The file names several licenses: %(names)s; give the one that you choose.")
        raise unreadable(FORM, template, names=Listed(tuple(shown(tag) for tag in sorted(tags))))
    if tags:
        return tags.pop(), ()
    for title, name, words in _TITLES:
        if re.match(title, text, re.IGNORECASE):
            if len(text.split()) > words or _OWN_CONDITIONS.search(text):
                template = _(
                    "It begins as %(name)s but has more in it than that; read it, and give the id that you choose."
                )
                raise unreadable(FORM, template, name=name)
            template = _("It was recognized by its title; the text was not compared with the license's own.")
            return name, (loss("document", template),)
    return text, ()


def _parsed(written: str) -> Any:
    import license_expression  # type: ignore[import-untyped]  # 70 ms that only an import of terms needs

    try:
        found = _licensing().parse(written, strict=False)
    except license_expression.ExpressionError:
        template = _("“%(text)s” is no license expression; write it like MIT AND CC-BY-4.0.")
        raise unreadable(FORM, template, text=shown(written)) from None
    except RecursionError:
        raise unreadable(FORM, _("The license expression is nested too deeply; write it without brackets.")) from None
    if found is None:
        raise unreadable(FORM, _("This is no license expression; give one such as MIT or CC-BY-4.0."))
    return found


@lru_cache(maxsize=1)
def _licensing() -> Any:
    import license_expression

    return license_expression.get_spdx_licensing()


def _read(found: Any) -> Imported:
    import license_expression

    if isinstance(found, license_expression.LicenseWithExceptionSymbol):
        return _with_exception(found)
    if isinstance(found, license_expression.LicenseSymbol):
        return _single(found.key)
    parts = tuple(sorted({str(part) for part in found.args}))
    if isinstance(found, _licensing().OR):
        template = _("The license leaves a choice: %(names)s; give the one that you choose.")
        raise unreadable(FORM, template, names=Listed(parts))
    return _meet([_read(part) for part in found.args])


def _with_exception(found: Any) -> Imported:
    exception = found.exception_symbol.key
    known = _licensing().known_symbols.get(exception)
    if known is None or not known.is_exception:
        names = [key for key, symbol in _licensing().known_symbols.items() if symbol.is_exception]
        raise _unknown(exception, names)
    base = _single(found.license_symbol.key)
    template = _("The exception %(name)s allows more than the license; that is not taken along.")
    return replace(base, lost=(*base.lost, loss("document", template, name=exception)), source=str(found))


def _single(name: str) -> Imported:
    """Return the terms of one id, which may carry a `+`."""
    rail = openrail.by_id(name)
    if rail:
        return rail
    if _ELSEWHERE.fullmatch(name) and not name.lower().startswith("licenseref-scancode-"):
        return _nothing(name, _("%(name)s stands for a text that is elsewhere; nothing is taken as allowed."))
    canonical = next((known for known in _ids() if known.lower() == name.lower()), None)
    if canonical is None and name.endswith("+"):
        found = _single(name.removesuffix("+"))
        template = _("“Or any later version” was read as this version; a later one may say something else.")
        return replace(found, lost=(*found.lost, loss("document", template)), source=f"{found.source}+")
    if canonical is None:
        raise _unknown(name, _ids())
    license = cc.by_id(canonical)
    if license:
        return cc.imported(license)
    terms = software(canonical)
    if terms is None:
        return _nothing(canonical, _("SPDX knows %(name)s, but nobody has put it into our terms; nothing is allowed."))
    return Imported(terms, tuple(_lost(canonical)), canonical, FORM)


@lru_cache(maxsize=1)
def _ids() -> tuple[str, ...]:
    """Returns the ids of licenses that the list knows, without its exceptions."""
    return tuple(key for key, symbol in _licensing().known_symbols.items() if not symbol.is_exception)


def _unknown(name: str, known: Iterable[str]) -> Exception:
    by_lower = {one.lower(): one for one in known if not one.startswith("LicenseRef-")}
    near = get_close_matches(name.lower(), by_lower, n=1)
    if not near:
        return unreadable(FORM, _("SPDX knows no “%(name)s”; look the id up at spdx.org/licenses."), name=shown(name))
    template = _("SPDX knows no “%(name)s”; did you mean %(near)s?")
    return unreadable(FORM, template, name=shown(name), near=by_lower[near[0]])


def software(name: str) -> Terms | None:
    """Return the terms of a license that software and data are usually under, None for one that we have not read."""
    terms = replace(READY["cc-by-4.0"], name=name.lower()[:NAME_LENGTH])
    if name in PERMISSIVE:
        return terms
    if name in UNCREDITED:
        return replace(terms, credit_required=False)
    if name in COPYLEFT:
        return replace(terms, share_alike=name)
    if name in BUNDLED:
        return replace(terms, share_alike="OFL-1.1", redistribution="in-product")
    return None


def every() -> Iterator[tuple[str, Terms]]:
    """Return every id whose terms we know, with them."""
    for license in cc.every():
        yield license.spdx, cc.terms_of(license)
    for name in sorted(PERMISSIVE | UNCREDITED | COPYLEFT | BUNDLED):
        terms = software(name)
        if terms:
            yield name, terms


def _nothing(name: str, template: str) -> Imported:
    lost = (loss("document", template, name=shown(name)),)
    return Imported(Terms(name=name.lower()[:NAME_LENGTH]), lost, name, FORM)


def _lost(name: str) -> Iterator[Loss]:
    if _PATENTS.search(name):
        yield loss("patents", _("Its clauses on patents are not carried over; terms do not speak of them."))
    if name not in UNCREDITED:
        yield loss("notices", _("The text of the license and its notices must be given along."))
    if name in COPYLEFT:
        yield loss("notices", _("The source must be given along with what is shared, as the license says."))


def _meet(parts: list[Imported]) -> Imported:
    """Return what all parts allow together."""
    named: Mapping[str, Imported] = {part.source: part for part in parts}
    composed = compose(Layer(name, name, part.terms) for name, part in named.items())
    for clash in clashes(composed):
        # Parts that allow nothing are no contradiction: together they allow nothing either.
        if clash.dimension not in ("territory", "fields", "media"):
            raise unreadable(FORM, clash.template, **clash.values)
    source = " AND ".join(named)
    values = {name: getattr(composed, name) for name in DIMENSIONS if hasattr(composed, name)}
    if values["derivatives"] != "share":
        values["share_alike"] = ""
    if values["redistribution"] == "none":
        values["sublicense_depth"] = 0
    if values["derivatives"] == "none" and values["ai_training"] == "share":
        values["ai_training"] = "own"
    terms = Terms(name=source.lower()[:NAME_LENGTH], **values)
    lost: list[Loss] = []
    for part in named.values():
        lost += [one for one in part.lost if one not in lost]
    return Imported(terms, tuple(lost), source, FORM)


def reference(terms: Terms) -> str:
    """Return the `LicenseRef-` under which SPDX names terms that it has no id for."""
    return "LicenseRef-Worldloom-" + (re.sub(r"[^A-Za-z0-9.]+", "-", terms.name).strip("-") or "terms")
