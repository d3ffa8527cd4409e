"""What was stated, where it stands in the log, what was signed and anchored: rows that are only added."""

import hashlib
import json
from typing import Any

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact, LessThanOrEqual

from ledger import chain_models as chain_models  # more tables of this app, found by being imported here
from ledger import event_models as event_models
from ledger.log.checkpoint import TreeHead
from ledger.log.merkle import CompactRange
from ledger.rules import ENTRY_LIMIT_BYTES
from ledger.schemas import FOREIGN_TYPE, ONCE_TYPES
from marketplace.people.models import Creator


class Entry(models.Model):
    """One statement, as the exact bytes that are hashed into the log."""

    id = models.BigAutoField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    type = models.CharField(max_length=32)
    subject = models.CharField(max_length=200)
    body = models.BinaryField()
    digest = models.CharField(max_length=64)
    stated_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["subject", "id"], name="ledger_entry_subject"),
            models.Index(fields=["digest"], name="ledger_entry_digest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["type", "subject"],
                condition=models.Q(type__in=ONCE_TYPES),
                name="ledger_entry_said_once",
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("body"), ENTRY_LIMIT_BYTES), name="ledger_entry_fits"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} entry about {self.subject}"

    @property
    def statement(self) -> dict[str, Any]:
        """The type's fields, as stated; of a foreign entry all it says."""
        said: dict[str, Any] = json.loads(bytes(self.body))
        return said if self.type == FOREIGN_TYPE else said["body"]


class Pending(models.Model):
    """The queue of entries that wait for the sealer, filled by a trigger; the one table whose rows go."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, primary_key=True)


class Leaf(models.Model):
    """The place of an entry in the log. `index` has no gaps."""

    index = models.BigIntegerField(primary_key=True)
    # No foreign key: the trigger that checks a batch's hashes finds every entry, for a fifth of the time.
    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, db_constraint=False)
    leaf_hash = models.BinaryField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(index__gte=0), name="ledger_leaf_index_is_natural"),
            models.CheckConstraint(condition=Exact(Length("leaf_hash"), 32), name="ledger_leaf_is_sha256"),
        ]

    def __str__(self) -> str:
        return f"leaf {self.index}"


class Checkpoint(models.Model):
    """A signed tree head, with all that the next batch needs to go on from it."""

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField()
    note = models.TextField()
    compact_range = models.BinaryField()
    counts = models.JSONField(default=dict)  # leaves by entry type so far, so that no page ever counts them
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(size__gt=0), name="ledger_checkpoint_has_leaves"),
            models.CheckConstraint(condition=Exact(Length("root"), 32), name="ledger_root_is_sha256"),
        ]

    def __str__(self) -> str:
        return f"checkpoint of {self.size} leaves"

    @property
    def range(self) -> CompactRange:
        """The compact range of the `size` leaves."""
        return CompactRange.from_bytes(self.size, bytes(self.compact_range))

    @property
    def note_digest(self) -> bytes:
        """SHA-256 of the signed note's bytes, which the chain keeps beside the root."""
        return hashlib.sha256(self.note.encode()).digest()

    @property
    def cosigned_note(self) -> str:
        """The signed note with the witnesses' lines that are stored; one query."""
        return self.note + "".join(self.cosignatures.order_by("id").values_list("line", flat=True))

    def heads(self, head: TreeHead) -> bool:
        """Whether this is the row of that tree head."""
        return (self.size, bytes(self.root)) == (head.size, head.root)


class AnchorIntent(models.Model):
    """That a checkpoint is to be anchored by a contract; committed before the chain hears of it."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="anchor_intents")
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    intended_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["checkpoint", "chain_id", "contract"], name="ledger_anchor_intended_once")
        ]

    def __str__(self) -> str:
        return f"intent to anchor {self.checkpoint_id} on chain {self.chain_id}"


class AnchorReceipt(models.Model):
    """That the chain has the anchor. `block_time` is the chain's clock."""

    intent = models.OneToOneField(AnchorIntent, on_delete=models.PROTECT, related_name="receipt")
    transaction = models.CharField(max_length=66)
    block_number = models.BigIntegerField()
    block_time = models.DateTimeField()
    gas_used = models.BigIntegerField()
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"anchor in transaction {self.transaction}"


