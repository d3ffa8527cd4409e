"""Which versions a ref means: one, those of a range, or the release with a digest.

As npm's semver reads ranges, for versions that are MAJOR.MINOR.PATCH and nothing more; `&` joins what all must hold.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from marketplace.catalog.rules import is_version, version_key
from marketplace.compositions.notation.findings import NotARecipe

Version = tuple[int, int, int]
DIGEST_PREFIX = "sha256-"
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_PARTIAL = re.compile(rf"(\^|~|>=|<=|>|<|=)?({_NUMBER})(?:\.({_NUMBER}|[xX*]))?(?:\.({_NUMBER}|[xX*]))?")
_DIGEST = re.compile(r"sha256-[0-9a-fA-F]{64}")
_MOST_PARTS = 4
_END: Version = (10**9, 0, 0)
_FIRST: Version = (0, 0, 0)


class UnreadableRange(NotARecipe):
    """The text is no range of versions, or no version can be in it (`is_empty`)."""

    code = "version-unreadable"

    def __init__(self, text: str, *, is_empty: bool = False) -> None:
        self.text, self.is_empty = text, is_empty
        super().__init__(f"{text} is no range of versions")


def is_digest(wanted: str) -> bool:
    """This will tell whether a range is a release's digest, `sha256-` and 64 hexadecimal digits."""
    return bool(_DIGEST.fullmatch(wanted))


@lru_cache(maxsize=4096)
def normal_range(text: str) -> str:
    """This will write a range as recipes keep it, or raise UnreadableRange: `1.x.x` is `1.x`, `=1.2.0` is `1.2.0`."""
    if is_digest(text):
        return text.lower()
    parts = text.split("&")
    if len(parts) > _MOST_PARTS:
        raise UnreadableRange(text)
    written = "&".join(_normal_part(text, part) for part in parts)
    low, high = _bounds(written)
    if low >= high:
        raise UnreadableRange(text, is_empty=True)
    return written


def _normal_part(text: str, part: str) -> str:
    match = _PARTIAL.fullmatch(part)
    if not match:
        raise UnreadableRange(text)
    sign, *numbers = match.groups()
    known = [number for number in numbers if number and number not in "xX*"]
    # After an open place only open places may follow: `1.x.3` means nothing.
    if numbers[1] and numbers[1] in "xX*" and numbers[2] and numbers[2] not in "xX*":
        raise UnreadableRange(text)
    sign = "" if sign in (None, "=") else sign
    return sign + ".".join(known) + (".x" if len(known) == 1 and not sign else "")


@lru_cache(maxsize=4096)
def _bounds(wanted: str) -> tuple[Version, Version]:
    """Gives the first version that is in a normal range, and the first after it that is not."""
    low, high = _FIRST, _END
    for part in wanted.split("&"):
        match = _PARTIAL.fullmatch(part)
        if not match:
            raise UnreadableRange(wanted)
        sign = match[1] or ""
        known = [int(number) for number in match.groups()[1:] if number and number not in "xX*"]
        begin = _filled(known)
        after = _next(known, len(known) - 1)
        if sign == "^":
            # The first number that is not 0 says what others may change; all known ones 0: the last of them.
            fixed = next((place for place, number in enumerate(known) if number), len(known) - 1)
            after = _next(known, fixed)
        elif sign == "~":
            after = _next(known, min(1, len(known) - 1))
        one = {
            ">=": (begin, _END),
            ">": (after, _END),
            "<": (_FIRST, begin),
            "<=": (_FIRST, after),
        }.get(sign, (begin, after))
        low, high = max(low, one[0]), min(high, one[1])
    return low, high


def _filled(known: list[int]) -> Version:
    major, minor, patch = (*known, 0, 0, 0)[:3]
    return major, minor, patch


def _next(known: list[int], place: int) -> Version:
    return _filled([*known[:place], known[place] + 1])


def matches(wanted: str, version: str) -> bool:
    """This will tell whether `version` is in the range; every one is in the empty range, none in a digest.

    A digest names a release, which only who has it can compare.
    """
    if is_digest(wanted) or not is_version(version):
        return False
    if not wanted:
        return True
    low, high = _bounds(wanted)
    return low <= version_key(version) < high


def best(wanted: str, versions: Iterable[str]) -> str | None:
    """This will return the newest of the versions that is in the range, or None."""
    return max((one for one in versions if matches(wanted, one)), key=version_key, default=None)
