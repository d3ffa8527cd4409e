"""The way of the money behind an order's lines: sales, royalties, what was taken back, payouts on their rails."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q, Sum

from marketplace.checkout.models import OrderLine
from marketplace.checkout.ways.shapes import PayoutWay, Posted, RoyaltyWay, SaleWay, Step
from marketplace.payouts.attempts import BankWord, PayoutAttempt
from marketplace.payouts.bookkeeping.reversing import what_remains
from marketplace.payouts.models import Payout, PayoutOutcome, Posting, RoyaltyLine, Sale, Transaction
from marketplace.payouts.queries import line_of
from marketplace.payouts.reversals import ReturnedLine, Reversal, ReversalLine

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


def rests_of(sales: Sequence[SaleWay]) -> dict[str, int]:
    """This will sum where what is left of sales is: "tax", "fee", "creators" (what is not shared out yet among them),
    "pot" (put aside by takedowns), and "loss", what the house bore beyond them."""
    sums = dict.fromkeys(("tax", "fee", "creators", "pot", "loss"), 0)
    keys = [sale.id for sale in sales]
    for sale in Sale.objects.filter(pk__in=keys):
        left = what_remains(sale)
        sums["tax"] += left.tax_minor
        sums["fee"] += left.fee_minor
        sums["creators"] += sum(line.amount_minor for line in left.lines)
        sums["pot"] += left.pot_minor
    stands = Reversal.objects.filter(sale__in=keys).exclude(outcome__outcome__in=["won", "failed"])
    sums["loss"] = int(stands.aggregate(all=Sum("loss_minor"))["all"] or 0)
    return sums


def ahead_of(left_minor: int | None, sales: Sequence[SaleWay]) -> int:
    """This will tell how much of a line is paid ahead, in minor units: what can be given back and is in no sale yet."""
    rows = Sale.objects.filter(pk__in=[sale.id for sale in sales])
    return max(0, (left_minor or 0) - sum(what_remains(row).gross_minor for row in rows))
