"""Under which terms a creator is paid: the newest policy of the closest scope and what they wish, else the settings."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from marketplace.payouts.policies import SCHEDULES

KINDS = [kind for kind, _ in SCHEDULES]
"""The kinds of schedules, the rarer the later."""

LAST_DAYS: Mapping[str, int] = {"weekly": 7, "monthly": 28}
"""Kind → the last day that it may name; 1 is Monday, or the first of the month. Other kinds name none."""

AHEAD = timedelta(days=1)
"""A payout that was reserved more than this after now was reserved under a wrong clock, and holds nobody up."""


class Schedule(NamedTuple):
    """When payouts are made: a kind, and the day of the week or the month where it has one, in UTC."""

    kind: str
    day: int = 0

    @property
    def is_known(self) -> bool:
        """Whether there is such a schedule."""
        last = LAST_DAYS.get(self.kind, 0)
        return self.kind in KINDS and (1 <= self.day <= last if last else self.day == 0)

    @property
    def rank(self) -> int:
        """Its place among the kinds: a larger one is rarer."""
        return KINDS.index(self.kind)

    def slot(self, now: datetime) -> datetime | None:
        """Return the newest moment up to now at which this pays, or None where it has no moments of its own."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.kind == "daily":
            return today
        if self.kind == "weekly":
            return today - timedelta(days=(today.isoweekday() - self.day) % 7)
        if self.kind == "monthly":
            of_this = today.replace(day=self.day)
            return of_this if of_this <= today else (today.replace(day=1) - timedelta(days=1)).replace(day=self.day)
        return None

    def next_slot(self, now: datetime) -> datetime | None:
        """Return the first moment after now at which this pays, or None where it has no moments of its own."""
        newest = self.slot(now)
        if newest is None:
            return None
        if self.kind == "monthly":
            return (newest.replace(day=1) + timedelta(days=32)).replace(day=self.day)
        return newest + timedelta(days=7 if self.kind == "weekly" else 1)


def read_schedule(text: str) -> Schedule | None:
    """Read “daily”, “weekly:5”, “monthly:1”, “manual” or “always”; None for anything else."""
    kind, colon, day = text.partition(":")
    if colon and not (day.isascii() and day.isdigit() and len(day) < 3):
        return None
    schedule = Schedule(kind, int(day) if colon else 0)
    return schedule if schedule.is_known else None


def standard() -> dict[str, Any]:
    """Return the terms of who has no policy, as parameters of `TERMS`; what the settings do not say is left free."""
    text = getattr(settings, "PAYOUT_SCHEDULE", "daily")
    schedule = read_schedule(text)
    if schedule is None:
        raise ImproperlyConfigured(
            f"WORLDLOOM_PAYOUT_SCHEDULE is “{text}”; say always, daily, weekly:1 to 7, monthly:1 to 28, or manual."
        )
    ppb, days = getattr(settings, "PAYOUT_RESERVE_PPB", 0), getattr(settings, "PAYOUT_RESERVE_DAYS", 0)
    return {
        "kinds": KINDS,
        "threshold_minor": max(1, getattr(settings, "PAYOUT_THRESHOLD_MINOR", 1)),
        "schedule": schedule.kind,
        "day": schedule.day,
        "reserve_ppb": ppb if days else 0,
        "reserve_days": days if ppb else 0,
    }


