"""Which languages prompts are in, guessed from their scripts alone."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
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


def languages(texts: Iterable[str]) -> list[str]:
    """Return the languages of the prompts, most frequent first, guessed from their scripts alone.

    Each prompt counts for the script with the most words, a Han character being a word. Latin letters are
    taken for English; "und" stands for a prompt without letters.
    """
    found = Counter(_language_of(text) for text in texts)
    return sorted(found, key=lambda language: (-found[language], language))


def _language_of(text: str) -> str:
    if text.isascii():
        return "en" if _LATIN_WORD.search(text) else "und"
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
