"""How long it takes to read balances when a million postings are behind them.

`python -m benchmarks.books_reading` measures in a database of its own and prints one line of JSON.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import licensing_market as market
from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures

POSTINGS = int(os.environ.get("WORLDLOOM_BENCH_POSTINGS", 1_000_000))
LEGS, BATCH, CREATORS, RUNS, READS = 4, 1_000, 300, 5, 400


def balance_read() -> Iterator[Figure]:
    """Reads a creator's balances, and all accounts of the house, after sales, runs, releases and payouts."""
    told = told_by("benchmarks.books_reading")
    after = f"{told['postings']:,} postings, {told['tail']:,} of them after the last checkpoint"
    behind = f"median of the quietest of 10 rounds of {READS // 10}, {after}"
    yield Figure("balance-read", told["creator_ms"], "ms", f"a creator's balances; {behind}", 1)
    house = f"the house's {told['accounts']} accounts together; {behind}; {told['summed_ms']:,.0f} ms by their postings"
    yield Figure("balance-read-house", told["house_ms"], "ms", house, 1)


def main() -> None:
    """This will book, allocate, release and pay, keep the sums, and read."""
    with market.opened(Path(os.environ["WORLDLOOM_DATA"])):
        creators = _history()
        print(json.dumps(_read(creators[7])))


def _history() -> list[Any]:
    from django.db import connection
    from django.utils import timezone

    from marketplace.payouts import operations
    from marketplace.payouts.operations import Sold, ensure_split
    from marketplace.payouts.rules import Money

    now = timezone.now()
    creators = _creators(now)
    splits = [
        ensure_split(own={one: 500_000_000, creators[place - 1]: 500_000_000}, parents=[], now=now)
        for place, one in enumerate(creators)
    ]
    batches = POSTINGS // LEGS // BATCH
    for batch in range(batches):
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        operations.record_sales(
            sales=[
                Sold(f"order-line:{n}", splits[n % CREATORS], Money(12_00 + n % 7, "USD"), 96, 1_20) for n in numbers
            ],
            now=now,
        )
        if batch % (batches // RUNS or 1) == 0:
            operations.allocate_royalties(now=now)
    operations.release_holds(now=now + timedelta(days=60))
    operations.settle(now=now + timedelta(days=60))
    for _time in range(3):
        operations.take_checkpoints(now=now)
    operations.record_sales(
        sales=[Sold(f"order-line:last-{n}", splits[n % CREATORS], Money(12_00, "USD"), 96, 1_20) for n in range(100)],
        now=now,
    )
    operations.allocate_royalties(now=now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return creators


def _creators(now: Any) -> list[Any]:
    from marketplace.people.models import Creator, Person

    people = [
        Person(email=f"maker{place}@example.com", password="!", display_name=f"Maker {place}", joined_at=now)
        for place in range(CREATORS)
    ]
    Person.objects.bulk_create(people)
    made = [
        Creator(person=person, handle=f"maker-{place}", display_name=person.display_name, created_at=now)
        for place, person in enumerate(people)
    ]
    return Creator.objects.bulk_create(made)


def _read(creator: Any) -> dict[str, float]:
    from django.db import connection

    from marketplace.payouts.queries import balances_of, check_books, house_sums

    told = {"creator_ms": _median(lambda: balances_of(creator)), "house_ms": _median(house_sums)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(*) FILTER (WHERE id > (SELECT max(through)"
                       " FROM payouts_summed_checkpoint)) FROM payouts_posting")  # fmt: skip
        told["postings"], told["tail"] = cursor.fetchone()
        began = time.perf_counter()
        cursor.execute("SELECT a.kind, a.detail, sum(p.amount_minor) FROM payouts_posting p JOIN payouts_account a"
                       " ON a.id = p.account_id WHERE a.owner_id IS NULL GROUP BY a.id")  # fmt: skip
        summed = {("USD", kind, detail): int(made) for kind, detail, made in cursor.fetchall()}
        told["summed_ms"] = (time.perf_counter() - began) * 1000
    told["accounts"] = len(summed)
    if house_sums() != summed:
        raise SystemExit(f"The sums that are kept are {house_sums()} and the postings make {summed}.")
    if problems := check_books():
        raise SystemExit("\n".join(problems[:5]))
    return told


def _median(read: Callable[[], Any]) -> float:
    """Gives the median of the quietest of ten rounds: what others do on the machine is not what a read costs."""
    rounds = []
    for _round in range(10):
        taken = []
        for _one in range(READS // 10):
            began = time.perf_counter()
            read()
            taken.append((time.perf_counter() - began) * 1000)
        rounds.append(median(taken))
    return min(rounds)


FIGURES: Figures = {"balance-read": balance_read}

if __name__ == "__main__":
    main()
