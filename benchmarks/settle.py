"""How much work a settlement is, beside the plain SQL that does the same sums and keeps no promise.

`python -m benchmarks.settle SALES` measures in a data folder of its own and prints one line of JSON. The sales are
loaded past the guards of the database; they are allocated, released, reserved and sent with all guards on. What is
counted is the processor time of this process and of its database session, in which nothing runs in parallel; memory is
the most that both had, without the buffers that all sessions share.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import licensing_market as market
from benchmarks.apart import HOME, environment, remove_database
from benchmarks.figure import Figure, Figures

CREATORS, WORKS = 10_000, 20_000
ROW_BY_ROW = 2_000
"""Of how many sales, allocated one by one, the time for all is reckoned."""
SENT = 500
"""How many payouts are sent, to be told what one costs."""
MILLION = 1_000_000
GOAL, MEMORY_GOAL_MB, ROW_BY_ROW_GOAL, LINEAR_GOAL = 4, 300, 400, 1.15
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

# A work has one to five payees, three on average, whose shares are as 1, 2, 3 and so on.
_SHARES = """
INSERT INTO payouts_split_share (split_id, payee_id, share_ppb)
SELECT encode(sha256(convert_to('work ' || w, 'UTF8')), 'hex'), c.id,
       1000000000::bigint * k / total + CASE WHEN k = 1 THEN 1000000000 - whole ELSE 0 END
  FROM (SELECT w, k, many, sum(1000000000::bigint * k / (many * (many + 1) / 2)) OVER (PARTITION BY w)::bigint AS whole,
               many * (many + 1) / 2 AS total
          FROM (SELECT w, 1 + w %% 5 AS many FROM generate_series(0, %(works)s - 1) w) w, generate_series(1, many) k) p
  JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM people_creator) c
    ON c.place = (w * 7919::bigint + k * 1237) %% %(creators)s
"""
_SPLITS = """
INSERT INTO payouts_split (digest, created_at)
SELECT encode(sha256(convert_to('work ' || w, 'UTF8')), 'hex'), %(now)s FROM generate_series(0, %(works)s - 1) w
"""
# Ids in the order of time, as sales have them; amounts of 1.00 to 100.00, hardly two of a work alike.
_SALES = """
INSERT INTO payouts_sale (id, source, split_id, subject, currency, gross_minor, tax_minor, fee_minor, net_minor,
                          tax_of, paid_from, sold_at, transaction_id)
