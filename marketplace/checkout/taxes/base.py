"""The port to who knows the taxes of an order: a table of rates, a service over HTTP, or nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

REVERSE_CHARGE, OUTSIDE, EXEMPT = "reverse-charge", "outside-scope", "exempt"
REASONS = ("", REVERSE_CHARGE, OUTSIDE, EXEMPT)
"""Why a part is not taxed; empty where it is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a buyer is: country as ISO 3166-1 alpha-2, region as the second half of ISO 3166-2 or empty."""

    country: str
    region: str = ""
    postcode: str = ""


@dataclass(frozen=True, slots=True)
class SellerAbout:
    """Who sells, as taxes are concerned with it."""

    code: str
    country: str
    prices_include_tax: bool


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """A line of an order before taxes: its price in minor units, and what it is (buy, renewal, upgrade, usage)."""

    amount_minor: int
    kind: str


@dataclass(frozen=True, slots=True)
class TaxAsked:
    """One question: the taxes of these lines, sold by this seller to a buyer at this place, at this moment."""

    seller: SellerAbout
    place: Place
    vat_id: str
    currency: str
    lines: tuple[TaxedLine, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class TaxPart:
    """One tax on one line: base and tax in minor units, the rate in parts per billion, and why it is zero if it is."""

    jurisdiction: str
    name: str
    rate_ppb: int
    base_minor: int
    tax_minor: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaxAnswer:
    """The parts of each line in their order; `kept` is what a service answered, word for word, for the records."""

    lines: tuple[tuple[TaxPart, ...], ...]
    kept: Any = None


class TaxService(Protocol):
    """Who knows taxes. `is_remote` ones are never asked inside a transaction; without a place nothing is asked."""

    name: str
    is_remote: bool

    def taxes(self, asked: TaxAsked) -> TaxAnswer:
        """This will say the taxes of each line; raises TaxUnavailable where nobody knows."""
        ...


def sums_of(lines: Sequence[Sequence[TaxPart]]) -> list[int]:
    """This will add up the taxes of each line, in minor units."""
    return [sum(part.tax_minor for part in parts) for parts in lines]
