"""What is bought for a period is paid ahead: it is earned month by month, and not when it is paid."""

from datetime import datetime

from marketplace.checkout.models import Order, OrderLine
from marketplace.licensing import pricing
from marketplace.payouts.operations import pay_ahead
from marketplace.payouts.rules import Money


def is_ahead(line: OrderLine) -> bool:
    """This will tell whether a line is paid for a time to come: a subscription's period, or seats for the rest of one.

    Of a line that bills use, the time is over.
    """
    return line.kind != OrderLine.USAGE and line.offer.model in pricing.PERIODS


def months_of(line: OrderLine) -> list[tuple[datetime, datetime]]:
    """This will cut the time of a line at the months of its subscription, which are counted from its anchor.

    A time that begins or ends within a month has a shorter part there.
    """
    assert line.starts_at is not None
    assert line.ends_at is not None
    anchor = line.subscription.anchor_at if line.subscription else line.starts_at
    number, begins = pricing.period_of(anchor, "monthly", line.starts_at), line.starts_at
    months = []
    while begins < line.ends_at:
        number += 1
        ends = min(line.ends_at, pricing.period_start(anchor, "monthly", number))
        if ends > begins:
            months.append((begins, ends))
            begins = ends
    return months


def book_ahead(*, order: Order, line: OrderLine, now: datetime) -> None:
    """This will book what was paid for a line that `is_ahead`, in the transaction that records that it was paid.

    Offer, release and split of the line are loaded.
    """
    release = line.offer.release
    pay_ahead(
        source=line.source,
        split=release.split,
        gross=Money(line.gross_minor, order.currency),
        tax_minor=line.tax_minor,
        tax_of=line.tax_of,
        fee_minor=line.fee_minor,
        times=months_of(line),
        subject=f"release:{release.digest}",
        now=now,
    )
