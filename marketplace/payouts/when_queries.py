"""When a creator is paid and why not earlier: what is due when, kept back until when, and held for what reason."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from marketplace.payouts.checks.words import check_reasons
from marketplace.payouts.claims.ways import is_on_chain
from marketplace.payouts.connected.backing_off import Refused, refused_last
from marketplace.payouts.held import account_reasons, refused_text
from marketplace.payouts.rows import rows_of
from marketplace.payouts.rules import CURRENCIES
from marketplace.payouts.terms import AHEAD, STANDING, TERMS, Schedule, standard
from marketplace.people.models import Creator


@dataclass(frozen=True, slots=True)
class NextPayout:
    """When a creator is paid next in one currency; amounts in minor units.

    `terms` and `threshold_minor` are what counts, `policy` and `policy_minor` what the policy alone says, for
    `reason` where it gives one. `next_at` is the first settlement that may pay, None where the schedule is manual.
    `hold_days` is for how long what they earn is held, `reserve_ppb` of it is then kept for `reserve_days`: the more of
    policy and risk, for `risk_reason` where the creator is at a level of risk.
    `on_the_way_minor` is in an open payout, after which the next is made. `held_for` are the reasons for which
    payouts are held now: by operators, by checks, because of the creator's account with the provider, or because that
    refused the last one.
    """

    currency: str
    available_minor: int
    on_the_way_minor: int
    threshold_minor: int
    terms: Schedule
    policy_minor: int
    policy: Schedule
    reason: str
    reserve_ppb: int
    reserve_days: int
    hold_days: int
    risk_reason: str
    next_at: datetime | None
    held_for: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        """Whether what is available has reached the threshold."""
        return self.available_minor >= self.threshold_minor


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept in a creator's reserve until a moment, in minor units, for the reason that policy or risk gave.

    `amount_minor` is what was kept; refunds and disputes may have taken some of it since.
    """

    currency: str
    amount_minor: int
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Ripening:
    """What of a creator's royalties is in its hold period until a day in UTC, in minor units."""

    currency: str
    amount_minor: int
    until: date


@dataclass(frozen=True, slots=True)
class Held:
    """A hold on a creator's payouts, in one currency or in all for ""; it stands until `ended_at`."""

    key: str
    creator_id: UUID
    handle: str
    currency: str
    reason: str
    held_by: str
    held_at: datetime
    ended_by: str
    ended_at: datetime | None


_RISK = """
    SELECT v.hold_days, v.reserve_ppb, v.reserve_days, v.reason FROM payouts_risk_assessment v
     WHERE v.creator_id = who.owner_id AND v.currency = who.currency ORDER BY v.id DESC LIMIT 1
"""
"""SQL for what is kept back of the money of `who` for their risk."""

_NEXT = f"""
SELECT who.currency, coalesce(a.balance_minor, 0) AS available_minor, coalesce(o.amount_minor, 0) AS on_the_way_minor,
       terms.threshold_minor, terms.schedule, terms.day,
       policy.threshold_minor AS policy_minor, policy.schedule AS policy_schedule, policy.day AS policy_day,
       policy.reason, greatest(policy.reserve_ppb, risk.reserve_ppb) AS reserve_ppb,
       greatest(policy.reserve_days, risk.reserve_days) AS reserve_days,
       greatest(coalesce(house.hold_days, %(hold_days)s), risk.hold_days) AS hold_days,
       coalesce(risk.reason, '') AS risk_reason,
       (SELECT max(p.reserved_at) FROM payouts_payout p WHERE p.creator_id = who.owner_id
           AND p.currency = who.currency AND p.reserved_at <= %(ahead)s) AS reserved_at,
       ARRAY(SELECT h.reason {STANDING} ORDER BY h.id) AS held_for
  FROM (SELECT %(creator)s::uuid AS owner_id, currency FROM unnest(%(currencies)s::text[]) AS currency) who {TERMS}
  LEFT JOIN payouts_account a ON a.kind = 'creator_available' AND a.owner_id = who.owner_id
        AND a.currency = who.currency
  LEFT JOIN LATERAL ({_RISK}) risk ON true
  LEFT JOIN LATERAL (
      SELECT p.amount_minor FROM payouts_payout p
       WHERE p.creator_id = who.owner_id AND p.currency = who.currency
         AND NOT EXISTS (SELECT FROM payouts_payout_outcome o WHERE o.payout_id = p.id)
       LIMIT 1) o ON true
 WHERE %(all)s OR EXISTS (SELECT FROM payouts_account e WHERE e.owner_id = who.owner_id AND e.currency = who.currency)
 ORDER BY who.currency
"""


def next_payouts(creator: Creator, *, now: datetime, currency: str | None = None) -> list[NextPayout]:
    """Return when the creator is paid next, one a currency that they ever earned in; or in the one that is asked."""
    rows = rows_of(
        _NEXT,
        {
            **standard(),
            "hold_days": getattr(settings, "PAYOUT_HOLD_DAYS", 14),
            "creator": creator.pk,
            "currencies": [currency] if currency else sorted(CURRENCIES),
            "all": currency is not None,
            "ahead": now + AHEAD,
        },
    )
    checks = check_reasons(creator.pk)
    return [
        _next(
            row,
            [*checks, *account_reasons(creator, row["currency"])],
            _refused(creator, row["currency"], now),
            now,
        )
        for row in rows
    ]


