"""Uploads by tus 1.0.0, header by header, and who may: creators, from their browser or with their key."""

import base64
import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from assets import queries
from assets.models import Upload, UploadInspection
from marketplace.portal import tus
from tests.cast import NOON
from tests.portal.tus_client import AT, BYTES, NAME, SHA256, Tus, checksum, code_of, quick


@pytest.fixture
def alice(db: None) -> Tus:
    return Tus(quick("alice"))


@pytest.fixture
def dave(db: None) -> Tus:
    return Tus(quick("dave"))


def test_options_tells_what_is_spoken_to_anybody(db: None, settings: Any) -> None:
    settings.ASSET_FILE_LIMIT_BYTES = 12345
    for at in (AT, f"{AT}{uuid4()}"):
        answer = Tus().ask("OPTIONS", at, Tus_Resumable=None)

        assert (answer.status_code, answer["Tus-Version"], answer["Tus-Resumable"]) == (204, "1.0.0", "1.0.0")
        assert answer["Tus-Max-Size"] == "12345"
        assert set(answer["Tus-Extension"].split(",")) == {
            *("creation", "creation-with-upload", "termination", "checksum", "expiration", "concatenation")
        }
        assert answer["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"


def test_a_file_goes_up_in_two_requests(alice: Tus) -> None:
    at = alice.begun()
    assert re.fullmatch(r"/portal/uploads/[0-9a-f-]{36}", at)

    first = alice.sent(at, BYTES[:1000])
    assert (first.status_code, first["Upload-Offset"], first.content) == (204, "1000", b"")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", first["Upload-Expires"])
    assert (first["Tus-Resumable"], first["Cache-Control"]) == ("1.0.0", "no-store")

    head = alice.ask("HEAD", at)
    assert (head.status_code, head["Upload-Offset"], head["Upload-Length"]) == (200, "1000", str(len(BYTES)))
    assert (head["Upload-Metadata"], head["Cache-Control"]) == (NAME, "no-store")
    assert "Upload-Concat" not in head

    last = alice.sent(at, BYTES[1000:], 1000)
    assert (last.status_code, last["Upload-Offset"]) == (204, str(len(BYTES)))
    assert Upload.objects.get().sha256 == SHA256
    assert UploadInspection.objects.get().state == "waiting"


def test_another_version_is_refused_untouched(alice: Tus) -> None:
    at = alice.begun()
    for version in ("0.2.2", "1.0.1", None):
        for method, where in (("POST", AT), ("HEAD", at), ("PATCH", at), ("DELETE", at)):
            answer = alice.ask(method, where, BYTES, Tus_Resumable=version, Upload_Offset=0, Upload_Length=9)
            assert (answer.status_code, answer["Tus-Version"]) == (412, "1.0.0")
    assert Upload.objects.get().offset_bytes == 0


def test_a_patch_that_does_not_fit_changes_nothing(alice: Tus) -> None:
    at = alice.begun()
    alice.sent(at, BYTES[:10])

    wrong = alice.sent(at, BYTES[:10])
    assert (wrong.status_code, wrong["Upload-Offset"], code_of(wrong)) == (409, "10", "offset-wrong")
    assert alice.ask("PATCH", at, BYTES[10:], type="application/octet-stream", Upload_Offset=10).status_code == 415
    for offset in ("", "-1", "1e1", "0x0a", "１０", "9" * 30, None):
        missing = alice.ask("PATCH", at, BYTES[10:], Upload_Offset=offset)
        assert (missing.status_code, code_of(missing)) == (400, "header-unreadable")
    long = alice.sent(at, BYTES, 10)
    assert (long.status_code, code_of(long)) == (413, "upload-too-long")

    assert alice.ask("HEAD", at)["Upload-Offset"] == "10"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_checksum_is_held_to(alice: Tus, algorithm: str) -> None:
    at = alice.begun()

    damaged = alice.sent(at, BYTES[:-1] + b"?", Upload_Checksum=checksum(algorithm, BYTES))
    assert (damaged.status_code, damaged.reason_phrase) == (460, "Checksum Mismatch")
    assert code_of(damaged) == "checksum-wrong"
    assert alice.ask("HEAD", at)["Upload-Offset"] == "0"

    assert alice.sent(at, BYTES, Upload_Checksum=checksum(algorithm, BYTES)).status_code == 204


@pytest.mark.parametrize("text", ["crc32 AAAA", "sha1", "sha1 ", "sha1 !!!!", "sha1 ÄÄÄÄ", " AAAA"])
def test_a_checksum_that_cannot_be_read_is_refused(alice: Tus, text: str) -> None:
    at = alice.begun()

    assert alice.sent(at, BYTES, Upload_Checksum=text).status_code == 400
    assert alice.ask("HEAD", at)["Upload-Offset"] == "0"


def test_the_first_bytes_may_come_with_the_creation(alice: Tus) -> None:
    part = alice.ask("POST", data=BYTES[:100], Upload_Length=len(BYTES), Upload_Metadata=NAME)
    assert (part.status_code, part["Upload-Offset"]) == (201, "100")
    whole = alice.ask("POST", data=BYTES, Upload_Length=len(BYTES), Upload_Metadata=NAME)
    assert (whole.status_code, whole["Upload-Offset"]) == (201, str(len(BYTES)))
    assert alice.sent(part["Location"], BYTES[100:], 100)["Upload-Offset"] == str(len(BYTES))
    assert set(Upload.objects.values_list("sha256", flat=True)) == {SHA256}

    damaged = alice.ask(
        "POST", data=BYTES, Upload_Length=len(BYTES), Upload_Metadata=NAME, Upload_Checksum=checksum("sha1", b"")
    )
    long = alice.ask("POST", data=BYTES, Upload_Length=10, Upload_Metadata=NAME)
    unread = alice.ask("POST", data=BYTES, Upload_Length=len(BYTES), Upload_Metadata=NAME, Upload_Checksum="sha1 !")
    assert (damaged.status_code, long.status_code, unread.status_code, Upload.objects.count()) == (460, 413, 400, 2)


def test_an_upload_can_be_removed(alice: Tus) -> None:
    at = alice.begun()
    alice.sent(at, BYTES[:10])

    answer = alice.ask("DELETE", at)

    assert (answer.status_code, answer["Tus-Resumable"]) == (204, "1.0.0")
    for again in (alice.ask("HEAD", at), alice.ask("DELETE", at), alice.sent(at, BYTES[10:], 10)):
        assert again.status_code == 404
    assert list(queries.storage().incoming().iter()) == []


def test_a_client_that_knows_only_post_names_its_method(alice: Tus) -> None:
    at = alice.begun()

    patch = alice.ask("POST", at, BYTES[:10], X_HTTP_Method_Override="PATCH", Upload_Offset=0)
    head = alice.ask("POST", at, type="", X_HTTP_Method_Override="HEAD")
    assert (patch.status_code, head.status_code, head["Upload-Offset"]) == (204, 200, "10")
    assert alice.ask("POST", at, type="", X_HTTP_Method_Override="DELETE").status_code == 204
    assert alice.ask("POST", type="", X_HTTP_Method_Override="OPTIONS").status_code == 204


@pytest.mark.parametrize("method,at", [("GET", AT), ("PUT", AT), ("PATCH", AT), ("GET", "id"), ("POST", "id")])
def test_other_methods_are_refused(alice: Tus, method: str, at: str) -> None:
    answer = alice.ask(method, f"{AT}{uuid4()}" if at == "id" else at)
    assert answer.status_code == 405
    assert method not in answer["Allow"]


@pytest.mark.parametrize("length", ["", "-5", "1.5", "ten", "1" * 19, None])
def test_a_creation_needs_a_length(alice: Tus, length: str | None) -> None:
    answer = alice.ask("POST", type="", Upload_Length=length, Upload_Metadata=NAME)
    assert (answer.status_code, code_of(answer)) == (400, "header-unreadable")
    deferred = alice.ask("POST", type="", Upload_Length=length, Upload_Defer_Length=1, Upload_Metadata=NAME)
    assert deferred.status_code == 400
    assert Upload.objects.count() == 0


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ("filename", "upload"),
        ("", "upload"),
        ("dateiname YQ==", "upload"),
        ("name YS5wbmc=,type aW1hZ2UvcG5n", "a.png"),
        ("is_draft,filename YS5wbmc=,name Yi5wbmc=", "a.png"),
        ("filename YS5wbmc=,sha256 /w==", "a.png"),
    ],
)
def test_a_client_need_not_name_its_file_and_hears_again_what_it_said(alice: Tus, metadata: str, name: str) -> None:
    created = alice.ask("POST", type="", Upload_Length=5, Upload_Metadata=metadata)
    assert (created.status_code, Upload.objects.get().name) == (201, name)
    head = alice.ask("HEAD", created["Location"])
    assert head["Upload-Metadata"] == (metadata or "filename dXBsb2Fk")


