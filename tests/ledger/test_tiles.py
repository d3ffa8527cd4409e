"""The log as files: paths and widths of the standard, growth in any steps, and proofs from tiles alone."""

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log.merkle import CompactRange, consistency_proof, leaf_hash, verify_inclusion
from ledger.log.tiles import (
    LogFolder,
    TileMissing,
    TileReader,
    TileWriter,
    bundle_path,
    decode_bundle,
    encode_bundle,
    number_path,
    tile_path,
)
from tests.ledger.makers import entries_in


def entry(index: int) -> bytes:
    return b"entry %d" % index


def root_of(size: int) -> bytes:
    return root_of_leaves(0, size)


def root_of_leaves(start: int, end: int) -> bytes:
    return CompactRange().extended(leaf_hash(entry(i)) for i in range(start, end)).root()


def in_memory(level: int, index: int) -> bytes:
    """The hash over 2**level leaves, without tiles."""
    return root_of_leaves(index << level, (index + 1) << level)


def grow(folder: LogFolder, old_size: int, size: int) -> TileWriter:
    start = TileWriter.start_for(old_size)
    writer = TileWriter(folder, start)
    for index in range(start, size):
        writer.append(leaf_hash(entry(index)), entry(index))
    writer.finish()
    writer.drop_partials()
    return writer


def files_of(folder: LogFolder) -> dict[str, bytes]:
    return {
        path.relative_to(folder.prefix).as_posix(): path.read_bytes()
        for path in folder.prefix.rglob("*")
        if path.is_file()
    }


def test_paths_are_those_of_the_standard():
    assert number_path(1_234_067) == "x001/x234/067"
    assert number_path(0) == "000"
    assert tile_path(1, 5) == "tile/1/005"
    assert tile_path(0, 1_000, 112) == "tile/0/x001/000.p/112"
    assert bundle_path(7, 255) == "tile/entries/007.p/255"
    with pytest.raises(ValueError, match="1 to 256 wide, not 0"):
        tile_path(0, 0, 0)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_give_back_their_entries(entries):
    assert decode_bundle(encode_bundle(entries)) == entries


@pytest.mark.parametrize("bundle", [b"\x00", b"\x00\x02a", b"\x00\x00\x01"])
def test_bundles_that_are_cut_short_are_refused(bundle):
    with pytest.raises(ValueError, match="ends within"):
        decode_bundle(bundle)


def test_seventy_thousand_leaves_make_the_files_that_the_standard_counts(tmp_path):
    folder = LogFolder(tmp_path)
    grow(folder, 0, 70_000)
    names = files_of(folder)
    assert len([n for n in names if n.startswith("tile/0/") and ".p/" not in n]) == 273
    assert [n for n in sorted(names) if ".p/" in n] == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        "tile/entries/273.p/112",
    ]
    assert "tile/1/000" in names
    assert {len(content) for n, content in names.items() if n.startswith("tile/0/") and ".p/" not in n} == {8192}
    reader = TileReader(folder, 70_000)
    root = root_of(70_000)
    assert reader.root() == root
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        verify_inclusion(index, 70_000, leaf_hash(entry(index)), reader.inclusion_proof(index), root)
    assert reader.consistency_proof(65_536) == [root_of_leaves(65_536, 70_000)]


def test_a_full_tree_of_256_has_a_full_tile_and_one_hash_above(tmp_path):
    folder = LogFolder(tmp_path)
    grow(folder, 0, 256)
    assert sorted(files_of(folder)) == ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.data())
