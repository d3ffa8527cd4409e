"""What a posting costs beside django-hordak's, how batches help, and what four writers do to each other.

`python -m benchmarks.books_posting` measures in a database of its own and prints one line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import licensing_market as market
from benchmarks.apart import told_by
from benchmarks.books_cpu import backend_seconds
from benchmarks.figure import Figure, Figures

ROUNDS, POSTINGS = 7, int(os.environ.get("WORLDLOOM_BENCH_ROUND", 300))
BATCH = 1_000
WRITER_SALES = 5 * POSTINGS

_told: dict[str, Any] = {}


def _once() -> dict[str, Any]:
    """Measures all of it at the first question: the figures of this module come from one run."""
    if not _told:
        _told.update(told_by("benchmarks.books_posting"))
    return _told


def sale_posting() -> Iterator[Figure]:
    """One posting of five legs with four balances kept, and one sale whole, beside hordak's bulk_create of its legs."""
    told = _once()
    rounds = f"{ROUNDS} interleaved rounds of {POSTINGS} on one server, client and server CPU, hordak keeps no balance"
    against = "django-hordak 2.0.0 bulk_create of {} legs at {:.2f} ms, ours {:.2f} ms: " + rounds
    five, sale = told["five"], told["sale"]
    yield Figure("sale-posting", five["ours"] / five["theirs"], "of its CPU",
                 against.format("the same 5", five["theirs"] * 1000, five["ours"] * 1000), 0.5)  # fmt: skip
    with_row = against + "; ours books the sale, its queue and its digest as well"
    yield Figure("sale-posting-whole", sale["ours"] / sale["theirs"], "of its CPU",
                 with_row.format("the same 4", sale["theirs"] * 1000, sale["ours"] * 1000), 0.75)  # fmt: skip


def sale_batch() -> Iterator[Figure]:
    """A thousand sales in one statement beside the same one at a time, wall and CPU."""
    told = _once()["batch"]
    against = (
        f"one at a time at {1 / told['single_wall']:,.0f}/s, a batch of {BATCH:,} at {1 / told['batch_wall']:,.0f}/s,"
        f" wall, on a disk that is waited for; CPU {told['single_cpu'] / told['batch_cpu']:.1f} ×"
    )
    yield Figure("sale-batch", told["single_wall"] / told["batch_wall"], "×", against, 15, at_least=True)


def hot_accounts() -> Iterator[Figure]:
    """Four processes that book sales of one currency, beside one that does: both through the same three accounts."""
    told = _once()["hot"]
    against = (
        f"one writer at {told['one']:,.0f} sales/s, four at {told['four']:,.0f}/s together, every sale on the same"
        f" clearing, fee and unallocated accounts; {os.cpu_count()} cores with the server on them"
    )
    yield Figure("hot-accounts", told["four"] / told["one"], "×", against, 1.0, at_least=True)


def main() -> None:
    """This will bring up a server that waits for its disk, measure, check the books, and print."""
    with market.opened(Path(os.environ["WORLDLOOM_DATA"]), durable=True):
        stage = _stage()
        told = {"five": {}, "sale": {}}
        with _hordak() as theirs:
            _interleaved(told["five"], lambda: _five(stage), lambda: theirs(5))
            _interleaved(told["sale"], lambda: _sales(stage), lambda: theirs(4))
        told["batch"] = _batches(stage)
        told["hot"] = _hot(stage)
        _check()
    print(json.dumps(told))


class _Stage:
    """Alice and three others, a split of hers, and the server process that works for this one."""

    def __init__(self) -> None:
        from django.db import connection
        from django.utils import timezone

        from marketplace.payouts.operations import ensure_split
        from marketplace.people import operations as people

        self.now = timezone.now()
        self.creators = []
        for name in ("alice", "bob", "mo", "hu"):
            person = people.sign_up(
                email=f"{name}@example.com", password="ink on wet paper", display_name=name, now=self.now
            )
            self.creators.append(people.become_creator(person=person, handle=name, now=self.now))
        self.split = ensure_split(own={self.creators[0]: 1_000_000_000}, parents=[], now=self.now)
        self.number = 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [self.pid] = cursor.fetchone()

    def sold(self) -> dict[str, Any]:
        from marketplace.payouts.rules import Money

        self.number += 1
        gross = 12_00 + self.number % 7
        return {"source": f"order-line:{os.getpid()}-{self.number}", "split": self.split, "gross": Money(gross, "USD"),
                "tax_minor": 96, "fee_minor": 1_20}  # fmt: skip

    def cpu(self) -> float:
        return time.process_time() + backend_seconds(self.pid)


def _stage() -> _Stage:
    return _Stage()


