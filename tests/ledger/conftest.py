"""A ledger to state facts into, a chain of our own, and committed data for stories with two connections."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from ledger.models import Entry
from ledger.operations import state_once
from tests.ledger import makers
from tests.ledger.paper import PaperChain

CHAIN_TABLES = (
    "ledger_chain_setback, ledger_chain_outcome, ledger_chain_sighting, ledger_chain_attempt, ledger_chain_slot_loss, "
    "ledger_chain_slot, ledger_chain_due, ledger_chain_call, ledger_chain_head"
)
TABLES = "ledger_anchorreceipt, ledger_anchorintent, ledger_checkpoint, ledger_leaf, ledger_pending, ledger_entry"
INDEX_TABLES = "ledger_indexroot, ledger_indexnode, ledger_indexposting"


THE_CHAIN = PaperChain()


def the_chain() -> PaperChain:
    return THE_CHAIN


@pytest.fixture
def chain(settings: pytest.FixtureRequest) -> PaperChain:
    """A fresh chain behind the port."""
    THE_CHAIN.__init__(born=int(makers.NOW.timestamp()))  # type: ignore[misc]
    settings.ADAPTERS = settings.ADAPTERS | {"chain": f"{__name__}.the_chain"}
    return THE_CHAIN


def in_another_thread(work: Callable[[], Any], *, seconds: float = 900) -> Any:
    """Return what the work returns on a connection of its own, which commits."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(closing, work).result(timeout=seconds)


def closing(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connection.close()


def committed(test: Callable[..., None]) -> Callable[..., None]:
    """Lets a test commit, on a connection that is not in pytest's transaction, and empties the ledger afterwards."""

    @functools.wraps(test)
    def story(**fixtures: Any) -> None:
        try:
            in_another_thread(lambda: test(**fixtures))
        finally:
            in_another_thread(_empty_the_ledger)

    return story


def _empty_the_ledger() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # past the triggers that refuse it to everybody
        cursor.execute(f"TRUNCATE {TABLES}, {INDEX_TABLES}, {CHAIN_TABLES} RESTART IDENTITY CASCADE")


def state_asset(name: str, now: datetime = makers.NOW) -> Entry:
    """State the asset whose content is its name."""
    body = makers.asset_body(name.encode())
    return state_once(type="asset", subject=f"asset:{body['sha256']}", body=body, now=now)
