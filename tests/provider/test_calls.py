"""The outbox: whatever happens on the way, what was asked for is done once, and everybody gets the same answer."""

import logging
import threading
from typing import Any

import pytest

from marketplace.provider.calls import Ask, UnableToAsk, perform, perform_all
from marketplace.provider.client import ProviderRefused, ProviderUnavailable
from marketplace.provider.models import ProviderAnswer, ProviderCall, ProviderCallSent, ProviderCallTrouble
from tests.provider.conftest import Moving
from tests.stripe.faults import Fault
from tests.stripe.server import FakeStripe

pytestmark = pytest.mark.usefixtures("committed")
PAYMENT = {"amount": 900, "currency": "usd"}


def pay(moving: Moving, key: str = "order:1:1", **more: Any) -> dict[str, Any]:
    return perform(
        key=key, operation="payment_intents.create", params={**PAYMENT, **more}, subject="order:1", now=moving.now
    )


def made(fake: FakeStripe) -> list[str]:
    return [row.id for row in fake.client().v1.payment_intents.list({"limit": 100})]


def posts(fake: FakeStripe) -> list[str | None]:
    """The keys of what was sent, in order."""
    return [asked.key for asked in fake.asked if asked.method == "POST"]


def troubles() -> list[str]:
    return list(ProviderCallTrouble.objects.order_by("attempt").values_list("kind", flat=True))


def test_what_was_answered_is_not_asked_again(fake: FakeStripe, moving: Moving) -> None:
    first = pay(moving)
    assert (first["object"], first["amount"], first["metadata"]) == (
        "payment_intent",
        900,
        {"worldloom_key": "order:1:1"},
    )

    again = pay(moving)

    assert (again["id"], posts(fake), made(fake)) == (first["id"], ["order:1:1"], [first["id"]])
    call = ProviderCall.objects.get()
    assert (call.subject, call.amount_minor, call.currency, call.answer.object_id) == (
        "order:1",
        900,
        "USD",
        first["id"],
    )
    assert "client_secret" in first
    assert "client_secret" not in again


def test_a_key_is_for_one_thing(fake: FakeStripe, moving: Moving) -> None:
    pay(moving)
    for other in ({"amount": 901}, {"transfer_group": "another"}):
        with pytest.raises(UnableToAsk):
            pay(moving, **other)
    assert (posts(fake), ProviderCallSent.objects.count()) == (["order:1:1"], 1)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.DROP_REQUEST, "away"),
        (Fault.DROP_RESPONSE, "away"),
        (Fault.RESET, "away"),
        (Fault.CONFLICT, "busy"),
        (Fault.LIMIT, "limited"),
        (Fault.ERROR, "failed"),
    ],
)
def test_whatever_is_lost_is_done_once(fake: FakeStripe, moving: Moving, fault: Fault, kind: str) -> None:
    fake.faults.at(1, fault)
    with pytest.raises(ProviderUnavailable) as away:
        pay(moving)
    assert (away.value.kind, troubles(), ProviderAnswer.objects.count()) == (kind, [kind], 0)

    found = pay(moving)

    assert made(fake) == [found["id"]]
    assert posts(fake) == ["order:1:1"] * 2
    assert [sent.number for sent in ProviderCallSent.objects.all()] == [1, 2]


def test_a_500_that_did_it_and_is_answered_for_ever_is_looked_up(fake: FakeStripe, moving: Moving) -> None:
    fake.faults.at(1, Fault.ERROR_SAVED)
    for kind in ("failed", "saved"):
        with pytest.raises(ProviderUnavailable) as away:
            pay(moving)
        assert away.value.kind == kind

    found = pay(moving)

    assert made(fake) == [found["id"]]
    assert ProviderAnswer.objects.get().adopted
    assert pay(moving)["id"] == found["id"]
    assert posts(fake) == ["order:1:1"] * 2


def test_a_500_that_did_not_do_it_is_sent_anew_when_it_has_settled(fake: FakeStripe, moving: Moving) -> None:
    fake.faults.when(lambda asked: asked.method == "POST", Fault.ERROR, times=2)
    for _ in range(2):
        with pytest.raises(ProviderUnavailable, match="failed"):
            pay(moving)
    with pytest.raises(ProviderUnavailable, match="unsettled"):
        pay(moving)
    assert made(fake) == []
    moving.forward(seconds=120)

    found = pay(moving)

    assert (made(fake), found["metadata"]["worldloom_key"]) == ([found["id"]], "order:1:1")
    assert posts(fake) == ["order:1:1", "order:1:1", "order:1:1:2"]