def _hordak() -> Any:
    """Starts hordak beside us, in a database of its own on the same server."""
    import contextlib

    from embedded.postgres import Server, ensure_database

    @contextlib.contextmanager
    def beside() -> Iterator[Callable[[int], float]]:
        from django.db import connection

        at = connection.settings_dict
        server = Server(Path(at["HOST"]), int(at["PORT"] or 5432), at["USER"])
        ensure_database(server, "hordak")
        command = [sys.executable, "-m", "benchmarks.books_hordak", server.url("hordak")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"

            def post(legs: int) -> float:
                print(legs, POSTINGS, file=child.stdin, flush=True)
                return float(child.stdout.readline()) / POSTINGS

            yield post
            child.stdin.close()

    return beside()


def _interleaved(told: dict[str, float], ours: Callable[[], float], theirs: Callable[[], float]) -> None:
    ours(), theirs()  # both warm
    pairs = [(ours(), theirs()) for _round in range(ROUNDS)]
    told["ours"], told["theirs"] = median(mine for mine, _ in pairs), median(other for _, other in pairs)


def _five(stage: _Stage) -> float:
    """Posts what is unallocated to four creators: five legs, four balances kept."""
    from marketplace.payouts.bookkeeping.books import credit, debit, post
    from marketplace.payouts.models import AccountKind, TransactionKind

    began = stage.cpu()
    for _one in range(POSTINGS):
        stage.number += 1
        parts = [100 + stage.number % 7, 30, 30, 30]
        post(
            kind=TransactionKind.ROYALTY_RUN,
            source=f"bench:{stage.number}",
            idem_key=f"bench:{stage.number}",
            currency="EUR",
            legs=[
                debit(AccountKind.ROYALTY_UNALLOCATED, sum(parts)),
                *(
                    credit(AccountKind.CREATOR_PENDING, part, creator.pk)
                    for part, creator in zip(parts, stage.creators, strict=True)
                ),
            ],
            now=stage.now,
        )
    return (stage.cpu() - began) / POSTINGS


def _sales(stage: _Stage) -> float:
    from marketplace.payouts.operations import record_sale

    began = stage.cpu()
    for _one in range(POSTINGS):
        record_sale(**stage.sold(), now=stage.now)
    return (stage.cpu() - began) / POSTINGS


def _batches(stage: _Stage) -> dict[str, float]:
    from marketplace.payouts.operations import Sold, record_sale, record_sales

    walls: dict[str, list[float]] = {"single": [], "batch": []}
    cpus: dict[str, list[float]] = {"single": [], "batch": []}
    for _round in range(5):
        for name, count in (("single", POSTINGS), ("batch", BATCH)):
            sold = [stage.sold() for _one in range(count)]
            began, cpu = time.perf_counter(), stage.cpu()
            if name == "batch":
                record_sales(sales=[Sold(**one) for one in sold], now=stage.now)
            else:
                for one in sold:
                    record_sale(**one, now=stage.now)
            walls[name].append((time.perf_counter() - began) / count)
            cpus[name].append((stage.cpu() - cpu) / count)
    told = {f"{name}_wall": median(taken) for name, taken in walls.items()}
    return told | {f"{name}_cpu": median(taken) for name, taken in cpus.items()}


def _write(split: str) -> float:
    """In a process of its own: books sales until it has booked enough, and says how long that took."""
    from django.db import connection

    connection.close()
    from marketplace.payouts.models import Split

    class Writer(_Stage):
        def __init__(self) -> None:
            from django.utils import timezone

            self.now, self.number, self.split = timezone.now(), 0, Split.objects.get(pk=split)

    from marketplace.payouts.operations import record_sale

    writer = Writer()
    record_sale(**writer.sold(), now=writer.now)
    began = time.perf_counter()
    for _one in range(WRITER_SALES):
        record_sale(**writer.sold(), now=writer.now)
    return time.perf_counter() - began


def _hot(stage: _Stage) -> dict[str, float]:
    """Lets one writer and four take turns, so that both meet the same disk."""
    from django.db import connection

    connection.close()
    rates: dict[int, list[float]] = {1: [], 4: []}
    for _round in range(3):
        for writers in (1, 4):
            with ProcessPoolExecutor(writers, mp_context=get_context("fork")) as pool:
                began = time.perf_counter()
                list(pool.map(_write, [stage.split.pk] * writers))
                rates[writers].append(writers * WRITER_SALES / (time.perf_counter() - began))
    return {"one": median(rates[1]), "four": median(rates[4])}


def _check() -> None:
    """Ends the benchmark unless the sums of the house's accounts and of the postings say the same."""
    from marketplace.payouts.queries import trial_balance

    for currency in ("USD", "EUR"):
        rows = [row for row in trial_balance() if row.currency == currency]
        if not rows or sum(row.debit_minor - row.credit_minor for row in rows):
            raise SystemExit(f"The books of {currency} do not balance: {rows}")


FIGURES: Figures = {"sale-posting": sale_posting, "sale-batch": sale_batch, "hot-accounts": hot_accounts}

if __name__ == "__main__":
    main()
