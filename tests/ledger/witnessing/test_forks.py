"""Forks: another history than the witnesses saw is refused, before it is signed wherever one of them answers."""

import shutil
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from ledger import queries
from ledger.log.cosignature import find_cosignature
from ledger.models import Checkpoint, Leaf, Pending
from ledger.operations import UnableToSeal, seal
from ledger.publication import UnableToPublish, rebuild
from ledger.witnessing import gathering
from ledger.witnessing.client import Answer, UnableToReachWitness
from ledger.witnessing.gathering import LogForked, UnableToWitness, check_sizes, gather
from tests.ledger.conftest import state_asset
from tests.ledger.makers import NOW
from tests.ledger.witnessing.published import out, size_of

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(seconds=1)


def test_a_restored_backup_with_an_empty_log_folder_is_noticed_before_anything_is_signed(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    backup = transaction.savepoint()
    for name in ("a", "b"):
        state_asset(name)
    seal(now=NOW)
    transaction.savepoint_rollback(backup)
    shutil.rmtree(queries.log_folder().prefix)
    state_asset("another history")
    with pytest.raises(UnableToSeal) as refused:
        seal(now=LATER)
    assert str(refused.value) == (
        "The log cannot be sealed: the witness w1 cosigned 3 leaves but the database holds 0, as if it were restored "
        "from an older backup; restore the newest backup, which the witness has seen, or start a new log with an empty "
        "log folder and another WORLDLOOM_LOG_ORIGIN; only if the witness itself is at fault, take it out of the "
        "policy."
    )
    assert not Checkpoint.objects.exists()
    assert not Leaf.objects.exists()
    assert Pending.objects.count() == 1
    assert out() == ""


def test_a_backup_from_between_is_noticed_by_its_size(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    seal(now=NOW)
    backup = transaction.savepoint()
    state_asset("b")
    seal(now=LATER)
    transaction.savepoint_rollback(backup)
    shutil.rmtree(queries.log_folder().prefix)
    state_asset("another history")
    with pytest.raises(UnableToSeal, match="the witness w1 cosigned 3 leaves but the database holds 2"):
        seal(now=LATER)
    assert queries.latest_checkpoint().size == 2


def test_a_rewritten_history_that_grew_longer_is_refused_by_its_witness(policy, witness, settings):
    one = witness("w1")
    named = policy(f"{one.line}quorum w1\n")
    backup = transaction.savepoint()
    state_asset("a")
    seal(now=NOW)
    transaction.savepoint_rollback(backup)
    shutil.rmtree(queries.log_folder().prefix)
    # Sealed while nobody asked the witness.
    settings.WITNESS_POLICY = ""
    for name in ("x", "y", "z"):
        state_asset(name)
        seal(now=LATER)
    assert size_of(out()) == 3
    published = out()
    settings.WITNESS_POLICY = str(named)
    state_asset("more")
    with pytest.raises(UnableToSeal, match=r"w1 contradicts our tree of 3 leaves: it refuses the proof from its 2"):
        seal(now=LATER)
    assert queries.latest_checkpoint().size == 3
    assert out() == published
    assert len(one.witness.evidence("localhost/worldloom")) == 1


def test_a_size_that_the_database_never_sealed_is_a_fork(policy, witness, settings):
    one = witness("w1")
    named = policy(f"{one.line}quorum w1\n")
    backup = transaction.savepoint()
    state_asset("a")
    seal(now=NOW)
    transaction.savepoint_rollback(backup)
    shutil.rmtree(queries.log_folder().prefix)
    settings.WITNESS_POLICY = ""
    for name in ("x", "y", "z"):
        state_asset(name)
    seal(now=LATER)
    settings.WITNESS_POLICY = str(named)
    with pytest.raises(UnableToSeal, match="w1 cosigned a tree of 2 leaves that the database never sealed"):
        seal(now=LATER)


def test_another_tree_of_the_same_size_is_a_fork(policy, witness, settings):
    one = witness("w1")
    named = policy(f"{one.line}quorum w1\n")
    backup = transaction.savepoint()
    state_asset("a")
    seal(now=NOW)
    transaction.savepoint_rollback(backup)
    shutil.rmtree(queries.log_folder().prefix)
    settings.WITNESS_POLICY = ""
    for name in ("x", "y"):
        state_asset(name)
    seal(now=LATER)
    settings.WITNESS_POLICY = str(named)
    with pytest.raises(UnableToSeal, match="it cosigned another tree of 2 leaves"):
        seal(now=LATER)


def test_a_fork_that_is_seen_only_at_publication_is_not_published(policy, witness, monkeypatch):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    backup = transaction.savepoint()
    for name in ("a", "b"):
        state_asset(name)
    seal(now=NOW)
    transaction.savepoint_rollback(backup)
    shutil.rmtree(queries.log_folder().prefix)
    state_asset("another history")
    one.stop()  # nobody to ask before signing
    with pytest.raises(UnableToWitness):
        seal(now=LATER)
    one.start()
    with pytest.raises(UnableToPublish, match="the witness w1 cosigned 3 leaves but the database holds 2"):
        rebuild(now=LATER)
    assert out() == ""


def test_a_witness_that_lost_its_memory_is_shown_the_log_again(policy, witness, tmp_path):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    seal(now=NOW)
    with one.witness._transaction() as rows:
        rows.execute("DELETE FROM seen")
    state_asset("b")
    seal(now=LATER)
    assert size_of(out()) == 3
    assert find_cosignature(out(), one.key)


def test_damaged_tiles_are_not_mistaken_for_a_fork(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    for number in range(100):
        state_asset(str(number))
    seal(now=NOW)
    one.stop()
    for number in range(100, 260):
        state_asset(str(number))
    with pytest.raises(UnableToWitness):
        seal(now=LATER)
    one.start()
    tile = queries.log_folder().prefix / "tile/0/000"
    tile.write_bytes(bytes(256 * 32))
    with pytest.raises(UnableToWitness, match=r"w1: The log file .* write it with `manage\.py ledger_rebuild`"):
        gather(queries.latest_checkpoint(), now=LATER)
    assert one.witness.evidence("localhost/worldloom") == []
    rebuild(now=LATER)
    assert size_of(out()) == 261


def test_a_witness_that_says_another_size_each_time_is_left_alone(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    seal(now=NOW)
    sizes = iter([0, 2, 0, 2, 0, 2, 0, 2])

    def fickle(_url: str, _body: bytes) -> Answer:
        return Answer(409, "text/x.tlog.size", b"%d\n" % next(sizes))

    state_asset("b")
    with pytest.raises(UnableToWitness):
        seal_unwitnessed(one)
    with pytest.raises(UnableToWitness, match="w1: it says another size each time|contradicts itself"):
        gather(queries.latest_checkpoint(), now=LATER, post=fickle)


def seal_unwitnessed(one: Any) -> None:
    one.stop()
    seal(now=LATER)


def test_a_later_checkpoint_of_ours_is_no_fork(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    one.stop()
    state_asset("a")
    with pytest.raises(UnableToWitness):
        seal(now=NOW)
    older = queries.latest_checkpoint()
    one.start()
    state_asset("b")
    seal(now=LATER)
    with pytest.raises(UnableToWitness, match="w1: it has seen a later checkpoint of ours, of 3 leaves"):
        gather(older, now=LATER)


def test_check_sizes_forgives_those_who_do_not_answer(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")

    def unreachable(_url: str, _body: bytes) -> Answer:
        raise UnableToReachWitness("the cable is cut")

    check_sizes(now=NOW, post=unreachable)
    gathering._checked.clear()
    with pytest.raises(LogForked, match="The log is forked: the witness w1 cosigned 9 leaves but the database holds 0"):
        check_sizes(now=NOW, post=lambda _url, _body: Answer(409, "text/x.tlog.size", b"9\n"))
