"""Money that is paid for a time to come, and becomes sales, part by part, as the time passes."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import UnableToPost, credit, debit, post
from marketplace.payouts.bookkeeping.deferral_left import deferral_of, parts_named
from marketplace.payouts.bookkeeping.sales import MAX_NAME, Sold, record_sales
from marketplace.payouts.deferral_models import Deferral, DeferralPart, RecognizedPart
from marketplace.payouts.ids import time_ordered_id
from marketplace.payouts.models import AccountKind, Split, TransactionKind
from marketplace.payouts.rules import MAX_AMOUNT_MINOR, Money, largest_remainder

AT_ONCE = 500
"""How many parts become sales in one transaction."""

Time = tuple[datetime, datetime]


class UnableToPayAhead(Exception):
    """The figures of a payment for a time to come are not such; nothing was written."""

    code = "unable-to-pay-ahead"

    def __init__(self, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(_("“%(source)s” cannot be paid ahead: %(why)s.") % {"source": source, "why": why})


@transaction.atomic
def pay_ahead(
    *,
    source: str,
    split: Split,
    gross: Money,
    tax_minor: int,
    fee_minor: int,
    times: Sequence[Time],
    now: datetime,
    subject: str = "",
    tax_of: str = "",
) -> Deferral:
    """Book what a buyer paid for the times to come, each from and until when, one after the other.

    The tax is due now; what is left of the gross is divided over the times by their whole seconds, the units that are
    left to the largest remainders, the first of equal ones; the fee is divided over that in the same way. A part of
    nothing is not written. `recognize_periods` makes a sale of each part when its time is over.
    The same source and content again return the first; other content raises UnableToPost. Raises UnableToPayAhead for
    an amount that is nothing but tax, or less, for a fee beyond it, for no time, and for a name that is too long.
    """
    net_minor = gross.amount_minor - tax_minor
    _check(source, net_minor, tax_minor, fee_minor, times)
    there = deferral_of(source)
    said = (split.pk, subject, gross.currency, gross.amount_minor, tax_minor, fee_minor, tax_of)
    if there is not None:
        if said != _said(there) or _ends(there) != times[-1][1]:
            raise UnableToPost(source, _("the same payment was booked before with other content"))
        return there
    made = Deferral(
        id=time_ordered_id(),
        source=source,
        split=split,
        subject=subject,
        currency=gross.currency,
        gross_minor=gross.amount_minor,
        tax_minor=tax_minor,
        fee_minor=fee_minor,
        tax_of=tax_of,
        paid_at=now,
    )
    made.transaction_id = post(
        kind=TransactionKind.SUBSCRIPTION_PAID,
        source=source,
        idem_key=f"paid-ahead:{source}",
        currency=gross.currency,
        legs=[
            debit(AccountKind.PSP_CLEARING, gross.amount_minor),
            credit(AccountKind.TAX_PAYABLE, tax_minor, detail=tax_of),
            credit(AccountKind.DEFERRED_SUBSCRIPTION, net_minor),
        ],
        now=now,
    )
    made.save(force_insert=True)
    DeferralPart.objects.bulk_create(_parts(made, times))
    return made


def _check(source: str, net_minor: int, tax_minor: int, fee_minor: int, times: Sequence[Time]) -> None:
    if net_minor <= 0 or tax_minor < 0:
        raise UnableToPayAhead(source, _("it has no price beyond its tax"))
    if net_minor + tax_minor > MAX_AMOUNT_MINOR:
        raise UnableToPayAhead(source, _("its price is more than the books can hold"))
    if not 0 <= fee_minor <= net_minor:
        raise UnableToPayAhead(source, _("its fee is below zero or more than its price"))
    if not 0 < len(source) <= MAX_NAME - len("paid-ahead::9999"):
        raise UnableToPayAhead(source[:MAX_NAME], _("its source is empty or too long"))
    if not times or any(ends_at <= starts_at for starts_at, ends_at in times):
        raise UnableToPayAhead(source, _("it is for no time"))


def _said(made: Deferral) -> tuple[object, ...]:
    return (
        made.split_id,
        made.subject,
        made.currency,
        made.gross_minor,
        made.tax_minor,
        made.fee_minor,
        made.tax_of,
    )


def _ends(made: Deferral) -> datetime | None:
    last = made.parts.order_by("-number").first()
    return last.due_at if last else None


def _parts(made: Deferral, times: Sequence[Time]) -> list[DeferralPart]:
    seconds = [max(1, int((ends_at - starts_at).total_seconds())) for starts_at, ends_at in times]
    amounts = largest_remainder(made.gross_minor - made.tax_minor, seconds)
    fees = largest_remainder(made.fee_minor, amounts)
    return [
        DeferralPart(
            deferral=made, number=number, starts_at=time[0], due_at=time[1], amount_minor=amount_minor, fee_minor=fee
        )
        for number, (time, amount_minor, fee) in enumerate(zip(times, amounts, fees, strict=True), start=1)
        if amount_minor
    ]


def recognize_periods(*, now: datetime, at_once: int = AT_ONCE) -> int:
    """Make a sale of all that is left of each part whose time is over; return how many were made.

    A sale is named by what was paid and the number of its part ("order-line:<uuid>:3"), is paid from
    deferred_subscription, and has the part's fee and no tax: that was due when it was paid. A part of which a dispute
    has something waits until that is decided. Each batch is one transaction, so that one that is killed did all of its
    last batch or nothing; two at once take different payments.
    """
    made = 0
    while done := _recognize(now, at_once):
        made += done
    return made


# Those that another one works on are left to that one.
_DUE = """
SELECT d.id, w.part_id FROM payouts_deferral_waiting w JOIN payouts_deferral_part p ON p.id = w.part_id
  JOIN payouts_deferral d ON d.id = p.deferral_id
 WHERE w.due_at <= %s ORDER BY w.due_at, w.part_id LIMIT %s FOR NO KEY UPDATE OF d SKIP LOCKED
"""


@transaction.atomic
def _recognize(now: datetime, at_once: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [now, at_once])
        rows = cursor.fetchall()
    if not rows:
        return 0
    # Asked again under the locks: what another one has done since it was listed is done.
    parts = [part for part in parts_named([part for _, part in rows]) if part.amount_minor and not part.is_disputed]
    deferrals = Deferral.objects.select_related("split").in_bulk([key for key, _ in rows])
    solds = []
    for part in parts:
        paid = deferrals[part.deferral_id]
        again = f":{part.sales + 1}" if part.sales else ""
        solds.append(
            Sold(
                source=f"{paid.source}:{part.number}{again}",
                split=paid.split,
                gross=Money(part.amount_minor, paid.currency),
                tax_minor=0,
                fee_minor=part.fee_minor,
                subject=paid.subject,
                paid_from=AccountKind.DEFERRED_SUBSCRIPTION,
            )
        )
    sales = record_sales(sales=solds, now=now)
    RecognizedPart.objects.bulk_create(
        RecognizedPart(part_id=part.id, number=part.sales + 1, sale=sale, recognized_at=now)
        for part, sale in zip(parts, sales, strict=True)
    )
    return len(parts)
