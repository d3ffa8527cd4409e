"""What the chain told us: events of our contracts, how far they were read, and where the chain took back its word.

Rows are only added (0009_chain_events). The whole chain is read by one process at a time, so ids are in its order.
"""

from typing import Any

from django.db import models
from django.db.models import F, Q


class ChainEvent(models.Model):
    """One event of a contract of the suite, below as many blocks as make it final for us.

    `contract` is the artifact's name, `address` where it stands (checksummed); `args` are the event's arguments by
    name: bytes as 0x and hexadecimal digits, addresses checksummed, integers as integers, lists as lists.
    """

    id = models.BigAutoField(primary_key=True)
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=40)
    address = models.CharField(max_length=42)
    event = models.CharField(max_length=40)
    args = models.JSONField()
    transaction = models.CharField(max_length=66)
    log_index = models.BigIntegerField()
    block_number = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    block_time = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_event"
        indexes = [
            models.Index(fields=["contract", "event", "id"], name="ledger_event_by_kind"),
            models.Index(fields=["transaction"], name="ledger_event_by_transaction"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["chain_id", "block_hash", "log_index"], name="ledger_event_seen_once"),
            models.CheckConstraint(
                condition=Q(block_number__gte=0, log_index__gte=0), name="ledger_event_place_is_natural"
            ),
            models.CheckConstraint(
                condition=Q(transaction__regex=r"^0x[0-9a-f]{64}$", block_hash__regex=r"^0x[0-9a-f]{64}$")
                & Q(address__regex=r"^0x[0-9a-fA-F]{40}$"),
                name="ledger_event_hashes_are_hex",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract}.{self.event} in block {self.block_number}"

    @property
    def identity(self) -> tuple[Any, ...]:
        """What stays of it when its transaction is mined in another block."""
        return self.transaction, self.address, self.event, repr(sorted(self.args.items()))


class ChainFollowed(models.Model):
    """That the blocks from `first` to `last` were read, all of them; `last_hash` is the hash of the last one.

    `contracts` is the digest of the addresses that were asked about: with other contracts all is read once more.
    `after_loss` tells that an operator let the reading go on from below a reorganization.
    """

    id = models.BigAutoField(primary_key=True)
    chain_id = models.BigIntegerField()
    contracts = models.CharField(max_length=64)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    last_hash = models.CharField(max_length=66)
    after_loss = models.BooleanField(default=False)
    followed_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_followed"
        indexes = [models.Index(fields=["chain_id", "contracts", "id"], name="ledger_followed_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(first__gte=0, last__gte=F("first")), name="ledger_followed_goes_on"),
            models.CheckConstraint(
                condition=Q(last_hash__regex=r"^0x[0-9a-f]{64}$"), name="ledger_followed_hash_is_hex"
            ),
        ]

    def __str__(self) -> str:
        return f"blocks {self.first} to {self.last} of chain {self.chain_id}"


class ChainReorganization(models.Model):
    """That the last block of what was read is no longer the chain's: reading stopped there, and a person decides."""

    read = models.ForeignKey(ChainFollowed, on_delete=models.PROTECT, related_name="reorganizations")
    found_hash = models.CharField(max_length=66)
    found_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_reorganization"
        constraints = [
            models.UniqueConstraint(fields=["read", "found_hash"], name="ledger_reorganization_found_once"),
        ]

    def __str__(self) -> str:
        return f"another block after {self.read}"


class ChainEventLost(models.Model):
    """That an event was on the chain and is no more: what was done because of it has to be looked at by a person."""

    event = models.OneToOneField(ChainEvent, on_delete=models.PROTECT, primary_key=True, related_name="lost")
    lost_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_event_lost"

    def __str__(self) -> str:
        return f"loss of event {self.event_id}"


class ForeignAnchor(models.Model):
    """That an anchor of our book is none of our checkpoints: somebody else has the anchorer's key. `why` says what."""

    event = models.OneToOneField(ChainEvent, on_delete=models.PROTECT, primary_key=True, related_name="foreign_anchor")
    why = models.CharField(max_length=300)
    found_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_foreign_anchor"

    def __str__(self) -> str:
        return f"anchor in transaction {self.event.transaction}"
