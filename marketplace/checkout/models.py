"""Orders, the intents to take money for them, and what came of it."""

import uuid

from django.db import models
from django.db.models import Q

from marketplace.licensing.models import Offer
from marketplace.people.models import Person, Studio


class Order(models.Model):
    """What a studio asked for, fixed when it was asked; its state is told by the rows that follow it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="orders")
    buyer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64)
    placed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["studio", "idempotency_key"], name="checkout_key_places_one_order"),
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="checkout_total_is_not_negative"),
        ]
        indexes = [models.Index(fields=["studio", "-placed_at", "-id"], name="checkout_orders_of_studio")]

    def __str__(self) -> str:
        return str(self.id)


class OrderLine(models.Model):
    """One offer in an order, at the price that it had then."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    price_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "offer"], name="checkout_offer_is_ordered_once"),
            models.CheckConstraint(
                condition=Q(fee_minor__gte=0) & Q(fee_minor__lte=models.F("price_minor")),
                name="checkout_fee_is_part_of_price",
            ),
        ]

    @property
    def source(self) -> str:
        """How grants and sales name this line."""
        return f"order-line:{self.pk}"

    def __str__(self) -> str:
        return self.source


class PaymentIntent(models.Model):
    """We are about to ask a gateway for money, with this key; committed before the call, so that no crash hides it."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, primary_key=True, related_name="intent")
    gateway = models.CharField(max_length=20)
    key = models.CharField(max_length=80, unique=True)
    method = models.CharField(max_length=80)
    intended_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class PaymentOutcome(models.Model):
    """What came of the intent: succeeded, declined, or free when there was nothing to pay."""

    SUCCEEDED, DECLINED, FREE = "succeeded", "declined", "free"

    order = models.OneToOneField(Order, on_delete=models.PROTECT, primary_key=True, related_name="outcome")
    outcome = models.CharField(max_length=10)
    reference = models.CharField(max_length=80, db_index=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["succeeded", "declined", "free"]), name="checkout_outcome_is_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.outcome}"


class GatewayEvent(models.Model):
    """The inbox: what a gateway told us, kept before anything is done about it."""

    gateway = models.CharField(max_length=20)
    event_id = models.CharField(max_length=80)
    kind = models.CharField(max_length=20)
    charge_reference = models.CharField(max_length=80)
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "event_id"], name="checkout_event_is_kept_once")]

    def __str__(self) -> str:
        return self.event_id


class GatewayEventHandled(models.Model):
    """An event of the inbox had its effect, once."""

    event = models.OneToOneField(GatewayEvent, on_delete=models.PROTECT, primary_key=True, related_name="handled")
    effect = models.CharField(max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.event_id}: {self.effect}"


class SandboxCharge(models.Model):
    """The sandbox gateway's own memory of one charge; it stands for a table in somebody else's house."""

    key = models.CharField(max_length=80, primary_key=True)
    reference = models.CharField(max_length=80, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=20)
    succeeded = models.BooleanField()
    reason = models.CharField(max_length=300, blank=True)
    charged_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.reference
