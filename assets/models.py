"""Bytes that were admitted, what inspection found in them, and the previews made of them: rows only added."""

import uuid

from django.db import models


class Blob(models.Model):
    """Bytes in storage, named by their SHA-256 in lower-case hex."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size_bytes = models.BigIntegerField()
    stored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$"), name="assets_blob_named_by_sha256"
            ),
            models.CheckConstraint(condition=models.Q(size_bytes__gt=0), name="assets_blob_not_empty"),
        ]

    def __str__(self) -> str:
        return self.sha256


class Asset(models.Model):
    """A blob that passed inspection as one media type. `facts` is docs/formats/asset-facts.md.

    The same bytes are two assets only when they passed as two types, a list of strings as text and as JSON.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="assets")
    media_type = models.CharField(max_length=100)
    facts = models.JSONField()
    inspected_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["blob", "media_type"], name="assets_asset_once_a_type"),
        ]

    def __str__(self) -> str:
        return f"{self.media_type} {self.blob_id[:12]}"


class PreviewImage(models.Model):
    """A picture's WebP copy for pages. `width` is the copy's own, in pixels."""

    id = models.BigAutoField(primary_key=True)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="previews")
    width = models.PositiveIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "width"], name="assets_preview_once_a_width"),
            models.CheckConstraint(condition=models.Q(width__gt=0), name="assets_preview_has_width"),
        ]

    def __str__(self) -> str:
        return f"{self.width} px of {self.asset_id}"
