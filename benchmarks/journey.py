"""`python -m benchmarks.journey`: plays the demo's worlds into an empty data folder and counts the pages' queries."""

import contextlib
import json
import os
from pathlib import Path

from benchmarks.figure import Figures

FIGURES: Figures = {}  # `benchmarks.demo` runs this in a process of its own, because settings are read once


def main() -> None:
    """This will print the number of queries by page, as one line of JSON."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    os.environ["WORLDLOOM_PLAIN_STATIC"] = "1"
    from embedded.postgres import ensure_database, server

    data = Path(os.environ["WORLDLOOM_DATA"])
    with contextlib.ExitStack() as stack:
        ensure_database(stack.enter_context(server(data / "postgres", durable=False)), "worldloom")
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        stack.callback(connections.close_all)
        call_command("migrate", verbosity=0, interactive=False)
        _play(data)
        print(json.dumps(_count()))


def _play(data: Path) -> None:
    """Plays all but the anchoring, which no page asks about."""
    from demo.play import play
    from demo.worlds.write import write

    for step in play(drawn=lambda pack: write(data / "demo-worlds", [pack])[0].path):
        if "anchored" in step:
            break


def _count() -> dict[str, int]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from demo.play import CAST
    from marketplace.licensing.models import Offer
    from marketplace.people.models import Person

    carol = Client(SERVER_NAME="localhost")
    carol.force_login(Person.objects.get(email=next(role.email for role in CAST if role.studio)))
    offer = Offer.objects.filter(release__pack__handle="yunhai", terms__name="studio").get()
    counted = {}
    for page, path in {
        "browse": "/browse?q=云海",
        "pack": "/packs/alice/yunhai",
        "checkout": f"/checkout?offer={offer.pk}",
    }.items():
        with CaptureQueriesContext(connection) as queries:
            answer = carol.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answers {answer.status_code}.")
        counted[page] = len(queries)
    return counted


if __name__ == "__main__":
    main()
