"""Asking for checks of creators, asking who makes them, and keeping what was found or decided."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import lock_every_currency
from marketplace.payouts.bookkeeping.policies import MAX_KEY, MAX_REASON
from marketplace.payouts.checks.base import Finding, Screening, ScreeningUnavailable, Subject
from marketplace.payouts.checks.queries import newest_check
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.tax_sealing import UnableToUnseal, unseal
from marketplace.payouts.taxes import TaxDetails
from marketplace.people.models import Creator

log = logging.getLogger(__name__)
Kind, State = CreatorCheck.Kind, CreatorCheck.State

AT_ONCE = 500
ASKED_EARLY = timedelta(days=30)
"""So long before what passed expires, it is asked again, so that nobody's payouts wait for it."""

LOCK = 0x5C4EE  # who adds to checks by a rule is alone at it, so that no two ask for the same one

# Creators of whom a check is wanted and none counts: identity once what they were paid in a currency and what they
# have available there passes the limit, sanctions before the first payout.
_NEED = """
INSERT INTO payouts_creator_check (creator_id, kind, state, reason, reference, by, at, expires_at)
SELECT DISTINCT who.owner_id, wanted.kind, 'needed', '', '', 'policy', %(now)s::timestamptz, NULL::timestamptz
  FROM payouts_account who CROSS JOIN unnest(%(kinds)s::text[]) AS wanted (kind)
  LEFT JOIN LATERAL (SELECT c.state, c.expires_at FROM payouts_creator_check c
                      WHERE c.creator_id = who.owner_id AND c.kind = wanted.kind
                      ORDER BY c.id DESC LIMIT 1) last ON true
 WHERE who.kind = 'creator_available' AND who.balance_minor > 0
   AND (%(currency)s::text IS NULL OR who.currency = %(currency)s)
   AND (last.state IS NULL OR last.state = 'lifted' OR last.state = 'passed' AND last.expires_at <= %(now)s)
   AND (wanted.kind <> 'identity' OR who.balance_minor + coalesce((
           SELECT sum(p.amount_minor) FROM payouts_payout p
            WHERE p.creator_id = who.owner_id AND p.currency = who.currency
              AND NOT EXISTS (SELECT FROM payouts_payout_outcome o
                               WHERE o.payout_id = p.id AND o.state IN ('failed', 'returned'))), 0) > %(above)s)
 ORDER BY who.owner_id, wanted.kind
"""

_LIFT = """
INSERT INTO payouts_creator_check (creator_id, kind, state, reason, reference, by, at, expires_at)
SELECT c.creator_id, c.kind, 'lifted', '', '', 'policy', %(now)s, NULL
  FROM payouts_creator_check c
 WHERE c.state IN ('needed', 'pending') AND c.kind <> ALL (%(kinds)s::text[])
   AND NOT EXISTS (SELECT FROM payouts_creator_check l
                    WHERE l.creator_id = c.creator_id AND l.kind = c.kind AND l.id > c.id)
 ORDER BY c.id
"""

_OPEN = """
SELECT c.id, c.creator_id, c.kind FROM payouts_creator_check c
 WHERE c.id > %(after)s
   AND (c.state IN ('needed', 'pending') OR c.state = 'passed' AND c.expires_at <= %(soon)s)
   AND NOT EXISTS (SELECT FROM payouts_creator_check l
                    WHERE l.creator_id = c.creator_id AND l.kind = c.kind AND l.id > c.id)
 ORDER BY c.id LIMIT %(limit)s
"""


class UnableToDecideCheck(Exception):
    """A check cannot be decided like that; nothing was written."""

    code = "unable-to-decide-check"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(_("The check cannot be decided: %(why)s.") % {"why": why})


def wanted_kinds() -> list[str]:
    """Return which checks the settings want."""
    kinds = [Kind.IDENTITY] if settings.CHECK_IDENTITY_ABOVE_MINOR >= 0 else []
    return [str(kind) for kind in (*kinds, *([Kind.SANCTIONS] if settings.CHECK_SANCTIONS else []))]


