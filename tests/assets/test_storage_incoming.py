"""Where uploads wait: what was committed is there, one writes at a time, and what became a blob is never written to."""

import hashlib
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from assets.storage.base import BlobMissing, Overtaken, UnableToStore
from assets.storage.folder import FolderStorage
from assets.storage.folder_incoming import FolderIncoming

HOME = Path(__file__).resolve().parents[2]
UPLOAD = UUID(int=7).hex
CAT = hashlib.sha256(b"a cat").hexdigest()


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "blobs")


@pytest.fixture
def incoming(storage: FolderStorage) -> FolderIncoming:
    return storage.incoming()


@pytest.fixture
def place(incoming: FolderIncoming) -> str:
    return incoming.begin(UPLOAD, 5)


def text(incoming: FolderIncoming, place: str) -> bytes:
    with incoming.open(place) as file:
        return file.read()


def test_what_is_committed_is_there_and_the_rest_is_dropped(incoming: FolderIncoming, place: str) -> None:
    sink = incoming.sink(place, 0)
    sink.write(b"a c")
    assert sink.commit() == 3
    sink.write(memoryview(b"ow, never acknowledged"))
    sink.close()
    sink.close()

    sink = incoming.sink(place, 3)
    sink.write(b"at")

    assert (sink.commit(), text(incoming, place)) == (5, b"a cat")
    assert incoming.path(place).stat().st_mode & 0o777 == 0o600
    assert incoming.folder.stat().st_mode & 0o777 == 0o700


def test_a_later_sink_stops_every_earlier_one(incoming: FolderIncoming, place: str) -> None:
    first = incoming.sink(place, 0)
    first.write(b"a c")
    first.commit()
    second = incoming.sink(place, 3)

    with pytest.raises(Overtaken):
        first.write(b"ow")
    with pytest.raises(Overtaken):
        first.commit()
    second.write(b"at")
    assert (second.commit(), text(incoming, place)) == (5, b"a cat")

    incoming.overtake(place)
    with pytest.raises(Overtaken):
        second.write(b"!")
    assert text(incoming, place) == b"a cat"


