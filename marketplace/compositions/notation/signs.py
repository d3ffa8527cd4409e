"""The signs of a recipe's text: which are structure in which script, which are blank, and which may not be there."""

import re
import unicodedata

ESCAPABLE = frozenset("@|[]{}#!%$_-\\")
"""What a backslash before it makes plain text, also in its full-width form."""
COMMAS = ",，、"
NAME_LIMIT = 40
_BLANKS = " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES = "—–―−"
# What Chinese keyboards write where others have [, ] and $.
_KEYS = {"【": "[", "】": "]", "￥": "$", "¥": "$"}
# Every full-width form but that of the backslash, which Chinese texts do not mean as an escape.
_FOLDS = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if code != 0xFF3C}
    | dict.fromkeys(_BLANKS, " ")
    | dict.fromkeys(_DASHES, "-")
    | _KEYS
)
_ESCAPABLE_FORMS = "".join({*ESCAPABLE, *(chr(code) for code, sign in _FOLDS.items() if sign in ESCAPABLE)})
_ESCAPE = re.compile(rf"\\([{re.escape(_ESCAPABLE_FORMS)}])")
# Controls but the tab, separators of lines, halves of characters, and signs that turn the order of what follows.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
# What takes no room: fine in a prompt, where emoji and some scripts need it, and never in structure.
HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_ASCII_NAME = re.compile(r"[A-Za-z0-9_-]+")
_JOINED_NAME = re.compile(r"(?:[A-Za-z0-9-]|_(?!_))+")
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def fold(line: str) -> str:
    """This will write structure in ASCII, sign by sign: the same places hold the same things in both scripts."""
    return line.replace("\t", " ") if line.isascii() else line.translate(_FOLDS)


def strip_blanks(text: str) -> str:
    """This will take blanks of any kind off both ends."""
    return text.strip(_BLANKS)


def strip_prompt(text: str) -> str:
    """This will take blanks and commas off both ends, as a prompt is kept."""
    return text.strip(_BLANKS + COMMAS)


def skip(folded: str, place: int, signs: str = " ") -> int:
    """This will return the next place at which none of `signs` stands."""
    while place < len(folded) and folded[place] in signs:
        place += 1
    return place


def name_end(text: str, place: int, *, joined: bool = False) -> int:
    """This will return where a name that begins at `place` ends: letters, digits and marks of any script, - and _.

    With `joined`, two underscores in a row end it: that is how a wildcard is closed.
    """
    pattern = _JOINED_NAME if joined else _ASCII_NAME
    while place < len(text):
        match = pattern.match(text, place)
        if match:
            place = match.end()
        elif _is_word(text[place]):
            place += 1
        else:
            break
    return place


def _is_word(sign: str) -> bool:
    if sign.isascii() or HIDDEN.match(sign):
        return False
    return sign.isalnum() or unicodedata.category(sign) in ("Mn", "Mc")


def normal(name: str) -> str:
    """This will write a name so that what looks the same is the same (Unicode NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def same(name: str) -> str:
    """This will write a name so that upper and lower case are the same."""
    return normal(normal(name).casefold())


def hidden_in(text: str) -> int:
    """This will return where the first sign that takes no room stands, or -1."""
    match = None if text.isascii() else HIDDEN.search(text)
    return match.start() if match else -1


def escaped(text: str) -> str:
    """This will write any text of one line as a prompt that says exactly this."""
    return "".join("\\" + sign if fold(sign) in ESCAPABLE else sign for sign in text)


def plain(prompt: str) -> str:
    """This will take the backslashes of escapes away."""
    # Parting keeps what the group has, without a call for each as sub makes it.
    return "".join(_ESCAPE.split(prompt)) if "\\" in prompt else prompt
