"""Cosignatures against code written from the standard alone, and against an implementation by others."""

import base64
import hashlib
import struct

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from tlog_scales import signing, tlog

from ledger.log.checkpoint import TreeHead, UnableToReadNote, UnableToVerifyNote, VerifierKey, sign_checkpoint
from ledger.log.cosignature import (
    CosignatureLine,
    CosignerKey,
    cosign,
    find_cosignature,
    open_log_checkpoint,
    parse_vkey,
)
from tests.ledger import makers

NAME = "witness.example/w1"
AT = int(makers.NOW.timestamp())
ED25519 = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a witness in tests").digest())
MLDSA44 = MLDSA44PrivateKey.from_seed_bytes(hashlib.sha256(b"a witness in tests").digest())
HEAD = TreeHead(makers.ORIGIN, 7, hashlib.sha256(b"root").digest())
NOTE = sign_checkpoint(HEAD, makers.verifier_key(), makers.LOG_KEY.sign)


def by_the_standard(kind: int, head: TreeHead = HEAD, at: int = AT, name: str = NAME) -> tuple[str, str]:
    """Return vkey and signature line, written down from c2sp.org/tlog-cosignature without our code."""
    private = ED25519 if kind == 4 else MLDSA44
    public = private.public_key().public_bytes_raw()
    text = f"{head.origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n"
    if kind == 4:
        message = f"cosignature/v1\ntime {at}\n{text}".encode()
    else:
        origin = head.origin.encode()
        message = b"subtree/v1\n\x00" + bytes([len(name)]) + name.encode() + at.to_bytes(8, "big")
        message += bytes([len(origin)]) + origin + bytes(8) + head.size.to_bytes(8, "big") + head.root
    key_id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
    signature = base64.b64encode(key_id + struct.pack(">Q", at) + private.sign(message)).decode()
    vkey = f"{name}+{key_id.hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"
    return vkey, f"— {name} {signature}\n"


@pytest.mark.parametrize("kind", [4, 6])
def test_what_the_standard_says_verifies_here(kind):
    vkey, line = by_the_standard(kind)
    key = parse_vkey(vkey)
    assert isinstance(key, CosignerKey)
    assert (key.name, key.kind, str(key)) == (NAME, kind, vkey)
    assert find_cosignature(NOTE + line, key) == CosignatureLine(line, AT)
    assert find_cosignature(NOTE, key) is None
    if kind == 4:
        assert cosign(key, HEAD.to_text(), ED25519.sign, AT) == line


@pytest.mark.parametrize("kind", [4, 6])
def test_what_we_cosign_verifies_elsewhere(kind):
    key = parse_vkey(by_the_standard(kind)[0])
    line = cosign(key, HEAD.to_text(), (ED25519 if kind == 4 else MLDSA44).sign, AT)
    theirs = tlog.Checkpoint.from_text(NOTE + line)
    theirs.verify(signing.Vkey.from_string(str(key)))
    theirs.verify(signing.Vkey.from_string(str(makers.verifier_key())))
    other = tlog.Checkpoint.from_text(NOTE.replace("\n7\n", "\n8\n") + line)
    with pytest.raises(InvalidSignature):
        other.verify(signing.Vkey.from_string(str(key)))


@pytest.mark.parametrize("kind", [4, 6])
def test_a_cosignature_is_bound_to_its_checkpoint(kind):
    vkey, line = by_the_standard(kind)
    for head in (
        TreeHead(makers.ORIGIN, 8, HEAD.root),
        TreeHead("elsewhere.example", 7, HEAD.root),
        TreeHead(makers.ORIGIN, 7, hashlib.sha256(b"another root").digest()),
    ):
        note = sign_checkpoint(head, makers.verifier_key(), makers.LOG_KEY.sign)
        with pytest.raises(UnableToVerifyNote, match="its cosignature does not verify"):
            find_cosignature(note + line, parse_vkey(vkey))


