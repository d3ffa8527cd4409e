"""Plain decisions about packs: what a release may say, and how it is found."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from marketplace.payouts.splitting import ABSOLUTE, MODES, RELATIVE, listed_shares
from marketplace.ui.words import Written

COMPOSITION = "composition"
"""The kind of a release whose contents are other releases."""
SERVICE = "service"
"""The kind of an element that a provider makes on request instead of delivering files."""
PACK_KINDS = ("world", "characters", "style", "model", "prompts", COMPOSITION)
_MADE = ("character", "creature", "plant", "landform", "scene", "style", "model", "prompt-set", "motion")
ELEMENT_KINDS = (*_MADE, SERVICE)
LANGUAGES = ("en", "zh-Hans")
FILE_ROLES = ("content", "preview")
MADE_BY = ("human", "ai-assisted", "ai")
AI_TRAINING = ("not-allowed", "with-license")
BASE_MODELS = ("", "sd15", "sdxl", "sd3", "flux1")
WHOLE_PPB = 1_000_000_000
FILES_LIMIT = 200
TAGS_LIMIT = 20

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
# Semantic Versioning 2.0.0, section 2, without pre-release and build: a release is what is sold.
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")
_REFERENCE = re.compile(r"([a-z0-9-]{1,40})/([a-z0-9-]{1,40})@(\d+\.\d+\.\d+)")


@dataclass(frozen=True)
class DraftElement:
    """One thing in a release, and the files that it is made of."""

    name: str
    kind: str
    title: Mapping[str, str]
    files: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True)
class DraftFile:
    """One file by its path in the release; a preview is public, content is licensed."""

    path: str
    role: str = "content"


@dataclass(frozen=True)
class DraftParent:
    """A published release that this one is made with, and its share: relative, or absolute (docs/formats/split.md)."""

    creator: str
    pack: str
    version: str
    share_ppb: int
    mode: str = RELATIVE

    @property
    def reference(self) -> str:
        return f"{self.creator}/{self.pack}@{self.version}"


@dataclass(frozen=True)
class Draft:
    """What a creator says about a release before it is one; `of` names another, under whose name the pack stands."""

    handle: str
    version: str
    kind: str
    title: Mapping[str, str]
    summary: Mapping[str, str]
    files: tuple[DraftFile, ...]
    cover: str
    elements: tuple[DraftElement, ...] = ()
    tags: tuple[str, ...] = ()
    base_model: str = ""
    made_by: str = "human"
    ai_training: str = "not-allowed"
    split: Mapping[str, int] = field(default_factory=dict)
    derived_from: tuple[DraftParent, ...] = ()
    of: str = ""


def gettext_noop(message: str) -> str:
    """This will mark a sentence for translation; whoever shows it translates the template and fills in the values."""
    return message


@dataclass(frozen=True)
class Finding:
    """One thing that stands in the way of publication: where, and a sentence about it."""

    where: str
    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The sentence in English."""
        return self.template % self.values if self.values else self.template


def is_version(text: str) -> bool:
    """This will tell whether `text` is a released version: MAJOR.MINOR.PATCH (Semantic Versioning 2.0.0, section 2)."""
    return bool(_VERSION.fullmatch(text))


def version_key(text: str) -> tuple[int, int, int]:
    """This will order versions by number (Semantic Versioning 2.0.0, section 11)."""
    major, minor, patch = (int(part) for part in text.split("."))
    return major, minor, patch


def parse_reference(text: str) -> tuple[str, str, str] | None:
    """This will read `creator/pack@version`, or return None."""
    match = _REFERENCE.fullmatch(text)
    return (match[1], match[2], match[3]) if match and is_version(match[3]) else None


_ = gettext_noop


# Signs that hide, reorder or end a line; the joiner of emoji is the one exception.
_HIDING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINER = "\u200d"


def _hides(text: str, *, lines: bool = False) -> bool:
    allowed = {_JOINER, "\n"} if lines else {_JOINER}
    return any(unicodedata.category(sign) in _HIDING and sign not in allowed for sign in text)


def _is_seen(text: str) -> bool:
    return any(unicodedata.category(sign)[0] in "LNPS" for sign in text)


