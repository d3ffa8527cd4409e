"""The arithmetic of taxes, in integers: rates in parts per billion, amounts in minor units."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.checkout.taxes.base import TaxPart
from marketplace.payouts.rules import WHOLE_PPB, largest_remainder

JURISDICTION_LENGTH = 40
MOST_RATE_PPB = WHOLE_PPB
"""No tax is more than the price."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One tax that applies: whose it is, what it is called, and how much."""

    jurisdiction: str
    name: str
    rate_ppb: int


def taxed(
    amounts: Sequence[int], rates: Sequence[Rate], *, is_included: bool, step_minor: int = 1
) -> list[tuple[TaxPart, ...]]:
    """This will tax lines that all have the same rates.

    The tax of all lines together is rounded once, half up: of a price without it, each rate of the sum; of a price
    with it, all rates together, as sum × rate ⁄ (1 + rate). It is divided among the lines by largest remainder, ties
    to the first, and what a line with several rates has in it among them likewise. So base and taxes of a line whose
    price includes them add up to its price, and no line's tax is off by a unit or more. What is added to a price is
    counted in units of `step_minor`, so that price and taxes together can be charged in that step.
    """
    if is_included:
        return _out_of(amounts, rates)
    columns = [
        [part * step_minor for part in _spread(half_up(sum(amounts) * rate.rate_ppb, WHOLE_PPB * step_minor), amounts)]
        for rate in rates
    ]
    return [
        tuple(
            TaxPart(rate.jurisdiction, rate.name, rate.rate_ppb, amount, column[place])
            for rate, column in zip(rates, columns, strict=True)
        )
        for place, amount in enumerate(amounts)
    ]


def _out_of(amounts: Sequence[int], rates: Sequence[Rate]) -> list[tuple[TaxPart, ...]]:
    weights = [rate.rate_ppb for rate in rates]
    whole_ppb = sum(weights)
    taxes = _spread(half_up(sum(amounts) * whole_ppb, WHOLE_PPB + whole_ppb), amounts)
    lines = []
    for amount, tax in zip(amounts, taxes, strict=True):
        parts = _spread(tax, weights)
        lines.append(
            tuple(
                TaxPart(rate.jurisdiction, rate.name, rate.rate_ppb, amount - tax, part)
                for rate, part in zip(rates, parts, strict=True)
            )
        )
    return lines


def untaxed(amounts: Sequence[int], *, jurisdiction: str, name: str, reason: str) -> list[tuple[TaxPart, ...]]:
    """This will say of each line that it is not taxed, and why."""
    return [(TaxPart(jurisdiction, name, 0, amount, 0, reason),) for amount in amounts]


def half_up(numerator: int, denominator: int) -> int:
    """This will divide and round to the nearest unit, halves up; for numbers that are not negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def _spread(total: int, weights: Sequence[int]) -> list[int]:
    return largest_remainder(total, weights) if any(weights) else [0] * len(weights)


def without_tax(fee_minor: int, price_minor: int, included_minor: int) -> int:
    """This will scale a fee of a price to what is left of the price when the tax in it is gone; rounded down."""
    if not included_minor:
        return fee_minor
    return fee_minor * (price_minor - included_minor) // price_minor


def taken(taxes: Sequence[int], tax_minor: int) -> list[int]:
    """This will take an amount of tax out of what is left of each part, by largest remainder; never more than there is.

    The sum of the parts is at least the amount.
    """
    return _spread(tax_minor, taxes)


def name_of(parts: Sequence[TaxPart]) -> str:
    """This will name the account that the tax of a line is owed by: its jurisdictions, joined, or else the first."""
    names = list(dict.fromkeys(part.jurisdiction for part in parts if part.tax_minor))
    joined = "+".join(names)
    return joined if len(joined) <= JURISDICTION_LENGTH else names[0]


@dataclass(frozen=True, slots=True)
class TaxSum:
    """One tax over a whole order or paper."""

    jurisdiction: str
    name: str
    rate_ppb: int
    base_minor: int
    tax_minor: int
    reason: str


def summed(lines: Sequence[Sequence[TaxPart]]) -> list[TaxSum]:
    """This will add up the parts of lines, one sum for each tax, in the order in which they first come."""
    sums: dict[tuple[str, str, int, str], list[int]] = {}
    for parts in lines:
        for part in parts:
            row = sums.setdefault((part.jurisdiction, part.name, part.rate_ppb, part.reason), [0, 0])
            row[0] += part.base_minor
            row[1] += part.tax_minor
    return [
        TaxSum(jurisdiction, name, rate_ppb, base, tax, reason)
        for (jurisdiction, name, rate_ppb, reason), (base, tax) in sums.items()
    ]
