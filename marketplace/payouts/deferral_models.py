"""What buyers paid for a time to come, cut into parts that become sales as it passes: more tables of models.py.

What is left of a part is its amount, less the sales that were made of it, less what refunds and disputes took of it
and did not give back.
"""

from django.db import models
from django.db.models import F, Q

from marketplace.payouts.ids import time_ordered_id


class Deferral(models.Model):
    """One payment for a time to come: who will earn it, and by which parts.

    `source` names what was paid ("order-line:<uuid>"); `split`, `subject` and `tax_of` are as in Sale. The tax is due
    when it is paid, so the parts divide what is not tax; `fee_minor` is within that.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    source = models.CharField(max_length=200, unique=True)
    split = models.ForeignKey("payouts.Split", models.PROTECT, related_name="+")
    subject = models.CharField(max_length=200, default="", blank=True)
    currency = models.CharField(max_length=3)
    gross_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    tax_of = models.CharField(max_length=40, default="", blank=True)
    paid_at = models.DateTimeField()
    transaction = models.OneToOneField("payouts.Transaction", models.PROTECT, related_name="+")

    class Meta:
        db_table = "payouts_deferral"
        constraints = [
            models.CheckConstraint(
                condition=Q(tax_minor__gte=0, fee_minor__gte=0, gross_minor__gt=F("tax_minor"))
                & Q(gross_minor__gte=F("tax_minor") + F("fee_minor")),
                name="payouts_deferral_adds_up",
            )
        ]

    def __str__(self) -> str:
        return self.source


class DeferralPart(models.Model):
    """What of a payment is earned when a part of its time has passed, at `due_at`; `fee_minor` of it is our fee."""

    deferral = models.ForeignKey(Deferral, models.PROTECT, related_name="parts")
    number = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField()
    due_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()

    class Meta:
        db_table = "payouts_deferral_part"
        ordering = ["deferral", "number"]
        constraints = [
            models.UniqueConstraint(fields=["deferral", "number"], name="payouts_deferral_part_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1, amount_minor__gt=0, fee_minor__gte=0, fee_minor__lte=F("amount_minor")),
                name="payouts_deferral_part_amounts",
            ),
            models.CheckConstraint(condition=Q(due_at__gt=F("starts_at")), name="payouts_deferral_part_has_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.deferral_id}:{self.number}"


class DeferralWaiting(models.Model):
    """A part of which something is left and nothing is disputed: a queue, not a fact, that triggers alone write."""

    part = models.OneToOneField(DeferralPart, models.PROTECT, primary_key=True, related_name="waiting")
    due_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_deferral_waiting"
        indexes = [models.Index(fields=["due_at", "part"], name="payouts_deferral_in_order")]

    def __str__(self) -> str:
        return str(self.part_id)


class RecognizedPart(models.Model):
    """A sale that was made of what was left of a part; a second one is made where a refund came back since."""

    part = models.ForeignKey(DeferralPart, models.PROTECT, related_name="recognized")
    number = models.PositiveSmallIntegerField(default=1)
    sale = models.OneToOneField("payouts.Sale", models.PROTECT, related_name="recognized")
    recognized_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_recognized_part"
        constraints = [
            models.UniqueConstraint(fields=["part", "number"], name="payouts_recognized_part_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="payouts_recognized_part_number"),
        ]

    def __str__(self) -> str:
        return f"{self.part_id}:{self.number}"


class DeferralReversal(models.Model):
    """A refund or a dispute of what was paid ahead.

    `amount_minor` is made of the tax, of parts that no sale was made of (`deferred_minor`), of sales that were made
    (`sales_minor`, each a Reversal under the same key and a number), and of what nobody has any more (`loss_minor`).
    `transaction` moves all but the sales' part; it is null where that is nothing. `key` names it as in Reversal.
    """

    REFUND, DISPUTE = "refund", "dispute"

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    deferral = models.ForeignKey(Deferral, models.PROTECT, related_name="reversals")
    kind = models.CharField(max_length=8)
    key = models.CharField(max_length=200, unique=True)
    reason = models.CharField(max_length=200, default="", blank=True)
    amount_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    deferred_minor = models.BigIntegerField()
    sales_minor = models.BigIntegerField()
    loss_minor = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()
    transaction = models.OneToOneField("payouts.Transaction", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "payouts_deferral_reversal"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["refund", "dispute"]), name="payouts_deferral_reversal_kind"),
            models.CheckConstraint(
                condition=Q(
                    amount_minor__gt=0, tax_minor__gte=0, deferred_minor__gte=0, sales_minor__gte=0, loss_minor__gte=0
                )
                & Q(amount_minor=F("tax_minor") + F("deferred_minor") + F("sales_minor") + F("loss_minor")),
                name="payouts_deferral_reversal_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(transaction=None, amount_minor=F("sales_minor"))
                | Q(transaction__isnull=False, amount_minor__gt=F("sales_minor")),
                name="payouts_deferral_reversal_moves_or_not",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class DeferralTaken(models.Model):
    """What a refund or a dispute took of a part that no sale was made of; `fee_minor` of it was our fee."""

    reversal = models.ForeignKey(DeferralReversal, models.PROTECT, related_name="taken")
    part = models.ForeignKey(DeferralPart, models.PROTECT, related_name="taken")
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()

    class Meta:
        db_table = "payouts_deferral_taken"
        constraints = [
            models.UniqueConstraint(fields=["reversal", "part"], name="payouts_deferral_taken_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, fee_minor__gte=0, fee_minor__lte=F("amount_minor")),
                name="payouts_deferral_taken_amounts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} of {self.part_id}"


class DeferralReversalSale(models.Model):
    """A reversal of a sale that was made of a part, as it belongs to one of the whole payment."""

    reversal = models.ForeignKey(DeferralReversal, models.PROTECT, related_name="sales")
    of_sale = models.OneToOneField("payouts.Reversal", models.PROTECT, related_name="of_deferral")

    class Meta:
        db_table = "payouts_deferral_reversal_sale"

    def __str__(self) -> str:
        return str(self.of_sale_id)


class DeferralReversalOutcome(models.Model):
    """How one ended: a dispute won or lost, a refund failed. What ends without it stands."""

    WON, LOST, FAILED = "won", "lost", "failed"

    reversal = models.OneToOneField(DeferralReversal, models.PROTECT, related_name="outcome")
    outcome = models.CharField(max_length=6)
    closed_at = models.DateTimeField()
    transaction = models.OneToOneField("payouts.Transaction", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "payouts_deferral_reversal_outcome"
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["won", "lost", "failed"]), name="payouts_deferral_outcome_known"
            )
        ]

    def __str__(self) -> str:
        return self.outcome
