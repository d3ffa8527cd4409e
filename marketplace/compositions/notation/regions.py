"""What stands in brackets and braces at a layer: `[box 0,0,0.5,1]`, `{strength=0.8}`."""

import re
from collections.abc import Mapping

from marketplace.compositions.notation.findings import closest, shown
from marketplace.compositions.notation.model import BOX, FULL, MASK, MILLION, REST, Region
from marketplace.compositions.notation.numbers import between, read_decimal, write_decimal
from marketplace.compositions.notation.refs import Line
from marketplace.compositions.notation.signs import HIDDEN, hidden_in, normal, skip, strip_blanks
from marketplace.ui.words import gettext_noop as _

WORDS: Mapping[str, str] = {
    **{kind: kind for kind in (FULL, REST, BOX, MASK)},
    "全部": FULL,
    "其余": REST,
    "框": BOX,
    "蒙版": MASK,
}
MEANT: Mapping[str, str] = {
    **dict.fromkeys(("方框", "方块", "矩形", "区域"), "框"),
    **dict.fromkeys(("蒙板", "遮罩", "掩码", "掩膜", "蒙层"), "蒙版"),
    **dict.fromkeys(("其它", "其他", "剩余", "余下", "剩下"), "其余"),
    **dict.fromkeys(("全图", "全体", "整张", "整图", "全屏"), "全部"),
}
"""Words that people write for those of ours."""
OPTIONS: Mapping[str, tuple[int, int]] = {
    "strength": (0, 10 * MILLION),
    "feather": (0, MILLION // 2),
    "from": (0, MILLION),
    "until": (0, MILLION),
    "area": (0, MILLION),
}
"""What each option may be, in ppm, both included."""
MEANT_OPTIONS: Mapping[str, str] = {
    "强度": "strength",
    "羽化": "feather",
    "从": "from",
    "开始": "from",
    "到": "until",
    "结束": "until",
    "面积": "area",
    "weight": "strength",
    "start": "from",
    "end": "until",
}
MASK_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MASK_NAME_LIMIT = 120
_OPTION = re.compile(r"\{ *([^\W\d]+) *=")
# An option without its sign of equality, which would be a choice of one.
_UNEQUAL = re.compile(
    rf"\{{ *((?:{'|'.join([*OPTIONS, '强度', '羽化', '面积'])})(?: *: *| +)[0-9.]+%?) *\}}", re.IGNORECASE
)
_TWO_OPTIONS = re.compile(r"([0-9.]+)[ ,;]+([A-Za-z]+) *= *([^=]+)")
_WORD = re.compile(r"\[ *([^\W\d_]*)")
_NUMBERS = re.compile(r"[ ,]+")
_MOST_CONTENT = 160

_UNCLOSED = _("The region begins here and does not end; close it with ] or write \\[ for the sign itself.")
_UNKNOWN = _("“%(text)s” is no region; write box, mask, rest or full, or \\[ for the sign itself.")
_NOTHING = _("The region %(kind)s takes nothing after it; write \\[ for a bracket in the prompt.")
_FOUR = _("A box is four numbers from 0 to 1: left, top, right, bottom; “%(text)s” is not.")
_ORDER = _("The box has no inside; its left is less than its right, and its top less than its bottom.")
_NO_MASK = _("“%(text)s” names no mask; write the name of a PNG, JPEG or WebP file without a folder.")
_HIDDEN = _("A sign that cannot be seen (%(sign)s) stands in a region or option; take it out.")
_NO_OPTION = _("There is no option “%(text)s”; there are %(known)s, and \\{ is the sign itself.")
_NO_VALUE = _("“%(text)s” is nothing for %(key)s; write a number from %(low)s to %(high)s with at most 6 decimals.")
_OPTION_UNCLOSED = _("The option begins here and does not end; close it with } or write \\{ for the sign itself.")


def _slips(word: str) -> set[str]:
    """Writes a word as fingers slip: two letters turned, one left out, one twice. Its first letter stays."""
    places = range(1, len(word))
    turned = {word[:place] + word[place + 1] + word[place] + word[place + 2 :] for place in places[:-1]}
    return (
        turned
        | {word[:place] + word[place + 1 :] for place in places}
        | {word[: place + 1] + word[place:] for place in places}
    )


# Others that are like them are words that a prompt may have in brackets: [best], [forest], [fall].
_MISTYPED = frozenset(_slips(REST) | _slips(FULL)) - {REST, FULL}
_MASKS = tuple(word for word, meant in MEANT.items() if meant == "蒙版")


def region_word(folded: str, start: int) -> tuple[str, int]:
    """This will return the word after the bracket at `start`, in lower case, and where it ends."""
    match = _WORD.match(folded, start)
    begin, end = match.span(1) if match else (start + 1, start + 1)
    # One that is parted by what cannot be seen looks like a word, and is read as one to be refused.
    while not folded.isascii() and end < len(folded) and end - begin < 40:
        if not (folded[end].isalpha() or HIDDEN.match(folded, end)):
            break
        end += 1
    word = folded[begin:end]
    # The name of a mask may follow in Chinese without a blank.
    for known in ("蒙版", *_MASKS):
        if word.startswith(known):
            return known, begin + len(known)
    return word.lower(), end


def may_be_region(folded: str, start: int) -> bool:
    """This will tell whether the bracket at `start` begins a region, or what is meant as one."""
    word, end = region_word(folded, start)
    if word in WORDS or (not word.isascii() and HIDDEN.sub("", word) in WORDS):
        return True
    if len(word) > 9:
        return False
    # What stands in it decides, and only as much of it as a region has: this is asked of each bracket.
    close = folded.find("]", end, end + _MOST_CONTENT)
    if close < 0 or folded.find("[", end, close) >= 0:
        return False
    content = folded[end:close].strip(" :()")
    meant = MEANT.get(word, "")
    if not content:
        return word in _MISTYPED or meant in ("其余", "全部")
    if content.lower().endswith(MASK_SUFFIXES):
        return meant == "蒙版" or closest(word, (MASK,)) == MASK
    # Four numbers are a box, whatever stands before them: nothing else in brackets has them.
    numbers = [read_decimal(one) for one in _split(content)]
    return len(numbers) == 4 and all(between(number, 0, MILLION) for number in numbers)


def _split(content: str) -> list[str]:
    return [one for one in _NUMBERS.split(content) if one]


def scan_region(line: Line, start: int) -> tuple[Region | None, int]:
    """This will read the region whose bracket stands at `start`, and say where it ends."""
    close = line.folded.find("]", start)
    if close < 0:
        line.found.add(line.at(start), "region-unclosed", _UNCLOSED, "\\[")
        return None, len(line.raw)
    end = close + 1
    hidden = hidden_in(line.raw[start:end])
    if hidden >= 0:
        at = line.at(start + hidden)
        line.found.add(at, "hidden-sign", _HIDDEN, sign=f"U+{ord(line.raw[start + hidden]):04X}")
        return None, end
    word, after = region_word(line.folded, start)
    kind = WORDS.get(word, "")
    if not kind:
        content = line.raw[after:close]
        meant = MEANT.get(word) or closest(word, WORDS)
        if not meant or WORDS[meant] == BOX:
            meant = (meant or BOX) if word else f"{BOX} "
            meant += "" if line.folded[after : after + 1] in tuple(" :]") or not word else " "
        at = line.at(after - len(word), after) if word else line.at(start + 1, after)
        line.found.add(at, "region-unknown", _UNKNOWN, meant, text=shown(word or content))
        return None, end
    begin = skip(line.folded, after, " :")
    content = strip_blanks(line.raw[begin:close])
    if kind == BOX:
        return _box(line, start, end, strip_blanks(line.folded[begin:close])), end
    if kind == MASK:
        return _mask(line, start, end, content), end
    if content:
        line.found.add(line.at(start, end), "region-content", _NOTHING, "\\" + line.raw[start:end], kind=kind)
        return None, end
    return Region(kind, at=line.at(start, end)), end


def _box(line: Line, start: int, end: int, content: str) -> Region | None:
    parts = _split(content.replace("、", ","))
    numbers = [read_decimal(part) for part in parts]
    good = [number for number in numbers if number is not None and between(number, 0, MILLION)]
    if len(numbers) != 4 or len(good) != 4:
        nearest = _nearest_box(parts)
        line.found.add(line.at(start, end), "box-numbers", _FOUR, nearest, text=shown(content))
        return None
    left, top, right, bottom = good
    if left >= right or top >= bottom:
        turned = [min(left, right), min(top, bottom), max(left, right), max(top, bottom)]
        line.found.add(
            line.at(start, end), "box-order", _ORDER, _written(turned) if left != right and top != bottom else ""
        )
        return None
    return Region(BOX, (left, top, right, bottom), at=line.at(start, end))


def _nearest_box(parts: list[str]) -> str:
    """Writes what may be meant: percentages and numbers in brackets. Pixels are of a size that nobody knows here."""
    parts = [part for part in (part.strip("()") for part in parts) if part]
    percent = all(part.endswith("%") for part in parts)
    read = [read_decimal(part.removesuffix("%")) for part in parts]
    numbers = [number // (100 if percent else 1) for number in read if number is not None]
    if len(parts) != 4 or len(numbers) != 4 or max(numbers) > 2 * MILLION:
        return ""
    return _written([max(0, min(MILLION, number)) for number in numbers])


def _written(numbers: list[int]) -> str:
    return f"[box {','.join(map(write_decimal, numbers))}]"


def _mask(line: Line, start: int, end: int, name: str) -> Region | None:
    name = normal(name)
    stem, dot, suffix = name.rpartition(".")
    is_file = f"{dot}{suffix}".lower() in MASK_SUFFIXES and bool(strip_blanks(stem)) and len(name) <= MASK_NAME_LIMIT
    if not is_file or any(sign in name for sign in "/\\[\"'<>:*?|") or name.startswith("."):
        bare = name.strip("\"'“”‘’<>《》").rpartition("/")[2].rpartition("\\")[2]
        suggestion = "" if is_file else "\\" + line.raw[start:end]
        if bare != name and bare.lower().endswith(MASK_SUFFIXES):
            suggestion = f"[{MASK} {bare}]"
        line.found.add(line.at(start, end), "mask-name", _NO_MASK, suggestion, text=shown(name))
        return None
    return Region(MASK, mask=name, at=line.at(start, end))


def write_region(region: Region) -> str:
    """This will write a region in ASCII words."""
    if region.kind == BOX and region.box_ppm:
        return _written(list(region.box_ppm))
    return f"[{MASK} {region.mask}]" if region.kind == MASK else f"[{region.kind}]"


def option_key(folded: str, start: int) -> tuple[str, int] | None:
    """This will return the word of the option whose brace stands at `start` and where its value begins, or None.

    A brace whose word is no option and that holds a | is a choice.
    """
    match = _OPTION.match(folded, start)
    if not match and (unequal := _UNEQUAL.match(folded, start)):
        return unequal[1], unequal.end(1)
    if not match:
        near = folded[start : start + 80]
        hidden = not near.isascii() and HIDDEN.search(near) and _OPTION.match(HIDDEN.sub("_", near))
        return (hidden[1], start + hidden.end()) if hidden and "|" not in near else None
    close = folded.find("}", start)
    if match[1].lower() not in OPTIONS and folded.find("|", start, close if close >= 0 else len(folded)) >= 0:
        return None
    return match[1], match.end()


def _meant_option(key: str) -> str:
    """Finds the option that is meant by another word, or by one with its value behind a colon or a blank."""
    name, _sign, value = key.replace(":", " ").partition(" ")
    meant = MEANT_OPTIONS.get(name) or closest(name, OPTIONS)
    return f"{meant}={_percent(value.strip()) or value.strip()}" if meant and value else meant


def _percent(value: str) -> str:
    number = read_decimal(value.removesuffix("%")) if value.endswith("%") else None
    return "" if number is None else write_decimal(number // 100)


def _nearest_value(value: str, number: int | None, low: int, high: int) -> str:
    if number is not None:
        return write_decimal(max(low, min(high, number)))
    if two := _TWO_OPTIONS.fullmatch(value):
        return f"{two[1]}}} {{{two[2]}={two[3].strip()}"
    return _percent(value)


def scan_option(line: Line, start: int) -> tuple[tuple[str, int] | None, int]:
    """This will read the option whose brace stands at `start`, and say where it ends."""
    word, begin = option_key(line.folded, start) or ("", start + 1)
    close = line.folded.find("}", begin)
    if close < 0:
        line.found.add(line.at(start), "option-unclosed", _OPTION_UNCLOSED, "\\{")
        return None, len(line.raw)
    end = close + 1
    hidden = hidden_in(line.raw[start:end])
    if hidden >= 0:
        at = line.at(start + hidden)
        line.found.add(at, "hidden-sign", _HIDDEN, sign=f"U+{ord(line.raw[start + hidden]):04X}")
        return None, end
    key = word.lower()
    if key not in OPTIONS:
        place = line.folded.find(word, start)
        meant = _meant_option(key)
        known = ", ".join(OPTIONS)
        line.found.add(
            line.at(place, place + len(word)), "option-unknown", _NO_OPTION, meant, text=shown(word), known=known
        )
        return None, end
    value = strip_blanks(line.folded[begin:close])
    low, high = OPTIONS[key]
    number = read_decimal(value)
    if number is None or not between(number, low, high):
        nearest = _nearest_value(value, number, low, high)
        limits = {"low": write_decimal(low), "high": write_decimal(high)}
        at = line.at(begin, close) if begin < close else line.at(start, end)
        line.found.add(
            at, "option-value", _NO_VALUE, nearest if begin < close else "", text=shown(value), key=key, **limits
        )
        return None, end
    return (key, number), end
