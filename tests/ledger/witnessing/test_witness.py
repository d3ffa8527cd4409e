"""Our own witness: what it answers by c2sp.org/tlog-witness, and that it never signs two trees."""

import base64
import http.client
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.checkpoint import TreeHead, UnableToReadNote, sign_checkpoint
from ledger.log.cosignature import find_cosignature, parse_vkey
from ledger.log.merkle import EMPTY_ROOT, UnableToVerifyProof, consistency_proof, verify_consistency
from ledger.witness import main
from ledger.witnessing.client import Answer, request_body
from ledger.witnessing.remembering import EVIDENCE_LIMIT, Request, UnableToServe, Witness
from ledger.witnessing.serving import BODY_LIMIT_BYTES, WitnessServer
from tests.ledger import makers
from tests.ledger.makers import MemoryLog

AT = int(makers.NOW.timestamp())


def log(size: int, *, rewritten: int | None = None) -> MemoryLog:
    """Return a log of `size` entries, in which the entry `rewritten` is another."""
    return MemoryLog([b"rewritten" if i == rewritten else b"entry %d" % i for i in range(size)])


def ask(
    tree: MemoryLog, old_size: int, *, proof_of: MemoryLog | None = None, proof: list[bytes] | None = None
) -> bytes:
    """Return the request that offers the tree, with its own proof unless another is given."""
    size = len(tree.leaves)
    if proof is None:
        proof = consistency_proof(old_size, size, (proof_of or tree).node) if 0 < old_size <= size else []
    return request_body(old_size, proof, tree.checkpoint())


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    Witness.init(tmp_path / "w1", "witness.example/w1")
    made = Witness(tmp_path / "w1", clock=lambda: AT + 0.5)
    made.add_log(str(makers.verifier_key()))
    return made


def status(answer: Answer) -> int:
    return answer.status


def test_a_log_that_grows_is_cosigned_by_both_keys(witness):
    for old, new in ((0, 3), (3, 7), (7, 7), (7, 300)):
        answer = witness.add_checkpoint(ask(log(new), old))
        assert status(answer) == 200
        note = log(new).checkpoint() + answer.body.decode()
        assert [find_cosignature(note, key).timestamp for key in witness.keys] == [AT, AT]
        assert answer.body.decode().count("\n") == len(witness.keys) == 2


def test_another_old_size_is_told_the_one_remembered(witness):
    answer = witness.add_checkpoint(ask(log(7), 3))
    assert answer == Answer(409, "text/x.tlog.size", b"0\n")
    witness.add_checkpoint(ask(log(7), 0))
    for old in (0, 3, 8):
        assert witness.add_checkpoint(ask(log(9), old)) == Answer(409, "text/x.tlog.size", b"7\n")
    smaller = witness.add_checkpoint(ask(log(5), 3))
    assert smaller == Answer(409, "text/x.tlog.size", b"7\n")
    assert witness.evidence(makers.ORIGIN) == []


def test_a_rewritten_history_is_refused_and_kept_as_evidence(witness):
    witness.add_checkpoint(ask(log(7), 0))
    rewritten = ask(log(9, rewritten=2), 7)
    assert status(witness.add_checkpoint(rewritten)) == 422
    borrowed = ask(log(9, rewritten=2), 7, proof_of=log(9))
    assert status(witness.add_checkpoint(borrowed)) == 422
    same_size = ask(log(7, rewritten=2), 7)
    assert witness.add_checkpoint(same_size) == Answer(409, "text/x.tlog.size", b"7\n")
    assert witness.evidence(makers.ORIGIN) == [rewritten, borrowed, same_size]
    assert status(witness.add_checkpoint(ask(log(9), 7))) == 200


def test_proofs_have_the_length_that_is_due(witness):
    assert status(witness.add_checkpoint(ask(log(7), 0, proof=[bytes(32)]))) == 422
    assert status(witness.add_checkpoint(ask(log(7), 0))) == 200
    assert status(witness.add_checkpoint(ask(log(7), 7, proof=[bytes(32)]))) == 422
    good = consistency_proof(7, 9, log(9).node)
    for proof in ([], good[:-1], [*good, good[0]], list(reversed(good))):
        assert status(witness.add_checkpoint(ask(log(9), 7, proof=proof))) == 422


