"""Makers of what ledger tests need: statements, a log sealed in memory, and a bundle that verifies."""

import hashlib
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.log.checkpoint import TreeHead, VerifierKey, sign_checkpoint
from ledger.log.merkle import inclusion_proof, leaf_hash, node_hash
from ledger.log.proof import Proof
from ledger.log.tiles import WIDTH, LogFolder
from ledger.rules import encode_entry
from ledger.signing.files import FileSigner
from ledger.signing.jws import sign_compact

NOW = datetime(2026, 11, 22, 2, 5, 56, tzinfo=UTC)
ORIGIN = "localhost/worldloom"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"the log's key in tests").digest())
CERTIFICATE_KEY = derive_private_key(20_261_122, SECP256R1())
ALICE = FileSigner("Ed25519", Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"Alice's key in tests").digest()))
BOB = FileSigner("Ed25519", Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"Bob's key in tests").digest()))
GRANT = UUID("00000000-0000-4000-8000-00000000ca01")
CREATOR = UUID("00000000-0000-4000-8000-0000000a11ce")
OFFER = UUID("00000000-0000-4000-8000-00000000a11c")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def verifier_key(private_key: Ed25519PrivateKey = LOG_KEY, origin: str = ORIGIN) -> VerifierKey:
    return VerifierKey(origin, private_key.public_key().public_bytes_raw())


def entries_in(folder: LogFolder, size: int) -> list[bytes]:
    """Return the entries of the first `size` leaves, read from the bundles alone."""
    widths = [min(WIDTH, size - start) for start in range(0, size, WIDTH)]
    return [entry for number, width in enumerate(widths) for entry in folder.read_bundle(number, width)]


def asset_body(content: bytes) -> dict[str, object]:
    return {"sha256": sha256(content), "size_bytes": len(content), "media_type": "image/png"}


class MemoryLog:
    """A log of a few entries, hashed the slow and obvious way."""

    def __init__(self, entries: list[bytes]) -> None:
        self.entries = entries
        self.leaves = [leaf_hash(entry) for entry in entries]

    def node(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.leaves[index]
        return node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))

    def root(self, start: int = 0, end: int | None = None) -> bytes:
        end = len(self.leaves) if end is None else end
        if end - start == 1:
            return self.leaves[start]
        k = 1 << ((end - start - 1).bit_length() - 1)
        return node_hash(self.root(start, start + k), self.root(start + k, end))

    def checkpoint(self) -> str:
        head = TreeHead(ORIGIN, len(self.leaves), self.root())
        return sign_checkpoint(head, verifier_key(), LOG_KEY.sign)

    def proof(self, index: int) -> str:
        hashes = inclusion_proof(index, len(self.leaves), self.node)
        return Proof(index, tuple(hashes), self.checkpoint()).to_text()


