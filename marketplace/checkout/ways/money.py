"""The way of the money behind an order's lines: sales, royalties, what was taken back, payouts on their rails."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q, Sum

from marketplace.checkout.line_money import left_of_lines
from marketplace.checkout.models import OrderLine
from marketplace.checkout.ways.shapes import PayoutWay, Posted, RoyaltyWay, SaleWay, Step
from marketplace.payouts.attempts import BankWord, PayoutAttempt
from marketplace.payouts.bookkeeping.remaining import REMAINING_OF_LINES, REMAINING_OF_SALES
from marketplace.payouts.deferral_models import Deferral, DeferralReversal
from marketplace.payouts.models import (
    AwaitingAllocation,
    Payout,
    PayoutOutcome,
    Posting,
    RoyaltyLine,
    Sale,
    Transaction,
)
from marketplace.payouts.queries import line_of
from marketplace.payouts.reversals import ReturnedLine, Reversal, ReversalLine


class Rest(NamedTuple):
    """What is left of a sale, in minor units; what is not shared out yet is the creators'."""

    tax_minor: int
    fee_minor: int
    creators_minor: int
    pot_minor: int

    @property
    def total_minor(self) -> int:
        """All that can be given back to the buyer."""
        return sum(self)


PAYOUTS_SHOWN = 200
"""How many royalty lines of an order are followed to their payouts; the rest is told without."""


def named(lines: Sequence[OrderLine]) -> Q:
    """This will say which sources the books know lines by: each by its own, and those of its periods behind it."""
    found = Q(source__in=[line.source for line in lines])
    for line in lines:
        found |= Q(source__startswith=f"{line.source}:")
    return found


def sales_of(lines: Sequence[OrderLine]) -> dict[UUID, list[SaleWay]]:
    """This will tell the sales of each line by its id, oldest first, with their royalties."""
    rows = list(Sale.objects.filter(named(lines)).order_by("id")) if lines else []
    royalties = _royalties(rows)
    found: dict[UUID, list[SaleWay]] = defaultdict(list)
    for sale in rows:
        found[UUID(sale.source.split(":")[1])].append(
            SaleWay(
                str(sale.pk),
                sale.source,
                sale.sold_at,
                sale.gross_minor,
                sale.tax_minor,
                sale.fee_minor,
                sale.net_minor,
                sale.split_id,
                royalties.get(sale.pk, []),
            )
        )
    return found


def _royalties(sales: Sequence[Sale]) -> dict[UUID, list[RoyaltyWay]]:
    lines = list(RoyaltyLine.objects.filter(sale__in=sales).select_related("payee", "run__release").order_by("id"))
    taken, returned = _taken(lines), _returned(lines)
    found: dict[UUID, list[RoyaltyWay]] = defaultdict(list)
    for number, line in enumerate(lines):
        told = line_of(line.payee, line.pk) if number < PAYOUTS_SHOWN else None
        payout = _payout(told.payout_id) if told is not None and told.payout_id else None
        release = getattr(line.run, "release", None)
        found[line.sale_id].append(
            RoyaltyWay(
                line.pk,
                line.payee.handle,
                line.share_ppb,
                line.amount_minor,
                taken.get(line.pk, 0),
                returned.get(line.pk, 0),
                line.run.available_at,
                release.released_at if release else None,
                payout,
            )
        )
    return found


def _taken(lines: Sequence[RoyaltyLine]) -> dict[int, int]:
    rows = ReversalLine.objects.filter(line__in=lines).values("line").annotate(all=Sum("amount_minor")).order_by()
    return {row["line"]: int(row["all"]) for row in rows}


def _returned(lines: Sequence[RoyaltyLine]) -> dict[int, int]:
    rows = ReturnedLine.objects.filter(line__in=lines).values("line").annotate(all=Sum("amount_minor")).order_by()
    return {row["line"]: int(row["all"]) for row in rows}


