"""The inbox: what the provider tells is kept once, and taken in once, whatever the order and however often it comes."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from marketplace.people.models import Person
from marketplace.provider import inbox
from marketplace.provider.client import ProviderUnavailable, client
from marketplace.provider.inbox import About, UnableToReceiveEvent, handle_events, on, only, receive, try_again
from marketplace.provider.models import (
    ProviderEvent,
    ProviderEventHandled,
    ProviderEventTrouble,
    ProviderEventWaiting,
)
from tests.provider.conftest import NOW, Moving
from tests.stripe.conftest import charged
from tests.stripe.server import FakeStripe
from tests.stripe.webhooks import SECRET, Pump, body_of, signature
from tests.stripe.world import DAY

pytestmark = pytest.mark.usefixtures("committed")
KINDS = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


class Books:
    """A handler that fetches, counts what it applies, and signs a person up for each object: that is its effect."""

    def __init__(self) -> None:
        self.fetched: list[About] = []
        self.applied: list[tuple[str, str]] = []
        self.fails: Counter[str] = Counter()
        self.away = 0

    def fetch(self, about: About) -> Any:
        self.fetched.append(about)
        if self.away:
            self.away -= 1
            raise ProviderUnavailable("away")
        service = {"payment_intent": client().v1.payment_intents, "charge": client().v1.charges}[about.kind]
        found = service.retrieve(about.object_id)
        return None if found.metadata and found.metadata.to_dict().get("site") == "another" else found

    def apply(self, found: Any, about: About, *, now: datetime) -> None:
        Person.objects.create(email=f"{uuid4()}@example.com", display_name=found.status, joined_at=now)
        if self.fails[about.kind]:
            self.fails[about.kind] -= 1
            raise RuntimeError("the books disagree")
        self.applied.append((about.kind, found.status))


@pytest.fixture
def books() -> Iterator[Books]:
    heard = Books()
    pair = (heard.fetch, heard.apply)
    with only({"payment_intent.": pair, "charge.": pair}):
        yield heard


@pytest.fixture
def pump(fake: FakeStripe, moving: Moving) -> Pump:
    def post(body: bytes, header: str) -> int:
        receive(body, header, moving.now)
        return 200

    return Pump(fake, post, clock=lambda: moving.now.timestamp())


def results() -> dict[str, str]:
    return dict(ProviderEventHandled.objects.order_by("event").values_list("event__type", "result"))


def test_an_event_is_kept_once_and_nothing_of_its_body(fake: FakeStripe, moving: Moving, pump: Pump) -> None:
    charged(fake.client())
    assert pump.deliver(copies=3) == [(kind, 200) for kind in KINDS * 3]

    rows = list(ProviderEvent.objects.values_list("type", "object_kind", "account", "created_at"))
    assert [row[0] for row in rows] == KINDS
    assert rows[1] == ("charge.succeeded", "charge", "", datetime.fromtimestamp(NOW, UTC))
    assert ProviderEventWaiting.objects.count() == 3


def test_all_events_of_an_object_are_taken_in_together_and_once(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books
) -> None:
    charged(fake.client())
    pump.deliver(shuffled=True, copies=2)

    assert handle_events(now=moving.now) == 3
    assert handle_events(now=moving.now) == 0

    assert sorted(books.applied) == [("charge", "succeeded"), ("payment_intent", "succeeded")]
    [intent] = [about for about in books.fetched if about.kind == "payment_intent"]
    assert intent.types == {"payment_intent.created", "payment_intent.succeeded"}
    assert (intent.account, intent.created_at) == ("", datetime.fromtimestamp(NOW, UTC))
    assert results() == dict.fromkeys(sorted(KINDS), "applied")
    assert (Person.objects.count(), ProviderEventWaiting.objects.count()) == (2, 0)


def test_a_day_late_is_early_enough(fake: FakeStripe, moving: Moving, pump: Pump, books: Books) -> None:
    charged(fake.client())
    assert pump.deliver(late=DAY) == []
    moving.forward(days=1)
    pump.deliver(late=DAY, shuffled=True)
    assert handle_events(now=moving.now) == 3


def test_what_nobody_listens_to_and_what_is_another_sites_is_marked_so(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books
) -> None:
    charged(fake.client(), metadata={"site": "another"})
    fake.client().v1.customers.create({"name": "Carol"})
    pump.deliver()

    assert handle_events(now=moving.now) == 4

    assert results() == {
        "payment_intent.created": "not-ours",
        "charge.succeeded": "not-ours",
        "payment_intent.succeeded": "not-ours",
        "customer.created": "nothing",
    }
    assert (Person.objects.count(), len(books.fetched)) == (0, 2)


def test_one_that_fails_holds_up_nobody_and_is_tried_again_later(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books
) -> None:
    charged(fake.client())
    pump.deliver()
    books.fails["charge"] = 2

    assert handle_events(now=moving.now) == 2
    assert (Person.objects.count(), books.applied) == (1, [("payment_intent", "succeeded")])
    assert handle_events(now=moving.forward(seconds=4)) == 0
    assert handle_events(now=moving.forward(seconds=1)) == 0
    assert handle_events(now=moving.forward(seconds=9)) == 0
    assert handle_events(now=moving.forward(seconds=1)) == 1

    waits = [row.again_at - row.at for row in ProviderEventTrouble.objects.all() if row.again_at]
    assert waits == [timedelta(seconds=5), timedelta(seconds=10)]
    assert ProviderEventTrouble.objects.first().reason == "RuntimeError: the books disagree"
    assert Person.objects.count() == 2


def test_after_twenty_failures_it_is_dead_until_an_operator_wants_it_tried(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books
) -> None:
    charged(fake.client())
    pump.deliver()
    books.fails["charge"] = 20
    for _ in range(25):
        handle_events(now=moving.forward(hours=1))
    assert ProviderEventTrouble.objects.filter(kind="failed").count() == 20
    assert ProviderEventTrouble.objects.last().again_at is None
    assert ProviderEventWaiting.objects.get().due_at is None

    assert try_again(now=moving.now) == 1

    assert handle_events(now=moving.now) == 1
    assert try_again(now=moving.now) == 0


def test_a_provider_that_is_away_kills_nothing(fake: FakeStripe, moving: Moving, pump: Pump, books: Books) -> None:
    charged(fake.client())
    pump.deliver(only=lambda event: event["type"] == "charge.succeeded")
    books.away = 30
    for _ in range(30):
        assert handle_events(now=moving.forward(minutes=5)) == 0
    assert set(ProviderEventTrouble.objects.values_list("kind", flat=True)) == {"away"}
    assert handle_events(now=moving.forward(minutes=5)) == 1


def test_when_nobody_answers_the_rest_is_left_alone(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "THREADS", 1)
    for _ in range(5):
        charged(fake.client())
    pump.deliver()
    books.away = 5
    assert handle_events(now=moving.now) == 0
    assert (len(books.fetched), ProviderEventTrouble.objects.values("event__object_id").distinct().count()) == (5, 5)
    assert handle_events(now=moving.forward(minutes=5)) == 15


def test_a_new_event_gives_a_dead_one_another_chance(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books
) -> None:
    charge = charged(fake.client())
    pump.deliver()
    books.fails["charge"] = 20
    for _ in range(25):
        handle_events(now=moving.forward(hours=1))
    fake.client().v1.refunds.create({"charge": charge})
    pump.deliver()

    handle_events(now=moving.now)

    assert ProviderEventWaiting.objects.count() == 0


def test_workers_share_the_work_and_do_it_once(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books, at_once: Any
) -> None:
    for _ in range(10):
        charged(fake.client())
    pump.deliver(shuffled=True, copies=2)

    said = at_once(*[lambda: handle_events(now=moving.now)] * 3)
    said.append(handle_events(now=moving.now))

    assert sum(said) == 30
    assert len(books.applied) == Person.objects.count() == 20


def test_a_worker_that_dies_between_effect_and_commit_has_done_neither(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books
) -> None:
    class Killed(BaseException):
        pass

    charged(fake.client())
    pump.deliver()

    def die(found: Any, about: About, *, now: datetime) -> None:
        books.apply(found, about, now=now)
        raise Killed

    with only({"charge.": (books.fetch, die)}), pytest.raises(Killed):
        handle_events(now=moving.now)
    assert (Person.objects.count(), ProviderEventHandled.objects.filter(event__type="charge.succeeded").count()) == (
        0,
        0,
    )
    books.applied.clear()

    assert handle_events(now=moving.now) == 1
    assert Person.objects.count() == 1


def test_an_effect_of_its_own_transactions_comes_before_the_mark(
    fake: FakeStripe, moving: Moving, pump: Pump, books: Books
) -> None:
    charged(fake.client())
    pump.deliver()
    open_transactions: list[bool] = []

    def apply(found: Any, about: About, *, now: datetime) -> None:
        open_transactions.append(connection.in_atomic_block)
        if len(open_transactions) == 1:
            raise RuntimeError("once")

    with only({}):
        on("charge.", fetch=books.fetch, apply=apply, atomic=False)
        handle_events(now=moving.now)
        assert "charge.succeeded" not in results()
        assert handle_events(now=moving.forward(seconds=5)) == 1
    assert open_transactions == [False, False]


def test_the_longest_prefix_counts_and_a_prefix_is_one_handlers(books: Books) -> None:
    pair: Any = {"fetch": books.fetch, "apply": books.apply}
    on("charge.", **pair)
    with pytest.raises(ValueError, match="charge"):
        on("charge.", fetch=books.fetch, apply=books.fetch)
    on("charge.dispute.", fetch=books.apply, apply=books.fetch)
    assert inbox._handler_of("charge.dispute.created") != inbox._handler_of("charge.succeeded")
    assert inbox._handler_of("chargeable") is None


# -- who may deliver ---------------------------------------------------------------------------------------------------


@pytest.fixture
def said(fake: FakeStripe, moving: Moving) -> SimpleNamespace:
    charged(fake.client())
    return SimpleNamespace(body=body_of(fake.world.events[0]), now=int(moving.now.timestamp()))


def test_what_is_not_the_providers_or_not_of_now_is_refused(moving: Moving, said: SimpleNamespace) -> None:
    body, now = said.body, said.now
    other = signature(body, now, "whsec_other")
    for wrong in (
        "", "nonsense", "t=,v1=", "t=x,v1=y", f"t={now}", f"t={now},v0={other.split('v1=')[1]}", other,
        signature(body + b" ", now), signature(body, now - 301), signature(body, now + 301),
        signature(body, now + 10 * DAY), signature(body, now, ""),
        signature(body, now) + f",t={now}", signature(body, now).replace("t=", "t=0x"),
    ):  # fmt: skip
        with pytest.raises(UnableToReceiveEvent):
            receive(body, wrong, moving.now)
    assert ProviderEvent.objects.count() == 0

    for at in (now - 300, now + 300):
        receive(body, signature(body, at), moving.now)
    assert ProviderEvent.objects.count() == 1


def test_while_one_secret_replaces_another_both_count(moving: Moving, said: SimpleNamespace, settings: Any) -> None:
    settings.STRIPE = {**settings.STRIPE, "webhook_secrets": ("whsec_new", "", SECRET)}
    both = f"{signature(said.body, said.now, 'whsec_gone')},v1={signature(said.body, said.now).split('v1=')[1]}"
    assert receive(said.body, both, moving.now)
    assert not receive(said.body, signature(said.body, said.now, "whsec_new"), moving.now)
    with pytest.raises(UnableToReceiveEvent):
        receive(said.body, signature(said.body, said.now, ""), moving.now)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"7", b"{}", b'{"object":"event"}', b"\xff", b"[" * 90_000,
        b'{"object":"v2.core.event","id":"evt_1","type":"x","created":1}',
        b'{"object":"event","id":7,"type":"x","created":1,"data":{"object":{"object":"charge"}}}',
        b'{"object":"event","id":"evt_1","type":"x","created":"1","data":{"object":{"object":"charge"}}}',
        b'{"object":"event","id":"evt_1","type":"x","created":99999999999,"data":{"object":{"object":"charge"}}}',
        b'{"object":"event","id":"evt_\\u0000","type":"x","created":1,"data":{"object":{"object":"charge"}}}',
        b'{"object":"event","id":"evt_1","type":"x","created":1,"data":{"object":[]}}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_not_kept(fake: FakeStripe, moving: Moving, body: bytes) -> None:
    with pytest.raises(UnableToReceiveEvent):
        receive(body, signature(body, int(moving.now.timestamp())), moving.now)
    assert ProviderEvent.objects.count() == 0


def test_events_of_the_other_mode_are_not_kept(moving: Moving, said: SimpleNamespace, settings: Any) -> None:
    live = json.dumps({**json.loads(said.body), "livemode": True}).encode()
    assert not receive(live, signature(live, said.now), moving.now)
    settings.STRIPE = {**settings.STRIPE, "key": "rk_live_fake"}
    assert not receive(said.body, signature(said.body, said.now), moving.now)
    assert ProviderEvent.objects.count() == 0
    assert receive(live, signature(live, said.now), moving.now)


def test_the_endpoint(fake: FakeStripe, settings: Any, moving: Moving) -> None:
    charged(fake.client())
    anyone = Client(enforce_csrf_checks=True)

    def post(body: bytes, header: str) -> int:
        headers = {"Stripe-Signature": header}
        return anyone.post("/webhooks/stripe", body, content_type="application/json", headers=headers).status_code

    pump = Pump(fake, post)
    assert pump.deliver(copies=2) == [(kind, 200) for kind in KINDS * 2]
    assert post(b"{}", "t=1,v1=x") == 400
    assert post(b" " * (256 * 1024 + 1), "t=1,v1=x") == 400
    assert anyone.get("/webhooks/stripe").status_code == 405
    assert ProviderEvent.objects.count() == 3

    settings.STRIPE = {**settings.STRIPE, "webhook_secrets": ()}
    assert post(body_of(fake.world.events[0]), "t=1,v1=x") == 404
