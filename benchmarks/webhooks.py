"""How many of the provider's events go through the inbox in a second, from the endpoint to their effect.

`python -m benchmarks.webhooks` measures in a data folder of its own and prints one line of JSON.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks import licensing_market as market
from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures

PAYMENTS, EVENTS, OBJECTS, COPIES = 1_000, 3_000, 2_000, 2
GOAL = 300
SECRET = "whsec_bench"
HOME = Path(__file__).resolve().parents[1]


def webhook_rate() -> Iterator[Figure]:
    """Delivers events of a thousand payments twice each, shuffled, to the endpoint while a worker takes them in."""
    told: dict[str, Any] = told_by("benchmarks.webhooks")
    against = (
        f"{EVENTS:,} events of {OBJECTS:,} objects, each delivered {COPIES} times and shuffled to the web application"
        f" while a worker fetched each object from a provider in a process of its own: {told['seconds']:.2f} s until"
        f" each effect was written once; CPU of web {told['web_cpu_s']:.1f} s and worker {told['worker_cpu_s']:.1f} s,"
        f" {os.cpu_count()} cores"
    )
    yield Figure("webhook-rate", told["rate"], "events/s", against, GOAL, at_least=True)


@contextmanager
def _provider() -> Iterator[str]:
    """Serves the fake in a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.stripe", "--creators", "0"]
    with subprocess.Popen(command, cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.communicate("")
    if process.returncode:
        sys.exit("The provider says that something was wrong.")


def _measured() -> dict[str, Any]:
    from django.conf import settings
    from django.db import connection, connections

    with _provider() as url:
        settings.STRIPE = {"key": "sk_test_bench", "api": url, "webhook_secrets": (SECRET,), "timeout_seconds": 20}
        bodies = _events()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE effect (object_id text NOT NULL, events int NOT NULL)")
        connections.close_all()
        began, spent = time.perf_counter(), sum(os.times()[:2])
        if not (web := os.fork()):
            os._exit(_deliver(bodies))
        handled = _take_in(until=lambda: os.waitpid(web, os.WNOHANG))
        ended = time.perf_counter()
        _check(handled)
    used = [sum(os.times()[:2]) - spent, sum(os.times()[2:4])]
    return {"seconds": ended - began, "rate": EVENTS / (ended - began), "worker_cpu_s": used[0], "web_cpu_s": used[1]}


def _deliver(bodies: list[tuple[bytes, str]]) -> int:
    """Is the web process: calls the application as a server does; gives 0 where all was taken."""
    from django.db import connection

    from marketplace.wsgi import application

    # A connection is kept from one request to the next, as WORLDLOOM_DATABASE_POOL does on a server.
    connection.settings_dict["CONN_MAX_AGE"] = None
    answered: Counter[str] = Counter()
    for body, header in bodies:
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/webhooks/stripe", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)), "HTTP_STRIPE_SIGNATURE": header, "HTTP_HOST": "127.0.0.1",
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "wsgi.input": BytesIO(body), "wsgi.url_scheme": "http",
            "SCRIPT_NAME": "", "QUERY_STRING": "",
        }  # fmt: skip
        application(environ, lambda status, _headers: answered.update([status])).close()
    return int(answered != {"200 OK": len(bodies)})


def _events() -> list[tuple[bytes, str]]:
    """Lets buyers pay, and gives each event as it is delivered, signed, in several copies and any order."""
    from marketplace.provider.client import client
    from tests.stripe.webhooks import body_of, signature

    for number in range(PAYMENTS):
        client().v1.payment_intents.create(
            {"amount": 100 + number, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
        )
    bodies = [body_of(event.to_dict()) for event in client().v1.events.list({"limit": 100}).auto_paging_iter()]
    if len(bodies) != EVENTS:
        sys.exit(f"There are {len(bodies)} events.")
    bodies *= COPIES
    random.Random(7).shuffle(bodies)
    now = int(time.time())
    return [(body, signature(body, now, SECRET)) for body in bodies]


def _take_in(*, until: Callable[[], tuple[int, int]]) -> int:
    """Is the worker: takes in what comes until all was delivered and nothing waits; gives how many events it were."""
    from marketplace.provider import inbox
    from marketplace.provider.client import client
    from marketplace.provider.inbox import About

    def fetch(about: About) -> Any:
        services = {"payment_intent": client().v1.payment_intents, "charge": client().v1.charges}
        return services[about.kind].retrieve(about.object_id)

    def apply(found: Any, about: About, *, now: datetime) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO effect (object_id, events) VALUES (%s, %s)", [found.id, len(about.types)])

    handled, over = 0, False
    with inbox.only({"payment_intent.": (fetch, apply), "charge.": (fetch, apply)}):
        while True:
            count = inbox.handle_events(now=datetime.now(UTC))
            handled += count
            if over and not count:
                return handled
            if not over and (ended := until())[0]:
                over = True
                if ended[1]:
                    sys.exit("Not every delivery was taken.")
            elif not count:
                time.sleep(0.05)


def _check(handled: int) -> None:
    """Compares what was done with what happened: each object at least once, each event in one effect alone."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT object_id), sum(events) FROM effect")
        if (*cursor.fetchone(), handled) != (OBJECTS, EVENTS, EVENTS):
            sys.exit("Effects are missing, or were written twice.")
        cursor.execute("SELECT count(*) FROM provider_providereventwaiting")
        if cursor.fetchone() != (0,):
            sys.exit("Events still wait.")


FIGURES: Figures = {"webhook-rate": webhook_rate}

if __name__ == "__main__":
    with market.opened(Path(os.environ["WORLDLOOM_DATA"]), durable=True):
        print(json.dumps(_measured()))
