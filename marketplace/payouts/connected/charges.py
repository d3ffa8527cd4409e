"""Which charges a payout's money is of, so that a transfer may draw on one whose money has not come yet."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from marketplace.payouts.attempts import ChargeAvailable, SaleCharge
from marketplace.payouts.bookkeeping.standing import lines_in
from marketplace.payouts.models import Payout, RoyaltyLine
from marketplace.provider.client import client
from marketplace.provider.looking import plain

FRESH = timedelta(days=10)
"""A charge that is older is available; Stripe's own wait is of days."""

MOST_PARTS = 50
"""Into so many charges a payout is divided; the largest count, and the rest is sent from what is available."""

# Creators with sales whose charges may not be available yet, and those charges.
_MAY_WAIT = """
SELECT p.id, array_agg(DISTINCT c.charge)
  FROM payouts_sale_charge c JOIN payouts_sale s ON s.source = c.source
  JOIN payouts_split_share h ON h.split_id = s.split_id
  JOIN payouts_payout p ON p.creator_id = h.payee_id AND p.currency = s.currency
  LEFT JOIN payouts_charge_available v ON v.charge = c.charge
 WHERE p.id = ANY (%(payouts)s::uuid[]) AND (%(always)s OR c.at > %(since)s)
   AND (%(always)s OR v.id IS NULL OR v.available_at > %(now)s)
   AND NOT EXISTS (SELECT FROM payouts_attempt t WHERE t.payout_id = p.id)
 GROUP BY p.id
"""

Part = tuple[int, str]
"""Minor units, and the charge that they are drawn on; nothing for what is available."""


def record_charged(*, charge: str, sources: Iterable[str], now: datetime) -> None:
    """Keep by which charge sales were paid, by their sources; what is known of a sale stays. Within a transaction."""
    SaleCharge.objects.bulk_create(
        [SaleCharge(source=source, charge=charge, at=now) for source in sources], ignore_conflicts=True
    )


def _may_wait(payouts: Sequence[Payout], now: datetime) -> dict[UUID, list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _MAY_WAIT,
            {
                "payouts": [payout.pk for payout in payouts],
                "since": now - FRESH,
                "now": now,
                "always": settings.CONNECT_FROM_CHARGES,
            },
        )
        return dict(cursor.fetchall())


def learn_charges(*, payouts: Sequence[Payout], now: datetime) -> None:
    """Ask from when on charges are available that payouts may be of, and keep it; who does not answer is asked again.

    Not to be called inside a transaction.
    """
    wanted = {charge for charges in _may_wait(payouts, now).values() for charge in charges}
    wanted -= set(ChargeAvailable.objects.filter(charge__in=wanted).values_list("charge", flat=True))
    if not wanted:
        return
    names = sorted(wanted)
    with ThreadPoolExecutor(min(settings.CONNECT_THREADS, len(names))) as pool:
        found = list(pool.map(_charge, names))
    ChargeAvailable.objects.bulk_create(
        [
            ChargeAvailable(
                charge=name,
                currency=line["currency"].upper(),
                available_at=datetime.fromtimestamp(line["available_on"], UTC),
                heard_at=now,
            )
            for name, line in zip(names, found, strict=True)
            if line is not None
        ],
        ignore_conflicts=True,
    )


def _charge(name: str) -> dict[str, Any] | None:
    try:
        body = plain(client().v1.charges.retrieve(name, {"expand": ["balance_transaction"]})) or {}
    except Exception:
        return None  # then what is of it is sent from what is available, or waits
    line = body.get("balance_transaction")
    return line if isinstance(line, dict) else None


def divided(*, payouts: Sequence[Payout], step_minor: int, now: datetime) -> dict[UUID, list[Part]]:
    """Return the parts of each payout that draws on charges; others are not in it. Their currency must be locked.

    By what each of its royalty lines brought: a charge's part is a multiple of the step, and what is of no charge, of
    one that is available, or too small for a part of its own, is a part without one. Together they are the payout.
    """
    waiting = _may_wait(payouts, now)
    found = {}
    for payout in payouts:
        if payout.pk in waiting:
            parts = _parts(payout, set(waiting[payout.pk]), step_minor, now)
            if parts:
                rest_minor = payout.amount_minor - sum(minor for minor, _charge in parts)
                found[payout.pk] = [*([(rest_minor, "")] if rest_minor else []), *parts]
    return found


def _parts(payout: Payout, charges: set[str], step_minor: int, now: datetime) -> list[Part]:
    known = ChargeAvailable.objects.filter(charge__in=charges, currency=payout.currency)
    if not settings.CONNECT_FROM_CHARGES:
        known = known.filter(available_at__gt=now)
    usable = set(known.values_list("charge", flat=True))
    if not usable:
        return []
    lots = lines_in(payout)
    sources = dict(RoyaltyLine.objects.filter(pk__in=[lot.line_id for lot in lots]).values_list("pk", "sale__source"))
    charge_of = dict(
        SaleCharge.objects.filter(source__in=sources.values(), charge__in=usable).values_list("source", "charge")
    )
    sums: Counter[str] = Counter()
    left_minor = payout.amount_minor
    for lot in lots:
        part_minor = min(lot.amount_minor, left_minor)
        left_minor -= part_minor
        if charge := charge_of.get(sources[lot.line_id]):
            sums[charge] += part_minor
    largest = sorted(sums.items(), key=lambda one: (-one[1], one[0]))[:MOST_PARTS]
    return [(minor - minor % step_minor, charge) for charge, minor in largest if minor >= step_minor]
