"""Witnesses of our log: who is asked, what is published, and what is refused before it is signed."""

import hashlib
import shutil
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from tlog_scales import signing, tlog

from ledger import queries, verify
from ledger.log.cosignature import MLDSA44_COSIGNATURE, cosign, find_cosignature
from ledger.log.proof import Proof
from ledger.models import Checkpoint, Cosignature, Entry, Pending
from ledger.operations import seal
from ledger.publication import rebuild
from ledger.witnessing import gathering, own
from ledger.witnessing.client import Answer, post
from ledger.witnessing.gathering import UnableToWitness, gather
from ledger.witnessing.policy import Policy, UnableToReadPolicy
from tests.ledger.conftest import state_asset
from tests.ledger.makers import NOW
from tests.ledger.witnessing.published import out, size_of

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(seconds=1)


def two_of_three(policy: Any, witness: Any) -> list[Any]:
    three = [witness(name) for name in ("w1", "w2", "w3")]
    policy("".join(one.line for one in three) + "group most 2 w1 w2 w3\nquorum most\n")
    return three


def test_without_a_policy_the_log_alone_signs_by_both_its_keys():
    state_asset("a")
    batch = seal(now=NOW)
    assert out() == batch.checkpoint.note == batch.checkpoint.cosigned_note
    key = own.cosigner_key()
    assert (key.name, key.kind) == ("localhost/worldloom", MLDSA44_COSIGNATURE)
    assert find_cosignature(out(), key).timestamp == int(NOW.timestamp())
    assert out().count("— localhost/worldloom ") == 2
    assert not Cosignature.objects.exists()


def test_a_house_without_ml_dsa_signs_by_ed25519_alone(monkeypatch):
    monkeypatch.setattr("ledger.signing.files._has_mldsa", lambda: False)
    state_asset("a")
    seal(now=NOW)
    assert own.cosigner_key() is None
    assert out().count("— ") == 1
    assert size_of(out()) == 1


def test_cosignatures_are_stored_published_and_proven_with(policy, witness, client: Any):
    one = witness("w1")
    text = f"log {queries.verifier_key()}\n{one.line}quorum w1\n"
    policy(text)
    entry = state_asset("a")
    batch = seal(now=NOW)
    # The policy is the log's second entry, once for its text.
    stated = Entry.objects.get(type="policy")
    assert stated.statement == {"policy": Policy.parse(text.encode()).digest, "witnesses": 1}
    assert size_of(out()) == batch.checkpoint.size == 2
    row = Cosignature.objects.get()
    assert (row.checkpoint, row.name, row.key_id) == (batch.checkpoint, "witness.example/w1", one.key.key_id.hex())
    assert out() == batch.checkpoint.note + row.line
    assert find_cosignature(out(), one.key).line == row.line
    assert Policy.parse(text.encode()).verify(out()).size == 2
    assert queries.log_folder().read("policy") == client.get("/log/policy").content == text.encode()
    assert client.get("/log/checkpoint").content.decode() == out()
    for proof in (queries.proof_for(entry), queries.proof_for(entry, checkpoint=batch.checkpoint)):
        assert proof.checkpoint == out()
        assert Proof.parse(proof.to_text()).verify(bytes(entry.body), queries.verifier_key()).size == 2
    state_asset("b")
    seal(now=LATER)
    assert Entry.objects.filter(type="policy").count() == 1
    assert Cosignature.objects.count() == 2
    assert find_cosignature(out(), one.key)


def test_two_of_three_are_enough_while_one_is_down(policy, witness):
    three = two_of_three(policy, witness)
    three[2].stop()
    state_asset("a")
    seal(now=NOW)
    assert sorted(row.name for row in Cosignature.objects.all()) == ["witness.example/w1", "witness.example/w2"]
    assert [bool(find_cosignature(out(), one.key)) for one in three] == [True, True, False]
    three[2].start()
    state_asset("b")
    seal(now=LATER)
    assert all(find_cosignature(out(), one.key) for one in three)


def test_two_down_leaves_the_batch_sealed_and_unpublished_until_one_is_back(policy, witness):
    three = two_of_three(policy, witness)
    state_asset("a")
    seal(now=NOW)
    before = out()
    three[0].stop()
    three[1].stop()
    entry = state_asset("b")
    with pytest.raises(UnableToWitness) as refused:
        seal(now=LATER)
    assert (refused.value.size, refused.value.quorum) == (3, "most")
    assert set(refused.value.said) == {"w1", "w2"}
    assert "quorum most of its witnesses is not met (w1: [Errno" in str(refused.value)
    assert out() == before
    assert queries.latest_checkpoint().size == 3
    assert not Pending.objects.exists()
    assert queries.proof_for(entry) is None
    with pytest.raises(CommandError, match="is sealed and not published"):
        call_command("ledger_seal")
    three[1].start()
    assert seal(now=LATER) is None
    assert size_of(out()) == 3
    assert [bool(find_cosignature(out(), one.key)) for one in three] == [False, True, True]
    assert queries.proof_for(entry).index == 2


