"""Events are signed as Stripe signs them, and come in order or not, once or more often, on time or late."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import stripe

from tests.stripe.conftest import NOW, charged
from tests.stripe.server import FakeStripe
from tests.stripe.webhooks import SECRET, Pump, body_of, signature, to
from tests.stripe.world import DAY

KINDS = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


class Inbox:
    """An endpoint that takes what is signed, and can be told to fail."""

    def __init__(self) -> None:
        self.taken: list[stripe.Event] = []
        self.fails = 0

    def post(self, body: bytes, header: str) -> int:
        event = stripe.Webhook.construct_event(body, header, SECRET)
        if self.fails:
            self.fails -= 1
            return 500
        self.taken.append(event)
        return 200


@contextmanager
def listening(inbox: Inbox) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(inbox.post(body, self.headers["Stripe-Signature"]))
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/stripe"
        server.shutdown()


def test_events_come_signed_and_in_order(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charge, inbox = charged(client), Inbox()
    with listening(inbox) as url:
        pump = Pump(fake, to(url))
        assert pump.deliver() == [(kind, 200) for kind in KINDS]
        assert pump.deliver() == []

    event = inbox.taken[1]
    assert (event.type, event.data.object["id"], event.api_version) == (KINDS[1], charge, stripe.api_version)
    assert event.request.id == "req_00000001"
    assert client.v1.events.retrieve(event.id).type == "charge.succeeded"
    assert [row.type for row in client.v1.events.list({"types": KINDS[1:]})] == KINDS[:0:-1]


def test_events_come_shuffled_twice_and_a_day_late(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charged(client)
    inbox = Inbox()
    pump = Pump(fake, inbox.post, seed=3)
    assert pump.deliver(late=DAY) == []
    fake.advance(DAY)

    sent = [kind for kind, _ in pump.deliver(late=DAY, shuffled=True, copies=2)]

    assert (sorted(sent), len({event.id for event in inbox.taken})) == (sorted(KINDS * 2), 3)
    assert sent != KINDS * 2


def test_what_was_not_taken_comes_again(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charged(client)
    inbox = Inbox()
    inbox.fails = 2
    pump = Pump(fake, inbox.post)

    assert [status for _, status in pump.deliver()] == [500, 500, 200]
    assert [kind for kind, _ in pump.deliver(only=lambda event: event["type"] == KINDS[0])] == KINDS[:1]
    assert [event["type"] for event in pump.waiting()] == [KINDS[1]]
    assert Pump(fake, to("http://127.0.0.1:1/nobody")).deliver()[0][1] == 599


def test_what_stripe_python_refuses_and_what_it_lets_through(fake: FakeStripe, client: stripe.StripeClient) -> None:
    charged(client)
    body = body_of(fake.world.events[0])
    now = int(Pump(fake, to("")).clock())
    for wrong in (
        signature(body, now, "whsec_other"),
        signature(body + b" ", now),
        signature(body, now - 301),
        f"t={now}",
    ):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, wrong, SECRET)

    rotated = f"{signature(body, now, 'whsec_old')},v1={signature(body, now).split('v1=')[1]}"
    assert stripe.Webhook.construct_event(body, rotated, SECRET).created == NOW
    # Stripe's library takes a time to come for good: our endpoint must refuse it itself.
    assert stripe.Webhook.construct_event(body, signature(body, now + 10 * DAY), SECRET).created == NOW
