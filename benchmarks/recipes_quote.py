"""How long a quote of a recipe of sixteen layers takes, in a catalog of thousands of packs.

`python -m benchmarks.recipes_quote` measures in a data folder of its own and prints one line of JSON.
"""

import gc
import json
import os
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import licensing_market as market
from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures

GOAL_MS = 50
PACKS, FILES, LAYERS = 2_500, 4, 16
STUDIOS, LICENSES = 200, 20_000
QUOTES, WARM = 400, 30


def recipe_quote() -> Iterator[Figure]:
    """Times text to kept quote, in-process: read, resolved, checked, priced, shared out and written."""
    told: dict[str, Any] = told_by("benchmarks.recipes_quote")
    against = (
        f"{LAYERS} layers of {PACKS:,} packs with {told['offers']:,} offers and {LICENSES:,} licenses, {QUOTES} quotes"
        f" of different packs (median {told['median_ms']:.1f}, worst {told['worst_ms']:.1f}, of it the check"
        f" {told['check_p99_ms']:.1f}; the program itself works {told['own_ms']:.1f}, p99"
        f" {told['own_p99_ms']:.1f}); {told['queries']} queries to"
        f" quote, {told['check_queries']} of them to check, {told['lines']:.1f} licenses missing; SELECT 1 p99"
        f" {told['select_p99_ms']:.2f}; {os.cpu_count()} cores"
    )
    yield Figure("recipe-quote", told["p99_ms"], "ms", against, GOAL_MS)


def _measure() -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from marketplace.checkout.recipe_quotes import quote_recipe
    from marketplace.compositions.checking import check_text
    from marketplace.people.models import Seat

    now, chance = timezone.now(), random.Random(7)
    made, studio, offers = _filled(now)
    person = Seat.objects.filter(studio=studio).select_related("person")[0].person
    use = _use()
    texts = [_text(chance, made) for _quote in range(QUOTES + WARM)]

    def quoted(text: str) -> Any:
        return quote_recipe(studio=studio, person=person, text=text, use=use, now=now + timedelta(seconds=1))

    def asked(text: str) -> Any:
        return check_text(text, use=use, studio=studio, now=now)

    # The rows that filled the catalog are this program's, not a server's: no collection should look at them again.
    gc.collect()
    gc.freeze()
    for text in texts[:WARM]:
        quoted(text)
        assert asked(text).allowed
    taken, worked, checks = [], [], []
    lines = 0
    for text in texts[WARM:]:
        began = time.process_time()
        spent, quote = _timed_ms(lambda text=text: quoted(text))
        worked.append((time.process_time() - began) * 1000)
        taken.append(spent)
        lines += quote.lines.count()
        checks.append(_timed_ms(lambda text=text: asked(text))[0])
    counted = []
    for verb in (quoted, asked):
        with CaptureQueriesContext(connection) as found:
            verb(texts[-1])
        counted.append(len(found))
    with connection.cursor() as cursor:
        plain = [_timed_ms(lambda: cursor.execute("SELECT 1"))[0] for _question in range(QUOTES)]
    return {
        "p99_ms": _p99(taken),
        "median_ms": median(taken),
        "worst_ms": max(taken),
        "own_ms": median(worked),
        "own_p99_ms": _p99(worked),
        "check_p99_ms": _p99(checks),
        "queries": counted[0],
        "check_queries": counted[1],
        "lines": lines / len(taken),
        "offers": offers,
        "select_p99_ms": _p99(plain),
    }


def _filled(now: Any) -> tuple[list[Any], Any, int]:
    """Fills the catalog: packs under four terms each, a sale on every third offer, tiers on every fifth."""
    from marketplace.licensing.models import OfferPrice
    from marketplace.licensing.terms.ready import READY

    alice, studios = market.people_and_studios(STUDIOS, now)
    made = market.releases(alice, PACKS, FILES, now)
    market.files_of(made, FILES, now)
    terms = [READY[name] for name in ("personal", "studio", "enterprise", "cc-by-4.0")]
    offered = market.offers(made, terms, 5_000, now)
    tier = {"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 2_000}
    OfferPrice.objects.bulk_create(
        OfferPrice(
            offer=offer,
            number=1,
            kind=OfferPrice.SALE if place % 3 == 0 else OfferPrice.REGULAR,
            price_minor=4_000 + place % 100,
            tiers=[tier] if place % 5 == 0 else [],
            starts_at=now,
            most_sales=100 if place % 3 == 0 else 0,
            salt=offer.salt,
            created_at=now,
        )
        for place, offer in enumerate(offered)
        if place % 3 == 0 or place % 5 == 0
    )
    market.unguarded(
        market._LICENSES, {"now": now, "licenses": LICENSES, "big": 0, "studios": STUDIOS, "offers": len(offered)}
    )
    market.unguarded("ANALYZE")
    return made, studios[1], len(offered)


def _use() -> Any:
    from marketplace.licensing.terms.model import Use, only

    return Use(
        commercial="limited",
        revenue_usd=500_000,
        derivatives="private",
        redistribution="in-product",
        territory=only("CN", "DE"),
        fields=only("film"),
        media=only("video"),
    )


def _text(chance: random.Random, made: list[Any]) -> str:
    """Writes a recipe of sixteen layers, of as many packs, with regions and weights; the last is its style."""
    drawn = chance.sample(made, LAYERS)
    lines = [
        f"| layer {place}: something to see, take {place} @alice/{release.pack.handle}*0.{place % 9 + 1}"
        f" [box 0,0,0.{place % 9 + 1},1]"
        for place, release in enumerate(drawn[:-1], 1)
    ]
    return "\n".join(["%seed=7", *lines, f"- style: ink wash @alice/{drawn[-1].pack.handle}:^1"]) + "\n"


def _p99(taken: list[float]) -> float:
    return sorted(taken)[len(taken) * 99 // 100]


def _timed_ms(verb: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    said = verb()
    return (time.perf_counter() - began) * 1000, said


FIGURES: Figures = {"recipe-quote": recipe_quote}

if __name__ == "__main__":
    with market.opened(Path(os.environ["WORLDLOOM_DATA"])):
        print(json.dumps(_measure()))
