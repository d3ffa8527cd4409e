"""Prompt sets: one prompt a line, or JSON; strict UTF-8, nothing invisible, nothing endless."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Any, BinaryIO

from assets.inspectors.base import FACTS_FORMAT, Inspection, Limits, refused, shown_name
from assets.inspectors.strict_json import read_json
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

TEXT_MEDIA_TYPE = "text/plain"
JSON_MEDIA_TYPE = "application/json"

# Bidirectional embeddings, overrides and isolates; tag characters; non-characters; the byte-order mark.
_FORBIDDEN = re.compile(
    "[\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\U000e0000-\U000e007f]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    "|[\u2028\u2029]|[\ud800-\udfff]|\r(?!\n)"
)
_VARIABLE = re.compile(r"(?<![\\$])\{([^\W\d]\w{0,63})\}")
_WILDCARD = re.compile(r"__([^\W_](?:[\w/.*-]{0,126}?[^\W_])?)__")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_SCRIPTS = {
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CYRILLIC": "und-Cyrl",
    "ARABIC": "und-Arab",
    "HEBREW": "und-Hebr",
    "GREEK": "el",
    "THAI": "th",
    "DEVANAGARI": "und-Deva",
}
_NAMES_SHOWN = 200
_WHOLE = Words(_("the JSON"))
_LINE = _("line %(number)s")

Place = str | Words
"""Where in a file: a path into its JSON, or words for a line."""


def inspect_text(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a text file whose every non-blank line is a prompt; raise Refused."""
    lines = _read_text(file, limits).split("\n")
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    prompts: list[tuple[Place, str]] = [(Words(_LINE, {"number": number}), line) for number, line in numbered]
    return _inspection(TEXT_MEDIA_TYPE, prompts, (), limits)


def inspect_json(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a JSON prompt set; raise Refused.

    The set is a list of strings, or an object whose "prompts" is a list of strings and objects with a "text"
    and, when known, a "lang" (BCP 47).
    """
    value = read_json(_read_text(file, limits), depth=limits.json_depth, where=_WHOLE)
    _check_strings(value)
    if isinstance(value, dict):
        items, path = value.get("prompts"), "prompts"
    else:
        items, path = value, ""
    if not isinstance(items, list):
        raise refused("prompts-shape", _('the JSON must be a list, or an object with a list "prompts".'), "prompts")
    prompts: list[tuple[Place, str]] = []
    claimed: set[str] = set()
    for index, item in enumerate(items):
        place = f"{path}[{index}]"
        if isinstance(item, dict) and path:
            if "lang" in item:
                claimed.add(_language(item["lang"], f"{place}.lang"))
            place, item = f"{place}.text", item.get("text")
        if not isinstance(item, str) or not item.strip():
            raise refused("prompts-shape", _("%(place)s must be text that is not empty."), place, place=place)
        prompts.append((place, item.strip()))
    return _inspection(JSON_MEDIA_TYPE, prompts, sorted(claimed), limits)


def _read_text(file: BinaryIO, limits: Limits) -> str:
    data = file.read(limits.prompts_bytes + 1)
    if len(data) > limits.prompts_bytes:
        template = _("the prompt set is larger than %(limit)s bytes.")
        place = f"offset {limits.prompts_bytes}"
        raise refused("file-too-large", template, place, limit=limits.prompts_bytes)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        template = _("the text is not UTF-8 at offset %(offset)s; save it as UTF-8.")
        raise refused("text-not-utf8", template, f"offset {error.start}", offset=error.start) from None
    _check_characters(text, "")
    return text


def _check_characters(text: str, place: Place) -> None:
    if match := _FORBIDDEN.search(text):
        at = place or Words(_LINE, {"number": text.count(chr(10), 0, match.start()) + 1})
        template = _("%(place)s holds the hidden or control character %(character)s; remove it.")
        character = f"U+{ord(match.group()[0]):04X}"
        raise refused("text-forbidden-character", template, str(at), place=at, character=character)


def _check_strings(value: Any, place: str = "") -> None:
    """Refuse a string anywhere in `value` that spells by escapes what the text itself may not hold."""
    if isinstance(value, str):
        _check_characters(value, place or _WHOLE)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_strings(item, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_characters(key, Words(_("a key of %(place)s"), {"place": place or _WHOLE}))
            _check_strings(item, f"{place}.{shown_name(key, 40)}" if place else shown_name(key, 40))


def _language(value: object, place: str) -> str:
    if not isinstance(value, str) or not _LANGUAGE_TAG.fullmatch(value):
        raise refused("prompts-language", _('%(place)s must be a BCP 47 tag such as "zh-Hans".'), place, place=place)
    return value


def _inspection(
    media_type: str, prompts: list[tuple[Place, str]], claimed: Iterable[str], limits: Limits
) -> Inspection:
    if not prompts:
        raise refused("prompts-empty", _("the file holds no prompt."))
    if len(prompts) > limits.prompts:
        template = _("the file holds %(count)s prompts, the limit is %(limit)s.")
        raise refused("prompts-too-many", template, count=len(prompts), limit=limits.prompts)
    for place, prompt in prompts:
        if len(prompt) > limits.prompt_characters:
            template = _("%(place)s has %(count)s characters, the limit is %(limit)s.")
            values = {"count": len(prompt), "limit": limits.prompt_characters}
            raise refused("prompt-too-long", template, str(place), place=place, **values)
    texts = [prompt for _place, prompt in prompts]
    return Inspection(
        media_type,
        {
            "format": FACTS_FORMAT,
            "kind": "prompts",
            "prompts": len(texts),
            "characters": sum(map(len, texts)),
            "languages": languages(texts),
            "claimed_languages": list(claimed),
            "variables": _names(_VARIABLE, texts),
            "wildcards": _names(_WILDCARD, texts),
        },
    )


def _names(pattern: re.Pattern[str], texts: list[str]) -> list[str]:
    """Return the distinct names that `pattern` finds, sorted, the first 200."""
    return sorted({name for text in texts for name in pattern.findall(text)})[:_NAMES_SHOWN]


def languages(texts: list[str]) -> list[str]:
    """Return the languages of the prompts, most frequent first, guessed from their scripts alone.

    Each prompt counts for the script with the most words, a Han character being a word. Latin letters are
    taken for English; "und" stands for a prompt without letters.
    """
    found = Counter(_language_of(text) for text in texts)
    return sorted(found, key=lambda language: (-found[language], language))


def _language_of(text: str) -> str:
    words = Counter({"en": len(_LATIN_WORD.findall(text))})
    han = [c for c in text if "\u3400" <= c <= "\u9fff" or "\U00020000" <= c <= "\U0003ffff"]
    for c in text:
        if ord(c) > 0x24F and c.isalpha():
            words[_SCRIPTS.get(unicodedata.name(c, "").split(" ")[0], "other")] += 1
    words["other"] -= len(han)
    if words["ja"] and han:
        words["ja"] += len(han)
    else:
        words[_chinese(han)] += len(han)
    language, count = max(words.items(), key=lambda item: (item[1], item[0]))
    if count <= 0:
        return "und"
    return "und" if language == "other" else language


def _chinese(han: list[str]) -> str:
    """Return zh-Hant when more characters are in Big5 alone than in GB 2312 alone, else zh-Hans."""
    simplified = sum(_encodes(c, "gb2312") and not _encodes(c, "big5") for c in han)
    traditional = sum(_encodes(c, "big5") and not _encodes(c, "gb2312") for c in han)
    return "zh-Hant" if traditional > simplified else "zh-Hans"


def _encodes(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
