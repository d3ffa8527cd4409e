"""What the gateway to Stripe remembers: more tables of models.py."""

from django.db import models
from django.db.models import Q

from marketplace.people.models import Studio


class GatewayCustomer(models.Model):
    """A studio as a gateway knows it; kept cards hang on it. One that was deleted there is followed by another."""

    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="gateway_customers")
    gateway = models.CharField(max_length=20)
    number = models.PositiveIntegerField(default=1)
    reference = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["studio", "gateway", "number"], name="checkout_customers_are_numbered"),
            models.UniqueConstraint(fields=["gateway", "reference"], name="checkout_customer_is_one_studio"),
        ]

    def __str__(self) -> str:
        return self.reference


class GatewayInquiry(models.Model):
    """A bank asks about a charge and takes no money: for operators to know. Each status once; the newest counts."""

    gateway = models.CharField(max_length=20)
    reference = models.CharField(max_length=120)
    charge_reference = models.CharField(max_length=120, db_index=True)
    status = models.CharField(max_length=40)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=60, blank=True)
    due_by = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "reference", "status"], name="checkout_inquiry_is_told_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="checkout_inquiry_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.status}"
