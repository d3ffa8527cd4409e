"""What was made and never answered is found among everything else that was made; what cannot be looked through stays
unknown, and is never sent again."""

from datetime import timedelta
from typing import Any

import pytest

from marketplace.provider import looking, rules
from marketplace.provider.calls import perform
from marketplace.provider.client import ProviderUnavailable
from marketplace.provider.models import ProviderAnswer, ProviderCallSent
from marketplace.provider.seeking import seek
from tests.provider.conftest import Moving
from tests.stripe.faults import Fault
from tests.stripe.server import FakeStripe

pytestmark = pytest.mark.usefixtures("committed")


def pay(moving: Moving, key: str) -> dict[str, Any]:
    params = {"amount": 900, "currency": "usd"}
    return perform(key=key, operation="payment_intents.create", params=params, now=moving.now)


def lost(fake: FakeStripe, moving: Moving, others: int) -> None:
    """Carol's payment is made and its answer is lost; then others pay."""
    fake.faults.at(len(fake.asked) + 1, Fault.DROP_RESPONSE)
    with pytest.raises(ProviderUnavailable):
        pay(moving, "order:carol:1")
    for number in range(others):
        moving.forward(minutes=4)
        pay(moving, f"order:{number}:1")
    moving.forward(days=2)


def test_it_is_found_however_much_else_was_made(
    fake: FakeStripe, moving: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MOST", 2)
    lost(fake, moving, 6)

    found = pay(moving, "order:carol:1")  # nearest to when it was asked for, there is little to look through

    assert found["metadata"] == {"worldloom_key": "order:carol:1"}
    assert ProviderAnswer.objects.get(call__key="order:carol:1").adopted
    assert sum(1 for row in fake.world.all("payment_intent") if row["amount"] == 900) == 7


def test_what_cannot_be_looked_through_stays_unknown(
    fake: FakeStripe, moving: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was made for Carol, and more for others than is looked through: she is asked for no money again."""
    monkeypatch.setattr(looking, "MOST", 3)
    fake.faults.at(len(fake.asked) + 1, Fault.DROP_REQUEST)
    with pytest.raises(ProviderUnavailable):
        pay(moving, "order:carol:1")
    for number in range(4):
        pay(moving, f"order:{number}:1")
    moving.forward(days=2)
    before = len([asked for asked in fake.asked if asked.method == "POST"])

    for _time in range(2):
        with pytest.raises(ProviderUnavailable, match="too much was made"):
            pay(moving, "order:carol:1")
        with pytest.raises(ProviderUnavailable, match="too much was made"):
            seek(key="order:carol:1", now=moving.now)

    assert len([asked for asked in fake.asked if asked.method == "POST"]) == before
    assert ProviderCallSent.objects.filter(call__key="order:carol:1").count() == 1
    assert not ProviderAnswer.objects.filter(call__key="order:carol:1").exists()

    monkeypatch.setattr(looking, "MOST", 4)
    assert seek(key="order:carol:1", now=moving.now) is None
    pay(moving, "order:carol:1")
    assert sum(1 for _row in fake.world.all("payment_intent")) == 5


def test_refunds_are_looked_for_at_their_charge(
    fake: FakeStripe, moving: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MOST", 1)  # there is another refund, made in the same second
    charges = []
    for number in range(2):
        paid = perform(
            key=f"order:{number}:1",
            operation="payment_intents.create",
            params={"amount": 900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
            | {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}},
            now=moving.now,
        )
        charges.append(paid["latest_charge"])
    asked = {"key": "refund:1", "operation": "refunds.create", "params": {"charge": charges[0], "amount": 100}}
    fake.faults.at(len(fake.asked) + 1, Fault.DROP_RESPONSE)
    with pytest.raises(ProviderUnavailable):
        perform(**asked, now=moving.now)
    perform(**asked | {"key": "refund:2", "params": {"charge": charges[1], "amount": 100}}, now=moving.now)
    moving.forward(days=2)
    assert perform(**asked, now=moving.now)["charge"] == charges[0]
    assert sum(1 for _row in fake.world.all("refund")) == 2


def test_spans_cover_an_hour_around_each_attempt_and_nothing_twice(moving: Moving) -> None:
    at = moving.now.replace(microsecond=700_000)
    for apart in (0, 3, 8, 70, 3_000):
        sent = [at, at + timedelta(minutes=apart)]
        attempts = [rules.Attempt(number, 1, each) for number, each in enumerate(sent, 1)]
        spans = [span["created"] for span in looking._spans(attempts)]
        seconds = [second for span in spans for second in range(span["gte"], span["lt"])]
        due = {int(each.timestamp()) + second for each in sent for second in range(-3_600, 3_600)}
        assert len(seconds) == len(set(seconds))
        assert due <= set(seconds) <= due | {max(due) + 1}
        assert any(span["gte"] <= each.timestamp() < span["lt"] for each in sent for span in spans[:1])
