"""What the payment provider moved of itself: its fees, and what nobody understands until an operator says it."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import UnableToPost, debit, post
from marketplace.payouts.kinds import AccountKind, TransactionKind

CLEARED_TO = (
    AccountKind.PSP_FEE,
    AccountKind.DISPUTE_FEE,
    AccountKind.DISPUTE_LOSS,
    AccountKind.BANK,
    AccountKind.PLATFORM_FEE,
    AccountKind.BAD_DEBT,
    AccountKind.FX_GAIN,
    AccountKind.FX_LOSS,
    AccountKind.ROUNDING,
)
"""Where what was not understood can turn out to belong."""


def record_provider_fee(*, amount_minor: int, currency: str, reference: str, now: datetime) -> UUID:
    """Book what the provider took for itself, or gave back of it below zero; return the transaction's id.

    In minor units; `reference` is the provider's own name for it. The same again returns the first; other content and
    an amount of zero raise UnableToPost.
    """
    return _moved(TransactionKind.PROVIDER_FEE, f"provider-fee:{reference}", currency, now, psp_fee=amount_minor)


def record_collected(*, amount_minor: int, currency: str, reference: str, now: datetime) -> UUID:
    """Book that money is in our balance with the provider which was collected, or was given back, outside of sales.

    In minor units, above zero where the balance grew; `reference` is the provider's own name for it. Of sales,
    `record_settled` says it. The same again returns the first; other content and an amount of zero raise UnableToPost.
    """
    return _moved(TransactionKind.COLLECTED, f"collected:{reference}", currency, now, psp_clearing=-amount_minor)


def suspend(*, amount_minor: int, currency: str, reference: str, now: datetime) -> UUID:
    """Book that the provider's balance moved by an amount that nobody understands yet; return the transaction's id.

    In minor units, above zero where the balance grew; `reference` is the provider's own name for it. The same again
    returns the first; other content and an amount of zero raise UnableToPost.
    """
    return _moved(TransactionKind.SUSPENDED, f"suspended:{reference}", currency, now, suspense=-amount_minor)


def clear_suspense(*, amount_minor: int, currency: str, to: AccountKind, reference: str, now: datetime) -> UUID:
    """Book that what was suspended under a reference is understood: it belongs to one of CLEARED_TO.

    `amount_minor` is as it was suspended, above zero where the balance grew. Returns the transaction's id; the same
    again returns the first. Raises UnableToPost for another account, an amount of zero, and other content.
    """
    key = f"suspense-cleared:{reference}"
    if to not in CLEARED_TO:
        raise UnableToPost(key, _("what was not understood does not belong to “%s”") % to)
    if not amount_minor:
        raise UnableToPost(key, _("it moves nothing"))
    return post(
        kind=TransactionKind.SUSPENSE_CLEARED,
        source=key,
        idem_key=key,
        currency=currency,
        legs=[debit(AccountKind.SUSPENSE, amount_minor), debit(to, -amount_minor)],
        now=now,
    )


def _moved(kind: TransactionKind, key: str, currency: str, now: datetime, **legs: int) -> UUID:
    """Post legs against the balance with the provider; the names are those of the accounts, debits above zero."""
    return post(
        kind=kind,
        source=key,
        idem_key=key,
        currency=currency,
        legs=[
            *(debit(AccountKind(name), amount_minor) for name, amount_minor in legs.items()),
            debit(AccountKind.PSP_BALANCE, -sum(legs.values())),
        ],
        now=now,
    )
