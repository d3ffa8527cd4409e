"""How fast the log is sealed, proven, rebuilt, and how much room its files take, with a million entries in it.

`python -m benchmarks.ledger_log` does it on an empty data folder and prints what it measured as one line of JSON.

Entries are what a house of 36 assets and 8 licenses a release states (`MIX`), spelled as `ledger.rules` spells them,
with fresh digests, ids and signatures. They are put into the tables past Django, but past no guard of the database.
"""

import base64
import contextlib
import functools
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from benchmarks.apart import told_by
from benchmarks.figure import Figure, Figures

ENTRIES = int(os.environ.get("WORLDLOOM_BENCH_ENTRIES", 10**6))
MIX = {"asset": 36, "release": 1, "split": 1, "offer": 2, "grant": 8}
PROOFS = 300
SEAL_GOAL, PROOF_GOAL_MS, REBUILD_GOAL_SECONDS, DISK_GOAL_MB = 20_000, 2, 30, 400
_FILL_CHUNK = 36_000
_FRESH = re.compile(rb"([0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9_-]{86})")


def seal_rate() -> Iterator[Figure]:
    """Times `seal()` from the queue to the published checkpoint, entry by entry of the whole log, every guard on."""
    told = _measured()
    against = (
        f"{ENTRIES / 10**6:g}M entries of {told['entry_bytes']:.0f} bytes in {told['batches']} batches,"
        f" PostgreSQL that waits for its disk, {os.cpu_count()} cores"
    )
    yield Figure("seal-rate", told["sealed_per_s"], "entries/s", against, SEAL_GOAL, at_least=True)


def proof_cold() -> Iterator[Figure]:
    """Times an inclusion proof from tiles that this process has not read yet.

    Beside it stands the time when the system has not read them either: that one is the disk's.
    """
    told = _measured()
    against = (
        f"median of {PROOFS} leaves of {ENTRIES / 10**6:g}M, nothing cached in the process"
        f" (worst {told['proof_worst_ms']:.1f}; without the system's cache {told['proof_disk_ms']:.1f})"
    )
    yield Figure("proof-cold", told["proof_ms"], "ms", against, PROOF_GOAL_MS)


def log_rebuild() -> Iterator[Figure]:
    """Times writing every file of the log again from the database."""
    told = _measured()
    yield Figure("log-rebuild", told["rebuild_s"], "s", f"{ENTRIES / 10**6:g}M entries", REBUILD_GOAL_SECONDS)


def log_disk() -> Iterator[Figure]:
    """Takes what the log's files occupy on disk, block by block, when all are out."""
    told = _measured()
    mix = ", ".join(f"{many} {type}" for type, many in MIX.items())
    against = (
        f"{told['files']:.0f} files of {ENTRIES / 10**6:g}M entries, {told['entry_bytes']:.0f} bytes each"
        f" (of {sum(MIX.values())}: {mix})"
    )
    yield Figure("log-disk", told["disk_mb"], "MB", against, DISK_GOAL_MB)


@functools.cache
def _measured() -> dict[str, float]:
    """Measures in a process of its own, because settings are read once."""
    told: dict[str, float] = told_by("benchmarks.ledger_log")
    return told


