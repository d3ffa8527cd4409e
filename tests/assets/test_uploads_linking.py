"""Hash first: bytes that are published already need not be sent by who has them."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site

from assets import operations as assets
from assets import queries
from assets.models import Blob, Upload, UploadInspection
from assets.operations import UnableToUpload
from marketplace.people.models import Person
from tests.assets.uploading import BYTES, SHA256, begun, places, quick, refused
from tests.cast import NOON, later


@pytest.fixture
def alice(db: None) -> Person:
    return quick("alice")


@pytest.fixture
def dave(db: None) -> Person:
    return quick("dave")


@pytest.fixture
def blob(db: None, tmp_path: Path) -> bytes:
    data = bytes(range(251)) * 2000
    path = tmp_path / "published"
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    queries.storage().put(path, sha256)
    Blob.objects.create(sha256=sha256, size_bytes=len(data), stored_at=NOON)
    return data


def offered(owner: Person, data: bytes, **values: Any) -> assets.Challenge:
    given = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "name": "again.safetensors",
        "is_published": lambda _sha256: True,
        "now": NOON,
    }
    return assets.offer_known(owner=owner, **given | values)


def linked(owner: Person, challenge: assets.Challenge, data: bytes, **values: Any) -> Upload:
    proof = hashlib.sha256(challenge.nonce)
    for start, length in challenge.ranges:
        proof.update(data[start : start + length])
    given = {"proof": proof.hexdigest(), "is_published": lambda _sha256: True, "now": NOON}
    return assets.link_known(owner=owner, token=challenge.token, **given | values)


def test_the_right_answer_links_without_a_byte(dave: Person, blob: bytes) -> None:
    challenge = offered(dave, blob)
    assert len(challenge.ranges) == 4
    assert {length for _start, length in challenge.ranges} == {32768}
    assert all(0 <= start <= len(blob) - 32768 for start, _length in challenge.ranges)
    assert Upload.objects.count() == 0

    upload = linked(dave, challenge, blob)

    assert (upload.sha256, upload.offset_bytes, upload.place) == (hashlib.sha256(blob).hexdigest(), len(blob), "")
    assert (upload.name, upload.blob_id) == ("again.safetensors", upload.sha256)
    assert upload.inspection.state == UploadInspection.State.WAITING
    assert places() == []
    with assets.uploaded_files([upload]) as (received,):
        assert received.path.read_bytes() == blob
        assert received.path.parent != site.DATA_FOLDER / "staging"
    assets.abort_upload(upload_id=upload.pk, owner=dave)
    assert queries.storage().exists(upload.sha256)


def test_a_short_file_is_asked_for_whole(dave: Person, tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(BYTES)
    queries.storage().put(path, SHA256)
    Blob.objects.create(sha256=SHA256, size_bytes=len(BYTES), stored_at=NOON)

    assert offered(dave, BYTES).ranges == ((0, len(BYTES)),)


def test_a_wrong_answer_writes_nothing(alice: Person, dave: Person, blob: bytes) -> None:
    challenge = offered(dave, blob)
    wrong = bytearray(blob)
    wrong[challenge.ranges[2][0]] ^= 1
    other = offered(dave, blob)

    assert refused(lambda: linked(dave, challenge, bytes(wrong))) == "proof-wrong"
    assert refused(lambda: linked(dave, challenge, blob, proof="ü")) == "proof-wrong"
    mixed = assets.Challenge(token=other.token, nonce=challenge.nonce, ranges=challenge.ranges, until=other.until)
    assert refused(lambda: linked(dave, mixed, blob)) == "proof-wrong"
    assert refused(lambda: linked(alice, challenge, blob)) == "challenge-over"
    assert refused(lambda: linked(dave, challenge, blob, now=later(minutes=6))) == "challenge-over"
    tampered = assets.Challenge(token=challenge.token + "x", nonce=b"", ranges=(), until=NOON)
    assert refused(lambda: linked(dave, tampered, blob)) == "challenge-over"
    assert refused(lambda: linked(dave, challenge, blob, is_published=lambda _s: False)) == "bytes-unknown"

    assert (Upload.objects.count(), UploadInspection.objects.count()) == (0, 0)


def test_only_published_bytes_of_that_size_are_known(dave: Person, blob: bytes) -> None:
    said = set()
    for values in (
        {"is_published": lambda _sha256: False},
        {"size_bytes": len(blob) + 1},
        {"sha256": "0" * 64},
        {"sha256": "../" * 20},
        {"size_bytes": 10**30},
    ):
        with pytest.raises(UnableToUpload) as refusal:
            offered(dave, blob, **values)
        said.add((refusal.value.code, str(refusal.value)))
    assert [code for code, _text in said] == ["bytes-unknown"]


def test_links_count_as_uploads_but_take_no_room(dave: Person, blob: bytes, settings: Any) -> None:
    settings.UPLOADS_LIMIT, settings.UPLOADS_LIMIT_BYTES = 2, 10
    challenge = offered(dave, blob)
    linked(dave, challenge, blob)
    begun(dave, 10)

    assert refused(lambda: linked(dave, challenge, blob)) == "too-many-uploads"
    assert Upload.objects.count() == 2
