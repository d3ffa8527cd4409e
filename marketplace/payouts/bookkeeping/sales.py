"""Booking what buyers paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import UnableToPost, array_of, content_sha256, in_one_statement, refused
from marketplace.payouts.ids import time_ordered_ids
from marketplace.payouts.models import AccountKind, Sale, Split, TransactionKind
from marketplace.payouts.rules import MAX_AMOUNT_MINOR, Money

MAX_NAME = 200
"""The most characters that a source, a subject, or the reason to freeze it, may have."""

_PAID_FROM = (
    AccountKind.PSP_CLEARING,
    AccountKind.DEFERRED_SUBSCRIPTION,
    AccountKind.BUYER_CREDIT,
    AccountKind.TAKEN_DOWN,
)


class UnableToRecordSale(Exception):
    """The figures of a sale are not those of a sale; nothing was written."""

    code = "unable-to-record-sale"

    def __init__(self, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(_("The sale “%(source)s” cannot be recorded: %(why)s.") % {"source": source, "why": why})


@dataclass(frozen=True, slots=True)
class Sold:
    """One sale to be booked; `tax_minor` and `fee_minor` are minor units of gross's currency and part of it.

    `source` names the sale, `subject` what was sold as `freeze` will ("release:<digest>"), `tax_of` the jurisdiction
    that the tax goes to, and `paid_from` the account that holds the money.
    """

    source: str
    split: Split
    gross: Money
    tax_minor: int
    fee_minor: int
    subject: str = ""
    tax_of: str = ""
    paid_from: AccountKind = AccountKind.PSP_CLEARING

    @property
    def net_minor(self) -> int:
        """What the split's payees divide."""
        return self.gross.amount_minor - self.tax_minor - self.fee_minor


def record_sale(
    *,
    source: str,
    split: Split,
    gross: Money,
    tax_minor: int,
    fee_minor: int,
    now: datetime,
    subject: str = "",
    tax_of: str = "",
    paid_from: AccountKind = AccountKind.PSP_CLEARING,
) -> Sale:
    """Book a sale in one statement: gross collected, tax and fee set aside, the net to be allocated to the payees.

    Amounts are minor units of gross's currency. A `source` names one sale: the same content again returns the
    same Sale, other content raises UnableToPost, as does more than was set aside in `paid_from`: the gross is collected
    by the payment provider, paid before for a period, a buyer's credit, or taken down. `subject` names what was sold,
    as `freeze` will ("release:<digest>"), and `tax_of` the jurisdiction of the tax.
    A sale of nothing, one whose tax and fee exceed its gross, or one with a name that is too long raises
    UnableToRecordSale; a free license has no sale.
    """
    sold = Sold(source, split, gross, tax_minor, fee_minor, subject, tax_of, paid_from)
    _check(sold)
    try:
        with in_one_statement():
            return _record([sold], now)[0]
    except IntegrityError as error:
        raise refused(source, error) from error


def record_sales(*, sales: Sequence[Sold], now: datetime) -> list[Sale]:
    """Book any number of sales in one statement, all or none, and return them in their order.

    Each is booked as `record_sale` does: one that was recorded before with the same content is returned as it stands.
    Raises what `record_sale` raises, for the first sale that cannot be booked; then none of them is.
    """
    for sold in sales:
        _check(sold)
    if not sales:
        return []
    try:
        with transaction.atomic():
            return _record(sales, now)
    except IntegrityError as error:
        raise refused(sales[0].source, error) from error


def _check(sold: Sold) -> None:
    gross_minor = sold.gross.amount_minor
    if gross_minor <= 0:
        raise UnableToRecordSale(sold.source, _("it has no price, and what is free is not booked"))
    if gross_minor > MAX_AMOUNT_MINOR:
        raise UnableToRecordSale(sold.source, _("its price is more than the books can hold"))
    if sold.tax_minor < 0 or sold.fee_minor < 0:
        raise UnableToRecordSale(sold.source, _("tax and fee are zero or more"))
    if sold.net_minor < 0:
        raise UnableToRecordSale(sold.source, _("tax and fee together are more than the price"))
    if not 0 < len(sold.source) <= MAX_NAME - len("sale:"):
        raise UnableToRecordSale(sold.source[:MAX_NAME], _("its source is empty or too long"))
    if len(sold.subject) > MAX_NAME:
        raise UnableToRecordSale(sold.source, _("its subject is longer than %d characters") % MAX_NAME)
    if len(sold.tax_of) > 40:
        raise UnableToRecordSale(sold.source, _("the jurisdiction of its tax is longer than %d characters") % 40)
    if sold.paid_from not in _PAID_FROM:
        raise UnableToRecordSale(sold.source, _("sales are not paid from “%s”") % sold.paid_from)


_RECORD = """
SELECT payouts_record_sales(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                            %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s)
"""


def _record(sales: Sequence[Sold], now: datetime) -> list[Sale]:
    ids = iter(time_ordered_ids(2 * len(sales)))
    made = [_row(sold, next(ids), next(ids), now) for sold in sales]
    rows = [
        (
            sale.pk,
            sale.transaction_id,
            sale.source,
            _content(sale),
            sale.split_id,
            sale.subject,
            sale.currency,
            sale.gross_minor,
            sale.tax_minor,
            sale.fee_minor,
            sale.tax_of,
            sale.paid_from,
        )
        for sale in made
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [*map(array_of, zip(*rows, strict=True)), now])
        new = cursor.fetchone()[0]
    if new == len(made):
        return made
    there = {sale.source: sale for sale in Sale.objects.filter(source__in=[sale.source for sale in made])}
    return [_same(there.get(sale.source), sale) for sale in made]


_FIELDS = [field.attname for field in Sale._meta.concrete_fields]


def _row(sold: Sold, sale_id: UUID, transaction_id: UUID, now: datetime) -> Sale:
    values = {
        "id": sale_id,
        "source": sold.source,
        "split_id": sold.split.pk,
        "subject": sold.subject,
        "currency": sold.gross.currency,
        "gross_minor": sold.gross.amount_minor,
        "tax_minor": sold.tax_minor,
        "fee_minor": sold.fee_minor,
        "net_minor": sold.net_minor,
        "tax_of": sold.tax_of,
        "paid_from": str(sold.paid_from),
        "sold_at": now,
        "transaction_id": transaction_id,
    }
    # As a row that was read: a call of the class, field by field, would take half of a batch's time on this side.
    sale = Sale.from_db(connection.alias, _FIELDS, [values[name] for name in _FIELDS])
    sale._state.fields_cache["split"] = sold.split
    return sale


def _content(sale: Sale) -> str:
    """Return the digest of the sale's transaction, as `post` would write it."""
    sums = (
        (sale.paid_from, None, "", sale.gross_minor),
        ("tax_payable", None, sale.tax_of, -sale.tax_minor),
        ("platform_fee", None, "", -sale.fee_minor),
        ("royalty_unallocated", None, "", -sale.net_minor),
    )
    return content_sha256(TransactionKind.SALE, sale.source, sale.currency, (leg for leg in sums if leg[3]))


def _same(before: Sale | None, sale: Sale) -> Sale:
    """Return the sale that stands, or raise UnableToPost where the other one says something else."""
    names = ("split_id", "subject", "currency", "gross_minor", "tax_minor", "fee_minor", "tax_of", "paid_from")
    if before is None or any(getattr(before, name) != getattr(sale, name) for name in names):
        raise UnableToPost(sale.source, _("the same sale was recorded before with other content"))
    return before
