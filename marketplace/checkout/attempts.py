"""Each try to be paid for an order: more tables of models.py."""

from django.db import models
from django.db.models import Q


class PaymentAttempt(models.Model):
    """We are about to ask a gateway for money, with this key; committed before the call, so that no crash hides it.

    The tries of an order are numbered from 1, and the next begins when the one before was declined or called off.
    """

    order = models.ForeignKey("checkout.Order", on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    gateway = models.CharField(max_length=20)
    key = models.CharField(max_length=80, unique=True)
    method = models.CharField(max_length=80)
    intended_at = models.DateTimeField()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="checkout_attempt_is_numbered_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="checkout_attempts_count_from_one"),
        ]
        indexes = [models.Index(fields=["order"], condition=Q(number__gte=2), name="checkout_further_attempts")]

    def __str__(self) -> str:
        return self.key


class PaymentStep(models.Model):
    """A try waits: for the bank (pending), or for the buyer at `url` (action). The newest row counts.

    A row with the same state as the one before says that we looked again; `look_at` is when we do so next.
    """

    PENDING, ACTION = "pending", "action"

    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=10)
    reference = models.CharField(max_length=120, db_index=True)
    url = models.TextField(blank=True)
    reason = models.CharField(max_length=300, blank=True)
    look_at = models.DateTimeField(db_index=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["pending", "action"]), name="checkout_step_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.attempt_id} {self.state}"


class AttemptDeclined(models.Model):
    """A try takes no money any more: it was declined, or called off. `reason` is an English sentence."""

    attempt = models.OneToOneField(PaymentAttempt, on_delete=models.PROTECT, primary_key=True, related_name="declined")
    reference = models.CharField(max_length=120)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.reason}"


class StrayPayment(models.Model):
    """Money that came for an order that was given up, or paid already; it goes back by itself, under `key`.

    It is in no sale: both of its movements are outside the books of sales.
    """

    attempt = models.OneToOneField(PaymentAttempt, on_delete=models.PROTECT, primary_key=True, related_name="stray")
    reference = models.CharField(max_length=120, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="checkout_stray_above_zero")]

    def __str__(self) -> str:
        return self.reference

    @property
    def key(self) -> str:
        """What the gateway knows its way back by, which has a number more after each refusal that may pass."""
        refused = sum(step.state == StrayReturnStep.LATER for step in self.steps.all())
        return f"stray:{self.attempt_id}" + (f":{refused + 1}" if refused else "")

    @property
    def state(self) -> str:
        """Where it is: "here", "pending" on its way back, "succeeded", "refused", or "failed" and with us again."""
        states = {step.state for step in self.steps.all()} - {StrayReturnStep.LATER}
        if StrayReturnStep.FAILED in states:
            return "failed"
        returned = getattr(self, "returned", None)
        if returned is None or returned.outcome == StrayReturn.REFUSED:
            return "here" if returned is None else "refused"
        return "pending" if states == {StrayReturnStep.PENDING} else "succeeded"


class StrayReturn(models.Model):
    """Stray money went back, or the gateway refused it: then an operator gives it back another way."""

    SUCCEEDED, REFUSED = "succeeded", "refused"

    payment = models.OneToOneField(StrayPayment, on_delete=models.PROTECT, primary_key=True, related_name="returned")
    outcome = models.CharField(max_length=10)
    reference = models.CharField(max_length=120, db_index=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=["succeeded", "refused"]), name="checkout_stray_goes_back")
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} {self.outcome}"


class StrayReturnStep(models.Model):
    """Where stray money is that goes back: on its way (pending), with its payer (succeeded), or with us again (failed):
    then an operator gives it back another way.

    A refusal that may pass, such as for a balance that is too low, is a step as well (later): `reference` is then the
    key that was refused, and at `look_at` it is asked for anew.
    """

    PENDING, SUCCEEDED, FAILED, LATER = "pending", "succeeded", "failed", "later"

    payment = models.ForeignKey(StrayPayment, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=10)
    reference = models.CharField(max_length=120, db_index=True)
    look_at = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "succeeded", "failed", "later"]), name="checkout_stray_step_is_known"
            ),
            models.UniqueConstraint(
                fields=["payment", "reference", "state"],
                condition=~Q(state="pending"),
                name="checkout_stray_arrives_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} {self.state}"