def test_quorum_none_publishes_with_whatever_comes(policy, witness, caplog):
    one, other = witness("w1"), witness("w2")
    policy(f"{one.line}{other.line}quorum none\n")
    other.stop()
    state_asset("a")
    seal(now=NOW)
    state_asset("b")
    seal(now=LATER)
    assert find_cosignature(out(), one.key)
    assert find_cosignature(out(), other.key) is None
    said = [record.getMessage() for record in caplog.records if record.name.startswith("ledger.witnessing")]
    assert len(said) == 1
    assert said[0].startswith("Witness w2 did not cosign the checkpoint of 2 leaves: ")
    one.stop()
    state_asset("c")
    seal(now=LATER)
    assert size_of(out()) == 4


def test_a_witness_that_does_not_know_the_log_says_what_to_do(policy, witness):
    one = witness("w1", knows=False)
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    with pytest.raises(UnableToWitness, match=r"w1: it does not know the log \(404\): ask its operator to add it"):
        seal(now=NOW)
    assert out() == ""


def test_a_witness_behind_the_wrong_key_counts_for_nothing(policy, witness):
    one, other = witness("w1"), witness("w2")
    policy(f"witness w1 {other.key} {one.url}\nquorum w1\n")
    state_asset("a")
    with pytest.raises(UnableToWitness, match="cosignatures by other keys than the policy's"):
        seal(now=NOW)
    assert out() == ""
    assert not Cosignature.objects.exists()


def test_a_cosignature_of_the_future_counts_for_nothing(policy, witness):
    one = witness("w1", clock=NOW.timestamp() + 301)
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    with pytest.raises(UnableToWitness, match="w1: its cosignature is of the future, by 301 seconds"):
        seal(now=NOW)
    assert not Cosignature.objects.exists()
    assert seal(now=LATER) is None
    assert find_cosignature(out(), one.key).timestamp == int(NOW.timestamp()) + 301


def test_a_cosignature_from_before_its_checkpoint_counts_for_nothing(policy, witness):
    one = witness("w1", clock=NOW.timestamp() - 301)
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    with pytest.raises(UnableToWitness, match="w1: its cosignature is older than the checkpoint, by 301 seconds"):
        seal(now=NOW)
    assert out() == ""


