"""The monitor against logs that were forked, cut, rewritten, or served by somebody hostile."""

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ledger import audit as monitor
from ledger import verify
from ledger.audit import Report, audit
from ledger.law.store import Store, UnableToReadState
from ledger.log import remote
from ledger.log.checkpoint import sign_note
from ledger.log.remote import FolderSource, HttpSource, UnableToFetch
from tests.ledger.law.stories import AFTER, LOG, LOGS_NEXT, Told, grant_body, key_body, lawful, signer, uuid
from tests.ledger.makers import BOB, LOG_KEY, ORIGIN, verifier_key


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    yield made
    made.close()


def longer(told: Told, size: int, what: str = "asset") -> Told:
    while told.size < size:
        told.asset(f"{what} {told.size}")
    return told


def look(folder: Path, store: Store, **other: Any) -> Report:
    return audit(FolderSource(folder), verifier_key(**other), store, now=AFTER)


def broken(report: Report) -> str:
    assert not report.ok
    assert report.broken is not None
    return report.broken.rule


@pytest.mark.parametrize("size", [12, 255, 256, 257, 512, 700])
def test_a_lawful_log_passes_at_every_width(tmp_path: Path, store: Store, size: int) -> None:
    report = look(longer(lawful(), size).publish(tmp_path), store)
    assert (report.ok, report.size, report.replayed, str(report.broken)) == (True, size, size, "None")


def test_it_goes_on_where_it_ended_and_tells_again_what_it_found(tmp_path: Path, store: Store) -> None:
    told = lawful()
    told.say("grant", grant_body(grant=uuid("free"), offer=uuid("no offer")))
    for size, replayed in ((13, 13), (200, 187), (200, 0), (300, 100), (600, 300)):
        report = look(longer(told, size).publish(tmp_path), store)
        assert (report.replayed, [finding.rule for finding in report.findings]) == (replayed, ["unknown-offer"])
    told.index_root()
    told.index_root(599)
    report = look(told.publish(tmp_path), store)
    assert [(one.rule, one.index) for one in report.findings] == [("unknown-offer", 12), ("index-out-of-order", 601)]


def test_a_root_of_a_wide_index_is_built_again(tmp_path: Path, store: Store) -> None:
    told = longer(lawful(), 500)
    told.index_root()
    longer(told, 900).index_root()
    assert look(told.publish(tmp_path), store).ok


@pytest.mark.parametrize("seen, then", [(20, 19), (300, 256), (600, 300)])
def test_a_log_that_shrinks_is_noticed(tmp_path: Path, store: Store, seen: int, then: int) -> None:
    told = longer(lawful(), seen)
    assert look(told.publish(tmp_path / "a"), store).ok
    report = look(told.publish(tmp_path / "b", then), store)
    assert broken(report) == "log-shrank"
    assert report.to_json()["remembered"].split("\n")[1] == str(seen)
    assert report.to_json()["checkpoint"].split("\n")[1] == str(then)
    assert look(longer(told, 700).publish(tmp_path / "c"), store).ok


@pytest.mark.parametrize("size", [20, 256, 300, 600])
def test_a_rewritten_or_forked_log_is_noticed_though_it_is_signed(tmp_path: Path, store: Store, size: int) -> None:
    assert look(longer(lawful(), 20).publish(tmp_path / "a"), store).ok
    fork = longer(lawful(), 19)
    longer(fork, size, "another")
    for _again in range(2):
        report = look(fork.publish(tmp_path / "b"), store)
        assert broken(report) == "log-forked"
        assert report.replayed == 0
    assert look(longer(lawful(), 300).publish(tmp_path / "c"), store).ok


def test_reordered_leaves_are_a_fork(tmp_path: Path, store: Store) -> None:
    told = longer(lawful(), 40)
    assert look(told.publish(tmp_path / "a"), store).ok
    told.entries[30], told.entries[31] = told.entries[31], told.entries[30]
    assert broken(look(longer(told, 50).publish(tmp_path / "b"), store)) == "log-forked"


def test_another_key_another_origin_and_no_checkpoint_are_refused(tmp_path: Path, store: Store) -> None:
    folder = lawful().publish(tmp_path / "a")
    other = signer(b"somebody's key")._private_key
    assert broken(look(folder, Store(), private_key=other)) == "checkpoint-unsigned"
    assert broken(look(folder, Store(), origin="another.example/log")) == "checkpoint-unsigned"
    assert broken(look(tmp_path / "nothing", Store())) == "checkpoint-missing"
    note = (folder / "checkpoint").read_text().split("\n\n")[0] + "\n"
    renamed = sign_note(note.replace(ORIGIN, "another.example/log"), verifier_key(), LOG_KEY.sign)
    (folder / "checkpoint").write_text(renamed)
    assert broken(look(folder, store)) == "checkpoint-unsigned"
    (folder / "checkpoint").write_bytes(b"\xff" * 70_000)
    with pytest.raises(UnableToFetch):
        look(folder, store)
    assert look(lawful().publish(tmp_path / "b"), store).ok
    with pytest.raises(UnableToReadState):
        look(folder, store, origin="another.example/log")


