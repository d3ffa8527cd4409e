"""Refunds that buyers ask for, and what an operator answers: more tables of models.py."""

import uuid

from django.db import models
from django.db.models import Q

from marketplace.people.models import Person


class RefundRequest(models.Model):
    """A buyer asks for money of an order line back, for a reason in their words."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    line = models.ForeignKey("checkout.OrderLine", on_delete=models.PROTECT, related_name="refund_requests")
    number = models.PositiveSmallIntegerField()
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["line", "number"], name="checkout_requests_are_numbered"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="checkout_request_above_zero"),
            models.CheckConstraint(condition=~Q(reason=""), name="checkout_request_says_why"),
        ]
        indexes = [models.Index(fields=["-asked_at", "-id"], name="checkout_requests_by_time")]

    def __str__(self) -> str:
        return str(self.id)


class RefundAnswer(models.Model):
    """An operator grants a request, by a refund, or refuses it, in words that the buyer reads; a buyer withdraws it."""

    GRANTED, REFUSED, WITHDRAWN = "granted", "refused", "withdrawn"

    request = models.OneToOneField(RefundRequest, on_delete=models.PROTECT, primary_key=True, related_name="answer")
    answer = models.CharField(max_length=10)
    words = models.CharField(max_length=500, blank=True)
    refund = models.OneToOneField("checkout.RefundIntent", on_delete=models.PROTECT, null=True, related_name="asked_by")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answer="granted", refund__isnull=False)
                | (Q(answer="refused", refund=None) & ~Q(words=""))
                | Q(answer="withdrawn", refund=None, words=""),
                name="checkout_request_is_answered_whole",
            )
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.answer}"


class RefundMended(models.Model):
    """What was done about a refund that failed at the buyer's bank: what is owed of it went `again`, or another way
    (`note`, of `amount_minor`, null for all of it), or nothing is owed (0)."""

    refund = models.OneToOneField(
        "checkout.RefundIntent", on_delete=models.PROTECT, primary_key=True, related_name="mended"
    )
    again = models.OneToOneField("checkout.RefundIntent", on_delete=models.PROTECT, null=True, related_name="again_of")
    note = models.CharField(max_length=200, blank=True)
    amount_minor = models.BigIntegerField(null=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(again__isnull=False, note="", amount_minor=None)
                | (Q(again=None) & ~Q(note="") & (Q(amount_minor=None) | Q(amount_minor__gt=0)))
                | Q(again=None, note="", amount_minor=0),
                name="checkout_refund_is_mended_one_way",
            )
        ]

    def __str__(self) -> str:
        return f"{self.refund_id}: {self.note or self.again_id or 'nothing is owed'}"
