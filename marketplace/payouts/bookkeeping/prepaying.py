"""Money that is set aside for what comes later: periods paid ahead, buyers' credit, claims on a chain."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import Leg, UnableToPost, credit, debit, lock_currency, post
from marketplace.payouts.models import AccountKind, TransactionKind
from marketplace.payouts.rules import Money


def take_subscription_payment(*, source: str, amount: Money, now: datetime) -> UUID:
    """Book what a buyer paid for periods to come, and return the transaction's id.

    A period that has passed is recognised as a sale with `paid_from=deferred_subscription`, and never more than was
    paid. The same source and content again return the first; other content or an amount of zero or less raise
    UnableToPost.
    """
    return _set_aside(
        kind=TransactionKind.SUBSCRIPTION_PAID,
        key=f"subscription-paid:{source}",
        source=source,
        amount=amount,
        legs=(AccountKind.PSP_CLEARING, AccountKind.DEFERRED_SUBSCRIPTION),
        now=now,
    )


def give_credit(*, source: str, amount: Money, now: datetime, prepaid: bool = False) -> UUID:
    """Book credit of a buyer, and return the transaction's id.

    The house gives it out of its fees, or the buyer paid for it with `prepaid`. What is bought with it is a sale with
    `paid_from=buyer_credit`, and never more than was given. The same source and content again return the first; other
    content or an amount of zero or less raise UnableToPost.
    """
    return _set_aside(
        kind=TransactionKind.CREDIT_GIVEN,
        key=f"credit-given:{source}",
        source=source,
        amount=amount,
        legs=(AccountKind.PSP_CLEARING if prepaid else AccountKind.PLATFORM_FEE, AccountKind.BUYER_CREDIT),
        now=now,
    )


def publish_claims(*, source: str, amounts: Mapping[UUID, int], currency: str, token: str, now: datetime) -> UUID:
    """Book that what creators have available is theirs to claim on a chain, and return the transaction's id.

    `amounts` are creator's id → minor units, `token` names what they are claimed in. The same source and content again
    return the first; other content, an amount of zero or less, or more than a creator has raise UnableToPost.
    """
    key = f"chain-claim-published:{source}"
    _check(key, amounts, token)
    with transaction.atomic():
        lock_currency(currency)
        return post(
            kind=TransactionKind.CHAIN_CLAIM_PUBLISHED,
            source=source,
            idem_key=key,
            currency=currency,
            legs=[
                *(debit(AccountKind.CREATOR_AVAILABLE, amounts[owner_id], owner_id) for owner_id in sorted(amounts)),
                credit(AccountKind.CHAIN_CLAIMS, sum(amounts.values()), detail=token),
            ],
            now=now,
        )


def record_claimed(*, source: str, amount: Money, token: str, now: datetime) -> UUID:
    """Book that a published claim was taken out of what is set aside on the chain; return the transaction's id.

    The same source and content again return the first; other content, an amount of zero or less, or more than was
    published raise UnableToPost.
    """
    key = f"chain-claimed:{source}"
    _check(key, {source: amount.amount_minor}, token)
    return post(
        kind=TransactionKind.CHAIN_CLAIMED,
        source=source,
        idem_key=key,
        currency=amount.currency,
        legs=[
            debit(AccountKind.CHAIN_CLAIMS, amount.amount_minor, detail=token),
            credit(AccountKind.CHAIN_ESCROW, amount.amount_minor, detail=token),
        ],
        now=now,
    )


def _check(key: str, amounts: Mapping[object, int], token: str) -> None:
    if not amounts or min(amounts.values()) <= 0:
        raise UnableToPost(key, _("it moves an amount above zero"))
    if not 0 < len(token) <= 40:
        raise UnableToPost(key, _("its token is empty or too long"))


def _set_aside(
    *,
    kind: TransactionKind,
    key: str,
    source: str,
    amount: Money,
    legs: tuple[AccountKind, AccountKind],
    now: datetime,
) -> UUID:
    if amount.amount_minor <= 0:
        raise UnableToPost(key, _("it moves an amount above zero"))
    from_kind, to_kind = legs
    moved: list[Leg] = [debit(from_kind, amount.amount_minor), credit(to_kind, amount.amount_minor)]
    return post(kind=kind, source=source, idem_key=key, currency=amount.currency, legs=moved, now=now)
