"""When a claim is upheld: what remains of a subject's earnings is put aside, given back, or awarded."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping import takedown_sql as sql
from marketplace.payouts.bookkeeping.books import (
    Leg,
    credit,
    credit_creators,
    debit,
    lock_currency,
    lock_every_currency,
    post,
)
from marketplace.payouts.bookkeeping.freezes import hold_left_by, standing_freeze
from marketplace.payouts.bookkeeping.royalties import allocate_subject
from marketplace.payouts.bookkeeping.sales import MAX_NAME, record_sale
from marketplace.payouts.models import AccountKind, Sale, Split, TransactionKind
from marketplace.payouts.reversals import Reversal, ReversalOutcome
from marketplace.payouts.rules import CURRENCIES, Money

MAX_REASON = 140
"""The most characters of the reason of a takedown: it is a part of a reversal's key."""


class UnableToTakeDown(Exception):
    """What is to be taken down, or why, cannot be named so; nothing was written."""

    code = "unable-to-take-down"

    def __init__(self, subject: str, reason: str) -> None:
        self.subject, self.reason = subject, reason
        super().__init__(
            _(
                "“%(subject)s” cannot be taken down for “%(reason)s”: name both, in at most %(most)d and %(less)d"
                " characters."
            )
            % {"subject": subject[:MAX_NAME], "reason": reason[:MAX_NAME], "most": MAX_NAME, "less": MAX_REASON}
        )


@transaction.atomic
def take_down(*, subject: str, reason: str, now: datetime) -> dict[str, int]:
    """Put aside all that remains of the royalty lines of a subject's sales; return currency → minor units taken now.

    It is taken from what is held for claims, then from pending, else from the reserve and from available, and what a
    creator does not have any more is owed. Sales that await their allocation are allocated first, frozen or not. What
    a creator gets back of such a sale later, by a dispute that is won or a refund that failed, is put aside as well.
    The same again takes what came since; after the takedown for that reason was lifted or awarded it takes nothing.
    Raises UnableToTakeDown for a name that is empty or too long.
    """
    if not 0 < len(subject) <= MAX_NAME or not 0 < len(reason) <= MAX_REASON:
        raise UnableToTakeDown(subject, reason)
    lock_every_currency()
    before = ReversalOutcome.objects.filter(reversal__kind=Reversal.TAKEDOWN, reversal__reason=reason)
    if before.filter(reversal__sale__subject=subject).exists():
        return {}
    currencies = Sale.objects.filter(subject=subject).order_by("currency").values_list("currency", flat=True).distinct()
    taken = {currency: _take(subject, currency, reason, now) for currency in list(currencies)}
    return {currency: amount_minor for currency, amount_minor in taken.items() if amount_minor}


def take_again(*, sale: Sale, now: datetime) -> None:
    """Put aside what came back to the lines of a sale whose takedown stands; its currency must be locked."""
    standing = Reversal.objects.filter(sale=sale, kind=Reversal.TAKEDOWN, outcome=None).order_by("key").first()
    if standing is not None:
        _take(sale.subject, sale.currency, standing.reason, now, sale.pk)


@transaction.atomic
def lift_takedown(*, subject: str, reason: str, now: datetime) -> dict[str, int]:
    """Give back what is left of what was put aside for a reason; return currency → minor units given back.

    It is divided over the lines by largest remainder over what was taken of each, and goes to pending while their run
    is, else against debts and to available; while the subject is frozen it is held instead. What a refund or a dispute
    had of it is not there; should that come back, it goes to the lines as well. The same again gives nothing.
    """
    lock_every_currency()
    given = {}
    for currency in _currencies(subject, reason):
        if amount_minor := _lift(subject, currency, reason, now):
            given[currency] = amount_minor
    return given


