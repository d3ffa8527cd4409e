"""Other people's tus clients against the real server, over lines that are cut and through kill -9: no byte is lost."""

import hashlib
import http.client
import io
import json
import random
import select
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tusclient.client import TusClient

from assets import queries
from assets.models import Upload, UploadInspection
from marketplace.people import operations as people
from marketplace.people.models import Person
from tests.cast import NOON
from tests.portal.line import cut_line
from tests.portal.served import HOME, SECONDS, Site, until

MIB = 1024 * 1024
BYTES = random.Random(7).randbytes(6 * MIB + 12345)
SHA256 = hashlib.sha256(BYTES).hexdigest()
NODE = shutil.which("node")


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("site"))
    with django_db_blocker.unblock():
        found.start()
    yield found
    found.kill()


@dataclass
class Alice:
    """A creator's program."""

    person: Person
    key: str
    site: Site

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Tus-Resumable": "1.0.0"}

    def ask(self, method: str, at: str = "", body: bytes | None = None, **headers: Any) -> http.client.HTTPResponse:
        to = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=30)
        named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        to.request(method, urlsplit(self.site.url).path + at, body, self.headers | named)
        answer = to.getresponse()
        answer.read()
        return answer

    def begin(self, size_bytes: int = len(BYTES)) -> Upload:
        answer = self.ask("POST", Upload_Length=size_bytes, Upload_Metadata="filename aW5rLnBuZw==")
        assert answer.status == 201
        return Upload.objects.get(pk=answer.headers["Location"].rsplit("/", 1)[1])

    def offset(self, upload: Upload) -> int:
        answer = self.ask("HEAD", str(upload.pk))
        assert answer.status == 200
        return int(answer.headers["Upload-Offset"])

    def patch(self, upload: Upload, data: bytes, offset: int) -> http.client.HTTPResponse:
        return self.ask(
            "PATCH", str(upload.pk), data, Upload_Offset=offset, Content_Type="application/offset+octet-stream"
        )

    def half_sent(self, upload: Upload, announced: int, data: bytes, offset: int = 0) -> socket.socket:
        """A request whose end does not come."""
        lines = [
            f"PATCH {urlsplit(self.site.url).path}{upload.pk} HTTP/1.1",
            f"Host: 127.0.0.1:{self.site.port}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            "Content-Type: application/offset+octet-stream",
            f"Upload-Offset: {offset}",
            f"Content-Length: {announced}",
        ]
        line = socket.create_connection(("127.0.0.1", self.site.port), timeout=SECONDS)
        line.sendall("\r\n".join([*lines, "", ""]).encode() + data)
        return line


@pytest.fixture
def alice(site: Site, committed: None, settings: Any) -> Alice:
    settings.DATA_FOLDER = site.data
    person = Person.objects.create(email="alice@example.com", display_name="Alice", joined_at=NOON)
    creator = people.become_creator(person=person, handle="alice", now=NOON)
    return Alice(person, people.issue_creator_key(creator=creator, name="script", now=NOON)[1], site)


