"""Questions to the ledger: what was stated about whom, where it stands in the log, and its proof."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from ledger.keyring import KeyStanding, key_standing, key_uses, log_keys, public_keys, signer
from ledger.log.checkpoint import TreeHead, UnableToVerifyNote, VerifierKey, open_checkpoint
from ledger.log.merkle import verify_inclusion
from ledger.log.proof import Proof
from ledger.log.tiles import LogFolder, TileReader
from ledger.models import AnchorReceipt, Checkpoint, Entry, Leaf

__all__ = ["KeyStanding", "key_standing", "key_uses", "public_keys", "signer"]


@dataclass(frozen=True, slots=True)
class LogCounts:
    """Sealed leaves in all and by entry type, and the number of anchors on chain."""

    size: int
    by_type: Mapping[str, int]
    anchors: int


@dataclass(frozen=True, slots=True)
class Published:
    """The checkpoint that the public sees, opened with our key, or the one that it follows."""

    note: str
    head: TreeHead
    key: VerifierKey


def verifier_key() -> VerifierKey:
    """Return the log's public note key; its text is what people compare and give to `ledger.verify --key`.

    From a rotation until the next checkpoint is out, it is still the key of the one that is.
    """
    ours = log_keys()
    out = published() if len(ours) > 1 else None
    return out.key if out else ours[0]


def open_own(note: str) -> tuple[TreeHead, VerifierKey]:
    """Return the tree head of a checkpoint of ours, and the newest of our keys that signed it.

    Raise UnableToReadNote when it is malformed, UnableToVerifyNote when none did.
    """
    ours = log_keys()
    for key in ours[:-1]:
        try:
            return open_checkpoint(note, key), key
        except UnableToVerifyNote:
            continue
    return open_checkpoint(note, ours[-1]), ours[-1]


def log_folder() -> LogFolder:
    """Return the folder whose files are served as the log."""
    return LogFolder(Path(settings.DATA_FOLDER) / "log")


def published() -> Published | None:
    """Return the published checkpoint, None before the first one.

    Raise UnableToReadNote or UnableToVerifyNote when the file is damaged or is not by our key.
    """
    content = log_folder().read("checkpoint")
    if content is None:
        return None
    note = content.decode("utf-8", "replace")
    return Published(note, *open_own(note))


def latest_checkpoint() -> Checkpoint | None:
    """Return the newest sealed checkpoint."""
    return Checkpoint.objects.order_by("-size").first()


def entries_about(subject: str) -> list[Entry]:
    """Return all entries about a subject such as "release:<digest>", the oldest first."""
    return list(Entry.objects.filter(subject=subject).order_by("id"))


def lookup(digest: str) -> list[Entry]:
    """Return the entries that a hex SHA-256 leads to, as asset, release, split or entry; the oldest first."""
    subjects = [f"{kind}:{digest}" for kind in ("asset", "release", "split")]
    about = Entry.objects.filter(subject__in=subjects)
    return list(about.union(Entry.objects.filter(digest=digest)).order_by("id"))


def find_by_asset_digest(sha256: str) -> Entry | None:
    """Return the entry that registered the asset."""
    return Entry.objects.filter(type="asset", subject=f"asset:{sha256}").first()


def find_key(kid: str) -> Entry | None:
    """Return the entry that registered the key."""
    return Entry.objects.filter(type="key", subject=f"key:{kid}").first()


def leaf_of(entry: Entry) -> Leaf | None:
    """Return the entry's place in the log, None while it is pending."""
    return Leaf.objects.filter(entry=entry).first()


def latest_anchor_covering(index: int) -> AnchorReceipt | None:
    """Return the newest anchor whose checkpoint has the leaf `index`."""
    covering = AnchorReceipt.objects.filter(intent__checkpoint__size__gt=index)
    return covering.select_related("intent__checkpoint").order_by("-intent__checkpoint__size", "-id").first()


def log_counts() -> LogCounts:
    """Return what the log holds; two queries however long it is."""
    newest = latest_checkpoint()
    anchors = AnchorReceipt.objects.count()
    return LogCounts(newest.size, newest.counts, anchors) if newest else LogCounts(0, {}, anchors)


def proof_for(entry: Entry, *, checkpoint: Checkpoint | None = None) -> Proof | None:
    """Return the proof that the entry is in the log, None while it is pending; see `proofs_for`."""
    proofs = proofs_for([entry], checkpoint=checkpoint)
    return proofs[0] if proofs else None


def proofs_for(entries: Sequence[Entry], *, checkpoint: Checkpoint | None = None) -> list[Proof] | None:
    """Return one proof for each entry, all under the same checkpoint: the given one or the published one.

    None while any of them is not under it yet. Each proof was checked before it is returned; TileMissing
    when files of the log are damaged.
    """
    out = published()
    if out is None:
        return None
    size, root, note = out.head.size, out.head.root, out.note
    if checkpoint is not None:
        if checkpoint.size > size:
            return None
        size, root, note = checkpoint.size, bytes(checkpoint.root), checkpoint.cosigned_note
    leaves = _leaves_of(entries)
    if any(entry.pk not in leaves or leaves[entry.pk].index >= size for entry in entries):
        return None
    reader = TileReader(log_folder(), size)
    proofs = []
    for entry in entries:
        leaf = leaves[entry.pk]
        hashes = reader.inclusion_proof(leaf.index)
        verify_inclusion(leaf.index, size, bytes(leaf.leaf_hash), hashes, root)
        proofs.append(Proof(leaf.index, tuple(hashes), note))
    return proofs


def _leaves_of(entries: Iterable[Entry]) -> dict[int, Leaf]:
    return {leaf.entry_id: leaf for leaf in Leaf.objects.filter(entry__in=list(entries))}


def is_taken_down(release: str) -> bool:
    """Say whether the newest takedown entry about the release, by its digest, says so; sealed or not."""
    newest = Entry.objects.filter(type="takedown", subject=f"release:{release}").order_by("-id").first()
    return newest is not None and newest.statement["status"] == "taken-down"


def made_owner_by(release: str) -> str:
    """Return the digest of the entry that made the release's owner the owner: its newest transfer, or its first entry.

    Raise Entry.DoesNotExist for a release that nobody stated.
    """
    rows = Entry.objects.filter(type__in=["release", "transfer"], subject=f"release:{release}")
    return str(rows.order_by("-id").values_list("digest", flat=True)[:1].get())
