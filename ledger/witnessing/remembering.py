"""What a witness of ours remembers of others' logs, and how it decides: the server's side of c2sp.org/tlog-witness."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ledger.log.checkpoint import (
    TreeHead,
    UnableToReadNote,
    UnableToVerifyNote,
    VerifierKey,
    check_key_name,
    decode_base64,
    decode_decimal,
    split_note,
)
from ledger.log.cosignature import (
    ED25519_COSIGNATURE,
    MLDSA44_COSIGNATURE,
    CosignerKey,
    cosign,
    open_log_checkpoint,
    parse_vkey,
)
from ledger.log.merkle import EMPTY_ROOT, UnableToVerifyProof, verify_consistency
from ledger.witnessing.client import PROOF_LIMIT, SIZE_TYPE, Answer

TEXT_TYPE = "text/plain; charset=utf-8"
EVIDENCE_LIMIT = 100
_SCHEMA = """
CREATE TABLE witness (name TEXT NOT NULL);
CREATE TABLE log (origin TEXT NOT NULL, vkey TEXT NOT NULL, PRIMARY KEY (origin, vkey));
CREATE TABLE seen (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL);
CREATE TABLE evidence (id INTEGER PRIMARY KEY, origin TEXT NOT NULL, at INTEGER NOT NULL, request BLOB NOT NULL);
"""


class UnableToServe(Exception):
    """A witness that cannot work with its folder as it is."""

    code = "witness-unusable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The witness cannot be used: {self.reason}."


class _Refused(Exception):
    """The answer to a request that is not followed."""

    def __init__(self, status: int, body: str, content_type: str = TEXT_TYPE) -> None:
        super().__init__(status, body)
        self.answer = Answer(status, content_type, body.encode())


@dataclass(frozen=True, slots=True)
class Request:
    """An add-checkpoint request, as its body spells it."""

    old_size: int
    proof: Sequence[bytes]
    note: str
    text: str
    head: TreeHead

    @classmethod
    def parse(cls, body: bytes) -> "Request":
        """Return the request; UnableToReadNote when the body is malformed."""
        try:
            head, separator, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise UnableToReadNote("request", "it is not UTF-8") from None
        first, *lines = head.split("\n")
        if not separator or not first.startswith("old ") or len(lines) > PROOF_LIMIT:
            raise UnableToReadNote("request", f"it is no old line, up to {PROOF_LIMIT} hashes, and a checkpoint")
        proof = [decode_base64(line, "request") for line in lines]
        if any(len(one) != 32 for one in proof):
            raise UnableToReadNote("request", "a hash in it is not 32 bytes")
        text, _signatures = split_note(note)
        return cls(decode_decimal(first[4:], "request"), proof, note, text, TreeHead.parse(text))


class Witness:
    """A witness: a folder with its name, its keys, the logs it knows, and what it last cosigned of each.

    It never cosigns two trees of one log of which neither continues the other, however many processes and threads
    share the folder: what it saw is compared and replaced in one SQLite transaction, flushed before it answers. The
    folder must never be restored from a backup; a witness that lost it begins anew under another name.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = folder / "witness.sqlite", clock
        if not self._database.exists():
            raise UnableToServe(f"{folder} holds no witness; make one with `init`, or bring back the folder as it was")
        with self._transaction() as rows:
            self.name: str = rows.execute("SELECT name FROM witness").fetchone()[0]
        self._signers = list(self._load(folder))
        if not self._signers:
            raise UnableToServe(f"its keys are gone from {folder}")

    @classmethod
    def init(cls, folder: Path, name: str) -> "Witness":
        """Make a witness in a new folder, with an Ed25519 key and, where OpenSSL has it, one of ML-DSA-44."""
        try:
            check_key_name(name)
            if not 0 < len(name.encode()) < 256:
                raise UnableToServe("its name has more than 255 bytes")
            folder.mkdir(parents=True, mode=0o700)
        except UnableToReadNote as error:
            raise UnableToServe(str(error).rstrip(".")) from None
        except FileExistsError:
            raise UnableToServe(f"{folder} is there already") from None
        _write_key(folder / "ed25519.pem", Ed25519PrivateKey.generate())
        with suppress(UnsupportedAlgorithm):
            _write_key(folder / "ml-dsa-44.pem", MLDSA44PrivateKey.generate())
        # Named last: a folder without it is no witness.
        making = sqlite3.connect(folder / "witness.making")
        making.executescript(_SCHEMA)
        making.execute("INSERT INTO witness VALUES (?)", [name])
        making.commit()
        making.close()
        (folder / "witness.making").rename(folder / "witness.sqlite")
        return cls(folder)

    @property
    def keys(self) -> list[CosignerKey]:
        """The public keys under which it cosigns."""
        return [key for key, _sign in self._signers]

    def add_log(self, vkey: str) -> VerifierKey | CosignerKey:
        """Know a log by its vkey, whose name is its origin; UnableToReadNote. More keys of one log may be added."""
        key = parse_vkey(vkey)
        if isinstance(key, CosignerKey) and key.kind != MLDSA44_COSIGNATURE:
            raise UnableToReadNote("verifier key", "a log signs with a key of type 0x01 or 0x06")
        with self._transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO log VALUES (?, ?)", [key.name, vkey])
        return key

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer an add-checkpoint request by c2sp.org/tlog-witness: 200, 400, 403, 404, 409 or 422."""
        try:
            return self._cosign(Request.parse(body), body)
        except _Refused as refusal:
            return refusal.answer
        except UnableToReadNote as error:
            return Answer(400, TEXT_TYPE, f"{error}\n".encode())

    def _cosign(self, request: Request, body: bytes) -> Answer:
        head = request.head
        with self._transaction() as rows:
            self._check_signature(rows, request)
            if request.old_size > head.size:
                raise _Refused(400, "the old size is larger than the checkpoint's\n")
            seen = rows.execute("SELECT size, root FROM seen WHERE origin = ?", [head.origin]).fetchone()
            size, root = seen or (0, EMPTY_ROOT)
            if request.old_size != size:
                raise _Refused(409, f"{size}\n", SIZE_TYPE)
            fault = self._fault(request, size, root)
            if fault is None:
                rows.execute(
                    "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", [head.origin, head.size, head.root, request.note]
                )
                # Signed before anybody else may move on, so that the time is one at which this was the newest.
                at = int(self._clock())
                lines = [cosign(key, request.text, sign, at) for key, sign in self._signers]
            else:
                self._keep_evidence(rows, head.origin, body)
        if fault is not None:
            raise fault
        return Answer(200, TEXT_TYPE, "".join(lines).encode())

    def _check_signature(self, rows: sqlite3.Connection, request: Request) -> None:
        known = rows.execute("SELECT vkey FROM log WHERE origin = ?", [request.head.origin]).fetchall()
        if not known:
            raise _Refused(404, "the log is not known here\n")
        for (vkey,) in known:
            try:
                open_log_checkpoint(request.note, parse_vkey(vkey))
            except UnableToVerifyNote:
                continue
            return
        raise _Refused(403, "no known key of the log signed the checkpoint\n")

    def _fault(self, request: Request, size: int, root: bytes) -> _Refused | None:
        head = request.head
        if size == head.size and root != head.root:
            return _Refused(409, f"{size}\n", SIZE_TYPE)
        try:
            verify_consistency(size, head.size, request.proof, root, head.root)
        except UnableToVerifyProof as error:
            return _Refused(422, f"{error}\n")
        return None

    def _keep_evidence(self, rows: sqlite3.Connection, origin: str, body: bytes) -> None:
        """Keep a request that the log signed and that contradicts what it signed before: it may prove a fork."""
        (kept,) = rows.execute("SELECT count(*) FROM evidence WHERE origin = ?", [origin]).fetchone()
        if kept < EVIDENCE_LIMIT:
            row = [origin, int(self._clock()), body]
            rows.execute("INSERT INTO evidence (origin, at, request) VALUES (?, ?, ?)", row)

    def evidence(self, origin: str) -> list[bytes]:
        """Return the requests kept of a log that contradict it, the oldest first."""
        with self._transaction() as rows:
            found = rows.execute("SELECT request FROM evidence WHERE origin = ? ORDER BY id", [origin]).fetchall()
        return [request for (request,) in found]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the only write transaction of all processes; what it wrote is on disk when it ends."""
        rows = sqlite3.connect(self._database, timeout=10, isolation_level=None)
        try:
            rows.execute("PRAGMA synchronous = FULL")
            rows.execute("BEGIN IMMEDIATE")
            try:
                yield rows
            except BaseException:
                rows.execute("ROLLBACK")
                raise
            rows.execute("COMMIT")
        finally:
            rows.close()

    def _load(self, folder: Path) -> Iterator[tuple[CosignerKey, Callable[[bytes], bytes]]]:
        for file, kind in (("ed25519.pem", ED25519_COSIGNATURE), ("ml-dsa-44.pem", MLDSA44_COSIGNATURE)):
            path = folder / file
            if not path.exists():
                continue
            if path.stat().st_mode & 0o077:
                raise UnableToServe(f"{path} is open to other users, so close it with `chmod 600 {path}`")
            try:
                private = load_pem_private_key(path.read_bytes(), password=None)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                raise UnableToServe(f"{path} is no private key that this machine can use") from None
            if not isinstance(private, Ed25519PrivateKey | MLDSA44PrivateKey):
                raise UnableToServe(f"{path} holds another kind of key")
            yield CosignerKey(self.name, kind, private.public_key().public_bytes_raw()), private.sign


def _write_key(path: Path, key: Ed25519PrivateKey | MLDSA44PrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
