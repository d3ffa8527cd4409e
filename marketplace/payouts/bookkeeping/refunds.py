"""When we give a buyer money of a sale back, and when their bank could not deliver it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import credit, debit, lock_currency, post
from marketplace.payouts.bookkeeping.pots import home_of
from marketplace.payouts.bookkeeping.reversing import (
    backs_of,
    change_holds,
    give_back,
    hold_given,
    money_of,
    sale_of,
    taken_legs,
    what_remains,
    write_outcome,
    write_reversal,
)
from marketplace.payouts.bookkeeping.sales import MAX_NAME
from marketplace.payouts.bookkeeping.takedowns import take_again
from marketplace.payouts.models import AccountKind, TransactionKind
from marketplace.payouts.reversals import Reversal, ReversalLine, ReversalOutcome
from marketplace.payouts.rules import Money


class UnableToRefund(Exception):
    """The refund cannot be made, or cannot fail; nothing was written."""

    code = "unable-to-refund"

    def __init__(self, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(_("“%(source)s” cannot be refunded: %(why)s.") % {"source": source, "why": why})


@transaction.atomic
def refund(*, source: str, amount_minor: int, key: str, reason: str, now: datetime, beyond: bool = False) -> Reversal:
    """Book that a buyer gets money of a sale back, in minor units of the sale's currency.

    It is divided over what remains of the sale: its tax, its fee, its royalty lines, and what a takedown put aside of
    it. Each line is taken from what is held of it for a claim, then from pending while its run is, else from the
    reserve and from available, and what is not there any more is owed by its payee. A sale that awaits its allocation
    is allocated first. `key` names the refund once ("refund:<uuid>"): with the same content it returns the first.
    With `beyond`, for money that went back already, what is more than remains is the house's loss.
    Raises UnableToRefund for a source that was never sold or that no buyer paid, for an amount that is not above
    zero or is more than remains, which an open dispute takes as well, and for a key that named something else.
    """
    sale = sale_of(source)
    if sale is None:
        raise UnableToRefund(source, _("there is no such sale"))
    if sale.paid_from == AccountKind.TAKEN_DOWN:
        raise UnableToRefund(source, _("no buyer paid it"))
    if not 0 < len(key) <= MAX_NAME or not 0 < len(reason) <= MAX_NAME:
        raise UnableToRefund(source, _("name the refund and its reason, in at most %d characters each") % MAX_NAME)
    if amount_minor <= 0:
        raise UnableToRefund(source, _("its amount is not above zero"))
    lock_currency(sale.currency)
    if before := Reversal.objects.filter(key=key).first():
        said = (before.kind, before.sale_id, before.amount_minor, before.reason)
        if said != (Reversal.REFUND, sale.pk, amount_minor, reason):
            raise UnableToRefund(source, _("the same key named something else before"))
        return before
    remaining = what_remains(sale)
    loss_minor = max(0, amount_minor - remaining.gross_minor)
    if loss_minor and not beyond:
        left = Money(remaining.gross_minor, sale.currency)
        raise UnableToRefund(source, _("only %(left)s of it are left to give back") % {"left": left})
    parts = remaining.part(amount_minor - loss_minor)
    refunded, taken = write_reversal(
        sale=sale, kind=Reversal.REFUND, key=key, parts=parts, loss_minor=loss_minor, reason=reason, now=now
    )
    money = money_of(sale)
    post(
        kind=TransactionKind.REFUND,
        source=source,
        idem_key=f"refund:{refunded.pk}",
        currency=sale.currency,
        legs=[
            credit(money, amount_minor),
            debit(AccountKind.TAX_PAYABLE, parts.tax_minor, detail=sale.tax_of),
            debit(AccountKind.PLATFORM_FEE, parts.fee_minor),
            debit(AccountKind.TAKEN_DOWN, parts.pot_minor),
            debit(AccountKind.DISPUTE_LOSS, loss_minor),
            *taken_legs(taken),
        ],
        now=now,
        transaction_id=refunded.transaction_id,
    )
    change_holds(sale=sale, reversal=refunded, taken=taken, bucket=money, now=now)
    return refunded


@transaction.atomic
def fail_refund(*, key: str, now: datetime) -> ReversalOutcome:
    """Book that a refund could not be delivered: all of it comes back to where it was taken from, a loss as well.

    Lines are given back as a won dispute gives them. The same key again returns the first end; a key that names no
    refund raises UnableToRefund.
    """
    refunded = Reversal.objects.filter(key=key, kind=Reversal.REFUND).select_related("sale").first()
    if refunded is None:
        raise UnableToRefund(key, _("no refund has that key"))
    sale = refunded.sale
    lock_currency(sale.currency)
    if before := ReversalOutcome.objects.filter(reversal=refunded).first():
        return before
    taken = list(ReversalLine.objects.filter(reversal=refunded).select_related("line"))
    pot_minor, more = home_of(sale, refunded.pot_minor)
    given = give_back(sale, backs_of(taken, more))
    ended = write_outcome(
        reversal=refunded,
        outcome=ReversalOutcome.FAILED,
        given=given,
        now=now,
        tax_minor=refunded.tax_minor,
        fee_minor=refunded.fee_minor,
        pot_minor=pot_minor,
    )
    post(
        kind=TransactionKind.REFUND_FAILED,
        source=sale.source,
        idem_key=f"refund-failed:{refunded.pk}",
        currency=sale.currency,
        legs=[
            debit(money_of(sale), refunded.amount_minor),
            credit(AccountKind.TAX_PAYABLE, refunded.tax_minor, detail=sale.tax_of),
            credit(AccountKind.PLATFORM_FEE, refunded.fee_minor),
            credit(AccountKind.TAKEN_DOWN, pot_minor),
            credit(AccountKind.DISPUTE_LOSS, refunded.loss_minor),
            *given.legs,
        ],
        now=now,
        transaction_id=ended.transaction_id,
    )
    hold_given(given, ended)
    take_again(sale=sale, now=now)
    return ended