@pytest.mark.parametrize(
    "metadata",
    [
        "filename YQ==,filename Yg==",
        "filename YQ",
        "filename Y Q==",
        "filename /w==",
        "name /w==",
        "filename ä",
        "filename Y$Q==",
        ",filename YQ==",
        "filename " + base64.b64encode(b"a\0b").decode(),
        "ä YQ==,filename YQ==",
    ],
)
def test_metadata_that_cannot_be_read_is_refused(alice: Tus, metadata: str) -> None:
    answer = alice.ask("POST", type="", Upload_Length=5, Upload_Metadata=metadata)
    assert (answer.status_code, Upload.objects.count()) == (400, 0)
    assert code_of(answer) in ("header-unreadable", "name-unusable")


def test_metadata_is_read_as_the_standard_says() -> None:
    assert tus.read_metadata("") == {}
    assert tus.read_metadata("is_draft,filename 5rC0LnBuZw==, relativePath eC/kuIA=") == {
        "is_draft": "",
        "filename": "水.png",
        "relativePath": "x/一",
    }


def test_limits_are_said_so(alice: Tus, settings: Any) -> None:
    settings.ASSET_FILE_LIMIT_BYTES, settings.UPLOADS_LIMIT_BYTES, settings.UPLOADS_LIMIT = 100, 150, 2
    alice.begun(100)

    def refused(size_bytes: int) -> tuple[int, str]:
        answer = alice.ask("POST", type="", Upload_Length=size_bytes, Upload_Metadata=NAME)
        return answer.status_code, code_of(answer)

    assert refused(101) == (413, "file-too-large")
    assert refused(51) == (413, "uploads-too-large")
    assert refused(0) == (400, "file-empty")
    alice.begun(50)
    assert refused(1) == (403, "too-many-uploads")