# To be joined to a creator and a currency, `who` (owner_id, currency): as `policy` what a policy or the settings say,
# as `terms` what counts, with the larger threshold and the rarer schedule of that and the creator's wish.
TERMS = """
  LEFT JOIN LATERAL (SELECT p.* FROM payouts_policy p
                      WHERE p.creator_id = who.owner_id AND p.currency IN (who.currency, '')
                      ORDER BY p.currency = '', p.id DESC LIMIT 1) own ON true
  LEFT JOIN LATERAL (SELECT p.* FROM payouts_policy p
                      WHERE p.creator_id IS NULL AND p.currency IN (who.currency, '')
                      ORDER BY p.currency = '', p.id DESC LIMIT 1) house ON true
  LEFT JOIN LATERAL (SELECT w.* FROM payouts_preference w
                      WHERE w.creator_id = who.owner_id AND w.currency = who.currency
                      ORDER BY w.id DESC LIMIT 1) wish ON true
  CROSS JOIN LATERAL (
      SELECT coalesce(own.id, house.id) AS id,
             coalesce(own.threshold_minor, house.threshold_minor, %(threshold_minor)s) AS threshold_minor,
             coalesce(own.schedule, house.schedule, %(schedule)s) AS schedule,
             coalesce(own.day, house.day, %(day)s) AS day,
             coalesce(own.reserve_ppb, house.reserve_ppb, %(reserve_ppb)s) AS reserve_ppb,
             coalesce(own.reserve_days, house.reserve_days, %(reserve_days)s) AS reserve_days,
             coalesce(own.reason, house.reason, '') AS reason) policy
  CROSS JOIN LATERAL (
      SELECT coalesce(array_position(%(kinds)s::text[], wish.schedule::text)
                      >= array_position(%(kinds)s::text[], policy.schedule::text), false) AS as_wished) rarer
  CROSS JOIN LATERAL (
      SELECT greatest(policy.threshold_minor, wish.threshold_minor) AS threshold_minor,
             CASE WHEN as_wished THEN wish.schedule ELSE policy.schedule END AS schedule,
             CASE WHEN as_wished THEN wish.day ELSE policy.day END AS day) terms
"""

STANDING = """
      FROM payouts_hold h
     WHERE h.creator_id = who.owner_id AND h.currency IN (who.currency, '')
       AND NOT EXISTS (SELECT FROM payouts_hold_end e WHERE e.hold_id = h.id)
"""
"""SQL for the holds that operators placed and that stand on the payouts to `who`, to be selected from."""

UNPASSED = """
      FROM payouts_creator_check c
     WHERE c.creator_id = who.owner_id AND c.state NOT IN ('passed', 'lifted')
       AND NOT EXISTS (SELECT FROM payouts_creator_check l
                        WHERE l.creator_id = c.creator_id AND l.kind = c.kind AND l.id > c.id)
"""
"""SQL for the checks of `who` that are wanted and not passed, to be selected from."""

HOLDS = f"""
      FROM (SELECT 1 {STANDING} UNION ALL SELECT 1 {UNPASSED}) held
"""
"""SQL for all that holds the payouts to `who`, holds and checks, to be selected from."""

FREE = f"NOT EXISTS (SELECT {STANDING}) AND NOT EXISTS (SELECT {UNPASSED})"
"""SQL for that nothing of HOLDS does: of many, it is asked by two joins and not one by one."""


class Terms(NamedTuple):
    """What a policy, or the settings where `policy_id` is None, say of a creator's payouts in one currency.

    Without what the creator wishes; `reserve_ppb` of what is released is kept back for `reserve_days`.
    """

    owner_id: UUID | None
    policy_id: int | None
    threshold_minor: int
    schedule: Schedule
    reserve_ppb: int
    reserve_days: int
    reason: str


_OF = f"""
SELECT who.owner_id, policy.id, policy.threshold_minor, policy.schedule, policy.day,
       policy.reserve_ppb, policy.reserve_days, policy.reason
  FROM (SELECT owner_id, %(currency)s::text AS currency FROM unnest(%(owners)s::uuid[]) AS owner_id) who {TERMS}
 WHERE NOT %(reserving)s OR policy.reserve_ppb > 0
"""


def terms_of(*, currency: str, owner_ids: Collection[UUID | None], reserving: bool = False) -> list[Terms]:
    """Return the terms of creators in a currency, and of everybody for None; only of those with a reserve if asked."""
    params = {**standard(), "currency": currency, "owners": list(owner_ids), "reserving": reserving}
    with connection.cursor() as cursor:
        cursor.execute(_OF, params)
        return [
            Terms(owner_id, policy_id, threshold_minor, Schedule(kind, day), *rest)
            for owner_id, policy_id, threshold_minor, kind, day, *rest in cursor.fetchall()
        ]


def hold_days(currency: str) -> int:
    """Return for how many days what is allocated now in a currency is held: the policy for it, or for all, counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.hold_days FROM payouts_policy p WHERE p.creator_id IS NULL AND p.currency IN (%s, '')
             ORDER BY p.currency = '', p.id DESC LIMIT 1
            """,
            [currency],
        )
        row = cursor.fetchone()
    return row[0] if row and row[0] is not None else getattr(settings, "PAYOUT_HOLD_DAYS", 14)
