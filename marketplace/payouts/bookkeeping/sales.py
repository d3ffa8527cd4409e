"""Booking what a buyer paid."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import UnableToPost, credit, debit, post
from marketplace.payouts.models import AccountKind, Sale, Split, TransactionKind
from marketplace.payouts.rules import Money

MAX_NAME = 200
"""The most characters that a subject, or the reason to freeze it, may have."""


class UnableToRecordSale(Exception):
    """The figures of a sale are not those of a sale; nothing was written."""

    code = "unable-to-record-sale"

    def __init__(self, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(_("The sale “%(source)s” cannot be recorded: %(why)s.") % {"source": source, "why": why})


@transaction.atomic
def record_sale(
    *, source: str, split: Split, gross: Money, tax_minor: int, fee_minor: int, now: datetime, subject: str = ""
) -> Sale:
    """Book a sale: gross collected, tax and fee set aside, the net to be allocated to the split's payees.

    Amounts are minor units of gross's currency. A `source` names one sale: the same content again returns the
    same Sale, other content raises UnableToPost. `subject` names what was sold, as `freeze` will ("release:<digest>").
    A sale of nothing, one whose tax and fee exceed its gross, or one with a subject beyond 200 characters raises
    UnableToRecordSale; a free license has no sale.
    """
    if gross.amount_minor <= 0:
        raise UnableToRecordSale(source, _("it has no price, and what is free is not booked"))
    if tax_minor < 0 or fee_minor < 0:
        raise UnableToRecordSale(source, _("tax and fee are zero or more"))
    net_minor = gross.amount_minor - tax_minor - fee_minor
    if net_minor < 0:
        raise UnableToRecordSale(source, _("tax and fee together are more than the price"))
    if len(subject) > MAX_NAME:
        raise UnableToRecordSale(source, _("its subject is longer than %d characters") % MAX_NAME)
    sale = Sale(
        source=source,
        split=split,
        subject=subject,
        currency=gross.currency,
        gross_minor=gross.amount_minor,
        tax_minor=tax_minor,
        fee_minor=fee_minor,
        net_minor=net_minor,
        sold_at=now,
    )
    if before := Sale.objects.filter(source=source).first():
        return _same(before, sale)
    transaction_id = uuid4()
    sale.transaction_id = post(
        kind=TransactionKind.SALE,
        source=source,
        idem_key=f"sale:{source}",
        currency=gross.currency,
        legs=[
            debit(AccountKind.PSP_CLEARING, gross.amount_minor),
            credit(AccountKind.TAX_PAYABLE, tax_minor),
            credit(AccountKind.PLATFORM_FEE, fee_minor),
            credit(AccountKind.ROYALTY_UNALLOCATED, net_minor),
        ],
        now=now,
        transaction_id=transaction_id,
    )
    if sale.transaction_id != transaction_id:  # another caller was first, in this very moment
        return _same(Sale.objects.get(source=source), sale)
    sale.save(force_insert=True)
    return sale


def _same(before: Sale, sale: Sale) -> Sale:
    """Return the sale that stands, or raise UnableToPost where the other one says something else."""
    for name in ("split_id", "subject", "currency", "gross_minor", "tax_minor", "fee_minor"):
        if getattr(before, name) != getattr(sale, name):
            raise UnableToPost(before.source, _("the same sale was recorded before with other content"))
    return before
