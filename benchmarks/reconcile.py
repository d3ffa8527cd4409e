"""How long the lines of a busy day at the gateway take: copied, matched with what the books have, and booked.

`python -m benchmarks.reconcile` measures in a data folder of its own, on a disk that is waited for, and prints one line
of JSON. Sales are booked with all guards on; what else our side knows (refunds, disputes, transfers and their returns)
is loaded past them, with the postings that matching reads. Lines are copied, matched and booked with all guards on.
Then everything is looked at once more: nothing may be left but what was made to differ.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import licensing_market as market
from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures

CHARGES, REFUNDS, DISPUTES, WON, TRANSFERS, REVERSED = 72_000, 8_000, 1_500, 500, 14_000, 1_000
PAYOUTS, FEES, UNKNOWN, ONLY_THEIRS, DIFFERENT, ONLY_OURS = 600, 300, 100, 2_000, 400, 1_000
GOAL_S = 20
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

# Ids are made of what they are of.
_REFUNDS = """
INSERT INTO checkout_refundoutcome (intent_id, outcome, reference, reason, at)
SELECT md5('refund ' || n)::uuid, 'succeeded', 're_' || n, '', %(now)s FROM generate_series(1, %(refunds)s) n;
INSERT INTO payouts_reversal (id, sale_id, kind, key, reason, amount_minor, tax_minor, fee_minor, net_minor, pot_minor,
                              loss_minor, opened_at, transaction_id)
SELECT gen_random_uuid(), s.id, 'refund', 'refund:' || md5('refund ' || n)::uuid, '', 500, 0, 0, 500, 0, 0, %(now)s,
       md5('refunded ' || n)::uuid
  FROM generate_series(1, %(refunds)s) n JOIN payouts_sale s ON s.source = 'order-line:' || md5('line ' || n)::uuid;
"""
_DISPUTES = """
INSERT INTO checkout_dispute (id, order_id, gateway, reference, charge_reference, amount_minor, currency, reason,
                              opened_at)
SELECT md5('dispute ' || n)::uuid, md5('order ' || n)::uuid, 'told', 'du_' || n, 'ch_' || n, 400, 'USD', '', %(now)s
  FROM generate_series(1, %(disputes)s) n;
INSERT INTO checkout_disputepart (dispute_id, line_id, amount_minor)
SELECT md5('dispute ' || n)::uuid, md5('line ' || n)::uuid, 400 FROM generate_series(1, %(disputes)s) n;
INSERT INTO checkout_disputestep (dispute_id, state, amount_minor, fee_minor, at)
SELECT md5('dispute ' || n)::uuid, 'opened', 400, 0, %(now)s FROM generate_series(1, %(disputes)s) n;
INSERT INTO checkout_disputestep (dispute_id, state, amount_minor, fee_minor, at)
SELECT md5('dispute ' || n)::uuid, 'won', 400, 0, %(now)s FROM generate_series(1, %(won)s) n;
INSERT INTO payouts_reversal (id, sale_id, kind, key, reason, amount_minor, tax_minor, fee_minor, net_minor, pot_minor,
                              loss_minor, opened_at, transaction_id)
SELECT md5('disputed ' || n)::uuid, s.id, 'dispute', 'dispute:du_' || n || ':' || md5('line ' || n)::uuid, '', 400, 0,
       0, 400, 0, 0, %(now)s, md5('taken ' || n)::uuid
  FROM generate_series(1, %(disputes)s) n JOIN payouts_sale s ON s.source = 'order-line:' || md5('line ' || n)::uuid;
INSERT INTO payouts_reversal_outcome (reversal_id, outcome, tax_minor, fee_minor, pot_minor, closed_at, transaction_id)
SELECT md5('disputed ' || n)::uuid, 'won', 0, 0, 0, %(now)s, md5('won ' || n)::uuid FROM generate_series(1, %(won)s) n;
"""
_TRANSFERS = """
INSERT INTO payouts_attempt (payout_id, number, kind, key, account_id, amount_minor, charge, made_at)
SELECT md5('payout ' || n)::uuid, 1, 'transfer', 'payout:' || n, 1, 300 + n, '', %(now)s
  FROM generate_series(1, %(transfers)s) n;
