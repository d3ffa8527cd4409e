"""What a witness may answer, and what it may not do to us."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ledger.log.checkpoint import TreeHead, sign_checkpoint
from ledger.log.cosignature import cosign
from ledger.witnessing import client
from ledger.witnessing.client import Answer, Contradicts, Cosigned, Remembers, Silent, UnableToReachWitness
from tests.ledger import makers
from tests.ledger.witnessing.test_policy import key, private

AT = int(makers.NOW.timestamp())
HEAD = TreeHead(makers.ORIGIN, 7, bytes(32))
NOTE = sign_checkpoint(HEAD, makers.verifier_key(), makers.LOG_KEY.sign)
LINE = cosign(key("w1"), HEAD.to_text(), private("w1").sign, AT)
OTHER = cosign(key("w2"), HEAD.to_text(), private("w2").sign, AT)
OLDER = cosign(key("w1"), TreeHead(makers.ORIGIN, 6, bytes(32)).to_text(), private("w1").sign, AT)
SIZE = "text/x.tlog.size"


def said(answer: Answer, *, old_size: int = 3):
    asked: list[tuple[str, bytes]] = []

    def post(url: str, body: bytes) -> Answer:
        asked.append((url, body))
        return answer

    heard = client.add_checkpoint(
        "https://w.example/x/", key("w1"), old_size=old_size, size=7, proof=[bytes(32)], note=NOTE, post=post
    )
    assert asked == [("https://w.example/x/add-checkpoint", client.request_body(old_size, [bytes(32)], NOTE))]
    return heard


@pytest.mark.parametrize("body", [LINE, OTHER + LINE, LINE + OTHER])
def test_a_cosignature_is_found_among_those_of_strangers(body):
    heard = said(Answer(200, "", body.encode()))
    assert isinstance(heard, Cosigned)
    assert (heard.cosignature.line, heard.cosignature.timestamp) == (LINE, AT)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (OLDER, "its cosignature does not verify"),
        (OTHER, "cosignatures by other keys than the policy's"),
        ("", "a blank line and signature lines must follow"),
        ("<html>", "a blank line and signature lines must follow"),
        (f"{LINE}\n", "a blank line and signature lines must follow|it has empty lines|a signature line is not"),
        (f"x\n\n{LINE}", "it has empty lines"),
        (LINE[:-1], "a blank line and signature lines must follow"),
        (LINE * 65, "more than 64 signatures"),
        (LINE.replace("\n", "\r\n"), "control characters"),
    ],
)
def test_what_is_no_cosignature_of_this_checkpoint_is_none(body, reason):
    heard = said(Answer(200, "", body.encode()))
    assert isinstance(heard, Silent)
    assert re.search(reason, heard.reason), heard.reason


def test_bytes_are_no_cosignature():
    assert said(Answer(200, "", b"\xff")) == Silent("its cosignature is not text")


@pytest.mark.parametrize(
    ("answer", "old_size", "heard"),
    [
        (Answer(409, SIZE, b"9\n"), 3, Remembers(9)),
        (Answer(409, f"{SIZE}; charset=us-ascii", b"0\n"), 3, Remembers(0)),
        (Answer(409, SIZE, b"5"), 3, Remembers(5)),
        (Answer(409, SIZE, b"09\n"), 3, Silent("it answers 409 with no size")),
        (Answer(409, SIZE, b"\xff"), 3, Silent("it answers 409 with no size")),
        (Answer(409, SIZE, b"3\n"), 3, Silent("it answers 409 and contradicts itself")),
        (Answer(409, "text/html", b"9\n"), 3, Silent("it answers 409 and contradicts itself")),
        (Answer(409, SIZE, b"7\n"), 7, Contradicts("it cosigned another tree of 7 leaves (409)")),
        (Answer(409, "text/plain", b"no\n"), 7, Contradicts("it cosigned another tree of 7 leaves (409)")),
        (Answer(422, "", b""), 3, Contradicts("it refuses the proof from its 3 leaves to these 7 (422)")),
        (Answer(301, "", b""), 3, Silent("it answers 301")),
        (Answer(502, "", b""), 3, Silent("it answers 502")),
    ],
)
def test_each_status_means_one_thing(answer, old_size, heard):
    assert said(answer, old_size=old_size) == heard


@pytest.mark.parametrize(("status", "word"), [(400, "request"), (403, "vkey"), (404, "operator"), (429, "too often")])
def test_refusals_say_what_to_do(status, word):
    heard = said(Answer(status, "", b""))
    assert isinstance(heard, Silent)
    assert word in heard.reason


def test_a_proof_that_no_witness_takes_is_not_sent():
    with pytest.raises(ValueError, match="63 hashes at most"):
        client.request_body(3, [bytes(32)] * 64, NOTE)


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Listens for one connection, and lets the test answer it."""
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.6)
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def start(answer: Callable[[socket.socket], None]) -> str:
        def run() -> None:
            connection, _address = listening.accept()
            with connection:
                _read_whole(connection)
                with contextlib.suppress(OSError):
                    answer(connection)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/add-checkpoint"

    yield start
    listening.close()
    for thread in threads:
        thread.join(timeout=5)


def _read_whole(connection: socket.socket) -> None:
    """Reads a request with its body: what is left unread would turn the end of the connection into a reset."""
    read = b""
    while chunk := connection.recv(65_536):
        read += chunk
        length = re.search(rb"content-length: (\d+)", read.lower())
        if length and b"\r\n\r\n" in read and len(read.partition(b"\r\n\r\n")[2]) >= int(length[1]):
            return


def test_a_redirect_is_not_followed(peer):
    url = peer(lambda c: c.sendall(b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"))
    assert client.post(url, b"x").status == 307


def test_an_endless_answer_is_cut_off(peer):
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    with pytest.raises(UnableToReachWitness, match="more than 65536 bytes"):
        client.post(peer(endless), b"x")


def test_an_answer_that_never_comes_is_not_waited_for(peer):
    with pytest.raises(UnableToReachWitness, match=r"does not answer within 0\.3 seconds"):
        client.post(peer(lambda _c: time.sleep(0.5)), b"x")


def test_an_answer_that_drips_is_not_waited_for(peer):
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _time in range(20):
            connection.sendall(b"x")
            time.sleep(0.1)

    with pytest.raises(UnableToReachWitness, match=r"takes more than 0\.6 seconds"):
        client.post(peer(drip), b"x")


def test_an_answer_that_is_cut_short_is_none(peer):
    with pytest.raises(UnableToReachWitness, match="cut short"):
        client.post(peer(lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nold")), b"x")


def test_nonsense_and_silence_are_no_answer(peer):
    with pytest.raises(UnableToReachWitness):
        client.post(peer(lambda c: c.sendall(b"SSH-2.0\r\n\r\n")), b"x")
    with pytest.raises(UnableToReachWitness):
        client.post("http://127.0.0.1:1/add-checkpoint", b"x")