@transaction.atomic
def require_checks(*, now: datetime, currency: str | None = None) -> int:
    """Ask for the checks that the settings want of creators who have money available, and count what was asked for.

    A check that was passed and has expired is asked for anew. Until it is passed, nothing is paid to the creator.
    """
    kinds = wanted_kinds()
    if not kinds:
        return 0
    params = {
        "kinds": kinds,
        "above": settings.CHECK_IDENTITY_ABOVE_MINOR,
        "currency": currency,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(_NEED, params)
        return int(cursor.rowcount)


@transaction.atomic
def lift_checks(*, now: datetime) -> int:
    """Let go of checks that nobody decided and that the settings do not want any more; count them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(_LIFT, {"kinds": wanted_kinds(), "now": now})
        return int(cursor.rowcount)


def ask_checks(*, now: datetime) -> int:
    """Ask who makes the checks how each open one stands, keep what changed, and count that.

    One that is passed and ends within 30 days is asked too, and stands until then unless it is passed anew. What
    nobody answers stays as it is. Not to be called inside a transaction.
    """
    screening: Screening = import_string(settings.ADAPTERS["screening"])()
    changed = 0
    for creator_id, kind, subject in _open_ones(now):
        try:
            found = screening.identity(subject) if kind == Kind.IDENTITY else screening.sanctions(subject)
        except ScreeningUnavailable as silence:
            log.warning("The check of %s of %s waits: %s.", kind, subject.handle, silence.why)
            continue
        changed += _keep(creator_id=creator_id, kind=kind, found=found, by=screening.name, now=now)
    return changed


def _open_ones(now: datetime) -> Iterator[tuple[UUID, str, Subject]]:
    """Yield each check that is open, the oldest first, with whom it is of."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_OPEN, {"after": after, "soon": now + ASKED_EARLY, "limit": AT_ONCE})
            rows: list[tuple[int, UUID, str]] = cursor.fetchall()
        subjects = _subjects({creator_id for _id, creator_id, _kind in rows})
        for _id, creator_id, kind in rows:
            yield creator_id, kind, subjects[creator_id]
        if len(rows) < AT_ONCE:
            return
        after = rows[-1][0]


def _subjects(creator_ids: set[UUID]) -> dict[UUID, Subject]:
    told = TaxDetails.objects.filter(creator_id__in=creator_ids).order_by("creator_id", "-pk").distinct("creator_id")
    details = {one.creator_id: one for one in told}
    return {
        one.pk: Subject(one.pk, one.handle, one.display_name, *_told(details.get(one.pk)))
        for one in Creator.objects.filter(pk__in=creator_ids)
    }


def _told(details: TaxDetails | None) -> tuple[str, str]:
    """Return the legal name and the country that a creator told; without the key that opens it, no name."""
    if details is None:
        return "", ""
    try:
        document: dict[str, Any] = unseal(details.sealed, details.creator_id)
    except UnableToUnseal:
        return "", details.country
    return str(document.get("legal_name", "")), details.country


@transaction.atomic
def _keep(*, creator_id: UUID, kind: str, found: Finding, by: str, now: datetime) -> bool:
    """Keep what was found where it is news; return whether it was. What was decided meanwhile stands."""
    lock_every_currency()  # a settlement has reserved before it, or sees it
    stands = newest_check(creator_id, kind)
    if stands is None or stands.state not in (State.NEEDED, State.PENDING, State.PASSED):
        return False
    if stands.state == State.PASSED and found.state not in (State.PASSED, State.FAILED):
        return False
    is_same = (stands.state, stands.reason, stands.reference) == (found.state, found.reason, found.reference)
    ends = stands.expires_at is not None and stands.expires_at <= now + ASKED_EARLY
    if is_same and not ends:
        return False
    CreatorCheck.objects.create(
        creator_id=creator_id,
        kind=kind,
        state=found.state,
        reason=found.reason[:MAX_REASON],
        reference=found.reference[:MAX_KEY],
        by=by,
        at=now,
        expires_at=expiry(now) if found.state == State.PASSED else None,
    )
    return True


def expiry(now: datetime) -> datetime | None:
    """Return until when what is passed now counts; None for good."""
    days = settings.CHECK_AGAIN_DAYS
    return now + timedelta(days=days) if days else None


@transaction.atomic
def decide_check(
    *, creator: Creator, kind: str, passed: bool, reason: str, reference: str, by: str, now: datetime
) -> CreatorCheck:
    """Say by hand that a check of a creator is passed or failed, whatever was found before.

    `reason` is told to the creator, and a failure must have one. Passed, it counts for the days that the settings say;
    failed, nothing is paid until it is decided otherwise, and what is reserved already stays open, unsent. The same
    again returns the decision that stands. Raises UnableToDecideCheck.
    """
    if kind not in Kind.values:
        raise UnableToDecideCheck(_("there is no such check"))
    if not passed and not reason.strip():
        raise UnableToDecideCheck(_("say why it is failed: the creator reads it"))
    if len(reason) > MAX_REASON or len(reference) > MAX_KEY or not 0 < len(by) <= MAX_KEY:
        raise UnableToDecideCheck(_("say why, in at most %(most)d characters, and who decides") % {"most": MAX_REASON})
    lock_every_currency()
    state = State.PASSED if passed else State.FAILED
    stands = newest_check(creator.pk, kind)
    if stands is not None and (stands.state, stands.reason, stands.reference) == (state, reason, reference):
        ends = passed and stands.expires_at is not None and stands.expires_at <= now + ASKED_EARLY
        if not ends:
            return stands
    return CreatorCheck.objects.create(
        creator=creator,
        kind=kind,
        state=state,
        reason=reason,
        reference=reference,
        by=by,
        at=now,
        expires_at=expiry(now) if passed else None,
    )
