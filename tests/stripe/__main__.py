"""Serves the fake alone, so that measuring a client does not measure it: prints its URL and its creators as JSON."""

import argparse
import json
import sys
import time

from tests.stripe import accounts
from tests.stripe.server import FakeStripe
from tests.stripe.world import PLATFORM, Call


def main() -> None:
    """Serves until standard input ends. Each creator is onboarded, and the platform has so many minor units of USD."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--creators", type=int, default=1)
    parser.add_argument("--balance", type=int, default=0, help="minor units of USD that are available at once")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with FakeStripe(int(time.time()), given.seed).serving() as fake:
        wanted = {"capabilities": {"transfers": {"requested": True}}}
        ids = [accounts.create_account(fake.world, Call(wanted, (), PLATFORM, {}))["id"] for _ in range(given.creators)]
        for each in ids:
            accounts.onboarded(fake.world, each)
        accounts.adjusted(fake.world, PLATFORM, given.balance)
        print(json.dumps({"url": fake.url, "creators": ids}), flush=True)
        sys.stdin.read()
        sys.exit("\n".join(fake.wrong + fake.books()) or 0)


if __name__ == "__main__":
    main()
