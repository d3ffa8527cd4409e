"""Disputes of payments as a gateway tells of them: more tables of models.py."""

import uuid

from django.db import models
from django.db.models import OuterRef, Q, Subquery, Sum


class Dispute(models.Model):
    """A buyer's bank takes money of an order back. `amount_minor` is what it takes, in the order's currency."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey("checkout.Order", on_delete=models.PROTECT, related_name="disputes")
    gateway = models.CharField(max_length=20)
    reference = models.CharField(max_length=120)
    charge_reference = models.CharField(max_length=120, db_index=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=300, blank=True)
    due_by = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()

    class Meta:
        ordering = ["opened_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "reference"], name="checkout_dispute_is_kept_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="checkout_dispute_above_zero"),
        ]

    def __str__(self) -> str:
        return self.reference


class DisputePart(models.Model):
    """What a dispute takes of one line of its order; parts add up to the dispute."""

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="parts")
    line = models.ForeignKey("checkout.OrderLine", on_delete=models.PROTECT, related_name="disputed")
    amount_minor = models.BigIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dispute", "line"], name="checkout_dispute_takes_of_a_line_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="checkout_dispute_part_above_zero"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """What the books know it by."""
        return f"dispute:{self.dispute.reference}:{self.line_id}"

    def rest_key(self, number: int) -> str:
        """What the books know that by which had not come back of it after so many parts of the dispute had, from 1;
        reconciling/finding.py says it in SQL. The sales of what was paid ahead have ":" and a number behind it."""
        return f"{self.key}:rest" if number == 1 else f"{self.key}:rest-{number}"


class DisputeStep(models.Model):
    """What was heard of a dispute: that it was opened, and how it ended; each once, and one end only. After it was won
    in part, further parts may have come back, each once.

    `amount_minor` is what it is about; of one that was won, what came back first: less than that where it was won in
    part; of a further part, that part. `reference` is the gateway's name for how money came back, empty where it has
    none. `fee_currency` is of the fee, where that is another than the dispute's.
    """

    OPENED, WON, LOST, RETURNED = "opened", "won", "lost", "returned"
    CAME_BACK = (WON, RETURNED)

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=10)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    fee_currency = models.CharField(max_length=3, blank=True, default="", db_default="")
    reference = models.CharField(max_length=120, blank=True, default="", db_default="")
    due_by = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["opened", "won", "lost", "returned"]), name="checkout_dispute_is_known"
            ),
            models.CheckConstraint(condition=Q(fee_minor__gte=0), name="checkout_dispute_fee_is_not_negative"),
            models.CheckConstraint(
                condition=~Q(state="returned") | Q(amount_minor__gt=0) & ~Q(reference=""),
                name="checkout_further_part_has_its_name",
            ),
            models.UniqueConstraint(
                fields=["dispute", "state"], condition=~Q(state="returned"), name="checkout_dispute_is_told_once"
            ),
            models.UniqueConstraint(
                fields=["dispute", "reference"],
                condition=~Q(reference=""),
                name="checkout_part_of_dispute_comes_back_once",
            ),
            models.UniqueConstraint(
                fields=["dispute"], condition=Q(state__in=["won", "lost"]), name="checkout_dispute_ends_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.state}"


def took_for_good() -> Q:
    """This will find the ends of disputes by which a buyer's bank has taken money for good: all of it, or a part."""
    back = DisputeStep.objects.filter(dispute=OuterRef("dispute"), state__in=DisputeStep.CAME_BACK).order_by()
    sums = back.values("dispute").annotate(all=Sum("amount_minor")).values("all")
    return Q(state=DisputeStep.LOST) | Q(state=DisputeStep.WON, dispute__amount_minor__gt=Subquery(sums))


class DisputeRevocation(models.Model):
    """An operator revoked a license of which a bank had taken a part of the price for good, and said why."""

    part = models.OneToOneField(DisputePart, on_delete=models.PROTECT, primary_key=True, related_name="revocation")
    grant = models.ForeignKey("licensing.Grant", on_delete=models.PROTECT, related_name="+")
    words = models.CharField(max_length=200)
    by = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(words=""), name="checkout_revocation_says_why")]

    def __str__(self) -> str:
        return f"{self.part_id}: {self.words}"


class Contradiction(models.Model):
    """A gateway told something that does not fit what is known: kept, without effect, for an operator to look at."""

    order = models.ForeignKey("checkout.Order", on_delete=models.PROTECT, null=True, related_name="contradictions")
    kind = models.CharField(max_length=30)
    reference = models.CharField(max_length=120)
    amount_minor = models.BigIntegerField(null=True)
    said = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "reference", "said"], name="checkout_contradiction_is_kept_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}: {self.said}"