@pytest.mark.parametrize("fault", [Fault.DROP_RESPONSE, Fault.RESET, Fault.DROP_REQUEST])
def test_a_key_that_the_provider_has_forgotten_is_looked_up_first(
    fake: FakeStripe, moving: Moving, fault: Fault
) -> None:
    fake.faults.at(1, fault)
    with pytest.raises(ProviderUnavailable):
        pay(moving)
    moving.forward(hours=25)

    found = pay(moving)

    done_before = fault is not Fault.DROP_REQUEST
    assert made(fake) == [found["id"]]
    assert ProviderAnswer.objects.get().adopted == done_before
    assert posts(fake) == ["order:1:1"] + ([] if done_before else ["order:1:1:2"])


def test_what_is_found_must_be_what_was_asked_for(
    fake: FakeStripe, moving: Moving, caplog: pytest.LogCaptureFixture
) -> None:
    fake.faults.at(1, Fault.DROP_RESPONSE)
    with pytest.raises(ProviderUnavailable):
        pay(moving)
    for row in fake.world.rows.values():
        if row["object"] == "payment_intent":
            row["amount"] = 1
    moving.forward(hours=21)

    caplog.clear()
    with pytest.raises(ProviderUnavailable, match="differs in amount"):
        pay(moving)

    assert (len(made(fake)), ProviderAnswer.objects.count(), caplog.records[0].levelname) == (1, 0, "CRITICAL")


def test_a_declined_card_is_an_answer(fake: FakeStripe, moving: Moving) -> None:
    said = []
    for _ in range(2):
        with pytest.raises(ProviderRefused) as refused:
            pay(moving, payment_method="pm_card_chargeDeclined", confirm=True)
        error = refused.value
        said.append((error.provider_code, error.decline_code, error.status, error.object_id, error.charge_id))
    assert said[0] == said[1]
    assert error.body["payment_intent"]["id"] == error.object_id
    assert said[0][:3] == ("card_declined", "generic_decline", 402)
    assert (made(fake), posts(fake)) == ([said[0][3]], ["order:1:1"])


