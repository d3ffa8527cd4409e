"""What subscriptions are paid with, whether they go on, their trials, and what was told of payments: more tables."""

from django.db import models
from django.db.models import Q


class SubscriptionMethod(models.Model):
    """What a subscription is charged with from here on, as the gateway names it; the newest row counts."""

    subscription = models.ForeignKey("checkout.Subscription", on_delete=models.PROTECT, related_name="methods")
    token = models.CharField(max_length=80)
    by = models.ForeignKey("people.Person", on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(token=""), name="checkout_subscription_is_paid_with_some")]

    def __str__(self) -> str:
        return f"{self.subscription_id}: {self.token}"


class SubscriptionCancelled(models.Model):
    """A subscription is to end when its period does; SubscriptionEnd follows then, unless it was resumed before."""

    subscription = models.ForeignKey("checkout.Subscription", on_delete=models.PROTECT, related_name="cancellations")
    number = models.PositiveSmallIntegerField()
    by = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["subscription", "number"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "number"], name="checkout_cancelled_one_by_one"),
            models.CheckConstraint(condition=Q(number__gte=1), name="checkout_cancellations_count_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id}:{self.number}"


class SubscriptionResumed(models.Model):
    """A cancelled subscription goes on after all."""

    cancelled = models.OneToOneField(
        SubscriptionCancelled, on_delete=models.PROTECT, primary_key=True, related_name="resumed"
    )
    by = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.cancelled_id)


class TrialLine(models.Model):
    """A line that gives a studio a pack for nothing until `ends_at`; its subscription's first charge is then."""

    line = models.OneToOneField("checkout.OrderLine", on_delete=models.PROTECT, primary_key=True, related_name="trial")
    studio = models.ForeignKey("people.Studio", on_delete=models.PROTECT, related_name="trials")
    pack = models.ForeignKey("catalog.Pack", on_delete=models.PROTECT, related_name="trials")
    days = models.PositiveSmallIntegerField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(days__gte=1), name="checkout_trial_has_days")]
        indexes = [
            models.Index(fields=["studio", "pack"], name="checkout_trials_of_pack"),
            models.Index(fields=["ends_at"], name="checkout_trials_by_end"),
        ]

    def __str__(self) -> str:
        return str(self.line_id)


class PaymentNotice(models.Model):
    """Somebody was told of a payment that is due or did not succeed; `key` names the occasion, once."""

    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=16)
    order = models.ForeignKey("checkout.Order", on_delete=models.PROTECT, null=True, related_name="notices")
    subscription = models.ForeignKey(
        "checkout.Subscription", on_delete=models.PROTECT, null=True, related_name="notices"
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(order__isnull=False) | Q(subscription__isnull=False), name="checkout_notice_is_about_some"
            )
        ]

    def __str__(self) -> str:
        return self.key
