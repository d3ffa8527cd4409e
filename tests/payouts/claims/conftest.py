"""A chain of whose word the tests are the author: a suite that is recorded, wallets, and events as they are read."""

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from ledger.chain.suite import Suite, Token
from ledger.event_models import ChainEvent
from marketplace.payouts.claims import places
from marketplace.people.models import Creator
from tests.payouts.claims.makers import COIN, DISTRIBUTOR, YEN, ChainWord


@pytest.fixture(autouse=True)
def _suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records contracts on a chain that nobody asks, with a coin for dollars and one for yen."""
    tokens = {
        "USD": Token(address=COIN, symbol="tUSD", decimals=6, currency="USD"),
        "JPY": Token(address=YEN, symbol="tJPY", decimals=6, currency="JPY"),
    }
    found = Suite(chain_id=31337, addresses={"PayoutDistributor": DISTRIBUTOR}, block_number=1, tokens=tokens)
    monkeypatch.setattr(places, "suite", lambda: found)


@pytest.fixture
def wallets(monkeypatch: pytest.MonkeyPatch) -> dict[Creator, str]:
    """Whose wallet is which; empty at first."""
    known: dict[Creator, str] = {}

    def wallets_of(creator_ids: Any, *, now: datetime) -> dict[Any, str]:
        return {creator.pk: address for creator, address in known.items() if creator.pk in set(creator_ids)}

    for module in ("places", "publishing", "ways"):
        monkeypatch.setattr(f"marketplace.payouts.claims.{module}.wallets_of", wallets_of)
    return known


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was laid into the outbox, in its order."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("marketplace.payouts.rails.onchain.ask_chain", lambda **call: calls.append(call))
    return calls


@pytest.fixture
def say(db: None) -> Callable[..., ChainEvent]:
    """Lets the chain say something of payouts, as it is read from there."""
    numbers = count(1)

    def say(event: str, *, at: datetime, transaction: str = "", **args: Any) -> ChainEvent:
        number = next(numbers)
        word = ChainWord(event, {"token": COIN, **args}, transaction or f"0x{number:064x}", number)
        return word.read(at)

    return say