def test_a_mistake_of_ours_is_told_to_operators(
    fake: FakeStripe, moving: Moving, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(ProviderRefused) as refused:
        pay(moving, colour="red")
    fake.wrong.clear()
    assert (refused.value.provider_code, len(caplog.records)) == ("parameter_unknown", 1)


def test_a_key_of_ours_that_is_refused_is_no_answer(fake: FakeStripe, moving: Moving, settings: Any) -> None:
    whole = settings.STRIPE
    settings.STRIPE = {**whole, "key": ""}
    with pytest.raises(ProviderUnavailable) as away:
        pay(moving)
    assert (away.value.kind, made(fake), ProviderAnswer.objects.count()) == ("config", [], 0)
    settings.STRIPE = whole
    assert [pay(moving)["id"]] == made(fake)


def test_two_at_once_do_it_once(fake: FakeStripe, moving: Moving, at_once: Any) -> None:
    said = at_once(*[lambda: pay(moving)] * 4)
    ids = {one["id"] for one in said if isinstance(one, dict)}
    assert all(isinstance(one, ProviderUnavailable) and one.kind == "busy" for one in said if not isinstance(one, dict))
    assert (made(fake), ids) == ([pay(moving)["id"]], set(made(fake)))


def test_the_second_comes_while_the_first_is_being_done(fake: FakeStripe, moving: Moving) -> None:
    from django.db import connection

    said: list[Any] = []

    def first() -> None:
        said.append(pay(moving))
        connection.close()

    with fake.held_up(lambda asked: asked.number == 1) as waits:
        thread = threading.Thread(target=first)
        thread.start()
        assert waits.wait(10)
        with pytest.raises(ProviderUnavailable) as busy:
            pay(moving)
    thread.join(10)

    assert (busy.value.kind, busy.value.provider_code) == ("busy", "idempotency_key_in_use")
    assert [pay(moving)["id"]] == made(fake) == [said[0]["id"]]


def test_many_are_done_with_one_commit_before_and_one_after(
    fake: FakeStripe, moving: Moving, django_assert_num_queries: Any
) -> None:
    asks = [Ask(f"order:{n}:1", "payment_intents.create", {**PAYMENT, "amount": 100 + n}) for n in range(12)]
    fake.faults.when(lambda asked: asked.key == "order:5:1", Fault.DROP_RESPONSE)
    with django_assert_num_queries(11):
        first = perform_all(asks, now=moving.now, threads=3)
    assert [n for n, one in enumerate(first) if isinstance(one, Exception)] == [5]

    again = perform_all(asks, now=moving.now)

    assert [one["amount"] for one in again if isinstance(one, dict)] == list(range(100, 112))
    assert (len(made(fake)), len(posts(fake))) == (12, 13)


def test_nothing_is_asked_inside_a_transaction(fake: FakeStripe, moving: Moving) -> None:
    from django.db import transaction

    with transaction.atomic(), pytest.raises(RuntimeError):
        pay(moving)
    assert (fake.asked, ProviderCall.objects.count()) == ([], 0)


def test_whoever_asks_again_may_have_been_renamed_meanwhile(fake: FakeStripe, moving: Moving) -> None:
    def join(name: str) -> str:
        params = {"email": f"{name}@example.com", "name": name, "description": name}
        return str(perform(key="studio:1", operation="customers.create", params=params, now=moving.now)["id"])

    fake.faults.at(1, Fault.DROP_RESPONSE)
    for name, kind in (("carol", "away"), ("caroline", "keys")):
        with pytest.raises(ProviderUnavailable) as away:
            join(name)
        assert away.value.kind == kind

    assert [join("caroline")] == [row.id for row in fake.client().v1.customers.list()]


def test_when_nobody_answers_the_rest_is_not_asked(fake: FakeStripe, moving: Moving) -> None:
    asks = [Ask(f"order:{n}:1", "payment_intents.create", PAYMENT) for n in range(9)]
    fake.faults.when(lambda asked: asked.method == "POST", Fault.LIMIT, times=5)

    ends = perform_all(asks, now=moving.now)

    assert [one.kind for one in ends if isinstance(one, ProviderUnavailable)] == ["limited"] * 5 + ["unasked"] * 4
    assert troubles() == ["limited"] * 5 + ["unasked"] * 4
    assert all(isinstance(one, dict) for one in perform_all(asks, now=moving.now))
    assert len(made(fake)) == 9


def test_a_killed_worker_leaves_an_attempt_that_the_next_one_repeats(
    fake: FakeStripe, moving: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marketplace.provider import calls

    class Killed(BaseException):
        pass

    def die(*_given: Any) -> None:
        raise Killed

    for step in ("_call", "_keep"):
        with monkeypatch.context() as patch:
            patch.setattr(calls, step, die)
            with pytest.raises(Killed):
                pay(moving)
        assert (ProviderAnswer.objects.count(), troubles()) == (0, [])

    found = pay(moving)

    assert made(fake) == [found["id"]]
    assert [sent.number for sent in ProviderCallSent.objects.all()] == [1, 2, 3]
    assert posts(fake) == ["order:1:1"] * 2


def test_reversals_of_one_transfer_are_found_below_it(fake: FakeStripe, moving: Moving) -> None:
    from tests.stripe import accounts
    from tests.stripe.world import PLATFORM

    params = {"capabilities": {"transfers": {"requested": True}}}
    alice = perform(key="creator:alice", operation="accounts.create", params=params, now=moving.now)["id"]
    accounts.onboarded(fake.world, alice)
    accounts.adjusted(fake.world, PLATFORM, 5_000)
    given = {"amount": 700, "currency": "usd", "destination": alice, "transfer_group": "payout:1"}
    transfer = perform(key="payout:1:1", operation="transfers.create", params=given, now=moving.now)["id"]
    operation = f"transfers.reversals.create:{transfer}"
    fake.faults.when(lambda asked: "reversals" in asked.path, Fault.DROP_RESPONSE)
    with pytest.raises(ProviderUnavailable):
        perform(key="debt:1:1", operation=operation, params={"amount": 300}, now=moving.now)
    moving.forward(days=2)

    found = perform(key="debt:1:1", operation=operation, params={"amount": 300}, now=moving.now)

    assert (found["amount"], fake.client().v1.transfers.retrieve(transfer).amount_reversed) == (300, 300)


def test_what_is_done_for_another_account_is_looked_for_there(fake: FakeStripe, moving: Moving) -> None:
    from tests.stripe import accounts
    from tests.stripe.world import PLATFORM

    params = {"capabilities": {"transfers": {"requested": True}}}
    alice = perform(key="creator:alice", operation="accounts.create", params=params, now=moving.now)["id"]
    accounts.onboarded(fake.world, alice)
    accounts.adjusted(fake.world, PLATFORM, 5_000)
    given = {"amount": 700, "currency": "usd", "destination": alice}
    perform(key="payout:1:1", operation="transfers.create", params=given, now=moving.now)
    moving.forward(days=3)
    bank = {"amount": 700, "currency": "usd"}
    fake.faults.when(lambda asked: asked.path == "/v1/payouts", Fault.DROP_RESPONSE)
    with pytest.raises(ProviderUnavailable):
        perform(key="payout:1:1:bank", operation="payouts.create", params=bank, account=alice, now=moving.now)
    moving.forward(hours=21)

    found = perform(key="payout:1:1:bank", operation="payouts.create", params=bank, account=alice, now=moving.now)

    assert [row.id for row in fake.client(alice).v1.payouts.list()] == [found["id"]]
    assert ProviderAnswer.objects.get(call__key="payout:1:1:bank").adopted
