"""When the house gives up what a creator owes it."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import balances, credit, debit, lock_currency, post
from marketplace.payouts.bookkeeping.sales import MAX_NAME
from marketplace.payouts.models import AccountKind, Transaction, TransactionKind
from marketplace.payouts.rules import Money
from marketplace.people.models import Creator


class UnableToWriteOff(Exception):
    """So much is not owed, or it was said without a key and a reason; nothing was written."""

    code = "unable-to-write-off"

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(_("“%(key)s” cannot be written off: %(why)s.") % {"key": key, "why": why})


@transaction.atomic
def write_off(*, creator: Creator, amount: Money, reason: str, key: str, now: datetime) -> UUID:
    """Give up some or all of what a creator owes in a currency, for a reason; return the transaction's id.

    The same key with the same content returns the first. Raises UnableToWriteOff for more than is owed or nothing, and
    UnableToPost for a key that was posted with other content.
    """
    if not 0 < len(key) <= MAX_NAME - len("write-off:") or not 0 < len(reason) <= MAX_NAME:
        raise UnableToWriteOff(key[:MAX_NAME], _("name it and its reason, in at most %d characters each") % MAX_NAME)
    if amount.amount_minor <= 0:
        raise UnableToWriteOff(key, _("its amount is not above zero"))
    lock_currency(amount.currency)
    owed = balances(currency=amount.currency, kind=AccountKind.CREATOR_RECEIVABLE, owner_ids=[creator.pk])
    owed_minor = owed.get(creator.pk, 0)
    is_new = not Transaction.objects.filter(idem_key=f"write-off:{key}").exists()
    if is_new and amount.amount_minor > owed_minor:
        raise UnableToWriteOff(key, _("only %(owed)s is owed") % {"owed": Money(owed_minor, amount.currency)})
    return post(
        kind=TransactionKind.WRITE_OFF,
        source=reason,
        idem_key=f"write-off:{key}",
        currency=amount.currency,
        legs=[
            debit(AccountKind.BAD_DEBT, amount.amount_minor),
            credit(AccountKind.CREATOR_RECEIVABLE, amount.amount_minor, creator.pk),
        ],
        now=now,
    )
