"""Taking money back of a sale and giving it back: what is the same for refunds, disputes and takedowns."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from marketplace.payouts.bookkeeping.books import Leg, balances, credit, credit_creators, debit, debts_met
from marketplace.payouts.bookkeeping.freezes import (
    Part,
    held_legs,
    hold_allocated,
    hold_left_by,
    standing_freeze,
    take_from_holds,
    write_holds,
)
from marketplace.payouts.bookkeeping.remaining import LineLeft, Parts, Remaining, lines_left, remaining_of
from marketplace.payouts.bookkeeping.royalties import allocate_sale
from marketplace.payouts.models import AccountKind, AwaitingAllocation, HoldRelease, Sale
from marketplace.payouts.reversals import ReturnedLine, Reversal, ReversalLine, ReversalOutcome
from marketplace.payouts.rules import allocate
from marketplace.payouts.statements import ProviderSettlement

LINES_COME_FROM = (
    AccountKind.CREATOR_CLAIM_HOLD,
    AccountKind.CREATOR_PENDING,
    AccountKind.CREATOR_RESERVE,
    AccountKind.CREATOR_AVAILABLE,
    AccountKind.CREATOR_RECEIVABLE,
)
"""From which of a payee's accounts a line is taken, the first first; what is there nowhere is owed."""


def sale_of(source: str) -> Sale | None:
    """Return the sale that a source names."""
    return Sale.objects.filter(source=source).first()


def money_of(sale: Sale) -> AccountKind:
    """Return the kind of account that a sale's money sits in: given back, it leaves there."""
    return AccountKind.BUYER_CREDIT if sale.paid_from == AccountKind.BUYER_CREDIT else provider_of(sale)


def provider_of(sale: Sale) -> AccountKind:
    """Return the kind of the payment provider's account for a sale: its balance once it has settled it."""
    is_settled = ProviderSettlement.objects.filter(sale=sale).exists()
    return AccountKind.PSP_BALANCE if is_settled else AccountKind.PSP_CLEARING


def what_remains(sale: Sale) -> Remaining:
    """Return what remains of a sale, as it will be when it is allocated; its currency must be locked."""
    remaining = remaining_of(sale)
    if remaining.lines or not AwaitingAllocation.objects.filter(sale=sale).exists():
        return remaining
    shares = list(sale.split.shares.values_list("payee_id", "share_ppb"))
    lines = tuple(LineLeft(0, payee, 0, part, 0) for payee, part in allocate(sale.net_minor, shares) if part)
    return remaining._replace(lines=lines)


def write_reversal(
    *, sale: Sale, kind: str, key: str, parts: Parts, loss_minor: int = 0, reason: str = "", now: datetime
) -> tuple[Reversal, list[ReversalLine]]:
    """Write a reversal and what it takes of which line and bucket, and post nothing: that comes after.

    `parts` are of `what_remains`. A sale that awaits its allocation is allocated now, frozen or not, so that a
    reversal always follows lines; those of a frozen subject are held for the claim, and taken from there.
    """
    reversal = Reversal.objects.create(
        sale=sale,
        kind=kind,
        key=key,
        reason=reason,
        amount_minor=parts.total_minor + loss_minor,
        tax_minor=parts.tax_minor,
        fee_minor=parts.fee_minor,
        net_minor=parts.net_minor,
        pot_minor=parts.pot_minor,
        loss_minor=loss_minor,
        opened_at=now,
        transaction_id=uuid4(),
    )
    if allocate_sale(sale=sale, now=now) is not None:
        hold_allocated(sale=sale, now=now)
    taken = _taken(sale, lines_left(sale), parts.lines)
    for part in taken:
        part.reversal = reversal
    return reversal, ReversalLine.objects.bulk_create(taken)


def taken_legs(taken: Iterable[ReversalLine]) -> list[Leg]:
    """Return the legs that take lines from their payees' accounts; the lines must be loaded."""
    return [debit(AccountKind(part.bucket), part.amount_minor, part.line.payee_id) for part in taken]


def change_holds(
    *, sale: Sale, reversal: Reversal, taken: Sequence[ReversalLine], bucket: AccountKind, now: datetime
) -> None:
    """Write that the posted reversal took what it took of the holds of its lines, to which kind of account, and hold
    what its taking of reserves leaves of frozen subjects; the lines must be loaded."""
    held = {part.line_id: part.amount_minor for part in taken if part.bucket == AccountKind.CREATOR_CLAIM_HOLD}
    take_from_holds(subject=sale.subject, amounts=held, bucket=bucket, transaction_id=reversal.transaction_id)
    if owner_ids := {part.line.payee_id for part in taken if part.bucket == AccountKind.CREATOR_RESERVE}:
        hold_left_by(reversal_id=reversal.transaction_id, currency=sale.currency, owner_ids=owner_ids, now=now)


