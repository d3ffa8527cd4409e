"""What operators see and do, and what the database refuses to everybody."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from marketplace.provider.calls import perform
from marketplace.provider.client import ProviderRefused, ProviderUnavailable
from marketplace.provider.inbox import handle_events, only, receive
from marketplace.provider.models import ProviderEventWaiting
from marketplace.provider.tasks import hear, soon
from tests.provider.conftest import Moving
from tests.stripe.conftest import charged
from tests.stripe.faults import Fault
from tests.stripe.server import FakeStripe
from tests.stripe.webhooks import Pump

pytestmark = pytest.mark.usefixtures("committed")
PAYMENT = {"amount": 900, "currency": "usd"}


def said(*words: str) -> list[str]:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().splitlines()


def fails(*_given: Any, **_named: Any) -> None:
    raise RuntimeError("the books disagree")


def delivered(fake: FakeStripe, moving: Moving) -> None:
    charged(fake.client())
    Pump(fake, lambda body, header: 200 * receive(body, header, moving.now), clock=moving.now.timestamp).deliver()


def test_what_is_not_answered_is_listed(fake: FakeStripe, moving: Moving) -> None:
    fake.faults.at(1, Fault.ERROR)
    create = {"operation": "payment_intents.create", "now": moving.now}
    with pytest.raises(ProviderUnavailable):
        perform(key="order:1:1", params=PAYMENT, subject="order:1", **create)  # type: ignore[arg-type]
    with pytest.raises(ProviderRefused):
        perform(key="order:2:1", params={**PAYMENT, "amount": 0}, subject="order:2", **create)  # type: ignore[arg-type]
    declined = {**PAYMENT, "payment_method": "pm_card_chargeDeclined", "confirm": True}
    with pytest.raises(ProviderRefused):
        perform(key="order:3:1", params=declined, **create)  # type: ignore[arg-type]

    assert said("provider_calls") == [
        "2026-09-21 14:13  order:1:1  payment_intents.create  900 USD  order:1: failed An unknown error occurred",
        "1 not answered; whoever asked asks again with the same key",
    ]
    [refused] = said("provider_calls", "--refused")
    assert refused.startswith(
        "2026-09-21 14:13  order:2:1  payment_intents.create  order:2: parameter_invalid_integer amount This value must"
    )


def test_dead_events_are_listed_and_tried_again(fake: FakeStripe, moving: Moving) -> None:
    delivered(fake, moving)
    with only({"charge.": (fails, fails)}):
        for _ in range(20):
            handle_events(now=moving.forward(hours=1))
        [dead, end] = said("provider_events", "--dead")
        assert "charge.succeeded" in dead
        assert dead.endswith("20 failures, dead: RuntimeError: the books disagree")
        assert end == "0 wait, the oldest since 2026-09-21 14:13:20; 1 are dead"
        with pytest.raises(CommandError, match="No event evt_nowhere waits"):
            said("provider_events", "evt_nowhere", "--again")
    with only({}):
        assert said("provider_events", "--again") == ["1 tried again, 1 handled"]
    assert said("provider_events") == ["0 wait; 0 are dead"]


def test_the_worker_hears_every_five_seconds_and_at_once_after_a_delivery(fake: FakeStripe, moving: Moving) -> None:
    delivered(fake, moving)
    for _ in range(2):
        soon()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'provider.hear' AND status = 'todo'")
        assert cursor.fetchone() == (1,)
    with only({}):
        hear(timestamp=0)
    assert ProviderEventWaiting.objects.count() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provider_providercall SET key = 'x'",
        "DELETE FROM provider_providercallsent",
        "TRUNCATE provider_provideranswer",
        "UPDATE provider_provideranswer SET outcome = 'done'",
        "DELETE FROM provider_providercalltrouble",
        "UPDATE provider_providerevent SET type = 'x'",
        "DELETE FROM provider_providereventhandled",
        "DELETE FROM provider_providereventtrouble",
        "UPDATE provider_providereventwaiting SET due_at = NULL",
        "DELETE FROM provider_providereventwaiting",
        "INSERT INTO provider_providereventwaiting (event_id, failures) VALUES (1, 0)",
    ],
)
def test_facts_are_only_added_and_what_waits_is_kept_by_them(statement: str) -> None:
    with pytest.raises(IntegrityError, match="refused"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
