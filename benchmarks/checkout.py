"""How long an order from three sellers takes, from the ask to three licenses and three sales, through the sandbox.

`python -m benchmarks.checkout` measures in the data folder that WORLDLOOM_DATA names and prints one line of JSON.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures

ORDERS, WARM = 200, 20
SELLERS = ("alice", "bob", "hu")
GOAL_MS, GOAL_QUERIES = 300, 90
CARD = "4242 4242 4242 4242"


def checkout() -> Iterator[Figure]:
    """Buys one license of each of three sellers in one order, again and again, and counts what the database is asked.

    The sandbox is a gateway of a few tables in the same database: what it writes is part of the time.
    """
    told = told_by("benchmarks.checkout")
    against = (
        f"{ORDERS} orders of three sellers, one by one: p50 {told['p50_ms']:.1f} ms, worst {told['worst_ms']:.1f}"
        f" ms; every sixth waits for its buyer at the bank; SELECT 1 p99 {told['select_p99_ms']:.2f} ms;"
        f" {os.cpu_count()} cores"
    )
    yield Figure("checkout-p99", told["p99_ms"], "ms", against, GOAL_MS)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(told["kinds"].items(), key=lambda one: -one[1]))
    yield Figure("checkout-queries", told["queries"], "queries an order", kinds, GOAL_QUERIES)


def _measured() -> dict[str, Any]:
    from django.db import connection
    from django.utils import timezone

    import ledger.operations
    from benchmarks import licensing_market as market
    from marketplace.licensing.models import Grant
    from marketplace.licensing.terms.ready import READY
    from marketplace.payouts.models import Sale
    from marketplace.payouts.queries import check_books

    now = timezone.now()
    alice, studios = market.people_and_studios(ORDERS + WARM, now)
    offers = []
    for place, seller in enumerate(SELLERS):
        creator = alice if seller == "alice" else _creator(seller, now)
        made = market.releases(creator, 1, place + 1, now)
        terms = READY[("personal", "studio", "cc-by-4.0")[place]]
        offers += market.offers(made, [terms], 5_000 + place, now)
    ledger.operations.register_keys(now=now)
    taken, asked = [], Counter[str]()
    for number, studio in enumerate(studios):
        counted: Counter[str] = Counter()

        def count(execute: Any, sql: str, *more: Any, counted: Counter[str] = counted) -> Any:
            counted[sql.split(" ", 1)[0].lower()] += 1
            return execute(sql, *more)

        with connection.execute_wrapper(count):
            spent = _bought(studio, offers, number, now)
        if number >= WARM:
            taken.append(spent)
        asked = counted if number % 6 else asked
    assert Grant.objects.count() == Sale.objects.count() == 3 * len(studios)
    assert check_books() == []
    with connection.cursor() as cursor:
        plain = [_timed(lambda: cursor.execute("SELECT 1")) for _question in range(1_000)]
    return {
        "p50_ms": median(taken),
        "p99_ms": _p99(taken),
        "worst_ms": max(taken),
        "queries": sum(asked.values()),
        "kinds": asked,
        "select_p99_ms": _p99(plain),
    }


def _bought(studio: Any, offers: list[Any], number: int, now: Any) -> float:
    """Buys, and tells in how many milliseconds of ours; each sixth buyer answers the bank in between."""
    from marketplace.checkout import operations
    from marketplace.checkout.gateways.sandbox import answer_bank
    from marketplace.checkout.models import SandboxCharge

    asks = number % 6 == 0
    order: Any = None
    person = studio.seats.get().person

    def buy() -> None:
        nonlocal order
        order = operations.buy(
            studio=studio,
            buyer=person,
            offers=offers,
            method="4000 0025 0000 3155" if asks else CARD,
            idempotency_key=f"order-{number}",
            now=now,
        )

    spent = _timed(buy)
    if asks:
        charge = SandboxCharge.objects.get(key=f"order:{order.pk}:1")
        answer_bank(reference=charge.reference, agreed=True, now=now)
        spent += _timed(lambda: operations.pay(order=order, now=now))
    return spent


def _creator(name: str, now: Any) -> Any:
    from marketplace.people import operations as people

    person = people.sign_up(
        email=f"{name}@example.com", password="ink on wet paper", display_name=name.title(), now=now
    )
    return people.become_creator(person=person, handle=name, now=now)


def _timed(verb: Any) -> float:
    began = time.perf_counter()
    verb()
    return (time.perf_counter() - began) * 1000


def _p99(taken: list[float]) -> float:
    return sorted(taken)[len(taken) * 99 // 100]


FIGURES: Figures = {"checkout-p99": checkout}

if __name__ == "__main__":
    from benchmarks import licensing_market

    with licensing_market.opened(Path(os.environ["WORLDLOOM_DATA"])):
        print(json.dumps(_measured()))
