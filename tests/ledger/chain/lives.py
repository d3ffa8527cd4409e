"""Deployments whose process ends between two steps."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.chain.deployment import ChainConfig
from ledger.chain.suite import Suite
from ledger.chain.suite_deployment import deploy_suite
from ledger.chain.transaction import address_of
from tests.ledger.chain.makers import BRISK, NOW, Place, ask

PAGES = "https://worldloom.example/releases/"


def nonce(place: Place) -> int:
    """Returns how many transactions a place's key has sent."""
    return int(ask(place.url, "eth_getTransactionCount", address_of(place.key), "latest"), 16)


class Killed(BaseException):
    """Stands for the process's end."""


def dying(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, at: int) -> None:
    """Lets the process die before its `at`-th call of a function."""
    real: Callable[..., Any] = getattr(owner, name)
    calls = [0]

    def die(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            raise Killed
        return real(*args, **options)

    monkeypatch.setattr(owner, name, die)


def one_life(config: ChainConfig) -> Suite | None:
    try:
        return deploy_suite(now=NOW, pages=PAGES, config=config, patience=BRISK)
    except Killed:
        return None
