"""The platform's keys hand over and end in the log: who signs when, and what counts where."""

import base64
import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ledger import keyring, queries
from ledger import rotation as rotating
from ledger.law.replay import Law
from ledger.law.store import Store
from ledger.log.checkpoint import TreeHead, UnableToVerifyNote, open_checkpoint
from ledger.models import Entry
from ledger.operations import (
    UnableToRevoke,
    UnableToRotate,
    register_keys,
    revoke_key,
    rotate_key,
    seal,
    state,
)
from ledger.signing import kms as kms_adapter
from ledger.signing.base import UnableToLoadKey
from ledger.signing.checking import verifies
from ledger.signing.files import FileKeys
from ledger.signing.kms import KmsKeys
from ledger.witnessing.own import own_cosignature
from tests.ledger.conftest import committed, in_another_thread, state_asset
from tests.ledger.kms_server import running
from tests.ledger.makers import ALICE, NOW, ORIGIN
from tests.ledger.signed import lines_of, message_of, signatures_of, vkey

pytestmark = pytest.mark.django_db
SOON, LATER = NOW + timedelta(days=30), NOW + timedelta(days=31)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Any) -> Any:
    """A data folder of the story's own."""
    settings.DATA_FOLDER = tmp_path
    return tmp_path


def test_every_key_is_registered_and_the_logs_key_answers_for_the_one_that_is_too_long():
    entries = {entry.statement["use"]: entry for entry in register_keys(now=NOW)}
    log = queries.signer("log")
    for use, entry in entries.items():
        signer = queries.signer(use)
        by = log if use == "cosignatures" else signer
        assert entry.statement["public_jwk"] == signer.public_jwk
        assert list(signatures_of(entry)) == [by.kid]
        assert verifies(by.public_key, message_of(entry), signatures_of(entry)[by.kid])
        assert len(bytes(entry.body)) <= 4096
    assert len({entry.statement["kid"] for entry in entries.values()}) == 4
    assert entries["log"].pk < entries["cosignatures"].pk
    assert register_keys(now=SOON) == [entries[use] for use in sorted(entries)]
    assert Entry.objects.count() == 4


def test_registering_what_is_registered_costs_one_query(django_assert_num_queries):
    register_keys(now=NOW)
    with django_assert_num_queries(3):  # two of them open and close the savepoint
        register_keys(now=NOW)


@committed
def test_both_log_keys_sign_until_the_date_and_verifiers_accept_either():
    state_asset("a")
    seal(now=NOW)
    old = queries.signer("log")
    rotation = rotate_key(use="log", until=SOON, now=NOW)
    new = queries.signer("log")
    assert (rotation.former, rotation.current, rotation.until) == (old.kid, new.kid, SOON)
    # Until a checkpoint is out that the new key signed, the old one is what opens the log.
    assert queries.verifier_key() == vkey(old)
    assert queries.published().key == vkey(old)

    stated = Entry.objects.get(type="key-rotation")
    assert stated.statement == {"kid": old.kid, "next": new.kid, "until": int(SOON.timestamp())}
    signed = signatures_of(stated)
    assert list(signed) == [old.kid, new.kid]
    assert all(verifies(one.public_key, message_of(stated), signed[one.kid]) for one in (old, new))
    assert list(signatures_of(queries.find_key(new.kid))) == [new.kid]

    note = seal(now=NOW).checkpoint.note
    assert queries.verifier_key() == vkey(new)
    assert [line.split(" ")[1] for line in lines_of(note)] == [ORIGIN, ORIGIN]
    for one in (old, new):
        assert open_checkpoint(note, vkey(one)).size == 4
        spelled = next(
            line.split(" ")[2] for line in lines_of(note) if base64.b64encode(vkey(one).key_id)[:5].decode() in line
        )
        one.public_key.verify(base64.b64decode(spelled)[4:], (note.rpartition("\n\n")[0] + "\n").encode())

    state_asset("b")
    alone = seal(now=SOON).checkpoint.note
    assert len(lines_of(alone)) == 1
    assert open_checkpoint(alone, vkey(new)).size == 5
    with pytest.raises(UnableToVerifyNote):
        open_checkpoint(alone, vkey(old))
    assert queries.published().head.size == 5


@committed
def test_a_log_goes_on_although_nothing_was_sealed_before_the_date_was_over():
    state_asset("a")
    seal(now=NOW)
    rotate_key(use="log", until=NOW, now=NOW)
    batch = seal(now=LATER)
    assert (batch.count, len(lines_of(batch.checkpoint.note))) == (3, 1)
    assert queries.verifier_key() == vkey(queries.signer("log"))


