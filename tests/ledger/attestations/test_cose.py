"""COSE receipts, taken apart by cbor2 and checked by hand: RFC 9942 and nothing of ours."""

import hashlib

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.attestations import cose
from ledger.log.checkpoint import UnableToVerifyNote
from ledger.log.proof import Proof
from ledger.signing.files import FileSigner
from tests.ledger.makers import LOG_KEY, MemoryLog, verifier_key

ENTRIES = [b"entry %d" % number for number in range(300)]
LOG = MemoryLog(ENTRIES)


def receipt(index: int) -> bytes:
    proof = Proof.parse(LOG.proof(index))
    return cose.receipt(proof, subject="grant:1", key=verifier_key(), signer=FileSigner("Ed25519", LOG_KEY))


def verify(content: bytes, entry: bytes, public_key: Ed25519PublicKey) -> dict[int, object]:
    """Return the CWT claims of a receipt that proves the entry: RFC 9942, sections 4 and 5.2; RFC 9162, 2.1.3.2."""
    tag = cbor2.loads(content)
    assert tag.tag == 18
    protected, unprotected, payload, signature = tag.value
    header = cbor2.loads(protected)
    assert (header[1], header[395], payload) == (-8, 1, None)
    assert list(unprotected) == [396]
    (proof,) = unprotected[396][-1]
    size, index, path = cbor2.loads(proof)
    position, last, root = index, size - 1, hashlib.sha256(b"\0" + entry).digest()
    for sibling in path:
        if position & 1 or position == last:
            root = hashlib.sha256(b"\1" + sibling + root).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\1" + root + sibling).digest()
        position, last = position >> 1, last >> 1
    assert last == 0
    public_key.verify(signature, cbor2.dumps(["Signature1", protected, b"", root]))
    return header[15]


@pytest.mark.parametrize("index", [0, 1, 137, 255, 256, 299])
def test_a_receipt_proves_its_entry_and_no_other(index):
    content = receipt(index)
    assert verify(content, ENTRIES[index], LOG_KEY.public_key()) == {1: "localhost/worldloom", 2: "grant:1"}
    assert receipt(index) == content
    with pytest.raises(InvalidSignature):
        verify(content, ENTRIES[index - 1], LOG_KEY.public_key())
    with pytest.raises(InvalidSignature):
        verify(content, ENTRIES[index], Ed25519PrivateKey.generate().public_key())


def test_no_byte_of_a_receipt_can_be_flipped():
    """But in the size: RFC 9942 leaves that outside of what is signed, and trees of two sizes share most paths."""
    content = receipt(137)
    size = content.index(cbor2.dumps(300)) + 1
    for at in sorted(set(range(len(content))) - {size, size + 1}):
        flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        with pytest.raises(Exception):  # noqa: B017 what kind depends on where
            verify(flipped, ENTRIES[137], LOG_KEY.public_key())


def test_only_what_the_log_signed_as_a_checkpoint_gets_a_receipt():
    proof = Proof.parse(LOG.proof(3))
    other = Ed25519PrivateKey.generate()
    with pytest.raises(UnableToVerifyNote):
        cose.receipt(proof, subject="x", key=verifier_key(other), signer=FileSigner("Ed25519", other))


values = st.recursive(
    st.none() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.integers(0, 500), inner),
    max_leaves=20,
)


@given(values)
def test_its_cbor_is_that_of_the_library(value):
    assert cose.encode(value) == cbor2.dumps(value, canonical=True)


@pytest.mark.parametrize("value", [True, 1.5, object()])
def test_what_a_receipt_does_not_hold_is_refused(value):
    with pytest.raises(TypeError, match="a receipt holds no"):
        cose.encode(value)
