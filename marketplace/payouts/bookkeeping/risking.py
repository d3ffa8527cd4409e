"""Which creators are risky: the levels, and where each creator stands in each currency."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.policies import MAX_DAYS, MAX_KEY, MAX_REASON
from marketplace.payouts.risk import HIGHEST, RiskAssessment, RiskLevel, RiskSaid
from marketplace.payouts.risk_rules import Facts, Kept, holds_for, kept_by
from marketplace.payouts.rules import CURRENCIES, WHOLE_PPB
from marketplace.people.models import Creator

AT_ONCE = 5_000
"""Assessments that one statement writes."""

# What is known of creators who ever earned in a currency. Won disputes and failed refunds are none.
_FACTS = """
WITH who AS (
    SELECT DISTINCT a.owner_id FROM payouts_account a
     WHERE a.kind = 'creator_pending' AND a.currency = %(currency)s
       AND (%(owners)s::uuid[] IS NULL OR a.owner_id = ANY (%(owners)s::uuid[]))
), lines AS MATERIALIZED (
    SELECT l.id, l.payee_id, l.amount_minor
      FROM payouts_royalty_run r JOIN payouts_royalty_line l ON l.run_id = r.id
     WHERE r.currency = %(currency)s AND r.ran_at > %(since)s
       AND (%(owners)s::uuid[] IS NULL OR l.payee_id = ANY (%(owners)s::uuid[]))
), earned AS (
    SELECT payee_id, count(*) AS sales, sum(amount_minor)::bigint AS minor FROM lines GROUP BY payee_id
), taken AS (
    SELECT l.payee_id,
           sum(v.amount_minor) FILTER (WHERE r.kind = 'dispute' OR r.key LIKE 'dispute:%%')::bigint AS disputed,
           sum(v.amount_minor) FILTER (WHERE r.kind = 'refund' AND r.key NOT LIKE 'dispute:%%')::bigint AS refunded
      FROM lines l JOIN payouts_reversal_line v ON v.line_id = l.id JOIN payouts_reversal r ON r.id = v.reversal_id
     WHERE NOT EXISTS (SELECT FROM payouts_reversal_outcome o
                        WHERE o.reversal_id = r.id AND o.outcome IN ('won', 'failed'))
     GROUP BY l.payee_id
)
SELECT who.owner_id, c.created_at,
       (SELECT min(t.occurred_at)
          FROM payouts_account a
         CROSS JOIN LATERAL (SELECT p.transaction_id FROM payouts_posting p WHERE p.account_id = a.id
                              ORDER BY p.id LIMIT 1) first
          JOIN payouts_transaction t ON t.id = first.transaction_id
         WHERE a.owner_id = who.owner_id AND a.kind = 'creator_pending') AS first_at,
       coalesce(e.sales, 0), coalesce(e.minor, 0), coalesce(t.disputed, 0), coalesce(t.refunded, 0)
  FROM who JOIN people_creator c ON c.id = who.owner_id
  LEFT JOIN earned e ON e.payee_id = who.owner_id LEFT JOIN taken t ON t.payee_id = who.owner_id
 ORDER BY who.owner_id
