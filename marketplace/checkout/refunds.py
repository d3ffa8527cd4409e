"""Refunds of order lines: more tables of models.py."""

import uuid

from django.db import models
from django.db.models import Q


class RefundIntent(models.Model):
    """We are about to give a buyer money of an order line back; committed before the gateway is called."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    line = models.ForeignKey("checkout.OrderLine", on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    intended_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="checkout_refund_above_zero"),
            models.CheckConstraint(condition=~Q(reason=""), name="checkout_refund_says_why"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """What the gateway and the books know it by."""
        return f"refund:{self.pk}"

    @property
    def met_key(self) -> str:
        """What the books know that by which met the house's loss when it came back; reconciling/reading.py says it."""
        return f"{self.key}:met"


class RefundOutcome(models.Model):
    """What the gateway said of a refund: it gave the money back, or it did not and never will.

    "overtaken": it gave the money back, and less was left of the line by then, since a dispute of the same money was
    lost meanwhile; the house bears what was not there.
    """

    SUCCEEDED, REFUSED, OVERTAKEN = "succeeded", "refused", "overtaken"

    intent = models.OneToOneField(RefundIntent, on_delete=models.PROTECT, primary_key=True, related_name="outcome")
    outcome = models.CharField(max_length=10)
    reference = models.CharField(max_length=120, db_index=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["succeeded", "refused", "overtaken"]),
                name="checkout_refund_outcome_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.intent_id} {self.outcome}"

    @property
    def books_key(self) -> str:
        """What the books know it by; reconciling/finding.py says it in SQL."""
        return f"refund:{self.intent_id}" + (":overtaken" if self.outcome == self.OVERTAKEN else "")


class RefundStep(models.Model):
    """Where a refund is that the gateway took on: on its way (pending), with the buyer (succeeded), or back (failed).

    Its money left us with the first step, whatever that is, and came back with `failed`.
    """

    PENDING, SUCCEEDED, FAILED = "pending", "succeeded", "failed"

    intent = models.ForeignKey(RefundIntent, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=10)
    reference = models.CharField(max_length=120, db_index=True)
    look_at = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "succeeded", "failed"]), name="checkout_refund_step_is_known"
            ),
            models.UniqueConstraint(
                fields=["intent", "state"], condition=~Q(state="pending"), name="checkout_refund_arrives_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.intent_id} {self.state}"