@pytest.mark.parametrize(
    "path, change, rule",
    [
        ("tile/entries/000", bytes.upper, "bundle-mismatch"),
        ("tile/entries/000", lambda content: content[:-1], "bundle-mismatch"),
        ("tile/entries/001.p/44", None, "tile-missing"),
        ("tile/entries/001.p/44", lambda content: content[:4000], "bundle-mismatch"),
        ("tile/0/001.p/44", None, "tile-missing"),
        ("tile/0/001.p/44", lambda content: content[:-32], "tile-missing"),
        ("tile/0/001.p/44", lambda content: bytes(len(content)), "tiles-mismatch"),
        ("tile/1/000.p/1", lambda content: bytes(32), "tiles-mismatch"),
        ("tile/0/000", lambda content: bytes(len(content)), "tiles-mismatch"),
    ],
)
def test_damaged_files_are_named(
    tmp_path: Path, store: Store, path: str, change: Callable[[bytes], bytes] | None, rule: str
) -> None:
    folder = longer(lawful(), 300).publish(tmp_path)
    if change:
        (folder / path).write_bytes(change((folder / path).read_bytes()))
    else:
        (folder / path).unlink()
    report = look(folder, store)
    assert broken(report) == rule
    assert report.count == 0


def test_a_rotated_key_of_the_log_is_followed(tmp_path: Path, store: Store) -> None:
    told = lawful()
    told.say("key", key_body(LOGS_NEXT), LOGS_NEXT)
    until = int(AFTER.timestamp())
    told.say("key-rotation", {"kid": LOG.kid, "next": LOGS_NEXT.kid, "until": until}, LOG, LOGS_NEXT)
    assert look(told.publish(tmp_path), store).ok
    told.asset("after the rotation")
    assert look(told.publish(tmp_path, signer=LOGS_NEXT._private_key), store).ok
    assert broken(look(told.publish(tmp_path, signer=BOB._private_key), store)) == "checkpoint-unsigned"


# --- over HTTP -------------------------------------------------------------------------------------------
class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_told: object) -> None:
        pass


class Hostile(BaseHTTPRequestHandler):
    """Answers by the first part of the path."""

    def log_message(self, *_told: object) -> None:
        pass

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        if kind == "silent":
            threading.Event().wait(1)
        elif kind == "garbage":
            self.wfile.write(b"\x00\x01\x02\r\n\r\n")
        elif kind == "redirect":
            self.send_response(302)
            self.send_header("Location", "/endless/checkpoint")
            self.end_headers()
        elif kind == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "900")
            self.end_headers()
            self.wfile.write(b"cut")
        elif kind == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                try:
                    self.wfile.write(bytes(65_536))
                except OSError:
                    return
        else:
            self.send_error(500)


@pytest.fixture
def served() -> Iterator[Callable[..., str]]:
    """Serves a handler on a free port; returns its address."""
    servers = []

    def serve(handler: Any) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_log_on_any_web_server_is_read(
    tmp_path: Path, served: Callable[..., str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "clock", lambda: AFTER)
    told = longer(lawful(), 300)
    told.publish(tmp_path / "log")
    address = served(partial(Quiet, directory=str(tmp_path))) + "/log/"
    common = ["--log", address, "--key", str(verifier_key()), "--state", str(tmp_path / "state")]
    assert verify.main(common) == 0
    assert capsys.readouterr().out == f"OK: 300 leaves of {ORIGIN} keep the law, 300 of them replayed now.\n"
    told.say("grant", grant_body(grant=uuid("free"), offer=uuid("no offer")))
    told.publish(tmp_path / "log")
    assert monitor.main([*common, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["replayed"], report["violations"], report["broken"]) == (1, 1, None)
    assert report["findings"][0]["rule"] == "unknown-offer"
    lawful().publish(tmp_path / "log")
    assert monitor.main(common) == 1
    assert "log-shrank: it has 12 leaves and had 301" in capsys.readouterr().out
    assert monitor.main(["--log", served(Hostile), *common[2:]]) == 2


@pytest.mark.parametrize("kind", ["silent", "garbage", "redirect", "cut", "endless", "error"])
def test_a_hostile_server_neither_hangs_nor_fills_the_monitor(
    served: Callable[..., str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(UnableToFetch):
        HttpSource(f"{served(Hostile)}/{kind}").read("checkpoint", 64 * 1024)


def test_other_addresses_are_refused(store: Store) -> None:
    for address in ("ftp://example/log", "http:///log", "http://example/log?a=1", "http://example:port/log"):
        with pytest.raises(UnableToFetch):
            HttpSource(address)
    with pytest.raises(UnableToFetch):
        audit(HttpSource("http://127.0.0.1:9"), verifier_key(), store, now=AFTER)
