"""Cards that a studio lets us keep: more tables of models.py. Numbers of cards are never among them."""

import uuid

from django.db import models
from django.db.models import Q

from marketplace.people.models import Person, Studio
from marketplace.ui.words import gettext_noop

BRANDS = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "discover": "Discover",
    "jcb": "JCB",
    "diners": "Diners Club",
    "unionpay": "UnionPay",
}
"""Brands as gateways name them, and as they write themselves."""
OTHER = gettext_noop("Card")


class PaymentMethod(models.Model):
    """A way to pay that a gateway knows by `token`, and what tells its holder which one it is.

    A token that was removed and comes back is kept anew, with the next `number`. `exp_year` 0 is not known.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="payment_methods")
    gateway = models.CharField(max_length=20)
    token = models.CharField(max_length=80)
    number = models.PositiveIntegerField()
    brand = models.CharField(max_length=20, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    exp_month = models.PositiveSmallIntegerField(default=0)
    exp_year = models.PositiveSmallIntegerField(default=0)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    kept_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["gateway", "token"], name="checkout_methods_by_token")]
        constraints = [
            models.UniqueConstraint(
                fields=["studio", "gateway", "token", "number"], name="checkout_method_is_kept_once"
            ),
            models.CheckConstraint(condition=~Q(token=""), name="checkout_method_has_a_token"),
            models.CheckConstraint(
                condition=Q(last4="") | Q(last4__regex=r"^[0-9]{4}$"), name="checkout_method_shows_four_digits"
            ),
            models.CheckConstraint(
                condition=Q(exp_month=0, exp_year=0) | Q(exp_month__range=(1, 12), exp_year__range=(2000, 2199)),
                name="checkout_method_ends_in_a_month",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class PaymentMethodEnd(models.Model):
    """From here on a way to pay is not used: its holder removed it, or the gateway says that it is gone."""

    REMOVED, GONE = "removed", "gone"

    method = models.OneToOneField(PaymentMethod, on_delete=models.PROTECT, primary_key=True, related_name="end")
    cause = models.CharField(max_length=10)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(cause__in=["removed", "gone"]), name="checkout_method_ends_for_a_cause")
        ]

    def __str__(self) -> str:
        return f"{self.method_id} {self.cause}"


class PaymentMethodForgotten(models.Model):
    """The gateway was told to forget a way to pay that its holder removed, and did."""

    end = models.OneToOneField(PaymentMethodEnd, on_delete=models.PROTECT, primary_key=True, related_name="forgotten")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.end_id)


class PaymentMethodDefault(models.Model):
    """From here on a studio pays by this unless it says otherwise; of those not removed, the newest row counts."""

    method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT, related_name="defaults")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.method_id)