def main() -> None:
    """This will bring up the database, state, seal, prove and rebuild, and print what that took."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    os.environ["WORLDLOOM_PLAIN_STATIC"] = "1"
    from embedded.postgres import ensure_database, server

    data = Path(os.environ["WORLDLOOM_DATA"])
    with contextlib.ExitStack() as stack:
        at = stack.enter_context(server(data / "postgres"))
        ensure_database(at, "worldloom")
        os.environ["DATABASE_URL"] = at.url("worldloom")  # as its owner, who may analyze tables and skip guards
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        stack.callback(connections.close_all)
        call_command("migrate", verbosity=0, interactive=False)
        print(json.dumps({"entry_bytes": _fill() / ENTRIES, **_seal(), **_prove(), **_rebuild(), **_weigh()}))


class Form:
    """A kind of entry, as the house spells it, to be filled in with fresh digests, ids and signatures."""

    def __init__(self, type: str, fields: dict[str, Any], signed: bool) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from django.utils import timezone

        from ledger.rules import encode_entry
        from ledger.signing.files import FileSigner

        signers = [FileSigner("Ed25519", Ed25519PrivateKey.generate())] if signed else []
        made = encode_entry(
            type=type, id=uuid4(), stated_at=timezone.now(), body=fields, log="localhost/worldloom", signers=signers
        )
        self.type = type
        self._kind, self._about = made.subject.split(":")
        self._parts = _FRESH.split(made.body)
        self._id = next(i for i, part in enumerate(self._parts) if part.endswith(b'"id":"')) + 1
        self._subject = self._parts.index(self._about.encode())

    def fill(self) -> tuple[str, str, str, bytes, str]:
        """This will give the row of a fresh entry: id, type, subject, bytes, digest."""
        parts = self._parts.copy()
        for i in range(1, len(parts), 2):
            size = len(parts[i])
            if size == 36:
                parts[i] = str(uuid4()).encode()
            elif size == 64:
                parts[i] = os.urandom(32).hex().encode()
            else:
                parts[i] = base64.urlsafe_b64encode(os.urandom(64))[:86]
        body = b"".join(parts)
        about = f"{self._kind}:{parts[self._subject].decode()}"
        return parts[self._id].decode(), self.type, about, body, hashlib.sha256(body).hexdigest()


def _forms() -> list[Form]:
    def digest() -> str:
        return os.urandom(32).hex()

    shares = [{"payee": payee, "share_ppb": 500_000_000} for payee in sorted(str(uuid4()) for _ in range(2))]
    forms = {
        "asset": Form("asset", {"sha256": digest(), "size_bytes": 2_345_678, "media_type": "image/png"}, False),
        "release": Form(
            "release",
            {"release": digest(), "pack": "alice/sea-of-clouds", "version": "1.4.0", "creator": "alice"},
            True,
        ),
        "split": Form("split", {"split": digest(), "shares": shares}, False),
        "offer": Form(
            "offer",
            {"offer": str(uuid4()), "release": digest(), "terms": digest(), "price_commitment": digest()},
            True,
        ),
        "grant": Form(
            "grant",
            {
                "grant": str(uuid4()),
                "offer": str(uuid4()),
                **{name: digest() for name in ("release", "terms", "licensee_commitment", "certificate")},
            },
            False,
        ),
    }
    return [forms[type] for type, many in MIX.items() for _one in range(many)]


def _fill() -> int:
    """States all entries, and gives the bytes that they have together."""
    from django.db import connection, transaction

    forms, size_bytes, began = _forms(), 0, time.monotonic()
    for start in range(0, ENTRIES, _FILL_CHUNK):
        with (
            transaction.atomic(),
            connection.cursor() as cursor,
            cursor.copy("COPY ledger_entry (entry_id, type, subject, body, digest, stated_at) FROM STDIN") as copy,
        ):
            for i in range(start, min(start + _FILL_CHUNK, ENTRIES)):
                row = forms[i % len(forms)].fill()
                size_bytes += len(row[3])
                copy.write_row((*row, "2026-11-22T02:05:56Z"))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_entry, ledger_pending")
    _tell(f"{ENTRIES} entries stated", began)
    return size_bytes


def _seal() -> dict[str, float]:
    from django.utils import timezone

    from ledger import operations, queries

    batches, began = 0, time.monotonic()
    while operations.seal(now=timezone.now()):
        batches += 1
    took = time.monotonic() - began
    newest, out = queries.latest_checkpoint(), queries.published()
    if newest is None or out is None or newest.size != ENTRIES or not newest.heads(out.head):
        raise SystemExit("What was stated is not what was sealed and published.")
    _tell(f"{ENTRIES} entries sealed", began)
    return {"sealed_per_s": ENTRIES / took, "batches": batches}


def _prove() -> dict[str, float]:
    from random import Random

    from ledger import queries
    from ledger.log.merkle import leaf_hash, verify_inclusion
    from ledger.log.tiles import WIDTH, LogFolder, TileReader

    out = queries.published()
    assert out is not None
    os.sync()
    prefix, size, took, from_disk = queries.log_folder().prefix, out.head.size, [], []
    for index in Random(20_261_122).choices(range(size), k=PROOFS):
        _forget(_read_for(index))
        for times in (from_disk, took):
            began = time.perf_counter()
            proof = TileReader(LogFolder(prefix), size).inclusion_proof(index)
            times.append((time.perf_counter() - began) * 1000)
        entry = LogFolder(prefix).read_bundle(index // WIDTH, min(WIDTH, size - index // WIDTH * WIDTH))[index % WIDTH]
        verify_inclusion(index, size, leaf_hash(entry), proof, out.head.root)
    return {"proof_ms": median(took), "proof_worst_ms": max(took), "proof_disk_ms": median(from_disk)}


def _read_for(index: int) -> list[Path]:
    """Gives the files that the proof of a leaf is read from."""
    from ledger import queries
    from ledger.log.tiles import LogFolder, TileReader

    class Noting(LogFolder):
        def read(self, path: str) -> bytes | None:
            read.append(self.prefix / path)
            return super().read(path)

    read: list[Path] = []
    TileReader(Noting(queries.log_folder().prefix), ENTRIES).inclusion_proof(index)
    return read


def _forget(paths: list[Path]) -> None:
    """Takes files out of the system's cache."""
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _rebuild() -> dict[str, float]:
    import shutil

    from django.utils import timezone

    from ledger import publication, queries

    out = queries.published()
    shutil.rmtree(queries.log_folder().prefix)
    began = time.monotonic()
    publication.rebuild(now=timezone.now())
    took = time.monotonic() - began
    if queries.published() != out:
        raise SystemExit("What was rebuilt is not what was published.")
    _tell("The log rebuilt", began)
    return {"rebuild_s": took}


def _weigh() -> dict[str, float]:
    from ledger import queries

    stats = [path.stat() for path in queries.log_folder().prefix.rglob("*") if path.is_file()]
    return {"files": len(stats), "disk_mb": sum(one.st_blocks for one in stats) * 512 / 10**6}


def _tell(what: str, began: float) -> None:
    print(f"{what} in {time.monotonic() - began:.1f} s", file=sys.stderr)


FIGURES: Figures = {
    "seal-rate": seal_rate,
    "proof-cold": proof_cold,
    "log-rebuild": log_rebuild,
    "log-disk": log_disk,
}

if __name__ == "__main__":
    main()
