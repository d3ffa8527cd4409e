"""Sealing: stated facts become a signed, published log, whatever crashes, is lost or is restored."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from ledger import publication, queries
from ledger.log.checkpoint import open_checkpoint
from ledger.log.merkle import CompactRange, leaf_hash
from ledger.log.tiles import LogFolder, TileReader
from ledger.models import Checkpoint, Entry, Leaf, Pending
from ledger.operations import (
    UnableToSeal,
    seal,
    state,
)
from ledger.publication import UnableToPublish
from tests.ledger.conftest import state_asset
from tests.ledger.makers import GRANT, NOW, entries_in

pytestmark = pytest.mark.django_db


def folder() -> LogFolder:
    return queries.log_folder()


def files() -> dict[str, bytes]:
    prefix = folder().prefix
    return {p.relative_to(prefix).as_posix(): p.read_bytes() for p in prefix.rglob("*") if p.is_file()}


def root_of(entries: list[Entry]) -> bytes:
    return CompactRange().extended(leaf_hash(bytes(entry.body)) for entry in entries).root()


def revoke() -> Entry:
    body = {"grant": str(GRANT), "status": "revoked"}
    return state(type="grant-status", subject=f"grant:{GRANT}", body=body, now=NOW)


def test_sealing_puts_what_was_stated_into_the_log_in_order():
    entries = [state_asset(name) for name in ("a", "b", "c")]
    batch = seal(now=NOW)
    assert (batch.first_index, batch.count) == (0, 3)
    head = open_checkpoint(batch.checkpoint.note, queries.verifier_key())
    assert (head.origin, head.size, head.root) == ("localhost/worldloom", 3, root_of(entries))
    assert [leaf.entry for leaf in Leaf.objects.order_by("index")] == entries
    assert not Pending.objects.exists()
    assert entries_in(folder(), 3) == [bytes(entry.body) for entry in entries]
    assert sorted(files()) == ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"]
    assert files()["checkpoint"].decode() == batch.checkpoint.note
    assert queries.log_counts() == queries.LogCounts(size=3, by_type={"asset": 3}, anchors=0)


def test_the_next_batch_goes_on_where_the_last_one_ended():
    first = [state_asset(name) for name in ("a", "b", "c")]
    seal(now=NOW)
    second = [state_asset("d"), revoke()]
    batch = seal(now=NOW)
    assert (batch.first_index, batch.count, batch.checkpoint.size) == (3, 2, 5)
    assert bytes(batch.checkpoint.root) == root_of([*first, *second])
    assert queries.log_counts().by_type == {"asset": 4, "grant-status": 1}


def test_nothing_to_seal_signs_nothing():
    assert seal(now=NOW) is None
    assert not Checkpoint.objects.exists()
    assert files() == {}
    state_asset("a")
    seal(now=NOW)
    assert seal(now=NOW) is None
    assert Checkpoint.objects.count() == 1


def test_a_long_queue_is_sealed_in_batches(monkeypatch):
    monkeypatch.setattr("ledger.sealing.BATCH_LIMIT", 300)
    entries = [state_asset(str(i)) for i in range(700)]
    assert [seal(now=NOW).count for _ in range(3)] == [300, 300, 100]
    assert seal(now=NOW) is None
    assert queries.latest_checkpoint().size == 700
    assert TileReader(folder(), 700).root() == root_of(entries)
    assert [name for name in sorted(files()) if ".p/" in name] == [
        "tile/0/002.p/188",
        "tile/0/002.p/88",
        "tile/1/000.p/1",
        "tile/1/000.p/2",
        "tile/entries/002.p/188",
        "tile/entries/002.p/88",
    ]


@pytest.mark.parametrize("step", ["tile/entries/000.p/3", "tile/0/000.p/3", "checkpoint"])
def test_a_crash_at_any_file_is_healed_by_the_next_call(monkeypatch, step):
    entries = [state_asset(name) for name in ("a", "b", "c")]
    write = LogFolder.write

    def power_cut(self, path, content, **kwargs):
        if path == step:
            raise OSError("power cut")
        write(self, path, content, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(LogFolder, "write", power_cut)
        with pytest.raises(OSError, match="power cut"):
            seal(now=NOW)
    assert "checkpoint" not in files()
    assert queries.proof_for(entries[0]) is None
    assert seal(now=NOW) is None
    assert files()["checkpoint"].decode() == Checkpoint.objects.get().note
    assert TileReader(folder(), 3).root() == root_of(entries)


def test_a_crash_between_commit_and_publication_loses_nothing_and_seals_nothing_twice(monkeypatch):
    first = state_asset("a")

    def killed(**_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publication, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            seal(now=NOW)
    assert files() == {}
    second = state_asset("b")
    batch = seal(now=NOW)
    assert (batch.first_index, batch.count) == (1, 1)
    assert entries_in(folder(), 2) == [bytes(first.body), bytes(second.body)]
    assert queries.published().head.size == 2


def test_damaged_tiles_are_written_again_before_a_checkpoint_stands_on_them():
    entries = [state_asset(str(i)) for i in range(300)]
    seal(now=NOW)
    (folder().prefix / "tile/1/000.p/1").unlink()
    entries.append(state_asset("one more"))
    seal(now=NOW)
    assert TileReader(folder(), 301).root() == root_of(entries)


def test_a_database_restored_from_an_older_backup_signs_nothing():
    backup = transaction.savepoint()
    for name in ("a", "b"):
        state_asset(name)
    seal(now=NOW)
    published = files()
    transaction.savepoint_rollback(backup)
    state_asset("another history")
    with pytest.raises(UnableToSeal) as refused:
        seal(now=NOW)
    assert str(refused.value) == (
        "The log cannot be sealed: 2 leaves are published but the database holds 0, as if it were restored from an "
        "older backup; restore a newer backup, or start a new log with an empty log folder and another "
        "WORLDLOOM_LOG_ORIGIN."
    )
    assert not Checkpoint.objects.exists()
    assert Pending.objects.count() == 1
    assert files() == published


def test_a_restored_database_that_has_grown_past_the_published_log_is_noticed_too(tmp_path, settings):
    backup = transaction.savepoint()
    state_asset("a")
    seal(now=NOW)
    transaction.savepoint_rollback(backup)
    # Sealed while the published files were out of sight, as on another machine.
    settings.DATA_FOLDER, there = tmp_path / "elsewhere", Path(settings.DATA_FOLDER)
    (tmp_path / "elsewhere").mkdir()
    (there / "keys").rename(tmp_path / "elsewhere" / "keys")
    for name in ("x", "y"):
        state_asset(name)
    seal(now=NOW)
    (tmp_path / "elsewhere" / "keys").rename(there / "keys")
    settings.DATA_FOLDER = there
    state_asset("z")
    with pytest.raises(UnableToSeal, match="the database never sealed the tree of 1 leaves that is published"):
        seal(now=NOW)
    assert queries.latest_checkpoint().size == 2


def test_a_lost_key_is_noticed_before_anything_is_signed(settings):
    state_asset("a")
    seal(now=NOW)
    state_asset("b")
    (Path(settings.DATA_FOLDER) / "keys" / "log.pem").unlink()
    with pytest.raises(UnableToSeal, match="by another key or for another log"):
        seal(now=NOW)
    assert Checkpoint.objects.count() == 1


def test_another_origin_is_another_log(settings):
    state_asset("a")
    seal(now=NOW)
    settings.LOG_ORIGIN = "elsewhere.example/log"
    with pytest.raises(UnableToSeal, match="by another key or for another log"):
        seal(now=NOW)


def test_a_damaged_checkpoint_file_stops_the_sealer_until_the_files_are_rebuilt(capsys):
    entries = [state_asset(name) for name in ("a", "b")]
    seal(now=NOW)
    good = files()
    (folder().prefix / "checkpoint").write_bytes(b"\xff")
    with pytest.raises(UnableToSeal, match=r"run `manage\.py ledger_rebuild`"):
        seal(now=NOW)
    call_command("ledger_rebuild")
    assert capsys.readouterr().out == "The files of 2 leaves are written.\n"
    assert files() == good
    assert queries.proof_for(entries[1]).index == 1


def test_leaves_that_do_not_add_up_are_not_published():
    state_asset("a")
    seal(now=NOW)
    published = files()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE ledger_leaf SET leaf_hash = sha256('rewritten')")
        cursor.execute("SET session_replication_role = DEFAULT")
    state_asset("b")
    with pytest.raises(UnableToPublish, match="do not add up to the root of its checkpoint of 2"):
        seal(now=NOW)
    assert files()["checkpoint"] == published["checkpoint"]


def test_ledger_seal_seals_everything_and_says_so(capsys, monkeypatch):
    monkeypatch.setattr("ledger.sealing.BATCH_LIMIT", 2)
    for name in ("a", "b", "c"):
        state_asset(name)
    call_command("ledger_seal")
    assert capsys.readouterr().out == "3 entries sealed; the log has 3 leaves.\n"
    (folder().prefix / "checkpoint").write_bytes(b"")
    with pytest.raises(CommandError, match="The log cannot be sealed: the published checkpoint is not ours"):
        call_command("ledger_seal")


def test_rebuilding_an_empty_log_writes_nothing(capsys):
    call_command("ledger_rebuild")
    assert capsys.readouterr().out == "Nothing is sealed yet.\n"
    assert files() == {}
