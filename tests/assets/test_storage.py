"""The folder that keeps blobs: put once, whole, read-only."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.storage.base import BlobMissing, UnableToStore
from assets.storage.folder import FolderStorage
from tests.assets.makers import written

CAT = hashlib.sha256(b"a cat").hexdigest()


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "blobs")


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    return written(tmp_path, "cat", b"a cat")


def test_what_is_put_is_there_whole_and_read_only(storage: FolderStorage, cat: Path) -> None:
    storage.put(cat, CAT)
    cat.unlink()

    place = storage.folder / CAT[:2] / CAT[2:4] / CAT
    assert place.stat().st_mode & 0o777 == 0o444
    with storage.open(CAT) as file:
        assert file.read() == b"a cat"
    assert (storage.size(CAT), storage.exists(CAT)) == (5, True)
    assert [(blob.sha256, blob.size_bytes) for blob in storage.iter()] == [(CAT, 5)]


def test_the_same_bytes_are_stored_once(storage: FolderStorage, cat: Path) -> None:
    storage.put(cat, CAT)
    place = storage.folder / CAT[:2] / CAT[2:4] / CAT
    os.utime(place, (0, 0))
    before = place.stat().st_ino

    storage.put(cat, CAT)

    assert place.stat().st_ino == before
    assert place.stat().st_mtime > 0
    assert len([path for path in storage.folder.rglob("*") if path.is_file()]) == 1


def test_a_file_system_without_links_gets_a_copy(
    storage: FolderStorage, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)

    storage.put(cat, CAT)

    assert storage.size(CAT) == 5


def test_other_bytes_than_named_are_not_stored(storage: FolderStorage, cat: Path) -> None:
    with pytest.raises(UnableToStore, match="changed after it was received"):
        storage.put(cat, "0" * 64)

    assert [path for path in storage.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_name_that_is_no_digest_reaches_no_file(storage: FolderStorage, cat: Path, name: str) -> None:
    with pytest.raises(UnableToStore):
        storage.put(cat, name)
    with pytest.raises(BlobMissing):
        storage.open(name)
    storage.delete(name)
    assert not storage.exists(name)


def test_a_full_disk_is_said_so(storage: FolderStorage, cat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(UnableToStore, match="No space left on device"):
        storage.put(cat, CAT)

    assert [path for path in storage.folder.rglob("*") if path.is_file()] == []


def test_a_blob_can_be_deleted_twice(storage: FolderStorage, cat: Path) -> None:
    storage.put(cat, CAT)

    storage.delete(CAT)
    storage.delete(CAT)

    with pytest.raises(BlobMissing):
        storage.size(CAT)
    with pytest.raises(BlobMissing):
        storage.open(CAT)


def test_a_put_that_never_finished_is_forgotten_when_it_is_old(storage: FolderStorage) -> None:
    now = datetime.now(UTC)
    old = written(storage.folder, "unfinished/1-a", b"half")
    young = written(storage.folder, "unfinished/1-b", b"half")
    os.utime(old, times=((now - timedelta(hours=2)).timestamp(),) * 2)

    assert storage.forget_unfinished(before=now - timedelta(hours=1)) == 1

    assert (old.exists(), young.exists()) == (False, True)