def test_a_sink_of_another_process_is_stopped_too(incoming: FolderIncoming, place: str) -> None:
    code = (
        "import sys; from pathlib import Path; from assets.storage.base import Overtaken;"
        "from assets.storage.folder import FolderStorage;"
        "sink = FolderStorage(Path(sys.argv[1])).incoming().sink(sys.argv[2], 0);"
        "sink.write(b'cow'); print(sink.commit(), flush=True); sys.stdin.readline()\n"
        "try: sink.write(b'cow'); print('written')\n"
        "except Overtaken: print('overtaken')"
    )
    folder = incoming.folder.with_name("blobs")
    other = subprocess.Popen(
        [sys.executable, "-c", code, folder, place], cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "3\n"
    mine = incoming.sink(place, 0)
    mine.write(b"a cat")

    said, _errors = other.communicate("go on\n", timeout=20)

    assert (said, mine.commit(), text(incoming, place)) == ("overtaken\n", 5, b"a cat")


def test_a_process_that_was_killed_leaves_no_lock(incoming: FolderIncoming, place: str) -> None:
    code = (
        "import os, sys; from pathlib import Path; from assets.storage.folder import FolderStorage;"
        "sink = FolderStorage(Path(sys.argv[1])).incoming().sink(sys.argv[2], 0);"
        "sink.write(b'a c'); sink.commit(); sink._fence.held().__enter__(); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, incoming.folder.with_name("blobs"), place], cwd=HOME)
    assert ended.returncode == -9

    sink = incoming.sink(place, 3)
    sink.write(b"at")
    assert (sink.commit(), text(incoming, place)) == (5, b"a cat")


def test_of_many_at_once_one_writes_and_nothing_is_torn(incoming: FolderIncoming, place: str) -> None:
    written: list[str] = []

    def write(letter: str) -> None:
        try:
            sink = incoming.sink(place, 0)
            for _round in range(50):
                sink.write(letter.encode() * 2000)
            sink.commit()
            written.append(letter)
        except Overtaken:
            pass

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert written
    assert text(incoming, place) == written[-1].encode() * 100_000


def test_bytes_that_are_not_there_are_not_gone_on_from(incoming: FolderIncoming, place: str) -> None:
    with pytest.raises(UnableToStore, match="0 bytes are there instead of 1"):
        incoming.sink(place, 1)
    with pytest.raises(UnableToStore, match="its place is gone"):
        incoming.sink(uuid4().hex, 0)
    with pytest.raises(UnableToStore, match="File exists"):
        incoming.begin(UPLOAD, 5)


def test_what_is_kept_is_a_blob_that_nobody_can_write_to(
    storage: FolderStorage, incoming: FolderIncoming, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = incoming.sink(place, 0)
    sink.write(b"a cat")
    sink.commit()
    monkeypatch.setattr(hashlib, "file_digest", lambda *_args: pytest.fail("it was read again"))

    incoming.keep(place, CAT)
    incoming.keep(place, CAT)

    with pytest.raises(Overtaken):
        sink.write(b"!")
    with pytest.raises(UnableToStore, match="kept already"):
        incoming.sink(place, 0)
    blob = storage.folder / CAT[:2] / CAT[2:4] / CAT
    assert (blob.read_bytes(), blob.stat().st_mode & 0o777, blob.stat().st_nlink) == (b"a cat", 0o444, 2)
    assert text(incoming, place) == b"a cat"
    incoming.discard(place)
    assert (blob.read_bytes(), blob.stat().st_nlink) == (b"a cat", 1)


def test_bytes_that_must_be_copied_are_checked(
    storage: FolderStorage, incoming: FolderIncoming, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    sink = incoming.sink(place, 0)
    sink.write(b"a cow")
    sink.commit()

    with pytest.raises(UnableToStore, match="changed after it was received"):
        incoming.keep(place, CAT)
    assert not storage.exists(CAT)
    incoming.keep(place, hashlib.sha256(b"a cow").hexdigest())
    assert storage.size(hashlib.sha256(b"a cow").hexdigest()) == 5


def test_bytes_that_are_a_blob_already_are_not_stored_twice(
    storage: FolderStorage, incoming: FolderIncoming, place: str, tmp_path: Path
) -> None:
    (tmp_path / "cat").write_bytes(b"a cat")
    storage.put(tmp_path / "cat", CAT)
    blob = storage.folder / CAT[:2] / CAT[2:4] / CAT
    inode = blob.stat().st_ino
    sink = incoming.sink(place, 0)
    sink.write(b"a cat")
    sink.commit()

    incoming.keep(place, CAT)

    assert blob.stat().st_ino == inode


def test_what_is_discarded_is_gone_and_its_writer_stopped(incoming: FolderIncoming, place: str) -> None:
    sink = incoming.sink(place, 0)

    incoming.discard(place)
    incoming.discard(place)
    incoming.overtake(place)

    with pytest.raises(Overtaken):
        sink.write(b"a cat")
    with pytest.raises(BlobMissing):
        incoming.open(place)
    assert list(incoming.folder.iterdir()) == []


def test_every_place_is_listed_with_the_time_of_its_last_bytes(incoming: FolderIncoming, place: str) -> None:
    other = incoming.begin(uuid4().hex, 1)
    left = incoming.begin(uuid4().hex, 1)
    incoming.path(left).unlink()  # as a crash in the middle of a discard leaves it
    (incoming.folder / "README").write_text("not ours")
    for path in incoming.folder.glob(f"{other}*"):
        os.utime(path, (0, 0))

    found = dict(incoming.iter())

    assert set(found) == {place, other, left}
    assert found[other] == datetime.fromtimestamp(0, UTC)
    assert datetime.now(UTC) - found[place] < timedelta(minutes=5)
    incoming.discard(left)
    assert left not in dict(incoming.iter())


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 32 + "\n", "0" * 32 + ".writer"])
def test_a_place_that_is_no_upload_reaches_no_file(incoming: FolderIncoming, name: str) -> None:
    for verb in (incoming.open, incoming.discard, incoming.overtake, lambda place: incoming.sink(place, 0)):
        with pytest.raises(BlobMissing):
            verb(name)
    with pytest.raises(BlobMissing):
        incoming.begin(name, 1)


def test_a_disk_that_fails_is_said_so(incoming: FolderIncoming, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = incoming.sink(place, 0)

    def full(*_args: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(UnableToStore, match="No space left on device"):
            sink.write(b"a cat")
    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(UnableToStore, match="No space left on device"):
        sink.commit()