def test_the_new_certificate_key_signs_at_once_and_the_old_one_stays_public_until_it_is_revoked():
    register_keys(now=NOW)
    old = queries.signer("certificates")
    rotate_key(use="certificates", until=SOON, now=NOW)
    new = queries.signer("certificates")
    assert new.kid != old.kid
    assert queries.public_keys("certificates") == [
        {**one.public_jwk, "kid": one.kid, "alg": "ES256"} for one in (old, new)
    ]
    revoke_key(kid=old.kid, reason="superseded", now=LATER)
    assert [key["kid"] for key in queries.public_keys("certificates")] == [new.kid]
    assert [key["alg"] for key in queries.public_keys("log")] == ["Ed25519"]


def test_a_cosignature_key_hands_over_with_the_logs_key_beside_it():
    register_keys(now=NOW)
    old = queries.signer("cosignatures")
    rotate_key(use="cosignatures", until=SOON, now=NOW)
    stated = Entry.objects.get(type="key-rotation")
    log = queries.signer("log")
    signed = signatures_of(stated)
    assert list(signed) == [old.kid, log.kid]
    assert all(verifies(one.public_key, message_of(stated), signed[one.kid]) for one in (old, log))


def test_while_both_sign_another_rotation_is_the_same_one():
    first = rotate_key(use="log", until=SOON, now=NOW)
    before = Entry.objects.count()
    assert rotate_key(use="log", until=LATER, now=NOW + timedelta(days=1)) == first
    assert Entry.objects.count() == before
    second = rotate_key(use="log", until=LATER, now=SOON)
    assert second.former == first.current
    assert [one.signer.kid for one in keyring.ring("log").former] == [first.current, first.former]


