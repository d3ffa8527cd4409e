"""Cosignatures under checkpoints (c2sp.org/tlog-cosignature): Ed25519 cosignature/v1, and ML-DSA-44."""

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ledger.log.checkpoint import (
    ED25519,
    TreeHead,
    UnableToReadNote,
    UnableToVerifyNote,
    VerifierKey,
    check_key_name,
    decode_base64,
    open_checkpoint,
    split_note,
)

ED25519_COSIGNATURE = 0x04
MLDSA44_COSIGNATURE = 0x06
_KEY_BYTES = {ED25519_COSIGNATURE: 32, MLDSA44_COSIGNATURE: 1312}
_SIGNATURE_BYTES = {ED25519_COSIGNATURE: 64, MLDSA44_COSIGNATURE: 2420}
_TIMESTAMP = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """The public key of a cosigner. `kind` is its signature type: ED25519_COSIGNATURE or MLDSA44_COSIGNATURE."""

    name: str
    kind: int
    public_key: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if self.kind not in _KEY_BYTES:
            raise UnableToReadNote("cosigner key", f"signature type 0x{self.kind:02x} is no cosignature")
        if len(self.public_key) != _KEY_BYTES[self.kind]:
            due, given = _KEY_BYTES[self.kind], len(self.public_key)
            raise UnableToReadNote("cosigner key", f"a key of type 0x{self.kind:02x} has {due} bytes, not {given}")

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name || 0x0A || kind || public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


def parse_vkey(text: str) -> VerifierKey | CosignerKey:
    """Return the key that a vkey of type 0x01, 0x04 or 0x06 spells; UnableToReadNote when it spells none."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise UnableToReadNote("verifier key", "it is not of the form name+hash+key")
    name, key_id, encoded = parts
    decoded = decode_base64(encoded, "verifier key")
    if not name.isascii() and any(0xD800 <= ord(c) <= 0xDFFF for c in name):
        raise UnableToReadNote("verifier key", "its name is not UTF-8")
    kind, public_key = decoded[0] if decoded else 0, decoded[1:]
    key = VerifierKey(name, public_key) if kind == ED25519 else CosignerKey(name, kind, public_key)
    if key.key_id.hex() != key_id:
        computed = key.key_id.hex()
        raise UnableToReadNote("verifier key", f"its hash is {key_id}, but its name and key hash to {computed}")
    return key


@dataclass(frozen=True, slots=True)
class CosignatureLine:
    """One signature line, with its newline, that was verified, and the POSIX time that it states."""

    line: str
    timestamp: int


def cosigned_message(key: CosignerKey, text: str, timestamp: int) -> bytes:
    """Return what a cosigner signs for a checkpoint's note text: sections "Ed25519" and "ML-DSA-44 signed message".

    The one of Ed25519 does not hold the cosigner's name, the one of ML-DSA-44 no extension lines.
    """
    if key.kind == ED25519_COSIGNATURE:
        return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    head = TreeHead.parse(text)
    message = [b"subtree/v1\n\x00", _vector(key.name), _TIMESTAMP.pack(timestamp), _vector(head.origin)]
    return b"".join([*message, struct.pack(">QQ", 0, head.size), head.root])


def _vector(text: str) -> bytes:
    """Return opaque<1..2^8-1>: RFC 8446 section 3.4."""
    content = text.encode()
    if not 0 < len(content) < 256:
        raise UnableToReadNote("cosignature", f"a name of {len(content)} bytes does not fit into it")
    return bytes([len(content)]) + content


def cosign(key: CosignerKey, text: str, sign: Callable[[bytes], bytes], timestamp: int) -> str:
    """Return the signature line, with its newline, that `key` adds to a checkpoint with this note text."""
    signature = key.key_id + _TIMESTAMP.pack(timestamp) + sign(cosigned_message(key, text, timestamp))
    return f"— {key.name} {base64.b64encode(signature).decode()}\n"


def find_cosignature(note: str, key: CosignerKey) -> CosignatureLine | None:
    """Return the cosignature by `key` on a checkpoint, None when there is none; the caller's clock judges its time.

    Raise UnableToReadNote when the note is malformed, UnableToVerifyNote when a line by the key does not verify.
    """
    text, signatures = split_note(note)
    found: CosignatureLine | None = None
    for name, signature in signatures:
        if name == key.name and signature[:4] == key.key_id:
            timestamp = _verify(key, signature[4:], text)
            found = CosignatureLine(f"— {name} {base64.b64encode(signature).decode()}\n", timestamp)
    return found


def _verify(key: CosignerKey, signature: bytes, text: str) -> int:
    if len(signature) != _TIMESTAMP.size + _SIGNATURE_BYTES[key.kind]:
        raise UnableToVerifyNote(key.name, f"its cosignature has {len(signature)} bytes")
    timestamp: int = _TIMESTAMP.unpack_from(signature)[0]
    if timestamp >= 1 << 63:
        raise UnableToVerifyNote(key.name, "its cosignature states a time beyond 2^63 - 1")
    kind = Ed25519PublicKey if key.kind == ED25519_COSIGNATURE else MLDSA44PublicKey
    try:
        public_key = kind.from_public_bytes(key.public_key)
        public_key.verify(signature[_TIMESTAMP.size :], cosigned_message(key, text, timestamp))
    except (InvalidSignature, ValueError):
        raise UnableToVerifyNote(key.name, "its cosignature does not verify") from None
    except UnsupportedAlgorithm:
        raise UnableToVerifyNote(key.name, "the OpenSSL of this machine has no ML-DSA-44") from None
    return timestamp


def open_log_checkpoint(note: str, key: VerifierKey | CosignerKey) -> TreeHead:
    """Return the tree head of a checkpoint that a log signed, with an Ed25519 key or by a cosignature of its own.

    Its origin must be the key's name. Raise UnableToReadNote or UnableToVerifyNote.
    """
    if isinstance(key, VerifierKey):
        return open_checkpoint(note, key)
    if find_cosignature(note, key) is None:
        raise UnableToVerifyNote(key.name, f"no signature by key {key.key_id.hex()} is on it")
    head = TreeHead.parse(split_note(note)[0])
    if head.origin != key.name:
        raise UnableToVerifyNote(key.name, f"it is a checkpoint of another log, {head.origin}")
    return head
