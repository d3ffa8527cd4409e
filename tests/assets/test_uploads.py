"""An upload: its owner's alone, within limits, digested as it arrives, gone on with from wherever it stopped."""

import hashlib
import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets import operations as assets
from assets import queries
from assets.models import Upload, UploadInspection
from assets.operations import Checksum, UnableToUpload
from assets.storage.base import UnableToStore
from assets.uploads import appending, resumable
from marketplace.people.models import Person
from tests.assets.uploading import BYTES, SHA256, Slices, begun, bytes_of, places, quick, refused, sent
from tests.cast import NOON, later


@pytest.fixture
def alice(db: None) -> Person:
    return quick("alice")


@pytest.fixture
def dave(db: None) -> Person:
    return quick("dave")


def test_a_file_in_three_parts_is_digested_and_inspected(alice: Person) -> None:
    upload = begun(alice, name="水墨.safetensors")
    assert (upload.offset_bytes, upload.sha256, upload.expires_at) == (0, "", NOON + timedelta(hours=48))

    first = sent(upload, BYTES[:1000])
    assert (first.offset_bytes, first.sha256) == (1000, "")
    second = sent(upload, BYTES[1000:1001], 1000, now=later(hours=1))
    assert second.expires_at - later(hours=49) < timedelta(seconds=5)
    last = sent(upload, BYTES[1001:], 1001, now=later(hours=2))

    assert (last.offset_bytes, last.sha256) == (len(BYTES), SHA256)
    row = Upload.objects.get()
    assert (row.offset_bytes, row.sha256, row.name) == (len(BYTES), SHA256, "水墨.safetensors")
    assert bytes_of(row) == BYTES
    assert row.inspection.state == UploadInspection.State.WAITING
    assert row.inspection.next_at == row.touched_at


def test_a_finished_upload_takes_no_more(alice: Person) -> None:
    upload = begun(alice)
    sent(upload, BYTES)

    assert sent(upload, b"", len(BYTES)).sha256 == SHA256
    assert refused(lambda: sent(upload, b"x", len(BYTES))) == "upload-too-long"
    assert refused(lambda: sent(upload, BYTES)) == "offset-wrong"
    assert UploadInspection.objects.count() == 1


def test_a_wrong_offset_changes_nothing_and_says_the_right_one(alice: Person) -> None:
    upload = sent(begun(alice), BYTES[:10])

    with pytest.raises(UnableToUpload, match="10 bytes have arrived, and you go on at 11: go on at 10") as refusal:
        sent(upload, BYTES[11:], 11)

    assert (refusal.value.code, refusal.value.offset_bytes) == ("offset-wrong", 10)
    assert sent(upload, BYTES[10:], 10).sha256 == SHA256


def test_more_than_was_announced_counts_for_nothing(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "ACKNOWLEDGED_BYTES", 1)
    upload = sent(begun(alice), BYTES[:10])

    assert refused(lambda: sent(upload, BYTES[10:] + b"x", 10, stream=Slices(BYTES[10:] + b"x", 100))) == (
        "upload-too-long"
    )
    assert refused(lambda: sent(upload, BYTES, 10, length_bytes=len(BYTES))) == "upload-too-long"

    row = Upload.objects.get()
    assert (row.offset_bytes, row.sha256, UploadInspection.objects.count()) == (10, "", 0)
    assert sent(upload, BYTES[10:], 10).sha256 == SHA256


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_damaged_part_counts_for_nothing(alice: Person, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    monkeypatch.setattr(appending, "ACKNOWLEDGED_BYTES", 1)
    upload = sent(begun(alice), BYTES[:10])
    checksum = Checksum(algorithm=algorithm, digest=hashlib.new(algorithm, BYTES[10:]).digest())

    assert refused(lambda: sent(upload, BYTES[10:-1] + b"?", 10, checksum=checksum)) == "checksum-wrong"
    assert refused(lambda: sent(upload, BYTES[10:-1], 10, checksum=checksum)) == "checksum-wrong"
    assert Upload.objects.get().offset_bytes == 10

    assert sent(upload, BYTES[10:], 10, checksum=checksum).sha256 == SHA256


def test_an_unknown_checksum_is_refused(alice: Person) -> None:
    upload = begun(alice)
    assert refused(lambda: sent(upload, BYTES, checksum=Checksum(algorithm="crc32", digest=b"x"))) == "checksum-unknown"
    assert Upload.objects.get().offset_bytes == 0


def test_only_the_owner_goes_on_asks_or_aborts(alice: Person, dave: Person) -> None:
    upload = sent(begun(alice), BYTES[:10])
    said = set()
    for upload_id in (upload.pk, uuid4()):
        for verb in (
            lambda upload_id=upload_id: assets.append(
                upload_id=upload_id, owner=dave, offset=10, stream=io.BytesIO(BYTES[10:]), now=NOON
            ),
            lambda upload_id=upload_id: assets.resume_upload(upload_id=upload_id, owner=dave, now=NOON),
            lambda upload_id=upload_id: assets.abort_upload(upload_id=upload_id, owner=dave),
        ):
            with pytest.raises(UnableToUpload) as refusal:
                verb()
            said.add((refusal.value.code, str(refusal.value), refusal.value.offset_bytes))

    assert len(said) == 1
    assert sent(upload, BYTES[10:], 10).sha256 == SHA256


def test_what_expired_is_refused_and_then_removed(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    old, young = sent(begun(alice), BYTES[:10]), begun(alice, now=later(hours=47))
    late = later(hours=48, seconds=5)

    assert refused(lambda: sent(old, BYTES[10:], 10, now=late)) == "upload-expired"
    assert refused(lambda: assets.resume_upload(upload_id=old.pk, owner=alice, now=late)) == "upload-expired"
    swept = assets.expire_uploads(now=late)

    assert swept.uploads == 1
    assert [row.pk for row in Upload.objects.all()] == [young.pk]
    assert places() == [young.place]


def test_a_place_that_no_upload_names_is_removed_when_it_is_old(alice: Person) -> None:
    from django.utils import timezone

    incoming = queries.storage().incoming()
    kept, left = begun(alice), incoming.begin(uuid4().hex, 5)
    # Places carry the clock's times, so this story goes by the clock too.
    Upload.objects.update(expires_at=later(weeks=5200))

    assert assets.expire_uploads(now=timezone.now()).places == 0
    assert left in places()
    assert assets.expire_uploads(now=timezone.now() + timedelta(hours=2)).places == 1
    assert places() == [kept.place]


def test_an_abort_leaves_nothing(alice: Person) -> None:
    upload = sent(begun(alice), BYTES)

    assets.abort_upload(upload_id=upload.pk, owner=alice)

    assert (Upload.objects.count(), UploadInspection.objects.count(), places()) == (0, 0, [])
    assert refused(lambda: assets.abort_upload(upload_id=upload.pk, owner=alice)) == "upload-unknown"


def test_limits_are_clear_refusals_that_leave_nothing(alice: Person, dave: Person, settings: Any) -> None:
    settings.ASSET_FILE_LIMIT_BYTES, settings.UPLOADS_LIMIT_BYTES, settings.UPLOADS_LIMIT = 1000, 2500, 3
    begun(alice, 1000), begun(alice, 1000)

    with pytest.raises(UnableToUpload, match="larger than the limit of 1000 bytes"):
        begun(alice, 1001)
    with pytest.raises(UnableToUpload, match="may hold 2500 bytes together, and 500 are left"):
        begun(alice, 501)
    begun(alice, 500)
    with pytest.raises(UnableToUpload, match="You have 3 uploads already"):
        begun(alice, 1)
    assert refused(lambda: begun(alice, 0)) == "file-empty"
    begun(dave, 1000)

    assert len(places()) == Upload.objects.count() == 4


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "nul\0", "x" * 301, "\ud800"])
def test_a_name_that_no_file_can_have_is_refused(alice: Person, name: str) -> None:
    assert refused(lambda: begun(alice, name=name)) == "name-unusable"
    assert (Upload.objects.count(), places()) == (0, [])


