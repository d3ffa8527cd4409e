"""When a buyer's bank takes money of a sale back, and when it says how that ended."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import Leg, credit, debit, lock_currency, post
from marketplace.payouts.bookkeeping.pots import home_of
from marketplace.payouts.bookkeeping.remaining import Parts, Remaining
from marketplace.payouts.bookkeeping.reversing import (
    Given,
    backs_of,
    change_holds,
    give_back,
    hold_given,
    provider_of,
    sale_of,
    taken_legs,
    what_remains,
    write_outcome,
    write_reversal,
)
from marketplace.payouts.bookkeeping.takedowns import take_again
from marketplace.payouts.models import AccountKind, Sale, TransactionKind
from marketplace.payouts.reversals import Reversal, ReversalLine, ReversalOutcome


class UnableToDispute(Exception):
    """No dispute can be opened for the sale."""

    code = "unable-to-dispute"

    def __init__(self, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(_("“%(source)s” cannot be disputed: %(why)s.") % {"source": source, "why": why})


class UnableToCloseDispute(Exception):
    """The dispute cannot end that way."""

    code = "unable-to-close-dispute"

    def __init__(self, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(_("The dispute of “%(source)s” cannot be closed: %(why)s.") % {"source": source, "why": why})


@transaction.atomic
def open_dispute(*, source: str, now: datetime, amount_minor: int | None = None, key: str = "") -> Reversal:
    """Book that the buyer's bank took money of a sale back, and hold what its payees got from it.

    `amount_minor` is in minor units of the sale's currency; without it, all that remains of the sale. It is divided
    over what remains, and what the bank takes beyond that is the house's loss. Each line is taken from what is held
    of it for a claim, then from pending while its run is, else from the reserve and from available, and what is not
    there any more becomes a receivable. Tax, fee, the pot of a takedown and a loss are moved when the dispute is lost;
    until then nothing else can have them. A sale may be disputed several times, under keys of their own; without one
    the key is "dispute:" and the source. The same key again returns the same dispute.
    Raises UnableToDispute for a source that was never sold, for an amount that is not above zero, where nothing
    remains and no amount is said, and for a key that named something else.
    """
    sale = sale_of(source)
    if sale is None:
        raise UnableToDispute(source, _("there is no such sale"))
    if amount_minor is not None and amount_minor <= 0:
        raise UnableToDispute(source, _("its amount is not above zero"))
    if sale.paid_from == AccountKind.TAKEN_DOWN:
        raise UnableToDispute(source, _("no buyer paid it"))
    lock_currency(sale.currency)
    key = key or f"dispute:{source}"
    if before := Reversal.objects.filter(key=key).first():
        return _same(before, sale, amount_minor)
    remaining = what_remains(sale)
    parts, loss_minor = _parts(remaining, remaining.gross_minor if amount_minor is None else amount_minor)
    if parts.total_minor + loss_minor == 0:
        raise UnableToDispute(source, _("nothing of it remains"))
    dispute, taken = write_reversal(
        sale=sale, kind=Reversal.DISPUTE, key=key, parts=parts, loss_minor=loss_minor, now=now
    )
    post(
        kind=TransactionKind.DISPUTE_OPENED,
        source=source,
        idem_key=f"dispute-opened:{dispute.pk}",
        currency=sale.currency,
        legs=[
            debit(AccountKind.DISPUTE_SUSPENSE, dispute.amount_minor),
            credit(provider_of(sale), dispute.amount_minor),
            *taken_legs(taken),
            *(credit(AccountKind.CREATOR_DISPUTE_HOLD, part.amount_minor, part.line.payee_id) for part in taken),
        ],
        now=now,
        transaction_id=dispute.transaction_id,
    )
    change_holds(sale=sale, reversal=dispute, taken=taken, bucket=AccountKind.CREATOR_DISPUTE_HOLD, now=now)
    return dispute


@transaction.atomic
def close_dispute(*, source: str, outcome: str, now: datetime, key: str = "") -> ReversalOutcome:
    """Book how a dispute ended: "won" gives everything back, "lost" takes it for good with tax, fee and loss.

    What is won returns to pending where the run still is, else goes against what the payee owes and then to
    available. While the sale's subject is frozen, what would be pending or available is held instead, and what the
    dispute took from the hold returns there whole. The same outcome again returns the first; the other one, or a
    source or key without a dispute, raises UnableToCloseDispute.
    """
    if outcome not in {ReversalOutcome.WON, ReversalOutcome.LOST}:
        raise UnableToCloseDispute(source, _("its outcome is “won” or “lost”, not “%s”") % outcome)
    sale = sale_of(source)
    if sale is not None:
        lock_currency(sale.currency)
    named = Reversal.objects.filter(key=key or f"dispute:{source}", kind=Reversal.DISPUTE)
    dispute = named.filter(sale=sale).first() if sale else None
    if sale is None or dispute is None:
        raise UnableToCloseDispute(source, _("none was opened"))
    if before := ReversalOutcome.objects.filter(reversal=dispute).first():
        if before.outcome != outcome:
            raise UnableToCloseDispute(source, _("it was closed as “%s” before") % before.outcome)
        return before
    taken = list(ReversalLine.objects.filter(reversal=dispute).select_related("line"))
    won = outcome == ReversalOutcome.WON
    given, back, pot_legs = Given([], [], []), {}, []
    if won:
        pot_minor, more = home_of(sale, dispute.pot_minor)
        given = give_back(sale, backs_of(taken, more))
        back = {"tax_minor": dispute.tax_minor, "fee_minor": dispute.fee_minor, "pot_minor": pot_minor}
        pot_legs = [debit(AccountKind.TAKEN_DOWN, dispute.pot_minor - pot_minor)]
    ended = write_outcome(reversal=dispute, outcome=outcome, given=given, now=now, **back)
    post(
        kind=TransactionKind.DISPUTE_WON if won else TransactionKind.DISPUTE_LOST,
        source=source,
        idem_key=f"dispute-closed:{dispute.pk}",
        currency=sale.currency,
        legs=[
            credit(AccountKind.DISPUTE_SUSPENSE, dispute.amount_minor),
            *(debit(AccountKind.CREATOR_DISPUTE_HOLD, part.amount_minor, part.line.payee_id) for part in taken),
            *(
                [debit(provider_of(sale), dispute.amount_minor), *pot_legs, *given.legs]
                if won
                else _lost(sale, dispute)
            ),
        ],
        now=now,
        transaction_id=ended.transaction_id,
    )
    hold_given(given, ended)
    if won:
        take_again(sale=sale, now=now)
    return ended


@transaction.atomic
def record_dispute_fee(*, source: str, fee_minor: int, key: str, now: datetime, currency: str = "") -> UUID:
    """Book what the payment provider charges the house for a dispute; return the transaction's id.

    In minor units of the sale's currency, or of `currency`, in which the provider keeps our balance then. The same key
    with the same content returns the first, with other content it raises UnableToPost. Raises UnableToDispute for a
    source that was never sold and a fee that is not above zero.
    """
    sale = sale_of(source)
    if sale is None:
        raise UnableToDispute(source, _("there is no such sale"))
    if fee_minor <= 0:
        raise UnableToDispute(source, _("its fee is not above zero"))
    return post(
        kind=TransactionKind.DISPUTE_FEE,
        source=source,
        idem_key=f"dispute-fee:{key}",
        currency=currency or sale.currency,
        legs=[
            debit(AccountKind.DISPUTE_FEE, fee_minor),
            credit(AccountKind.PSP_BALANCE if currency else provider_of(sale), fee_minor),
        ],
        now=now,
    )


def _same(before: Reversal, sale: Sale, amount_minor: int | None) -> Reversal:
    """Return the dispute that stands, or raise UnableToDispute where its key named something else."""
    is_other = before.sale_id != sale.pk or before.kind != Reversal.DISPUTE
    if is_other or amount_minor not in {None, before.amount_minor}:
        raise UnableToDispute(sale.source, _("the same key named something else before"))
    return before


def _parts(remaining: Remaining, amount_minor: int) -> tuple[Parts, int]:
    """Return what the bank takes of what remains, and what it takes beyond that."""
    there_minor = min(amount_minor, remaining.gross_minor)
    return remaining.part(there_minor), amount_minor - there_minor


def _lost(sale: Sale, dispute: Reversal) -> list[Leg]:
    return [
        debit(AccountKind.PLATFORM_FEE, dispute.fee_minor),
        debit(AccountKind.TAX_PAYABLE, dispute.tax_minor, detail=sale.tax_of),
        debit(AccountKind.TAKEN_DOWN, dispute.pot_minor),
        debit(AccountKind.DISPUTE_LOSS, dispute.loss_minor),
    ]
