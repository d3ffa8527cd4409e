"""What the vault on a chain took in and gave out, as the books have it: one more table of models.py.

The vault divides by itself and creators take their parts out of it themselves, so what lies there is owed by nobody's
bank: it is `chain_claims`, beside `chain_escrow`, and no sale of it awaits an allocation.
"""

from django.db import models
from django.db.models import F, Q


class VaultMove(models.Model):
    """One event of a vault that moved money: what came in, what a payee took out, what the house took out.

    Amounts in units are the token's own, exact. Those in minor units are what the move adds to the whole minor units
    of all moves of its flow in that token so far: `unit` units are one. The running totals are with the move itself.
    `subject` is what the market said that it sold: whoever stole its key may say so of any release, and the money goes
    where `split_digest` says. Of what came in the fee is the house's, and all other is of those whom the split names.
    `detail` is what the books' accounts of that token in that vault are called. A move that adds no whole minor unit
    has no transaction. `number` counts the vault's events in their transaction on the chain, from 0: mined again in
    another block it is the same move.
    """

    IN, OUT, HOUSE = "in", "out", "house"

    event_id = models.BigIntegerField(unique=True)
    number = models.IntegerField(default=0)
    chain_id = models.BigIntegerField()
    vault = models.CharField(max_length=42)
    token = models.CharField(max_length=42)
    flow = models.CharField(max_length=5)
    source = models.CharField(max_length=200, unique=True)
    subject = models.CharField(max_length=200, default="", db_default="", blank=True)
    split_digest = models.CharField(max_length=64, default="", db_default="", blank=True)
    payee = models.UUIDField(null=True)
    receiver = models.CharField(max_length=42, default="", db_default="", blank=True)
    currency = models.CharField(max_length=3)
    detail = models.CharField(max_length=40)
    unit = models.BigIntegerField()
    amount_units = models.DecimalField(max_digits=40, decimal_places=0)
    fee_units = models.DecimalField(max_digits=40, decimal_places=0, default=0)
    amount_total_units = models.DecimalField(max_digits=40, decimal_places=0)
    fee_total_units = models.DecimalField(max_digits=40, decimal_places=0, default=0)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    chain_transaction = models.CharField(max_length=66)
    log_index = models.IntegerField()
    moved_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    transaction = models.OneToOneField("payouts.Transaction", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "payouts_vault_move"
        indexes = [
            models.Index(fields=["split_digest", "-id"], condition=Q(flow="in"), name="payouts_vault_in_by_split"),
            models.Index(fields=["payee", "-id"], condition=Q(flow="out"), name="payouts_vault_out_by_payee"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["chain_id", "chain_transaction", "number"], name="payouts_vault_event_moves_once"
            ),
            # Amounts are above zero, so each total comes once: of two that follow the same move one is refused.
            models.UniqueConstraint(
                fields=["chain_id", "vault", "token", "flow", "amount_total_units"],
                name="payouts_vault_moves_follow_each_other",
            ),
            models.CheckConstraint(condition=Q(flow__in=["in", "out", "house"]), name="payouts_vault_flow_known"),
            models.CheckConstraint(
                condition=Q(unit__gt=0, amount_units__gt=0, fee_units__gte=0, fee_units__lte=F("amount_units")),
                name="payouts_vault_amounts_above_zero",
            ),
            models.CheckConstraint(
                condition=Q(flow="in", payee=None)
                | Q(flow="out", payee__isnull=False, fee_units=0, split_digest="", subject="")
                | Q(flow="house", payee=None, fee_units=0, split_digest="", subject=""),
                name="payouts_vault_move_names_whom_it_concerns",
            ),
            models.CheckConstraint(
                condition=Q(transaction=None, amount_minor=0, fee_minor=0)
                | (Q(transaction__isnull=False) & ~Q(amount_minor=0, fee_minor=0)),
                name="payouts_vault_move_posts_what_it_moves",
            ),
        ]

    def __str__(self) -> str:
        return self.source


class VaultRead(models.Model):
    """How far the vault's events were read: those of the inbox up to `through`, also what was not to be booked."""

    through = models.BigIntegerField()
    read_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_vault_read"

    def __str__(self) -> str:
        return f"through {self.through}"
