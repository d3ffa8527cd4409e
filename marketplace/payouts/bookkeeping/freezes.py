"""When a claim freezes what a subject earned, and when it lets go of it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import (
    Leg,
    credit,
    credit_creators,
    debit,
    lock_every_currency,
    post,
)
from marketplace.payouts.bookkeeping.sales import MAX_NAME
from marketplace.payouts.bookkeeping.standing import available_lines
from marketplace.payouts.freezes import ClaimHoldLine, SubjectFreeze, SubjectThaw
from marketplace.payouts.models import AccountKind, RoyaltyLine, RoyaltyRun, Sale, TransactionKind
from marketplace.payouts.numbers import held_of, taken_of


class UnableToFreeze(Exception):
    """What is to be frozen, or why, cannot be named so; nothing was written."""

    code = "unable-to-freeze"

    def __init__(self, subject: str, reason: str) -> None:
        self.subject, self.reason = subject, reason
        super().__init__(
            _("“%(subject)s” cannot be frozen for “%(reason)s”: name both, in at most %(most)d characters each.")
            % {"subject": subject[:MAX_NAME], "reason": reason[:MAX_NAME], "most": MAX_NAME}
        )


class Part(NamedTuple):
    """What is to be held of one royalty line, under which freeze, and from which account."""

    freeze_id: int
    line_id: int
    payee_id: UUID
    amount_minor: int
    bucket: AccountKind


@transaction.atomic
def freeze(*, subject: str, reason: str, now: datetime) -> SubjectFreeze:
    """Let nothing more of what a subject earned go to its creators until this is thawed.

    Its sales are not allocated, and what of its royalty lines is pending or available is held at once. What was
    paid stays paid, and what other subjects earned the same creators is not touched. The same subject and reason
    again return the first freeze, also after its thaw: a reason freezes once. A subject may be frozen for several
    reasons. Raises UnableToFreeze for a name that is empty or longer than 200 characters.
    """
    if not 0 < len(subject) <= MAX_NAME or not 0 < len(reason) <= MAX_NAME:
        raise UnableToFreeze(subject, reason)
    lock_every_currency()
    if before := SubjectFreeze.objects.filter(subject=subject, reason=reason).first():
        return before
    frozen = SubjectFreeze.objects.create(
        subject=subject, reason=reason, frozen_at=now, allocated_through=RoyaltyRun.objects.order_by("pk").last()
    )
    for currency, parts in _to_hold(frozen).items():
        _hold(currency=currency, freeze_id=frozen.pk, parts=parts, why=currency, now=now)
    return frozen


@transaction.atomic
def thaw(*, subject: str, reason: str, now: datetime) -> SubjectThaw | None:
    """End a freeze; when it was the last of its subject, give back what is held.

    What is given back is pending again while its run's hold period lasts, else it goes against what the payee owes
    and then to available; sales that waited are allocated by the next run. The same again returns the first thaw;
    what was never frozen returns None.
    """
    lock_every_currency()
    frozen = SubjectFreeze.objects.filter(subject=subject, reason=reason).first()
    if frozen is None:
        return None
    if before := SubjectThaw.objects.filter(freeze=frozen).first():
        return before
    thawed = SubjectThaw.objects.create(
        freeze=frozen, thawed_at=now, allocated_through=RoyaltyRun.objects.order_by("pk").last()
    )
    if standing_freeze(subject) is not None:
        return thawed
    held: dict[str, list[ClaimHoldLine]] = defaultdict(list)
    for hold in standing_holds().filter(line__sale__subject=subject).select_related("line__run__release"):
        held[hold.line.run.currency].append(hold)
    for currency, holds in sorted(held.items()):
        transaction_id = post(
            kind=TransactionKind.CLAIM_RELEASED,
            source=f"thaw:{thawed.pk}",
            idem_key=f"claim-released:{thawed.pk}:{currency}",
            currency=currency,
            legs=[*released_legs(holds), *_given_back(currency, holds)],
            now=now,
        )
        write_holds(ended=[(hold, _back_to(hold)) for hold in holds], transaction_id=transaction_id)
    return thawed


def hold_allocated(*, sale: Sale, now: datetime) -> None:
    """Hold the lines that a sale was just given, where its subject is frozen: only a part of it may be taken back."""
    frozen = standing_freeze(sale.subject)
    if frozen is None:
        return
    lines = RoyaltyLine.objects.filter(sale=sale).order_by("pk")
    bucket = AccountKind.CREATOR_PENDING
    parts = [Part(frozen.pk, line.pk, line.payee_id, line.amount_minor, bucket) for line in lines]
    _hold(currency=sale.currency, freeze_id=frozen.pk, parts=parts, why=f"sale:{sale.pk}", now=now)


# The oldest freeze of each subject that is frozen and of which creators (%(owners)s) have lines.
_FREEZES_OF = """
SELECT f.subject, min(f.id)
  FROM payouts_subject_freeze f
 WHERE NOT EXISTS (SELECT FROM payouts_subject_thaw t WHERE t.freeze_id = f.id)
   AND EXISTS (SELECT FROM payouts_sale s JOIN payouts_royalty_line l ON l.sale_id = s.id
                WHERE s.subject = f.subject AND l.payee_id = ANY (%(owners)s::uuid[]))
 GROUP BY f.subject
