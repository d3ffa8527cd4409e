"""Monitor a log from its public files alone: `python -m ledger.audit --log URL --key VKEY [--state FILE]`.

Nothing is trusted but the key: the checkpoint's signature, that all entries hash to its root, that the log continues
the one that the state file remembers, and that every entry keeps the law (docs/formats/law.md). Exit status: 0 all
holds, 1 something does not, 2 the log could not be read.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.law.findings import Finding, printable
from ledger.law.replay import Law
from ledger.law.signatures import decoded
from ledger.law.store import Store, UnableToReadState
from ledger.log.checkpoint import TreeHead, UnableToReadNote, UnableToVerifyNote, VerifierKey, open_checkpoint
from ledger.log.remote import LogBroken, RemoteTree, Source, UnableToFetch, read_note, source_of
from ledger.signing.jwk import public_jwk, thumbprint

_BUNDLES_AT_ONCE = 64
SHOWN = 1_000

LOG_RULES = {
    "checkpoint-missing": "The log has a checkpoint.",
    "checkpoint-unsigned": "The checkpoint is a signed note by the log's key, of the log that the key is for.",
    "log-shrank": "The log never has fewer leaves than were seen.",
    "log-forked": "The log continues what was seen: the same leaves, then more.",
    "tile-missing": "Every tile and bundle of the tree is there.",
    "tiles-mismatch": "The tiles hash to the checkpoint's root.",
    "bundle-mismatch": "The entries hash to the leaves of the tree.",
}
"""What is asked of the log as a whole, before its entries are read."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the monitor found: of the log as a whole (`broken`), and of its entries (the first SHOWN of `count`)."""

    origin: str
    size: int
    root: str
    replayed: int
    count: int
    findings: Sequence[Finding]
    broken: LogBroken | None
    checkpoint: str
    remembered: str

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return self.broken is None and not self.count

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object; when the log forked, both checkpoints in it prove that to anybody."""
        broken = {"rule": self.broken.rule, "what": self.broken.what} if self.broken else None
        return {
            "ok": self.ok,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "replayed": self.replayed,
            "broken": broken,
            "violations": self.count,
            "findings": [finding.to_json() for finding in self.findings],
            "checkpoint": self.checkpoint,
            "remembered": self.remembered,
        }

    def __str__(self) -> str:
        if self.ok:
            return f"OK: {self.size} leaves of {self.origin} keep the law, {self.replayed} of them replayed now."
        lines = [f"FAILED: {self.origin} at {self.size} leaves breaks {self.count + bool(self.broken)} rules."]
        if self.broken:
            lines.append(printable(f"the log: {self.broken}"))
        lines += [str(finding) for finding in self.findings]
        if self.count > len(self.findings):
            lines.append(f"and {self.count - len(self.findings)} more")
        return "\n".join(lines)


def audit(source: Source, key: VerifierKey, store: Store, *, now: datetime) -> Report:
    """Return what is found in the log since the store's last visit, and what was found before.

    The store keeps what was verified, a few thousand leaves at a time, so that the next call goes on from there.
    Raise UnableToFetch when the log does not answer, UnableToReadState when the store is of another log.
    """
    if (known := store.get("origin")) not in (None, key.name):
        raise UnableToReadState("given", f"it remembers the log {known}")
    store.set("origin", key.name)
    remembered = store.get("checkpoint") or {"size": 0, "root": "", "note": ""}
    note, head, broken, replayed = "", TreeHead(key.name, 0, b""), None, 0
    try:
        note = read_note(source)
        head = _open(note, key, store)
        tree = _tree(source, head, remembered)
        store.set("checkpoint", {"size": head.size, "root": head.root.hex(), "note": note})
        store.commit()
        replayed = _replay(tree, store, now)
    except LogBroken as error:
        broken = error
    return Report(
        key.name,
        head.size,
        head.root.hex(),
        replayed,
        store.count_findings(),
        store.findings(SHOWN),
        broken,
        note,
        remembered["note"],
    )


def _open(note: str, key: VerifierKey, store: Store) -> TreeHead:
    """Return the tree head, signed by the key or by one that it was rotated to in entries that were verified."""
    fault = ""
    for one in (key, *_rotated_to(key, store)):
        try:
            return open_checkpoint(note, one)
        except UnableToReadNote as error:
            raise LogBroken("checkpoint-unsigned", str(error)) from None
        except UnableToVerifyNote as error:
            fault = fault or str(error)
    raise LogBroken("checkpoint-unsigned", fault)


def _rotated_to(key: VerifierKey, store: Store) -> Iterator[VerifierKey]:
    kid = thumbprint(public_jwk(Ed25519PublicKey.from_public_bytes(key.public_key)))
    while (kid := (store.get(f"key:{kid}") or {}).get("next", "")) and (known := store.get(f"key:{kid}")):
        yield VerifierKey(key.name, decoded(known["public_jwk"]["x"]))


def _tree(source: Source, head: TreeHead, remembered: dict[str, Any]) -> RemoteTree:
    """Return the tree under the checkpoint, once it continues the one that is remembered."""
    size, root = remembered["size"], remembered["root"]
    if head.size < size:
        raise LogBroken("log-shrank", f"it has {head.size} leaves and had {size}")
    if head.size == size and head.root.hex() != root:
        raise LogBroken("log-forked", f"two trees of {size} leaves are signed")
    tree = RemoteTree(source, head)
    if size and tree.root_at(size).hex() != root:
        raise LogBroken("log-forked", f"its first {size} leaves are not those that were seen")
    return tree


def _replay(tree: RemoteTree, store: Store, now: datetime) -> int:
    law = Law(store, origin=tree.head.origin, root_at=tree.root_at, now=now)
    start = law.size
    for number, entries in enumerate(tree.entries(start), 1):
        for entry in entries:
            law.take(entry)
        if number % _BUNDLES_AT_ONCE == 0:
            law.save()
            store.commit()
    law.save()
    store.commit()
    return law.size - start


def clock() -> datetime:
    """Return the time, against which entries that are yet to come are found."""
    return datetime.now(UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="verify", description="Monitor a Worldloom log from its public files.")
    parser.add_argument("--log", required=True, metavar="URL", help="its address, as in https://…/log, or its folder")
    parser.add_argument("--key", required=True, metavar="VKEY", help="the log's verifier key, as it is published")
    parser.add_argument("--state", type=Path, metavar="FILE", help="remembers what was seen, for the next time")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of sentences")
    options = parser.parse_args(arguments)
    try:
        key, source = VerifierKey.parse(options.key), source_of(options.log)
        store = Store(options.state)
    except (UnableToReadNote, UnableToFetch, UnableToReadState) as error:
        parser.error(str(error))
    try:
        report = audit(source, key, store, now=clock())
    except (UnableToFetch, UnableToReadState) as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return 2
    finally:
        store.close()
    sys.stdout.write((json.dumps(report.to_json()) if options.json else str(report)) + "\n")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
