"""Sealing and publishing killed with -9 between any two steps: the next sealer goes on with the same log."""

import os
import random
import signal
import time
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from ledger import queries
from ledger.log.merkle import CompactRange, leaf_hash
from ledger.log.tiles import LogFolder, TileReader, TileWriter
from ledger.models import Checkpoint, Leaf, Pending
from ledger.operations import seal
from ledger.witnessing import gathering
from tests.ledger.conftest import committed
from tests.ledger.makers import NOW, entries_in
from tests.ledger.many import state_assets
from tests.points import Points, around

pytestmark = pytest.mark.django_db
EACH_TIME = 97  # so that some lives fill a tile and others do not


def seal_until(die_at: int | None) -> bool:
    """Seal in a process of its own that is killed at the point; return whether it lived to the end."""
    if (child := os.fork()) == 0:
        _inherited, connection.connection = connection.connection, None  # the parent's, which must not be closed
        _seal_under_watch(Points(die_at))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code == 0


def _seal_under_watch(point: Points) -> None:
    """Make a point of all that changes the world outside, and of each statement to the database."""
    around(BaseDatabaseWrapper, "_commit", point)
    around(os, "replace", point)
    for owner, name in ((LogFolder, "write"), (LogFolder, "drop_partials"), (LogFolder, "sweep")):
        around(owner, name, point)
    around(TileWriter, "finish", point)
    around(gathering, "check_sizes", point)
    around(gathering, "gather", point)

    def statement(execute: Any, *arguments: Any) -> Any:
        point()
        result = execute(*arguments)
        point()
        return result

    with connection.execute_wrapper(statement):
        seal(now=NOW)


def bring_to_an_end() -> None:
    """Seal until all is out. A killed sealer's connection may hold the lock for a moment longer."""
    deadline = time.monotonic() + 30
    while Pending.objects.exists() or queries.published().head.size < Leaf.objects.count():
        assert time.monotonic() < deadline
        seal(now=NOW)


def check_what_is_out(stated: list[bytes]) -> None:
    """Whatever is published is true of a beginning of what was stated, at every moment."""
    out = queries.published()
    if out is not None:
        assert out.head.root == CompactRange().extended(map(leaf_hash, stated[: out.head.size])).root()
        assert TileReader(queries.log_folder(), out.head.size).root() == out.head.root
        assert entries_in(queries.log_folder(), out.head.size) == stated[: out.head.size]


def check_log(stated: list[bytes]) -> None:
    """All that was stated is in the log once, in order, and nothing half-made lies about."""
    folder = queries.log_folder()
    check_what_is_out(stated)
    assert queries.published().head.size == Leaf.objects.count() == len(stated)
    assert list((folder.prefix / ".writing").iterdir()) == []
    full = len(stated) // 256
    partial = {path.parent.name for path in folder.prefix.rglob("*.p/*")}
    assert partial <= {"000.p", f"{full:03d}.p"}
    assert not (full and (folder.prefix / "tile/entries/000.p").exists())


def live_and_die(points: Any) -> int:
    """Have a sealer die at each of the points in turn; return the first one that it did not reach."""
    stated: list[bytes] = []
    for die_at in points:
        stated += state_assets(f"{die_at} {i}" for i in range(EACH_TIME))
        lived = seal_until(die_at)
        check_what_is_out(stated)
        bring_to_an_end()
        check_log(stated)
        if lived:
            break
    # Every tree that was ever signed is one that the files still prove.
    for checkpoint in Checkpoint.objects.all():
        assert bytes(checkpoint.root) == TileReader(queries.log_folder(), checkpoint.size).root()
    return die_at


@pytest.mark.deep
@committed
def test_a_sealer_that_dies_a_step_later_each_time_leaves_the_log_of_one_that_never_died():
    assert live_and_die(count(1)) > 60


@committed
def test_a_sealer_that_dies_anywhere_leaves_the_log_of_one_that_never_died():
    live_and_die(sorted(random.Random(4).sample(range(1, 90), 8)))


@committed
def test_sealers_that_die_one_after_the_other_leave_one_log():
    stated = state_assets(str(i) for i in range(300))
    for die_at in (9, 20, 31, 42, 53, 64, 75):
        seal_until(die_at)
        check_what_is_out(stated)
        stated += state_assets(f"{die_at} {i}" for i in range(150))
    bring_to_an_end()
    check_log(stated)