def arrived(upload: Upload, data: bytes = BYTES) -> None:
    """Sees that the file is here, byte for byte, and waits to be inspected."""
    upload.refresh_from_db()
    assert (upload.sha256, upload.offset_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    with queries.storage().incoming().open(upload.place) as file:
        assert file.read() == data
    assert UploadInspection.objects.get(upload=upload).state == "waiting"


@pytest.mark.parametrize("with_checksums", [False, True])
def test_tuspy_over_a_line_that_is_cut(alice: Alice, with_checksums: bool) -> None:
    # Connections in their order: creation, bytes, the question where it stands (twice), bytes, the question, bytes.
    cuts = (
        [None, 900_000, 100, None, 250_000, None, 700_001] if with_checksums else [None, 3_000_000, 100, None, 2 * MIB]
    )
    with cut_line(alice.site.port, *cuts) as line:
        client = TusClient(f"http://127.0.0.1:{line.port}/portal/uploads/", headers=alice.headers)
        client.uploader(
            file_stream=io.BytesIO(BYTES),
            chunk_size=MIB if with_checksums else len(BYTES),
            metadata={"filename": "ink.safetensors"},
            retries=20,
            retry_delay=0,
            upload_checksum=with_checksums,
        ).upload()
        assert line.broken >= 3

    arrived(Upload.objects.get())


@pytest.mark.skipif(NODE is None, reason="there is no node")
@pytest.mark.skipif(not (HOME / "node_modules" / "tus-js-client").is_dir(), reason="tus-js-client is not installed")
class TestTusJsClient:
    """The client of the portal's pages, under Node."""

    def send(self, alice: Alice, port: int, path: Path, **options: Any) -> Upload:
        assert NODE
        said = subprocess.run(
            [
                *(NODE, "tests/portal/tus_js.mjs", f"http://127.0.0.1:{port}/portal/uploads/"),
                *(str(path), alice.key, json.dumps(options)),
            ],
            cwd=HOME,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert said.returncode == 0, said.stderr
        return Upload.objects.get(pk=json.loads(said.stdout)["url"].rsplit("/", 1)[1])

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "ink"
        path.write_bytes(BYTES)
        return path

    @pytest.mark.parametrize(
        "options",
        [
            {"buffer": True},
            {"chunkSize": 700_000},
            {"buffer": True, "uploadDataDuringCreation": True, "chunkSize": 2 * MIB, "overridePatchMethod": True},
        ],
    )
    def test_over_a_line_that_is_cut(self, alice: Alice, path: Path, options: dict[str, Any]) -> None:
        with cut_line(alice.site.port, 2_500_000, 1000, 1_000_000, 2 * MIB, 777) as line:
            upload = self.send(alice, line.port, path, **options)
            assert line.broken >= 3

        arrived(upload)
        assert upload.name == "水墨.safetensors"

    def test_in_parts_beside_one_another(self, alice: Alice, path: Path) -> None:
        with cut_line(alice.site.port, 1_000_000, 500_000, 900_000) as line:
            upload = self.send(alice, line.port, path, parallelUploads=3, buffer=True)
            assert line.broken == 3

        arrived(upload)
        assert upload.concatenation == "final"
        assert Upload.objects.filter(concatenation="partial").count() == 3

    def test_takes_up_what_another_program_began(self, alice: Alice, path: Path) -> None:
        upload = alice.begin()
        alice.patch(upload, BYTES[:1_234_567], 0)

        again = self.send(alice, alice.site.port, path, uploadUrl=f"{alice.site.url}{upload.pk}", buffer=True)

        assert again.pk == upload.pk
        arrived(upload)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_page_on_uploads_tells_how_with_curl(alice: Alice, tmp_path: Path) -> None:
    text = (HOME / "docs" / "uploads.md").read_text()
    shown = text.partition("## With curl\n\n")[2].partition("\n\n")[0]
    given, _newline, commands = shown.partition("\n")
    assert [word.partition("=")[0] for word in given.split()] == ["KEY", "FILE", "SITE"]
    (tmp_path / "水墨.safetensors").write_bytes(BYTES)

    said = subprocess.run(
        ["bash", "-euc", f"FILE=水墨.safetensors KEY={alice.key} SITE=http://127.0.0.1:{alice.site.port}\n{commands}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == {"state": "waiting", "findings": [], "sha256": SHA256}
    arrived(Upload.objects.get(name="水墨.safetensors"))


def test_a_killed_server_loses_nothing_that_was_acknowledged(alice: Alice) -> None:
    upload = alice.begin()
    assert alice.patch(upload, BYTES[:1000], 0).status == 204
    line = alice.half_sent(upload, len(BYTES) - 1000, BYTES[1000 : 3 * MIB], 1000)
    until(lambda: Upload.objects.get().offset_bytes >= 2 * MIB)  # a pause acknowledges all but the last reads
    line.sendall(BYTES[3 * MIB : 4 * MIB])
    alice.site.kill()
    line.close()
    acknowledged = Upload.objects.get().offset_bytes

    alice.site.start()

    assert alice.offset(upload) == acknowledged
    assert alice.patch(upload, BYTES[acknowledged:], acknowledged).status == 204
    arrived(upload)


def answer_to(line: socket.socket, rest: bytes) -> bytes:
    """Sends the rest of a body until there is an answer, which may come before its end.

    A server that reads ahead notices only with the next bytes that it was overtaken: so they keep coming.
    """
    left = memoryview(rest)
    while True:
        readable, writable, _broken = select.select([line], [line] if left else [], [], SECONDS)
        assert readable or writable, "there was no answer in time"
        if readable:
            return line.recv(65536)
        left = left[line.send(left[: 64 * 1024]) :]


def test_who_comes_back_need_not_wait_for_a_line_that_hangs(alice: Alice) -> None:
    upload = alice.begin()
    hanging = alice.half_sent(upload, len(BYTES), BYTES[:MIB])
    first = until(lambda: Upload.objects.get().offset_bytes)

    assert alice.patch(upload, BYTES[first : 2 * MIB], first).status == 204
    assert answer_to(hanging, b"?" * (len(BYTES) - MIB)).startswith(b"HTTP/1.1 409 ")
    assert alice.offset(upload) == 2 * MIB

    again = alice.half_sent(upload, 3 * MIB, BYTES[2 * MIB : 3 * MIB], 2 * MIB)
    until(lambda: Upload.objects.get().offset_bytes > 2 * MIB)
    there = alice.offset(upload)  # asking where it stands takes over, too
    assert answer_to(again, b"?" * 2 * MIB).startswith(b"HTTP/1.1 409 ")
    assert alice.patch(upload, BYTES[there:], there).status == 204
    arrived(upload)


def test_who_comes_back_in_the_moment_that_a_line_breaks_goes_on_behind_what_it_brought(alice: Alice) -> None:
    upload, offset, requests = alice.begin(), 0, 0
    while offset < len(BYTES):
        piece = BYTES[offset : offset + 700_000]
        line = alice.half_sent(upload, len(BYTES) - offset, piece, offset)
        line.shutdown(socket.SHUT_WR)
        offset, requests = alice.offset(upload), requests + 1
        line.close()

    arrived(upload)
    # The question may be heard before the request that it follows; it is not heard in vain.
    assert requests <= 3 * (len(BYTES) // 700_000 + 1)


def test_of_requests_at_once_for_one_upload_no_byte_is_mixed(alice: Alice, at_once: Any) -> None:
    upload = alice.begin(2 * MIB)
    own = [bytes([letter]) * (2 * MIB) for letter in b"abcdef"]

    answers = at_once(*(lambda data=data: alice.patch(upload, data, 0).status for data in own))

    assert set(answers) <= {204, 409}
    if 204 not in answers:  # the last of them was overtaken by nobody, but may have come before its elder's end
        assert alice.patch(upload, own[0][alice.offset(upload) :], alice.offset(upload)).status == 204
    upload.refresh_from_db()
    with queries.storage().incoming().open(upload.place) as file:
        there = file.read()
    assert upload.sha256 == hashlib.sha256(there).hexdigest()
    if 204 in answers:
        assert there == own[answers.index(204)]
    assert answers.count(204) <= 1
    assert UploadInspection.objects.count() == 1


def test_chunked_bodies_without_a_length_are_taken_and_bounded(alice: Alice) -> None:
    upload = alice.begin(300_000)

    def patch(data: bytes, offset: int) -> int:
        to = http.client.HTTPConnection("127.0.0.1", alice.site.port, timeout=30)
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        pieces = (data[start : start + 65536] for start in range(0, len(data), 65536))
        to.request("PATCH", f"/portal/uploads/{upload.pk}", pieces, alice.headers | headers, encode_chunked=True)
        return to.getresponse().status

    assert patch(BYTES[:300_001], 0) == 413
    assert alice.offset(upload) == 0
    assert patch(BYTES[:200_000], 0) == 204
    assert patch(BYTES[200_000:300_000], 200_000) == 204
    arrived(upload, BYTES[:300_000])


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 8), marks=pytest.mark.deep)])
def test_however_the_line_is_cut_the_bytes_are_right(alice: Alice, seed: int | range) -> None:
    for number in [seed] if isinstance(seed, int) else seed:
        chance = random.Random(number)
        data = chance.randbytes(chance.randrange(1, 3 * MIB))
        upload = alice.begin(len(data))
        sent = 0
        while (offset := alice.offset(upload)) < len(data):
            assert offset <= sent, "more is acknowledged than was sent"
            announced = chance.randrange(1, len(data) - offset + 1)
            given = min(announced, chance.choice([0, 1, 63, 64, 65, chance.randrange(announced + 1), announced]))
            line = alice.half_sent(upload, announced, data[offset : offset + given], offset)
            sent = max(sent, offset + given)
            if chance.random() < 0.5 or given == announced:
                line.shutdown(socket.SHUT_WR)
                line.recv(65536)
            line.close()
        arrived(upload, data)
