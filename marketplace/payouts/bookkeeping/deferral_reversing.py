"""When money goes back of what was paid ahead: refunds and disputes of its parts and of the sales made of them."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping import disputes, refunds
from marketplace.payouts.bookkeeping.books import Leg, credit, debit, lock_currency, post
from marketplace.payouts.bookkeeping.deferral_left import Taken, left_of
from marketplace.payouts.bookkeeping.disputes import UnableToCloseDispute, UnableToDispute
from marketplace.payouts.bookkeeping.refunds import UnableToRefund
from marketplace.payouts.bookkeeping.sales import MAX_NAME
from marketplace.payouts.deferral_models import (
    Deferral,
    DeferralReversal,
    DeferralReversalOutcome,
    DeferralReversalSale,
    DeferralTaken,
)
from marketplace.payouts.ids import time_ordered_id
from marketplace.payouts.models import AccountKind, TransactionKind
from marketplace.payouts.reversals import Reversal
from marketplace.payouts.rules import Money

_LONGEST_KEY = MAX_NAME - len(":9999")  # those of the sales have a number behind it


def lock(deferral: Deferral) -> None:
    """Let nobody else make sales of a payment, or take of it, until the transaction ends."""
    Deferral.objects.select_for_update(no_key=True).get(pk=deferral.pk)
    lock_currency(deferral.currency)


@transaction.atomic
def refund(
    *, deferral: Deferral, amount_minor: int, key: str, reason: str, now: datetime, beyond: bool = False
) -> DeferralReversal:
    """Book a refund of what was paid ahead; paid.refund says how. Raises UnableToRefund."""
    source = deferral.source
    if not 0 < len(key) <= _LONGEST_KEY or not 0 < len(reason) <= MAX_NAME:
        raise UnableToRefund(source, _("name the refund and its reason, in at most %d characters each") % _LONGEST_KEY)
    if amount_minor <= 0:
        raise UnableToRefund(source, _("its amount is not above zero"))
    lock(deferral)
    if before := DeferralReversal.objects.filter(key=key).first():
        said = (before.kind, before.deferral_id, before.amount_minor, before.reason)
        if said != (DeferralReversal.REFUND, deferral.pk, amount_minor, reason):
            raise UnableToRefund(source, _("the same key named something else before"))
        return before
    left = left_of(deferral)
    loss_minor = max(0, amount_minor - left.total_minor)
    if loss_minor and not beyond:
        there = Money(left.total_minor, deferral.currency)
        raise UnableToRefund(source, _("only %(left)s of it are left to give back") % {"left": there})
    taken = left.taken(amount_minor - loss_minor)
    legs = [
        credit(AccountKind.PSP_CLEARING, taken.tax_minor + taken.deferred_minor + loss_minor),
        debit(AccountKind.TAX_PAYABLE, taken.tax_minor, detail=deferral.tax_of),
        debit(AccountKind.DEFERRED_SUBSCRIPTION, taken.deferred_minor),
        debit(AccountKind.DISPUTE_LOSS, loss_minor),
    ]
    made = _written(deferral, DeferralReversal.REFUND, key, taken, legs, now=now, reason=reason, loss_minor=loss_minor)
    for number, (sale, part_minor) in enumerate(taken.sales, start=1):
        named = f"{key}:{number}"
        row = refunds.refund(source=sale.source, amount_minor=part_minor, key=named, reason=reason, now=now)
        DeferralReversalSale.objects.create(reversal=made, of_sale=row)
    return made


@transaction.atomic
def fail_refund(*, reversal: DeferralReversal, now: datetime) -> DeferralReversalOutcome:
    """Book that a refund of what was paid ahead could not be delivered: all of it comes back."""
    deferral = reversal.deferral
    lock(deferral)
    if before := DeferralReversalOutcome.objects.filter(reversal=reversal).first():
        return before
    for row in _of_sales(reversal):
        refunds.fail_refund(key=row.key, now=now)
    legs = [
        debit(AccountKind.PSP_CLEARING, reversal.tax_minor + reversal.deferred_minor + reversal.loss_minor),
        credit(AccountKind.TAX_PAYABLE, reversal.tax_minor, detail=deferral.tax_of),
        credit(AccountKind.DEFERRED_SUBSCRIPTION, reversal.deferred_minor),
        credit(AccountKind.DISPUTE_LOSS, reversal.loss_minor),
    ]
    return _ended(reversal, DeferralReversalOutcome.FAILED, TransactionKind.AHEAD_REFUND_FAILED, legs, now)


@transaction.atomic
def open_dispute(*, deferral: Deferral, amount_minor: int | None, key: str, now: datetime) -> DeferralReversal:
    """Book a dispute of what was paid ahead; paid.open_dispute says how. Raises UnableToDispute."""
    source = deferral.source
    if amount_minor is not None and amount_minor <= 0:
        raise UnableToDispute(source, _("its amount is not above zero"))
    if len(key) > _LONGEST_KEY:
        raise UnableToDispute(source, _("its key is longer than %d characters") % _LONGEST_KEY)
    lock(deferral)
    if before := DeferralReversal.objects.filter(key=key).first():
        is_other = (before.kind, before.deferral_id) != (DeferralReversal.DISPUTE, deferral.pk)
        if is_other or amount_minor not in {None, before.amount_minor}:
            raise UnableToDispute(source, _("the same key named something else before"))
        return before
    left = left_of(deferral)
    asked_minor = left.total_minor if amount_minor is None else amount_minor
    if not asked_minor:
        raise UnableToDispute(source, _("nothing of it remains"))
    taken = left.taken(min(asked_minor, left.total_minor))
    loss_minor = max(0, asked_minor - left.total_minor)
    held_minor = taken.tax_minor + taken.deferred_minor + loss_minor
    legs = [
        debit(AccountKind.DISPUTE_SUSPENSE, held_minor),
        credit(AccountKind.PSP_CLEARING, held_minor),
    ]
    made = _written(deferral, DeferralReversal.DISPUTE, key, taken, legs, now=now, loss_minor=loss_minor)
    for number, (sale, part_minor) in enumerate(taken.sales, start=1):
        row = disputes.open_dispute(source=sale.source, amount_minor=part_minor, key=f"{key}:{number}", now=now)
        DeferralReversalSale.objects.create(reversal=made, of_sale=row)
    return made


@transaction.atomic
def close_dispute(*, deferral: Deferral, key: str, outcome: str, now: datetime) -> DeferralReversalOutcome:
    """Book how a dispute of what was paid ahead ended. Raises UnableToCloseDispute."""
    source = deferral.source
    if outcome not in {DeferralReversalOutcome.WON, DeferralReversalOutcome.LOST}:
        raise UnableToCloseDispute(source, _("its outcome is “won” or “lost”, not “%s”") % outcome)
    lock(deferral)
    named = DeferralReversal.objects.filter(key=key, kind=DeferralReversal.DISPUTE, deferral=deferral)
    dispute = named.first()
    if dispute is None:
        raise UnableToCloseDispute(source, _("none was opened"))
    if before := DeferralReversalOutcome.objects.filter(reversal=dispute).first():
        if before.outcome != outcome:
            raise UnableToCloseDispute(source, _("it was closed as “%s” before") % before.outcome)
        return before
    for row in _of_sales(dispute):
        disputes.close_dispute(source=row.sale.source, key=row.key, outcome=outcome, now=now)
    held_minor = dispute.tax_minor + dispute.deferred_minor + dispute.loss_minor
    won = outcome == DeferralReversalOutcome.WON
    legs = [
        credit(AccountKind.DISPUTE_SUSPENSE, held_minor),
        *([debit(AccountKind.PSP_CLEARING, held_minor)] if won else _lost(deferral, dispute)),
    ]
    kind = TransactionKind.AHEAD_DISPUTE_WON if won else TransactionKind.AHEAD_DISPUTE_LOST
    return _ended(dispute, outcome, kind, legs, now)


@transaction.atomic
def record_dispute_fee(*, deferral: Deferral, fee_minor: int, key: str, now: datetime, currency: str = "") -> UUID:
    """Book what a dispute of what was paid ahead costs the house, as disputes.record_dispute_fee does.

    Raises UnableToDispute and UnableToPost.
    """
    if fee_minor <= 0:
        raise UnableToDispute(deferral.source, _("its fee is not above zero"))
    return post(
        kind=TransactionKind.DISPUTE_FEE,
        source=deferral.source,
        idem_key=f"dispute-fee:{key}",
        currency=currency or deferral.currency,
        legs=[
            debit(AccountKind.DISPUTE_FEE, fee_minor),
            credit(AccountKind.PSP_BALANCE if currency else AccountKind.PSP_CLEARING, fee_minor),
        ],
        now=now,
    )


def _of_sales(reversal: DeferralReversal) -> Iterable[Reversal]:
    return Reversal.objects.filter(of_deferral__reversal=reversal).select_related("sale").order_by("key")


def _lost(deferral: Deferral, dispute: DeferralReversal) -> list[Leg]:
    return [
        debit(AccountKind.TAX_PAYABLE, dispute.tax_minor, detail=deferral.tax_of),
        debit(AccountKind.DEFERRED_SUBSCRIPTION, dispute.deferred_minor),
        debit(AccountKind.DISPUTE_LOSS, dispute.loss_minor),
    ]


def _written(
    deferral: Deferral,
    kind: str,
    key: str,
    taken: Taken,
    legs: list[Leg],
    *,
    now: datetime,
    reason: str = "",
    loss_minor: int = 0,
) -> DeferralReversal:
    """Write a reversal and what it takes of which part, and post what is not the sales' to give."""
    made = DeferralReversal(
        id=time_ordered_id(),
        deferral=deferral,
        kind=kind,
        key=key,
        reason=reason,
        amount_minor=taken.tax_minor + taken.deferred_minor + taken.sales_minor + loss_minor,
        tax_minor=taken.tax_minor,
        deferred_minor=taken.deferred_minor,
        sales_minor=taken.sales_minor,
        loss_minor=loss_minor,
        opened_at=now,
    )
    if any(leg.amount_minor for leg in legs):
        is_refund = kind == DeferralReversal.REFUND
        made.transaction_id = post(
            kind=TransactionKind.AHEAD_REFUND if is_refund else TransactionKind.AHEAD_DISPUTE_OPENED,
            source=deferral.source,
            idem_key=f"ahead-{'refund' if is_refund else 'dispute'}:{made.pk}",
            currency=deferral.currency,
            legs=legs,
            now=now,
        )
    made.save(force_insert=True)
    DeferralTaken.objects.bulk_create(
        DeferralTaken(reversal=made, part_id=part.id, amount_minor=part_minor, fee_minor=part.fee_of(part_minor))
        for part, part_minor in taken.parts
    )
    return made


def _ended(
    reversal: DeferralReversal, outcome: str, kind: TransactionKind, legs: list[Leg], now: datetime
) -> DeferralReversalOutcome:
    transaction_id = None
    if any(leg.amount_minor for leg in legs):
        said = "ahead-refund-failed" if outcome == DeferralReversalOutcome.FAILED else "ahead-dispute-closed"
        transaction_id = post(
            kind=kind,
            source=reversal.deferral.source,
            idem_key=f"{said}:{reversal.pk}",
            currency=reversal.deferral.currency,
            legs=legs,
            now=now,
        )
    return DeferralReversalOutcome.objects.create(
        reversal=reversal, outcome=outcome, closed_at=now, transaction_id=transaction_id
    )
