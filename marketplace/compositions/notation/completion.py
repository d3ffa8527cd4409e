"""What somebody is typing at a place of a recipe, so that a page can offer what could follow."""

import re
from dataclasses import dataclass

from marketplace.compositions.notation.places import lines_of
from marketplace.compositions.notation.regions import OPTIONS
from marketplace.compositions.notation.settings import PREFIXES, READERS, VALUES
from marketplace.compositions.notation.signs import ESCAPABLE, fold, name_end, skip

REF, SETTING, VALUE, OPTION, REGION, PLAIN = "ref", "setting", "value", "option", "region", "plain"
_REF = re.compile(r"@ *([^\s@\[\]{},;!?*:]*)$")
_SETTING = re.compile(r" *% *([A-Za-z.]*)$")
_VALUE = re.compile(r" *% *([A-Za-z]+) *= *([^ ]*)$")
_OPTION = re.compile(r"\{ *([A-Za-z]*)$")
_REGION = re.compile(r"\[ *([^\W\d_]*)$")
_ALIAS_VALUE = re.compile(r" *% *@[^=]*= *@? *([^\s@=:*]*)$")
_CHINESE = {"box": "框", "mask": "蒙版", "rest": "其余", "full": "全部"}


@dataclass(frozen=True, slots=True)
class Completion:
    """What is typed: its kind, what of it stands before the caret, and what of `line` to replace by a choice.

    `column` (from 1 on) and `length` are the characters that a choice replaces, those after the caret included.
    `choices` are what could stand there; for packs (`ref`) they are empty, as the catalog knows them.
    """

    kind: str
    prefix: str
    line: int
    column: int
    length: int
    choices: tuple[str, ...] = ()


def context(text: str, line: int, column: int) -> Completion:
    """This will say what is typed in `line` before `column`, where the caret is; both count from 1 on.

    A place outside of the text is its nearest one.
    """
    lines = lines_of(text)
    line = max(1, min(line, len(lines)))
    raw = lines[line - 1]
    # What stands behind the longest line is refused, and nothing is completed there.
    folded = fold(raw[:4_000])
    caret = max(0, min(column - 1, len(folded)))
    before = folded[:caret]
    kind, start, choices = _typed(before)
    end = caret
    if kind == REF:
        end = _ref_end(folded, caret)
    elif kind != PLAIN:
        end = max(caret, name_end(folded, caret))
    prefix = before[start:caret]
    near = tuple(one for one in choices if one.startswith(prefix.lower()))
    return Completion(kind, prefix, line, min(start, len(raw)) + 1, max(0, end - start), near)


def _typed(before: str) -> tuple[str, int, tuple[str, ...]]:
    first = before[skip(before, 0) :][:1]
    if first == "#":
        return PLAIN, len(before), ()
    if first == "%":
        if match := _ALIAS_VALUE.match(before):
            return REF, match.start(1), ()
        if match := _VALUE.match(before):
            return VALUE, match.start(2), VALUES.get(match[1].lower(), ())
        if match := _SETTING.match(before):
            return SETTING, match.start(1), (*READERS, *PREFIXES)
        return PLAIN, len(before), ()
    # The nearest sign decides, which is looked for from the caret backward and never twice.
    for pattern, kind, choices in _TYPED:
        sign = "@{["[(REF, OPTION, REGION).index(kind)]
        here = before.rfind(sign)
        match = pattern.match(before, here) if here >= 0 and not _is_escaped(before, here) else None
        if match:
            return kind, match.start(1), choices
    return PLAIN, len(before), ()


_TYPED = (
    (_REF, REF, ()),
    (_OPTION, OPTION, tuple(OPTIONS)),
    (_REGION, REGION, (*_CHINESE, *_CHINESE.values())),
)


def _is_escaped(text: str, place: int) -> bool:
    start = place
    while start and text[start - 1] == "\\":
        start -= 1
    return (place - start) % 2 == 1 and text[place] in ESCAPABLE


def _ref_end(folded: str, caret: int) -> int:
    end = name_end(folded, caret)
    while folded[end : end + 1] == "/":
        end = name_end(folded, end + 1)
    return end
