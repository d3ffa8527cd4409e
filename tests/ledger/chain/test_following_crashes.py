"""The reader of the chain killed with -9 between any two steps: the next one goes on, and each event is there once."""

import os
import signal
import time
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from ledger import following
from ledger.chain.jsonrpc import JsonRpc
from ledger.chain.suite import CONTRACTS, Suite
from ledger.event_models import ChainEvent, ChainFollowed
from ledger.following import follow
from tests.ledger.chain.makers import NOW, Book, Place
from tests.ledger.chain.test_following import said
from tests.points import Points, around

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def place(embedded: Place) -> Place:
    """Which chain it is makes no difference to who reads it."""
    return embedded


def follow_until(url: str, die_at: int) -> bool:
    """Read in a process of its own that is killed at the point; return whether it lived to the end."""
    if (child := os.fork()) == 0:
        _inherited, connection.connection = connection.connection, None  # the parent's, which must not be closed
        point = Points(die_at)
        around(BaseDatabaseWrapper, "_commit", point)
        around(JsonRpc, "_document", point)

        def statement(execute: Any, *arguments: Any) -> Any:
            point()
            result = execute(*arguments)
            point()
            return result

        with connection.execute_wrapper(statement):
            follow(now=NOW, confirmations=1, rpc=JsonRpc(url))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code == 0


def test_a_reader_that_is_killed_anywhere_loses_and_repeats_nothing(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = {name: "0x" + f"{number:040x}" for number, name in enumerate(CONTRACTS, start=0xB0)}
    addresses["ProvenanceAnchor"] = book.deployment.contract
    found = Suite(chain_id=31337, addresses=addresses, block_number=book.deployment.block_number, tokens={})
    monkeypatch.setattr(following, "suite", lambda: found)
    anchored: list[str] = []
    for die_at in count(1):
        root = said(str(die_at))
        book.chain.anchor(root=root, size=die_at, note_digest=root)
        anchored.append("0x" + root.hex())
        lived = follow_until(book.place.url, die_at)

        taken = roots()
        assert taken == anchored[: len(taken)]
        read = ChainFollowed.objects.order_by("-id").first()
        newest = ChainEvent.objects.order_by("-id").first()
        assert (read is None and newest is None) or newest.block_number <= read.last
        if lived:
            break

    assert die_at > 20
    # The lock of who was killed is gone with its connection, in a moment.
    deadline = time.monotonic() + 30
    while roots() != anchored:
        assert time.monotonic() < deadline
        follow(now=NOW, confirmations=1, rpc=JsonRpc(book.place.url))
    assert len(set(roots())) == len(anchored)


def roots() -> list[str]:
    rows = ChainEvent.objects.filter(event="CheckpointAnchored").order_by("id")
    return [row.args["root"] for row in rows]
