"""What became of tries at a gateway that payments do not go through any more: a table of models.py."""

from django.db import models
from django.db.models import Q

from marketplace.checkout.attempts import PaymentAttempt
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
