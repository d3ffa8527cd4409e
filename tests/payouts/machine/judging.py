"""The model's risk and checks: who is at which level and what that keeps back, and whose payouts wait for a check."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.payouts.cast import NOON

AGAIN_DAYS, EARLY = 60, timedelta(days=30)
"""For how long a check that was passed counts, and how long before its end it may be passed anew."""


class Level(NamedTuple):
    """Who is here since less than so many days is at it; so much is kept back of what they earn."""

    days_here_below: int | None
    hold_days: int
    reserve_ppb: int
    reserve_days: int


NOTHING = Level(None, 0, 0, 0)


@dataclass
class Check:
    """How the newest check of a creator and kind stands."""

    state: str
    expires_at: datetime | None = None


def most(levels):
    """Returns of each number the largest."""
    kept = [max(numbers) for numbers in zip(*(level[1:] for level in (NOTHING, *levels)), strict=True)]
    return Level(None, *kept)


def parts_of(asked):
    """Returns what is kept until when, the longest first, so that at every moment as much is kept as is asked for.

    Each that asks wants an amount to be kept until a moment: the one that lasts longest is kept whole, and of the
    others what they want beyond that.
    """
    parts, kept = {}, 0
    for until in sorted({until for _, until in asked}, reverse=True):
        wanted = max(amount for amount, moment in asked if moment == until)
        if wanted > kept:
            parts[until], kept = wanted - kept, wanted
    return parts


class Judging:
    """Risk and checks."""

    def __init__(self):
        super().__init__()
        self.levels = {}  # number → Level, while it is somebody's
        self.assessed = {}  # (creator, currency) → (level, what it keeps)
        self.earned = set()  # (creator, currency) of whom anything was ever allocated to
        self.checks = {}  # (creator, kind) → Check
        self.wanted = set()  # kinds that the settings want

    # Risk.

    def set_level(self, number, level):
        self.levels.pop(number, None)
        if level.days_here_below is not None:
            self.levels[number] = level

    def assess(self, now):
        for key in sorted(self.earned):
            if self.levels or self.assessed.get(key, (0, NOTHING))[0]:
                self._assess(key, now)

    def _assess(self, key, now):
        days = (now - NOON).days
        at = max((number for number, level in self.levels.items() if days < level.days_here_below), default=0)
        self.assessed[key] = (at, most(level for number, level in self.levels.items() if number <= at))

    def kept_for_risk(self, creator, currency, now):
        """Returns what is kept back of somebody's money for their risk; who was never assessed is so now."""
        if not self.levels:
            return NOTHING
        if (creator, currency) not in self.assessed:
            self._assess((creator, currency), now)
        level, kept = self.assessed[creator, currency]
        return kept if level else NOTHING

    def kept_back(self, creator, currency, amount, ran_at, now):
        """Returns what of an amount that is released is kept until when: the more of policy and risk at each moment."""
        terms, risk = self.terms(creator, currency), self.kept_for_risk(creator, currency, now)
        held_until = max(now, ran_at + timedelta(days=risk.hold_days))
        asked = [
            (amount * terms.reserve_ppb // 10**9, now + timedelta(days=terms.reserve_days)),
            (amount * risk.reserve_ppb // 10**9, held_until + timedelta(days=risk.reserve_days)),
            (amount if held_until > now else 0, held_until),
        ]
        return parts_of([(minor, until) for minor, until in asked if minor])

    # Checks.

    def need_checks(self, currency, now):
        """Before payouts are reserved: of whoever has something available, what the settings want and nobody passed."""
        for (bucket, creator, code), amount in sorted(self.has.items()):
            if bucket == "available" and code == currency and amount > 0:
                for kind in self.wanted:
                    stands = self.checks.get((creator, kind))
                    if stands is None or stands.state == "lifted" or self._is_over(stands, now):
                        self.checks[creator, kind] = Check("needed")

    def _is_over(self, check, when):
        return check.state == "passed" and check.expires_at <= when

    def decide(self, creator, kind, passed, now):
        stands = self.checks.get((creator, kind))
        state = "passed" if passed else "failed"
        if stands is None or stands.state != state or self._is_over(stands, now + EARLY):
            self.checks[creator, kind] = Check(state, now + timedelta(days=AGAIN_DAYS) if passed else None)

    def lift_checks(self):
        """Nobody waits for what is not wanted any more."""
        for (_, kind), check in self.checks.items():
            if check.state in ("needed", "pending") and kind not in self.wanted:
                check.state = "lifted"

    def is_unpassed(self, creator):
        return any(who == creator and check.state in ("needed", "failed") for (who, _), check in self.checks.items())