INSERT INTO payouts_attempt_end (attempt_id, state, reference, code, reason, at)
SELECT id, 'done', 'tr_' || substr(key, 8), '', '', %(now)s FROM payouts_attempt;
INSERT INTO payouts_transfer_reversal (transfer_id, reference, amount_minor, is_ours, at, transaction_id)
SELECT a.id, 'trr_' || substr(a.key, 8), 100, true, %(now)s, md5('reversed ' || substr(a.key, 8))::uuid
  FROM payouts_attempt a WHERE substr(a.key, 8)::int <= %(reversed)s;
"""
# What our balance moved by in each, which is all that matching reads of them.
_MOVED = """
INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
SELECT m.id, m.kind, m.key, m.key, '', %(now)s FROM moved m;
INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
SELECT m.id, a.id, m.amount FROM moved m JOIN payouts_account a ON a.kind = m.account AND a.currency = 'USD'
   AND a.owner_id IS NULL AND a.detail = '';
"""
_MOVEMENTS = """
CREATE TEMPORARY TABLE moved AS
SELECT md5('refunded ' || n)::uuid AS id, 'refund' AS kind, 'refunded:' || n AS key, 'psp_clearing' AS account,
       -500::bigint AS amount FROM generate_series(1, %(refunds)s) n
 UNION ALL SELECT md5('taken ' || n)::uuid, 'dispute_opened', 'taken:' || n, 'psp_clearing', -400
             FROM generate_series(1, %(disputes)s) n
 UNION ALL SELECT md5('won ' || n)::uuid, 'dispute_won', 'won:' || n, 'psp_clearing', 400
             FROM generate_series(1, %(won)s) n
 UNION ALL SELECT md5('sent ' || n)::uuid, 'payout_sent', 'payout-sent:' || md5('payout ' || n)::uuid, 'psp_balance',
                  -300 - n FROM generate_series(1, %(transfers)s) n
 UNION ALL SELECT md5('reversed ' || n)::uuid, 'transfer_reversed', 'reversed:' || n, 'psp_balance', 100
             FROM generate_series(1, %(reversed)s) n
"""


class Told:
    """A gateway that tells a day's lines."""

    gateway = "told"

    def lines(self, *, since: datetime, now: datetime) -> Iterator[Any]:
        from marketplace.checkout.reconciling.ports.base import BalanceLine

        made = NOON - timedelta(days=1)
        for place, (category, source, amount_minor, fee_minor) in enumerate(_told()):
            yield BalanceLine(
                id=f"txn_{place}", kind=category, category=category, amount_minor=amount_minor, fee_minor=fee_minor,
                currency="USD", source=source, happened_at=made, available_at=made,
            )  # fmt: skip

    def balances(self) -> Mapping[str, Any]:
        from marketplace.checkout.reconciling.ports.base import Standing

        return {"USD": Standing(sum(amount - fee for _category, _source, amount, fee in _told()))}

    def accounts(self, references: list[str]) -> Iterator[Any]:
        return iter(())


def _told() -> Iterator[tuple[str, str, int, int]]:
    for n in range(1, CHARGES + 1):
        yield "charge", f"ch_{n}", 1000 + n + (n > CHARGES - DIFFERENT), 30 + n % 7
    for category, prefix, count, amount_minor in (
        ("refund", "re_", REFUNDS, -500),
        ("dispute", "du_", DISPUTES, -400),
        ("dispute_reversal", "du_", WON, 400),
        ("transfer_reversal", "trr_", REVERSED, 100),
        ("payout", "po_", PAYOUTS, -7_000),
        ("fee", "", FEES, -25),
        ("contribution", "con_", UNKNOWN, -11),
        ("charge", "ch_of_another_", ONLY_THEIRS, 1_234),
    ):
        for n in range(1, count + 1):
            yield category, f"{prefix}{n}" if prefix else "", amount_minor, 0
    for n in range(1, TRANSFERS + 1):
        yield "transfer", f"tr_{n}", -300 - n, 0


