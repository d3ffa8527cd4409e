"""Wallets of creators: what they proved to us and what the chain said of it. More tables of models.py."""

from django.db import models
from django.db.models import Q

_ADDRESS, _SIGNATURE = r"^0x[0-9a-fA-F]{40}$", r"^0x([0-9a-f]{2})+$"


class WalletProof(models.Model):
    """A creator's proof that an address is theirs: EIP-712 signatures over a message of the contract `Payees`.

    A first wallet signs `Bind` alone; a move is signed by the wallet before (`previous`) as well. `nonce` is the
    contract's, `deadline` in seconds since the Unix epoch. That it was proved says nothing of whether it counts yet.
    """

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    address = models.CharField(max_length=42)
    previous = models.CharField(max_length=42, default="", blank=True)
    nonce = models.BigIntegerField()
    deadline = models.BigIntegerField()
    signature = models.TextField()
    previous_signature = models.TextField(default="", blank=True)
    call_key = models.CharField(max_length=200, unique=True)
    proved_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_wallet_proof"
        indexes = [
            models.Index(fields=["creator", "-id"], name="payouts_wallet_proof_newest"),
            models.Index(fields=["address"], name="payouts_wallet_proof_address"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(address__regex=_ADDRESS, contract__regex=_ADDRESS, signature__regex=_SIGNATURE),
                name="payouts_wallet_proof_is_signed",
            ),
            models.CheckConstraint(
                condition=Q(previous="", previous_signature="")
                | Q(previous__regex=_ADDRESS, previous_signature__regex=_SIGNATURE),
                name="payouts_wallet_move_is_signed_twice",
            ),
        ]

    def __str__(self) -> str:
        return f"proof of {self.address}"


class WalletChange(models.Model):
    """One event of the contract `Payees` about one payee, in the chain's order, once.

    `address` is the wallet that it names: proposed, moved to, or refused. A proposal counts from `counts_from` on,
    unless it is refused before. `proof` is the creator's, where the change is one that they asked us for.
    """

    PROPOSED, MOVED, REFUSED = "proposed", "moved", "refused"

    event = models.OneToOneField("ledger.ChainEvent", models.PROTECT, primary_key=True, related_name="+")
    payee = models.UUIDField()
    kind = models.CharField(max_length=8)
    address = models.CharField(max_length=42)
    previous = models.CharField(max_length=42, default="", blank=True)
    counts_from = models.DateTimeField(null=True)
    happened_at = models.DateTimeField()
    proof = models.ForeignKey(WalletProof, models.PROTECT, null=True, related_name="changes")
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_wallet_change"
        indexes = [models.Index(fields=["payee", "event"], name="payouts_wallet_change_payee")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="proposed", counts_from__isnull=False)
                | Q(kind__in=["moved", "refused"], counts_from__isnull=True),
                name="payouts_wallet_change_kinds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.kind}"
