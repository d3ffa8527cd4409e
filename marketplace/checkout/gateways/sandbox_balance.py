"""The sandbox's clock, and the balance that it keeps for us: a line for each movement of money."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings

from marketplace.checkout import rules
from marketplace.checkout.sandbox_models import SandboxClock, SandboxLine

CHARGE, REFUND, REFUND_FAILURE = "charge", "refund", "refund_failure"
DISPUTE, DISPUTE_REVERSAL = "dispute", "dispute_reversal"
AVAILABLE_AFTER = timedelta(days=2)


def clock(now: datetime) -> datetime:
    """This will tell the sandbox's time."""
    row = SandboxClock.objects.order_by("-id").first()
    return now + timedelta(seconds=row.ahead_seconds) if row is not None else now


def move_clock(*, forward: timedelta, now: datetime) -> datetime:
    """This will put the sandbox's clock forward, and return its time; backward it does not go."""
    if forward < timedelta(0):
        raise ValueError("The sandbox's clock only goes forward.")
    before = clock(now) - now
    SandboxClock.objects.create(ahead_seconds=int((before + forward).total_seconds()), moved_at=now)
    return clock(now)


def write_lines(lines: Iterable[SandboxLine]) -> None:
    """This will keep lines of the balance; one that is there stays as it is."""
    SandboxLine.objects.bulk_create(list(lines), ignore_conflicts=True)


def line(category: str, source: str, amount_minor: int, currency: str, at: datetime) -> SandboxLine:
    """This will make the line of one movement, not saved yet; a charge costs the fee that settings name."""
    fee_minor = rules.platform_fee(amount_minor, settings.SANDBOX_FEE_PPB) if category == CHARGE else 0
    return SandboxLine(
        line_id=f"txn_{category}_{source}",
        category=category,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        currency=currency,
        source=source,
        happened_at=at,
        available_at=at + AVAILABLE_AFTER if category == CHARGE else at,
    )
