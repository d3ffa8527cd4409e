"""Logs told entry by entry: a lawful one about Alice's 云海, and whatever is planted after it."""

import hashlib
import json
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.index.keys import keys_of
from ledger.index.trie import NO_NODE, Top, added_to, bucket_node, hash_key
from ledger.law.findings import Finding
from ledger.law.replay import Law
from ledger.law.store import Store
from ledger.log.checkpoint import TreeHead, sign_checkpoint
from ledger.log.merkle import CompactRange, leaf_hash
from ledger.log.tiles import LogFolder, TileReader, TileWriter
from ledger.rules import encode_entry, signing_input
from ledger.signing.base import Signer
from ledger.signing.files import FileSigner
from ledger.signing.jwk import encode_base64url
from tests.ledger import makers
from tests.ledger.makers import ALICE, BOB, LOG_KEY, NOW, ORIGIN, sha256

LOG = FileSigner("Ed25519", LOG_KEY)


def signer(seed: bytes) -> FileSigner:
    return FileSigner("Ed25519", Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest()))


ALICES_NEXT, DAVE, LOGS_NEXT = signer(b"Alice's second key"), signer(b"Dave's key"), signer(b"the log's second key")


def uuid(name: str) -> str:
    return str(UUID(bytes=hashlib.sha256(name.encode()).digest()[:16]))


HOLDERS = {ALICE: uuid("alice"), ALICES_NEXT: uuid("alice"), BOB: uuid("bob")}
CLOUDS, TERMS, WANDERER, COPY = (sha256(name.encode()) for name in ("clouds", "terms", "wanderer", "copy"))
OFFER, GRANT, CLAIM = uuid("offer"), uuid("grant"), uuid("claim")
AFTER = NOW + timedelta(days=30)


def key_body(signer: FileSigner, **more: Any) -> dict[str, Any]:
    body = {"kid": signer.kid, "alg": signer.algorithm, "use": "log", "public_jwk": signer.public_jwk}
    if signer in HOLDERS:
        body |= {"use": "creators", "holder": HOLDERS[signer], "custody": "custodial"}
    return body | more


