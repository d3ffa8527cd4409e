"""Two at once: no limit is crossed together, and no upload expires under its writer."""

import contextlib
import io
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from assets import operations as assets
from assets import queries
from assets.models import Upload, UploadInspection
from assets.operations import UnableToUpload
from assets.uploads import beginning
from marketplace.people import operations as people
from marketplace.people.models import ApiKey, Person
from tests.cast import NOON, later

Run = Callable[..., list[Any]]


@pytest.fixture
def alice(committed: None) -> Person:
    return Person.objects.create(email="alice@example.com", display_name="Alice", joined_at=NOON)


def begin(owner: Person, size_bytes: int = 60) -> Upload:
    return assets.begin_upload(owner=owner, name="ink.png", size_bytes=size_bytes, now=NOON)


def codes(said: list[Any]) -> list[str]:
    return sorted(one.code for one in said if isinstance(one, UnableToUpload))


def test_bytes_of_two_at_once_do_not_cross_the_limit(alice: Person, at_once: Run, settings: Any) -> None:
    settings.UPLOADS_LIMIT_BYTES = 100

    said = at_once(*[lambda: begin(alice)] * 4)

    assert codes(said) == ["uploads-too-large"] * 3
    assert Upload.objects.count() == len(list(queries.storage().incoming().iter())) == 1


def test_uploads_of_two_at_once_do_not_cross_the_limit(alice: Person, at_once: Run, settings: Any) -> None:
    settings.UPLOADS_LIMIT = 2

    said = at_once(*[lambda: begin(alice)] * 4)

    assert codes(said) == ["too-many-uploads"] * 2
    assert Upload.objects.count() == 2


def test_an_upload_ends_once_whoever_ends_it(alice: Person, at_once: Run) -> None:
    upload = begin(alice, 5)

    def send() -> Upload:
        return assets.append(upload_id=upload.pk, owner=alice, offset=0, stream=io.BytesIO(b"a cat"), now=NOON)

    said = at_once(send, send, lambda: assets.resume_upload(upload_id=upload.pk, owner=alice, now=NOON), send)

    upload.refresh_from_db()
    if not upload.sha256:
        send()
    assert UploadInspection.objects.count() == 1
    assert set(codes(said)) <= {"upload-overtaken", "offset-wrong"}
    with queries.storage().incoming().open(upload.place) as file:
        assert file.read() == b"a cat"


class Ending:
    """A line that has brought its last bytes, and says a moment later that it ended."""

    def __init__(self) -> None:
        self.left, self.is_read = b"a c", threading.Event()

    def read(self, size: int, /) -> bytes:
        if not self.left:
            self.is_read.set()
            time.sleep(0.2)
        data, self.left = self.left, b""
        return data


@pytest.mark.parametrize("goes_on", [False, True], ids=["asks", "goes on"])
def test_who_comes_back_before_a_broken_line_was_seen_finds_what_it_brought(
    alice: Person, at_once: Run, goes_on: bool
) -> None:
    upload, line = begin(alice, 5), Ending()

    def come_back() -> Upload:
        assert line.is_read.wait(30)
        if goes_on:
            return assets.append(upload_id=upload.pk, owner=alice, offset=0, stream=io.BytesIO(b"a cat"), now=NOON)
        return assets.resume_upload(upload_id=upload.pk, owner=alice, now=NOON)

    first, second = at_once(
        lambda: assets.append(upload_id=upload.pk, owner=alice, offset=0, stream=line, now=NOON), come_back
    )

    assert (first.offset_bytes, second.offset_bytes) == (3, 3)
    assert codes([second]) == (["offset-wrong"] if goes_on else [])


def test_a_line_that_hangs_after_it_was_overtaken_holds_no_connection(
    alice: Person, at_once: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, let_go = begin(alice, 5), beginning.let_go_of_the_database
    hangs, is_overtaken, is_free = threading.Event(), threading.Event(), threading.Event()

    class Hanging:
        """A line that says nothing until the site has no connection in hand for it."""

        def read(self, size: int, /) -> bytes:
            hangs.set()
            is_free.wait(10)
            return b""

    def noted() -> None:
        let_go()
        if is_overtaken.is_set() and connection.connection is None:
            is_free.set()

    def overtake() -> None:
        assert hangs.wait(30)
        Upload.objects.update(writer=uuid4())
        is_overtaken.set()

    monkeypatch.setattr(beginning, "let_go_of_the_database", noted)
    said = at_once(
        lambda: assets.append(upload_id=upload.pk, owner=alice, offset=0, stream=Hanging(), now=NOON), overtake
    )

    assert (codes(said), is_free.is_set()) == (["upload-overtaken"], True)


def test_a_writer_that_was_killed_is_waited_for_once(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginning, "PATIENCE_SECONDS", 0.1)
    upload = begin(alice, 5)
    assert upload.writer == beginning.NOBODY
    Upload.objects.update(writer=uuid4())

    for seconds in (0.1, 0.0):
        began = time.monotonic()
        assert assets.resume_upload(upload_id=upload.pk, owner=alice, now=NOON).writer == beginning.NOBODY
        assert time.monotonic() - began >= seconds
    for checksum in (assets.Checksum(algorithm="md5", digest=b"?"), None):
        with contextlib.suppress(UnableToUpload):
            stream = io.BytesIO(b"a c")
            assets.append(upload_id=upload.pk, owner=alice, offset=0, stream=stream, checksum=checksum, now=NOON)
        assert Upload.objects.get().writer == beginning.NOBODY
    assert Upload.objects.get().offset_bytes == 3


def test_an_upload_expires_or_goes_on_but_not_both(alice: Person, at_once: Run) -> None:
    upload = begin(alice, 5)

    said = at_once(
        lambda: assets.append(
            upload_id=upload.pk, owner=alice, offset=0, stream=io.BytesIO(b"a cat"), now=later(hours=47)
        ),
        lambda: assets.expire_uploads(now=later(hours=48)),
    )

    places = [place for place, _written_at in queries.storage().incoming().iter()]
    if said[1].uploads:
        assert isinstance(said[0], Exception)
        assert (Upload.objects.count(), places) == (0, [])
    else:
        assert (said[0].sha256 != "", places) == (True, [upload.place])


def test_a_key_is_a_studios_or_a_creators(alice: Person) -> None:
    creator = people.become_creator(person=alice, handle="alice", now=NOON)
    studio = people.open_studio(person=alice, name="Lantern", now=NOON)
    given = {"name": "x", "shown": "wl_", "digest": "0" * 64, "created_by": alice, "created_at": NOON}
    for holders, broken in (
        ({"use": "uploads"}, "people_key_is_(of_a_studio_or_a_creator|for_one_use)"),
        ({"use": "licensing", "studio": studio, "creator": creator}, "people_key_is_of_a_studio_or_a_creator"),
        ({"use": "licensing", "creator": creator}, "people_key_is_for_one_use"),
        ({"use": "uploads", "studio": studio}, "people_key_is_for_one_use"),
    ):
        with pytest.raises(IntegrityError, match=broken), transaction.atomic():
            ApiKey.objects.create(**given, **holders)


def test_only_its_creator_revokes_a_key(alice: Person) -> None:
    creator = people.become_creator(person=alice, handle="alice", now=NOON)
    dave = Person.objects.create(email="dave@example.com", display_name="Dave", joined_at=NOON)
    key, _secret = people.issue_creator_key(creator=creator, name="x", now=NOON)

    with pytest.raises(people.UnableToIssueKey):
        people.revoke_key(key=key, by=dave, now=NOON)

    assert ApiKey.objects.get().revoked_at is None