def _taken(sale: Sale, lines: Sequence[LineLeft], amounts: Sequence[int]) -> list[ReversalLine]:
    """Return what is taken of each line and from which bucket; nothing is written."""
    is_released = bool(lines) and HoldRelease.objects.filter(run_id=lines[0].run_id).exists()
    there = {
        kind: balances(currency=sale.currency, kind=kind, owner_ids=[line.payee_id for line in lines])
        for kind in (AccountKind.CREATOR_RESERVE, AccountKind.CREATOR_AVAILABLE)
    }
    taken = []
    for line, amount_minor in zip(lines, amounts, strict=True):
        rest_minor = amount_minor
        for bucket in LINES_COME_FROM:
            if bucket == AccountKind.CREATOR_CLAIM_HOLD:
                part_minor = min(rest_minor, line.held_minor)
            elif bucket == AccountKind.CREATOR_PENDING:
                part_minor = 0 if is_released else rest_minor
            elif bucket == AccountKind.CREATOR_RECEIVABLE:
                part_minor = rest_minor
            else:
                part_minor = min(rest_minor, there[bucket].get(line.payee_id, 0))
            if part_minor:
                rest_minor -= part_minor
                taken.append(ReversalLine(line_id=line.line_id, amount_minor=part_minor, bucket=bucket))
    return taken


class Back(NamedTuple):
    """What is to be given back of one royalty line; `held_minor` of it was held for claims when it was taken."""

    line_id: int
    payee_id: UUID
    amount_minor: int
    held_minor: int = 0


class Given(NamedTuple):
    """What is given back: rows for the outcome, legs to post, and what of it is held."""

    returned: list[ReturnedLine]
    legs: list[Leg]
    held: list[Part]


def backs_of(taken: Iterable[ReversalLine], more: Iterable[Back] = ()) -> list[Back]:
    """Return what giving back all that was taken comes to, one a line, and more on top; the lines must be loaded."""
    found: dict[int, Back] = {}
    rows = [
        Back(
            part.line_id,
            part.line.payee_id,
            part.amount_minor,
            part.amount_minor if part.bucket == AccountKind.CREATOR_CLAIM_HOLD else 0,
        )
        for part in taken
    ]
    for row in [*rows, *more]:
        before = found.get(row.line_id, Back(row.line_id, row.payee_id, 0))
        found[row.line_id] = before._replace(
            amount_minor=before.amount_minor + row.amount_minor, held_minor=before.held_minor + row.held_minor
        )
    return [found[line_id] for line_id in sorted(found)]


def give_back(sale: Sale, backs: Sequence[Back]) -> Given:
    """Return how lines of one sale are given back: to pending while its run is, else against debts and to available.

    While the subject is frozen it is held instead; debts come first there as well, but not from what was held when
    it was taken. Nothing is written; the currency must be locked.
    """
    frozen = standing_freeze(sale.subject)
    is_released = HoldRelease.objects.filter(run__lines__sale=sale).exists()
    bucket = AccountKind.CREATOR_AVAILABLE if is_released else AccountKind.CREATOR_PENDING
    others = {back.payee_id: back.amount_minor - back.held_minor for back in backs}
    met = debts_met(currency=sale.currency, amounts=others) if frozen and is_released else {}
    given = Given([], [], [])
    free: Counter[UUID] = Counter()
    for back in backs:
        held_minor = back.amount_minor - met.get(back.payee_id, 0) if frozen else 0
        if frozen and held_minor:
            given.held.append(Part(frozen.pk, back.line_id, back.payee_id, held_minor, bucket))
        free[back.payee_id] = back.amount_minor - held_minor
        for kind, amount_minor in ((AccountKind.CREATOR_CLAIM_HOLD, held_minor), (bucket, free[back.payee_id])):
            if amount_minor:
                given.returned.append(ReturnedLine(line_id=back.line_id, amount_minor=amount_minor, bucket=kind))
    given.legs.extend(held_legs(given.held))
    if is_released:
        given.legs.extend(credit_creators(currency=sale.currency, amounts=free))
    else:
        given.legs.extend(credit(bucket, amount_minor, payee_id) for payee_id, amount_minor in free.items())
    return given


def write_outcome(
    *, reversal: Reversal, outcome: str, given: Given | None, now: datetime, **back: int
) -> ReversalOutcome:
    """Write how a reversal ended and what of its lines is given back, and post nothing: that comes after.

    `back` are tax_minor, fee_minor and pot_minor, where some of them is given back.
    """
    ended = ReversalOutcome.objects.create(
        reversal=reversal, outcome=outcome, closed_at=now, transaction_id=uuid4(), **back
    )
    for row in given.returned if given else ():
        row.outcome = ended
    ReturnedLine.objects.bulk_create(given.returned if given else [])
    return ended


def hold_given(given: Given, ended: ReversalOutcome) -> None:
    """Write what of the given is held by the posted outcome."""
    write_holds(parts=given.held, transaction_id=ended.transaction_id)
