"""A part of what remains: how a refund of some of a sale is divided, so that many of them add up to the whole."""

from collections.abc import Sequence

from marketplace.payouts.rules import AmountBelowZero, largest_remainder


def take_part(remaining: Sequence[int], amount_minor: int) -> list[int]:
    """Return what is taken of each remaining part, which together is the amount: by largest remainder over them.

    Every part taken is zero or more and at most what remains, and within a unit of its exact share. Taking all that
    remains, at once or in any parts, leaves nothing. It is never the difference of two allocations: those of a larger
    amount may give one part less. Raises AmountBelowZero, and ValueError for an amount beyond the sum.
    """
    whole = sum(remaining)
    if amount_minor < 0 or any(part < 0 for part in remaining):
        raise AmountBelowZero(min(amount_minor, *remaining))
    if amount_minor > whole:
        raise ValueError(f"{amount_minor} is more than the {whole} that remain")
    return largest_remainder(amount_minor, remaining) if amount_minor else [0] * len(remaining)
