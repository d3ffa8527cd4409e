"""Senders killed with -9 between any two steps, two at once, and faults in any order: each call happens once."""

import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from ledger.anchoring import anchor
from ledger.chain.deployment import deploy_anchor
from ledger.chain.jsonrpc import JsonRpc
from ledger.chain_models import ChainAttempt, ChainDue, ChainOutcome, ChainSlot
from ledger.models import AnchorIntent, AnchorReceipt
from ledger.operations import deliver, seal
from tests.ledger.chain.makers import BRISK, NOW, Book, DirectChain, Place, ask
from tests.ledger.chain.outbox import Outbox, outbox_at
from tests.ledger.chain.proxy import Cut, Pool
from tests.ledger.conftest import closing, committed, state_asset
from tests.points import Points, around

pytestmark = pytest.mark.django_db


def lives(work: Callable[[], Any], die_at: int | None) -> bool:
    """Works in a process of its own that is killed at the point; returns whether it lived to the end."""
    if (child := os.fork()) == 0:
        _inherited, connection.connection = connection.connection, None  # the parent's, which must not be closed
        point = Points(die_at)
        # A point is before and after each commit, statement and question to the chain.
        around(BaseDatabaseWrapper, "_commit", point)
        around(JsonRpc, "_document", point)

        def statement(execute: Any, *arguments: Any) -> Any:
            point()
            result = execute(*arguments)
            point()
            return result

        with connection.execute_wrapper(statement):
            work()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code == 0


def until_nothing_is_due(alice: Outbox) -> None:
    """Delivers until all is decided. A killed sender's connection may hold the lock for a moment longer."""
    deadline = time.monotonic() + 60
    while ChainDue.objects.exists():
        assert time.monotonic() < deadline
        alice.deliver()


def live_and_die(alice: Outbox, points: Any) -> int:
    """Has a sender die at each of the points in turn; returns the first one that it did not reach."""
    asked = 0
    for die_at in points:
        for number in range(3):
            alice.ask(f"{die_at} {number}", 1)
            asked += 1
        lived = lives(lambda: deliver(now=NOW), die_at)
        assert alice.balance() <= asked
        until_nothing_is_due(alice)
        assert alice.balance() == alice.nonce() == asked
        if lived:
            break
    assert ChainOutcome.objects.filter(state="confirmed").count() == asked
    assert ChainAttempt.objects.count() == ChainSlot.objects.count() == asked
    return int(die_at)


@pytest.mark.deep
@committed
def test_a_sender_that_dies_a_step_later_each_time_sends_everything_once(place: Place, settings: Any) -> None:
    assert live_and_die(outbox_at(place, settings), count(1)) > 60


@committed
def test_a_sender_that_dies_anywhere_sends_everything_once(place: Place, settings: Any) -> None:
    live_and_die(outbox_at(place, settings), sorted(random.Random(8).sample(range(1, 90), 8)))


def anchors_that_die(place: Place, settings: Any, folder: Path, points: Any) -> int:
    """Has an anchorer die at each of the points in turn; returns the first one that it did not reach."""
    alice = outbox_at(place, settings)
    config = place.config(folder / "chain", key_file=settings.CHAIN_KEY_FILE)
    made = deploy_anchor(now=NOW, config=config, patience=BRISK)
    settings.CHAIN_ANCHOR_ADDRESS = made.contract
    book = Book(place, config, made, DirectChain(config=config))
    for die_at in points:
        state_asset(f"at {die_at}")
        seal(now=NOW)
        lived = lives(lambda: anchor(now=NOW), die_at)
        deadline = time.monotonic() + 60
        while anchor(now=NOW) is not None or AnchorIntent.objects.filter(receipt=None).exists():
            assert time.monotonic() < deadline
        seal(now=NOW)
        if lived:
            break
    roots = [event["topics"][1][2:] for event in book.events()]
    anchored = [bytes(one.intent.checkpoint.root).hex() for one in AnchorReceipt.objects.order_by("block_number")]
    assert roots == anchored
    assert len(set(roots)) == len(roots)
    # One nonce for the contract, one for each anchor.
    assert alice.nonce() == 1 + len(roots)
    return int(die_at)


@pytest.mark.deep
@committed
def test_an_anchorer_that_dies_three_steps_later_each_time_anchors_each_root_once(
    place: Place, settings: Any, tmp_path: Path
) -> None:
    assert anchors_that_die(place, settings, tmp_path, count(1, 3)) > 60


@committed
def test_an_anchorer_that_dies_anywhere_anchors_each_root_once(place: Place, settings: Any, tmp_path: Path) -> None:
    anchors_that_die(place, settings, tmp_path, sorted(random.Random(5).sample(range(1, 120), 6)))