SELECT (lpad(to_hex(1764000000000 + n / 10), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid,
       'order-line:' || n, encode(sha256(convert_to('work ' || (n * 7919::bigint %% %(works)s), 'UTF8')), 'hex'),
       'release:' || n * 7919::bigint %% %(works)s, 'USD', gross, gross / 11, gross / 10,
       gross - gross / 11 - gross / 10, '', 'psp_clearing', %(now)s, md5('t' || n)::uuid
  FROM generate_series(%(first)s, %(last)s) n, md5(n::text) h,
       LATERAL (SELECT 100 + n * 104729::bigint %% 9901) g (gross)
"""
_QUEUE = """
INSERT INTO payouts_awaiting_allocation (sale_id, currency, net_minor) SELECT id, currency, net_minor FROM payouts_sale
"""

# The floor: the same lines in a table without an index, a constraint or a trigger; one transaction with an entry a
# payee and three of the house; balances moved once; a payout with two entries for each creator.
_FLOOR = """
CREATE SCHEMA floor;
CREATE TABLE floor.txn (id bigint, kind int, idem_key text);
CREATE TABLE floor.entry (txn_id bigint, account_id bigint, amount bigint);
CREATE TABLE floor.balance AS
    SELECT row_number() OVER (ORDER BY id) + 10 AS account_id, id AS payee_id, 0::bigint AS balance FROM people_creator;
ALTER TABLE floor.balance ADD PRIMARY KEY (account_id);
ANALYZE floor.balance
"""
_LINES = {
    "largest": """
CREATE TABLE floor.line AS
SELECT sale_id, payee_id, q + (place <= rest)::int AS amount
  FROM (SELECT s.id AS sale_id, h.payee_id, s.net_minor * h.share_ppb / 1000000000 AS q,
               row_number() OVER (PARTITION BY s.id ORDER BY s.net_minor * h.share_ppb % 1000000000 DESC, h.payee_id)
                   AS place,
               s.net_minor - sum(s.net_minor * h.share_ppb / 1000000000) OVER (PARTITION BY s.id)::bigint AS rest
          FROM payouts_sale s JOIN payouts_split_share h USING (split_id)) z
""",
    "cumulative": """
CREATE TABLE floor.line AS
SELECT s.id AS sale_id, h.payee_id,
       s.net_minor * h.upto / 1000000000 - s.net_minor * (h.upto - h.share_ppb) / 1000000000 AS amount
  FROM payouts_sale s
  JOIN (SELECT split_id, payee_id, share_ppb,
               sum(share_ppb) OVER (PARTITION BY split_id ORDER BY payee_id)::bigint AS upto
          FROM payouts_split_share) h USING (split_id)
""",
}
_REST = [
    "INSERT INTO floor.txn VALUES (1, 2, 'run')",
    """
INSERT INTO floor.entry
SELECT 1, b.account_id, -l.amount
  FROM (SELECT payee_id, sum(amount) AS amount FROM floor.line GROUP BY payee_id) l
  JOIN floor.balance b USING (payee_id)
 UNION ALL SELECT 1, 1, sum(gross_minor) FROM payouts_sale UNION ALL SELECT 1, 2, -sum(tax_minor) FROM payouts_sale
 UNION ALL SELECT 1, 3, -sum(fee_minor) FROM payouts_sale
""",
    "UPDATE floor.balance b SET balance = b.balance - e.amount FROM floor.entry e WHERE e.account_id = b.account_id",
    "INSERT INTO floor.txn SELECT 1000 + account_id, 3, 'payout:' || account_id FROM floor.balance WHERE balance > 0",
    "INSERT INTO floor.entry SELECT 1000 + account_id, account_id, balance FROM floor.balance WHERE balance > 0"
    " UNION ALL SELECT 1000 + account_id, 4, -balance FROM floor.balance WHERE balance > 0",
]


def settle_1m() -> Iterator[Figure]:
    """Settles a million sales, beside the floor, the memory that it took, and the same row by row."""
    told = _told(MILLION)
    against = (
        f"{told['floor_s']:.1f} CPU s of plain SQL that writes the same lines without index and guards"
        f" ({told['times_cumulative']:.1f}× one that rounds cumulatively, {told['cumulative_s']:.1f} s);"
        f" {told['lines']:,} lines, {told['creators']:,} creators: allocated in {told['allocated_s']:.1f}, released in"
        f" {told['released_s']:.1f}, reserved in {told['reserved_s']:.1f}; sending one through the recorded rail"
        f" is {told['sent_ms']:.1f} ms apart; {told['wal_mb']:.0f} MB of log; {os.cpu_count()} cores"
    )
    yield Figure("settle-1m", told["times"], "× the floor", against, GOAL)
    against = f"{told['client_mb']:.0f} MB of the process and {told['session_mb']:.0f} MB of its database session"
    yield Figure("settle-1m-memory", told["client_mb"] + told["session_mb"], "MB", against, MEMORY_GOAL_MB)
    against = f"a statement a table and sale through Django, {ROW_BY_ROW:,} sales reckoned up"
    yield Figure("settle-1m-rows", told["row_by_row_times"], "× less work", against, ROW_BY_ROW_GOAL, at_least=True)


def settle_10m() -> Iterator[Figure]:
    """Settles ten million sales, beside ten times the work of one million."""
    one, ten = _told(MILLION, alone=True), _told(10 * MILLION, alone=True)
    against = (
        f"{one['settled_s']:.1f} CPU s for a million, {ten['settled_s']:.1f} for ten in {ten['runs']} runs;"
        f" {ten['client_mb'] + ten['session_mb']:.0f} MB of memory, with a million"
        f" {one['client_mb'] + one['session_mb']:.0f}; {ten['disk_gb']:.0f} GB of disk; {os.cpu_count()} cores"
    )
    # Ten times the sales sit in indexes that are one level deeper, and no longer fit the database's buffers.
    yield Figure("settle-10m", ten["settled_s"] / one["settled_s"] / 10, "× a sale's work", against, LINEAR_GOAL)


def _told(sales: int, *, alone: bool = False) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        try:
            words = [sys.executable, "-m", "benchmarks.settle", str(sales), *(["alone"] if alone else [])]
            ended = subprocess.run(
                words, cwd=HOME, env=environment(folder), stdout=subprocess.PIPE, text=True, check=True
            )
        finally:
            remove_database(folder)
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


class _Meter:
    """Reads how much this process and its database session have worked, and the most memory they had."""

    def __init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        """Begins a session of its own, whose memory is its own."""
        from django.db import connection

        connection.close()
        connection.ensure_connection()
        self.session = connection.connection.info.backend_pid
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")

    def seconds(self, work: Callable[[], Any]) -> float:
        """Does the work and gives its CPU seconds, here and in the session."""
        began, here = self._session_seconds(), time.process_time()
        work()
        return self._session_seconds() - began + time.process_time() - here

    def megabytes(self) -> tuple[float, float]:
        """Gives the most memory of this process and of the session, without shared buffers."""
        here, there = self._status("self"), self._status(self.session)
        return here["VmHWM"] / 1024, (there["VmHWM"] - there["RssShmem"]) / 1024

    def _session_seconds(self) -> float:
        return int(Path(f"/proc/{self.session}/schedstat").read_text().split()[0]) / 1e9

    @staticmethod
    def _status(process: int | str) -> dict[str, int]:
        lines = (line.split() for line in Path(f"/proc/{process}/status").read_text().splitlines())
        return {words[0][:-1]: int(words[1]) for words in lines if len(words) == 3 and words[2] == "kB"}


def _measured(sales: int, *, alone: bool) -> dict[str, Any]:
    from django.db import connection

    from marketplace.payouts.models import RoyaltyLine

    _load(sales)
    meter, told = _Meter(), {}
    if not alone:
        told |= _floors(meter)
        told["row_by_row_s"] = _row_by_row(meter) * sales / ROW_BY_ROW
        meter.connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn()")
        log = cursor.fetchone()[0]
        told |= _settle(meter)
        cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::bigint, pg_database_size(current_database())",
                       [log])  # fmt: skip
        written, size = cursor.fetchone()
    told |= {"wal_mb": written / 1e6, "disk_gb": size / 1e9, "lines": RoyaltyLine.objects.count()}
    told["settled_s"] = told["allocated_s"] + told["released_s"] + told["reserved_s"]
    if not alone:
        told["times"] = told["settled_s"] / told["floor_s"]
        told["times_cumulative"] = told["settled_s"] / told["cumulative_s"]
        told["row_by_row_times"] = told["row_by_row_s"] / told["settled_s"]
    _check(sales)
    return told


def _settle(meter: _Meter) -> dict[str, Any]:
    """Allocates, releases, reserves and sends, each counted for itself."""
    from marketplace.payouts import operations
    from marketplace.payouts.models import Payout

    later, runs = NOON + timedelta(days=60), []
    told: dict[str, Any] = {"allocated_s": meter.seconds(lambda: runs.extend(operations.allocate_royalties(now=NOON)))}
    _look()
    told["released_s"] = meter.seconds(lambda: operations.release_holds(now=later))
    _look()
    told["client_mb"], told["session_mb"] = meter.megabytes()
    told["runs"] = len(runs)

    def settle(answers: int) -> None:
        PausingRail.left = answers
        with contextlib.suppress(operations.UnableToSettle):
            operations.settle(now=later)

    with _over(PausingRail):
        told["reserved_s"] = meter.seconds(lambda: settle(0))
        told["creators"] = Payout.objects.count()
        here, there = meter.megabytes()
        told["client_mb"], told["session_mb"] = max(here, told["client_mb"]), max(there, told["session_mb"])
        told["sent_ms"] = (meter.seconds(lambda: settle(SENT)) - meter.seconds(lambda: settle(0))) / SENT * 1000
    return told


def _look() -> None:
    """Lets the database look at its tables, which by itself it does within minutes; hold periods last for days."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


class PausingRail:
    """The recorded rail, which answers as many times as it is told to: then a settlement stops."""

    left = 0

    def __init__(self) -> None:
        from marketplace.payouts.rails.recorded import RecordedRail

        self.recorded = RecordedRail()
        self.funds = self.recorded.funds

    def send(self, *, key: str, creator_id: Any, amount: Any) -> Any:
        from marketplace.payouts.rails.base import RailUnavailable

        if not PausingRail.left:
            raise RailUnavailable(key, "it pauses")
        PausingRail.left -= 1
        return self.recorded.send(key=key, creator_id=creator_id, amount=amount)


@contextlib.contextmanager
def _over(rail: type) -> Iterator[None]:
    """Settles over another rail, in this process, which is `__main__` to itself."""
    from django.conf import settings

    before = settings.ADAPTERS
    settings.ADAPTERS = {**before, "payouts": f"{rail.__module__}.{rail.__qualname__}"}
    try:
        yield
    finally:
        settings.ADAPTERS = before


def _floors(meter: _Meter) -> dict[str, float]:
    """Does the floor's work in both ways, each from nothing, and leaves nothing of it."""
    from django.db import connection, transaction

    told = {}
    with connection.cursor() as cursor:
        for name, lines in sorted(_LINES.items()):
            cursor.execute(_FLOOR)

            def work(lines: str = lines) -> None:
                with transaction.atomic():
                    cursor.execute("SET LOCAL work_mem = '64MB'")  # as runs have
                    for sql in (lines, *_REST):
                        cursor.execute(sql)

            told["floor_s" if name == "largest" else "cumulative_s"] = meter.seconds(work)
            cursor.execute("DROP SCHEMA floor CASCADE")
    return told


def _row_by_row(meter: _Meter) -> float:
    """Allocates some sales one by one, as one does with an ORM, all guards on; nothing of it is kept."""
    from django.db import transaction

    from marketplace.payouts.models import Sale

    with transaction.atomic():
        sales = list(Sale.objects.order_by("pk")[:ROW_BY_ROW])
        seconds = meter.seconds(lambda: [_allocate(sale) for sale in sales])
        transaction.set_rollback(True)
    return seconds


def _allocate(sale: Any) -> None:
    from marketplace.payouts.bookkeeping.books import credit, debit, post
    from marketplace.payouts.models import AccountKind, RoyaltyLine, RoyaltyRun, SplitShare, TransactionKind
    from marketplace.payouts.rules import allocate

    shares = dict(SplitShare.objects.filter(split_id=sale.split_id).values_list("payee_id", "share_ppb"))
    parts = [(payee, part) for payee, part in allocate(sale.net_minor, list(shares.items())) if part]
    legs = [credit(AccountKind.CREATOR_PENDING, part, payee) for payee, part in parts]
    posted = post(
        kind=TransactionKind.ROYALTY_RUN,
        source=f"row:{sale.pk}",
        idem_key=f"row:{sale.pk}",
        currency=sale.currency,
        legs=[debit(AccountKind.ROYALTY_UNALLOCATED, sale.net_minor), *legs],
        now=NOON,
    )
    run = RoyaltyRun.objects.create(currency=sale.currency, ran_at=NOON, available_at=NOON, transaction_id=posted)
    RoyaltyLine.objects.bulk_create(
        RoyaltyLine(run=run, sale=sale, payee_id=payee, share_ppb=shares[payee], amount_minor=part)
        for payee, part in parts
    )


def _check(sales: int) -> None:
    """Compares, over all of it, nets with lines and lines with payouts."""
    from django.db.models import Sum

    from marketplace.payouts.models import AwaitingAllocation, Payout, RoyaltyLine, Sale

    def total(model: Any, field: str) -> int:
        return int(model.objects.aggregate(all=Sum(field))["all"])

    net = total(Sale, "net_minor")
    if (
        [total(RoyaltyLine, "amount_minor"), total(Payout, "amount_minor")] != [net, net]
        or Sale.objects.count() != sales
        or RoyaltyLine.objects.values("sale").distinct().count() != sales
        or AwaitingAllocation.objects.exists()
    ):
        sys.exit("What was settled does not add up to what was sold.")


def _load(sales: int) -> None:
    """Fills an empty database: creators, works with their splits, and sales that wait for their allocation."""
    from django.db import connection

    from marketplace.people.models import Creator, Person

    people = [
        Person(email=f"maker{n}@example.com", password="!", display_name=f"Maker {n}", joined_at=NOON)
        for n in range(CREATORS)
    ]
    Person.objects.bulk_create(people, batch_size=5_000)
    Creator.objects.bulk_create(
        [
            Creator(person=one, handle=f"maker{n}", display_name=f"Maker {n}", created_at=NOON)
            for n, one in enumerate(people)
        ],
        batch_size=5_000,
    )
    values = {"now": NOON, "creators": CREATORS, "works": WORKS}
    for sql in (_SPLITS, _SHARES):
        market.unguarded(sql, values)
    for first in range(1, sales + 1, MILLION):
        market.unguarded(_SALES, {**values, "first": first, "last": min(first + MILLION - 1, sales)})
    market.unguarded(_QUEUE)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


FIGURES: Figures = {"settle-1m": settle_1m, "settle-10m": settle_10m}

if __name__ == "__main__":
    with market.opened(Path(os.environ["WORLDLOOM_DATA"]), durable=True):
        print(json.dumps(_measured(int(sys.argv[1]), alone="alone" in sys.argv[2:])))
