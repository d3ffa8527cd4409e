"""The log behind a plain static server: our reader and Go's reference code follow it with nothing else."""

import functools
import os
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from ledger import queries
from ledger.log.checkpoint import open_checkpoint
from ledger.log.merkle import leaf_hash, verify_inclusion
from ledger.log.tiles import LogFolder, TileReader, bundle_path, tile_path
from ledger.operations import seal
from tests.ledger.makers import NOW, entries_in, verifier_key
from tests.ledger.many import state_assets

pytestmark = pytest.mark.django_db

READER = Path(__file__).parent / "reader" / "main.go"
GO_PACKAGES = Path("/usr/share/gocode")
INSTALL = "apt-get install golang-go golang-golang-x-mod-dev"


class Quiet(SimpleHTTPRequestHandler):
    """What `python -m http.server` answers with, without its lines on standard error."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """Serves the log's folder, and nothing else, as `python -m http.server` does."""
    folder = queries.log_folder().prefix
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Far(LogFolder):
    """A log that is read over HTTP."""

    def __init__(self, address: str) -> None:
        super().__init__(Path())
        self._address = address

    def read(self, path: str) -> bytes | None:
        try:
            with urllib.request.urlopen(self._address + path, timeout=10) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None


def grow(*sizes: int) -> list[str]:
    """Seal the log up to each of the sizes, and return the checkpoints that were published."""
    at, notes = 0, []
    for size in sizes:
        state_assets(f"asset {index}" for index in range(at, size))
        at = size
        seal(now=NOW)
        notes.append(queries.published().note)
    return notes


def test_a_plain_static_server_serves_all_that_a_reader_needs(address: str) -> None:
    older, newest = grow(200, 260)
    far = Far(address)
    head = open_checkpoint(far.read("checkpoint").decode(), queries.verifier_key())
    assert (head.size, far.read("checkpoint").decode()) == (260, newest)
    entries = entries_in(far, 260)
    reader = TileReader(far, 260)
    for index in (0, 199, 255, 256, 259):
        verify_inclusion(index, 260, leaf_hash(entries[index]), reader.inclusion_proof(index), head.root)
    assert entries_in(far, 200) == entries[:200]
    assert TileReader(far, 200).root() == open_checkpoint(older, queries.verifier_key()).root


def test_partial_files_are_there_for_each_published_size_until_the_full_ones_are(client: Client) -> None:
    def status(path: str) -> int:
        return client.get(f"/log/{path}").status_code

    grow(3)
    assert (status(tile_path(0, 0, 3)), status(bundle_path(0, 3))) == (200, 200)
    state_assets(f"more {index}" for index in range(5))
    seal(now=NOW)
    # Whoever still holds the older checkpoint finds its files too.
    assert {status(path(*at)) for path, at in WANTED} == {200}
    state_assets(f"many {index}" for index in range(260))
    seal(now=NOW)
    assert {status(path(*at)) for path, at in WANTED} == {404}
    assert (status(tile_path(0, 0)), status(bundle_path(0))) == (200, 200)
    assert (status(tile_path(0, 1, 12)), status(tile_path(1, 0, 1)), status(bundle_path(1, 12))) == (200, 200, 200)


WANTED = [(tile_path, (0, 0, 3)), (bundle_path, (0, 3)), (tile_path, (0, 0, 8)), (bundle_path, (0, 8))]


def test_caches_keep_tiles_for_ever_and_the_checkpoint_for_five_seconds(client: Client) -> None:
    grow(260)
    for path in (tile_path(0, 0), tile_path(0, 1, 4), tile_path(1, 0, 1), bundle_path(0), bundle_path(1, 4)):
        answer = client.get(f"/log/{path}")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer = client.get("/log/checkpoint")
    assert answer.headers["Cache-Control"] == "public, max-age=5"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.fixture(scope="session")
def go_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in `reader/`, compiled."""
    if shutil.which("go") is None or not (GO_PACKAGES / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"Go's code is missing: {INSTALL}")
        pytest.skip(INSTALL)
    folder = tmp_path_factory.mktemp("go")
    environment = {"GO111MODULE": "off", "GOPATH": str(GO_PACKAGES), "GOCACHE": str(folder / "cache")}
    subprocess.run(
        ["go", "build", "-o", str(folder / "reader"), str(READER)],
        env=os.environ | environment,
        cwd=folder,
        check=True,
    )
    return folder / "reader"


def read(program: Path, *words: str) -> tuple[int, str]:
    ended = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, (ended.stdout + ended.stderr).strip()


def test_go_opens_the_checkpoint_and_proves_every_entry_and_every_older_tree(
    go_reader: Path, address: str, tmp_path: Path
) -> None:
    olders = []
    for note in grow(1, 200, 256, 300)[:-1]:
        olders.append(tmp_path / f"older-{len(olders)}")
        olders[-1].write_text(note)
    assert read(go_reader, str(queries.verifier_key()), address, *map(str, olders)) == (0, "localhost/worldloom 300")


def test_go_finds_another_key_a_forked_tree_a_changed_entry_and_swapped_tiles(
    go_reader: Path, address: str, tmp_path: Path
) -> None:
    (note,) = grow(520)
    key, log = str(queries.verifier_key()), queries.log_folder().prefix
    other = str(verifier_key(origin="elsewhere.example/log"))
    assert read(go_reader, other, address) == (1, "note has no verifiable signatures")
    (tmp_path / "forked").write_text(note.replace("\n520\n", "\n519\n"))
    code, said = read(go_reader, key, address, str(tmp_path / "forked"))
    assert (code, said.split(" for key")[0]) == (1, "invalid signature")
    bundle = (log / "tile/entries/001").read_bytes()
    (log / "tile/entries/001").write_bytes(bundle.replace(b'"size_bytes"', b'"size_bytez"', 1))
    assert read(go_reader, key, address) == (1, "entry 256: invalid transparency proof")
    (log / "tile/entries/001").write_bytes(bundle)
    for kind in ("tile/0", "tile/entries"):
        swap(log / kind / "000", log / kind / "001")
    assert read(go_reader, key, address) == (1, "downloaded inconsistent tile")


def swap(one: Path, other: Path) -> None:
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