@transaction.atomic
def award_takedown(*, subject: str, reason: str, split: Split, now: datetime) -> list[Sale]:
    """Give what is left of what was put aside for a reason to who is right: one sale a currency, along their split.

    The sale's source is "award:", the reason, a colon and the currency; it has no tax and no fee, and is allocated,
    released, paid and stated as any other. The same again returns the same sales.
    """
    lock_every_currency()
    for currency in _currencies(subject, reason):
        params = {"subject": subject, "currency": currency, "reason": reason, "now": now}
        total_minor = _number(sql.SUM_OF_POTS, params)
        sale = None
        if total_minor:
            sale = record_sale(
                source=f"award:{reason}:{currency}",
                split=split,
                gross=Money(total_minor, currency),
                tax_minor=0,
                fee_minor=0,
                paid_from=AccountKind.TAKEN_DOWN,
                now=now,
            )
        _run(sql.AWARD, {**params, "transaction": sale and sale.transaction_id})
    sources = [f"award:{reason}:{currency}" for currency in CURRENCIES]
    return list(Sale.objects.filter(source__in=sources, paid_from=AccountKind.TAKEN_DOWN).order_by("source"))


def _take(subject: str, currency: str, reason: str, now: datetime, sale_id: UUID | None = None) -> int:
    """Take what remains of the subject's lines in one currency, or of one sale's; return minor units."""
    lock_currency(currency)
    transaction_id = uuid4()
    params = {
        "subject": subject,
        "currency": currency,
        "reason": reason,
        "sale": sale_id,
        "transaction": transaction_id,
        "now": now,
    }
    if not _run(sql.OPEN, params):
        return 0
    if sale_id is None:  # what came back to a sale came back to its lines; others of the subject may wait
        allocate_subject(subject=subject, currency=currency, now=now)
    _run(sql.TAKE, params)
    taken = _rows(sql.TAKEN, params)
    total_minor = sum(amount_minor for _payee_id, _bucket, amount_minor in taken)
    legs = [debit(AccountKind(bucket), amount_minor, payee_id) for payee_id, bucket, amount_minor in taken]
    post(
        kind=TransactionKind.TAKEDOWN,
        source=reason,
        idem_key=f"takedown:{transaction_id}",
        currency=currency,
        legs=[credit(AccountKind.TAKEN_DOWN, total_minor), *legs],
        now=now,
        transaction_id=transaction_id,
    )
    _run(sql.END_HOLDS, params)
    if owner_ids := {payee_id for payee_id, bucket, _minor in taken if bucket == AccountKind.CREATOR_RESERVE}:
        hold_left_by(reversal_id=transaction_id, currency=currency, owner_ids=owner_ids, now=now)
    return total_minor


def _lift(subject: str, currency: str, reason: str, now: datetime) -> int:
    transaction_id = uuid4()
    frozen = standing_freeze(subject)
    params = {
        "subject": subject,
        "currency": currency,
        "reason": reason,
        "transaction": transaction_id,
        "now": now,
        "freeze": frozen and frozen.pk,
    }
    if not _run(sql.LIFT, params):
        return 0
    legs: list[Leg] = []
    free: dict[UUID, int] = {}
    total_minor = 0
    for payee_id, bucket, amount_minor in _rows(sql.RETURNED, params):
        total_minor += amount_minor
        if bucket == AccountKind.CREATOR_AVAILABLE:
            free[payee_id] = amount_minor
        else:
            legs.append(credit(AccountKind(bucket), amount_minor, payee_id))
    post(
        kind=TransactionKind.TAKEDOWN_LIFTED,
        source=reason,
        idem_key=f"takedown-lifted:{transaction_id}",
        currency=currency,
        legs=[debit(AccountKind.TAKEN_DOWN, total_minor), *legs, *credit_creators(currency=currency, amounts=free)],
        now=now,
        transaction_id=transaction_id,
    )
    if frozen is not None:
        _run(sql.HOLD_RETURNED, params)
    return total_minor


def _currencies(subject: str, reason: str) -> list[str]:
    standing = Reversal.objects.filter(kind=Reversal.TAKEDOWN, reason=reason, sale__subject=subject, outcome=None)
    return list(standing.order_by("sale__currency").values_list("sale__currency", flat=True).distinct())


def _run(statement: str, params: Mapping[str, Any]) -> int:
    """Return how many rows the statement wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def _rows(question: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question, params)
        return list(cursor.fetchall())


def _number(question: str, params: Mapping[str, Any]) -> int:
    return int(_rows(question, params)[0][0])
