"""Money that is set aside for what comes later: buyers' credit, and claims on a chain."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import UnableToPost, credit, debit, lock_currency, post
from marketplace.payouts.models import AccountKind, TransactionKind
from marketplace.payouts.rules import Money


def give_credit(*, source: str, amount: Money, now: datetime, prepaid: bool = False) -> UUID:
    """Book credit of a buyer, and return the transaction's id.

    The house gives it out of its fees, or the buyer paid for it with `prepaid`. What is bought with it is a sale with
    `paid_from=buyer_credit`, and never more than was given. The same source and content again return the first; other
    content or an amount of zero or less raise UnableToPost.
    """
    key = f"credit-given:{source}"
    if amount.amount_minor <= 0:
        raise UnableToPost(key, _("it moves an amount above zero"))
    payer = AccountKind.PSP_CLEARING if prepaid else AccountKind.PLATFORM_FEE
    return post(
        kind=TransactionKind.CREDIT_GIVEN,
        source=source,
        idem_key=key,
        currency=amount.currency,
        legs=[debit(payer, amount.amount_minor), credit(AccountKind.BUYER_CREDIT, amount.amount_minor)],
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