def _payout(payout_id: UUID) -> PayoutWay | None:
    payout = Payout.objects.filter(pk=payout_id).first()
    if payout is None:
        return None
    steps = [
        Step(row.at, f"payout-{row.state}", payout.amount_minor, row.reference)
        for row in PayoutOutcome.objects.filter(payout=payout).order_by("id")
    ]
    attempts = PayoutAttempt.objects.filter(payout=payout).select_related("end").order_by("number")
    for attempt in attempts:
        steps.append(Step(attempt.made_at, f"attempt-{attempt.kind}", attempt.amount_minor, attempt.key))
        if end := getattr(attempt, "end", None):
            steps.append(Step(end.at, f"attempt-{end.state}", attempt.amount_minor, end.reference, end.reason))
    for word in BankWord.objects.filter(attempt__payout=payout).order_by("id"):
        steps.append(Step(word.at, f"bank-{word.state}", payout.amount_minor, word.bank, word.reason))
    steps.sort(key=lambda step: step.at)
    return PayoutWay(str(payout.pk), payout.amount_minor, payout.reserved_at, steps)


def postings_of(lines: Sequence[OrderLine]) -> list[Posted]:
    """This will list what the books have of an order: each leg of the transactions that name one of its lines."""
    if not lines:
        return []
    transactions = Transaction.objects.filter(named(lines))
    rows = Posting.objects.filter(transaction__in=transactions).select_related("transaction", "account__owner")
    return [
        Posted(
            str(row.transaction_id),
            row.transaction.kind,
            row.transaction.source,
            row.transaction.occurred_at,
            f"{row.account.kind}:{row.account.detail}" if row.account.detail else row.account.kind,
            row.account.owner.handle if row.account.owner else "",
            row.amount_minor,
        )
        for row in rows.order_by("id")
    ]


def rests_of(sales: Sequence[SaleWay]) -> dict[str, Rest]:
    """This will tell what is left of each sale by its id; three queries however many."""
    keys = [sale.id for sale in sales]
    with connection.cursor() as cursor:
        cursor.execute(REMAINING_OF_LINES, {"sales": keys})
        creators: dict[str, int] = defaultdict(int)
        for row in cursor.fetchall():
            creators[str(row[1])] += row[4]
        cursor.execute(REMAINING_OF_SALES, {"sales": keys})
        rows = cursor.fetchall()
    waiting = AwaitingAllocation.objects.filter(sale__in=keys).values_list("sale", "net_minor")
    creators |= {str(key): net_minor for key, net_minor in waiting}
    return {str(key): Rest(tax, fee, creators.get(str(key), 0), pot) for key, tax, fee, pot in rows}


def losses_of(lines: Sequence[OrderLine]) -> int:
    """This will tell what the house bore of reversals that stand, beyond what was left of lines, less what met it."""
    sources, found = [line.source for line in lines], 0
    met = Q(key__startswith="refund:", key__endswith=":met")
    for rows in (
        Reversal.objects.filter(sale__source__in=sources),
        DeferralReversal.objects.filter(deferral__source__in=sources),
    ):
        stands = rows.exclude(outcome__outcome__in=["won", "failed"])
        said = stands.aggregate(lost=Sum("loss_minor"), met=Sum("amount_minor", filter=met))
        found += (said["lost"] or 0) - (said["met"] or 0)
    return found


def lefts_of(
    lines: Sequence[OrderLine], sales: Mapping[UUID, Sequence[SaleWay]], rests: Mapping[str, Rest]
) -> dict[UUID, int | None]:
    """This will tell what of each line can still be given back, None where nothing was sold."""
    ahead = set(Deferral.objects.filter(source__in=[line.source for line in lines]).values_list("source", flat=True))
    found: dict[UUID, int | None] = {**left_of_lines(line for line in lines if line.source in ahead)}
    for line in lines:
        if line.source not in ahead:
            own = sales.get(line.pk)
            found[line.pk] = sum(rests[sale.id].total_minor for sale in own) if own else None
    return found
