"""Submissions on their way to becoming releases, and claims: who says what about whose work, fact by fact."""

import uuid

from django.db import models
from django.db.models import F, Q

from assets.models import Asset, Upload
from marketplace.catalog.models import Release
from marketplace.people.models import Creator, Person


class Submission(models.Model):
    """A draft and its files, handed in. `pack` is the draft as rules.write_pack writes it.

    `marketplace.intake.examining` alone moves `state` on. What is `by_hand` is published by the command that handed it
    in, and taken back should that be killed. `findings` are those of the last refusal or of a check that did not
    finish, `likenesses` what the comparison found, each with what became of it (docs/originality.md).
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        UNFINISHED = "unfinished", "unfinished"
        REFUSED = "refused", "refused"
        HELD = "held", "held"
        TO_SIGN = "to-sign", "to be signed"
        PUBLISHED = "published", "published"
        WITHDRAWN = "withdrawn", "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    creator = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="submissions")
    pack = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    findings = models.JSONField(default=list)
    likenesses = models.JSONField(default=list)
    attempts = models.PositiveSmallIntegerField(default=0)
    by_hand = models.BooleanField(default=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="+")
    submitted_at = models.DateTimeField()
    next_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=["waiting", "unfinished", "refused", "held", "to-sign", "published", "withdrawn"]
                ),
                name="intake_submission_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="published", release__isnull=False) | ~Q(state="published") & Q(release=None),
                name="intake_published_has_a_release",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["refused", "unfinished"]) | ~Q(findings=[]),
                name="intake_refused_has_findings",
            ),
        ]
        indexes = [
            models.Index(fields=["creator", "-submitted_at", "id"], name="intake_submission_by_creator"),
            models.Index(
                fields=["next_at", "id"], condition=Q(state__in=["waiting", "unfinished"]), name="intake_submission_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.creator}/{self.pack.get('handle')}@{self.pack.get('version')}"


class SubmittedFile(models.Model):
    """A file of a submission under its path in the release. The upload is gone once its bytes are published."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=200)
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, null=True, related_name="+")
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "path"], name="intake_path_is_unique_in_submission"),
        ]

    def __str__(self) -> str:
        return self.path


class Claim(models.Model):
    """A creator's published asset was found again in what somebody else hands in or has published.

    `claimant` published `asset` first; `respondent` hands `disputed_sha256` in, with `submission`, or has published it,
    in `release`. What happened to the claim is its events, the state is what they add up to (rules of claims.py).
    """

    MATCH, REPORT = "match", "report"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    origin = models.CharField(max_length=8)
    claimant = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="claims_made")
    respondent = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="claims_against")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    claimed_release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    claimed_path = models.CharField(max_length=200)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, null=True, related_name="claims")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="claims")
    disputed_sha256 = models.CharField(max_length=64)
    disputed_path = models.CharField(max_length=200)
    relation = models.CharField(max_length=20)
    score_ppm = models.PositiveIntegerField()
    evidence = models.JSONField()
    evidence_sha256 = models.CharField(max_length=64)
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(origin__in=["match", "report"]), name="intake_claim_origin_is_known"),
            models.CheckConstraint(condition=~Q(claimant=F("respondent")), name="intake_claim_is_between_two"),
            models.CheckConstraint(
                condition=Q(submission__isnull=False, release=None) | Q(submission=None, release__isnull=False),
                name="intake_claim_about_one_thing",
            ),
            models.CheckConstraint(condition=Q(score_ppm__lte=1_000_000), name="intake_claim_score_is_a_part"),
            models.UniqueConstraint(
                fields=["submission", "asset", "disputed_sha256"], name="intake_claim_once_a_submission"
            ),
            models.UniqueConstraint(fields=["release", "asset", "disputed_sha256"], name="intake_claim_once_a_release"),
        ]
        indexes = [models.Index(fields=["disputed_sha256"], name="intake_claim_by_disputed")]

    def __str__(self) -> str:
        return f"{self.claimant} against {self.respondent}: {self.disputed_path}"


class ClaimEvent(models.Model):
    """Something that happened to a claim; an event with `due_at` starts a clock. Rows are only added."""

    class Kind(models.TextChoices):
        OPENED = "opened", "opened"
        COUNTERED = "countered", "counter-notice"
        MAINTAINED = "maintained", "maintained"
        ACCEPTED = "accepted", "accepted by the respondent"
        WITHDRAWN = "withdrawn", "withdrawn by the claimant"
        UPHELD = "upheld", "upheld"
        DISMISSED = "dismissed", "dismissed"

    ENDINGS = ("accepted", "withdrawn", "upheld", "dismissed")

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    statement = models.CharField(max_length=2000, blank=True, default="")
    at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["claim", "kind"], name="intake_claim_event_once"),
            models.UniqueConstraint(
                fields=["claim"],
                condition=Q(kind__in=["accepted", "withdrawn", "upheld", "dismissed"]),
                name="intake_claim_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["opened", "countered", "maintained", "accepted", "withdrawn", "upheld", "dismissed"]
                ),
                name="intake_claim_event_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["countered", "maintained"]) | ~Q(statement=""),
                name="intake_claim_event_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.claim_id}"
