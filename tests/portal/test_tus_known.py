"""Hash first over HTTP: POST known, then POST known/answer."""

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from assets import queries
from assets.models import Blob, PreviewImage, Upload
from assets.storage.s3_bucket import StorageFailed
from marketplace.intake.operations import publish_folder
from marketplace.people.models import Creator
from tests import packs
from tests.cast import NOON
from tests.portal.tus_client import AT, BYTES, Tus, code_of, quick


@pytest.fixture
def alice(db: None) -> Tus:
    return Tus(quick("alice"))


@pytest.fixture
def dave(db: None) -> Tus:
    return Tus(quick("dave"))


@pytest.fixture
def published(alice: Tus, tmp_path: Path) -> dict[str, bytes]:
    """The files of a release of Alice's."""
    folder = packs.write(tmp_path / "pack", handle="yunhai")
    publish_folder(folder=folder, creator=Creator.objects.get(handle="alice"), now=NOON)
    return {name: (folder / name).read_bytes() for name in ("cover.png", "style.safetensors")}


def asked(data: bytes, name: str = "again.png") -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), "name": name}


def post(client: Tus, at: str, body: object) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return client.client.post(f"{AT}{at}", text, content_type="application/json")


def proof(said: dict[str, Any], data: bytes) -> str:
    digest = hashlib.sha256(bytes.fromhex(said["nonce"]))
    for part in said["ranges"]:
        digest.update(data[part["start"] : part["start"] + part["length"]])
    return digest.hexdigest()


def test_who_has_the_bytes_need_not_send_them(alice: Tus, dave: Tus, published: dict[str, bytes]) -> None:
    for number, (name, data) in enumerate(published.items()):
        said = post(dave, "known", asked(data, name)).json()
        answer = {"token": said["token"], "proof": proof(said, data)}

        stolen = post(alice, "known/answer", answer)
        wrong = post(dave, "known/answer", answer | {"proof": proof(said, data[::-1])})
        assert (stolen.status_code, code_of(stolen)) == (403, "challenge-over")
        assert (wrong.status_code, code_of(wrong), Upload.objects.count()) == (403, "proof-wrong", number)
        assert code_of(post(dave, "known/answer", answer | {"proof": "\ud800"})) == "proof-wrong"

        right = post(dave, "known/answer", answer)
        assert right.status_code == 201
        head = dave.ask("HEAD", right["Location"])
        assert (head["Upload-Offset"], head["Upload-Length"]) == (str(len(data)), str(len(data)))
        assert dave.client.get(f"{right['Location']}/inspection").json()["state"] == "waiting"
        assert alice.ask("HEAD", right["Location"]).status_code == 404


def test_other_bytes_are_to_be_sent(alice: Tus, dave: Tus, published: dict[str, bytes]) -> None:
    at = alice.begun()
    alice.sent(at, BYTES)  # arrived, and not published
    made_by_us = Blob.objects.exclude(sha256__in=[asked(data)["sha256"] for data in published.values()])
    preview = made_by_us.filter(pk__in=PreviewImage.objects.values("blob")).first()
    assert preview is not None
    for body in (
        asked(BYTES),
        asked(published["cover.png"]) | {"size_bytes": 1},
        {"sha256": preview.sha256, "size_bytes": preview.size_bytes, "name": "x.webp"},
    ):
        answer = post(dave, "known", body)
        assert (answer.status_code, code_of(answer)) == (404, "bytes-unknown")


def test_a_storage_that_breaks_off_is_told_as_such(
    dave: Tus, published: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = published["cover.png"]
    said = post(dave, "known", asked(data)).json()

    def breaks(_sha256: str) -> BinaryIO:
        raise StorageFailed("the object store does not answer")

    monkeypatch.setattr(queries, "open_blob", breaks)
    answer = post(dave, "known/answer", {"token": said["token"], "proof": proof(said, data)})
    assert (answer.status_code, code_of(answer), Upload.objects.count()) == (507, "storage-refused", 0)


@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "[]", "{}", "[" * 30000, "NaN", '{"sha256": 1, "size_bytes": 2, "name": "x"}'),
        '{"sha256": "0", "size_bytes": true, "name": "x"}',
    ],
)
def test_a_body_that_cannot_be_read_is_refused(dave: Tus, body: str) -> None:
    assert post(dave, "known", body).status_code == 400
    assert post(dave, "known/answer", body).status_code == 400
