"""The sandbox gateway's own memory; it stands for tables in somebody else's house. More tables of models.py."""

from django.db import models


class SandboxCharge(models.Model):
    """One charge as it was at first; `succeeded` tells whether it did so at once. How it ended: SandboxChargeEnd."""

    key = models.CharField(max_length=80, primary_key=True)
    reference = models.CharField(max_length=80, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=20)
    succeeded = models.BooleanField()
    state = models.CharField(max_length=10)
    reason = models.CharField(max_length=300, blank=True)
    return_url = models.TextField(blank=True)
    charged_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.reference


class SandboxChargeEnd(models.Model):
    """How a charge ended that waited for its buyer or for the bank; `charged_at` of money is then `at`."""

    charge = models.OneToOneField(SandboxCharge, on_delete=models.PROTECT, primary_key=True, related_name="end")
    succeeded = models.BooleanField()
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.charge_id} {self.succeeded}"


class SandboxRefund(models.Model):
    """One refund; it stands for a table in somebody else's house."""

    key = models.CharField(max_length=80, primary_key=True)
    reference = models.CharField(max_length=80, unique=True)
    charge = models.ForeignKey(SandboxCharge, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField()
    refunded_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.reference


class SandboxClock(models.Model):
    """How many seconds the sandbox's clock is ahead of ours; the newest row counts."""

    ahead_seconds = models.BigIntegerField()
    moved_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.ahead_seconds)


class SandboxLine(models.Model):
    """A line of the balance that the sandbox keeps for us: `amount_minor` is signed, and `fee_minor` is taken off it.

    `category` is Stripe's reporting_category; `source` names the charge, refund or dispute.
    """

    line_id = models.CharField(max_length=100, unique=True)
    category = models.CharField(max_length=30)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    source = models.CharField(max_length=100, db_index=True)
    happened_at = models.DateTimeField()
    available_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.line_id