def _names(where: str, texts: Mapping[str, str], limit: int, needed: bool) -> Iterable[Finding]:
    if needed and not any(_is_seen(text) for text in texts.values()):
        yield Finding(where, _("A title is missing: write it in English, in Chinese or in both."))
    for language, text in texts.items():
        values = {"field": where, "language": language[:20], "limit": limit}
        if language not in LANGUAGES:
            yield Finding(where, _("The %(field)s is in “%(language)s”: use en or zh-Hans."), values)
        elif len(text) > limit:
            sentence = _("The %(field)s in %(language)s is longer than %(limit)s characters: shorten it.")
            yield Finding(where, sentence, values)
        elif _hides(text, lines=not needed):
            sentence = _("The %(field)s in %(language)s holds control or invisible characters: take them out.")
            yield Finding(where, sentence, values)


def _short(where: str, texts: Sequence[str], limit: int, most: int) -> Iterable[Finding]:
    """Checks a list of short texts: tags, or trigger words."""
    if len(texts) > most:
        text = _("%(count)s %(field)s are too many: keep at most %(limit)s.")
        yield Finding(where, text, {"count": len(texts), "field": where, "limit": most})
    for text in texts[:most]:
        if not _is_seen(text) or len(text) > limit or _hides(text):
            sentence = _("“%(text)s” cannot stand among the %(field)s: use 1 to %(limit)s visible characters.")
            yield Finding(where, sentence, {"text": ascii(text[:40])[1:-1], "field": where, "limit": limit})


def _words_ok(draft: Draft) -> Iterable[Finding]:
    if not _SLUG.fullmatch(draft.handle) or "--" in draft.handle:
        text = _("“%(handle)s” cannot be a pack's handle: use 1 to 40 of a–z, 0–9 and single inner hyphens.")
        yield Finding("handle", text, {"handle": draft.handle[:60]})
    if not is_version(draft.version):
        text = _("“%(version)s” is not a version: write three numbers, as in 1.0.0.")
        yield Finding("version", text, {"version": draft.version[:40]})
    for name, value, known in (
        ("kind", draft.kind, PACK_KINDS),
        ("made_by", draft.made_by, MADE_BY),
        ("ai_training", draft.ai_training, AI_TRAINING),
        ("base_model", draft.base_model, BASE_MODELS),
    ):
        if value not in known:
            choices = ", ".join(word for word in known if word)
            text = _("“%(value)s” is not a known value of %(field)s: use one of %(choices)s.")
            yield Finding(name, text, {"value": value[:40], "field": name, "choices": choices})
    yield from _names("title", draft.title, 120, needed=True)
    yield from _names("summary", draft.summary, 2000, needed=False)
    yield from _short("tags", draft.tags, 40, TAGS_LIMIT)


def _files_ok(draft: Draft) -> Iterable[Finding]:
    roles = {file.path: file.role for file in draft.files}
    if not roles:
        yield Finding("files", _("The release has no files: add at least a cover and one file of content."))
        return
    if len(draft.files) > FILES_LIMIT:
        text = _("%(count)s files are too many: a release holds at most %(limit)s.")
        yield Finding("files", text, {"count": len(draft.files), "limit": FILES_LIMIT})
    for file in draft.files:
        if file.role not in FILE_ROLES:
            text = _("The role “%(role)s” of %(path)s is unknown: use content or preview.")
            yield Finding("files", text, {"role": file.role[:40], "path": file.path})
    if draft.cover not in roles:
        text = _("The cover “%(path)s” is not among the files of the release: name one of them.")
        yield Finding("cover", text, {"path": draft.cover})
    elif roles[draft.cover] != "preview":
        text = _("The cover %(path)s must have the role preview, since everybody sees it.")
        yield Finding("cover", text, {"path": draft.cover})
    if "content" not in roles.values():
        text = _("Every file is a public preview, so there is nothing to license: mark some as content.")
        yield Finding("files", text)