@committed
def test_two_rotations_at_once_make_one():
    register_keys(now=NOW)
    both, rotations = threading.Barrier(2), []
    real = keyring.ring

    def begin() -> None:
        rotations.append(rotate_key(use="certificates", until=NOW, now=NOW))

    def together(use: Any) -> Any:
        found = real(use)
        if threading.current_thread().name.startswith("rotating") and not getattr(waited, "done", False):
            waited.done = True
            both.wait(20)
        return found

    waited = threading.local()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "ring", together)
        threads = [
            threading.Thread(target=lambda: (begin(), connection.close()), name=f"rotating {n}") for n in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert rotations[0] == rotations[1]
    assert Entry.objects.filter(type="key-rotation").count() == 1
    assert len(FileKeys().signers("certificates")) == 2


@pytest.mark.parametrize("step", ["prepare", "state", "select"])
@committed
def test_a_rotation_that_is_killed_leaves_a_key_that_signs_and_is_gone_on_with(step: str):
    register_keys(now=NOW)
    old = queries.signer("log")
    where = {"prepare": FileKeys, "select": FileKeys}.get(step, rotating)

    def killed(self: Any = None, *_arguments: Any, **_named: Any) -> Any:
        if step != "select" or _arguments[1] != old.kid:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(KeyboardInterrupt):
            rotate_key(use="log", until=SOON, now=NOW)
    stated = Entry.objects.filter(type="key-rotation").count()
    assert stated == (1 if step == "select" else 0)
    assert (queries.signer("log").kid == old.kid) is (step != "select")
    state_asset("a")
    assert len(lines_of(seal(now=NOW).checkpoint.note)) == 1 + stated

    rotation = rotate_key(use="log", until=SOON, now=NOW)
    assert rotation.former == old.kid
    assert FileKeys().signer("log").kid == rotation.current == queries.signer("log").kid
    assert {one.kid for one in FileKeys().signers("log")} == {old.kid, rotation.current}
    assert Entry.objects.filter(type="key-rotation").count() == 1


def test_a_date_that_is_over_rotates_nothing():
    register_keys(now=NOW)
    with pytest.raises(UnableToRotate, match="The log key cannot be rotated: the date until which both keys sign is"):
        rotate_key(use="log", until=NOW - timedelta(seconds=1), now=NOW)
    assert (Entry.objects.count(), len(FileKeys().signers("log"))) == (4, 1)


def test_a_machine_without_the_new_key_does_not_sign_with_the_old_one(folder):
    old = queries.signer("certificates")
    new = rotate_key(use="certificates", until=SOON, now=NOW).current
    (folder / "keys" / f"certificates.{new}.pem").unlink()
    (folder / "keys" / "certificates.pem").unlink()
    (folder / "keys" / f"certificates.{old.kid}.pem").rename(folder / "keys" / "certificates.pem")
    with pytest.raises(UnableToLoadKey, match=f"the log says that {new} signs now, and it is not here"):
        queries.signer("certificates")


@committed
def test_a_signature_counts_before_the_revocation_and_not_after():
    register_keys(now=NOW)
    old = queries.signer("certificates")
    assert queries.key_standing(old.kid, 10).verdict == "unknown"  # stated is not yet in the log
    seal(now=NOW)
    registered = queries.leaf_of(queries.find_key(old.kid)).index
    rotate_key(use="certificates", until=SOON, now=NOW)
    seal(now=NOW)
    entry = revoke_key(kid=old.kid, reason="compromised", now=LATER)
    assert list(signatures_of(entry)) == [queries.signer("log").kid]
    assert queries.key_standing(old.kid, 99).verdict == "valid"  # the revocation waits for the sealer
    seal(now=LATER)
    end = queries.leaf_of(entry).index
    assert queries.key_standing(old.kid, registered - 1).verdict == "unknown"
    assert queries.key_standing(old.kid, registered) == queries.KeyStanding("valid", "certificates", end, "compromised")
    assert queries.key_standing(old.kid, end - 1).verdict == "valid"
    assert queries.key_standing(old.kid, end) == queries.KeyStanding("revoked", "certificates", end, "compromised")
    assert queries.key_standing(queries.signer("certificates").kid, end).verdict == "valid"
    assert queries.key_standing("A" * 43, end) == queries.KeyStanding("unknown")
    assert revoke_key(kid=old.kid, reason="lost", now=LATER) == entry


def test_after_a_revocation_nothing_signs_until_a_new_key_begins():
    register_keys(now=NOW)
    old = queries.signer("certificates").kid
    revoke_key(kid=old, reason="compromised", now=NOW)
    with pytest.raises(UnableToLoadKey, match="it is revoked: begin another with `manage.py ledger_key rotate --use c"):
        queries.signer("certificates")
    rotation = rotate_key(use="certificates", until=SOON, now=NOW)
    assert (rotation.former, rotation.until) == ("", None)
    assert queries.signer("certificates").kid == rotation.current != old
    assert not Entry.objects.filter(type="key-rotation").exists()
    assert [key["kid"] for key in queries.public_keys("certificates")] == [rotation.current]


@committed
def test_a_revoked_log_key_signs_no_checkpoint_although_its_date_is_not_over():
    register_keys(now=NOW)
    old = queries.signer("log").kid
    rotate_key(use="log", until=SOON, now=NOW)
    assert len(lines_of(seal(now=NOW).checkpoint.note)) == 2
    revoke_key(kid=old, reason="compromised", now=NOW)
    assert len(lines_of(seal(now=NOW).checkpoint.note)) == 1


@committed
def test_the_log_goes_on_without_cosignatures_when_their_key_is_revoked():
    register_keys(now=NOW)
    first = keyring.signer_if_any("cosignatures")
    assert len(own_cosignature(TreeHead(ORIGIN, 1, bytes(32)), now=NOW)) > 2420
    revoke_key(kid=first.kid, reason="lost", now=NOW)
    assert keyring.signer_if_any("cosignatures") is None
    assert own_cosignature(TreeHead(ORIGIN, 1, bytes(32)), now=NOW) == ""
    assert seal(now=NOW).count == 5
    second = rotate_key(use="cosignatures", until=NOW, now=NOW).current
    assert keyring.signer_if_any("cosignatures").kid == second != first.kid
    assert seal(now=NOW).count == 1


def test_what_cannot_be_revoked_says_why():
    register_keys(now=NOW)
    log = queries.signer("log").kid
    body = {"kid": ALICE.kid, "alg": "Ed25519", "use": "creators", "public_jwk": ALICE.public_jwk}
    body |= {"holder": "00000000-0000-4000-8000-0000000a11ce", "custody": "own"}
    state(type="key", subject=f"key:{ALICE.kid}", body=body, now=NOW, signers=[ALICE])
    for kid, words in [
        (log, "the log is signed with it: rotate it first, then revoke it"),
        (ALICE.kid, "it is a creator's"),
        ("B" * 43, "the log does not know it"),
    ]:
        with pytest.raises(UnableToRevoke, match=words):
            revoke_key(kid=kid, reason="lost", now=NOW)
    assert not Entry.objects.filter(type="key-revocation").exists()


def test_one_key_for_two_uses_is_refused(folder):
    register_keys(now=NOW)
    (folder / "keys" / "claims.pem").write_bytes((folder / "keys" / "certificates.pem").read_bytes())
    with pytest.raises(UnableToLoadKey, match="is registered for certificates, and each use has its own"):
        queries.signer("claims")
    before = Entry.objects.count()
    with pytest.raises(UnableToLoadKey):
        register_keys(now=NOW)
    assert Entry.objects.count() == before


def test_one_key_for_two_uses_is_refused_before_any_is_registered(folder):
    queries.signer("certificates")
    (folder / "keys" / "claims.pem").write_bytes((folder / "keys" / "certificates.pem").read_bytes())
    (folder / "keys" / "claims.pem").chmod(0o600)
    with pytest.raises(UnableToLoadKey, match="The 'claims' signing key .* is registered for certificates"):
        register_keys(now=NOW)
    assert not Entry.objects.exists()


@committed
def test_each_use_may_have_an_adapter_of_its_own_and_rotate_by_settings(settings: Any):
    with running() as kms:
        kms_adapter._public.clear()
        first, second = kms.create("ECC_NIST_P256"), kms.create("ECC_NIST_P256")
        settings.KEYS_OF_USE = {"certificates": f"{KmsKeys.__module__}.KmsKeys"}
        settings.KMS = kms.settings(certificates=[first])
        register_keys(now=NOW)
        old = queries.signer("certificates")
        assert type(old).__name__ == "KmsSigner"
        assert type(queries.signer("log")).__name__ == "FileSigner"
        with pytest.raises(UnableToLoadKey, match="no key is listed behind the one that signs"):
            rotate_key(use="certificates", until=SOON, now=NOW)
        assert not Entry.objects.filter(type="key-rotation").exists()

        settings.KMS = kms.settings(certificates=[first, second])
        assert queries.signer("certificates").kid == old.kid
        rotation = rotate_key(use="certificates", until=SOON, now=NOW)
        assert queries.signer("certificates").kid == rotation.current
        assert in_another_thread(lambda: queries.signer("certificates").kid) == rotation.current
        settings.KMS = kms.settings(certificates=[second])
        assert queries.signer("certificates").kid == rotation.current
        assert len(queries.public_keys("certificates")) == 2


def test_the_command_lists_rotates_and_revokes():
    def run(*words: str) -> str:
        out = StringIO()
        call_command("ledger_key", *words, stdout=out)
        return out.getvalue()

    def kids() -> dict[str, str]:
        return {use: queries.signer(use).kid for use in keyring.key_uses()}

    first = kids()
    assert f"log           {first['log']} Ed25519   FileKeys: signs, not in the log yet\n" in run("list")
    assert run("make", "--use", "claims") == f"claims        {first['claims']} ES256     FileKeys: here\n"
    register_keys(now=NOW)
    assert f"log           {first['log']} Ed25519   FileKeys: signs\n" in run("list")
    said = run("rotate", "--use", "log", "--days", "7")
    assert said.startswith(f"{kids()['log']} signs for log from now on.\n{first['log']} signs checkpoints too until ")
    assert f"{first['log']} Ed25519   FileKeys: signs too until " in run("list")
    with pytest.raises(CommandError, match="the log is signed with it: rotate it first"):
        run("revoke", f"key:{kids()['log']}", "--reason", "lost")
    assert "is revoked as compromised" in run("revoke", f"key:{first['log']}", "--reason", "compromised")
    listed = run("list")
    assert f"{first['log']} Ed25519   FileKeys: revoked\n" in listed
    assert listed.count("\n") == 5


@committed
def test_the_law_finds_nothing_wrong_with_any_of_it():
    register_keys(now=NOW)
    for use in keyring.key_uses():
        old = queries.signer(use).kid
        rotate_key(use=use, until=NOW, now=NOW)
        revoke_key(kid=old, reason="superseded", now=NOW)
    revoke_key(kid=queries.signer("claims").kid, reason="lost", now=NOW)
    rotate_key(use="claims", until=SOON, now=NOW)
    store = Store()
    law = Law(store, origin=ORIGIN, root_at=lambda _size: bytes(32), now=NOW)
    entries = Entry.objects.order_by("id")
    assert [entry.type for entry in entries].count("key-revocation") == 5
    assert [law.take(bytes(entry.body)) for entry in entries] == [[]] * 18
