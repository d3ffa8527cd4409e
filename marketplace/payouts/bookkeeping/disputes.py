"""When a buyer's bank takes a sale back, and when it says how that ended."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payouts.bookkeeping.books import (
    Leg,
    balances,
    credit,
    credit_creators,
    debit,
    debts_met,
    lock_currency,
    post,
)
from marketplace.payouts.bookkeeping.freezes import (
    Part,
    end_holds,
    held_legs,
    standing_freeze,
    standing_holds,
    write_holds,
)
from marketplace.payouts.bookkeeping.royalties import allocate_sale
from marketplace.payouts.freezes import SubjectFreeze
from marketplace.payouts.models import (
    AccountKind,
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

    Each line is taken from what is held of it for a claim, then from pending while its run is, else from
    available, and what is not there any more becomes a receivable. Fee and tax stay until the dispute is lost. A
    sale that awaits its allocation is allocated first, frozen or not, so that a reversal always follows lines. The
    same source again returns the same dispute.
    Raises UnableToDispute for a source that was never sold.
    """
    sale = _sale(source)
    if sale is None:
        raise UnableToDispute(source, _("there is no such sale"))
    lock_currency(sale.currency)
    if before := Dispute.objects.filter(sale=sale).first():
        return before
    # Written before it is posted, below: a frozen sale is allocated because it is disputed.
    dispute = Dispute.objects.create(sale=sale, opened_at=now, transaction_id=uuid4())
    allocate_sale(sale=sale, now=now)
    holds = list(standing_holds().filter(line__sale=sale))
    taken = _take_back(sale, {hold.line_id: hold.amount_minor for hold in holds})
    post(
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
        transaction_id=dispute.transaction_id,
    )
    for part in taken:
        part.dispute = dispute
    ReversalLine.objects.bulk_create(taken)
    disputed = AccountKind.CREATOR_DISPUTE_HOLD
    end_holds(holds=holds, transaction_id=dispute.transaction_id, bucket=lambda _hold: disputed)
    return dispute


@transaction.atomic
def close_dispute(*, source: str, outcome: str, now: datetime) -> DisputeOutcome:
    """Book how a dispute ended: "won" gives everything back, "lost" takes it for good with fee and tax.

    What is won returns to pending where the run still is, else goes against what the payee owes and then to
    available. While the sale's subject is frozen, what would be pending or available is held instead, and what the
    dispute took from the hold returns there whole. The same outcome again returns the first; the other one, or a
    source without a dispute, raises UnableToCloseDispute.
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
    frozen = standing_freeze(sale.subject) if won else None
    held = _to_hold(frozen, sale, taken) if frozen else []
    transaction_id = post(
        kind=TransactionKind.DISPUTE_WON if won else TransactionKind.DISPUTE_LOST,
        source=source,
        idem_key=f"dispute-closed:{source}",
        currency=sale.currency,
        legs=[
            credit(AccountKind.DISPUTE_SUSPENSE, sale.gross_minor),
            *(debit(AccountKind.CREATOR_DISPUTE_HOLD, part.amount_minor, part.line.payee_id) for part in taken),
            *(_given_back(sale, taken, held) if won else _lost(sale)),
        ],
        now=now,
    )
    write_holds(parts=held, transaction_id=transaction_id)
    return DisputeOutcome.objects.create(dispute=dispute, outcome=outcome, closed_at=now, transaction_id=transaction_id)


def _sale(source: str) -> Sale | None:
    return Sale.objects.filter(source=source).first()


def _is_released(sale: Sale) -> bool:
    return HoldRelease.objects.filter(run__lines__sale=sale).exists()


def _take_back(sale: Sale, held: Mapping[int, int]) -> list[ReversalLine]:
    """Return what is taken of each line and from which bucket; nothing is written. `held` is line → held of it."""
    lines = list(RoyaltyLine.objects.filter(sale=sale).order_by("payee_id"))
    is_released = _is_released(sale)
    available = balances(
        currency=sale.currency,
        kind=AccountKind.CREATOR_AVAILABLE,
        owner_ids=[line.payee_id for line in lines],
    )
    taken = []
    for line in lines:
        held_minor = held.get(line.pk, 0)
        rest_minor = line.amount_minor - held_minor
        there_minor = min(rest_minor, available.get(line.payee_id, 0)) if is_released else 0
        for bucket, amount_minor in (
            (AccountKind.CREATOR_CLAIM_HOLD, held_minor),
            (AccountKind.CREATOR_PENDING, 0 if is_released else rest_minor),
            (AccountKind.CREATOR_AVAILABLE, there_minor),
            (AccountKind.CREATOR_RECEIVABLE, rest_minor - there_minor if is_released else 0),
        ):
            if amount_minor:
                taken.append(ReversalLine(line=line, amount_minor=amount_minor, bucket=bucket))
    return taken


def _to_hold(frozen: SubjectFreeze, sale: Sale, taken: Sequence[ReversalLine]) -> list[Part]:
    """Return what of a won sale is held: all while its run is pending, else what was held and what no debt takes."""
    amounts, bucket = _sums(taken), AccountKind.CREATOR_PENDING
    if _is_released(sale):
        bucket = AccountKind.CREATOR_AVAILABLE
        others = _sums(part for part in taken if part.bucket != AccountKind.CREATOR_CLAIM_HOLD)
        amounts.subtract(debts_met(currency=sale.currency, amounts=others))
    lines = {part.line.payee_id: part.line_id for part in taken}
    return [
        Part(frozen.pk, lines[payee_id], payee_id, amount_minor, bucket)
        for payee_id, amount_minor in amounts.items()
        if amount_minor
    ]


def _sums(taken: Iterable[ReversalLine]) -> Counter[UUID]:
    amounts: Counter[UUID] = Counter()
    for part in taken:
        amounts[part.line.payee_id] += part.amount_minor
    return amounts


def _given_back(sale: Sale, taken: Sequence[ReversalLine], held: Sequence[Part]) -> list[Leg]:
    """Return the legs of a won sale; what is held of it is not given."""
    legs = [debit(AccountKind.PSP_CLEARING, sale.gross_minor), *held_legs(held)]
    amounts = _sums(taken)
    amounts.subtract({part.payee_id: part.amount_minor for part in held})
    if _is_released(sale):
        return [*legs, *credit_creators(currency=sale.currency, amounts=amounts)]
    return [*legs, *(credit(AccountKind.CREATOR_PENDING, amount, payee_id) for payee_id, amount in amounts.items())]


def _lost(sale: Sale) -> list[Leg]:
    return [
        debit(AccountKind.PLATFORM_FEE, sale.fee_minor),
        debit(AccountKind.TAX_PAYABLE, sale.tax_minor),
    ]