class Told:
    """A log in memory that grows by what is said, a minute an entry."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.now = NOW

    @property
    def size(self) -> int:
        return len(self.entries)

    def say(
        self, type: str, body: dict[str, Any], *signers: Signer, at: datetime | None = None, log: str = ORIGIN
    ) -> bytes:
        """Add an entry as our own code writes it."""
        self.now += timedelta(minutes=1)
        entry = encode_entry(
            type=type,
            id=UUID(uuid(f"entry {self.size}")),
            stated_at=at or self.now,
            body=body,
            log=log,
            signers=signers,
        )
        self.entries.append(entry.body)
        return entry.body

    def plant(self, change: dict[str, Any], type: str, body: dict[str, Any], *signers: Signer) -> bytes:
        """Add an entry with members changed after it was signed; our own code would refuse most of them."""
        self.now += timedelta(minutes=1)
        message = signing_input(type=type, log=ORIGIN, body=body)
        said = {
            "format": "worldloom/ledger-entry/2",
            "type": type,
            "id": uuid(f"entry {self.size}"),
            "stated_at": self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "body": body,
            "signatures": [{"kid": one.kid, "sig": encode_base64url(one.sign(message))} for one in signers],
        } | change
        entry = rfc8785.dumps({name: value for name, value in said.items() if value is not None})
        self.entries.append(entry)
        return entry

    def asset(self, name: str) -> None:
        self.say("asset", makers.asset_body(name.encode()))

    def index_root(self, size: int | None = None, **more: Any) -> None:
        """Add the root of the index of the first `size` leaves, all of them without."""
        size = self.size if size is None else size
        self.say("index-root", index_body(self.entries, size) | more)

    def root_at(self, size: int) -> bytes:
        return CompactRange().extended(leaf_hash(entry) for entry in self.entries[:size]).root()

    def judge(self, *, now: datetime = AFTER, store: Store | None = None) -> list[Finding]:
        """Return what the law finds in the whole log."""
        law = Law(store or Store(), origin=ORIGIN, root_at=self.root_at, now=now)
        return [finding for entry in self.entries[law.size :] for finding in law.take(entry)]

    def publish(self, folder: Path, size: int | None = None, signer: Ed25519PrivateKey = LOG_KEY) -> Path:
        """Write the files of the first `size` leaves, and the checkpoint."""
        size = self.size if size is None else size
        files = LogFolder(folder)
        writer = TileWriter(files, 0)
        for entry in self.entries[:size]:
            writer.append(leaf_hash(entry), entry)
        writer.finish()
        head = TreeHead(ORIGIN, size, TileReader(files, size).root())
        note = sign_checkpoint(head, makers.verifier_key(signer), signer.sign)
        files.write("checkpoint", note.encode())
        return folder


def index_body(entries: Sequence[bytes], size: int) -> dict[str, Any]:
    """Return what an index root of the first leaves says, built at once."""
    buckets: dict[int, list[tuple[bytes, int]]] = {}
    for index, entry in enumerate(entries[:size]):
        for key in keys_of(entry):
            hashed = hash_key(key)
            buckets.setdefault(struct.unpack(">H", hashed[:2])[0], []).append((hashed, index))
    top = Top((prefix, bucket_node(added_to(b"", sorted(pairs)))) for prefix, pairs in buckets.items())
    keys = len({hashed for pairs in buckets.values() for hashed, _index in pairs})
    return {"size": size, "keys": keys, "root": (top.root() if buckets else NO_NODE[1]).hex()}


def lawful() -> Told:
    """Keys, an asset, a split, a release, an offer, a grant, a claim, an index root and an anchor: nothing is wrong."""
    told = Told()
    for signer in (LOG, ALICE, ALICES_NEXT, BOB):
        told.say("key", key_body(signer), signer)
    told.asset("wanderer")
    shares = [{"payee": uuid("alice"), "share_ppb": 1_000_000_000}]
    split = sha256(rfc8785.dumps({"format": "worldloom/split/1", "shares": shares}))
    told.say("split", {"split": split, "shares": shares})
    told.say("release", release_body(), ALICE)
    told.say("offer", offer_body(), ALICE)
    told.say("grant", grant_body())
    told.say("claim", claim_body("opened"))
    told.index_root()
    told.say("anchor-receipt", anchor_body(told, 11))
    return told


def release_body(**more: Any) -> dict[str, Any]:
    return {"release": CLOUDS, "pack": "alice/yunhai", "version": "1.0.0", "creator": uuid("alice")} | more


def offer_body(**more: Any) -> dict[str, Any]:
    return {"offer": OFFER, "release": CLOUDS, "terms": TERMS, "price_commitment": sha256(b"price")} | more


def grant_body(**more: Any) -> dict[str, Any]:
    return {
        "grant": GRANT,
        "release": CLOUDS,
        "offer": OFFER,
        "terms": TERMS,
        "licensee_commitment": sha256(b"Lantern Films"),
        "certificate": sha256(b"certificate"),
    } | more


def claim_body(event: str, **more: Any) -> dict[str, Any]:
    return {"claim": CLAIM, "event": event, "asset": WANDERER, "disputed": COPY, "evidence": sha256(b"seen")} | more


def token_body(told: Told, **more: Any) -> dict[str, Any]:
    """云海 may become a token; the split is the sixth entry of the lawful log."""
    return {
        "bps": 500,
        "chain_id": 31337,
        "contract": "0x" + "ab" * 20,
        "owner": "0x" + "a1" * 20,
        "release": CLOUDS,
        "split": json.loads(told.entries[5])["body"]["split"],
    } | more


def transfer_body(told: Told, **more: Any) -> dict[str, Any]:
    """Alice gives 云海 to Bob; `previous` is the release, the seventh entry of the lawful log."""
    previous = sha256(told.entries[6])
    return {"release": CLOUDS, "owner": uuid("alice"), "new_owner": uuid("bob"), "previous": previous} | more


def anchor_body(told: Told, size: int, **more: Any) -> dict[str, Any]:
    return {
        "size": size,
        "root": told.root_at(size).hex(),
        "chain_id": 1337,
        "contract": "0x" + "Ab" * 20,
        "transaction": "0x" + "cd" * 32,
        "block_number": 7,
        "block_time": int(NOW.timestamp()),
    } | more
