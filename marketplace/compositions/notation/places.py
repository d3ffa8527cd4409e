"""Where lines and columns are in a text, counted from 1 on, in characters (Unicode code points)."""

import re

_BREAK = re.compile(r"\r\n|\r|\n")


def lines_of(text: str) -> list[str]:
    """This will part a text into its lines, whichever system wrote it."""
    return _BREAK.split(text) if "\r" in text else text.split("\n")


def offset_of(text: str, line: int, column: int) -> int:
    """This will say how many characters stand before a place; beyond the end of its line, it is that end."""
    start = 0
    for _number in range(line - 1):
        match = _BREAK.search(text, start)
        if not match:
            return len(text)
        start = match.end()
    end = _BREAK.search(text, start)
    return min(start + column - 1, end.start() if end else len(text))


def place_of(text: str, offset: int) -> tuple[int, int]:
    """This will say in which line and column the character with this offset stands."""
    line, start = 1, 0
    for match in _BREAK.finditer(text):
        if match.end() > offset:
            break
        line, start = line + 1, match.end()
    return line, offset - start + 1


def mended(text: str, line: int, column: int, length: int, suggestion: str) -> str:
    """This will write a finding's suggestion in the place that it names."""
    start = offset_of(text, line, column)
    return text[:start] + suggestion + text[start + length :]