"""


def hold_left_by(*, reversal_id: UUID, currency: str, owner_ids: Collection[UUID], now: datetime) -> None:
    """Hold what of frozen subjects is available to creators since a posted reversal took money of their reserves.

    A reserve is of many lines: what it took for one of them leaves so much of that line's own money available, which
    stands from then on for the lines whose reserve it took (`unnamed_lots`). `reversal_id` is the transaction that did.
    The currency must be locked.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FREEZES_OF, {"owners": list(owner_ids)})
        freezes: dict[str, int] = dict(cursor.fetchall())
    parts: dict[int, list[Part]] = defaultdict(list)
    for stands in available_lines(currency=currency, owner_ids=owner_ids) if freezes else ():
        if (freeze_id := freezes.get(stands.subject)) is not None:
            part = (stands.line_id, stands.payee_id, stands.amount_minor)
            parts[freeze_id].append(Part(freeze_id, *part, AccountKind.CREATOR_AVAILABLE))
    for freeze_id, some in sorted(parts.items()):
        _hold(currency=currency, freeze_id=freeze_id, parts=some, why=f"after:{reversal_id}", now=now)


def _hold(*, currency: str, freeze_id: int, parts: Sequence[Part], why: str, now: datetime) -> None:
    """Post that parts of one freeze are held, once for why they are, and write them."""
    transaction_id = post(
        kind=TransactionKind.CLAIM_HELD,
        source=f"freeze:{freeze_id}",
        idem_key=f"claim-held:{freeze_id}:{why}",
        currency=currency,
        legs=[*(debit(part.bucket, part.amount_minor, part.payee_id) for part in parts), *held_legs(parts)],
        now=now,
    )
    write_holds(parts=parts, transaction_id=transaction_id)


def standing_freeze(subject: str) -> SubjectFreeze | None:
    """Return the oldest freeze of a subject that has no thaw; a sale without a subject is never frozen."""
    return SubjectFreeze.objects.filter(subject=subject, thaw=None).order_by("pk").first() if subject else None


def standing_holds() -> QuerySet[ClaimHoldLine]:
    """Return what is held now."""
    return ClaimHoldLine.objects.filter(end=None).order_by("pk")


def held_legs(parts: Iterable[Part]) -> list[Leg]:
    """Return the legs that put parts into their payees' holds."""
    return [credit(AccountKind.CREATOR_CLAIM_HOLD, part.amount_minor, part.payee_id) for part in parts]


def released_legs(holds: Iterable[ClaimHoldLine]) -> list[Leg]:
    """Return the legs that take what is held out of its payees' holds; the lines must be loaded."""
    return [debit(AccountKind.CREATOR_CLAIM_HOLD, hold.amount_minor, hold.line.payee_id) for hold in holds]


# In one statement, so that the database sees the holds of a transaction change at once.
_CHANGE = """
WITH ended AS (
    INSERT INTO payouts_claim_hold_end (hold_id, bucket, transaction_id)
    SELECT hold_id, bucket, %(transaction)s FROM unnest(%(ended)s::bigint[], %(to)s::text[]) AS e (hold_id, bucket)
)
INSERT INTO payouts_claim_hold_line (freeze_id, line_id, amount_minor, bucket, transaction_id)
SELECT freeze_id, line_id, amount_minor, bucket, %(transaction)s
  FROM unnest(%(freezes)s::bigint[], %(lines)s::bigint[], %(amounts)s::bigint[], %(from)s::text[])
       AS p (freeze_id, line_id, amount_minor, bucket)
"""


