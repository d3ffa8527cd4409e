"""What a lookup answers: `worldloom/index-proof/1`, which proves presence or absence to who trusts the log's key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.canonical import parse
from ledger.index.trie import Path, UnableToVerifyLookup, verify
from ledger.log.checkpoint import TreeHead, VerifierKey
from ledger.log.proof import Proof
from ledger.rules import ENTRY_FORMAT

FORMAT = "worldloom/index-proof/1"
MEMBERS = {"format", "key", "indices", "path", "other", "entry", "proof"}
KEY = re.compile(r"[a-z-]{1,20}:[^\x00-\x20\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class LookupProof:
    """The entries of a key among the first `size` leaves, and why that is all of them."""

    key: str
    indices: tuple[int, ...]
    path: Path
    entry: bytes
    proof: Proof

    def to_document(self) -> dict[str, Any]:
        """Return the JSON document."""
        other = None if self.indices or self.path.record is None else self.path.record.hex()
        return {
            "format": FORMAT,
            "key": self.key,
            "indices": list(self.indices),
            "path": [one.hex() for one in self.path.siblings],
            "other": other,
            "entry": self.entry.decode(),
            "proof": self.proof.to_text(),
        }

    @classmethod
    def parse(cls, document: Any) -> "LookupProof":
        """Return the proof that a document spells; nothing in it is verified yet."""
        if not isinstance(document, dict) or set(document) != MEMBERS or document["format"] != FORMAT:
            raise UnableToVerifyLookup(f"it is no {FORMAT}")
        key, indices, other = document["key"], document["indices"], document["other"]
        texts = (key, document["entry"], document["proof"])
        if not all(isinstance(text, str) for text in texts) or not isinstance(indices, list):
            raise UnableToVerifyLookup("a member of it is of the wrong kind")
        if not all(type(index) is int for index in indices):
            raise UnableToVerifyLookup("an index in it is not a whole number")
        path = Path(None if other is None else _unhex(other, 64), tuple(_unhex(one, 32) for one in _list(document)))
        return cls(key, tuple(indices), path, document["entry"].encode(), Proof.parse(document["proof"]))

    def verify(self, key: str, log_key: VerifierKey) -> "Found":
        """Return what is proven about `key`; nothing but `log_key` is trusted.

        Raise UnableToVerifyLookup, or what Proof.verify raises, when it is not proven.
        """
        if self.key != key:
            raise UnableToVerifyLookup("it is about another key")
        head = self.proof.verify(self.entry, log_key)
        said = _index_root(self.entry)
        if said["size"] > self.proof.index or any(index >= said["size"] for index in self.indices):
            raise UnableToVerifyLookup("it names leaves that its index does not cover")
        verify(key, self.indices, self.path, bytes.fromhex(said["root"]))
        return Found(key, self.indices, said["size"], self.proof.index, head)


@dataclass(frozen=True, slots=True)
class Found:
    """What was proven: the leaves of the key among the first `size` leaves, by the root in leaf `committed_at`."""

    key: str
    indices: Sequence[int]
    size: int
    committed_at: int
    head: TreeHead


def _list(document: Mapping[str, Any]) -> list[Any]:
    path = document["path"]
    if not isinstance(path, list):
        raise UnableToVerifyLookup("its path is not a list")
    return path


def _unhex(text: Any, length: int) -> bytes:
    if not isinstance(text, str) or len(text) != 2 * length or not re.fullmatch("[0-9a-f]+", text):
        raise UnableToVerifyLookup(f"a hash in it is not {length} bytes in lower-case hex")
    return bytes.fromhex(text)


def _index_root(entry: bytes) -> dict[str, Any]:
    """Return the body of an index-root entry."""
    try:
        said = parse(entry)
        body: dict[str, Any] = said["body"]
        sound = (said["format"], said["type"]) == (ENTRY_FORMAT, "index-root") and type(body["size"]) is int
        _unhex(body["root"], 32)
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise UnableToVerifyLookup("the entry that it leads to is no index root")
    return body
