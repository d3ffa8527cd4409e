"""Proofs that travel as text: c2sp.org/tlog-proof."""

import base64
from dataclasses import dataclass

from ledger.log.checkpoint import (
    TreeHead,
    UnableToReadNote,
    VerifierKey,
    decode_base64,
    decode_decimal,
    open_checkpoint,
)
from ledger.log.merkle import leaf_hash, verify_inclusion

_FIRST_LINE = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is leaf `index` of the tree whose signed `checkpoint` note is carried along."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def to_text(self) -> str:
        """Return the tlog-proof text."""
        lines = [_FIRST_LINE]
        if self.extra is not None:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines.extend(base64.b64encode(one).decode() for one in self.hashes)
        return "\n".join(lines) + "\n\n" + self.checkpoint

    def __str__(self) -> str:
        return self.to_text()

    @classmethod
    def parse(cls, text: str) -> "Proof":
        """Return the proof that the text spells; nothing in it is verified yet."""
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or lines.pop(0) != _FIRST_LINE:
            raise UnableToReadNote("tlog-proof", f"no {_FIRST_LINE} line or no checkpoint is in it")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "), "tlog-proof")
        if not lines or not lines[0].startswith("index "):
            raise UnableToReadNote("tlog-proof", "its index line is missing")
        index = decode_decimal(lines.pop(0).removeprefix("index "), "tlog-proof")
        hashes = tuple(decode_base64(line, "tlog-proof") for line in lines)
        if any(len(one) != 32 for one in hashes):
            raise UnableToReadNote("tlog-proof", "a hash in it is not 32 bytes")
        return cls(index, hashes, checkpoint, extra)

    def verify(self, entry: bytes, key: VerifierKey) -> TreeHead:
        """Return the tree head under which `entry` is proven to be leaf `index`, signed by `key`.

        Raise UnableToReadNote, UnableToVerifyNote or UnableToVerifyProof when it is not.
        """
        head = open_checkpoint(self.checkpoint, key)
        verify_inclusion(self.index, head.size, leaf_hash(entry), self.hashes, head.root)
        return head
