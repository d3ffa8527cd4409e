"""Risk as arithmetic: which level facts are at, what it keeps back, and until when how much of an amount is kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from marketplace.payouts.rules import WHOLE_PPB


class Facts(NamedTuple):
    """What is known of a creator in one currency, over one window; amounts in minor units, whole days rounded down.

    `earned_minor` was allocated to them in the window, from `sales` sales; so much of that is disputed, or was lost to
    a dispute, and so much was refunded. Who has never sold has `days_selling` 0.
    """

    days_selling: int
    days_here: int
    sales: int
    earned_minor: int
    disputed_minor: int
    refunded_minor: int

    @property
    def disputed_ppb(self) -> int:
        """The disputed share in parts per billion, rounded down; 0 where nothing was earned."""
        return share_ppb(self.disputed_minor, self.earned_minor)

    @property
    def refunded_ppb(self) -> int:
        """The refunded share in parts per billion, rounded down; 0 where nothing was earned."""
        return share_ppb(self.refunded_minor, self.earned_minor)


class Conditions(Protocol):
    """Who is at a level; see `risk.RiskLevel`."""

    days_selling_below: int | None
    days_here_below: int | None
    disputed_ppb_from: int | None
    refunded_ppb_from: int | None
    least_sales: int


class Keeping(Protocol):
    """What a level keeps back; see `risk.RiskLevel`."""

    hold_days: int
    reserve_ppb: int
    reserve_days: int


class Kept(NamedTuple):
    """For how many days after its allocation money is held, and which share of it for how many days more."""

    hold_days: int = 0
    reserve_ppb: int = 0
    reserve_days: int = 0


def share_ppb(part_minor: int, whole_minor: int) -> int:
    """Return a part's share in parts per billion, rounded down; 0 of nothing."""
    return part_minor * WHOLE_PPB // whole_minor if whole_minor else 0


def holds_for(level: Conditions, facts: Facts) -> bool:
    """Whether any condition of a level holds for the facts."""
    counts = facts.sales >= level.least_sales
    return (
        (level.days_selling_below is not None and facts.days_selling < level.days_selling_below)
        or (level.days_here_below is not None and facts.days_here < level.days_here_below)
        or (counts and level.disputed_ppb_from is not None and facts.disputed_ppb >= level.disputed_ppb_from)
        or (counts and level.refunded_ppb_from is not None and facts.refunded_ppb >= level.refunded_ppb_from)
    )


def kept_by(levels: Iterable[Keeping]) -> Kept:
    """Return what levels keep back together: of each number the largest."""
    kept = Kept()
    for level in levels:
        kept = Kept(
            max(kept.hold_days, level.hold_days),
            max(kept.reserve_ppb, level.reserve_ppb),
            max(kept.reserve_days, level.reserve_days),
        )
    return kept


def steps_of(amount_minor: int, kept: Keeping, *, ran_at: datetime, now: datetime) -> list[tuple[int, datetime]]:
    """Return how much of an amount that was allocated at `ran_at` is kept until when, as (minor units, moment).

    All of it until its hold days are over, then its share for its days more, rounded down.
    """
    held_until = max(now, ran_at + timedelta(days=kept.hold_days))
    steps = [(amount_minor, held_until)] if held_until > now else []
    if kept.reserve_ppb:
        share_minor = amount_minor * kept.reserve_ppb // WHOLE_PPB
        steps.append((share_minor, held_until + timedelta(days=kept.reserve_days)))
    return steps


def staircase(steps: Sequence[tuple[int, datetime]]) -> list[tuple[int, datetime]]:
    """Return the parts, each (minor units, until when), with which at each moment the most of what steps ask is kept.

    Of each step (minor units, until when) so much at least is kept until then. Parts are above zero, the longest kept
    first, and at most one ends at a moment; together they are the largest step.
    """
    parts: dict[datetime, int] = {}
    kept_minor = 0
    for amount_minor, until in sorted(steps, key=lambda step: (step[1], step[0]), reverse=True):
        if amount_minor > kept_minor:
            parts[until] = parts.get(until, 0) + amount_minor - kept_minor
            kept_minor = amount_minor
    return [(amount_minor, until) for until, amount_minor in parts.items()]
