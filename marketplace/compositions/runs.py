"""What providers were asked to make, and what came of it: intent, call, outcome; rows are only added."""

import uuid

from django.db import models
from django.db.models import Q

from assets.models import Blob
from marketplace.people.models import Person, Studio


class Run(models.Model):
    """A lock whose layers are services, on its way to be one picture."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lock = models.ForeignKey("compositions.RecipeLock", on_delete=models.PROTECT, related_name="runs")
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="runs")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=200)
    started_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["studio", "idempotency_key"], name="compositions_key_starts_one_run")
        ]
        indexes = [models.Index(fields=["studio", "-started_at", "-id"], name="compositions_runs_of_studio")]

    def __str__(self) -> str:
        return str(self.id)


class ServiceCall(models.Model):
    """We are about to ask a provider for a layer, with this key; committed before the call.

    `inputs` is what the request is made of, `deadline_at` when we stop waiting.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="calls")
    position = models.PositiveSmallIntegerField()
    layer = models.CharField(max_length=64)
    release = models.ForeignKey("catalog.Release", on_delete=models.PROTECT, related_name="+")
    endpoint = models.CharField(max_length=500)
    key = models.CharField(max_length=80, unique=True)
    inputs = models.JSONField()
    called_at = models.DateTimeField()
    deadline_at = models.DateTimeField()

    class Meta:
        ordering = ["run", "position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="compositions_layer_is_asked_once")]
        indexes = [models.Index(fields=["release", "-called_at"], name="compositions_calls_of_release")]

    def __str__(self) -> str:
        return self.key


class ServiceJob(models.Model):
    """The provider took the call on, and calls it so."""

    call = models.OneToOneField(ServiceCall, on_delete=models.PROTECT, primary_key=True, related_name="job")
    reference = models.CharField(max_length=200)
    accepted_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.reference


class ServiceOutcome(models.Model):
    """What came of a call: a picture whose bytes are what the provider's digest says, or why there is none."""

    MADE, FAILED = "made", "failed"

    call = models.OneToOneField(ServiceCall, on_delete=models.PROTECT, primary_key=True, related_name="outcome")
    outcome = models.CharField(max_length=6)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="made", blob__isnull=False, code="")
                | (Q(outcome="failed", blob=None) & ~Q(code="")),
                name="compositions_service_outcome",
            )
        ]

    def __str__(self) -> str:
        return f"{self.call_id} {self.outcome}"


class RunOutcome(models.Model):
    """What came of a run: the picture made of all layers, or the layer that failed it and why."""

    MADE, FAILED = "made", "failed"

    run = models.OneToOneField(Run, on_delete=models.PROTECT, primary_key=True, related_name="outcome")
    outcome = models.CharField(max_length=6)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    layer = models.CharField(max_length=64, blank=True)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="made", blob__isnull=False, code="")
                | (Q(outcome="failed", blob=None) & ~Q(code="")),
                name="compositions_run_outcome",
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.outcome}"