def _load() -> None:
    from uuid import UUID

    from django.db import connection

    from marketplace.payouts.operations import Sold, ensure_split, record_provider_fee, record_sales
    from marketplace.payouts.rules import Money

    alice, _ = market.people_and_studios(1, NOON)
    split = ensure_split(own={alice: 1_000_000_000}, parents=[], now=NOON)
    record_provider_fee(amount_minor=1, currency="USD", reference="opening", now=NOON)
    record_provider_fee(amount_minor=-1, currency="USD", reference="opening-back", now=NOON)
    sales, size = CHARGES + ONLY_OURS, 5_000
    for first in range(1, sales + 1, size):
        record_sales(
            sales=[
                Sold(f"order-line:{UUID(_md5(f'line {n}'))}", split, Money(1000 + n, "USD"), 0, 100)
                for n in range(first, min(first + size, sales + 1))
            ],
            now=NOON,
        )
    values = {
        "now": NOON, "refunds": REFUNDS, "disputes": DISPUTES, "won": WON, "transfers": TRANSFERS,
        "reversed": REVERSED,
    }  # fmt: skip
    market.unguarded()
    _paid(sales)
    with connection.cursor() as cursor:
        for sql in (_REFUNDS, _DISPUTES, _TRANSFERS, _MOVEMENTS, _MOVED):
            for statement in filter(str.strip, sql.split(";")):
                cursor.execute(statement, values)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def _paid(sales: int) -> None:
    """Adds an order with one line for each sale, and that it was paid, past what guards them."""
    from uuid import UUID, uuid4

    from marketplace.checkout.models import OrderLine, PaymentOutcome

    ids = [(n, UUID(_md5(f"line {n}")), UUID(_md5(f"order {n}"))) for n in range(1, sales + 1)]
    OrderLine.objects.bulk_create(
        [
            OrderLine(id=line, order_id=order, position=0, offer_id=uuid4(), price_minor=1000 + n, fee_minor=100)
            for n, line, order in ids
        ],
        batch_size=5_000,
    )
    PaymentOutcome.objects.bulk_create(
        [
            PaymentOutcome(order_id=order, outcome=PaymentOutcome.SUCCEEDED, reference=f"ch_{n}", at=NOON)
            for n, _line, order in ids
        ],
        batch_size=5_000,
    )


def _md5(text: str) -> str:
    import hashlib

    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _measured() -> dict[str, Any]:
    from marketplace.checkout.reconciling.equating import look
    from marketplace.checkout.reconciling.importing import import_lines
    from marketplace.checkout.reconciling.matching import match_lines

    _load()
    began, work = time.monotonic(), time.process_time()
    copied = import_lines(port=Told(), now=NOON)
    then = time.monotonic()
    matched = match_lines(gateway="told", now=NOON)
    ended, work = time.monotonic(), time.process_time() - work
    again = match_lines(gateway="told", now=NOON)
    looked = time.monotonic()
    found = look()
    left = [sum(one.state == "alone" for one in found.opened), sum(one.state == "differs" for one in found.opened)]
    if [copied, matched, again, len(found.ours) - 2, *left] != [
        len(list(_told())), copied - ONLY_THEIRS - DIFFERENT, 0, ONLY_OURS, ONLY_THEIRS, DIFFERENT,
    ]:  # fmt: skip
        raise SystemExit(f"The sets are not as they were made: {copied} {matched} {again} {len(found.ours)} {left}")
    return {
        "copied_s": then - began,
        "matched_s": ended - then,
        "client_s": work,
        "looked_s": time.monotonic() - looked,
        "lines": copied,
    }


def reconcile_100k() -> Iterator[Figure]:
    """Copies and matches a hundred thousand lines."""
    told = told_by("benchmarks.reconcile")
    against = (
        f"{told['lines']:,} lines copied in {told['copied_s']:.1f} s and matched in {told['matched_s']:.1f} s, of which"
        f" {told['client_s']:.1f} s in this process; the sets and the equation of them {told['looked_s']:.1f} s more"
    )
    yield Figure("reconcile-100k", told["copied_s"] + told["matched_s"], "s", against, GOAL_S)


FIGURES: Figures = {"reconcile-100k": reconcile_100k}

if __name__ == "__main__":
    with market.opened(Path(os.environ["WORLDLOOM_DATA"]), durable=True):
        print(json.dumps(_measured()))