def test_what_expired_is_gone(alice: Tus) -> None:
    at = alice.begun()
    Upload.objects.update(expires_at=NOON - timedelta(days=5000))

    assert (alice.ask("HEAD", at).status_code, alice.sent(at, BYTES).status_code) == (410, 410)
    assert Upload.objects.get().offset_bytes == 0


def test_parts_are_joined(alice: Tus) -> None:
    ends = [0, 3000, 5000, len(BYTES)]
    parts = []
    for start, end in itertools.pairwise(ends):
        at = alice.begun(end - start, Upload_Concat="partial", Upload_Metadata=None)
        assert alice.ask("HEAD", at)["Upload-Concat"] == "partial"
        assert alice.sent(at, BYTES[start:end]).status_code == 204
        parts.append(at)
    concat = f"final;http://testserver{parts[0]} {parts[1]} {parts[2]}"

    metadata = f"{NAME},relativePath eC/kuIA="
    answer = alice.ask("POST", type="", Upload_Concat=concat, Upload_Metadata=metadata)

    assert answer.status_code == 201
    head = alice.ask("HEAD", answer["Location"])
    assert head["Upload-Metadata"] == metadata
    assert (head["Upload-Concat"], head["Upload-Offset"], head["Upload-Length"]) == (
        concat,
        str(len(BYTES)),
        str(len(BYTES)),
    )
    joined = Upload.objects.get(concatenation="final")
    assert (joined.sha256, joined.expires_at - joined.created_at) == (SHA256, timedelta(hours=48))
    assert alice.sent(answer["Location"], b"x", len(BYTES)).status_code == 403
    assert UploadInspection.objects.count() == 1


@pytest.mark.parametrize(
    "concat", ["final", "final;", "final;/elsewhere/1", "half", "partial;x", "final;/portal/uploads/" + "-" * 36]
)
def test_a_concatenation_that_cannot_be_read_is_refused(alice: Tus, concat: str) -> None:
    answer = alice.ask("POST", type="", Upload_Concat=concat, Upload_Length=5, Upload_Metadata=NAME)
    assert (answer.status_code, code_of(answer)) == (400, "header-unreadable")


