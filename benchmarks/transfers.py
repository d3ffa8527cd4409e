"""What it costs to send ten thousand payouts over Stripe Connect, beside the bare calls that do as much.

`python -m benchmarks.transfers TRANSFERS` measures in a data folder of its own and prints one line of JSON. The
provider is the tests' fake, in a process of its own. What is counted is the processor time of this process and of its
database session: for ours from payouts that are reserved to transfers that are booked, all guards on.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import licensing_market as market
from benchmarks import settle
from benchmarks.apart import HOME, environment, remove_database
from benchmarks.figure import Figure, Figures

TRANSFERS, SALES_EACH, BARE = 10_000, 4, 500
GOAL = 2
PLENTY_MINOR = 10_000_000_000


def transfer_10k() -> Iterator[Figure]:
    """Sends ten thousand payouts, beside the calls of the provider's own client."""
    told = _told(TRANSFERS)
    against = (
        f"{told['bare_ms']:.2f} CPU ms of stripe-python's bare call; ours {told['ours_ms']:.2f} for each of"
        f" {told['transfers']:,}: {told['client_ms']:.2f} here and {told['session_ms']:.2f} in the database, from a"
        f" reserved payout to a booked transfer, with intents, attempts and answers kept; {told['checked_ms']:.2f} more"
        f" where the account's balance is asked for first; {os.cpu_count()} cores"
    )
    yield Figure("transfer-10k", told["ours_ms"] / told["bare_ms"], "× the bare call", against, GOAL)


def _told(transfers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="worldloom-bench-") as folder:
        try:
            words = [sys.executable, "-m", "benchmarks.transfers", str(transfers)]
            ended = subprocess.run(
                words, cwd=HOME, env=environment(folder), stdout=subprocess.PIPE, text=True, check=True
            )
        finally:
            remove_database(folder)
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


@contextmanager
def _provider(creators: int) -> Iterator[dict[str, Any]]:
    """Serves the fake in a process of its own; gives its address and its creators' accounts."""
    command = [sys.executable, "-m", "tests.stripe", "--creators", str(creators), "--balance", str(PLENTY_MINOR)]
    with subprocess.Popen(command, cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.communicate("")
    if process.returncode:
        sys.exit("The fake found something wrong.")


def _measured(transfers: int) -> dict[str, Any]:
    from django.conf import settings

    from marketplace.payouts import operations
    from marketplace.payouts.invariants_attempts import ATTEMPTS
    from marketplace.payouts.models import Payout, PayoutOutcome
    from marketplace.payouts.rows import rows_of

    settle._load(transfers * SALES_EACH)
    later = settle.NOON + timedelta(days=60)
    operations.allocate_royalties(now=settle.NOON)
    operations.release_holds(now=later)
    with _provider(transfers) as provider:
        settings.STRIPE = {**settings.STRIPE, "key": "sk_test_bench", "api": provider["url"]}
        settings.ADAPTERS = {
            **settings.ADAPTERS,
            "payouts": "marketplace.payouts.rails.stripe_connect.StripeConnectRail",
        }
        _reserve(provider["creators"], later)
        payouts = Payout.objects.count()
        meter = settle._Meter()
        bare = _bare(meter, provider["creators"][0])
        client_s, all_s = _both(meter, lambda: operations.settle(now=later))
        bare = (bare + _bare(meter, provider["creators"][0])) / 2
        checked_s = meter.seconds(lambda: _ask_balances(later))
        sent = PayoutOutcome.objects.filter(state="sent").count()
    if sent != payouts:
        sys.exit(f"{sent} of {payouts} payouts were sent.")
    if wrong := [sentence for sentence, sql in ATTEMPTS if rows_of(sql)]:
        sys.exit(f"The books are wrong: {wrong}")
    return {
        "transfers": sent,
        "bare_ms": bare * 1000,
        "ours_ms": all_s / sent * 1000,
        "client_ms": client_s / sent * 1000,
        "session_ms": (all_s - client_s) / sent * 1000,
        "checked_ms": checked_s / BARE * 1000,
    }


def _both(meter: Any, work: Callable[[], Any]) -> tuple[float, float]:
    """Does the work; gives its CPU seconds in this process, and with the database session's."""
    import time

    here = time.process_time()
    everything = meter.seconds(work)
    return time.process_time() - here, everything


def _reserve(accounts: list[str], now: Any) -> None:
    """Gives creators their accounts, of which all is known, and reserves a payout for each; nothing is sent."""
    from marketplace.payouts.bookkeeping import settlement
    from marketplace.payouts.connected.tables import ConnectedAccount, ConnectedAccountState, ConnectedBalance
    from marketplace.payouts.rails.configured import rails
    from marketplace.people.models import Creator

    pairs = zip(Creator.objects.order_by("pk"), accounts, strict=False)
    made = ConnectedAccount.objects.bulk_create(
        [ConnectedAccount(creator=one, number=1, reference=name, country="US", made_at=now) for one, name in pairs],
        batch_size=5_000,
    )
    ConnectedAccountState.objects.bulk_create(
        [ConnectedAccountState(account=one, submitted=True, transfers=True, payouts=True, at=now) for one in made],
        batch_size=5_000,
    )
    ConnectedBalance.objects.bulk_create(
        [ConnectedBalance(account=one, currency="USD", available_minor=0, pending_minor=0, at=now) for one in made],
        batch_size=5_000,
    )
    [(name, rail)] = rails().items()
    settlement._reserve_all(name=name, rail=rail, currency="USD", creator=None, refused_before=0, now=now)


def _bare(meter: Any, account: str) -> float:
    """Gives the CPU seconds of one bare call of stripe-python's client as it comes, which keeps its connection."""
    import stripe
    from django.conf import settings

    client = stripe.StripeClient(
        settings.STRIPE["key"], base_addresses={"api": settings.STRIPE["api"]}, max_network_retries=0
    )

    def work() -> None:
        for number in range(BARE):
            client.v1.transfers.create(
                {
                    "amount": 1_000 + number,
                    "currency": "usd",
                    "destination": account,
                    "transfer_group": f"bare:{number}",
                    "metadata": {"worldloom_key": f"bare:{number}"},
                }
            )

    work()  # once before, so that whatever is made on first use is made
    return float(meter.seconds(work)) / BARE


def _ask_balances(now: Any) -> None:
    from marketplace.payouts.connected.balances import ask_balances
    from marketplace.payouts.connected.tables import ConnectedAccount

    some = dict(ConnectedAccount.objects.values_list("pk", "reference")[:BARE])
    ask_balances(some, currency="USD", now=now)


FIGURES: Figures = {"transfer-10k": transfer_10k}

if __name__ == "__main__":
    with market.opened(Path(os.environ["WORLDLOOM_DATA"]), durable=True):
        print(json.dumps(_measured(int(sys.argv[1]))))