def test_a_full_disk_is_said_so_before_the_first_byte(alice: Person, settings: Any) -> None:
    settings.ASSET_FILE_LIMIT_BYTES = settings.UPLOADS_LIMIT_BYTES = 2**62
    with pytest.raises(UnableToStore, match="there is no room"):
        begun(alice, 2**61)
    assert (Upload.objects.count(), places()) == (0, [])


def test_bytes_that_are_gone_are_said_so(alice: Person) -> None:
    upload = sent(begun(alice), BYTES[:100])
    incoming = queries.storage().incoming()
    with incoming.path(upload.place).open("r+b") as file:
        file.truncate(50)

    with pytest.raises(UnableToStore, match="50 bytes are there instead of 100"):
        sent(upload, BYTES[100:], 100)
    incoming.discard(upload.place)
    with pytest.raises(UnableToStore, match="its place is gone"):
        sent(upload, BYTES[100:], 100)
    assert Upload.objects.get().offset_bytes == 100


def test_a_line_that_breaks_costs_nothing_that_arrived(alice: Person) -> None:
    upload = begun(alice)

    after = sent(upload, b"", stream=Slices(BYTES, 100, breaks_at=700))

    assert after.offset_bytes == 700
    assert sent(upload, BYTES[700:], 700).sha256 == SHA256


def test_an_error_of_the_stream_is_not_taken_for_its_end(alice: Person) -> None:
    upload = begun(alice)

    with pytest.raises(RuntimeError):
        sent(upload, b"", stream=Slices(BYTES, 100, breaks_at=700, error=RuntimeError))

    assert Upload.objects.get().offset_bytes == 0


@given(
    cuts=st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 700), st.booleans()), max_size=12),
    forgetful=st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_it_is_cut_the_bytes_and_their_digest_are_right(
    alice: Person, cuts: list[tuple[int, int, bool]], forgetful: bool
) -> None:
    upload = begun(alice)
    offset = 0
    for length, piece, breaks in cuts:
        data = BYTES[offset : offset + length]
        stream = Slices(data, piece, breaks_at=length // 2 if breaks else None)
        after = sent(upload, b"", offset, stream=stream)
        offset = Upload.objects.get(pk=upload.pk).offset_bytes
        assert after.offset_bytes == offset
        assert assets.resume_upload(upload_id=upload.pk, owner=alice, now=NOON).offset_bytes == offset
        if forgetful:  # a machine without OpenSSL goes on
            Upload.objects.filter(pk=upload.pk).update(digest_state=b"")
    last = sent(upload, BYTES[offset:], offset)

    assert (last.sha256, bytes_of(last)) == (SHA256, BYTES)
    assets.abort_upload(upload_id=upload.pk, owner=alice)


def test_a_damaged_state_is_made_anew_from_the_bytes(alice: Person) -> None:
    upload = sent(begun(alice), BYTES[:1000])
    Upload.objects.update(digest_state=b"\x01" * 41)

    assert sent(upload, BYTES[1000:], 1000).sha256 == SHA256


def test_without_openssl_nothing_is_different(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable, "_library", lambda: None)
    upload = sent(begun(alice), BYTES[:1000])

    assert sent(upload, BYTES[1000:], 1000).sha256 == SHA256