def test_strangers_are_turned_away(witness):
    elsewhere = sign_checkpoint(
        TreeHead("elsewhere.example", 1, bytes(32)),
        makers.verifier_key(origin="elsewhere.example"),
        makers.LOG_KEY.sign,
    )
    assert status(witness.add_checkpoint(request_body(0, [], elsewhere))) == 404
    stranger = Ed25519PrivateKey.generate()
    theirs = sign_checkpoint(TreeHead(makers.ORIGIN, 1, bytes(32)), makers.verifier_key(stranger), stranger.sign)
    assert status(witness.add_checkpoint(request_body(0, [], theirs))) == 403
    forged = log(7).checkpoint().replace("\n7\n", "\n8\n")
    assert status(witness.add_checkpoint(request_body(0, [], forged))) == 403
    assert witness.add_checkpoint(ask(log(7), 3)).body == b"0\n"


def test_the_empty_tree_is_where_every_log_begins(witness):
    head = TreeHead(makers.ORIGIN, 0, EMPTY_ROOT)
    empty = request_body(0, [], sign_checkpoint(head, makers.verifier_key(), makers.LOG_KEY.sign))
    assert status(witness.add_checkpoint(empty)) == 200
    lie = TreeHead(makers.ORIGIN, 0, bytes(32))
    note = sign_checkpoint(lie, makers.verifier_key(), makers.LOG_KEY.sign)
    assert status(witness.add_checkpoint(request_body(0, [], note))) == 409
    assert status(witness.add_checkpoint(ask(log(7), 0))) == 200
    assert witness.add_checkpoint(empty).body == b"7\n"


CHECKPOINT = log(7).checkpoint()
HASH = base64.b64encode(bytes(32)).decode() + "\n"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "old 0\n",
        f"old 0\n{CHECKPOINT}",
        f"old 00\n\n{CHECKPOINT}",
        f"old -1\n\n{CHECKPOINT}",
        f"old  0\n\n{CHECKPOINT}",
        f"Old 0\n\n{CHECKPOINT}",
        f"old {2**63}\n\n{CHECKPOINT}",
        f"old 8\n\n{CHECKPOINT}",
        f"old 0\r\n\n{CHECKPOINT}",
        f"old 0\n{HASH * 64}\n{CHECKPOINT}",
        f"old 0\nAAAA\n\n{CHECKPOINT}",
        f"old 0\n{HASH[:-2]}\n\n{CHECKPOINT}",
        f"old 0\n\n{CHECKPOINT}\n",
        f"old 0\n\n{CHECKPOINT[:-1]}",
        f"old 0\n\n{makers.ORIGIN}\n7\n\n— {makers.ORIGIN} AAAAAAAA\n",
    ],
)
def test_malformed_requests_are_400(witness, body):
    assert status(witness.add_checkpoint(body.encode())) == 400
    assert witness.add_checkpoint(ask(log(7), 3)).body == b"0\n"


def test_bytes_that_are_no_text_are_400(witness):
    assert status(witness.add_checkpoint(b"old 0\n\n\xff")) == 400


@given(st.integers(0, 40), st.integers(0, 40), st.data())
def test_consistency_holds_for_prefixes_and_for_nothing_else(old, new, data):
    tree = log(40)
    roots = [tree.root(0, n) if n else EMPTY_ROOT for n in (old, new)]
    if old > new:
        with pytest.raises(UnableToVerifyProof):
            verify_consistency(old, new, [], *roots)
        return
    proof = consistency_proof(old, new, tree.node) if old else []
    verify_consistency(old, new, proof, *roots)
    place = data.draw(st.integers(0, 1))
    wrong = [bytes(32) if i == place else root for i, root in enumerate(roots)]
    if old:
        with pytest.raises(UnableToVerifyProof):
            verify_consistency(old, new, proof, *wrong)


def test_what_it_saw_outlives_it(witness, tmp_path):
    witness.add_checkpoint(ask(log(7), 0))
    again = Witness(tmp_path / "w1")
    assert again.keys == witness.keys
    assert again.add_checkpoint(ask(log(9), 0)).body == b"7\n"
    (tmp_path / "w1" / "witness.sqlite").unlink()
    with pytest.raises(UnableToServe, match="bring back the folder as it was"):
        Witness(tmp_path / "w1")
    with pytest.raises(UnableToServe, match="is there already"):
        Witness.init(tmp_path / "w1", "witness.example/w1")


