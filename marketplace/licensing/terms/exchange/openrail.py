"""The OpenRAIL family: open licenses of models whose use restrictions pass on to everything that is made with them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from marketplace.licensing.terms.exchange.base import Imported, Loss, Source, loss, shown, text_of, unreadable
from marketplace.licensing.terms.model import Terms, only
from marketplace.licensing.terms.ready import OPENRAIL_BANNED, READY
from marketplace.ui.words import gettext_noop as _

FORM = "openrail"
_BIGSCIENCE = OPENRAIL_BANNED | {"impersonation", "unlabeled-ai"}


@dataclass(frozen=True, slots=True)
class Rail:
    """A license of the family: the use restrictions in its Attachment A, and what else is peculiar to it."""

    banned: frozenset[str]
    research_only: bool = False
    cautious: bool = False


_CREATIVEML, _CAUTIOUS = Rail(OPENRAIL_BANNED), Rail(_BIGSCIENCE, cautious=True)
RAILS: Mapping[str, Rail] = {
    "openrail-m": _CREATIVEML,
    "creativeml-openrail-m": _CREATIVEML,
    "openrail++": _CREATIVEML,
    "creativeml-openrail++-m": _CREATIVEML,
    "bigscience-openrail-m": Rail(_BIGSCIENCE),
    "bigscience-bloom-rail-1.0": Rail(_BIGSCIENCE),
    "openrail": _CAUTIOUS,
    "openrail-s": _CAUTIOUS,
    "openrail-a": _CAUTIOUS,
    "openrail-d": _CAUTIOUS,
    "openrail-ms": _CAUTIOUS,
    "bigcode-openrail-m": _CAUTIOUS,
    "research-rail-m": Rail(_BIGSCIENCE, research_only=True, cautious=True),
}
"""By the id that model pages use; `openrail` alone says nothing of its restrictions, so that all known ones are."""
_ALSO = {
    "openrail++-m": "openrail++",
    "creativeml-open-rail-m": "creativeml-openrail-m",
    "creativeml-open-rail++-m": "creativeml-openrail++-m",
    "bigscience-rail-1.0": "bigscience-bloom-rail-1.0",
    "bigscience-open-rail-m": "bigscience-openrail-m",
    "bigcode-open-rail-m": "bigcode-openrail-m",
    "bigcode-open-rail-m-v1": "bigcode-openrail-m",
}
# What a line of Attachment A speaks of, by the words that all versions of it use.
_RESTRICTIONS: tuple[tuple[str, str], ...] = (
    ("crime", r"national, federal, state|applicable (?:laws?|national)|illegal (?:purpose|activit)"),
    ("harm-to-minors", r"\bminors\b"),
    ("deception", r"false information|misinformation|disinformation|materially distort"),
    ("privacy-violation", r"personal(?:ly)? (?:identifiable )?(?:information|data)"),
    ("defamation", r"\bdefame|\bdisparage"),
    ("harassment", r"\bharass|\bbully|\bstalk|\babuse"),
    ("automated-decisions", r"automated decision"),
    ("discrimination", r"discriminat|protected characteristics"),
    ("medical-advice", r"medical advice"),
    ("law-enforcement", r"law enforcement|administration of justice|immigration or asylum"),
    ("impersonation", r"impersonat"),
    ("unlabeled-ai", r"machine[ -]generated"),
    ("military", r"\bmilitary|\bwarfare"),
    ("weapons", r"\bweapon"),
    ("surveillance", r"surveil"),
    ("sexual", r"pornograph|nudity|sexually explicit"),
    ("spam", r"\bspam"),
)
_TITLE = re.compile(r"open\s?rail|\brail\b|responsible ai license", re.IGNORECASE)
_RESEARCH = re.compile(r"research[- ]only|research use only|non-?commercial", re.IGNORECASE)
_HEADING = re.compile(
    r"^[^\w\n]*(?:attachment a\b.*|use(?:-based)? restrictions[^\w\n]*(?:as referenced.*)?)$",
    re.IGNORECASE | re.MULTILINE,
)
_AGREE = re.compile(r"you agree not to use", re.IGNORECASE)
_END = re.compile(r"^[^\w\n]*(?:attachment [b-z]|appendix|end of)\b", re.IGNORECASE | re.MULTILINE)
_ITEM = re.compile(r"^[#|>\s]*(?:[-*•–]|\(?[a-z0-9]{1,3}[).])\s+", re.IGNORECASE)
_TITLE_CHARACTERS, _ATTACHMENT_CHARACTERS, _HEADINGS = 4000, 40_000, 20


def read(source: Source) -> Imported:
    """Return the terms of a license of the family, by its id or from its text; raise UnableToReadLicense."""
    text = text_of(source, FORM).strip()
    found = by_id(text)
    if found:
        return found
    if len(text) < 200 and "\n" not in text:
        template = _("“%(text)s” is no license of the OpenRAIL family that we know; give its full text.")
        raise unreadable(FORM, template, text=shown(text))
    return _from_text(text)


def by_id(name: str) -> Imported | None:
    """Return what the id of a model page or of ScanCode stands for, None where it is none of the family."""
    plain = name.strip().lower().removeprefix("licenseref-").removeprefix("scancode-").replace(" ", "-")
    plain = _ALSO.get(plain, plain)
    rail = RAILS.get(plain)
    if rail is None:
        return None
    lost = list(_always())
    if rail.cautious:
        template = _("The id does not say which uses are banned; all those are that the family knows.")
        lost.append(loss("banned", template))
    return Imported(terms_of(plain, rail), tuple(lost), plain, FORM)


def titles_itself(text: str) -> bool:
    """Return whether a text calls itself a license of the family in its first lines."""
    return bool(_TITLE.search(text[:_TITLE_CHARACTERS]))


def terms_of(name: str, rail: Rail) -> Terms:
    """Return the terms of a license of the family."""
    terms = replace(READY["openrail-m"], name=name, banned=rail.banned)
    return replace(terms, commercial="none", fields=only("research")) if rail.research_only else terms


def _from_text(text: str) -> Imported:
    """Return the terms of a license by its text: what Attachment A lists is banned, what is not understood is asked."""
    if not titles_itself(text):
        raise unreadable(FORM, _("The text does not call itself a license of the OpenRAIL family; check its title."))
    lines = _attachment(text)
    banned: set[str] = set()
    template = _("It was read from its Attachment A; the rest was taken to be as in the family.")
    lost = [loss("document", template), *_always()]
    for line in lines:
        words = {word for word, pattern in _RESTRICTIONS if re.search(pattern, line, re.IGNORECASE)}
        banned |= words
        if not words:
            template = _("There is no word for the restriction “%(line)s”; each use must be approved for its sake.")
            lost.append(loss("approval_required", template, line=shown(line)))
    research = bool(
        re.search(r"research[- ]only|research use only|non-?commercial", text[:_TITLE_CHARACTERS], re.IGNORECASE)
    )
    if research:
        lost.append(loss("commercial", _("It speaks of research alone in its first lines; nothing else is allowed.")))
    rail = Rail(frozenset(banned), research_only=research)
    asked = any(one.dimension == "approval_required" for one in lost)
    terms = replace(terms_of("openrail", rail), approval_required=asked)
    return Imported(terms, tuple(lost), "OpenRAIL", FORM)


def _attachment(text: str) -> list[str]:
    """Return the lines of the use restrictions; raise UnableToReadLicense where there are none."""
    starts = [match.end() for match in _HEADING.finditer(text)][-_HEADINGS:]
    agreed = next((m for start in reversed(starts) if (m := _AGREE.search(text, start, start + 4000))), None)
    if agreed is None:
        raise unreadable(FORM, _("The text has no list of use restrictions (Attachment A); give the full license."))
    rest = text[agreed.start() : agreed.start() + _ATTACHMENT_CHARACTERS]
    end = _END.search(rest)
    items: list[str] = []
    for line in rest[: end.start() if end else None].splitlines()[1:]:
        if _ITEM.match(line):
            items.append(_ITEM.sub("", line).strip())
        elif line.strip(" #|>"):
            # A line that goes on, or a restriction without a bullet.
            bare = line.strip(" #|>\t")
            if items and bare[:1].islower():
                items[-1] += f" {bare}"
            else:
                items.append(bare)
    if not items:
        raise unreadable(FORM, _("The text has no list of use restrictions (Attachment A); give the full license."))
    return items


def _always() -> Iterator[Loss]:
    yield loss("patents", _("It grants patents and reserves updates of the model, which terms do not speak of."))
    yield loss("notices", _("A copy of the license and of its restrictions must be given along."))
