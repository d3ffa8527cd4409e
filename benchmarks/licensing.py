"""How long "may I?" takes with a million licenses, and how a swarm of buyers fares with one exclusive offer.

`python -m benchmarks.licensing may-i|exclusive-race` measures in a data folder of its own and prints one line of JSON.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import licensing_market as market
from benchmarks.apart import environment, remove_database
from benchmarks.figure import Figure, Figures

HOME = Path(__file__).resolve().parent.parent
MAY_I_GOAL_MS = 5
QUESTIONS = 5_000
BUYERS = 20
ROUNDS = int(os.environ.get("WORLDLOOM_BENCH_ROUNDS", 1_000))
ALONE = 100


def may_i() -> Iterator[Figure]:
    """Times the question in-process, of licensed and other files and releases, by people, for a studio each."""
    told = _measured("may-i")
    against = (
        f"{market.LICENSES:,} licenses of {market.STUDIOS:,} studios, {QUESTIONS:,} questions (median"
        f" {told['median_ms']:.2f}, worst {told['worst_ms']:.2f}; yes {told['yes']}); a studio with"
        f" {market.BIG_STUDIO_LICENSES:,} licenses p99 {told['big_p99_ms']:.2f}; SELECT 1 p99"
        f" {told['select_p99_ms']:.2f}; {os.cpu_count()} cores"
    )
    yield Figure("may-i", told["p99_ms"], "ms", against, MAY_I_GOAL_MS)


def exclusive_race() -> Iterator[Figure]:
    """Lets 20 studios buy one exclusive offer at once, each on a connection of its own, again and again."""
    told = _measured("exclusive-race")
    alone = told["alone_ms"]
    yield Figure(
        "exclusive-race",
        told["right"],
        f"rounds of {ROUNDS}",
        f"exactly one license, one charge and {BUYERS - 1} refusals in each of {ROUNDS} rounds of {BUYERS} buyers",
        ROUNDS,
        at_least=True,
    )
    # Twenty buyers share the machine: as long as one after the other would take is what can be asked of a race.
    yield Figure(
        "exclusive-race-ms",
        told["won_ms"],
        "ms a purchase",
        f"{alone:.1f} ms alone ({told['won_ms'] / alone:.1f}×); the last of {BUYERS} knows after"
        f" {told['round_ms']:.1f} ms; {os.cpu_count()} cores, one process",
        BUYERS * alone,
    )


def _measured(name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "benchmarks.licensing", name],
                cwd=HOME,
                env=environment(folder),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            remove_database(folder)
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


def _p99(taken: list[float]) -> float:
    return sorted(taken)[len(taken) * 99 // 100]


def _timed_ms(verb: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    said = verb()
    return (time.perf_counter() - began) * 1000, said


# --- may I? ----------------------------------------------------------------------------------------------
def _ask_all() -> dict[str, Any]:
    from django.db import connection
    from django.utils import timezone

    from marketplace.licensing.permits import may
    from marketplace.licensing.terms.ready import READY

    now, chance = timezone.now(), random.Random(5)
    alice, studios = market.people_and_studios(market.STUDIOS, now)
    made = market.releases(alice, market.RELEASES, market.FILES, now)
    market.files_of(made, market.FILES, now)
    terms = [READY[name] for name in ("personal", "studio", "enterprise", "cc-by-4.0")]
    offered = market.offers(made, terms, 5_000, now)
    market.licenses(market.LICENSES, len(offered), now)

    def asked(studio: Any) -> Callable[[], Any]:
        digest, use = _question(chance, studio, made)
        person = studio.owner if chance.random() < 0.5 else None
        return lambda: may(digest=digest, use=use, studio=studio, person=person, now=now)

    from marketplace.people.models import Seat

    owners = {seat.studio_id: seat.person for seat in Seat.objects.select_related("person")}
    for studio in studios:
        studio.owner = owners[studio.pk]
    for _warm in range(300):
        asked(chance.choice(studios))()
    answers = [_timed_ms(asked(chance.choice(studios[1:]))) for _question in range(QUESTIONS)]
    big = [_timed_ms(asked(studios[0]))[0] for _question in range(QUESTIONS // 10)]
    with connection.cursor() as cursor:
        plain = [_timed_ms(lambda: cursor.execute("SELECT 1"))[0] for _question in range(QUESTIONS)]
    taken = [one for one, _said in answers]
    return {
        "p99_ms": _p99(taken),
        "median_ms": median(taken),
        "worst_ms": max(taken),
        "yes": sum(said.allowed for _one, said in answers),
        "big_p99_ms": _p99(big),
        "select_p99_ms": _p99(plain),
    }


def _question(chance: random.Random, studio: Any, made: list[Any]) -> tuple[str, Any]:
    """Draws what is asked: in half of the questions something that the studio holds, mostly one of its files."""
    from marketplace.licensing.models import Grant
    from marketplace.licensing.terms.model import EVERYTHING, Use, only

    use = Use(
        commercial=chance.choice(["none", "personal", "limited"]),
        revenue_usd=500_000,
        derivatives="private",
        territory=chance.choice([EVERYTHING, only("CN", "DE")]),
        fields=only(chance.choice(["film", "game", "advertising"])),
        media=only("video", "still-image"),
    )
    release = chance.choice(made)
    if chance.random() < 0.5:
        held = Grant.objects.filter(studio=studio).values_list("release_id", flat=True)[:50]
        by_id = _by_id(made)
        release = by_id[chance.choice(list(held))]
    files = [one["sha256"] for one in json.loads(release.manifest)["assets"]]
    return chance.choice([release.digest, *files[:5], "0" * 64]), use


_RELEASES: dict[Any, Any] = {}


def _by_id(made: list[Any]) -> dict[Any, Any]:
    if not _RELEASES:
        _RELEASES.update({release.pk: release for release in made})
    return _RELEASES


# --- the race --------------------------------------------------------------------------------------------
def _race_all() -> dict[str, Any]:
    from django.utils import timezone

    import ledger.operations
    from marketplace.licensing.models import Grant
    from marketplace.licensing.terms.ready import READY

    now = timezone.now()
    alice, studios = market.people_and_studios(BUYERS, now)
    made = market.releases(alice, ROUNDS + ALONE, 1, now)
    offered = market.offers(made, [READY["exclusive"]], 5_000, now)
    ledger.operations.register_keys(now=now)
    buyers = [(studio, studio.seats.get().person) for studio in studios]
    alone = [_timed_ms(_buying(offer, *buyers[0], now))[0] for offer in offered[ROUNDS:]]
    races = [_race(offer, buyers, now) for offer in offered[:ROUNDS]]
    assert Grant.objects.count() == ALONE + sum(race["licenses"] for race in races)
    return {
        "right": sum(race["is_right"] for race in races),
        "won_ms": median(race["won_ms"] for race in races),
        "round_ms": median(race["round_ms"] for race in races),
        "alone_ms": median(alone),
    }


def _buying(offer: Any, studio: Any, person: Any, now: Any) -> Callable[[], Any]:
    from marketplace.checkout.operations import buy

    key = f"race:{offer.pk}:{studio.pk}"
    return lambda: buy(
        studio=studio, buyer=person, offers=[offer], method="4242 4242 4242 4242", idempotency_key=key, now=now
    )


def _race(offer: Any, buyers: list[Any], now: Any) -> dict[str, Any]:
    """Starts all at one gate; who is refused must be refused with that very error, and nothing charged."""
    from threading import Barrier, Thread

    from django.db import connection

    from marketplace.checkout.models import Order, SandboxCharge
    from marketplace.licensing.exclusivity import UnableToGrantExclusively
    from marketplace.licensing.models import Grant

    gate, said, charged = Barrier(len(buyers)), [None] * len(buyers), SandboxCharge.objects.count()
    taken = [0.0] * len(buyers)

    def one(place: int) -> None:
        verb = _buying(offer, *buyers[place], now)
        connection.ensure_connection()
        gate.wait()
        began = time.perf_counter()
        try:
            said[place] = verb()
        except Exception as error:
            said[place] = error  # type: ignore[call-overload]
        finally:
            taken[place] = (time.perf_counter() - began) * 1000
            connection.close()

    threads = [Thread(target=one, args=(place,)) for place in range(len(buyers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [place for place, what in enumerate(said) if isinstance(what, Order)]
    refused = sum(isinstance(what, UnableToGrantExclusively) for what in said)
    licenses = Grant.objects.filter(offer=offer).count()
    charges = SandboxCharge.objects.count() - charged
    is_right = (len(won), refused, licenses, charges) == (1, len(buyers) - 1, 1, 1)
    if not is_right:
        print([repr(what)[:300] for what in said], licenses, charges, file=sys.stderr)
    return {
        "licenses": licenses,
        "is_right": is_right,
        "won_ms": min((taken[place] for place in won), default=0.0),
        "round_ms": max(taken),
    }


FIGURES: Figures = {"may-i": may_i, "exclusive-race": exclusive_race}

if __name__ == "__main__":
    with market.opened(Path(os.environ["WORLDLOOM_DATA"])):
        print(json.dumps({"may-i": _ask_all, "exclusive-race": _race_all}[sys.argv[1]]()))
