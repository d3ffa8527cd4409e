"""Blobs and uploads in a bucket: what lies there, what a killed machine leaves, and how much memory it takes."""

import hashlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.storage import s3_bucket, s3_incoming
from assets.storage.base import BlobMissing, Overtaken, UnableToStore
from assets.storage.s3 import S3Storage
from assets.storage.s3_bucket import Bucket, Changed, StorageFailed
from tests.assets.makers import written
from tests.assets.s3_looks import keys, piece_sizes, unfinished

pytest_plugins = ["tests.assets.s3_server"]

HOME = Path(__file__).resolve().parents[2]
MIB = 1024**2
CAT = hashlib.sha256(b"a cat").hexdigest()
LARGE = bytes(range(256)) * 4096 * 33  # 33 MiB: two parts and a short third.
LARGE_NAME = hashlib.sha256(LARGE).hexdigest()
ALICE = "a" * 32


def test_a_blob_lies_under_its_digest(s3: S3Storage, tmp_path: Path) -> None:
    s3.put(written(tmp_path, "cat", b"a cat"), CAT)
    assert keys(s3.bucket) == [f"blobs/{CAT[:2]}/{CAT[2:4]}/{CAT}"]

    s3.put(written(tmp_path, "cat", b"a cat"), CAT)
    assert keys(s3.bucket, "touched/") == [f"touched/{CAT[:2]}/{CAT[2:4]}/{CAT}"]

    s3.delete(CAT)
    assert keys(s3.bucket) == []


def test_a_large_blob_goes_in_parts_and_a_wrong_one_leaves_none(s3: S3Storage, tmp_path: Path) -> None:
    path = written(tmp_path, "large", LARGE)

    s3.put(path, LARGE_NAME)
    with s3.open(LARGE_NAME) as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == LARGE_NAME
    with pytest.raises(UnableToStore, match="changed after it was received"):
        s3.put(path, "0" * 64)

    assert [blob.sha256 for blob in s3.iter()] == [LARGE_NAME]
    assert unfinished(s3.bucket) == []


def test_a_blob_of_another_size_is_put_again(s3: S3Storage, tmp_path: Path) -> None:
    s3.bucket.put(f"blobs/{CAT[:2]}/{CAT[2:4]}/{CAT}", b"a c")

    s3.put(written(tmp_path, "cat", b"a cat"), CAT)

    assert s3.open(CAT).read() == b"a cat"


def test_names_that_are_no_blobs_are_passed_over(s3: S3Storage, tmp_path: Path) -> None:
    for stray in (f"blobs/{CAT}", "blobs/readme", f"blobs/00/00/{CAT}", f"touched/{CAT[:2]}/{CAT[2:4]}/{CAT}"):
        s3.bucket.put(stray, b"")
    assert list(s3.iter()) == []

    s3.put(written(tmp_path, "cat", b"a cat"), CAT)
    assert [blob.sha256 for blob in s3.iter()] == [CAT]


def test_a_put_that_was_killed_is_forgotten_when_it_is_old(s3: S3Storage, tmp_path: Path) -> None:
    key = f"blobs/{CAT[:2]}/{CAT[2:4]}/{CAT}"
    id = s3.bucket.begin_parts(key)
    s3.bucket.send_part(key, id, 1, b"a cat")
    waits = s3.direct().begin(ALICE, 5)
    now = datetime.now(UTC)

    assert s3.forget_unfinished(before=now - timedelta(hours=1)) == 0
    assert s3.forget_unfinished(before=now + timedelta(minutes=1)) == 1

    assert unfinished(s3.bucket) == [f"{waits.place}/whole"]  # Uploads are swept by their rows.
    assert not s3.exists(CAT)


def test_bytes_that_change_on_their_way_are_refused_by_the_server(s3: S3Storage, monkeypatch: Any) -> None:
    monkeypatch.setattr(s3_bucket, "checksum", lambda _data: s3_bucket.base64.b64encode(bytes(32)).decode())

    with pytest.raises(StorageFailed, match="The bytes changed on their way to the object store"):
        s3.bucket.put("cat", b"a cat")
    id = s3.bucket.begin_parts("large")
    with pytest.raises(StorageFailed, match="The bytes changed on their way to the object store"):
        s3.bucket.send_part("large", id, 1, LARGE[: 5 * MIB])

    assert keys(s3.bucket) == []
    assert list(s3.bucket.list_parts("large", id)) == []


