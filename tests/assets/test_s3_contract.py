"""What every storage promises, held against each: the folder, and a bucket of a real S3 server."""

import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.storage.base import BlobMissing, Overtaken, Sink, Storage, UnableToStore
from assets.storage.folder import FolderStorage
from tests.assets.makers import written

pytest_plugins = ["tests.assets.s3_server"]

CAT, DOG = (hashlib.sha256(data).hexdigest() for data in (b"a cat", b"a dog"))
ALICE, BOB = "a" * 32, "b" * 32
MANY = bytes(range(256)) * 4096 * 40  # 40 MiB: two full blocks and a half
HOUR = timedelta(hours=1)


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return FolderStorage(tmp_path / "blobs") if request.param == "folder" else request.getfixturevalue("s3")


def test_what_is_put_is_there_whole(storage: Storage, tmp_path: Path) -> None:
    cat = written(tmp_path, "cat", b"a cat")
    storage.put(cat, CAT)
    cat.unlink()

    with storage.open(CAT) as file:
        assert file.read() == b"a cat"
    assert (storage.size(CAT), storage.exists(CAT), storage.exists(DOG)) == (5, True, False)
    assert [(blob.sha256, blob.size_bytes) for blob in storage.iter()] == [(CAT, 5)]


def test_the_same_bytes_are_stored_once_and_touched(storage: Storage, tmp_path: Path) -> None:
    cat = written(tmp_path, "cat", b"a cat")
    storage.put(cat, CAT)
    (first,) = storage.iter()

    storage.put(cat, CAT)

    (second,) = storage.iter()
    assert second.size_bytes == 5
    assert first.touched_at <= second.touched_at <= datetime.now(UTC) + timedelta(seconds=2)


def test_other_bytes_than_named_are_not_stored(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(UnableToStore, match="changed after it was received"):
        storage.put(written(tmp_path, "cat", b"a cat"), DOG)

    assert list(storage.iter()) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_name_that_is_no_digest_reaches_nothing(storage: Storage, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnableToStore, match=r"the name is no SHA-256"):
        storage.put(written(tmp_path, "cat", b"a cat"), name)
    for ask in (storage.open, storage.size):
        with pytest.raises(BlobMissing):
            ask(name)
    storage.delete(name)
    assert not storage.exists(name)


def test_blobs_are_listed_in_order_and_deleted_twice(storage: Storage, tmp_path: Path) -> None:
    names = sorted(hashlib.sha256(bytes([number])).hexdigest() for number in range(8))
    for number in range(8):
        data = bytes([number])
        storage.put(written(tmp_path, f"{number}", data), hashlib.sha256(data).hexdigest())
    storage.put(written(tmp_path, "again", bytes([3])), hashlib.sha256(bytes([3])).hexdigest())
    assert [blob.sha256 for blob in storage.iter()] == names

    for _time in range(2):
        storage.delete(names[0])

    assert [blob.sha256 for blob in storage.iter()] == names[1:]
    with pytest.raises(BlobMissing):
        storage.open(names[0])


def test_a_blob_is_read_from_anywhere(storage: Storage, tmp_path: Path) -> None:
    data = MANY[: 3 * 1024**2 + 17]
    name = hashlib.sha256(data).hexdigest()
    storage.put(written(tmp_path, "large", data), name)

    with storage.open(name) as file:
        assert file.seek(-5, io.SEEK_END) == len(data) - 5
        assert (file.read(), file.read(1)) == (data[-5:], b"")
        assert file.seek(1_000_001) == file.tell() == 1_000_001
        assert file.read(700_000) == data[1_000_001:1_700_001]
        file.seek(10)
        assert file.read(2) == data[10:12]
        assert file.seek(len(data) + 9) == len(data) + 9
        assert file.read(4) == b""
        file.seek(0)
        assert hashlib.file_digest(file, "sha256").hexdigest() == name


def test_an_upload_is_what_was_committed(storage: Storage) -> None:
    incoming = storage.incoming()
    place = incoming.begin(ALICE, 9)
    sink = incoming.sink(place, 0)
    sink.write(b"a cat")
    assert sink.commit() == 5
    assert sink.commit() == 5
    sink.write(memoryview(b" and"))
    assert sink.commit() == 9
    sink.close()

    with incoming.open(place) as file:
        assert file.read() == b"a cat and"
    assert [name for name, _at in incoming.iter()] == [place]


def test_going_back_drops_what_lies_behind(storage: Storage) -> None:
    incoming = storage.incoming()
    place = incoming.begin(ALICE, 20)
    first = incoming.sink(place, 0)
    first.write(b"a cat ")
    first.commit()
    first.write(b"and a dog")
    first.commit()
    first.close()

    second = incoming.sink(place, 8)
    second.write(b"d more")
    assert second.commit() == 14
    second.close()

    with incoming.open(place) as file:
        assert file.read() == b"a cat and more"
    with pytest.raises(UnableToStore):
        incoming.sink(place, 15)


def test_a_later_sink_overtakes_an_earlier_one(storage: Storage) -> None:
    incoming = storage.incoming()
    place = incoming.begin(ALICE, 100)
    slow = incoming.sink(place, 0)
    slow.write(b"slow")
    fast = incoming.sink(place, 0)
    fast.write(b"fast")
    assert fast.commit() == 4

    with pytest.raises(Overtaken):
        _go_on(slow)
    slow.close()

    incoming.overtake(place)
    with pytest.raises(Overtaken):
        fast.commit()
    fast.close()
    with incoming.open(place) as file:
        assert file.read() == b"fast"


def test_a_kept_upload_is_a_blob_and_stays_readable_until_it_is_discarded(storage: Storage) -> None:
    incoming = storage.incoming()
    place = incoming.begin(ALICE, len(MANY))
    name = hashlib.sha256(MANY).hexdigest()
    offset = 0
    for end in (5, 20 * 1024**2, 33 * 1024**2 + 1, 33 * 1024**2 + 1000, len(MANY)):  # Each by a request of its own.
        sink = incoming.sink(place, offset)
        for start in range(offset, end, 1024**2):
            sink.write(MANY[start : min(end, start + 1024**2)])
        offset = sink.commit()
        sink.close()
        assert offset == end

    for _time in range(2):
        incoming.keep(place, name)
    assert incoming.open(place).read(10) == MANY[:10]
    incoming.discard(place)
    incoming.discard(place)

    assert storage.size(name) == len(MANY)
    with storage.open(name) as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == name
    assert list(incoming.iter()) == []
    with pytest.raises(BlobMissing):
        incoming.open(place)


def test_a_discarded_place_takes_nothing_more(storage: Storage) -> None:
    incoming = storage.incoming()
    place = incoming.begin(ALICE, 100)
    other = incoming.begin(BOB, 100)
    sink = incoming.sink(place, 0)
    sink.write(b"a cat")

    incoming.discard(place)

    with pytest.raises((Overtaken, UnableToStore)):
        _go_on(sink)
    sink.close()
    incoming.overtake(place)
    with pytest.raises(UnableToStore):
        incoming.sink(place, 0)
    with pytest.raises(UnableToStore):
        incoming.keep(place, CAT)
    assert [name for name, _at in incoming.iter() if name != place] == [other]


def test_a_fresh_storage_forgets_nothing_young(storage: Storage, tmp_path: Path) -> None:
    storage.put(written(tmp_path, "cat", b"a cat"), CAT)

    assert storage.forget_unfinished(before=datetime.now(UTC) - HOUR) == 0
    assert storage.exists(CAT)


def _go_on(sink: Sink) -> None:
    sink.write(b"more")
    sink.commit()