def test_two_processes_at_once_cosign_one_branch_only(witness, tmp_path):
    witness.add_checkpoint(ask(log(3), 0))
    branches = [ask(log(9, rewritten=place), 3) for place in (3, 4, 5, 6, 7, 8)]
    others = [Witness(tmp_path / "w1") for _branch in branches]
    with ThreadPoolExecutor(len(branches)) as pool:
        answers = list(pool.map(lambda pair: pair[0].add_checkpoint(pair[1]), zip(others, branches, strict=True)))
    assert sorted(map(status, answers)) == [200, 409, 409, 409, 409, 409]


def test_evidence_has_a_limit(witness, monkeypatch):
    monkeypatch.setattr("ledger.witnessing.remembering.EVIDENCE_LIMIT", 2)
    assert EVIDENCE_LIMIT == 100
    witness.add_checkpoint(ask(log(7), 0))
    for _time in range(3):
        witness.add_checkpoint(ask(log(7, rewritten=1), 7))
    assert len(witness.evidence(makers.ORIGIN)) == 2


def test_keys_that_others_may_read_are_not_used(witness, tmp_path):
    (tmp_path / "w1" / "ed25519.pem").chmod(0o644)
    with pytest.raises(UnableToServe, match=r"chmod 600"):
        Witness(tmp_path / "w1")


def test_a_witness_of_its_own_log_key_type_only(witness):
    with pytest.raises(UnableToReadNote, match="type 0x01 or 0x06"):
        witness.add_log(str(witness.keys[0]))
    post_quantum = witness.keys[1]
    assert witness.add_log(str(post_quantum)) == post_quantum


def test_a_request_is_what_the_standard_shows():
    request = Request.parse(ask(log(7), 3))
    assert (request.old_size, request.head.size, request.note) == (3, 7, log(7).checkpoint())
    assert ask(log(7), 3).decode().split("\n")[0] == "old 3"


def send(
    server: WitnessServer, *, method: str = "POST", path: str = "/w/add-checkpoint", body: bytes = b"", **headers: str
):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers["Content-Type"], content


def test_over_http_one_path_takes_posts_of_a_limited_size(witness, tmp_path):
    with WitnessServer(("127.0.0.1", 0), witness, "/w") as server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever, 0.01)
        try:
            code, kind, content = send(server, body=ask(log(7), 0))
            assert (code, kind) == (200, "text/plain; charset=utf-8")
            assert find_cosignature(log(7).checkpoint() + content.decode(), witness.keys[0]).timestamp == AT
            assert send(server, body=ask(log(9), 0)) == (409, "text/x.tlog.size", b"7\n")
            assert send(server, method="GET")[0] == 405
            assert send(server, path="/add-checkpoint", body=ask(log(9), 7))[0] == 404
            assert send(server, method="GET", path="/")[0] == 404
            assert send(server, method="PUT")[0] == 501
            assert send(server, body=b"x" * (BODY_LIMIT_BYTES + 1))[0] == 413
            assert send(server, Transfer_Encoding="chunked")[0] == 411
            with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as raw:
                raw.sendall(b"POST /w/add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\nold")
                raw.shutdown(socket.SHUT_WR)
                assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")
            kept = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
            for old in (7, 9):
                kept.request("POST", "/w/add-checkpoint", ask(log(old + 2), old))
                response = kept.getresponse()
                assert (response.status, bool(response.read())) == (200, True)
            kept.close()
        finally:
            server.shutdown()


def test_the_command_makes_a_witness_and_serves_it(tmp_path, capsys):
    state = ["--state", str(tmp_path / "w2")]
    assert main(["init", *state, "--name", "witness.example/w2"]) == 0
    printed = capsys.readouterr().out
    assert [parse_vkey(line).name for line in printed.splitlines()] == ["witness.example/w2"] * 2
    assert main(["keys", *state]) == 0
    assert capsys.readouterr().out == printed
    assert main(["add-log", *state, str(makers.verifier_key())]) == 0
    assert capsys.readouterr().out == "localhost/worldloom is witnessed from now on.\n"
    assert main(["add-log", *state, "nonsense"]) == 1
    assert main(["init", *state, "--name", "witness.example/w2"]) == 1
    assert main(["serve", *state, "--listen", "nowhere"]) == 1
    assert main(["keys", "--state", str(tmp_path / "w3")]) == 1
    assert "holds no witness" in capsys.readouterr().err
    command = [sys.executable, "-m", "ledger.witness", "serve", *state, "--listen", "127.0.0.1:0"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as run:
        try:
            port = int(run.stdout.readline().rpartition(":")[2])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("POST", "/add-checkpoint", ask(log(7), 0))
            assert connection.getresponse().status == 200
        finally:
            run.terminate()