class Cosignature(models.Model):
    """A witness's signature under a checkpoint: one line of the note that is published (c2sp.org/tlog-cosignature)."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="cosignatures")
    name = models.CharField(max_length=200)
    key_id = models.CharField(max_length=8)
    line = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["checkpoint", "name", "key_id"], name="ledger_cosigned_once"),
            models.CheckConstraint(
                condition=models.Q(line__startswith="\u2014 ", line__endswith="\n"), name="ledger_cosignature_is_a_line"
            ),
        ]

    def __str__(self) -> str:
        return f"cosignature of {self.name}"


class CreatorKey(models.Model):
    """A creator's Ed25519 key: kept here, encrypted, or made in the creator's browser and never seen here."""

    CUSTODIAL, OWN = "custodial", "own"

    kid = models.CharField(max_length=43, primary_key=True)
    creator = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="signing_keys")
    custody = models.CharField(max_length=9)
    public_jwk = models.JSONField()
    encrypted_private = models.BinaryField(null=True)
    registered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(custody="custodial", encrypted_private__isnull=False)
                | models.Q(custody="own", encrypted_private__isnull=True),
                name="ledger_only_custodial_keys_are_kept",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.custody} key {self.kid}"


class CreatorKeyEnd(models.Model):
    """That a key signs no more from now on."""

    key = models.OneToOneField(CreatorKey, on_delete=models.PROTECT, primary_key=True, related_name="end")
    reason = models.CharField(max_length=12)
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"end of {self.key_id}: {self.reason}"


class IndexPosting(models.Model):
    """That a leaf is found under a key; `key` is the first 8 bytes of the key's SHA-256, signed. Made from leaves."""

    pk = models.CompositePrimaryKey("key", "leaf")
    key = models.BigIntegerField()
    leaf = models.BigIntegerField()

    def __str__(self) -> str:
        return f"leaf {self.leaf} under a key"


class IndexRoot(models.Model):
    """A root of the verifiable index of the first `size` leaves, and the entry that commits it into the log."""

    size = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(Entry, on_delete=models.PROTECT)
    keys = models.BigIntegerField()
    root = models.BinaryField()
    stated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Exact(Length("root"), 32), name="ledger_index_root_is_sha256"),
        ]

    def __str__(self) -> str:
        return f"index of {self.size} leaves"


class IndexNode(models.Model):
    """A tile or a bucket of the index as it was when `size` leaves were indexed; made from leaves, dropped when old."""

    pk = models.CompositePrimaryKey("prefix", "size")
    prefix = models.BinaryField(max_length=2)
    size = models.BigIntegerField()
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"node {bytes(self.prefix).hex()} of the index of {self.size} leaves"


class CredentialCertificate(models.Model):
    """An X.509 certificate of our own authorities for Content Credentials, as PEM: a root, what it vouches for, a leaf.

    `kid` names the key that it certifies. `issuer` is set for leaves, which are sent with their issuer's certificate.
    """

    authority = models.CharField(max_length=8)
    role = models.CharField(max_length=8)
    kid = models.CharField(max_length=43)
    sha256 = models.CharField(max_length=64, unique=True)
    pem = models.TextField()
    issuer = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    issued_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["authority", "role", "kid", "-id"], name="ledger_newest_certificate")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(authority__in=["platform", "creators"], role__in=["root", "issuing"], issuer=None)
                | models.Q(authority__in=["platform", "creators"], role="leaf", issuer__isnull=False),
                name="ledger_certificate_has_its_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} certificate of {self.authority} for {self.kid}"
