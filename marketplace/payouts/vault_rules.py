"""Fractions of a minor unit: tokens are finer than the books, and the books are never off by a whole unit for it."""

from marketplace.payouts.currencies import CURRENCIES


def unit_of(decimals: int, currency: str) -> int | None:
    """Return how many units of a token are one minor unit, or None where the token cannot say a minor unit."""
    more = decimals - CURRENCIES[currency]
    # The books keep the number in a bigint.
    return 10**more if 0 <= more <= 18 else None


def whole_minor(before_units: int, after_units: int, unit: int) -> int:
    """Return what a move adds in minor units to a flow that had `before_units` and has `after_units` after it.

    Of all that has flowed the books have the whole minor units, rounded down, and each move adds the difference. So
    the sum over any number of moves is within one minor unit of the exact sum, and a move of whole minor units adds
    exactly these, whatever fractions came before it.
    """
    return after_units // unit - before_units // unit