@pytest.mark.parametrize("kind", [4, 6])
def test_its_time_cannot_be_changed(kind):
    vkey, line = by_the_standard(kind)
    signature = base64.b64decode(line.split(" ")[2])
    later = signature[:4] + struct.pack(">Q", AT + 1) + signature[12:]
    with pytest.raises(UnableToVerifyNote, match="does not verify"):
        find_cosignature(f"{NOTE}— {NAME} {base64.b64encode(later).decode()}\n", parse_vkey(vkey))
    beyond = signature[:4] + struct.pack(">Q", 1 << 63) + signature[12:]
    with pytest.raises(UnableToVerifyNote, match="beyond"):
        find_cosignature(f"{NOTE}— {NAME} {base64.b64encode(beyond).decode()}\n", parse_vkey(vkey))


def test_a_cut_cosignature_does_not_verify():
    vkey, line = by_the_standard(4)
    cut = base64.b64encode(base64.b64decode(line.split(" ")[2])[:-1]).decode()
    with pytest.raises(UnableToVerifyNote, match="has 71 bytes"):
        find_cosignature(f"{NOTE}— {NAME} {cut}\n", parse_vkey(vkey))


def test_a_good_line_does_not_hide_a_bad_one_by_the_same_key():
    vkey, line = by_the_standard(4)
    _vkey, other = by_the_standard(4, TreeHead(makers.ORIGIN, 9, HEAD.root))
    with pytest.raises(UnableToVerifyNote):
        find_cosignature(NOTE + other + line, parse_vkey(vkey))


def test_ml_dsa_binds_the_cosigners_name_and_ed25519_its_extension_lines():
    extended = HEAD.to_text() + "more\n"
    assert cosign(parse_vkey(by_the_standard(4)[0]), extended, ED25519.sign, AT) != by_the_standard(4)[1]
    vkey, line = by_the_standard(6)
    elsewhere = CosignerKey("witness.example/w2", 6, parse_vkey(vkey).public_key)
    renamed = elsewhere.key_id + base64.b64decode(line.split(" ")[2])[4:]
    with pytest.raises(UnableToVerifyNote, match="does not verify"):
        find_cosignature(f"{NOTE}— {elsewhere.name} {base64.b64encode(renamed).decode()}\n", elsewhere)


def test_a_log_may_sign_by_ml_dsa_alone():
    vkey, line = by_the_standard(6, name=makers.ORIGIN)
    key = parse_vkey(vkey)
    assert open_log_checkpoint(f"{HEAD.to_text()}\n{line}", key) == HEAD
    assert open_log_checkpoint(NOTE + line, makers.verifier_key()) == HEAD
    with pytest.raises(UnableToVerifyNote, match="no signature by key"):
        open_log_checkpoint(NOTE, key)
    vkey, line = by_the_standard(6)
    with pytest.raises(UnableToVerifyNote, match="another log"):
        open_log_checkpoint(f"{HEAD.to_text()}\n{line}", parse_vkey(vkey))


def test_vkeys_of_three_types_are_read_and_no_others():
    log = parse_vkey(str(makers.verifier_key()))
    assert isinstance(log, VerifierKey)
    assert log == makers.verifier_key()
    name, key_id, encoded = by_the_standard(4)[0].split("+", 2)
    wrong = [
        "",
        name,
        f"{name}+{key_id}",
        f"{name}+{key_id}+",
        f"{name}+00000000+{encoded}",
        f"{name}x+{key_id}+{encoded}",
        f"{name}+{key_id.upper()}x+{encoded}",
        f"{name}+{key_id}+{encoded[:-4]}",
        f"+{key_id}+{encoded}",
        f"wit ness+{key_id}+{encoded}",
        f"{name}+{key_id}+{base64.b64encode(bytes([5]) + bytes(32)).decode()}",
        f"{name}+{key_id}+{base64.b64encode(bytes([6]) + bytes(32)).decode()}",
    ]
    for text in wrong:
        with pytest.raises(UnableToReadNote):
            parse_vkey(text)


def test_names_of_more_than_255_bytes_do_not_fit_an_ml_dsa_cosignature():
    key = CosignerKey("w" * 256, 6, MLDSA44.public_key().public_bytes_raw())
    with pytest.raises(UnableToReadNote, match="256 bytes does not fit"):
        cosign(key, HEAD.to_text(), MLDSA44.sign, AT)
