"""What operators say became of tries, and of money on its way back, at a gateway that payments do not go through any
more: more tables of models.py."""

from django.db import models
from django.db.models import Q

from marketplace.checkout.attempts import PaymentAttempt, StrayPayment
from marketplace.checkout.refunds import RefundIntent
from marketplace.people.models import Person


class AttemptFound(models.Model):
    """An operator looked at a former gateway and says what it did about a try that still waited.

    "not-taken": it took no money and will take none. "taken": it took the money, as `reference`, which pays the order.
    "given-back": it took the money, and the operator gave it back there. `reason` says what was seen, and where.
    """

    NOT_TAKEN, TAKEN, GIVEN_BACK = "not-taken", "taken", "given-back"

    attempt = models.OneToOneField(PaymentAttempt, on_delete=models.PROTECT, primary_key=True, related_name="found")
    found = models.CharField(max_length=10)
    reference = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(found="not-taken", reference="") | Q(found__in=["taken", "given-back"]) & ~Q(reference=""),
                name="checkout_found_money_has_a_name",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="checkout_found_for_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.found}"


class ReturnFound(models.Model):
    """An operator looked at a former gateway and says what became of money that was to go back there: of a refund, or
    of money that came for an order which was over.

    "went-back": its payer has it, by what the gateway calls `reference`. "not-back": it did not go back, and will not.
    "otherwise": the same, and the operator gave the refund another way, as `reference` says. `reason` says what was
    seen, and where.
    """

    WENT_BACK, NOT_BACK, OTHERWISE = "went-back", "not-back", "otherwise"

    refund = models.OneToOneField(RefundIntent, on_delete=models.PROTECT, null=True, related_name="found")
    stray = models.OneToOneField(StrayPayment, on_delete=models.PROTECT, null=True, related_name="found")
    found = models.CharField(max_length=10)
    reference = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(refund=None, stray__isnull=False) & ~Q(found="otherwise")
                | Q(refund__isnull=False, stray=None),
                name="checkout_return_found_of_one",
            ),
            models.CheckConstraint(
                condition=Q(found="not-back", reference="")
                | Q(found__in=["went-back", "otherwise"]) & ~Q(reference=""),
                name="checkout_return_found_has_a_name",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="checkout_return_found_for_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id or self.stray_id}: {self.found}"