def _elements_ok(draft: Draft) -> Iterable[Finding]:
    paths = {file.path for file in draft.files}
    seen: set[str] = set()
    if len(draft.elements) > FILES_LIMIT:
        text = _("%(count)s elements are too many: a release holds at most %(limit)s.")
        yield Finding("elements", text, {"count": len(draft.elements), "limit": FILES_LIMIT})
    for element in draft.elements[:FILES_LIMIT]:
        where = f"element {element.name}"
        values = {"name": element.name[:60]}
        if not _SLUG.fullmatch(element.name):
            text = _("“%(name)s” cannot name an element: use 1 to 40 of a–z, 0–9 and inner hyphens.")
            yield Finding(where, text, values)
        if element.name in seen:
            yield Finding(where, _("Two elements are named %(name)s: names are unique in a release."), values)
        seen.add(element.name)
        if element.kind not in ELEMENT_KINDS:
            text = _("“%(kind)s” is not a kind of element: use one of %(choices)s.")
            yield Finding(where, text, {"kind": element.kind[:40], "choices": ", ".join(ELEMENT_KINDS)})
        for found in _names("title", element.title, 120, needed=True):
            yield Finding(where, found.template, found.values)
        yield from (Finding(where, f.template, f.values) for f in _short("triggers", element.triggers, 80, TAGS_LIMIT))
        for path in element.files:
            if path not in paths:
                text = _("The element %(name)s names %(path)s, which is not a file of the release.")
                yield Finding(where, text, {**values, "path": path})


def _shares_ok(draft: Draft) -> Iterable[Finding]:
    for creator, share in draft.split.items():
        if share < 1:
            text = _("The share of %(creator)s is %(share)s parts per billion: it must be at least 1.")
            yield Finding("split", text, {"creator": creator, "share": share})
    if draft.split and sum(draft.split.values()) != WHOLE_PPB:
        text = _("The shares add up to %(sum)s parts per billion: they must add up to %(whole)s.")
        yield Finding("split", text, {"sum": sum(draft.split.values()), "whole": WHOLE_PPB})
    seen: set[tuple[str, str]] = set()
    for parent in draft.derived_from:
        values = {"parent": parent.reference, "share": parent.share_ppb, "whole": WHOLE_PPB}
        if not 1 <= parent.share_ppb < WHOLE_PPB:
            text = _(
                "The share of %(parent)s is %(share)s parts per billion: it must be at least 1 and below %(whole)s."
            )
            yield Finding("derived_from", text, values)
        if parent.mode not in MODES:
            text = _("“%(mode)s” is no way in which %(parent)s has its share: use relative or absolute.")
            yield Finding("derived_from", text, {"mode": parent.mode[:40], "parent": parent.reference})
        if (parent.creator, parent.pack) in seen:
            yield Finding("derived_from", _("The pack of %(parent)s is named twice as a parent."), values)
        seen.add((parent.creator, parent.pack))
    relative = [(parent.reference, parent.share_ppb) for parent in draft.derived_from if parent.mode != ABSOLUTE]
    if (taken_ppb := sum(share for _name, share in relative)) >= WHOLE_PPB:
        over = _("The relative shares are %(sum)s together (%(shares)s): they must stay below the whole.")
        text = over if taken_ppb > WHOLE_PPB else _("%(shares)s leave nothing for this release: agree on less.")
        yield Finding("derived_from", text, {"sum": Written("share", taken_ppb), "shares": listed_shares(relative)})


def findings_in(draft: Draft) -> list[Finding]:
    """This will list everything in a draft that stands in the way of publication, without looking at bytes."""
    return [*_words_ok(draft), *_files_ok(draft), *_elements_ok(draft), *_shares_ok(draft)]


def digest(data: bytes) -> str:
    """This will name bytes: SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+")
_WORD = re.compile(r"[^\W_]+")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def search_terms(text: str, *, single: bool = False) -> list[str]:
    """This will cut text into the words by which it is found.

    Runs of Han become overlapping pairs (with `single`, each sign too), since Chinese is written without spaces;
    everything else is cut at the edges of words.
    """
    terms: list[str] = []
    for word in _WORD.findall(_plain(text)):
        position = 0
        for run in _HAN.finditer(word):
            if run.start() > position:
                terms.append(word[position : run.start()])
            signs = run.group()
            terms.extend(signs[i : i + 2] for i in range(len(signs) - 1))
            if single or len(signs) == 1:
                terms.extend(signs)
            position = run.end()
        if position < len(word):
            terms.append(word[position:])
    return terms


def search_query(text: str) -> str:
    """This will write a query for PostgreSQL's `to_tsquery('simple', …)`: all words, the last one also as a beginning.

    An empty string means that there is nothing to look for. At most 12 words count.
    """
    parts: list[str] = []
    words = _WORD.findall(_plain(text))[:12]
    for place, word in enumerate(words):
        terms = search_terms(word)
        beginning = ":*" if place == len(words) - 1 and not _HAN.search(word) else ""
        parts.append(" & ".join(f"'{term}'{beginning}" for term in terms))
    return " & ".join(part for part in parts if part)
