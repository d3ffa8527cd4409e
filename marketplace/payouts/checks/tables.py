"""What checks of creators found: one more table of models.py, facts only."""

from django.db import models
from django.db.models import Q


class CreatorCheck(models.Model):
    """How a check of a creator stands since a moment; the newest row of a kind counts.

    Needed waits for the creator, pending for who looks at it; both hold every payout, and so does failed. Passed counts
    until `expires_at`, or for good; lifted says that nobody asks for it any more. `reason` is told to the creator: an
    operator's words, or a code of words.py. `reference` is the checker's own name for what it found, `by` who said so.
    """

    class Kind(models.TextChoices):
        """What is checked."""

        IDENTITY = "identity", "identity"
        SANCTIONS = "sanctions", "sanctions"

    class State(models.TextChoices):
        """How it stands."""

        NEEDED = "needed", "needed"
        PENDING = "pending", "pending"
        PASSED = "passed", "passed"
        FAILED = "failed", "failed"
        LIFTED = "lifted", "lifted"

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=9, choices=Kind)
    state = models.CharField(max_length=7, choices=State)
    reason = models.CharField(max_length=400, blank=True)
    reference = models.CharField(max_length=200, blank=True)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payouts_creator_check"
        indexes = [models.Index(fields=["creator", "kind", "-id"], name="payouts_check_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=["identity", "sanctions"],
                    state__in=["needed", "pending", "passed", "failed", "lifted"],
                ),
                name="payouts_check_known",
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(state="passed", expires_at__gt=models.F("at")),
                name="payouts_check_expires_when_passed",
            ),
            models.CheckConstraint(condition=~Q(by=""), name="payouts_check_says_who"),
            models.CheckConstraint(condition=~Q(state="failed", reason=""), name="payouts_check_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.creator_id}: {self.state}"