def _refused(creator: Creator, currency: str, now: datetime) -> Refused | None:
    """Return what the next payout waits for where the last was refused; who is paid on chain waits for nothing."""
    return None if is_on_chain(creator, currency) else refused_last(creator.pk, currency, now=now)


def _next(row: dict[str, Any], stops: list[str], refused: Refused | None, now: datetime) -> NextPayout:
    terms = Schedule(row.pop("schedule"), row.pop("day"))
    policy = Schedule(row.pop("policy_schedule"), row.pop("policy_day"))
    reserved_at = row.pop("reserved_at")
    held_for = (*row.pop("held_for"), *stops)
    slot = terms.slot(now)
    run = _next_run(now)
    if terms.kind == "manual":
        next_at = None
    elif slot is not None and reserved_at is not None and reserved_at >= slot:
        next_at = terms.next_slot(now)  # this moment has had its payout
    else:
        next_at = run
    if refused is not None:
        held_for = (*held_for, refused_text(refused))
        next_at = next_at and max(next_at, _next_run(refused.until))
    return NextPayout(**row, terms=terms, policy=policy, next_at=next_at, held_for=held_for)


def _next_run(now: datetime) -> datetime:
    """Return when the worker settles next: at whole multiples of PAYOUT_EVERY_MINUTES, in UTC."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    every = timedelta(minutes=settings.PAYOUT_EVERY_MINUTES)
    return epoch + ((now - epoch) // every + 1) * every


def ripening_of(creator: Creator) -> list[Ripening]:
    """Return what of the creator's royalties is in its hold period until when, the first day first; one a day.

    The period is that of the run, or of the creator's level of risk where that is longer.
    What remains of their lines and is not held for claims: together it is what is pending.
    """
    rows = rows_of(
        f"""
        WITH waiting AS (
            SELECT l.id, l.amount_minor, r.currency,
                   (greatest(r.available_at, r.ran_at + risk.hold_days * interval '24 hours')
                    AT TIME ZONE 'UTC')::date AS until
              FROM payouts_lines_of(%(creator)s) l JOIN payouts_royalty_run r ON r.id = l.run_id
             CROSS JOIN LATERAL (SELECT l.payee_id AS owner_id, r.currency) who
              LEFT JOIN LATERAL ({_RISK}) risk ON true
             WHERE NOT EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = l.run_id)
        )
        SELECT currency, sum(amount_minor)::bigint AS amount_minor, until
          FROM (SELECT currency, until, amount_minor FROM waiting
                 UNION ALL
                SELECT w.currency, w.until, -v.amount_minor
                  FROM waiting w JOIN payouts_reversal_line v ON v.line_id = w.id
                 UNION ALL
                SELECT w.currency, w.until, b.amount_minor
                  FROM waiting w JOIN payouts_returned_line b ON b.line_id = w.id
                 UNION ALL
                SELECT w.currency, w.until, -k.amount_minor
                  FROM waiting w JOIN payouts_claim_hold_line k ON k.line_id = w.id
                 WHERE NOT EXISTS (SELECT FROM payouts_claim_hold_end e WHERE e.hold_id = k.id)) moved
         GROUP BY currency, until HAVING sum(amount_minor) > 0 ORDER BY until, currency
        """,
        {"creator": creator.pk},
    )
    return [Ripening(**row) for row in rows]


def reserves_of(creator: Creator) -> list[Kept]:
    """Return what stands in the creator's reserves, the first to end first; one a currency, moment and reason."""
    rows = rows_of(
        """
        SELECT r.currency, sum(r.amount_minor)::bigint AS amount_minor, r.until, why.reason
          FROM payouts_reserve_line r JOIN payouts_hold_release h ON h.id = r.release_id
          LEFT JOIN payouts_policy p ON p.id = r.policy_id LEFT JOIN payouts_risk_assessment v ON v.id = r.risk_id
         CROSS JOIN LATERAL (
             SELECT CASE WHEN v.id IS NULL OR r.until = h.released_at + p.reserve_days * interval '24 hours'
                         THEN coalesce(p.reason, '') ELSE v.reason END AS reason) why
         WHERE r.creator_id = %(creator)s AND NOT EXISTS (SELECT FROM payouts_reserve_end e WHERE e.reserve_id = r.id)
         GROUP BY r.currency, r.until, why.reason ORDER BY r.until, r.currency
        """,
        {"creator": creator.pk},
    )
    return [Kept(**row) for row in rows]


def holds_of(creator: Creator | None = None, *, standing: bool = True) -> list[Held]:
    """Return the holds on the payouts of a creator, or of all, the oldest first; without ended ones if `standing`."""
    rows = rows_of(
        """
        SELECT h.key, h.creator_id, c.handle, h.currency, h.reason, h.held_by, h.held_at,
               coalesce(e.ended_by, '') AS ended_by, e.ended_at
          FROM payouts_hold h JOIN people_creator c ON c.id = h.creator_id
          LEFT JOIN payouts_hold_end e ON e.hold_id = h.id
         WHERE (%(creator)s::uuid IS NULL OR h.creator_id = %(creator)s) AND (NOT %(standing)s OR e.id IS NULL)
         ORDER BY h.id
        """,
        {"creator": creator and creator.pk, "standing": standing},
    )
    return [Held(**row) for row in rows]