@committed
def test_two_workers_at_once_send_everything_once(place: Place, settings: Any) -> None:
    alice = outbox_at(place, settings)
    for number in range(30):
        alice.ask(str(number), 1)
    with ThreadPoolExecutor(3) as workers:
        for one in [workers.submit(closing, lambda: deliver(now=NOW)) for _ in range(6)]:
            assert one.result().troubles == []
    until_nothing_is_due(alice)
    assert alice.balance() == alice.nonce() == 30


# --- faults in any order ----------------------------------------------------------------------------------------------

DEPTH = 3
FAULTS = ["ask", "deliver", "deliver", "release", "forget", "pay", "mine", "wait", "cut", "mark", "go back"]


class Story:
    """Alice's calls through a mempool before a chain of her own, and whatever may happen to them."""

    def __init__(self, alice: Outbox, pool: Pool, chance: random.Random) -> None:
        self.alice, self.pool, self.chance = alice, pool, chance
        self.asked, self.minutes, self.cuts = 0, 0, 0
        self.marks: list[tuple[str, int]] = []
        pool.bend = self.bend

    def bend(self, method: str, params: list[Any], real: Callable[[], Any]) -> Any:
        if self.cuts and self.chance.random() < 0.3:
            self.cuts -= 1
            raise Cut
        return real()

    def happen(self, what: str) -> None:
        {
            "ask": self.ask,
            "deliver": self.deliver,
            "release": self.release,
            "forget": self.pool.forget,
            "pay": self.pay,
            "mine": lambda: self.alice.mine(1),
            "wait": self.wait,
            "cut": self.cut,
            "mark": self.mark,
            "go back": self.go_back,
        }[what]()

    def ask(self) -> None:
        self.asked += 1
        self.alice.ask(f"{self.alice.sender} {self.asked}", 1)

    def deliver(self) -> None:
        deliver(now=NOW + timedelta(minutes=self.minutes))

    def release(self) -> None:
        """Some are mined, in the order of their nonces, as far as the chain takes them."""
        for place in sorted(self.pool.waiting)[: self.chance.randint(1, 3)]:
            if place[1] != self.alice.nonce():
                break
            ask(self.pool.target, "eth_sendRawTransaction", self.pool.waiting.pop(place).raw)
            self.settle(place[1] + 1)

    def pay(self) -> None:
        nonce = self.alice.nonce()
        self.pool.waiting.pop((self.alice.sender.lower(), nonce), None)
        self.alice.pay()
        self.settle(nonce + 1)

    def settle(self, nonce: int) -> None:
        """Waits for a chain that mines a moment after it took a transaction."""
        deadline = time.monotonic() + 20
        while self.alice.nonce() < nonce:
            assert time.monotonic() < deadline

    def wait(self) -> None:
        self.minutes += 3

    def cut(self) -> None:
        self.cuts += 2

    def head(self) -> int:
        return int(ask(self.pool.target, "eth_blockNumber"), 16)

    def mark(self) -> None:
        self.marks.append((ask(self.pool.target, "evm_snapshot"), self.head()))

    def go_back(self) -> None:
        """A reorganization of blocks that are not final yet; what was in them is gone from everywhere."""
        if self.marks and self.head() - self.marks[-1][1] < DEPTH:
            ask(self.pool.target, "evm_revert", self.marks.pop()[0])
            self.pool.forget()

    def end_well(self) -> None:
        """In the end everybody behaves."""
        self.cuts = 0
        deadline = time.monotonic() + 90
        while ChainDue.objects.exists():
            assert time.monotonic() < deadline
            self.deliver()
            while any(place[1] == self.alice.nonce() for place in self.pool.waiting):
                self.release()
            self.alice.mine(1)
            self.minutes += 1


@profile(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(faults=st.lists(st.sampled_from(FAULTS), min_size=10, max_size=40), seed=st.integers(0, 2**32))
def test_whatever_happens_each_call_happens_once(own_place: Place, settings: Any, faults: list[str], seed: int) -> None:
    alice = outbox_at(own_place, settings)
    settings.CHAIN_CONFIRMATIONS = DEPTH
    with Pool(own_place.url).serving() as pool:
        alice.look_through(pool.url)
        story = Story(alice, pool, random.Random(seed))
        story.ask()
        for fault in faults:
            story.happen(fault)
        story.end_well()
    assert alice.balance() == story.asked
    states = {alice.state(f"{alice.sender} {number}") for number in range(1, story.asked + 1)}
    assert states == {"confirmed"}
