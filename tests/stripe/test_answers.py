"""Idempotency keys, faults, pages and errors: what every client of Stripe must live with."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import stripe

from tests.stripe.conftest import NOW, charged
from tests.stripe.faults import Fault
from tests.stripe.server import FakeStripe
from tests.stripe.world import DAY

HOME = Path(__file__).resolve().parents[2]
PAYMENT = {"amount": 900, "currency": "usd"}


def asked(client: stripe.StripeClient, key: str, **more: object) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create({**PAYMENT, **more}, {"idempotency_key": key})  # type: ignore[typeddict-item]


def test_a_key_answers_the_same_again_for_a_day(fake: FakeStripe, client: stripe.StripeClient) -> None:
    first = asked(client, "a")
    fake.advance(DAY - 1)
    again = asked(client, "a")
    assert (again.id, again.last_response.headers["Idempotent-Replayed"]) == (first.id, "true")

    fake.advance(1)

    assert asked(client, "a").id != first.id
    assert len(client.v1.payment_intents.list().data) == 2


def test_a_key_with_other_parameters_is_refused(client: stripe.StripeClient) -> None:
    first = asked(client, "a")

    with pytest.raises(stripe.IdempotencyError) as refused:
        asked(client, "a", amount=901)

    assert refused.value.http_status == 400
    assert [row.id for row in client.v1.payment_intents.list()] == [first.id]


def test_a_declined_card_is_saved_and_a_wrong_parameter_is_not(fake: FakeStripe, client: stripe.StripeClient) -> None:
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            asked(client, "a", payment_method="pm_card_chargeDeclined", confirm=True)
    assert len(client.v1.charges.list().data) == 1
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: colour"):
        asked(client, "b", colour="red")
    assert fake.wrong == ["POST /v1/payment_intents: colour: unknown parameter"]
    fake.wrong.clear()

    assert asked(client, "b").amount == 900


def test_two_at_once_with_one_key(fake: FakeStripe, client: stripe.StripeClient) -> None:
    made: list[str] = []
    with fake.held_up(lambda asked: asked.number == 1) as waits:
        thread = threading.Thread(target=lambda: made.append(asked(client, "a").id))
        thread.start()
        assert waits.wait(10)
        with pytest.raises(stripe.APIError) as refused:
            asked(fake.client(), "a")
    thread.join(10)

    assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")
    assert [row.id for row in client.v1.payment_intents.list()] == made


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        (Fault.DROP_REQUEST, stripe.APIConnectionError, 0),
        (Fault.DROP_RESPONSE, stripe.APIConnectionError, 1),
        (Fault.RESET, stripe.APIConnectionError, 1),
        (Fault.CONFLICT, stripe.APIError, 0),
        (Fault.LIMIT, stripe.RateLimitError, 0),
        (Fault.ERROR, stripe.APIError, 0),
    ],
)
def test_a_retry_with_the_key_happens_once(
    fake: FakeStripe, client: stripe.StripeClient, fault: Fault, error: type[Exception], done: int
) -> None:
    fake.faults.at(1, fault)
    with pytest.raises(error):
        asked(client, "a")
    assert len(client.v1.payment_intents.list().data) == done

    asked(client, "a")

    assert len(client.v1.payment_intents.list().data) == 1
    assert fake.faults.met == [(1, fault)]


def test_a_500_that_did_it_is_saved(fake: FakeStripe, client: stripe.StripeClient) -> None:
    fake.faults.when(lambda asked: asked.method == "POST", Fault.ERROR_SAVED)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            asked(client, "a", metadata={"intent": "7"})
        assert failed.value.http_status == 500

    [found] = client.v1.payment_intents.list().data

    assert found.metadata["intent"] == "7"


def test_a_late_answer_moves_the_fakes_clock_only(fake: FakeStripe, client: stripe.StripeClient) -> None:
    fake.faults.delay = 21 * 3600
    fake.faults.at(1, Fault.DELAY)
    began = time.monotonic()

    assert asked(client, "a").created == NOW + 21 * 3600
    assert time.monotonic() - began < 10


def test_what_is_lost_by_chance_is_the_same_for_a_seed() -> None:
    met = []
    for _ in range(2):
        with FakeStripe(NOW).serving() as fake:
            fake.faults.lose(0.3, 7)
            client = fake.client()
            for number in range(40):
                try:
                    asked(client, str(number))
                except stripe.APIConnectionError:
                    asked_again = fake.faults.met[-1][0]
                    assert asked_again == number + 1
            fake.faults.stop()
            assert sum(1 for _ in client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()) == 40
            met.append(fake.faults.met)

    assert met[0] == met[1]
    assert [number for number, _ in met[0]] == [2, 3, 5, 6, 8, 9, 13, 14, 15, 16, 21, 24, 32, 34, 38, 39, 40]


def test_the_fake_alone() -> None:
    command = [sys.executable, "-m", "tests.stripe", "--creators", "2", "--balance", "700"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HOME) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": said["url"]})
        given = {"amount": 700, "currency": "usd", "destination": said["creators"][1]}
        client.v1.transfers.create(given)  # type: ignore[arg-type]
        assert client.v1.balance.retrieve().available[0].amount == 0
        process.communicate("")

    assert process.returncode == 0


def test_pages_by_cursor_and_by_time(fake: FakeStripe, client: stripe.StripeClient) -> None:
    ids = []
    for number in range(25):
        ids.append(asked(client, str(number)).id)
        fake.advance(10)
    newest = ids[::-1]

    first = client.v1.payment_intents.list({"limit": 10})
    second = client.v1.payment_intents.list({"limit": 10, "starting_after": first.data[-1].id})
    before = client.v1.payment_intents.list({"limit": 3, "ending_before": newest[10]})

    assert ([row.id for row in first], first.has_more) == (newest[:10], True)
    assert [row.id for row in second] == newest[10:20]
    assert ([row.id for row in before], before.has_more) == (newest[7:10], True)
    assert [row.id for row in first.auto_paging_iter()] == newest
    within = client.v1.payment_intents.list({"created": {"gte": NOW + 30, "lt": NOW + 60}})
    assert [row.id for row in within] == newest[19:22]
    for wrong in ({"limit": 101}, {"starting_after": "pi_nowhere"}):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.payment_intents.list(wrong)  # type: ignore[arg-type]


def test_what_is_not_there_and_what_cannot_be_expanded(client: stripe.StripeClient, creators: SimpleNamespace) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.charges.retrieve("ch_nowhere")
    with pytest.raises(stripe.InvalidRequestError) as nowhere:
        client.v1.transfers.create({"amount": 1, "currency": "usd", "destination": "acct_nowhere"})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.charges.retrieve(charged(client), {"expand": ["colour"]})

    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert (nowhere.value.http_status, nowhere.value.param) == (400, "destination")
    assert list(client.v1.transfers.list()) == []