def test_what_fails_is_said_in_a_sentence(s3: S3Storage, tmp_path: Path) -> None:
    cat = written(tmp_path, "cat", b"a cat")
    thief = S3Storage(replace(s3.bucket, secret_key="guessed"))
    nobody = S3Storage(replace(s3.bucket, endpoint="http://127.0.0.1:9"))

    with pytest.raises(UnableToStore, match=r"could not be stored: the object store refuses the access key\."):
        thief.put(cat, CAT)
    with pytest.raises(UnableToStore, match=r"could not be stored: the object store does not answer"):
        nobody.put(cat, CAT)
    with pytest.raises(OSError, match=r"^The object store does not answer \(EndpointConnectionError\)\.$"):
        nobody.size(CAT)
    with pytest.raises(UnableToStore, match="the object store does not answer"):
        nobody.incoming().begin(ALICE, 5)
    with pytest.raises(UnableToStore, match="No such file"):
        s3.put(tmp_path / "none", CAT)
    with pytest.raises(StorageFailed, match="set WORLDLOOM_S3_BUCKET"):
        Bucket.of_settings({"bucket": "", "endpoint": ""})

    assert keys(s3.bucket) == []
    assert "guessed" not in repr(thief.bucket)


def test_bytes_that_vanish_while_they_are_read_are_an_error(s3: S3Storage, tmp_path: Path) -> None:
    s3.put(written(tmp_path, "large", LARGE), LARGE_NAME)
    with s3.open(LARGE_NAME) as file:
        file.read(10)
        s3.delete(LARGE_NAME)
        file.seek(20 * MIB)
        with pytest.raises(OSError, match="were removed while they were read"):
            file.read(10)


def test_small_commits_become_pieces_and_a_full_block_one_object(s3: S3Storage) -> None:
    incoming = s3.incoming()
    place = incoming.begin(ALICE, len(LARGE))
    sink = incoming.sink(place, 0)
    for end in (3, 5 * MIB, 9 * MIB):
        sink.write(LARGE[{3: 0, 5 * MIB: 3, 9 * MIB: 5 * MIB}[end] : end])
        assert sink.commit() == end
    assert piece_sizes(s3.bucket, place) == [3, 5 * MIB - 3, 4 * MIB]

    sink.write(LARGE[9 * MIB : 17 * MIB])
    assert sink.commit() == 17 * MIB
    assert piece_sizes(s3.bucket, place) == [16 * MIB, MIB]
    sink.close()

    # Another machine goes back, which cuts a full block, and goes on.
    again = S3Storage(s3.bucket).incoming().sink(place, 10 * MIB)
    again.write(LARGE[10 * MIB :])
    assert again.commit() == len(LARGE)
    assert piece_sizes(s3.bucket, place) == [16 * MIB, 16 * MIB, MIB]
    with incoming.open(place) as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == LARGE_NAME


def test_what_a_killed_sink_left_counts_for_nothing(s3: S3Storage) -> None:
    incoming = s3.incoming()
    place = incoming.begin(ALICE, len(LARGE))
    killed = incoming.sink(place, 0)
    killed.write(LARGE[: 2 * MIB])
    killed.commit()
    killed.write(LARGE[2 * MIB : 33 * MIB])  # A full block is there, and was not committed.
    assert piece_sizes(s3.bucket, place) == [2 * MIB, 16 * MIB, 16 * MIB]

    with pytest.raises(UnableToStore, match=f"{2 * MIB} bytes are there, not {3 * MIB}"):
        incoming.sink(place, 3 * MIB)
    sink = incoming.sink(place, 2 * MIB)
    assert piece_sizes(s3.bucket, place) == [2 * MIB]
    with pytest.raises(Overtaken):
        killed.commit()
    sink.write(LARGE[2 * MIB :])
    sink.commit()

    with incoming.open(place) as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == LARGE_NAME


