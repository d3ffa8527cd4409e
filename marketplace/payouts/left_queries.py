"""What is left of a sale to give back."""

from marketplace.payouts.bookkeeping.reversing import sale_of, what_remains


def left_of_sale(source: str) -> int | None:
    """Return how many minor units of a sale can still be given back to its buyer; None where nothing was sold."""
    sale = sale_of(source)
    return what_remains(sale).gross_minor if sale else None
