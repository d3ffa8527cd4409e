"""Checkpoints (c2sp.org/tlog-checkpoint) as signed notes (c2sp.org/signed-note) under Ed25519 keys."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = 0x01
MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64
_SIGNATURE_START = "— "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class UnableToReadNote(Exception):
    """Bytes that are not the signed note, checkpoint or key they are taken for."""

    code = "note-malformed"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"The {self.what} cannot be read: {self.reason}."


class UnableToVerifyNote(Exception):
    """A well-formed note that the expected key did not sign."""

    code = "note-unverified"

    def __init__(self, key_name: str, reason: str) -> None:
        super().__init__(key_name, reason)
        self.key_name = key_name
        self.reason = reason

    def __str__(self) -> str:
        return f"The signed note is not proven to be by {self.key_name}: {self.reason}."


def decode_base64(text: str, what: str) -> bytes:
    """Return what standard base64 (RFC 4648 section 4) says, refusing all but the canonical spelling."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UnableToReadNote(what, "it holds invalid base64") from None
    if base64.b64encode(decoded).decode() != text:
        raise UnableToReadNote(what, "it holds base64 that is not canonical")
    return decoded


def decode_decimal(text: str, what: str) -> int:
    """Return the number that ASCII digits without leading zeroes spell; at most 2**63 - 1."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", text) or int(text) >= 1 << 63:
        raise UnableToReadNote(what, f"{text[:30]!r} is not a plain decimal number")
    return int(text)


def check_key_name(name: str) -> None:
    """Raise UnableToReadNote unless `name` may name a key: not empty, no space, plus or control character."""
    if not name or "+" in name or any(c.isspace() or ord(c) < 0x20 for c in name):
        raise UnableToReadNote("key name", f"{name!r} is empty or holds a space or a plus")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 note key as people pass it around: `name+hash+base64`, a "vkey"."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.public_key) != 32:
            raise UnableToReadNote("verifier key", f"an Ed25519 key has 32 bytes, not {len(self.public_key)}")

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public_key).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([ED25519]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Return the key that a vkey spells; UnableToReadNote when its hash or its type is wrong."""
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise UnableToReadNote("verifier key", "it is not of the form name+hash+key")
        name, key_id, encoded = parts
        decoded = decode_base64(encoded, "verifier key")
        if len(decoded) != 33 or decoded[0] != ED25519:
            raise UnableToReadNote("verifier key", "it is not an Ed25519 key")
        key = cls(name, decoded[1:])
        if key.key_id.hex() != key_id:
            raise UnableToReadNote(
                "verifier key", f"its hash is {key_id}, but its name and key hash to {key.key_id.hex()}"
            )
        return key


NoteKey = tuple[VerifierKey, Callable[[bytes], bytes]]
"""A public note key, and what signs with its private half."""


def sign_note(text: str, key: VerifierKey, sign: Callable[[bytes], bytes], also: Sequence[NoteKey] = ()) -> str:
    """Return the note: `text`, which ends in a newline, a blank line, and one signature line by each key."""
    if not text.endswith("\n") or any(ord(c) < 0x20 and c != "\n" for c in text):
        raise UnableToReadNote("note text", "it must end in a newline and hold no other control characters")
    lines = [f"{text}\n"]
    for one, sign_with in ((key, sign), *also):
        signature = base64.b64encode(one.key_id + sign_with(text.encode())).decode()
        lines.append(f"{_SIGNATURE_START}{one.name} {signature}\n")
    return "".join(lines)


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return the text of a signed note and its signatures, each as key name and key id || signature; none is verified.

    Raise UnableToReadNote when it is malformed (c2sp.org/signed-note).
    """
    if len(note.encode()) > MAX_NOTE_BYTES:
        raise UnableToReadNote("signed note", f"it is longer than {MAX_NOTE_BYTES} bytes")
    if _CONTROL.search(note):
        raise UnableToReadNote("signed note", "it holds control characters")
    head, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise UnableToReadNote("signed note", "a blank line and signature lines must follow its text")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise UnableToReadNote("signed note", f"it carries more than {MAX_SIGNATURES} signatures")
    return head + "\n", [_parse_signature(line) for line in lines]


def open_note(note: str, key: VerifierKey) -> str:
    """Return the text of a note that `key` signed (c2sp.org/signed-note), ignoring signatures by others.

    Raise UnableToReadNote when it is malformed and UnableToVerifyNote when `key` did not sign it.
    """
    text, signatures = split_note(note)
    verified = False
    for name, signature in signatures:
        if name != key.name or signature[:4] != key.key_id:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature[4:], text.encode())
        except (InvalidSignature, ValueError):
            raise UnableToVerifyNote(key.name, "its signature does not verify") from None
        verified = True
    if not verified:
        raise UnableToVerifyNote(key.name, f"no signature by key {key.key_id.hex()} is on it")
    return text


def _parse_signature(line: str) -> tuple[str, bytes]:
    parts = line.removeprefix(_SIGNATURE_START).split(" ")
    if not line.startswith(_SIGNATURE_START) or len(parts) != 2:
        raise UnableToReadNote("signed note", "a signature line is not of the form “— name signature”")
    check_key_name(parts[0])
    signature = decode_base64(parts[1], "signed note")
    if len(signature) < 5:
        raise UnableToReadNote("signed note", "a signature in it is too short")
    return parts[0], signature


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says: the log's origin, its number of leaves, and the RFC 6962 root over them."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """Return the note text: three lines, no extension lines."""
        check_key_name(self.origin)
        if self.size < 0 or len(self.root) != 32:
            raise UnableToReadNote("checkpoint", "its size is negative or its root is not 32 bytes")
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "TreeHead":
        """Return the tree head that a note text spells; extension lines are allowed and ignored."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise UnableToReadNote("checkpoint", "it needs three lines that are not empty")
        root = decode_base64(lines[2], "checkpoint")
        if len(root) != 32:
            raise UnableToReadNote("checkpoint", f"its root has {len(root)} bytes instead of 32")
        return cls(lines[0], decode_decimal(lines[1], "checkpoint"), root)


def sign_checkpoint(
    head: TreeHead, key: VerifierKey, sign: Callable[[bytes], bytes], also: Sequence[NoteKey] = ()
) -> str:
    """Return the signed note of the tree head; `sign` is the Ed25519 private half of `key`.

    `also` are more keys of the same log: while it rotates from one to another, both sign.
    """
    return sign_note(head.to_text(), key, sign, also)


def open_checkpoint(note: str, key: VerifierKey) -> TreeHead:
    """Return the tree head of a checkpoint that `key` signed and whose origin is the key's name."""
    head = TreeHead.parse(open_note(note, key))
    if head.origin != key.name:
        raise UnableToVerifyNote(key.name, f"it is a checkpoint of another log, {head.origin}")
    return head