def test_growing_in_any_steps_ends_in_the_same_tree(steps, data):
    with tempfile.TemporaryDirectory() as place:
        folder, size = LogFolder(Path(place) / "steps"), 0
        sizes = []
        for step in steps:
            grow(folder, size, size + step)
            size += step
            sizes.append(size)
        assert entries_in(folder, size) == [entry(i) for i in range(size)]
        reader = TileReader(folder, size)
        assert reader.root() == root_of(size)
        at_once = LogFolder(Path(place) / "at-once")
        grow(at_once, 0, size)
        grown = files_of(folder)
        assert {name: grown[name] for name in files_of(at_once)} == files_of(at_once)
        # An older checkpoint is served from what is there now, though its partial tiles may be gone.
        older = data.draw(st.sampled_from(sizes))
        index = data.draw(st.integers(0, older - 1))
        then = TileReader(folder, older)
        verify_inclusion(index, older, leaf_hash(entry(index)), then.inclusion_proof(index), root_of(older))
        assert reader.consistency_proof(older) == consistency_proof(older, size, in_memory)


def test_partial_tiles_go_when_the_full_one_is_there(tmp_path):
    folder = LogFolder(tmp_path)
    grow(folder, 0, 200)
    assert folder.read("tile/0/000.p/200") is not None
    grow(folder, 200, 256)
    assert folder.read("tile/0/000.p/200") is None
    assert folder.read_tile(0, 0, 200) == folder.read("tile/0/000")[: 200 * 32]
    assert folder.read_bundle(0, 200) == [entry(i) for i in range(200)]


def test_a_partial_tile_that_was_never_written_is_read_from_a_wider_one(tmp_path):
    folder = LogFolder(tmp_path)
    grow(folder, 0, 300)
    grow(folder, 300, 303)
    for path in ("tile/0/001.p/44", "tile/entries/001.p/44"):
        (tmp_path / path).unlink()
    assert TileReader(folder, 300).root() == root_of(300)
    assert entries_in(folder, 300)[-2:] == [entry(298), entry(299)]
    with pytest.raises(TileMissing, match=r"tile/0/001\.p/48 is missing or cut short"):
        TileReader(folder, 304).root()


def test_sweeping_removes_what_a_killed_writer_left_and_nothing_else(tmp_path):
    folder = LogFolder(tmp_path)
    grow(folder, 0, 3)
    before = files_of(folder)
    (tmp_path / ".writing" / "0123456789abcdef").write_bytes(b"half a ti")
    folder.sweep()
    assert files_of(folder) == before
    LogFolder(tmp_path / "nowhere").sweep()


def test_a_tile_that_is_missing_or_cut_short_is_named(tmp_path):
    folder = LogFolder(tmp_path)
    grow(folder, 0, 300)
    (tmp_path / "tile/0/001.p/44").write_bytes(b"short")
    with pytest.raises(TileMissing, match=r"tile/0/001\.p/44 is missing or cut short"):
        TileReader(folder, 300).root()
    (tmp_path / "tile/entries/000").unlink()
    with pytest.raises(TileMissing, match="tile/entries/000 is missing"):
        entries_in(folder, 300)


def test_writing_replaces_whole_files_and_leaves_nothing_behind(tmp_path, monkeypatch):
    folder = LogFolder(tmp_path)
    folder.write("checkpoint", b"old", durable=True)

    def power_cut(*_paths):
        raise OSError("power cut")

    monkeypatch.setattr("os.replace", power_cut)
    with pytest.raises(OSError, match="power cut"):
        folder.write("checkpoint", b"new", durable=True)
    assert files_of(folder) == {"checkpoint": b"old"}


def test_tiles_hold_the_hashes_of_the_leaves_in_order(tmp_path):
    folder = LogFolder(tmp_path)
    grow(folder, 0, 3)
    hashes = b"".join(hashlib.sha256(b"\x00" + entry(i)).digest() for i in range(3))
    assert files_of(folder) == {
        "tile/0/000.p/3": hashes,
        "tile/entries/000.p/3": b"\x00\x07entry 0\x00\x07entry 1\x00\x07entry 2",
    }


def test_writers_start_where_a_tile_starts(tmp_path):
    assert [TileWriter.start_for(size) for size in (0, 255, 256, 700)] == [0, 0, 256, 512]
    with pytest.raises(ValueError, match="from a multiple of 256 leaves, not from 7"):
        TileWriter(LogFolder(tmp_path), 7)
