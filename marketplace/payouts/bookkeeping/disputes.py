"""When a buyer's bank takes a sale back, and when it says how that ended."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import (
    Leg,
    balances,
    credit,
    credit_creators,
    debit,
    lock_currency,
    post,
)
from marketplace.payouts.bookkeeping.royalties import allocate_currency
from marketplace.payouts.models import (
    AccountKind,
    AwaitingAllocation,
    Dispute,
    DisputeOutcome,
    HoldRelease,
    ReversalLine,
    RoyaltyLine,
    Sale,
    TransactionKind,
)


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
def open_dispute(*, source: str, now: datetime) -> Dispute:
    """Book that the buyer's bank took a sale's gross amount, and hold what its payees got from it.

    Each line is taken from pending while its run is, else from available, and what is not there any more
    becomes a receivable. Fee and tax stay until the dispute is lost. A sale that awaits its allocation is
    allocated first, so that a reversal always follows lines. The same source again returns the same dispute.
    Raises UnableToDispute for a source that was never sold.
    """
    sale = _sale(source)
    if sale is None:
        raise UnableToDispute(source, _("there is no such sale"))
    lock_currency(sale.currency)
    if before := Dispute.objects.filter(sale=sale).first():
        return before
    if AwaitingAllocation.objects.filter(sale=sale).exists():
        allocate_currency(currency=sale.currency, now=now)
    taken = _take_back(sale)
    dispute = Dispute.objects.create(
        sale=sale,
        opened_at=now,
        transaction_id=post(
            kind=TransactionKind.DISPUTE_OPENED,
            source=source,
            idem_key=f"dispute-opened:{source}",
            currency=sale.currency,
            legs=[
                debit(AccountKind.DISPUTE_SUSPENSE, sale.gross_minor),
                credit(AccountKind.PSP_CLEARING, sale.gross_minor),
                *(debit(AccountKind(part.bucket), part.amount_minor, part.line.payee_id) for part in taken),
                *(credit(AccountKind.CREATOR_DISPUTE_HOLD, part.amount_minor, part.line.payee_id) for part in taken),
            ],
            now=now,
        ),
    )
    for part in taken:
        part.dispute = dispute
    ReversalLine.objects.bulk_create(taken)
    return dispute


@transaction.atomic
def close_dispute(*, source: str, outcome: str, now: datetime) -> DisputeOutcome:
    """Book how a dispute ended: "won" gives everything back, "lost" takes it for good with fee and tax.

    What is won returns to pending where the run still is, else goes against what the payee owes and then to
    available. The same outcome again returns the first; the other one, or a source without a dispute, raises
    UnableToCloseDispute.
    """
    if outcome not in {DisputeOutcome.WON, DisputeOutcome.LOST}:
        raise UnableToCloseDispute(source, _("its outcome is “won” or “lost”, not “%s”") % outcome)
    sale = _sale(source)
    if sale is not None:
        lock_currency(sale.currency)
    dispute = Dispute.objects.filter(sale=sale).first() if sale else None
    if sale is None or dispute is None:
        raise UnableToCloseDispute(source, _("none was opened"))
    if before := DisputeOutcome.objects.filter(dispute=dispute).first():
        if before.outcome != outcome:
            raise UnableToCloseDispute(source, _("it was closed as “%s” before") % before.outcome)
        return before
    taken = list(ReversalLine.objects.filter(dispute=dispute).select_related("line"))
    won = outcome == DisputeOutcome.WON
    return DisputeOutcome.objects.create(
        dispute=dispute,
        outcome=outcome,
        closed_at=now,
        transaction_id=post(
            kind=TransactionKind.DISPUTE_WON if won else TransactionKind.DISPUTE_LOST,
            source=source,
            idem_key=f"dispute-closed:{source}",
            currency=sale.currency,
            legs=[
                credit(AccountKind.DISPUTE_SUSPENSE, sale.gross_minor),
                *(debit(AccountKind.CREATOR_DISPUTE_HOLD, part.amount_minor, part.line.payee_id) for part in taken),
                *(_given_back(sale, taken) if won else _lost(sale)),
            ],
            now=now,
        ),
    )


def _sale(source: str) -> Sale | None:
    return Sale.objects.filter(source=source).first()


def _is_released(sale: Sale) -> bool:
    return HoldRelease.objects.filter(run__lines__sale=sale).exists()


def _take_back(sale: Sale) -> list[ReversalLine]:
    """Return what is taken of each line and from which bucket; nothing is written."""
    lines = list(RoyaltyLine.objects.filter(sale=sale).order_by("payee_id"))
    if not _is_released(sale):
        pending = AccountKind.CREATOR_PENDING
        return [ReversalLine(line=line, amount_minor=line.amount_minor, bucket=pending) for line in lines]
    available = balances(
        currency=sale.currency,
        kind=AccountKind.CREATOR_AVAILABLE,
        owner_ids=[line.payee_id for line in lines],
    )
    taken = []
    for line in lines:
        there_minor = min(line.amount_minor, available.get(line.payee_id, 0))
        for bucket, amount_minor in (
            (AccountKind.CREATOR_AVAILABLE, there_minor),
            (AccountKind.CREATOR_RECEIVABLE, line.amount_minor - there_minor),
        ):
            if amount_minor:
                taken.append(ReversalLine(line=line, amount_minor=amount_minor, bucket=bucket))
    return taken


def _given_back(sale: Sale, taken: Sequence[ReversalLine]) -> list[Leg]:
    collected = debit(AccountKind.PSP_CLEARING, sale.gross_minor)
    if not _is_released(sale):
        return [
            collected,
            *(credit(AccountKind.CREATOR_PENDING, part.amount_minor, part.line.payee_id) for part in taken),
        ]
    amounts: Counter = Counter()
    for part in taken:
        amounts[part.line.payee_id] += part.amount_minor
    return [collected, *credit_creators(currency=sale.currency, amounts=amounts)]


def _lost(sale: Sale) -> list[Leg]:
    return [
        debit(AccountKind.PLATFORM_FEE, sale.fee_minor),
        debit(AccountKind.TAX_PAYABLE, sale.tax_minor),
    ]
