"""The whole site on a bucket: Alice's files come in by every way, are inspected, published and downloaded."""

import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from assets import operations as assets
from assets import queries
from assets.models import Asset, Blob, Upload, UploadInspection
from assets.operations import UnableToAdmit, UnableToUpload
from assets.storage.base import BlobMissing, UnableToStore
from assets.storage.s3_bucket import Bucket
from assets.uploads.direct import DirectState, begin_direct, finish_direct, list_sent, sign_parts
from marketplace.catalog.models import Release
from marketplace.people.models import Person
from tests import packs
from tests.assets import makers as make
from tests.assets.conftest import Traces
from tests.assets.door import CAT, send
from tests.assets.s3_looks import keys, sent, unfinished
from tests.cast import NOON, creator, later, person

pytest_plugins = ["tests.assets.s3_server"]
pytestmark = pytest.mark.django_db

MIB = 1024**2
PROMPTS = b"a pier above the clouds\n" * (17 * MIB // 24)  # One part of 16 MiB, and a short one.
NAME = hashlib.sha256(PROMPTS).hexdigest()
PARTS = {1: PROMPTS[: 16 * MIB], 2: PROMPTS[16 * MIB :]}
SHA256S = {number: hashlib.sha256(part).hexdigest() for number, part in PARTS.items()}


@pytest.fixture(autouse=True)
def on_s3(bucket: Bucket, settings: Any) -> Bucket:
    """Puts the site's files into the bucket, as WORLDLOOM_STORAGE and WORLDLOOM_S3_… would."""
    settings.ADAPTERS = {**settings.ADAPTERS, "storage": "assets.storage.s3.S3Storage"}
    names = ("endpoint", "region", "access_key", "secret_key", "path_style")
    settings.S3 = {"bucket": bucket.name, **{name: getattr(bucket, name) for name in names}}
    return bucket


@pytest.fixture
def alice() -> Person:
    return creator("alice").person


@pytest.fixture
def dave() -> Person:
    return person("dave")


def test_files_are_admitted_once_and_read_back(traces: Traces, bucket: Bucket) -> None:
    files = [("p.txt", b"a cat"), ("model.safetensors", make.lora()), ("art.png", make.picture())]

    first = send(files)
    again = send(files[:1])

    assert [asset.pk for asset in again] == [first[0].pk]
    for asset, (_name, data) in zip(first, files, strict=True):
        assert b"".join(queries.read_chunks(asset.blob_id)) == data
        assert queries.open_blob(asset.blob_id).read() == data
    assert len(keys(bucket, "blobs/")) == 3
    assert traces.files() == []
    with pytest.raises(UnableToAdmit):
        send([("good.txt", b"another cat"), ("model.ckpt", b"\x80\x02}.")])
    assert len(keys(bucket, "blobs/")) == 3


def test_the_sweep_removes_what_no_row_names(bucket: Bucket, tmp_path: Path) -> None:
    send([("p.txt", b"a cat")])
    stray = hashlib.sha256(b"stray").hexdigest()
    queries.storage().put(make.written(tmp_path, "stray", b"stray"), stray)
    bucket.begin_parts(f"blobs/00/00/{'0' * 64}")

    now = datetime.now(UTC)
    swept = assets.sweep(now=now)
    assert (swept.unfinished, swept.blobs) == (0, 0)
    swept = assets.sweep(now=now + timedelta(hours=2))

    assert (swept.unfinished, swept.blobs) == (1, 1)
    assert keys(bucket) == [f"blobs/{CAT[:2]}/{CAT[2:4]}/{CAT}"]
    assert unfinished(bucket) == []


def test_alice_publishes_a_folder_and_its_files_come_back(bucket: Bucket, tmp_path: Path) -> None:
    creator("alice")
    folder = packs.write(tmp_path / "yunhai", handle="yunhai")

    call_command("publish", str(folder), "--as", "alice")

    release = Release.objects.get()
    for row in release.assets.all():
        assert b"".join(queries.read_chunks(row.asset.blob_id)) == (folder / row.path).read_bytes()
    assert len(keys(bucket, "blobs/")) == Blob.objects.count() >= 3
    assert Asset.objects.count() == 3
    assert [key for key in keys(bucket) if not key.startswith(("blobs/", "touched/"))] == []


def test_a_streamed_upload_goes_on_where_it_stopped_and_passes(alice: Person, bucket: Bucket) -> None:
    upload = assets.begin_upload(owner=alice, name="style.safetensors", size_bytes=len(LORA), now=NOON)
    for start, end in ((0, 100), (100, 101), (101, len(LORA))):
        upload = append(upload, LORA[start:end], start)
        assert upload.offset_bytes == end

    assert upload.sha256 == hashlib.sha256(LORA).hexdigest()
    with pytest.raises(UnableToUpload):
        append(upload, b"more", 0)
    (inspection,) = assets.inspect_uploads(uploads=[upload], now=NOON)
    assert (inspection.state, inspection.media_type) == ("passed", "application/vnd.safetensors")
    queries.storage().incoming().keep(upload.place, upload.sha256)
    assets.abort_upload(upload_id=upload.pk, owner=alice)

    assert keys(bucket) == [f"blobs/{upload.sha256[:2]}/{upload.sha256[2:4]}/{upload.sha256}"]


def test_a_request_with_a_wrong_checksum_counts_for_nothing(alice: Person) -> None:
    upload = assets.begin_upload(owner=alice, name="p.txt", size_bytes=9, now=NOON)
    append(upload, b"a cat", 0)
    wrong = assets.Checksum(algorithm="sha256", digest=bytes(32))

    with pytest.raises(UnableToUpload) as refusal:
        append(upload, b" mew", 5, checksum=wrong)
    assert (refusal.value.code, refusal.value.offset_bytes) == ("checksum-wrong", 5)

    assert append(upload, b" and", 5).sha256 == hashlib.sha256(b"a cat and").hexdigest()


def test_parts_that_alice_sends_herself_are_read_once_and_inspected(alice: Person, bucket: Bucket) -> None:
    state = begun(alice)
    assert state.part_bytes == 16 * MIB
    put(alice, state.upload, 1)
    halfway = list_sent(upload_id=state.upload.pk, owner=alice)
    assert [(part.number, part.sha256) for part in halfway.parts] == [(1, SHA256S[1])]
    with pytest.raises(UnableToUpload) as refusal:
        finish(alice, state.upload)
    assert refusal.value.code == "parts-missing"
    assert "parts are missing (1), and the first is part 2" in str(refusal.value)

    put(alice, state.upload, 2)
    for _time in range(2):
        upload = finish(alice, state.upload)

    assert (upload.sha256, upload.offset_bytes, upload.expires_at) == (NAME, len(PROMPTS), later(hours=49))
    assert list_sent(upload_id=upload.pk, owner=alice).parts == ()
    assert UploadInspection.objects.get().state == "waiting"
    queries.storage().incoming().keep(upload.place, NAME)
    assert queries.storage().size(NAME) == len(PROMPTS)
    assets.abort_upload(upload_id=upload.pk, owner=alice)
    assert len(keys(bucket)) == 1


def test_a_digest_that_is_not_what_arrived_discards_it(alice: Person, bucket: Bucket) -> None:
    state = begun(alice)
    for number in PARTS:
        put(alice, state.upload, number)

    assert code(lambda: finish(alice, state.upload, sha256=CAT)) == "digest-wrong"

    assert (Upload.objects.count(), UploadInspection.objects.count()) == (0, 0)
    assert (keys(bucket), unfinished(bucket)) == ([], [])


def test_another_part_than_the_one_signed_last_is_told(alice: Person) -> None:
    state = begun(alice)
    for number in PARTS:
        put(alice, state.upload, number)
    other = hashlib.sha256(b"other").hexdigest()
    sign_parts(upload_id=state.upload.pk, owner=alice, sha256s={2: other}, now=NOON)

    assert code(lambda: finish(alice, state.upload)) == "parts-changed"
    put(alice, state.upload, 2)

    assert finish(alice, state.upload).sha256 == NAME


def test_only_the_owner_signs_lists_finishes_or_aborts(alice: Person, dave: Person, bucket: Bucket) -> None:
    upload = begun(alice).upload
    put(alice, upload, 1)

    for verb in (
        lambda: sign_parts(upload_id=upload.pk, owner=dave, sha256s=SHA256S, now=NOON),
        lambda: list_sent(upload_id=upload.pk, owner=dave),
        lambda: finish(dave, upload),
        lambda: assets.abort_upload(upload_id=upload.pk, owner=dave),
    ):
        assert code(verb) == "upload-unknown"
    assert unfinished(bucket) == [f"{upload.place}/whole"]

    assets.abort_upload(upload_id=upload.pk, owner=alice)
    assert (keys(bucket), unfinished(bucket), Upload.objects.count()) == ([], [], 0)


@pytest.mark.parametrize(
    ("sha256s", "expected"),
    [
        ({3: CAT}, "part-unknown"),
        ({0: CAT}, "part-unknown"),
        ({10**30: CAT}, "part-unknown"),
        ({1: CAT.upper()}, "part-digest-malformed"),
        (dict.fromkeys(range(1, 102), CAT), "parts-too-many"),
    ],
)
def test_what_cannot_be_signed_is_said(alice: Person, sha256s: dict[int, str], expected: str) -> None:
    upload = begun(alice).upload

    assert code(lambda: sign_parts(upload_id=upload.pk, owner=alice, sha256s=sha256s, now=later(hours=1))) == expected

    assert Upload.objects.get().expires_at == later(hours=48)


def test_limits_hold_for_direct_uploads_too(alice: Person, bucket: Bucket, settings: Any) -> None:
    settings.ASSET_FILE_LIMIT_BYTES, settings.UPLOADS_LIMIT_BYTES, settings.UPLOADS_LIMIT = 100, 150, 2
    refusals = {
        "file-empty": 0,
        "file-too-large": 101,
    }
    for expected, size_bytes in refusals.items():
        assert code(lambda size=size_bytes: begun(alice, size)) == expected
    assert code(lambda: begin_direct(owner=alice, name="a\nb", size_bytes=1, now=NOON)) == "name-unusable"
    begun(alice, 100)
    assert code(lambda: begun(alice, 51)) == "uploads-too-large"
    begun(alice, 50)
    assert code(lambda: begun(alice, 1)) == "too-many-uploads"

    assert Upload.objects.count() == len(unfinished(bucket)) == 2


def test_a_direct_upload_that_nobody_goes_on_with_expires(alice: Person, bucket: Bucket) -> None:
    upload = begun(alice).upload
    put(alice, upload, 1, now=later(hours=1))
    assert code(lambda: put(alice, upload, 2, now=later(hours=49))) == "upload-expired"

    assert assets.expire_uploads(now=later(hours=48)).uploads == 0
    assert assets.expire_uploads(now=later(hours=49)).uploads == 1

    assert (keys(bucket), unfinished(bucket)) == ([], [])


def test_bytes_of_a_direct_upload_are_not_streamed(alice: Person) -> None:
    upload = begun(alice).upload

    with pytest.raises(UnableToStore):
        append(upload, b"a cat", 0)
    streamed = assets.begin_upload(owner=alice, name="p.txt", size_bytes=9, now=NOON)
    with pytest.raises(UnableToStore, match="not sent in parts"):
        list_sent(upload_id=streamed.pk, owner=alice)

    upload.refresh_from_db()
    assert (upload.offset_bytes, upload.sha256) == (0, "")


def test_a_folder_takes_no_parts(alice: Person, settings: Any) -> None:
    settings.ADAPTERS = {**settings.ADAPTERS, "storage": "assets.storage.folder.FolderStorage"}

    assert code(lambda: begun(alice)) == "direct-unavailable"


def test_a_store_that_does_not_answer_keeps_nothing(alice: Person, traces: Traces, settings: Any) -> None:
    settings.S3 = {**settings.S3, "endpoint": "http://127.0.0.1:9"}

    with pytest.raises(UnableToStore, match="the object store does not answer"):
        send([("p.txt", b"a cat")])
    with pytest.raises(UnableToStore, match="the object store does not answer"):
        begun(alice)

    assert (traces.silent(), Upload.objects.count()) == (True, 0)


def test_who_goes_on_or_removes_while_the_store_is_silent_is_told_in_words(
    alice: Person, client: Client, bucket: Bucket, settings: Any
) -> None:
    client.force_login(alice)
    upload = assets.begin_upload(owner=alice, name="p.txt", size_bytes=9, now=NOON)
    append(upload, b"a cat", 0)
    Upload.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    at, tus = reverse("upload", args=[upload.pk]), {"Tus-Resumable": "1.0.0", "Upload-Offset": "5"}
    reachable = settings.S3

    settings.S3 = {**reachable, "endpoint": "http://127.0.0.1:9"}
    patch = client.patch(at, b" nap", content_type="application/offset+octet-stream", headers=tus)
    assert (patch.status_code, patch.json()["code"]) == (507, "storage-refused")
    with pytest.raises(UnableToStore, match="the object store does not answer"):
        queries.storage().incoming().open(upload.place)
    assert client.delete(at, headers=tus).status_code == 204
    assert Upload.objects.count() == 0

    settings.S3 = reachable
    assert keys(bucket) != []
    assets.expire_uploads(now=datetime.now(UTC) + timedelta(hours=2))
    assert keys(bucket) == []


def test_a_program_sends_a_file_by_the_addresses_of_the_portal(alice: Person, client: Client) -> None:
    client.force_login(alice)
    answer = post(client, reverse("uploads-direct"), name="世界.txt", size_bytes=len(PROMPTS))
    assert answer.status_code == 201
    said = answer.json()
    assert (said["part_bytes"], said["parts"], said["sha256"], said["name"]) == (16 * MIB, [], "", "世界.txt")
    at = said["upload"]

    parts = [{"number": number, "sha256": sha256} for number, sha256 in SHA256S.items()]
    answer = post(client, reverse("upload-direct-sign", args=[at]), parts=parts)
    assert answer["Cache-Control"] == "no-store"
    for part in answer.json()["parts"]:
        data = PARTS[part["number"]]
        assert part["size_bytes"] == len(data)
        assert sent(part["method"], part["url"], data, part["headers"]) == 200

    listed = client.get(reverse("upload-direct", args=[at])).json()["parts"]
    assert [(part["number"], part["sha256"]) for part in listed] == list(SHA256S.items())
    answer = post(client, reverse("upload-direct-finish", args=[at]), sha256=NAME)
    assert answer.json() == {"upload": at, "size_bytes": len(PROMPTS), "sha256": NAME}
    assert client.delete(reverse("upload-direct", args=[at])).status_code == 204
    with pytest.raises(BlobMissing):
        queries.storage().incoming().open(f"direct/{at.replace('-', '')}")


def test_what_the_addresses_refuse(alice: Person, dave: Person, client: Client) -> None:
    begin = reverse("uploads-direct")
    assert post(client, begin, name="p.txt", size_bytes=5).status_code == 401
    client.force_login(dave)
    assert post(client, begin, name="p.txt", size_bytes=5).status_code == 403  # Dave sells nothing.
    client.force_login(alice)
    at = post(client, begin, name="p.txt", size_bytes=5).json()["upload"]
    sign, finish_at, none = (
        reverse("upload-direct-sign", args=[at]),
        reverse("upload-direct-finish", args=[at]),
        reverse("upload-direct", args=["00000000-0000-4000-8000-000000000000"]),
    )

    assert client.get(begin).status_code == 405
    for body in ({}, {"name": "p"}, {"name": "p", "size_bytes": True}, {"name": "p", "size_bytes": 1, "more": 1}):
        assert post(client, begin, **body).status_code == 400
    twice = [{"number": 1, "sha256": CAT}] * 2
    for parts in ([], [1], [{"number": "1", "sha256": CAT}], [{"number": 1}], twice):
        assert post(client, sign, parts=parts).status_code == 400
    assert client.post(begin, b"[" * 60_000, content_type="application/json").status_code == 400
    refused = post(client, sign, parts=[{"number": 2, "sha256": CAT}])
    assert (refused.status_code, refused.json()["code"]) == (400, "part-unknown")
    assert refused["Content-Type"] == "application/problem+json"
    assert post(client, finish_at, sha256=CAT).json()["code"] == "parts-missing"
    for slip in ("", CAT.upper(), CAT + "\n", "\ud800"):
        assert post(client, finish_at, sha256=slip).status_code == 400
    assert client.get(none).status_code == client.delete(none).status_code == 404

    assert Upload.objects.get().offset_bytes == 0


LORA = make.lora()


def begun(owner: Person, size_bytes: int = len(PROMPTS)) -> DirectState:
    return begin_direct(owner=owner, name="p.txt", size_bytes=size_bytes, now=NOON)


def put(owner: Person, upload: Upload, number: int, now: datetime = NOON) -> None:
    """Has a part signed and sends it."""
    sha256s = {number: SHA256S[number]}
    (signed,) = sign_parts(upload_id=upload.pk, owner=owner, sha256s=sha256s, now=now)
    assert sent(signed.request.method, signed.request.url, PARTS[number], signed.request.headers) == 200


def finish(owner: Person, upload: Upload, sha256: str = NAME) -> Upload:
    return finish_direct(upload_id=upload.pk, owner=owner, sha256=sha256, now=later(hours=1))


def append(upload: Upload, data: bytes, offset: int, **values: Any) -> Upload:
    return assets.append(
        upload_id=upload.pk, owner=upload.owner, offset=offset, stream=io.BytesIO(data), now=NOON, **values
    )


def code(verb: Callable[[], object]) -> str:
    """Says with which code the verb was refused."""
    with pytest.raises(UnableToUpload) as refusal:
        verb()
    assert str(refusal.value)
    return refusal.value.code


def post(client: Client, at: str, **body: Any) -> Any:
    return client.post(at, json.dumps(body), content_type="application/json")
