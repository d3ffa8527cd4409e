"""What a license is worth as credit for the one that takes its place: what is left of what was paid; never writes."""

from datetime import datetime

from marketplace.checkout import line_money
from marketplace.checkout.models import Order, OrderLine
from marketplace.checkout.refunds import RefundIntent
from marketplace.licensing import pricing
from marketplace.licensing.models import Grant

RESTORED = "restored:"
"""How the source of a license begins that is there again since the price of its upgrade went back; its line follows."""


def worth_of(grant: Grant, *, at: datetime) -> int:
    """This will tell what a license is worth at a moment, in minor units of its currency: for the time that is left of
    it, rounded down, what its buyer paid and did not get back.

    Money that was refunded, is on its way back, or was taken by a bank is no credit, of the license itself or of those
    before it whose credit it took. One that was passed on is worth what it was where it was paid, for its whole time.
    """
    paid = grant
    while paid.replaces is not None and (paid.kind == Grant.TRANSFER or paid.source.startswith(RESTORED)):
        # What was restored stands in the place of its upgrade, for what was paid for the one before that.
        paid = paid.replaces.replaces if paid.source.startswith(RESTORED) else paid.replaces  # type: ignore[assignment]
    line = line_of(paid)
    left_minor = paid.price_minor if line is None else _price_left(line) + credit_left(line)
    return pricing.credit_of(left_minor, starts_at=paid.starts_at, ends_at=paid.ends_at, at=at)


def credit_left(line: OrderLine) -> int:
    """This will tell how much of the credit that a line was given still stands: what it would be given now, had it been
    placed after all that went back since."""
    if not line.credit_minor or line.replaces is None:
        return 0
    return min(line.credit_minor, worth_of(line.replaces, at=line.order.placed_at))


def lock_credit(line: OrderLine) -> None:
    """This will let nothing of what a line's credit came of go back, until the transaction ends."""
    paid = line.replaces
    while paid is not None:
        former = line_of(paid)
        if former is not None:
            Order.objects.select_for_update(no_key=True).values_list("pk").get(pk=former.order_id)
        paid = paid.replaces if former is None else former.replaces


def line_of(grant: Grant) -> OrderLine | None:
    """This will find the order line that a license was granted for; None where it came another way."""
    kind, _sign, key = grant.source.partition(":")
    return (
        OrderLine.objects.select_related("order", "replaces").filter(pk=key).first() if kind == "order-line" else None
    )


def _price_left(line: OrderLine) -> int:
    """Tells what is left of a line's price without the tax on top of it, in proportion to all that was paid for it,
    rounded down."""
    under_way = RefundIntent.objects.filter(line=line, outcome=None).values_list("amount_minor", flat=True)
    left_minor = max(0, (line_money.left_of_line(line) or 0) - sum(under_way))
    gross_minor = line.gross_minor
    return line.price_minor if left_minor >= gross_minor else line.price_minor * left_minor // gross_minor
