"""OpenSSF model signing: a release's files under one signature, in a sigstore bundle that our log vouches for.

OMS v1.0 (an in-toto Statement v1 in a DSSE envelope in a sigstore bundle v0.3), made from digests that are known.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from ledger.log.checkpoint import ED25519, VerifierKey, open_checkpoint
from ledger.log.dsse import pae
from ledger.log.proof import Proof
from ledger.signing.base import PublicKey, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
TRUSTED_ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"


class NotItsSignature(Exception):
    """The log's signature is about other files than those that the bundle is asked for."""

    code = "model-signature-mismatch"

    def __init__(self, name: str) -> None:
        super().__init__(f"The signature in the log is not about the files of {name}.")
        self.name = name


@dataclass(frozen=True, slots=True)
class Signed:
    """A log entry of kind dsse 0.0.2, read: whose signature it holds, over what."""

    payload_sha256: bytes
    signature: bytes
    public_key: EllipticCurvePublicKey


def statement(name: str, digests: Mapping[str, str]) -> bytes:
    """Return what is signed: an in-toto Statement v1 of predicate https://model_signing/signature/v1.0.

    `digests` maps each path below the model's folder to its SHA-256 in hex. The subject's digest is SHA-256 over
    the raw digests in the order of their paths.
    """
    files = sorted(digests.items())
    whole = hashlib.sha256(b"".join(bytes.fromhex(digest) for _path, digest in files)).hexdigest()
    return rfc8785.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": whole}}],
            "predicateType": "https://model_signing/signature/v1.0",
            "predicate": {
                "serialization": {
                    "method": "files",
                    "hash_type": "sha256",
                    "allow_symlinks": False,
                    "ignore_paths": [],
                },
                "resources": [{"name": path, "algorithm": "sha256", "digest": digest} for path, digest in files],
            },
        }
    )


def sign(payload: bytes, signer: Signer) -> dict[str, Any]:
    """Return the log entry (kind dsse 0.0.2 of sigstore's log) that holds the signer's P-256 signature of a statement.

    It is all that must be kept: the payload is made again from the release, and the envelope from both.
    """
    raw = signer.sign(pae(PAYLOAD_TYPE, payload))
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    return {
        "apiVersion": "0.0.2",
        "kind": "dsse",
        "spec": {
            "dsseV002": {
                "payloadHash": {"algorithm": "SHA2_256", "digest": _base64(hashlib.sha256(payload).digest())},
                "signatures": [
                    {
                        "content": _base64(signature),
                        "verifier": {
                            "publicKey": {"rawBytes": _base64(_spki(signer.public_key))},
                            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                        },
                    }
                ],
            }
        },
    }


def read_signed(content: Mapping[str, Any]) -> Signed:
    """Return what a log entry that `sign` made says."""
    said = content["spec"]["dsseV002"]
    (one,) = said["signatures"]
    public_key = load_der_public_key(base64.b64decode(one["verifier"]["publicKey"]["rawBytes"]))
    if not isinstance(public_key, EllipticCurvePublicKey) or not isinstance(public_key.curve, SECP256R1):
        raise ValueError("the key of a model signature is not on P-256")
    return Signed(base64.b64decode(said["payloadHash"]["digest"]), base64.b64decode(one["content"]), public_key)


def bundle(
    name: str,
    digests: Mapping[str, str],
    *,
    entry: bytes,
    content: Mapping[str, Any],
    proof: Proof,
    key: VerifierKey,
) -> bytes:
    """Return the sigstore bundle v0.3: the signature, and the proof that `entry` is in the log of `key`.

    `content` is what the bytes of `entry` say. Equal arguments give equal bytes. Raise NotItsSignature when the
    entry signs other files than these.
    """
    payload, signed = statement(name, digests), read_signed(content)
    if hashlib.sha256(payload).digest() != signed.payload_sha256:
        raise NotItsSignature(name)
    head = open_checkpoint(proof.checkpoint, key)
    index = str(proof.index)
    logged = {
        "logIndex": index,
        "logId": {"keyId": _base64(log_id(key))},
        "kindVersion": {"kind": "dsse", "version": "0.0.2"},
        "integratedTime": "0",  # our log promises an order, and no clock
        "inclusionProof": {
            "logIndex": index,
            "rootHash": _base64(head.root),
            "treeSize": str(head.size),
            "hashes": [_base64(one) for one in proof.hashes],
            "checkpoint": {"envelope": proof.checkpoint},
        },
        "canonicalizedBody": _base64(entry),
    }
    return rfc8785.dumps(
        {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": {"publicKey": {"hint": hint(signed.public_key)}, "tlogEntries": [logged]},
            "dsseEnvelope": {
                "payload": _base64(payload),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": _base64(signed.signature), "keyid": ""}],
            },
        }
    )


def trusted_root(key: VerifierKey, *, since: datetime) -> bytes:
    """Return the trusted root of sigstore's verifiers that names our log alone, its key good since then."""
    log = {
        # Verifiers look for the name of the checkpoint's signer in this address, and never go there.
        "baseUrl": f"https://{key.name}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": _base64(_spki(Ed25519PublicKey.from_public_bytes(key.public_key))),
            "keyDetails": "PKIX_ED25519",
            "validFor": {"start": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")},
        },
        "logId": {"keyId": _base64(log_id(key))},
    }
    return rfc8785.dumps(
        {
            "mediaType": TRUSTED_ROOT_TYPE,
            "tlogs": [log],
            "certificateAuthorities": [],
            "ctlogs": [],
            "timestampAuthorities": [],
        }
    )


def log_id(key: VerifierKey) -> bytes:
    """Return sigstore's name of a log, the whole of the hash whose first four bytes a vkey shows."""
    return hashlib.sha256(key.name.encode() + b"\n" + bytes([ED25519]) + key.public_key).digest()


def hint(key: PublicKey) -> str:
    """Return how bundles name a key: SHA-256 in hex of its PEM."""
    return hashlib.sha256(pem(key)).hexdigest()


def pem(key: PublicKey) -> bytes:
    """Return the key as `model_signing verify key --public_key` and openssl read it."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