"""


class UnableToSetRiskLevel(Exception):
    """There cannot be such a level; nothing was written."""

    code = "unable-to-set-risk-level"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(_("The risk level cannot be set: %(why)s.") % {"why": why})


@transaction.atomic
def set_risk_level(
    *,
    level: int,
    days_selling_below: int | None,
    days_here_below: int | None,
    disputed_ppb_from: int | None,
    refunded_ppb_from: int | None,
    window_days: int,
    least_sales: int,
    kept: Kept,
    reason: str,
    by: str,
    now: datetime,
) -> RiskLevel:
    """From now on, creators for whom a condition holds are at this level, and so much is kept back of what they earn.

    A condition that is None never holds; a level without any is nobody's. What counts is read when a hold period
    ends: what is kept already stays as it is. The same again returns the level that stands. Raises
    UnableToSetRiskLevel.
    """
    said: dict[str, Any] = {
        "days_selling_below": days_selling_below,
        "days_here_below": days_here_below,
        "disputed_ppb_from": disputed_ppb_from,
        "refunded_ppb_from": refunded_ppb_from,
        "window_days": window_days,
        "least_sales": least_sales,
        **kept._asdict(),
        "reason": reason,
    }
    if why := _why_not(level=level, by=by, said=said):
        raise UnableToSetRiskLevel(why)
    stands = RiskLevel.objects.filter(level=level).order_by("pk").last()
    if stands is not None and all(getattr(stands, name) == value for name, value in said.items()):
        return stands
    return RiskLevel.objects.create(level=level, set_by=by, set_at=now, **said)


def _why_not(*, level: int, by: str, said: dict[str, Any]) -> str | None:
    """Return why there cannot be such a level, as a part of a sentence, or None where there can."""
    if not 1 <= level <= HIGHEST:
        return _("levels are 1 to %(most)d, the riskiest last") % {"most": HIGHEST}
    days = [said[name] for name in ("days_selling_below", "days_here_below", "window_days") if said[name] is not None]
    if not all(1 <= one <= MAX_DAYS for one in days) or not 0 <= said["hold_days"] <= MAX_DAYS:
        return _("days are up to %(most)d") % {"most": MAX_DAYS}
    shares = [said[name] for name in ("disputed_ppb_from", "refunded_ppb_from") if said[name] is not None]
    if not all(1 <= one <= WHOLE_PPB for one in shares) or said["least_sales"] < 1:
        return _("a share is above zero and at most the whole, of one sale or more")
    has_reserve = 1 <= said["reserve_ppb"] <= WHOLE_PPB and 1 <= said["reserve_days"] <= MAX_DAYS
    if not has_reserve and (said["reserve_ppb"], said["reserve_days"]) != (0, 0):
        return _("a reserve is up to the whole, for 1 to %(most)d days; say both as zero for none") % {"most": MAX_DAYS}
    if not 0 < len(said["reason"]) <= MAX_REASON or not 0 < len(by) <= MAX_KEY:
        return _("say why, in at most %(most)d characters, and who sets it") % {"most": MAX_REASON}
    return None


class UnableToSayRisk(Exception):
    """A creator cannot be put at that level; nothing was written."""

    code = "unable-to-say-risk"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(_("The creator’s level of risk cannot be that: %(why)s.") % {"why": why})


@transaction.atomic
def say_risk(*, creator: Creator, level: int | None, reason: str, by: str, now: datetime) -> RiskSaid:
    """From now on, a creator is at this level in every currency, whatever the conditions find; None ends that.

    What is kept already stays as it is. The same again returns the row that stands. Raises UnableToSayRisk.
    """
    known = {None, 0, *(one.level for one in standing_levels())}
    if level not in known:
        raise UnableToSayRisk(_("level %(level)d is not set") % {"level": level})
    if not 0 < len(reason) <= MAX_REASON or not 0 < len(by) <= MAX_KEY:
        raise UnableToSayRisk(_("say why, in at most %(most)d characters, and who sets it") % {"most": MAX_REASON})
    Creator.objects.select_for_update(no_key=True).get(pk=creator.pk)
    stands = said_of([creator.pk]).get(creator.pk)
    if stands is not None and (stands.level, stands.reason) == (level, reason):
        return stands
    made = RiskSaid.objects.create(creator=creator, level=level, reason=reason, said_by=by, said_at=now)
    assess_risk(now=now, owner_ids=[creator.pk])
    return made


def said_of(creator_ids: Iterable[UUID]) -> dict[UUID, RiskSaid]:
    """Return what operators said last of creators, by their ids; whom nobody spoke of is not among them."""
    rows = RiskSaid.objects.filter(creator_id__in=list(creator_ids)).order_by("creator_id", "-pk")
    return {one.creator_id: one for one in rows.distinct("creator_id")}


def standing_levels() -> list[RiskLevel]:
    """Return the newest row of each level that is somebody's, the riskiest first."""
    newest = RiskLevel.objects.order_by("-level", "-pk").distinct("level")
    return [one for one in newest if _conditions(one) != (None, None, None, None)]


def _conditions(one: RiskLevel) -> tuple[int | None, ...]:
    return (one.days_selling_below, one.days_here_below, one.disputed_ppb_from, one.refunded_ppb_from)


