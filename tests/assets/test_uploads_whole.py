"""Uploads of several parts, or of a whole stream at once, and finished ones as files."""

import io
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as site

from assets import operations as assets
from assets import queries
from assets.models import Upload, UploadInspection
from assets.storage.base import UnableToStore
from assets.uploads import joining
from marketplace.people.models import Person
from tests.assets.uploading import BYTES, SHA256, Slices, begun, bytes_of, places, quick, refused, sent
from tests.cast import NOON, later


@pytest.fixture
def alice(db: None) -> Person:
    return quick("alice")


@pytest.fixture
def dave(db: None) -> Person:
    return quick("dave")


def parts_of(owner: Person, *pieces: bytes) -> list[UUID]:
    return [sent(begun(owner, len(p), concatenation=Upload.PARTIAL, name="part"), p).pk for p in pieces]


def test_parts_are_joined_in_the_order_asked_for(alice: Person) -> None:
    third, first, second = parts_of(alice, BYTES[7000:], BYTES[:1], BYTES[1:7000])
    assert UploadInspection.objects.count() == 0

    joined = assets.join_uploads(owner=alice, parts=[first, second, third], name="ink.png", said="final;x", now=NOON)

    assert (joined.sha256, joined.offset_bytes, joined.concatenation) == (SHA256, len(BYTES), Upload.FINAL)
    assert bytes_of(joined) == BYTES
    assert joined.inspection.state == UploadInspection.State.WAITING
    assert set(Upload.objects.exclude(pk=joined.pk).values_list("expires_at", flat=True)) == {later(hours=1)}
    assert refused(lambda: sent(joined, b"", len(BYTES))) == "upload-is-final"


def test_only_whole_parts_of_ones_own_are_joined(alice: Person, dave: Person) -> None:
    (mine,) = parts_of(alice, BYTES[:10])
    (daves,) = parts_of(dave, BYTES[10:])
    whole = sent(begun(alice), BYTES)
    half = sent(begun(alice, concatenation=Upload.PARTIAL), BYTES[:10])
    before = Upload.objects.count()

    def joined(*parts: UUID, **values: Any) -> str:
        return refused(
            lambda: assets.join_uploads(**{"owner": alice, "parts": parts, "name": "x.png", "now": NOON} | values)
        )

    assert joined(mine, daves) == joined(mine, uuid4()) == "upload-unknown"
    assert joined(mine, whole.pk) == joined(mine, half.pk) == joined() == joined(*[mine] * 101) == "parts-unusable"
    assert joined(mine, now=later(hours=49)) == "upload-expired"
    assert (Upload.objects.count(), len(places())) == (before, before)


def test_a_part_whose_bytes_are_gone_is_not_joined(alice: Person) -> None:
    first, second = parts_of(alice, BYTES[:10], BYTES[10:])
    queries.storage().incoming().discard(second.hex)

    with pytest.raises(UnableToStore, match="the part is gone"):
        assets.join_uploads(owner=alice, parts=[first, second], name="x.png", now=NOON)

    assert set(Upload.objects.values_list("pk", flat=True)) == {first, second}


def test_a_joining_that_was_killed_expires_with_its_parts(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, opened, seen = parts_of(alice, BYTES), joining._opened, []

    def noting(row: Upload) -> object:
        seen.append(Upload.objects.get(concatenation=Upload.FINAL).expires_at)
        return opened(row)

    monkeypatch.setattr(joining, "_opened", noting)
    joined = assets.join_uploads(owner=alice, parts=parts, name="ink.png", now=NOON)
    joined.refresh_from_db()

    assert (seen, joined.expires_at) == ([later(hours=1)], later(hours=48))


def test_a_file_that_is_removed_while_it_is_joined_is_gone(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = parts_of(alice, BYTES[:10], BYTES[10:])
    opened = joining._opened

    def removed(row: Upload) -> object:
        if row.pk == second:
            assets.abort_upload(upload_id=Upload.objects.get(concatenation="final").pk, owner=alice)
        return opened(row)

    monkeypatch.setattr(joining, "_opened", removed)

    code = refused(lambda: assets.join_uploads(owner=alice, parts=[first, second], name="x.png", now=NOON))

    assert code == "upload-overtaken"
    assert sorted(places()) == sorted([first.hex, second.hex])
    assert Upload.objects.count() == 2


def test_a_whole_stream_is_taken_at_once(alice: Person, tmp_path: Path) -> None:
    upload = assets.take_stream(owner=alice, stream=io.BytesIO(BYTES), name="ink.png", now=NOON)
    assert (upload.sha256, upload.offset_bytes) == (SHA256, len(BYTES))

    unsized = assets.take_stream(owner=alice, stream=Slices(BYTES, 100), name="ink.png", now=NOON)  # type: ignore[arg-type]
    assert unsized.sha256 == SHA256
    assert list((site.DATA_FOLDER / "staging").iterdir()) == []
    assert UploadInspection.objects.count() == 2


def test_a_stream_that_breaks_or_shrinks_leaves_nothing(alice: Person) -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size) if self.tell() == 0 and size else b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return super().seek(offset, whence) + (5 if whence else 0)

    assert refused(lambda: assets.take_stream(owner=alice, stream=Shrinking(BYTES), name="x.png", now=NOON)) == (
        "file-changed"
    )
    assert refused(lambda: assets.take_stream(owner=alice, stream=io.BytesIO(), name="x.png", now=NOON)) == "file-empty"
    assert (Upload.objects.count(), places()) == (0, [])


def test_finished_uploads_are_files_that_are_not_copied(alice: Person) -> None:
    upload = sent(begun(alice), BYTES)
    with assets.uploaded_files([upload]) as (received,):
        assert (received.name, received.sha256, received.size_bytes) == ("ink.safetensors", SHA256, len(BYTES))
        assert received.path == queries.storage().incoming().path(upload.place)
        assert received.path.read_bytes() == BYTES
    assert received.path.exists()
    with pytest.raises(ValueError), assets.uploaded_files([begun(alice)]):
        pass


def test_uploads_of_a_storage_elsewhere_are_copied_for_as_long_as_they_are_read(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = sent(begun(alice), BYTES)
    monkeypatch.setattr("assets.storage.folder_incoming.FolderIncoming.path", lambda *_args: None)

    with assets.uploaded_files([upload]) as (received,):
        assert received.path.parent == site.DATA_FOLDER / "staging"
        assert received.path.read_bytes() == BYTES
    assert not received.path.exists()
