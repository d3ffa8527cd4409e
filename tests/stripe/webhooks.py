"""Brings events to an endpoint as the test wishes: in order or not, once or more often, on time or a day late."""

import hmac
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from tests.stripe.server import FakeStripe
from tests.stripe.world import Row

SECRET = "whsec_fake"
Post = Callable[[bytes, str], int]


def signature(body: bytes, at: int, secret: str = SECRET) -> str:
    """Gives the `Stripe-Signature` header for a body sent at a time in Unix seconds."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={digest}"


def body_of(event: Row) -> bytes:
    """Gives an event as it is sent."""
    return json.dumps(event, indent=2).encode()


def to(url: str) -> Post:
    """Posts to an endpoint; gives its status, or 599 where nobody answers."""

    def post(body: bytes, header: str) -> int:
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": header}
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 599

    return post


@dataclass
class Pump:
    """Delivers the fake's events. An event that is not answered with 2xx stays, and is sent again by the next round.

    `clock` gives the time that is signed: the wall's by default, as the receiver compares with its own.
    """

    fake: FakeStripe
    post: Post
    secret: str = SECRET
    seed: int = 1
    clock: Callable[[], float] = time.time
    delivered: set[str] = field(default_factory=set)

    def waiting(self) -> list[Row]:
        """Gives what was not taken yet, in the order in which it happened."""
        return [event for event in list(self.fake.world.events) if event["id"] not in self.delivered]

    def deliver(
        self,
        *,
        shuffled: bool = False,
        copies: int = 1,
        late: int = 0,
        only: Callable[[Row], bool] = lambda event: True,
    ) -> list[tuple[str, int]]:
        """Sends what waits and is `late` seconds old by the fake's clock; gives each (type, status) as it was sent."""
        due = [event for event in self.waiting() if only(event) and event["created"] + late <= self.fake.world.now]
        due *= copies
        if shuffled:
            random.Random(self.seed).shuffle(due)
        sent = []
        for event in due:
            body = body_of(event)
            status = self.post(body, signature(body, int(self.clock()), self.secret))
            if 200 <= status < 300:
                self.delivered.add(event["id"])
            sent.append((event["type"], status))
        return sent