def test_parts_of_another_or_half_a_part_are_not_joined(alice: Tus, dave: Tus) -> None:
    half, daves = alice.begun(10, Upload_Concat="partial"), dave.begun(10, Upload_Concat="partial")
    dave.sent(daves, BYTES[:10])

    unfinished = alice.ask("POST", type="", Upload_Concat=f"final;{half}", Upload_Metadata=NAME)
    foreign = alice.ask("POST", type="", Upload_Concat=f"final;{daves}", Upload_Metadata=NAME)

    assert (unfinished.status_code, foreign.status_code, Upload.objects.count()) == (400, 404, 2)


def test_dave_is_told_the_same_of_alices_upload_as_of_none(alice: Tus, dave: Tus) -> None:
    at = alice.begun()
    alice.sent(at, BYTES[:10])
    asked: list[Callable[[str], Any]] = [
        lambda at: dave.ask("HEAD", at),
        lambda at: dave.sent(at, BYTES[10:], 10),
        lambda at: dave.ask("DELETE", at),
        lambda at: dave.client.get(f"{at}/inspection"),
    ]
    for ask in asked:
        mine, none = ask(at), ask(f"{AT}{uuid4()}")
        assert mine.status_code == none.status_code == 404
        assert mine.content == none.content
        assert {*mine.headers} == {*none.headers}

    assert alice.ask("HEAD", at)["Upload-Offset"] == "10"


def test_only_creators_upload(db: None) -> None:
    nobody, carol = Tus(), Tus(quick("carol", sells=False))
    for client, status in ((nobody, 401), (carol, 403)):
        for method in ("POST", "HEAD", "PATCH", "DELETE"):
            at = AT if method == "POST" else f"{AT}{uuid4()}"
            answer = client.ask(method, at, Upload_Length=5, Upload_Offset=0, Upload_Metadata=NAME)
            assert (answer.status_code, answer.has_header("WWW-Authenticate")) == (status, status == 401)
    assert Upload.objects.count() == 0


def test_a_browser_needs_the_token_of_its_page(db: None) -> None:
    alice = Tus(quick("alice"), enforce_csrf_checks=True)
    ask = {"type": "", "Upload_Length": 5, "Upload_Metadata": NAME}
    assert alice.ask("POST", **ask).status_code == 403
    assert alice.ask("GET", X_HTTP_Method_Override="POST", **ask).status_code == 403
    known = alice.client.post(f"{AT}known", "{}", content_type="application/json")
    assert known.status_code == 403
    assert Upload.objects.count() == 0

    page = alice.client.get("/portal/keys")
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.content)
    assert token
    answer = alice.ask("POST", X_CSRFToken=token[1].decode(), **ask)
    assert answer.status_code == 201
    assert alice.sent(answer["Location"], b"12345").status_code == 403
    assert alice.sent(answer["Location"], b"12345", X_CSRFToken=token[1].decode()).status_code == 204


def test_the_inspection_is_told_to_its_owner(alice: Tus) -> None:
    at = alice.begun()
    assert alice.client.get(f"{at}/inspection").json() == {"state": "arriving", "findings": []}
    alice.sent(at, BYTES)
    assert alice.client.get(f"{at}/inspection").json() == {"state": "waiting", "findings": [], "sha256": SHA256}

    finding = {"code": "x", "template": "%(file)s: it has %(n)d faults.", "where": "水墨.png", "values": {}}
    finding["values"] = {"file": "水墨.png", "n": 2}
    UploadInspection.objects.update(state="refused", findings=[finding])
    assert alice.client.get(f"{at}/inspection").json()["findings"] == [
        {"where": "水墨.png", "message": "水墨.png: it has 2 faults."}
    ]
    UploadInspection.objects.update(
        state="passed", findings=[], facts={"width": 8}, fingerprints=[], media_type="image/png"
    )
    answer = alice.client.get(f"{at}/inspection")
    assert (answer.json()["media_type"], answer.json()["facts"]) == ("image/png", {"width": 8})
    assert answer["Cache-Control"] == "no-store"