def test_an_old_cosignature_is_not_taken_for_a_new_checkpoint(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    seal(now=NOW)
    old = Cosignature.objects.get().line
    state_asset("b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.witness, "add_checkpoint", lambda _body: Answer(200, "text/plain", old.encode()))
        with pytest.raises(UnableToWitness, match="its cosignature does not verify"):
            seal(now=LATER)
    assert size_of(out()) == 2
    assert Cosignature.objects.count() == 1


def test_a_slow_witness_is_not_waited_for_once_the_others_are_enough(policy, witness, monkeypatch):
    three = two_of_three(policy, witness)
    state_asset("a")
    seal(now=NOW)
    go = threading.Event()
    add_checkpoint = three[0].witness.add_checkpoint
    monkeypatch.setattr(three[0].witness, "add_checkpoint", lambda body: go.wait(5) and add_checkpoint(body))
    state_asset("b")
    began = time.monotonic()
    seal(now=LATER)
    assert time.monotonic() - began < 3
    assert [bool(find_cosignature(out(), one.key)) for one in three] == [False, True, True]
    go.set()
    # What it cosigned unheard does no harm: it is asked for the next one from where it is.
    state_asset("c")
    seal(now=LATER)
    assert size_of(out()) == 4


def test_a_crash_between_the_witness_and_the_file_loses_nothing(policy, witness, monkeypatch):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    real = gathering.gather

    def killed(*args: Any, **named: Any) -> str:
        real(*args, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gathering, "gather", killed)
        with pytest.raises(KeyboardInterrupt):
            seal(now=NOW)
    assert out() == ""
    assert Cosignature.objects.count() == 1
    one.stop()
    gathering._checked.clear()
    assert seal(now=LATER) is None
    assert find_cosignature(out(), one.key)


def test_rebuilt_files_carry_the_same_cosignatures(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    seal(now=NOW)
    before = out()
    one.stop()
    shutil.rmtree(queries.log_folder().prefix)
    rebuild(now=LATER)
    assert out() == before


def test_the_witnesses_are_asked_once_a_process_and_once_a_batch(policy, witness, monkeypatch):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    asked = []

    def listen(url: str, body: bytes) -> Answer:
        asked.append(body.split(b"\n", 1)[0].decode())
        return post(url, body)

    monkeypatch.setattr(gathering.gather, "__kwdefaults__", {"post": listen})
    monkeypatch.setattr(gathering.check_sizes, "__kwdefaults__", {"post": listen})
    for name in ("a", "b"):
        state_asset(name)
        seal(now=NOW)
        assert seal(now=NOW) is None
    # The empty tree before the first batch; then each batch from the one before.
    assert asked == ["old 0", "old 0", "old 2"]
    gathering._checked.clear()  # another process
    assert seal(now=NOW) is None
    assert asked == ["old 0", "old 0", "old 2", "old 3"]


def test_a_log_line_with_another_key_of_our_origin_is_refused_before_signing(policy, witness):
    from tests.ledger import makers

    one = witness("w1")
    policy(f"log {makers.verifier_key()}\n{one.line}quorum w1\n")
    state_asset("a")
    with pytest.raises(UnableToReadPolicy, match="has a log line for our origin with another key than ours"):
        seal(now=NOW)
    assert not Checkpoint.objects.exists()
    assert Pending.objects.count() == 1


def test_our_own_key_is_no_witness(policy, settings):
    from ledger.log.cosignature import CosignerKey

    key = CosignerKey("witness.example/w1", 4, queries.verifier_key().public_key)
    policy(f"witness w1 {key} http://127.0.0.1:1\nquorum w1\n")
    state_asset("a")
    with pytest.raises(UnableToReadPolicy, match="names our own key as the witness w1"):
        seal(now=NOW)
    assert not Checkpoint.objects.exists()


def test_a_policy_that_broke_stops_the_sealer_and_signs_nothing(policy):
    policy("quorum nobody\n")
    state_asset("a")
    with pytest.raises(UnableToReadPolicy, match="no line before it defines “nobody”"):
        seal(now=NOW)
    assert not Checkpoint.objects.exists()


def test_without_a_policy_no_file_claims_one(policy, witness, settings, client: Any):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    seal(now=NOW)
    settings.WITNESS_POLICY = ""
    state_asset("b")
    seal(now=LATER)
    assert client.get("/log/policy").status_code == 404
    assert out().count("witness.example") == 0


def test_both_offline_verifiers_read_over_cosignatures(policy, witness, tmp_path: Path):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    entry = state_asset("a")
    batch = seal(now=NOW)
    key = str(queries.verifier_key())
    assert verify.open_log(key, out()) == ("localhost/worldloom", 2, bytes(batch.checkpoint.root))
    (tmp_path / "entry.json").write_bytes(bytes(entry.body))
    (tmp_path / "proof").write_text(queries.proof_for(entry).to_text())
    script = Path(verify.__file__).with_name("verify.sh")
    command = ["bash", str(script), "entry", str(tmp_path / "entry.json"), str(tmp_path / "proof"), key]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout[:4]) == (0, "OK: ")


def test_what_is_published_gains_no_more_lines(policy, witness):
    three = two_of_three(policy, witness)
    three[0].stop()
    state_asset("a")
    batch = seal(now=NOW)
    three[0].start()
    gathering._checked.clear()  # another process, which asks once more
    assert seal(now=LATER) is None
    assert out() == batch.checkpoint.cosigned_note
    assert Cosignature.objects.count() == 2
    state_asset("b")
    seal(now=LATER)
    assert all(find_cosignature(out(), one.key) for one in three)


def test_stored_lines_are_only_added(policy, witness, tmp_path: Path):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    state_asset("a")
    checkpoint = seal(now=NOW).checkpoint
    again = cosign(one.key, checkpoint.note.partition("\n\n")[0] + "\n", lambda _m: bytes(64), 5)
    with pytest.raises(Exception, match="rows of ledger_cosignature are only ever added"), transaction.atomic():
        Cosignature.objects.update(line=again)
    assert gather(checkpoint, now=LATER) == out()


def test_others_read_our_cosigned_checkpoint_and_its_proofs(policy, witness):
    one = witness("w1")
    policy(f"{one.line}quorum w1\n")
    entries = [state_asset(name) for name in ("a", "b", "c")]
    seal(now=NOW)
    theirs = tlog.Checkpoint.from_text(out())
    for key in (queries.verifier_key(), own.cosigner_key(), one.key):
        theirs.verify(signing.Vkey.from_string(str(key)))
    proof = Proof.parse(queries.proof_for(entries[2]).to_text())
    assert proof.checkpoint == theirs.serialize() == out()
    leaf = hashlib.sha256(b"\x00" + bytes(entries[2].body)).digest()
    tlog.InclusionProof(proof.index, theirs.size, list(proof.hashes)).check(leaf, theirs.root_hash)
