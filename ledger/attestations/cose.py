"""COSE Receipts (RFC 9942): that an entry is in the log, as a COSE_Sign1 of the log's key over the tree's root."""

from typing import Any

from ledger.log.checkpoint import TreeHead, VerifierKey, open_checkpoint
from ledger.log.proof import Proof
from ledger.signing.base import Signer

ALG, KID, CWT_CLAIMS, VDS, VDP = 1, 4, 15, 395, 396
EDDSA = -8
RFC9162_SHA256 = 1
INCLUSION_PROOFS = -1
ISSUER, SUBJECT = 1, 2
_SIGN1_TAG = 18


def receipt(proof: Proof, *, subject: str, key: VerifierKey, signer: Signer) -> bytes:
    """Return the receipt of the entry that the proof is about, under the proof's checkpoint; `signer` is the log's.

    Protected are the algorithm, the key's id (its vkey hash), the verifiable data structure RFC9162_SHA256, and as
    CWT claims the log's origin and the subject. The payload is detached: it is the root that the proof leads to.
    Ed25519 makes equal arguments give equal bytes. Raise UnableToVerifyNote when the log never signed the checkpoint.
    """
    # Only a root that stands in a signed checkpoint is ever signed again.
    head: TreeHead = open_checkpoint(proof.checkpoint, key)
    protected = encode(
        {
            ALG: EDDSA,
            KID: key.key_id,
            CWT_CLAIMS: {ISSUER: key.name, SUBJECT: subject},
            VDS: RFC9162_SHA256,
        }
    )
    inclusion = encode([head.size, proof.index, list(proof.hashes)])
    signature = signer.sign(encode(["Signature1", protected, b"", head.root]))
    message = [protected, {VDP: {INCLUSION_PROOFS: [inclusion]}}, None, signature]
    return _head(6, _SIGN1_TAG) + encode(message)


def encode(value: Any) -> bytes:
    """Return deterministic CBOR (RFC 8949, section 4.2.1) of integers, bytes, texts, lists, maps and null."""
    match value:
        case None:
            return b"\xf6"
        case bool():
            raise TypeError("a receipt holds no booleans")
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            text = value.encode()
            return _head(3, len(text)) + text
        case list():
            return _head(4, len(value)) + b"".join(map(encode, value))
        case dict():
            pairs = sorted((encode(name), encode(item)) for name, item in value.items())
            return _head(5, len(pairs)) + b"".join(name + item for name, item in pairs)
    raise TypeError(f"a receipt holds no {type(value).__name__}")


def _head(major: int, argument: int) -> bytes:
    """Return the initial byte and the argument in as few bytes as it fits."""
    if argument < 24:
        return bytes([major << 5 | argument])
    size = next(size for size in (1, 2, 4, 8) if argument < 1 << (8 * size))
    return bytes([major << 5 | (24 + size.bit_length() - 1)]) + argument.to_bytes(size, "big")