def write_holds(
    *, transaction_id: UUID, parts: Sequence[Part] = (), ended: Sequence[tuple[ClaimHoldLine, str]] = ()
) -> None:
    """Write what a posted transaction holds, and which holds it ends with the kind of account each went to.

    Parts of one line are added up.
    """
    merged: dict[int, Part] = {}
    for part in parts:
        before = merged.get(part.line_id)
        merged[part.line_id] = part._replace(amount_minor=part.amount_minor + (before.amount_minor if before else 0))
    params = {
        "transaction": transaction_id,
        "ended": [hold.pk for hold, _ in ended],
        "to": [bucket for _, bucket in ended],
        "freezes": [part.freeze_id for part in merged.values()],
        "lines": [part.line_id for part in merged.values()],
        "amounts": [part.amount_minor for part in merged.values()],
        "from": [str(part.bucket) for part in merged.values()],
    }
    if parts or ended:
        with connection.cursor() as cursor:
            cursor.execute(_CHANGE, params)


def take_from_holds(*, subject: str, amounts: Mapping[int, int], bucket: AccountKind, transaction_id: UUID) -> None:
    """Write that a posted transaction took so much of what is held of each line (line → minor units), and where to.

    A hold of which a part stays is ended and held anew. The lines are of a frozen subject.
    """
    frozen = standing_freeze(subject)
    left = {line_id: amount_minor for line_id, amount_minor in amounts.items() if amount_minor}
    ended: list[tuple[ClaimHoldLine, str]] = []
    anew: list[Part] = []
    for hold in standing_holds().filter(line__in=left).select_related("line"):
        taken_minor = min(left[hold.line_id], hold.amount_minor)
        if not taken_minor:
            continue
        left[hold.line_id] -= taken_minor
        ended.append((hold, bucket))
        if frozen is not None and taken_minor < hold.amount_minor:
            rest_minor = hold.amount_minor - taken_minor
            anew.append(Part(frozen.pk, hold.line_id, hold.line.payee_id, rest_minor, AccountKind(hold.bucket)))
    write_holds(parts=anew, ended=ended, transaction_id=transaction_id)


# What of a subject's lines is in its hold period and not held yet.
_PENDING = f"""
SELECT * FROM (
    SELECT r.currency, l.id, l.payee_id, l.amount_minor - {taken_of("l.id")} - {held_of("l.id")} AS amount_minor
      FROM payouts_sale s JOIN payouts_royalty_line l ON l.sale_id = s.id JOIN payouts_royalty_run r ON r.id = l.run_id
     WHERE s.subject = %(subject)s AND s.subject <> ''
       AND NOT EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = r.id)) left_of
 WHERE amount_minor > 0 ORDER BY id
"""

# Who may have available what is released of a subject's lines.
_PAYEES = """
SELECT DISTINCT r.currency, l.payee_id
  FROM payouts_sale s JOIN payouts_royalty_line l ON l.sale_id = s.id JOIN payouts_royalty_run r ON r.id = l.run_id
 WHERE s.subject = %(subject)s AND s.subject <> ''
   AND EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = r.id)
"""


def _to_hold(frozen: SubjectFreeze) -> dict[str, list[Part]]:
    """Return currency → what of its subject's lines its payees still have, pending or available."""
    parts: dict[str, list[Part]] = defaultdict(list)
    owners: dict[str, set[UUID]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(_PENDING, {"subject": frozen.subject})
        for currency, *part in cursor.fetchall():
            parts[currency].append(Part(frozen.pk, *part, AccountKind.CREATOR_PENDING))
        cursor.execute(_PAYEES, {"subject": frozen.subject})
        for currency, payee_id in cursor.fetchall():
            owners[currency].add(payee_id)
    for currency, owner_ids in owners.items():
        for stands in available_lines(currency=currency, owner_ids=owner_ids):
            if stands.subject == frozen.subject:
                part = (stands.line_id, stands.payee_id, stands.amount_minor)
                parts[currency].append(Part(frozen.pk, *part, AccountKind.CREATOR_AVAILABLE))
    return dict(sorted(parts.items()))


def _back_to(hold: ClaimHoldLine) -> AccountKind:
    is_released = hasattr(hold.line.run, "release")
    return AccountKind.CREATOR_AVAILABLE if is_released else AccountKind.CREATOR_PENDING


def _given_back(currency: str, holds: Sequence[ClaimHoldLine]) -> list[Leg]:
    legs = []
    amounts: Counter[UUID] = Counter()
    for hold in holds:
        if _back_to(hold) == AccountKind.CREATOR_AVAILABLE:
            amounts[hold.line.payee_id] += hold.amount_minor
        else:
            legs.append(credit(AccountKind.CREATOR_PENDING, hold.amount_minor, hold.line.payee_id))
    return [*legs, *credit_creators(currency=currency, amounts=amounts)]
