"""Evidence that was made and sent: more tables of models.py."""

import uuid

from django.db import models
from django.db.models import Q

from assets.models import Blob
from marketplace.people.models import Person


class EvidenceBundle(models.Model):
    """A bundle of evidence as it was made: a ZIP in storage under its SHA-256. The newest of a dispute counts.

    Nobody made it (`by` empty) when a dispute was opened. `is_proven`: of each license that has papers it has the
    log's proofs.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dispute = models.ForeignKey("checkout.Dispute", on_delete=models.PROTECT, related_name="bundles")
    number = models.PositiveIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    size_bytes = models.BigIntegerField()
    is_proven = models.BooleanField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["dispute", "number"]
        constraints = [
            models.UniqueConstraint(fields=["dispute", "number"], name="checkout_bundles_are_numbered"),
            models.CheckConstraint(condition=Q(number__gte=1, size_bytes__gt=0), name="checkout_bundle_is_something"),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.number}"

    @property
    def sha256(self) -> str:
        """The digest of the ZIP."""
        return self.blob_id


class EvidenceSubmission(models.Model):
    """We are about to give evidence to the gateway, under this key; or an operator says that they sent it by hand.

    Committed before the gateway is called. The next may follow only one that was refused: what banks have is final.
    """

    GATEWAY, HAND = "gateway", "hand"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dispute = models.ForeignKey("checkout.Dispute", on_delete=models.PROTECT, related_name="submissions")
    number = models.PositiveIntegerField()
    bundle = models.ForeignKey(EvidenceBundle, on_delete=models.PROTECT, related_name="submissions")
    way = models.CharField(max_length=8)
    note = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    intended_at = models.DateTimeField()

    class Meta:
        ordering = ["dispute", "number"]
        constraints = [
            models.UniqueConstraint(fields=["dispute", "number"], name="checkout_submissions_are_numbered"),
            models.CheckConstraint(
                condition=Q(way="gateway", note="") | (Q(way="hand") & ~Q(note="")),
                name="checkout_submission_by_hand_says_how",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """What the gateway knows it by."""
        return f"evidence:{self.dispute_id}:{self.number}"


class EvidenceSubmissionOutcome(models.Model):
    """The gateway has the evidence, or it does not take it and says why."""

    ACCEPTED, REFUSED = "accepted", "refused"

    submission = models.OneToOneField(
        EvidenceSubmission, on_delete=models.PROTECT, primary_key=True, related_name="outcome"
    )
    outcome = models.CharField(max_length=8)
    reference = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=["accepted", "refused"]), name="checkout_evidence_is_taken")
        ]

    def __str__(self) -> str:
        return f"{self.submission_id} {self.outcome}"


class DisputeLetter(models.Model):
    """Operators were written of a dispute: that it was opened, that its evidence is due soon, or how it ended."""

    OPENED, DUE, ENDED = "opened", "due", "ended"

    dispute = models.ForeignKey("checkout.Dispute", on_delete=models.PROTECT, related_name="letters")
    kind = models.CharField(max_length=8)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dispute", "kind"], name="checkout_dispute_letter_is_sent_once"),
            models.CheckConstraint(condition=Q(kind__in=["opened", "due", "ended"]), name="checkout_dispute_letter"),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.kind}"
