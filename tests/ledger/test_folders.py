"""Log folders that were lost, set back, cut, reordered or forked: what a reader names, and what the sealer does."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from ledger import publication, queries
from ledger.log.checkpoint import TreeHead, sign_checkpoint
from ledger.log.merkle import CompactRange, leaf_hash
from ledger.log.remote import FolderSource, LogBroken, RemoteTree
from ledger.log.tiles import TileReader, encode_bundle
from ledger.models import Checkpoint, Leaf, Pending
from ledger.operations import UnableToSeal, seal
from tests.ledger.makers import NOW, entries_in
from tests.ledger.many import state_assets

pytestmark = pytest.mark.django_db


def prefix() -> Path:
    return queries.log_folder().prefix


def files() -> dict[str, bytes]:
    return {p.relative_to(prefix()).as_posix(): p.read_bytes() for p in prefix().rglob("*") if p.is_file()}


def grow(many: int, what: str) -> list[bytes]:
    stated = state_assets(f"{what} {i}" for i in range(many))
    seal(now=NOW)
    return stated


def fault() -> str:
    """What a stranger who reads every file finds wrong; empty when nothing is."""
    try:
        tree = RemoteTree(FolderSource(prefix()), queries.published().head)
        for number in range(len(tree.blocks)):
            tree._leaf_hashes(number)
        list(tree.entries(0))
    except LogBroken as error:
        return str(error)
    return ""


def swap(one: str, other: str) -> None:
    first, second = (prefix() / one).read_bytes(), (prefix() / other).read_bytes()
    (prefix() / one).write_bytes(second)
    (prefix() / other).write_bytes(first)


def reorder_tiles() -> None:
    swap("tile/0/000", "tile/0/001")
    swap("tile/entries/000", "tile/entries/001")


def reorder_entries() -> None:
    entries = queries.log_folder().read_bundle(0, 256)
    (prefix() / "tile/entries/000").write_bytes(encode_bundle([entries[1], entries[0], *entries[2:]]))


def cut(path: str) -> None:
    (prefix() / path).write_bytes((prefix() / path).read_bytes()[:-1])


DAMAGES: list[tuple[Callable[[], Any], str]] = [
    (reorder_tiles, "tiles-mismatch: tile tile/0/000 is not that of the tree"),
    (reorder_entries, "bundle-mismatch: the entries of tile/entries/000 are not those of the tree"),
    (lambda: cut("tile/0/001"), "tile-missing: tile/0/001 is missing or cut short"),
    (lambda: cut("tile/1/000.p/2"), "tile-missing: tile/1/000.p/2 is missing or cut short"),
    (
        lambda: cut("tile/entries/002.p/8"),
        "bundle-mismatch: tile/entries/002.p/8 is damaged: an entry bundle ends within an entry",
    ),
    (lambda: (prefix() / "tile/entries/001").unlink(), "tile-missing: tile/entries/001 is missing or cut short"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=[said for _damage, said in DAMAGES])
def test_damaged_files_are_named_and_written_again(damage: Callable[[], Any], said: str) -> None:
    grow(520, "asset")
    good = files()
    damage()
    assert fault() == said
    call_command("ledger_rebuild", verbosity=0)
    assert (fault(), files()) == ("", good)


def test_a_forked_folder_is_named_before_anything_is_signed() -> None:
    grow(20, "asset")
    grow(20, "more")
    # What a second sealer with our key would have published, from a database that went another way.
    other = CompactRange().extended(leaf_hash(b"%d" % i) for i in range(30))
    key = queries.verifier_key()
    forged = sign_checkpoint(TreeHead(key.name, 30, other.root()), key, queries.signer("log").sign)
    (prefix() / "checkpoint").write_text(forged)
    before = files()
    state_assets(["one more"])
    with pytest.raises(UnableToSeal, match="the database never sealed the tree of 30 leaves that is published"):
        seal(now=NOW)
    with pytest.raises(publication.UnableToPublish, match="never sealed the tree of 30 leaves"):
        publication.rebuild(now=NOW)
    assert (files(), Pending.objects.count(), Checkpoint.objects.count()) == (before, 1, 2)


def test_a_folder_that_was_set_back_is_brought_up_to_the_database(tmp_path: Path) -> None:
    entries = grow(300, "asset")
    shutil.copytree(prefix(), tmp_path / "backup")
    entries += grow(300, "more")
    shutil.rmtree(prefix())
    shutil.copytree(tmp_path / "backup", prefix())
    assert seal(now=NOW) is None
    assert (queries.published().head.size, fault(), entries_in(queries.log_folder(), 600)) == (600, "", entries)


def test_a_lost_folder_is_made_again_and_still_serves_who_holds_an_older_checkpoint() -> None:
    sizes, roots = (3, 200, 300, 301, 520, 600), {}
    at = 0
    for size in sizes:
        grow(size - at, f"to {size}")
        at, roots[size] = size, queries.published().head.root
    before = files()
    shutil.rmtree(prefix())
    assert seal(now=NOW) is None
    assert (queries.published().head.size, fault()) == (600, "")
    call_command("ledger_rebuild", verbosity=0)
    # The same files, byte for byte: of the partial ones too those that were served for 520 leaves.
    assert files() == before
    assert {size: TileReader(queries.log_folder(), size).root() for size in sizes} == roots


def test_a_checkpoint_that_was_lost_alone_is_put_out_again() -> None:
    grow(300, "asset")
    before = files()
    (prefix() / "checkpoint").unlink()
    assert seal(now=NOW) is None
    assert files() == before


def test_a_clock_that_jumps_does_not_stop_the_sealer() -> None:
    entries = []
    for years in (0, 50, -50, 0):
        then = NOW + timedelta(days=365 * years)
        entries += state_assets([f"asset {len(entries)}"], now=then)
        assert seal(now=then).count == 1
    assert entries_in(queries.log_folder(), 4) == entries
    assert [leaf.entry.stated_at.year for leaf in Leaf.objects.order_by("index")] == [2026, 2076, 1976, 2026]
    assert (fault(), queries.published().head.size) == ("", 4)


def test_what_a_killed_writer_left_half_written_is_swept_away() -> None:
    grow(3, "asset")
    (prefix() / ".writing" / "0123456789abcdef").write_bytes(b"half a ti")
    grow(3, "more")
    assert not any(name.startswith(".writing") for name in files())
