"""When a claim freezes what a subject earned, and when it lets go of it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
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
from marketplace.payouts.freezes import ClaimHoldEnd, ClaimHoldLine, SubjectFreeze, SubjectThaw
from marketplace.payouts.models import AccountKind, DisputeOutcome, RoyaltyLine, RoyaltyRun, TransactionKind


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
        transaction_id = post(
            kind=TransactionKind.CLAIM_HELD,
            source=f"freeze:{frozen.pk}",
            idem_key=f"claim-held:{frozen.pk}:{currency}",
            currency=currency,
            legs=[*(debit(part.bucket, part.amount_minor, part.payee_id) for part in parts), *held_legs(parts)],
            now=now,
        )
        write_holds(parts=parts, transaction_id=transaction_id)
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
        end_holds(holds=holds, transaction_id=transaction_id, bucket=_back_to)
    return thawed


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


def write_holds(*, parts: Iterable[Part], transaction_id: UUID) -> None:
    """Write which lines a posted transaction holds: all of them in one statement."""
    ClaimHoldLine.objects.bulk_create(
        ClaimHoldLine(
            freeze_id=part.freeze_id,
            line_id=part.line_id,
            amount_minor=part.amount_minor,
            bucket=part.bucket,
            transaction_id=transaction_id,
        )
        for part in parts
    )


def end_holds(*, holds: Iterable[ClaimHoldLine], transaction_id: UUID, bucket: Callable[[ClaimHoldLine], str]) -> None:
    """Write that a posted transaction took what was held, and where to: all of it in one statement."""
    ClaimHoldEnd.objects.bulk_create(
        ClaimHoldEnd(hold=hold, bucket=bucket(hold), transaction_id=transaction_id) for hold in holds
    )


def _to_hold(frozen: SubjectFreeze) -> dict[str, list[Part]]:
    """Return currency → what of its subject's lines its payees still have, pending or available."""
    lines = RoyaltyLine.objects.filter(
        Q(sale__dispute=None) | Q(sale__dispute__outcome__outcome=DisputeOutcome.WON),
        ~Exists(standing_holds().filter(line=OuterRef("pk"))),
        sale__subject=frozen.subject,
    )
    parts: dict[str, list[Part]] = defaultdict(list)
    pending = lines.filter(run__release=None).order_by("pk")
    for currency, *part in pending.values_list("run__currency", "pk", "payee_id", "amount_minor"):
        parts[currency].append(Part(frozen.pk, *part, AccountKind.CREATOR_PENDING))
    owners: dict[str, set[UUID]] = defaultdict(set)
    for currency, payee_id in lines.exclude(run__release=None).values_list("run__currency", "payee_id").distinct():
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
