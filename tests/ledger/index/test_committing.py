"""The index in the database: built batch by batch, committed into the log, asked and proven."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client

from ledger import lookup, queries
from ledger.index.building import commit_index
from ledger.index.keys import keys_of
from ledger.index.lookups import lookup_proof
from ledger.index.proofs import LookupProof
from ledger.index.trie import UnableToVerifyLookup
from ledger.log.checkpoint import UnableToReadNote, UnableToVerifyNote
from ledger.models import Entry, IndexNode, IndexRoot, Leaf, Pending
from ledger.operations import register_keys, seal, state
from tests.ledger.conftest import committed, state_asset
from tests.ledger.law.stories import index_body
from tests.ledger.makers import GRANT, NOW, entries_in, sha256, verifier_key

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def status(said: str) -> Entry:
    return state(type="grant-status", subject=f"grant:{GRANT}", body={"grant": str(GRANT), "status": said}, now=NOW)


def sealed() -> list[bytes]:
    """Seal what waits and return all entries that are published."""
    seal(now=NOW)
    out = queries.published()
    assert out is not None
    return entries_in(queries.log_folder(), out.head.size)


def ask(key: str) -> tuple[int, ...]:
    """Return the leaves of a key as a stranger verifies them."""
    proof = lookup_proof(key)
    assert proof is not None
    document = json.dumps(proof.to_document()).encode()
    return tuple(lookup.verify_document(document, key, queries.verifier_key()).indices)


def test_presence_and_absence_are_proven_after_each_root():
    assert lookup_proof("digest:00") is None
    register_keys(now=NOW)
    for name in "abc":
        state_asset(name)
    sealed()
    first = commit_index(now=NOW)
    assert lookup_proof(f"digest:{sha256(b'a')}") is None  # stated, but not public yet
    entries = sealed()
    assert first.statement == index_body(entries, len(entries) - 1)
    keys = {key for entry in entries for key in keys_of(entry)}
    assert first.statement["keys"] == len(keys)
    for key in keys:
        assert ask(key) == tuple(index for index, entry in enumerate(entries) if key in keys_of(entry))
    assert ask("digest:" + sha256(b"d")) == ask("pack:alice/yunhai") == ask("anything:at/all") == ()


def test_each_root_goes_on_from_the_last_and_old_nodes_go():
    now = NOW
    for name in ("suspended", "active", "revoked", "revoked again"):
        status(name)
        for number in range(30):
            state_asset(f"{name} {number}", now)
        sealed()
        now += MINUTE
        entry = commit_index(now=now)
        before = ask(f"grant:{GRANT}") if IndexRoot.objects.count() > 1 else ()
        assert entry.statement == index_body(sealed(), entry.statement["size"])
        assert len(ask(f"grant:{GRANT}")) == len(before) + 1
    assert ask(f"grant:{GRANT}") == (0, 32, 64, 96)
    assert ask(f"digest:{sha256(b'active 7')}") == (40,)
    assert IndexNode.objects.filter(prefix=b"").count() == 2


def test_nothing_is_stated_too_soon_or_for_what_the_log_says_about_itself():
    assert commit_index(now=NOW) is None
    state_asset("a")
    sealed()
    assert commit_index(now=NOW) is not None
    state_asset("b")
    assert commit_index(now=NOW + MINUTE) is None  # the last root is not sealed
    sealed()
    assert commit_index(now=NOW + MINUTE - timedelta(seconds=1)) is None
    assert commit_index(now=NOW + MINUTE) is not None
    sealed()
    assert commit_index(now=NOW + 9 * MINUTE) is None  # only a root was added
    assert (IndexRoot.objects.count(), Pending.objects.count(), Leaf.objects.count()) == (2, 0, 4)


@committed
def test_two_at_once_state_one_root(at_once: Callable[..., list[Any]]):
    state_asset("a")
    sealed()
    said = at_once(*[lambda: commit_index(now=NOW)] * 2)
    assert sorted(type(one).__name__ for one in said) == ["Entry", "NoneType"]
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="only ever added"):
        cursor.execute("DELETE FROM ledger_indexroot")
    assert IndexRoot.objects.count() == 1


def test_a_bent_answer_proves_nothing():
    for name in "abc":
        state_asset(name)
    sealed()
    commit_index(now=NOW)
    state_asset("d")
    sealed()
    key = f"digest:{sha256(b'a')}"
    good = lookup_proof(key).to_document()
    assert good["indices"] == [0]
    other = lookup_proof("digest:nowhere").to_document()
    later = json.loads(good["entry"])
    later["body"]["size"] = 4
    bent: list[dict[str, Any]] = [
        {"indices": []},
        {"indices": [1]},
        {"indices": [0, 3]},
        {"indices": ["0"]},
        {"path": good["path"][:-1]},
        {"path": "0"},
        {"path": [1]},
        {"key": "digest:nowhere"},
        {"other": "00"},
        {"entry": json.dumps(later)},
        {"entry": bytes(Leaf.objects.get(index=0).entry.body).decode()},
        {"entry": 1},
        {"proof": good["proof"].replace("index 3", "index 2")},
        {"format": "worldloom/index-proof/2"},
        {"more": 1},
    ]
    for change in bent:
        with pytest.raises(lookup.UNPROVEN):
            LookupProof.parse(good | change).verify(key, queries.verifier_key())
    for content in (b"[", b"[]", b"[" * 100_000):
        with pytest.raises(UnableToVerifyLookup):
            lookup.verify_document(content, key, queries.verifier_key())
    with pytest.raises(UnableToVerifyLookup):
        LookupProof.parse(other).verify(key, queries.verifier_key())
    with pytest.raises(UnableToVerifyNote):
        LookupProof.parse(good).verify(key, verifier_key())
    with pytest.raises(UnableToReadNote):
        LookupProof.parse(good | {"proof": ""})


def test_the_address_answers_for_every_key(client: Client):
    assert client.get("/log/lookup/digest:00").status_code == 503
    state_asset("a")
    sealed()
    commit_index(now=NOW)
    sealed()
    present = client.get(f"/log/lookup/digest:{sha256(b'a')}")
    assert (present.status_code, present.json()["indices"]) == (200, [0])
    assert present["Access-Control-Allow-Origin"] == "*"
    absent = client.get("/log/lookup/pack:alice/yunhai")
    assert (absent.status_code, absent.json()["indices"]) == (200, [])
    assert client.get("/log/lookup/nothing").status_code == 400


def test_the_command_says_present_absent_or_unproven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], client: Client
):
    state_asset("a")
    sealed()
    commit_index(now=NOW)
    sealed()
    vkey, key = str(queries.verifier_key()), f"digest:{sha256(b'a')}"
    saved = tmp_path / "answer.json"
    saved.write_bytes(client.get(f"/log/lookup/{key}").content)
    assert lookup.main([key, "--proof", str(saved), "--key", vkey]) == 0
    assert capsys.readouterr().out == (
        f"{key} is present: leaves 0, and no other of the first 1, by the root in leaf 1 of localhost/worldloom.\n"
    )
    assert lookup.main(["pack:a/b", "--proof", str(saved), "--key", vkey]) == 2
    assert "another key" in capsys.readouterr().err
    saved.write_bytes(client.get("/log/lookup/pack:a/b").content)
    assert lookup.main(["pack:a/b", "--proof", str(saved), "--key", vkey, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "key": "pack:a/b", "present": False, "indices": [], "size": 1, "committed_at": 1, "log_size": 2,
    }  # fmt: skip
    assert lookup.main(["pack:a/b", "--proof", str(saved), "--key", str(verifier_key())]) == 2
    assert lookup.main(["pack:a/b", "--log", "http://127.0.0.1:9", "--key", vkey]) == 2


def test_the_command_asks_a_log_over_http(tmp_path: Path, client: Client):
    state_asset("a")
    sealed()
    commit_index(now=NOW)
    sealed()
    vkey, key = str(queries.verifier_key()), f"digest:{sha256(b'a')}"
    (tmp_path / "log" / "lookup").mkdir(parents=True)
    (tmp_path / "log" / "lookup" / key).write_bytes(client.get(f"/log/lookup/{key}").content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/log"
        assert lookup.main([key, "--log", address, "--key", vkey]) == 0
        assert lookup.main(["pack:a/b", "--log", address, "--key", vkey]) == 2
    finally:
        server.shutdown()
        server.server_close()
