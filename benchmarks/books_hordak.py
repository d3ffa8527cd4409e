"""django-hordak on the same work as ours: `python -m benchmarks.books_hordak URL`, told over pipes what to post.

Its own process and database, with nothing of ours installed, so that neither slows the other. Each line of input is
`LEGS COUNT`; each line of output is the CPU seconds that so many transactions took, client and server together.
"""

import sys
import time
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from benchmarks.books_cpu import backend_seconds
from benchmarks.figure import Figures

FIGURES: Figures = {}


def main(url: str) -> None:
    """This will create hordak's tables and then post what it is told to."""
    _set_up(url)
    from django.db import connection
    from hordak.models import Account

    names = ["clearing", "tax", "fee", "royalties", "rest"]
    accounts = [Account.objects.create(name=name, type="AS", currencies=["USD"]) for name in names]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    print("ready", flush=True)
    for line in sys.stdin:
        legs, count = (int(word) for word in line.split())
        began = time.process_time(), backend_seconds(pid)
        for number in range(count):
            _post(accounts[:legs], number)
        print(time.process_time() - began[0] + backend_seconds(pid) - began[1], flush=True)


def _post(accounts: list[Any], number: int) -> None:
    """Posts one debit and credits that sum to it, with the bulk insert that is its fastest way."""
    from django.db import transaction
    from hordak.models import Leg, Transaction
    from moneyed import Money

    parts = [100 + number % 7, *([30] * (len(accounts) - 2))]
    with transaction.atomic():
        made = Transaction.objects.create(description=f"order-line:{number}")
        legs = [Leg(transaction=made, account=accounts[0], debit=Money(sum(parts), "USD"))]
        legs += [
            Leg(transaction=made, account=account, credit=Money(part, "USD"))
            for account, part in zip(accounts[1:], parts, strict=True)
        ]
        Leg.objects.bulk_create(legs)


def _set_up(url: str) -> None:
    from django.conf import settings

    at = urlsplit(url)
    host = parse_qs(at.query).get("host", [unquote(at.hostname or "")])[0]
    port = parse_qs(at.query).get("port", [at.port or ""])[0]
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": at.path.lstrip("/"),
        "USER": unquote(at.username or ""),
        "HOST": host,
        "PORT": str(port),
    }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        CURRENCIES=("USD",),
        DEFAULT_CURRENCY="USD",
        HORDAK_INTERNAL_CURRENCY="USD",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


if __name__ == "__main__":
    main(sys.argv[1])