@dataclass
class BundleMaker:
    """Carol Pictures' license of Alice's 云海, member by member. Change a fact, then call `members`."""

    files: dict[str, bytes] = field(
        default_factory=lambda: {
            "characters/wanderer.png": b"\x89PNG the wanderer in a red cloak",
            "prompts/云海.json": '{"zh":"云海"}'.encode(),
            "empty.txt": b"",
        }
    )
    licensee: str = "Carol Pictures"
    certificate_header: dict[str, object] = field(default_factory=dict)
    claims: dict[str, object] = field(default_factory=dict)
    grant: dict[str, object] = field(default_factory=dict)
    release: dict[str, object] = field(default_factory=dict)
    manifest: dict[str, object] = field(default_factory=dict)
    other_entries: int = 5
    anchor: dict[str, object] | None = None
    credential: bool = False
    """Whether the certificate has the shape of today, a Verifiable Credential, or the former one."""
    creator_key: dict[str, object] | None = None
    """What is other in the entry of Alice's key; None leaves it out."""
    for_others: dict[str, bytes] | None = None
    """What other tools check, which makes it a bundle of format 2; None makes one of format 1."""

    def members(self) -> dict[str, bytes]:
        """Return a bundle as docs/formats/bundle.md has it: content by name."""
        signer = FileSigner("ES256", CERTIFICATE_KEY)
        manifest = self._manifest()
        terms = rfc8785.dumps({"format": "worldloom/terms/1", "name": "studio", "seats": 30})
        texts = {"en": b"Up to 30 people in your studio.\n", "zh-Hans": "工作室内最多 30 人。\n".encode()}
        licensee = rfc8785.dumps({"format": "worldloom/licensee/1", "name": self.licensee, "salt": "5a" * 32})
        claims = {
            "iss": "http://127.0.0.1:8000",
            "iat": int(NOW.timestamp()),
            "jti": str(GRANT),
            "release": sha256(manifest),
            "terms": sha256(terms),
            "terms_texts": {language: sha256(text) for language, text in texts.items()},
            "licensee": self.licensee,
        }
        certificate = self._certificate(claims, signer)
        release = {"release": sha256(manifest), "pack": "alice/yunhai", "version": "1.0.0", "creator": str(CREATOR)}
        grant = {
            "grant": str(GRANT),
            "release": sha256(manifest),
            "offer": str(OFFER),
            "terms": sha256(terms),
            "licensee_commitment": sha256(licensee),
            "certificate": sha256(certificate),
        }
        key = {"kid": signer.kid, "alg": "ES256", "use": "certificates", "public_jwk": signer.public_jwk}
        bodies = {"release": release | self.release, "grant": grant | self.grant, "key": key}
        if self.creator_key is not None:
            own = {"kid": ALICE.kid, "alg": "Ed25519", "use": "creators", "public_jwk": ALICE.public_jwk}
            bodies["creator-key"] = own | {"holder": str(CREATOR), "custody": "own"} | self.creator_key
        members = {
            "manifest.json": manifest,
            "certificate.jws": certificate,
            "terms.json": terms,
            **{f"terms.{language}.txt": text for language, text in texts.items()},
            "licensee.json": licensee,
            "README.txt": b"How to verify: see docs/formats/bundle.md.\n",
            **self._log(bodies),
            **{f"files/{path}": content for path, content in self.files.items()},
        }
        if self.for_others is not None:
            others = {"README.txt": members["README.txt"], **self.for_others}
            listed = {name: sha256(content) for name, content in others.items()}
            members |= others | {"bundle.json": rfc8785.dumps({"format": "worldloom/bundle/2", "for_others": listed})}
        return members

    def _certificate(self, claims: dict[str, object], signer: FileSigner) -> bytes:
        if not self.credential:
            return sign_compact(claims | self.claims, typ="worldloom-license+jwt", signer=signer).encode()
        registered = {name: claims.pop(name) for name in ("iss", "iat", "jti")}
        name = f"urn:uuid:{registered['jti']}"
        address = "http://127.0.0.1:8000/credentials/status/revocation/0"
        whole = {
            "@context": ["https://www.w3.org/ns/credentials/v2", "http://127.0.0.1:8000/credentials/license/v1"],
            "id": name,
            "type": ["VerifiableCredential", "WorldloomLicense"],
            "issuer": registered["iss"],
            "validFrom": "2026-11-22T02:05:56Z",
            "credentialSubject": claims,
            "credentialStatus": [{"type": "BitstringStatusListEntry", "statusListCredential": address}],
            **registered,
            "jti": name,
        }
        return sign_compact(whole | self.claims, typ="vc+jwt", cty="vc", signer=signer).encode()

    def _manifest(self) -> bytes:
        assets = [
            {
                "path": path,
                "sha256": sha256(content),
                "size_bytes": len(content),
                "media_type": "application/octet-stream",
                "role": "content",
            }
            for path, content in sorted(self.files.items())
        ]
        manifest = {
            "format": "worldloom/release-manifest/1",
            "pack": "alice/yunhai",
            "version": "1.0.0",
            "kind": "world",
            "title": {"en": "Sea of Clouds", "zh-Hans": "云海"},
            "elements": [],
            "assets": assets,
            "derived_from": [],
            "split": "00" * 32,
            "published_at": "2026-11-22T02:05:56Z",
        }
        return rfc8785.dumps(manifest | self.manifest)

    def _log(self, bodies: dict[str, dict[str, object]]) -> dict[str, bytes]:
        others = [
            encode_entry(type="asset", id=UUID(int=i), stated_at=NOW, body=asset_body(b"%d" % i)).body
            for i in range(self.other_entries)
        ]
        signers = {"release": [ALICE], "creator-key": [ALICE], "key": [FileSigner("ES256", CERTIFICATE_KEY)]}
        ours = {
            kind: encode_entry(
                type=kind.removeprefix("creator-"),
                id=UUID(int=1000 + i),
                stated_at=NOW,
                body=body,
                log=ORIGIN,
                signers=signers.get(kind, ()),
            ).body
            for i, (kind, body) in enumerate(bodies.items())
        }
        log = MemoryLog([*ours.values(), *others])
        members = {"checkpoint": log.checkpoint().encode(), "log.vkey": f"{verifier_key()}\n".encode()}
        for index, (kind, entry) in enumerate(ours.items()):
            members[f"entries/{kind}.json"] = entry
            members[f"proofs/{kind}.tlog-proof"] = log.proof(index).encode()
        if self.anchor is not None:
            anchor = {
                "chain_id": 1337,
                "contract": "0x" + "ab" * 20,
                "transaction": "0x" + "cd" * 32,
                "block_number": 7,
                "root": log.root().hex(),
                "size": len(log.leaves),
            }
            members["anchor.json"] = rfc8785.dumps(anchor | self.anchor)
        return members


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_folder(path: Path, members: dict[str, bytes]) -> Path:
    for name, content in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path
