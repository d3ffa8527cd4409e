"""Alice's program puts parts into the bucket itself; the server takes those bytes alone, for as long as was said."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from assets.storage.base import (
    BlobMissing,
    PartRefused,
    PartsChanged,
    PartsMissing,
    SentPart,
    SignedRequest,
    UnableToStore,
)
from assets.storage.folder import FolderStorage
from assets.storage.s3 import S3Storage
from tests.assets.s3_looks import keys, sent, unfinished

pytest_plugins = ["tests.assets.s3_server"]

HOME = Path(__file__).resolve().parents[2]
MIB = 1024**2
WORLD = bytes(range(256)) * 4096 * 20 + b"the end"  # 20 MiB and seven bytes: a part of 16 MiB, and the rest.
PARTS = (WORLD[: 16 * MIB], WORLD[16 * MIB :])
NAMES = tuple(hashlib.sha256(part).hexdigest() for part in PARTS)
WORLD_NAME = hashlib.sha256(WORLD).hexdigest()
ALICE = "a" * 32


def test_parts_that_were_signed_become_a_file_and_then_a_blob(s3: S3Storage) -> None:
    direct = s3.direct()
    begun = direct.begin(ALICE, len(WORLD))
    assert (begun.part_bytes, direct.part_bytes(begun.place)) == (16 * MIB, 16 * MIB)
    assert direct.parts(begun.place) == []

    for number in (2, 1):
        assert send(signed(s3, begun.place, number), PARTS[number - 1]) == 200
    assert direct.parts(begun.place) == SENT
    for _time in range(2):
        direct.complete(begun.place)
    assert direct.parts(begun.place) == []

    incoming = s3.incoming()
    assert hashlib.file_digest(incoming.open(begun.place), "sha256").hexdigest() == WORLD_NAME
    assert [place for place, _at in incoming.iter()] == [begun.place]
    incoming.keep(begun.place, WORLD_NAME)
    incoming.discard(begun.place)
    assert hashlib.file_digest(s3.open(WORLD_NAME), "sha256").hexdigest() == WORLD_NAME
    assert keys(s3.bucket) == [f"blobs/{WORLD_NAME[:2]}/{WORLD_NAME[2:4]}/{WORLD_NAME}"]


def test_other_bytes_than_signed_are_refused_by_the_server(s3: S3Storage) -> None:
    place = s3.direct().begin(ALICE, len(WORLD)).place
    request = signed(s3, place, 2)

    assert send(request, b"x" * len(PARTS[1])) == 400  # Their SHA-256 is another.
    assert send(request, PARTS[1][:-1]) == 403  # Their number is another.
    lying = replace(request, headers={"x-amz-checksum-sha256": "x" * 43 + "="})
    assert send(lying, PARTS[1]) == 403
    assert send(replace(request, headers={}), PARTS[1]) == 403

    assert s3.direct().parts(place) == []


def test_tampered_and_expired_addresses_are_refused(s3: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = s3.direct().begin(ALICE, len(WORLD)).place
    good = signed(s3, place, 2)

    for old, new in (("partNumber=2", "partNumber=1"), ("Expires=600", "Expires=6000"), ("/whole?", "/other?")):
        assert old in good.url
        assert send(replace(good, url=good.url.replace(old, new)), PARTS[1]) in (403, 404)
    assert send(replace(good, url=good.url[:-4] + "0000"), PARTS[1]) == 403
    assert send(replace(good, method="DELETE"), b"") == 403
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime.utcnow() - timedelta(minutes=11))  # noqa: DTZ003
    assert send(signed(s3, place, 2), PARTS[1]) == 403
    monkeypatch.undo()

    assert s3.direct().parts(place) == []
    assert send(good, PARTS[1]) == 200


def test_another_process_goes_on_from_what_the_bucket_lists(s3: S3Storage) -> None:
    place = s3.direct().begin(ALICE, len(WORLD)).place
    assert send(signed(s3, place, 1), PARTS[0]) == 200

    program = (
        "import sys\n"
        "from assets.storage.s3 import S3Storage\n"
        "from assets.storage.s3_bucket import Bucket\n"
        "name, endpoint, access, secret, place = sys.argv[1:]\n"
        "bucket = Bucket(name=name, endpoint=endpoint, access_key=access, secret_key=secret)\n"
        "print([(part.number, part.size_bytes, part.sha256) for part in S3Storage(bucket).direct().parts(place)])\n"
    )
    at = s3.bucket
    command = [sys.executable, "-c", program, at.name, at.endpoint, at.access_key, at.secret_key, place]
    listed = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=True).stdout
    assert listed.strip() == str([(1, 16 * MIB, NAMES[0])])

    with pytest.raises(PartsMissing, match=r"^Parts have not arrived: 2\."):
        s3.direct().complete(place)
    assert send(signed(s3, place, 2), PARTS[1]) == 200
    S3Storage(s3.bucket).direct().complete(place)
    assert s3.incoming().open(place).read() == WORLD


def test_a_part_may_be_sent_again_and_the_last_one_signed_counts(s3: S3Storage) -> None:
    direct = s3.direct()
    place = direct.begin(ALICE, 7).place
    mistaken, right = b"mistake", b"the end"
    assert send(sign(s3, place, 1, mistaken), mistaken) == 200
    request = sign(s3, place, 1, right)

    with pytest.raises(PartsChanged):
        direct.complete(place)
    assert send(request, right) == 200
    assert [part.number for part in direct.parts(place)] == [1]
    direct.complete(place)

    assert s3.incoming().open(place).read() == right


def test_completed_by_one_who_fell_silent(s3: S3Storage) -> None:
    direct = s3.direct()
    place = direct.begin(ALICE, 7).place
    assert send(sign(s3, place, 1, b"the end"), b"the end") == 200
    ((key, id, _at),) = s3.bucket.list_unfinished(place)
    parts = [replace(part, sha256=hashlib.sha256(b"the end").hexdigest()) for part in s3.bucket.list_parts(key, id)]
    s3.bucket.complete_parts(key, id, parts)

    direct.complete(place)

    assert s3.incoming().open(place).read() == b"the end"


def test_an_abort_leaves_no_parts_and_no_right_to_send_more(s3: S3Storage) -> None:
    direct = s3.direct()
    place = direct.begin(ALICE, len(WORLD)).place
    request = signed(s3, place, 2)
    assert send(signed(s3, place, 1), PARTS[0]) == 200

    for _time in range(2):
        direct.abort(place)

    assert (keys(s3.bucket), unfinished(s3.bucket)) == ([], [])
    assert send(request, PARTS[1]) == 404
    for ask in (direct.parts, direct.complete, direct.part_bytes):
        with pytest.raises(UnableToStore, match="there is no such upload"):
            ask(place)
    with pytest.raises(BlobMissing):
        s3.incoming().open(place)


def test_a_begin_that_was_killed_is_swept_as_a_place(s3: S3Storage) -> None:
    s3.bucket.begin_parts(f"direct/{ALICE}/whole")

    incoming = s3.incoming()
    assert [place for place, _at in incoming.iter()] == [f"direct/{ALICE}"]
    incoming.discard(f"direct/{ALICE}")
    assert (list(incoming.iter()), unfinished(s3.bucket)) == ([], [])


@pytest.mark.parametrize(
    ("number", "size_bytes", "sha256", "why"),
    [
        (0, 7, NAMES[0], "the file ends with part 2"),
        (3, 7, NAMES[0], "the file ends with part 2"),
        (1, 7, NAMES[0], f"it has {16 * MIB} bytes, not 7"),
        (2, 16 * MIB, NAMES[0], f"it has {4 * MIB + 7} bytes, not {16 * MIB}"),
        (1, 16 * MIB, "A" * 64, "64 digits of lower-case hex"),
    ],
)
def test_a_part_that_is_none_is_not_signed(s3: S3Storage, number: int, size_bytes: int, sha256: str, why: str) -> None:
    place = s3.direct().begin(ALICE, len(WORLD)).place

    with pytest.raises(PartRefused, match=why):
        s3.direct().sign_part(place, number, size_bytes=size_bytes, sha256=sha256, expires_seconds=60)

    assert keys(s3.bucket) == [f"{place}/state"]


def test_bytes_go_in_by_one_way_only(s3: S3Storage) -> None:
    sent = s3.direct().begin("b" * 32, 7).place
    with pytest.raises(UnableToStore, match="its parts go to the object store"):
        s3.incoming().sink(sent, 0)
    streamed = s3.incoming().begin(ALICE, 7)
    for ask in (s3.direct().parts, s3.direct().complete, s3.direct().part_bytes):
        with pytest.raises(UnableToStore, match="its bytes are not sent in parts"):
            ask(streamed)
    with pytest.raises(UnableToStore, match="an upload of that id already"):
        s3.direct().begin("b" * 32, 7)

    assert unfinished(s3.bucket) == [f"{sent}/whole"]


def test_a_file_of_more_than_ten_thousand_parts_has_larger_ones(s3: S3Storage) -> None:
    begun = s3.direct().begin(ALICE, 200_000 * MIB)

    assert begun.part_bytes == 20 * MIB


def test_a_folder_takes_no_parts_from_others(tmp_path: Path) -> None:
    assert FolderStorage(tmp_path / "blobs").direct() is None


SENT: Sequence[SentPart] = [
    SentPart(number=number, size_bytes=len(part), sha256=NAMES[number - 1]) for number, part in enumerate(PARTS, 1)
]


def signed(s3: S3Storage, place: str, number: int) -> SignedRequest:
    return sign(s3, place, number, PARTS[number - 1])


def sign(s3: S3Storage, place: str, number: int, data: bytes) -> SignedRequest:
    return s3.direct().sign_part(
        place, number, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), expires_seconds=600
    )


def send(request: SignedRequest, data: bytes) -> int:
    return sent(request.method, request.url, data, request.headers)
