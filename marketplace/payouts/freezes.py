"""What is frozen, and which royalty lines are held for it: more tables of models.py, held by 0004_freeze_guards.

A subject is what sales name as theirs. It is frozen while one of its freezes has no thaw.
"""

from django.db import models
from django.db.models import Q

_GONE = ["creator_dispute_hold", "psp_clearing", "psp_balance", "buyer_credit", "taken_down"]


class SubjectFreeze(models.Model):
    """From now on nothing that the subject earned goes to its creators, for this reason ("claim:<uuid>").

    `allocated_through` is the last royalty run before it, of any currency.
    """

    subject = models.CharField(max_length=200)
    reason = models.CharField(max_length=200)
    frozen_at = models.DateTimeField()
    allocated_through = models.ForeignKey("payouts.RoyaltyRun", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "payouts_subject_freeze"
        constraints = [
            models.UniqueConstraint(fields=["subject", "reason"], name="payouts_freeze_once"),
            models.CheckConstraint(condition=~Q(subject="") & ~Q(reason=""), name="payouts_freeze_says_what_and_why"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} for {self.reason}"


class SubjectThaw(models.Model):
    """The reason is gone; the last thaw of a subject gives back what is held. `allocated_through` as in a freeze."""

    freeze = models.OneToOneField(SubjectFreeze, models.PROTECT, related_name="thaw")
    thawed_at = models.DateTimeField()
    allocated_through = models.ForeignKey("payouts.RoyaltyRun", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "payouts_subject_thaw"

    def __str__(self) -> str:
        return f"thaw of {self.freeze_id}"


class ClaimHoldLine(models.Model):
    """What is held of one royalty line, and from which of its payee's accounts it came or was kept.

    `transaction` moved it: a freeze, or during one whatever gave money back, or a reversal that took a part of what
    was held. It stands until it has an end.
    """

    freeze = models.ForeignKey(SubjectFreeze, models.PROTECT, related_name="lines", db_index=False)
    line = models.ForeignKey("payouts.RoyaltyLine", models.PROTECT, related_name="holds")
    amount_minor = models.BigIntegerField()
    bucket = models.CharField(max_length=24)
    transaction = models.ForeignKey("payouts.Transaction", models.PROTECT, related_name="+", db_index=False)

    class Meta:
        db_table = "payouts_claim_hold_line"
        constraints = [
            models.UniqueConstraint(fields=["transaction", "line"], name="payouts_hold_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payouts_hold_above_zero"),
            models.CheckConstraint(
                condition=Q(bucket__in=["creator_pending", "creator_available"]), name="payouts_hold_bucket_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} from {self.bucket}"


class ClaimHoldEnd(models.Model):
    """What was held left the hold: a thaw gave it back, or a reversal took it, or a part of it.

    `bucket` is the kind of account it went to; what became available went against debts first. What a reversal left
    of it is held anew by the same transaction.
    """

    hold = models.OneToOneField(ClaimHoldLine, models.PROTECT, related_name="end")
    bucket = models.CharField(max_length=24)
    transaction = models.ForeignKey("payouts.Transaction", models.PROTECT, related_name="+")

    class Meta:
        db_table = "payouts_claim_hold_end"
        constraints = [
            models.CheckConstraint(
                condition=Q(bucket__in=["creator_pending", "creator_available", *_GONE]),
                name="payouts_end_bucket_known",
            ),
        ]

    def __str__(self) -> str:
        return f"end of {self.hold_id}"
