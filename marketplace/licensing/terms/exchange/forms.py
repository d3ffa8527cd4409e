"""Read, write and recognize: the three questions that the rest of the house asks of other people's licenses."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from marketplace.licensing.terms.exchange import cawg, cc, civitai, odrl, openrail, pil, rsl, spdx, vrm
from marketplace.licensing.terms.exchange.base import (
    NAMES,
    SIZE_LIMIT_BYTES,
    Exported,
    Imported,
    Loss,
    Source,
    UnableToReadLicense,
    UnableToWriteLicense,
    differing,
    loss,
    named,
    object_of,
    shown,
    text_of,
    unreadable,
    wider,
)
from marketplace.licensing.terms.model import ContradictoryTerms, Terms
from marketplace.ui.words import gettext_noop as _

READERS: Mapping[str, Callable[[Source], Imported]] = {
    "spdx": spdx.read,
    "cc": cc.read,
    "openrail": openrail.read,
    "vrm": vrm.read,
    "civitai": civitai.read,
    "pil": pil.read,
}
"""The forms that licenses are read from."""
_JSON, _TEXT = "application/json", "text/plain"
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.{0,65536}?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_CARD_LICENSE = re.compile(r"^license[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_CARD_ITEM = re.compile(r"[ \t]*-[ \t]+(.+)")
# Ids of model cards that are none of SPDX.
_CARD_IDS = {"odc-by": "ODC-By-1.0", "pddl": "PDDL-1.0", "c-uda": "C-UDA-1.0", "lgpl-lr": "LGPLLR"}
_CARD_NO_ANSWER = frozenset({"", "other", "unknown", "cc"})


def read(source: Source, form: str = "") -> Imported:
    """Return the terms of somebody's license, and what was lost; without a form it is found out.

    A source is the file, its text, an id, or JSON that was read already. What is not said is not allowed. Raise
    UnableToReadLicense, with one sentence.
    """
    if form and form not in READERS:
        raise unreadable(form, _("Licenses cannot be read from “%(form)s”."), form=shown(form))
    source = _whole(source)
    source, card = _of_card(source)
    form = form or detect(source)
    try:
        found = READERS[form](source)
    except ContradictoryTerms as error:
        raise UnableToReadLicense(form, error.template, error.values) from None
    return replace(found, lost=(*found.lost, *card))


def detect(source: Source) -> str:
    """Return the form of a license; raise UnableToReadLicense where it is none that we know."""
    source, _lost = _of_card(_whole(source))
    if isinstance(source, bytes) and source.startswith(b"glTF"):
        return "vrm"
    text = "" if isinstance(source, Mapping) else text_of(source, "").strip()
    if isinstance(source, Mapping) or text.startswith(("{", "[")):
        return _form_of_object(object_of(source if isinstance(source, Mapping) else text, ""))
    return _form_of_text(text)


def _whole(source: Source) -> Source:
    """Returns short bytes as text, so that an id is an id whichever way it came."""
    if isinstance(source, bytes) and not source.startswith(b"glTF") and len(source) <= SIZE_LIMIT_BYTES:
        return text_of(source, "")
    return source


def _form_of_object(said: Mapping[str, Any]) -> str:
    # Civitai's flags and Story's terms are told by their own names, VRM's by more general ones.
    for form, looks_so in (("civitai", civitai.looks_so), ("pil", pil.looks_so), ("vrm", vrm.looks_so)):
        if looks_so(said):
            return form
    if any(name.removeprefix("cc:") in ("license", "permits") or name.endswith(":license") for name in said):
        return "cc"
    if isinstance(said.get("model"), Mapping) and civitai.looks_so(said["model"]):
        return "civitai"
    raise unreadable("", _("The JSON is no license that we know: of VRM, Civitai, Story or Creative Commons."))


def _form_of_text(text: str) -> str:
    short = len(text) < 200 and "\n" not in text
    if short and openrail.by_id(text):
        return "openrail"
    if short and pil.flavor_of(text):
        return "pil"
    if spdx.is_titled(text):
        return "spdx"
    if not short and openrail.titles_itself(text):
        return "openrail"
    if cc.speaks_of(text):
        return "cc"
    if short:
        return "spdx"
    template = _("This is no license that we know; give an SPDX id, or that of a VRM, of Civitai or of Story.")
    raise unreadable("", template)


def _of_card(source: Source) -> tuple[Source, tuple[Loss, ...]]:
    """Return the license that the front matter of a model card names, or the source as it is."""
    if not isinstance(source, str) or not (found := _FRONT_MATTER.match(source)):
        return source, ()
    lines = found[1].splitlines()
    names = [match[1] for match in _CARD_LICENSE.finditer(found[1])]
    if len(names) != 1:
        raise unreadable("", _("The model card does not say “license:” once; say it there, once."))
    if not names[0].strip():
        after = next(place for place, line in enumerate(lines) if _CARD_LICENSE.match(line))
        names = list(_items(lines[after + 1 :]))
    names = [name.split(" #")[0].strip().strip("\"'") for name in names]
    if len(names) == 1 and names[0].startswith("["):
        names = [name.strip(" \"'") for name in names[0].strip("[]").split(",")]
    if len(names) != 1:
        raise unreadable("", _("The model card names several licenses; give the one that you choose."))
    if names[0].lower() in _CARD_NO_ANSWER:
        template = _("The model card says “license: %(name)s”, which names none; give the license itself.")
        raise unreadable("", template, name=shown(names[0]))
    template = _("It was read from the model card; a license file beside it was not.")
    return _CARD_IDS.get(names[0].lower(), names[0]), (loss("document", template),)


def _items(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        item = _CARD_ITEM.fullmatch(line)
        if not item:
            return
        yield item[1]


def write(terms: Terms, form: str, *, subject: str = "", language: str = "en") -> Exported:
    """Return the terms in somebody else's form, and what was lost: never more than the terms allow.

    `subject` is the address of what is licensed, or of the full terms. Raise UnableToWriteLicense where the form has
    no license that allows as little, and UnableToReadLicense for a form that nobody writes.
    """
    if form in _WRITERS:
        return _WRITERS[form](terms, subject, language)
    if form not in READERS:
        raise unreadable(form, _("Licenses cannot be written as “%(form)s”."), form=shown(form))
    if form not in _CANDIDATES:
        return _known(terms, form)
    return _nearest(terms, form, _CANDIDATES[form](terms, subject))


_WRITERS: Mapping[str, Callable[[Terms, str, str], Exported]] = {
    "odrl": odrl.write,
    "cawg": cawg.write,
    "rsl": rsl.write,
}
_CANDIDATES: Mapping[str, Callable[[Terms, str], Iterator[str]]] = {
    "vrm": vrm.candidates,
    "civitai": civitai.candidates,
    "pil": pil.candidates,
}
WRITTEN = (*READERS, *_WRITERS)
"""The forms that terms are written in."""


@lru_cache(maxsize=4)
def _licenses(form: str) -> tuple[tuple[str, Terms], ...]:
    """Returns every license of a form that has names for them, by its name."""
    if form == "openrail":
        return tuple((name, openrail.terms_of(name, rail)) for name, rail in openrail.RAILS.items())
    return tuple((one.address, cc.terms_of(one)) for one in cc.every()) if form == "cc" else tuple(spdx.every())


def _known(terms: Terms, form: str) -> Exported:
    """Return the license that differs the least from the terms among those that allow no more, ties in their order."""
    within = [(len(differing(terms, known)), name) for name, known in _licenses(form) if not wider(known, terms)]
    if within:
        name = min(within, key=lambda one: one[0])[1]
        return Exported(name, _TEXT, named([], terms, dict(_licenses(form))[name], form), form)
    if form == "spdx":
        name = spdx.reference(terms)
        template = _("SPDX has no id for these terms; %(name)s stands for their text, which must be given along.")
        lost = [loss("document", template, name=name)]
        return Exported(name, _TEXT, named(lost, terms, Terms(name=terms.name), form), form)
    raise UnableToWriteLicense(form, _excess(form, _least_wide(terms, (known for _name, known in _licenses(form)))))


def _nearest(terms: Terms, form: str, candidates: Iterable[str]) -> Exported:
    """Return the first candidate that, read back, allows no more than the terms."""
    read_back: list[Terms] = []
    for text in candidates:
        back = READERS[form](text).terms
        if not wider(back, terms):
            return Exported(text, _JSON, named([], terms, back, form), form)
        read_back.append(back)
    raise UnableToWriteLicense(form, _excess(form, _least_wide(terms, read_back)))


def _least_wide(terms: Terms, others: Iterable[Terms]) -> tuple[str, ...]:
    return min((wider(other, terms) for other in others), key=len)


def _excess(form: str, dimensions: Iterable[str]) -> Iterator[Loss]:
    for dimension in dimensions:
        yield loss(dimension, _("%(form)s would allow more than these terms do here."), form=NAMES[form])
