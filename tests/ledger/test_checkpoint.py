"""Signed notes against Go's reference vectors, and every way in which a note can be wrong."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.checkpoint import (
    TreeHead,
    UnableToReadNote,
    UnableToVerifyNote,
    VerifierKey,
    open_checkpoint,
    open_note,
    sign_checkpoint,
    sign_note,
)
from ledger.log.proof import Proof
from tests.ledger import makers

# From golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
HEAD = TreeHead(makers.ORIGIN, 7, hashlib.sha256(b"root").digest())
KEY = makers.verifier_key()
NOTE = sign_checkpoint(HEAD, KEY, makers.LOG_KEY.sign)


def test_go_and_we_sign_the_same_note():
    key = VerifierKey.parse(GO_KEY)
    assert (key.name, key.key_id.hex(), str(key)) == ("PeterNeumann", "c74f20a3", GO_KEY)
    assert sign_note(GO_TEXT, key, Ed25519PrivateKey.from_private_bytes(GO_SEED).sign) == f"{GO_TEXT}\n{GO_SIGNATURE}"
    assert open_note(f"{GO_TEXT}\n{GO_SIGNATURE}", key) == GO_TEXT


def test_the_checksum_database_key_reads():
    text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert str(VerifierKey.parse(text)) == text


def test_a_checkpoint_is_three_lines_under_one_signature():
    lines = NOTE.split("\n")
    assert lines[:2] == ["localhost/worldloom", "7"]
    assert base64.b64decode(lines[2]) == HEAD.root
    assert lines[3] == ""
    assert lines[4].startswith("— localhost/worldloom ")
    assert lines[5:] == [""]
    assert open_checkpoint(NOTE, KEY) == HEAD


def test_signatures_by_strangers_are_ignored():
    stranger = Ed25519PrivateKey.generate()
    theirs = sign_checkpoint(HEAD, makers.verifier_key(stranger, "witness.example"), stranger.sign)
    both = NOTE + theirs.rpartition("\n\n")[2]
    assert open_checkpoint(both, KEY) == HEAD
    with pytest.raises(UnableToVerifyNote, match="no signature by key"):
        open_checkpoint(theirs, KEY)


def test_a_checkpoint_of_another_log_is_not_ours_even_when_signed_by_our_key():
    other = TreeHead("elsewhere.example", 7, HEAD.root)
    note = sign_note(other.to_text(), KEY, makers.LOG_KEY.sign)
    with pytest.raises(UnableToVerifyNote, match=r"another log, elsewhere\.example"):
        open_checkpoint(note, KEY)


def test_no_byte_of_a_checkpoint_can_be_flipped():
    content = NOTE.encode()
    for at in range(len(content)):
        for flip in (0x01, 0x20, 0x80):
            flipped = content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]
            with pytest.raises((UnableToReadNote, UnableToVerifyNote, UnicodeDecodeError)):
                open_checkpoint(flipped.decode(), KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "worldloom",
        "worldloom+00000000+AQ==",
        f"loom world{str(KEY)[len(makers.ORIGIN) :]}",
        str(KEY).replace(KEY.key_id.hex(), "00000000"),
        str(KEY)[:-4],
        str(KEY) + "=",
    ],
)
def test_a_misspelled_verifier_key_is_refused(text):
    with pytest.raises(UnableToReadNote):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    ["a\n1\n", "a\n1\nAA==\n", "a\n01\n" + "A" * 43 + "=\n", "\n1\n" + "A" * 43 + "=\n", "a\n-1\n" + "A" * 43 + "=\n"],
)
def test_malformed_checkpoint_bodies_are_refused(text):
    with pytest.raises(UnableToReadNote):
        TreeHead.parse(text)


def test_extension_lines_are_read_over():
    assert TreeHead.parse(HEAD.to_text() + "anything\n") == HEAD


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\nsignature\n",
        "text\n\n— a b c\n",
        "text\n\n— a AA==\n",
        "te\txt\n\n— a AAAAAAAA\n",
        "x" * 70_000 + "\n\n— a AAAAAAAA\n",
        "text\n\n" + "— a AAAAAAAA\n" * 65,
    ],
)
def test_malformed_notes_are_refused(note):
    with pytest.raises(UnableToReadNote):
        open_note(note, KEY)


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(max_size=40),
)
def test_proofs_survive_being_text(index, hashes, extra):
    proof = Proof(index, tuple(hashes), NOTE, extra)
    assert Proof.parse(proof.to_text()) == proof
    assert str(proof) == proof.to_text()


def test_a_proof_is_the_text_of_the_standard_and_proves_its_entry_only():
    log = makers.MemoryLog([b"alice", b"bob", b"carol"])
    text = log.proof(2)
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 2\n")
    assert text.endswith("\n\n" + log.checkpoint())
    assert Proof.parse(text).verify(b"carol", KEY) == TreeHead(makers.ORIGIN, 3, log.root())
    with pytest.raises(Exception, match="does not lead from leaf 2 to the root over 3 leaves"):
        Proof.parse(text).verify(b"dave", KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 00\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\n" + NOTE,
    ],
)
def test_malformed_proofs_are_refused(text):
    with pytest.raises(UnableToReadNote):
        Proof.parse(text)
