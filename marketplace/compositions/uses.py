"""What was made with recipes: the keys that say so, and each use that was said; rows are only added."""

import uuid

from django.db import models
from django.db.models import Q

from marketplace.people.models import Person, Studio


class UsageKey(models.Model):
    """A key of a studio's own renderers, Ed25519; `kid` is its thumbprint (RFC 7638), `public_key` its 32 bytes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="usage_keys")
    kid = models.CharField(max_length=43, unique=True)
    name = models.CharField(max_length=80)
    public_key = models.BinaryField()
    added_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} of {self.studio_id}"


class UsageKeyEnd(models.Model):
    """From here on nothing that the key signs counts."""

    key = models.OneToOneField(UsageKey, on_delete=models.PROTECT, primary_key=True, related_name="end")
    ended_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.key_id)


class UsageBatch(models.Model):
    """Uses that came together, under one signature or from the site's own hand; `sha256` is of what was signed."""

    API, RUNNER, UPLOAD = "api", "runner", "upload"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="usage_batches")
    source = models.CharField(max_length=6)
    key = models.ForeignKey(UsageKey, on_delete=models.PROTECT, null=True, related_name="batches")
    said_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    sha256 = models.CharField(max_length=64)
    signature = models.BinaryField(default=b"")
    events = models.PositiveIntegerField()
    counted = models.PositiveIntegerField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["studio", "sha256"], name="compositions_batch_comes_once"),
            models.CheckConstraint(condition=Q(source__in=["api", "runner", "upload"]), name="compositions_use_source"),
            models.CheckConstraint(
                condition=Q(source="api", key__isnull=False) | (~Q(source="api") & Q(key=None)),
                name="compositions_use_is_signed",
            ),
        ]
        indexes = [models.Index(fields=["studio", "-received_at", "-id"], name="compositions_batches_of_studio")]

    def __str__(self) -> str:
        return f"{self.counted} uses of {self.studio_id}"


class UsageEvent(models.Model):
    """One use of a lock. `content` is the SHA-256 of what was said, so that a nonce cannot say two things.

    `counts` are units by their names, as `{"image": 4}`; `outputs` the SHA-256 of what was made, one behind the other.
    `month` is that of `received_at` in UTC, the first day of it: the one it is billed in.
    """

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(UsageBatch, on_delete=models.PROTECT, related_name="uses", db_index=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="+", db_index=False)
    lock = models.ForeignKey("compositions.RecipeLock", on_delete=models.PROTECT, related_name="uses", db_index=False)
    nonce = models.UUIDField()
    content = models.BinaryField()
    counts = models.JSONField()
    outputs = models.BinaryField(default=b"")
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()
    month = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["studio", "nonce"], name="compositions_use_is_counted_once"),
        ]
        indexes = [
            models.Index(fields=["month", "lock"], name="compositions_uses_by_month"),
            models.Index(fields=["studio", "-received_at", "-nonce"], name="compositions_uses_of_studio"),
            models.Index(fields=["lock", "-received_at", "-nonce"], name="compositions_uses_of_recipe"),
        ]

    def __str__(self) -> str:
        return f"{self.nonce} of {self.lock_id}"
