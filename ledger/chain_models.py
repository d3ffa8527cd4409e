"""What we do to the chain: calls that were asked for, the transactions that carry them, and what became of them.

Rows are only added (0008_chain_outbox), but for the queue of calls without an outcome and the head that was seen last.
A call takes a slot, which is a nonce of its sender; every transaction signed for the slot is one of its attempts, and
at most one of them can ever be in the chain. A call takes another slot only once it has lost the one before for good.
"""

from datetime import datetime

from django.db import models
from django.db.models import Q

_HASH, _ADDRESS = r"^0x[0-9a-f]{64}$", r"^0x[0-9a-fA-F]{40}$"


class ChainCall(models.Model):
    """A call of a contract that is to happen once; committed with the business that wants it.

    `artifact` is the contract's name, `contract` its address. `done` names errors of the contract that mean that the
    effect is there already, `later` those that mean "not yet".
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=200, unique=True)
    role = models.CharField(max_length=20)
    chain_id = models.BigIntegerField()
    artifact = models.CharField(max_length=40)
    contract = models.CharField(max_length=42)
    function = models.CharField(max_length=200)
    data = models.BinaryField()
    done = models.JSONField(default=list)
    later = models.JSONField(default=list)
    subject = models.CharField(max_length=200)
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_call"
        indexes = [models.Index(fields=["subject", "id"], name="ledger_chain_call_subject")]
        constraints = [
            models.CheckConstraint(condition=Q(contract__regex=_ADDRESS), name="ledger_chain_call_has_a_contract"),
        ]

    def __str__(self) -> str:
        return f"call {self.key}"

    def was_refused(self, *, before: datetime | None = None) -> bool:
        """Say whether it is refused, and was by a time."""
        rows = ChainOutcome.objects.filter(call=self, state=ChainOutcome.REFUSED)
        return (rows if before is None else rows.filter(decided_at__lte=before)).exists()


class ChainDue(models.Model):
    """The queue of calls without an outcome, kept by triggers; whoever takes or withdraws a call locks its row."""

    call = models.OneToOneField(ChainCall, on_delete=models.PROTECT, primary_key=True, related_name="due")

    class Meta:
        db_table = "ledger_chain_due"


class ChainSlot(models.Model):
    """A nonce of a sender that is a call's alone. `head` is the newest block's number when it was taken."""

    id = models.BigAutoField(primary_key=True)
    call = models.ForeignKey(ChainCall, on_delete=models.PROTECT, related_name="slots")
    number = models.IntegerField()
    chain_id = models.BigIntegerField()
    sender = models.CharField(max_length=42)
    nonce = models.BigIntegerField()
    head = models.BigIntegerField()
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_slot"
        constraints = [
            models.UniqueConstraint(fields=["call", "number"], name="ledger_chain_slot_numbered_once"),
            models.UniqueConstraint(fields=["chain_id", "sender", "nonce"], name="ledger_chain_nonce_used_once"),
            models.CheckConstraint(condition=Q(nonce__gte=0, number__gte=1), name="ledger_chain_slot_is_natural"),
        ]

    def __str__(self) -> str:
        return f"nonce {self.nonce} of {self.sender}"


class ChainSlotLoss(models.Model):
    """That a slot's nonce went, for good, to a transaction without the call's effect: `winner`.

    Another program's with the same key, or, with `reverted`, one of our own that the contract refused in its block.
    """

    slot = models.OneToOneField(ChainSlot, on_delete=models.PROTECT, primary_key=True, related_name="loss")
    winner = models.CharField(max_length=66)
    reverted = models.BooleanField()
    block_number = models.BigIntegerField()
    lost_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_slot_loss"
        constraints = [models.CheckConstraint(condition=Q(winner__regex=_HASH), name="ledger_chain_winner_is_hex")]

    def __str__(self) -> str:
        return f"loss of slot {self.slot_id}"


class ChainAttempt(models.Model):
    """A signed transaction, committed before its bytes leave the house; `digest` is its hash, fees are wei per gas."""

    id = models.BigAutoField(primary_key=True)
    slot = models.ForeignKey(ChainSlot, on_delete=models.PROTECT, related_name="attempts")
    number = models.IntegerField()
    digest = models.CharField(max_length=66, unique=True)
    raw = models.BinaryField()
    gas = models.BigIntegerField()
    max_fee_wei = models.BigIntegerField()
    max_tip_wei = models.BigIntegerField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_attempt"
        constraints = [
            models.UniqueConstraint(fields=["slot", "number"], name="ledger_chain_attempt_numbered_once"),
            models.CheckConstraint(condition=Q(digest__regex=_HASH), name="ledger_chain_attempt_has_a_hash"),
        ]

    def __str__(self) -> str:
        return f"transaction {self.digest}"


class ChainSighting(models.Model):
    """Where an attempt was seen: in a block, or, after a reorganization, in none any more (`gone`)."""

    MINED, REVERTED, GONE = "mined", "reverted", "gone"

    id = models.BigAutoField(primary_key=True)
    attempt = models.ForeignKey(ChainAttempt, on_delete=models.PROTECT, related_name="sightings")
    status = models.CharField(max_length=8)
    block_number = models.BigIntegerField(null=True)
    block_hash = models.CharField(max_length=66, null=True)
    block_time = models.DateTimeField(null=True)
    gas_used = models.BigIntegerField(null=True)
    gas_price_wei = models.BigIntegerField(null=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_sighting"
        indexes = [models.Index(fields=["attempt", "-id"], name="ledger_chain_newest_sighting")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="gone", block_number=None, block_hash=None, block_time=None)
                | Q(
                    status__in=["mined", "reverted"],
                    block_number__gte=0,
                    block_hash__regex=_HASH,
                    block_time__isnull=False,
                    gas_used__gt=0,
                    gas_price_wei__gte=0,
                ),
                name="ledger_chain_sighting_has_its_block",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.attempt_id} {self.status}"


class ChainOutcome(models.Model):
    """What became of a call, for good: `confirmed`, by our transaction or as found done already, or `refused`."""

    CONFIRMED, REFUSED = "confirmed", "refused"

    call = models.OneToOneField(ChainCall, on_delete=models.PROTECT, primary_key=True, related_name="outcome")
    state = models.CharField(max_length=9)
    sighting = models.OneToOneField(ChainSighting, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(default="")
    decided_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_outcome"
        constraints = [
            models.CheckConstraint(
                condition=Q(state="confirmed", sighting__isnull=False, reason="")
                | Q(state__in=["confirmed", "refused"], sighting=None) & ~Q(reason=""),
                name="ledger_chain_outcome_has_its_ground",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} {self.state}"


class ChainSetback(models.Model):
    """Why a call waits, noted when the reason changes."""

    id = models.BigAutoField(primary_key=True)
    call = models.ForeignKey(ChainCall, on_delete=models.PROTECT, related_name="setbacks")
    reason = models.TextField()
    noticed_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_setback"
        indexes = [models.Index(fields=["call", "-id"], name="ledger_chain_newest_setback")]

    def __str__(self) -> str:
        return f"{self.call_id} waits: {self.reason}"


class ChainHead(models.Model):
    """The newest block of a chain that we were told of: pages count confirmations from it without asking anybody."""

    chain_id = models.BigIntegerField(primary_key=True)
    number = models.BigIntegerField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_chain_head"

    def __str__(self) -> str:
        return f"block {self.number} of chain {self.chain_id}"
