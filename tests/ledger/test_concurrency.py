"""Stories with two connections at once, on committed data."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from ledger import queries
from ledger.anchoring import ANCHOR_LOCK
from ledger.chain_models import ChainAttempt
from ledger.models import Entry, Leaf, Pending
from ledger.operations import anchor, seal
from ledger.sealing import SEAL_LOCK
from tests.ledger.conftest import closing, committed, in_another_thread, state_asset
from tests.ledger.makers import NOW, sha256
from tests.ledger.paper import PaperChain

pytestmark = pytest.mark.django_db


@committed
def test_sealing_inside_a_business_transaction_is_a_mistake():
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        seal(now=NOW)


@committed
def test_a_second_sealer_stands_aside():
    state_asset("a")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEAL_LOCK])
        assert in_another_thread(lambda: seal(now=NOW)) is None
        assert Pending.objects.count() == 1
    assert seal(now=NOW).count == 1


@committed
def test_two_transactions_that_state_the_same_asset_end_with_one_entry():
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ours = state_asset("shared")
            theirs = pool.submit(closing, lambda: state_asset("shared"))
            wait_until_somebody_waits()
        assert theirs.result(timeout=20) == ours
    assert Entry.objects.count() == Pending.objects.count() == 1


@committed
def test_an_entry_whose_transaction_ends_late_is_sealed_by_a_later_batch():
    stated, go_on = threading.Event(), threading.Event()

    def slowly():
        with transaction.atomic():
            state_asset("slow")
            stated.set()
            go_on.wait(20)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(closing, slowly)
        stated.wait(20)
        fast = state_asset("fast")
        assert seal(now=NOW).count == 1
        go_on.set()
        slow.result(timeout=20)
    assert seal(now=NOW).count == 1
    late = queries.find_by_asset_digest(sha256(b"slow"))
    assert late.pk < fast.pk
    assert [leaf.entry for leaf in Leaf.objects.order_by("index")] == [fast, late]


@committed
def test_a_second_anchorer_stands_aside(chain: PaperChain):
    state_asset("a")
    seal(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, hashtext('anchor'))", [ANCHOR_LOCK])
        assert in_another_thread(lambda: anchor(now=NOW)) is None
        cursor.execute("SELECT pg_advisory_unlock(%s, hashtext('anchor'))", [ANCHOR_LOCK])
    assert chain.blocks == []
    assert anchor(now=NOW).block_number == 1


@committed
def test_no_transaction_is_open_while_the_chain_is_called(chain: PaperChain):
    state_asset("a")
    seal(now=NOW)
    seen = []

    def look_around() -> None:
        seen.append((connection.in_atomic_block, in_another_thread(lambda: ChainAttempt.objects.count())))

    chain.answer = look_around
    anchor(now=NOW)
    assert {in_block for in_block, _ in seen} == {False}
    # The signed bytes are committed before the chain is told, and after it was asked what they should say.
    assert [count for _, count in seen].index(1) > 2


def wait_until_somebody_waits() -> None:
    """Return once another connection waits for a transaction of ours to end."""
    for _ in range(100_000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
            if cursor.fetchone()[0]:
                return
    pytest.fail("nobody waited")
