"""Decimals as whole numbers, and back: what is written with a point is kept in parts."""

import re
from functools import lru_cache

from marketplace.compositions.notation.model import MILLION

_DECIMAL = re.compile(r"([+-]?)(\d{0,9})(?:\.(\d{0,30}))?")


@lru_cache(maxsize=4096)
def read_decimal(text: str, places: int = 6) -> int | None:
    """This will read a decimal as a whole number of its `places`-th places, or None: `0.5` is 500,000 for six.

    It is None as well when more places than that are written and are not zero: nothing is rounded.
    """
    match = _DECIMAL.fullmatch(text)
    if not match or not text.isascii() or not (match[2] or match[3]):
        return None
    fraction = (match[3] or "").rstrip("0")
    if len(fraction) > places:
        return None
    number: int = int(match[2] or "0") * int(10**places) + int(fraction.ljust(places, "0") or "0")
    return -number if match[1] == "-" else number


def write_decimal(number: int, places: int = 6) -> str:
    """This will write such a number as briefly as it can be written."""
    whole, rest = divmod(abs(number), 10**places)
    fraction = str(rest).zfill(places).rstrip("0")
    return f"{'-' if number < 0 else ''}{whole}{'.' + fraction if fraction else ''}"


def between(number: int | None, low_ppm: int, high_ppm: int) -> bool:
    """This will tell whether a number that was read lies within its limits, both included."""
    return number is not None and low_ppm <= number <= high_ppm


LEAST_WEIGHT_PPM, MOST_WEIGHT_PPM = -4 * MILLION, 4 * MILLION


def is_weight(number: int | None) -> bool:
    """This will tell whether a pack can have this weight: −4 to 4, and not 0, which would not be the pack at all."""
    return between(number, LEAST_WEIGHT_PPM, MOST_WEIGHT_PPM) and number != 0