def facts_of(
    *, currency: str, window_days: int, owner_ids: Collection[UUID] | None, now: datetime
) -> dict[UUID, Facts]:
    """Return what is known of creators who ever earned in a currency, or of those that are asked, over a window."""
    owners = None if owner_ids is None else list(owner_ids)
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, {"currency": currency, "owners": owners, "since": now - timedelta(days=window_days)})
        return {
            owner_id: Facts((now - (first_at or now)).days, (now - created_at).days, *rest)
            for owner_id, created_at, first_at, *rest in cursor.fetchall()
        }


def assess_risk(*, now: datetime, currency: str | None = None, owner_ids: Collection[UUID] | None = None) -> int:
    """Find at which level each creator is in each currency, or in the one; keep it where it changed, and count these.

    A creator who was never assessed is kept too, at level 0 as at any other. Without levels nothing is asked, and who
    was at one is at none.
    """
    levels = standing_levels()
    changed = 0
    for code in [currency] if currency else sorted(CURRENCIES):
        changed += _assess(code, levels, owner_ids, now)
    return changed


@transaction.atomic
def _assess(currency: str, levels: list[RiskLevel], owner_ids: Collection[UUID] | None, now: datetime) -> int:
    before = newest_assessments(currency, owner_ids)
    if not levels:
        owner_ids = [owner_id for owner_id, one in before.items() if one.level]
        if not owner_ids:
            return 0
    windows = {one.window_days for one in levels} or {1}
    facts = {
        days: facts_of(currency=currency, window_days=days, owner_ids=owner_ids, now=now) for days in sorted(windows)
    }
    made, said = [], said_of(facts[max(windows)])
    for owner_id in facts[max(windows)]:
        one = _assessed(levels, {days: of[owner_id] for days, of in facts.items()}, said.get(owner_id))
        stands = before.get(owner_id)
        if stands is None or any(getattr(stands, name) != getattr(one, name) for name in _SAID):
            one.creator_id, one.currency, one.at = owner_id, currency, now
            made.append(one)
    RiskAssessment.objects.bulk_create(made, batch_size=AT_ONCE)
    return len(made)


_SAID = ("level", "hold_days", "reserve_ppb", "reserve_days", "reason")


def _assessed(levels: list[RiskLevel], facts: dict[int, Facts], said: RiskSaid | None) -> RiskAssessment:
    """Return the level of one creator by what is known of them, by windows, or by what an operator said; it names
    neither creator nor moment. Without any level nobody is at one."""
    at = next((one for one in levels if holds_for(one, facts[one.window_days])), None)
    level, reason = (at.level, at.reason) if at is not None else (0, "")
    if levels and said is not None and said.level is not None:
        level, reason = said.level, said.reason if said.level else ""
    kept = kept_by(one for one in levels if one.level <= level)
    days = at.window_days if at is not None else max(facts)
    return RiskAssessment(
        level=level,
        reason=reason,
        window_days=days,
        **facts[days]._asdict(),
        **kept._asdict(),
    )


def newest_assessments(currency: str, owner_ids: Iterable[UUID] | None = None) -> dict[UUID, RiskAssessment]:
    """Return where creators stand in a currency, by their ids; who was never assessed is not among them."""
    found = RiskAssessment.objects.filter(currency=currency).order_by("creator_id", "currency", "-pk")
    if owner_ids is not None:
        found = found.filter(creator_id__in=list(owner_ids))
    return {one.creator_id: one for one in found.distinct("creator_id", "currency")}


def risks_of(*, currency: str, owner_ids: Collection[UUID], now: datetime) -> dict[UUID, RiskAssessment]:
    """Return those of creators who are at a level above 0 in a currency; who was never assessed is so now."""
    if not standing_levels():
        return {}
    found = newest_assessments(currency, owner_ids)
    if unknown := [owner_id for owner_id in owner_ids if owner_id not in found]:
        assess_risk(now=now, currency=currency, owner_ids=unknown)
        found = newest_assessments(currency, owner_ids)
    return {owner_id: one for owner_id, one in found.items() if one.level}
