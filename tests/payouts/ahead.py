"""A year and a month that Carol paid ahead."""

from datetime import UTC, datetime
from typing import Any

from django.db import connection

from marketplace.payouts.bookkeeping.deferring import Time
from marketplace.payouts.deferral_models import Deferral, DeferralWaiting
from marketplace.payouts.models import Sale, Split
from marketplace.payouts.operations import pay_ahead
from marketplace.payouts.rules import Money

FROM = datetime(2027, 1, 1, tzinfo=UTC)
SOURCE = "order-line:1"


def month(number: int) -> datetime:
    """The first moment of a month, counted on from January 2027."""
    return datetime(2027 + (number - 1) // 12, (number - 1) % 12 + 1, 1, tzinfo=UTC)


def months(count: int = 12) -> list[Time]:
    return [(month(number), month(number + 1)) for number in range(1, count + 1)]


def paid(
    split: Split, source: str = SOURCE, gross: int = 120_00, tax: int = 0, fee: int = 12_00, **more: Any
) -> Deferral:
    said: dict[str, Any] = {"times": months(), "now": FROM, "tax_of": "FR" if tax else "", "subject": "release:ab"}
    return pay_ahead(
        source=source, split=split, gross=Money(gross, "USD"), tax_minor=tax, fee_minor=fee, **(said | more)
    )


def sold() -> list[tuple[str, int, int]]:
    """Sales of what was paid ahead: name, gross, fee."""
    rows = Sale.objects.filter(paid_from="deferred_subscription").order_by("recognized__part", "recognized__number")
    return [(row.source, row.gross_minor, row.fee_minor) for row in rows]


def waiting() -> list[int]:
    return list(
        DeferralWaiting.objects.order_by("part__deferral", "part__number").values_list("part__number", flat=True)
    )


def sums() -> dict[str, int]:
    """What there is in each account of the house, in USD; those of nothing are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.kind || CASE a.detail WHEN '' THEN '' ELSE ':' || a.detail END, sum(p.amount_minor)::bigint"
            "  FROM payouts_posting p JOIN payouts_account a ON a.id = p.account_id"
            " GROUP BY 1 HAVING sum(p.amount_minor) <> 0"
        )
        return dict(cursor.fetchall())
