"""A ledger to state facts into, a chain of our own, and committed data for stories with two connections."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from ledger.chain.base import ChainIdentity, ChainUnavailable, Receipt, UnableToAnchor
from ledger.models import Entry
from ledger.operations import state_once
from tests.ledger import makers

TABLES = "ledger_anchorreceipt, ledger_anchorintent, ledger_checkpoint, ledger_leaf, ledger_pending, ledger_entry"
INDEX_TABLES = "ledger_indexroot, ledger_indexnode, ledger_indexposting"


@dataclass
class FakeChain:
    """A chain in memory that can be down, refuse, or die after it took an anchor."""

    chain_id: int = 1337
    contract: str = "0x" + "Ab" * 20
    anchors: dict[bytes, Receipt] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    down: str = ""
    refuses: str = ""
    dies_after_anchoring: bool = False

    def identity(self) -> ChainIdentity:
        if self.down:
            raise ChainUnavailable(self.down)
        return ChainIdentity(chain_id=self.chain_id, contract=self.contract)

    def anchor(self, *, root: bytes, size: int, note_digest: bytes) -> Receipt:
        self.calls.append(f"anchor {size}")
        if self.refuses:
            raise UnableToAnchor(root, self.refuses)
        number = len(self.anchors) + 1
        self.anchors[root] = Receipt(
            transaction="0x" + f"{number:064X}",
            block_number=number,
            block_time=int(makers.NOW.timestamp()) + number,
            chain_id=self.chain_id,
            contract=self.contract,
            gas_used=53_311,
        )
        if self.dies_after_anchoring:
            raise KeyboardInterrupt
        return self.anchors[root]

    def find(self, *, root: bytes) -> Receipt | None:
        self.calls.append("find")
        return self.anchors.get(root)


THE_CHAIN = FakeChain()


def the_chain() -> FakeChain:
    return THE_CHAIN


@pytest.fixture
def chain(settings: pytest.FixtureRequest) -> FakeChain:
    """A fresh chain behind the port."""
    THE_CHAIN.__init__()  # type: ignore[misc]
    settings.ADAPTERS = settings.ADAPTERS | {"chain": f"{__name__}.the_chain"}
    return THE_CHAIN


def in_another_thread(work: Callable[[], Any]) -> Any:
    """Return what the work returns on a connection of its own, which commits."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(closing, work).result(timeout=60)


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
        cursor.execute(f"TRUNCATE {TABLES}, {INDEX_TABLES} RESTART IDENTITY CASCADE")


def state_asset(name: str, now: datetime = makers.NOW) -> Entry:
    """State the asset whose content is its name."""
    body = makers.asset_body(name.encode())
    return state_once(type="asset", subject=f"asset:{body['sha256']}", body=body, now=now)