def test_a_machine_killed_between_parts_is_gone_on_from_by_another(s3: S3Storage) -> None:
    incoming = s3.incoming()
    place = incoming.begin(ALICE, len(LARGE))
    program = (
        "import os, signal, sys\n"
        "from assets.storage.s3 import S3Storage\n"
        "from assets.storage.s3_bucket import Bucket\n"
        "name, endpoint, access, secret, place = sys.argv[1:]\n"
        "bucket = Bucket(name=name, endpoint=endpoint, access_key=access, secret_key=secret)\n"
        "sink = S3Storage(bucket).incoming().sink(place, 0)\n"
        "data = bytes(range(256)) * 4096 * 33\n"
        "sink.write(data[:17 * 1024**2])\n"
        "assert sink.commit() == 17 * 1024**2\n"
        "sink.write(data[17 * 1024**2:])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    at = s3.bucket
    command = [sys.executable, "-c", program, at.name, at.endpoint, at.access_key, at.secret_key, place]
    assert subprocess.run(command, cwd=HOME, check=False).returncode == -9

    with pytest.raises(UnableToStore):
        incoming.sink(place, 17 * MIB + 1)
    sink = incoming.sink(place, 17 * MIB)
    sink.write(LARGE[17 * MIB :])
    assert sink.commit() == len(LARGE)
    incoming.keep(place, LARGE_NAME)
    incoming.discard(place)

    assert hashlib.file_digest(s3.open(LARGE_NAME), "sha256").hexdigest() == LARGE_NAME
    assert keys(s3.bucket, "incoming/") == []


def test_an_answer_that_was_lost_does_not_look_like_somebody_else(s3: S3Storage) -> None:
    here = s3_incoming.Place(s3.bucket, f"incoming/{ALICE}")
    state = s3_incoming.State(size_bytes=9, writer="w")
    first = here.write(state, None)
    assert here.write(state, None) == first  # The same request once more, as a client library repeats it.

    later = replace(state, writer="x")
    second = here.write(later, first)
    assert here.write(later, first) == second
    with pytest.raises(Changed):
        here.write(replace(state, writer="y"), first)


def test_of_many_who_go_on_at_once_one_at_a_time_commits(s3: S3Storage) -> None:
    incoming = s3.incoming()
    place = incoming.begin(ALICE, 100)

    def write(number: int) -> bool:
        try:
            sink = S3Storage(s3.bucket).incoming().sink(place, 0)
            sink.write(bytes([number]) * (number + 1))
            return sink.commit() == number + 1
        except Overtaken:
            return False

    with ThreadPoolExecutor(6) as pool:
        committed = [number for number, done in enumerate(pool.map(write, range(12))) if done]

    there = incoming.open(place).read()
    assert committed
    assert there == b"" or there in [bytes([number]) * (number + 1) for number in committed]


def test_an_id_begins_once_and_a_strange_place_reaches_nothing(s3: S3Storage) -> None:
    incoming = s3.incoming()
    incoming.begin(ALICE, 5)
    with pytest.raises(UnableToStore, match="there is an upload of that id already"):
        incoming.begin(ALICE, 5)
    for strange in ("", "blobs", "../x", "A"):
        with pytest.raises(UnableToStore, match="not in lower-case hex"):
            incoming.begin(strange, 5)

    s3.bucket.put("blobs/state", b"{}")
    for strange in ("", "blobs", "incoming/", f"incoming/{ALICE}/.."):
        incoming.discard(strange)
        incoming.overtake(strange)
        with pytest.raises(BlobMissing):
            incoming.open(strange)
        with pytest.raises(UnableToStore):
            incoming.sink(strange, 0)

    assert keys(s3.bucket) == ["blobs/state", f"incoming/{ALICE}/state"]


def test_nothing_is_no_blob(s3: S3Storage) -> None:
    incoming = s3.incoming()
    place = incoming.begin(ALICE, 5)

    with pytest.raises(UnableToStore, match="nothing of it has arrived"):
        incoming.keep(place, CAT)
    with pytest.raises(UnableToStore, match="no SHA-256"):
        incoming.keep(place, "cat")
    assert incoming.open(place).read() == b""


def test_an_object_too_large_for_one_copy_is_copied_in_ranges(s3: S3Storage) -> None:
    s3 = S3Storage(replace(s3.bucket, copy_limit_bytes=7 * MIB))
    s3.bucket.put(f"incoming/{ALICE}/w/0", LARGE)
    pieces = (s3_incoming.Piece("w/0", 0, len(LARGE)),)
    s3_incoming.Place(s3.bucket, f"incoming/{ALICE}").write(
        s3_incoming.State(size_bytes=len(LARGE), writer="w", pieces=pieces), None
    )

    s3.incoming().keep(f"incoming/{ALICE}", LARGE_NAME)

    assert hashlib.file_digest(s3.open(LARGE_NAME), "sha256").hexdigest() == LARGE_NAME
    assert unfinished(s3.bucket) == []


def test_pieces_that_went_missing_keep_the_blob_out(s3: S3Storage) -> None:
    incoming = s3.incoming()
    place = incoming.begin(ALICE, len(LARGE))
    sink = incoming.sink(place, 0)
    sink.write(LARGE)
    sink.commit()
    s3.bucket.delete([key for key in keys(s3.bucket, f"{place}/") if not key.endswith("/state")][:1])

    with pytest.raises(UnableToStore, match="are gone"):
        incoming.keep(place, LARGE_NAME)

    assert not s3.exists(LARGE_NAME)
    assert unfinished(s3.bucket) == []


@pytest.mark.parametrize("size_mib", [40, pytest.param(200, marks=pytest.mark.deep)])
def test_however_large_a_file_is_no_more_than_a_block_is_held(
    s3: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size_mib: int
) -> None:
    held: list[int] = []
    original = Bucket.call

    def weigh(bucket: Bucket, verb: str, /, **arguments: Any) -> Any:
        held.append(len(arguments.get("Body", b"")))
        answer = original(bucket, verb, **arguments)
        if verb == "get_object":
            held.append(answer["ContentLength"])
        return answer

    monkeypatch.setattr(Bucket, "call", weigh)
    mib, digest = bytes(range(256)) * 4096, hashlib.sha256()
    incoming = s3.incoming()
    place = incoming.begin(ALICE, size_mib * MIB)
    sink = incoming.sink(place, 0)
    for number in range(size_mib):
        data = number.to_bytes(4, "big") + mib[4:]
        digest.update(data)
        sink.write(data)
    assert sink.commit() == size_mib * MIB
    incoming.keep(place, digest.hexdigest())
    incoming.discard(place)
    assert max(held) == 16 * MIB

    held.clear()
    path = tmp_path / "copy"
    with s3.open(digest.hexdigest()) as file, path.open("wb") as copy:
        while chunk := file.read(MIB):
            copy.write(chunk)
    assert max(held) == 8 * MIB

    held.clear()
    s3.delete(digest.hexdigest())
    s3.put(path, digest.hexdigest())
    assert max(held) == 16 * MIB
    assert s3.size(digest.hexdigest()) == size_mib * MIB


def test_reading_a_little_here_and_there_brings_little(s3: S3Storage, tmp_path: Path, monkeypatch: Any) -> None:
    s3.put(written(tmp_path, "large", LARGE), LARGE_NAME)
    brought: list[int] = []
    original = Bucket.get
    monkeypatch.setattr(
        Bucket,
        "get",
        lambda bucket, key, start, length: brought.append(length) or original(bucket, key, start, length),
    )

    with s3.open(LARGE_NAME) as file:
        for start in (30 * MIB, 5, 20 * MIB):
            file.seek(start)
            assert file.read(100) == LARGE[start : start + 100]
        file.seek(-1, io.SEEK_END)
        assert file.read() == LARGE[-1:]

    assert brought == [256 * 1024, 256 * 1024, 256 * 1024, 1]
