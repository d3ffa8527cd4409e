"""How money, sizes, dates and digests read in the visitor's language. No floats."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import NumberPattern, format_decimal, format_percent, parse_pattern
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext

from marketplace.ui.currencies import ISO_4217
from marketplace.ui.words import Listed, Sayable, Written

Names = Mapping[str, str | Promise]
"""What values are called: by value, in the visitor's language."""

_TOUCHING = re.compile(r"([A-Z]{3})(?=\d)")
_SIZES = ["B", "kB", "MB", "GB", "TB", "PB"]


def language_tag(language: str | None = None) -> str:
    """This will give the BCP 47 tag of a Django language code (the active one's by default): `zh-Hans`."""
    head, *rest = (language or get_language() or "en").split("-")
    return "-".join([head.lower(), *(part.title() if len(part) == 4 else part.upper() for part in rest)])


@lru_cache(maxsize=16)
def _locale(tag: str) -> Locale:
    return Locale.parse(tag, sep="-")


@lru_cache(maxsize=256)
def _pattern(tag: str, currency: str) -> NumberPattern:
    digits = ISO_4217.get(currency, 2)
    pattern = parse_pattern(_locale(tag).currency_formats["standard"].pattern)
    pattern.frac_prec = (digits, digits)
    return pattern


def money_text(minor: int, currency: str, *, language: str | None = None) -> str:
    """This will write an amount of minor units, with its currency's own decimals: `$180.00`, `¥88.00`."""
    tag = language_tag(language)
    amount = Decimal(minor).scaleb(-ISO_4217.get(currency, 2))
    text = _pattern(tag, currency).apply(
        amount, _locale(tag), currency=currency, currency_digits=False, decimal_quantization=True
    )
    # CLDR sets a code of letters apart from the digits after it; the bare pattern does not.
    return _TOUCHING.sub("\\1\N{NO-BREAK SPACE}", text)


def short_hash(value: str, length: int = 8) -> str:
    """This will keep the first `length` and the last four characters of a digest: `9f2c41d0…e41a`."""
    value = str(value)
    return value if len(value) <= length + 5 else f"{value[:length]}…{value[-4:]}"


def bytes_text(size_bytes: int) -> str:
    """This will write a size in decimal units, one decimal below 100, truncated: `2.1 GB`, `812 kB`."""
    step = 0
    while size_bytes >= 1000 ** (step + 1) and step < len(_SIZES) - 1:
        step += 1
    whole, rest = divmod(size_bytes, 1000**step)
    tenth = rest * 10 // 1000**step
    shown = Decimal(whole) if step == 0 or whole >= 100 else Decimal(whole * 10 + tenth).scaleb(-1)
    number = format_decimal(shown, locale=_locale(language_tag()))
    return f"{number}\N{NO-BREAK SPACE}{_SIZES[step]}"


def number_text(value: int) -> str:
    """This will group a whole number's digits as the language does: `12,480`."""
    return format_decimal(value, locale=_locale(language_tag()))


def date_text(moment: date | datetime) -> str:
    """This will write a day, in UTC for an aware datetime: `Nov 22, 2026`, `2026年11月22日`."""
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return format_date(moment, format="medium", locale=_locale(language_tag()))


def month_text(month: date) -> str:
    """This will write a month: `November 2026`, `2026年11月`."""
    return str(format_skeleton("yMMMM", month, locale=_locale(language_tag())))


def moment_text(moment: datetime) -> str:
    """This will write an aware datetime to the minute in UTC, and say so: `Nov 22, 2026, 02:05 UTC`."""
    joined = str(_locale(language_tag()).datetime_formats["medium"])
    clock = f"{moment.astimezone(UTC):%H:%M} UTC"
    return joined.replace("'", "").replace("{1}", date_text(moment)).replace("{0}", clock)


def choose_title(titles: Mapping[str, str] | str, *, language: str | None = None) -> tuple[str, str]:
    """This will pick a text by language, and say which tag it is in.

    Tried in turn: the exact tag, its kin (`zh` for `zh-Hans`), English, any. A plain string
    is given back with the tag `""`: its language is not known.
    """
    if isinstance(titles, str) or not titles:
        return (titles or "", "")
    wanted = language_tag(language)
    by_tag = {tag.lower(): tag for tag in titles}
    kin = [tag for tag in sorted(by_tag) if tag.split("-")[0] == wanted.split("-")[0].lower()]
    for tag in [wanted.lower(), *kin, "en", *sorted(by_tag)]:
        if tag in by_tag and titles[by_tag[tag]]:
            return titles[by_tag[tag]], by_tag[tag]
    return ("", "")


def say(names: Names, value: str) -> str:
    """This will name a value, or show it as it is when it has no name yet."""
    return str(names.get(value, value))


def percent_text(share_ppb: int) -> str:
    """This will write parts per billion as a percentage, with all its decimals: 12.5%."""
    locale = Locale.parse(language_tag(), sep="-")
    return format_percent(Decimal(share_ppb).scaleb(-9), format="#,##0.#######%", locale=locale)


def country_text(code: str) -> str:
    """This will name a country or area by its ISO 3166-1 code, as CLDR does: `China`, `中国`."""
    return str(_locale(language_tag()).territories.get(code, code))


def place_text(place: str) -> str:
    """This will name a country, or a region of one as ISO 3166-2 codes it: `Germany`, `Canada (QC)`."""
    country, dash, region = place.partition("-")
    is_region = bool(dash) and len(country) == 2
    return f"{country_text(country)} ({region})" if is_region else country_text(place)


def sentence(words: Sayable) -> str:
    """This will say a finding's words in the visitor's language; what is in them is said first."""
    said = {name: _spoken(value) for name, value in words.values.items()}
    return gettext(words.template) % said if said else gettext(words.template)


def _spoken(value: object) -> object:
    match value:
        case Sayable():
            return sentence(value)
        case Listed():
            return format_list([str(_spoken(part)) for part in value.parts], locale=_locale(language_tag()))
        case Written():
            return _WRITTEN[value.kind](value.value)
    return value


_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "number": number_text,
    "day": lambda day: date_text(date.fromisoformat(day)),
    "month": lambda month: month_text(date.fromisoformat(f"{month}-01")),
    "share": percent_text,
    "country": country_text,
    "money": lambda amount: money_text(int(amount.split()[0]), amount.split()[1]),
}


def name_order(name: str) -> bytes:
    """This will order names as people look for them: without accents, the common Han characters by sound.

    GB 18030 has those 3,755 characters in the order of pinyin, as GB 2312 does, and ASCII before them.
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return plain.casefold().encode("gb18030")
