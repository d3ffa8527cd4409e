"""What is taken back of sales, and given back: more tables of models.py.

What remains of a royalty line is its amount less its ReversalLines plus its ReturnedLines, whatever took or gave.
"""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from marketplace.payouts.kinds import KEPT_KINDS, AccountKind


class Reversal(models.Model):
    """A refund, a dispute or a takedown of a part of one sale, or of all that remains of it.

    `amount_minor` is what the buyer, or their bank, or the pot of a takedown has of it. It is made of the tax and the
    fee that are given up, of what its royalty lines give (`net_minor`), of what an earlier takedown had put aside of
    the sale (`pot_minor`), and of what nobody has any more and the house bears (`loss_minor`). A dispute's tax, fee
    and loss are posted when it is lost. `key` names it once ("refund:<uuid>", "dispute:<source>"); `reason` says why
    ("claim:<uuid>"). A refund whose key is a dispute's is what a bank keeps of it for now: some of it may come back.
    """

    REFUND, DISPUTE, TAKEDOWN = "refund", "dispute", "takedown"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    sale = models.ForeignKey("payouts.Sale", models.PROTECT, related_name="reversals")
    kind = models.CharField(max_length=8, choices=[(REFUND, "refund"), (DISPUTE, "dispute"), (TAKEDOWN, "takedown")])
    key = models.CharField(max_length=200, unique=True)
    reason = models.CharField(max_length=200, default="", blank=True)
    amount_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    pot_minor = models.BigIntegerField(default=0)
    loss_minor = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()
    transaction = models.ForeignKey("payouts.Transaction", models.PROTECT, related_name="+")

    class Meta:
        db_table = "payouts_reversal"
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["refund", "dispute", "takedown"]), name="payouts_reversal_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    amount_minor=F("tax_minor") + F("fee_minor") + F("net_minor") + F("pot_minor") + F("loss_minor")
                ),
                name="payouts_reversal_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(
                    amount_minor__gt=0,
                    tax_minor__gte=0,
                    fee_minor__gte=0,
                    net_minor__gte=0,
                    pot_minor__gte=0,
                    loss_minor__gte=0,
                ),
                name="payouts_reversal_amounts_not_negative",
            ),
            # What went back to a buyer may be more than there is; a takedown takes from creators alone.
            models.CheckConstraint(
                condition=~Q(kind="takedown") | Q(loss_minor=0), name="payouts_reversal_loss_not_by_takedown"
            ),
            models.CheckConstraint(
                condition=~Q(kind="takedown") | Q(tax_minor=0, fee_minor=0, pot_minor=0),
                name="payouts_takedown_takes_lines",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class ReversalOutcome(models.Model):
    """How a reversal ended: a dispute is won or lost, a refund failed, a takedown is lifted or awarded.

    What ends without it stands. Tax, fee and pot are what was given back of the reversal's; of its lines,
    ReturnedLines say it. The pot of a takedown is what its lines got of it, or who is right; where refunds and disputes
    had all of it, its end moves nothing, and `transaction` is null.
    """

    WON, LOST, FAILED, LIFTED, AWARDED = "won", "lost", "failed", "lifted", "awarded"

    reversal = models.OneToOneField(Reversal, models.PROTECT, related_name="outcome")
    outcome = models.CharField(
        max_length=7,
        choices=[(WON, "won"), (LOST, "lost"), (FAILED, "failed"), (LIFTED, "lifted"), (AWARDED, "awarded")],
    )
    tax_minor = models.BigIntegerField(default=0)
    fee_minor = models.BigIntegerField(default=0)
    pot_minor = models.BigIntegerField(default=0)
    closed_at = models.DateTimeField()
    transaction = models.ForeignKey("payouts.Transaction", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "payouts_reversal_outcome"
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["won", "lost", "failed", "lifted", "awarded"]),
                name="payouts_reversal_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(tax_minor__gte=0, fee_minor__gte=0, pot_minor__gte=0),
                name="payouts_reversal_outcome_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(transaction__isnull=False) & ~Q(outcome__in=["lifted", "awarded"], pot_minor=0)
                | Q(transaction=None, outcome__in=["lifted", "awarded"], pot_minor=0),
                name="payouts_reversal_outcome_moves_or_not",
            ),
        ]

    def __str__(self) -> str:
        return self.outcome


class ReversalLine(models.Model):
    """What a reversal took of one royalty line, and from which of its payee's accounts."""

    reversal = models.ForeignKey(Reversal, models.PROTECT, related_name="lines")
    line = models.ForeignKey("payouts.RoyaltyLine", models.PROTECT, related_name="reversals", db_index=False)
    amount_minor = models.BigIntegerField()
    bucket = models.CharField(max_length=24)

    class Meta:
        db_table = "payouts_reversal_line"
        constraints = [
            models.UniqueConstraint(fields=["line", "reversal", "bucket"], name="payouts_reversal_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payouts_reversal_above_zero"),
            models.CheckConstraint(
                condition=Q(bucket__in=[kind for kind in KEPT_KINDS if kind != AccountKind.CREATOR_DISPUTE_HOLD]),
                name="payouts_reversal_bucket_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} from {self.bucket}"


class ReturnedLine(models.Model):
    """What the end of a reversal gave back of one royalty line, and to which kind of account.

    What became available went against debts first.
    """

    outcome = models.ForeignKey(ReversalOutcome, models.PROTECT, related_name="lines")
    line = models.ForeignKey("payouts.RoyaltyLine", models.PROTECT, related_name="returns", db_index=False)
    amount_minor = models.BigIntegerField()
    bucket = models.CharField(max_length=24)

    class Meta:
        db_table = "payouts_returned_line"
        constraints = [
            models.UniqueConstraint(fields=["line", "outcome", "bucket"], name="payouts_return_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payouts_return_above_zero"),
            models.CheckConstraint(
                condition=Q(bucket__in=["creator_pending", "creator_available", "creator_claim_hold"]),
                name="payouts_return_bucket_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} to {self.bucket}"
