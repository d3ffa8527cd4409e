"""Prompt sets: one prompt a line, or JSON; strict UTF-8, nothing invisible, nothing endless."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Any, BinaryIO

from assets.inspectors.base import FACTS_FORMAT, Inspection, Limits, refused, shown_name
from assets.inspectors.strict_json import read_json

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


def inspect_text(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a text file whose every non-blank line is a prompt; raise Refused."""
    lines = _read_text(file, limits).split("\n")
    prompts = [(f"line {number}", line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    return _inspection(TEXT_MEDIA_TYPE, prompts, (), limits)


def inspect_json(file: BinaryIO, limits: Limits) -> Inspection:
    """Return the facts of a JSON prompt set; raise Refused.

    The set is a list of strings, or an object whose "prompts" is a list of strings and objects with a "text"
    and, when known, a "lang" (BCP 47).
    """
    value = read_json(_read_text(file, limits), depth=limits.json_depth, where="the JSON")
    _check_strings(value)
    if isinstance(value, dict):
        items, path = value.get("prompts"), "prompts"
    else:
        items, path = value, ""
    if not isinstance(items, list):
        raise refused("prompts-shape", 'the JSON must be a list, or an object with a list "prompts".', "prompts")
    prompts: list[tuple[str, str]] = []
    claimed: set[str] = set()
    for index, item in enumerate(items):
        place = f"{path}[{index}]"
        if isinstance(item, dict) and path:
            if "lang" in item:
                claimed.add(_language(item["lang"], f"{place}.lang"))
            place, item = f"{place}.text", item.get("text")
        if not isinstance(item, str) or not item.strip():
            raise refused("prompts-shape", f"{place} must be text that is not empty.", place)
        prompts.append((place, item.strip()))
    return _inspection(JSON_MEDIA_TYPE, prompts, sorted(claimed), limits)


def _read_text(file: BinaryIO, limits: Limits) -> str:
    data = file.read(limits.prompts_bytes + 1)
    if len(data) > limits.prompts_bytes:
        message = f"the prompt set is larger than {limits.prompts_bytes} bytes."
        raise refused("file-too-large", message, f"offset {limits.prompts_bytes}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"offset {error.start}"
        message = f"the text is not UTF-8 at {place}; save it as UTF-8."
        raise refused("text-not-utf8", message, place) from None
    _check_characters(text, "")
    return text


def _check_characters(text: str, place: str) -> None:
    if match := _FORBIDDEN.search(text):
        at = place or f"line {text.count(chr(10), 0, match.start()) + 1}"
        message = f"{at} holds the hidden or control character U+{ord(match.group()[0]):04X}; remove it."
        raise refused("text-forbidden-character", message, at)


def _check_strings(value: Any, place: str = "") -> None:
    """Refuse a string anywhere in `value` that spells by escapes what the text itself may not hold."""
    if isinstance(value, str):
        _check_characters(value, place or "the JSON")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_strings(item, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_characters(key, f"a key of {place or 'the JSON'}")
            _check_strings(item, f"{place}.{shown_name(key, 40)}" if place else shown_name(key, 40))


def _language(value: object, place: str) -> str:
    if not isinstance(value, str) or not _LANGUAGE_TAG.fullmatch(value):
        raise refused("prompts-language", f'{place} must be a BCP 47 tag such as "zh-Hans".', place)
    return value


def _inspection(media_type: str, prompts: list[tuple[str, str]], claimed: Iterable[str], limits: Limits) -> Inspection:
    if not prompts:
        raise refused("prompts-empty", "the file holds no prompt.", "")
    if len(prompts) > limits.prompts:
        message = f"the file holds {len(prompts)} prompts, the limit is {limits.prompts}."
        raise refused("prompts-too-many", message, "")
    for place, prompt in prompts:
        if len(prompt) > limits.prompt_characters:
            message = f"{place} has {len(prompt)} characters, the limit is {limits.prompt_characters}."
            raise refused("prompt-too-long", message, place)
    texts = [prompt for _, prompt in prompts]
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
