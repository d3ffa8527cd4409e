"""Bytes that were admitted, what inspection found in them, their previews and fingerprints: rows only added.

Uploads, bytes on their way in, are the exception: they move on, and are deleted when they were published, aborted or
have expired.
"""

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
    """A copy for pages, as WebP and as AVIF. `width` and `height` are the copy's own, in pixels.

    `color_field` is twelve RRGGBB colors, four a row in three rows, that stand in until the picture has loaded.
    """

    WEBP, AVIF = "image/webp", "image/avif"

    id = models.BigAutoField(primary_key=True)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="previews")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField(default=0)
    media_type = models.CharField(max_length=20, default=WEBP)
    color_field = models.CharField(max_length=72, blank=True, default="")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "width", "media_type"], name="assets_preview_once_a_width"),
            models.CheckConstraint(condition=models.Q(width__gt=0), name="assets_preview_has_width"),
            models.CheckConstraint(
                condition=models.Q(media_type__in=["image/webp", "image/avif"]), name="assets_preview_type_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(color_field__regex=r"^([0-9a-f]{72})?$"), name="assets_preview_color_field"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.width} px of {self.asset_id}"


class Fingerprint(models.Model):
    """What a look-alike is recognised by. `member` is the path inside an archive, else empty.

    `kind` is one of assets.originality.base.KINDS, `value` as docs/originality.md lays it out.
    """

    id = models.BigAutoField(primary_key=True)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="fingerprints", db_index=False)
    member = models.CharField(max_length=300, blank=True, default="")
    kind = models.CharField(max_length=24)
    value = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "member", "kind"], name="assets_fingerprint_once_a_kind"),
        ]
        indexes = [models.Index(fields=["kind", "id"], name="assets_fingerprint_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.asset_id}"


class Upload(models.Model):
    """A file on its way in, which only its owner can continue, finish or abort.

    `offset_bytes` is what has been acknowledged; `digest_state` is the SHA-256 after that many bytes
    (assets/uploads/resumable.py). `metadata` is what its client said of it, word for word, to be told again. `writer`
    is the fence: whoever set it last may write. `sha256` is known when all bytes are here. `place` is where its storage
    keeps it, or empty when the bytes are those of `blob`, linked.
    """

    WHOLE, PARTIAL, FINAL = "whole", "partial", "final"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=300)
    metadata = models.TextField(blank=True, default="")
    concatenation = models.CharField(max_length=8, default=WHOLE)
    size_bytes = models.BigIntegerField()
    offset_bytes = models.BigIntegerField(default=0)
    digest_state = models.BinaryField(default=b"")
    writer = models.UUIDField(default=uuid.uuid4)
    place = models.CharField(max_length=300, blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    touched_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(offset_bytes__gte=0, offset_bytes__lte=models.F("size_bytes")),
                name="assets_upload_offset_within_size",
            ),
            models.CheckConstraint(condition=models.Q(sha256__regex=r"^([0-9a-f]{64})?$"), name="assets_upload_sha256"),
            models.CheckConstraint(
                condition=models.Q(sha256="") | models.Q(offset_bytes=models.F("size_bytes")),
                name="assets_upload_digest_of_all",
            ),
            models.CheckConstraint(
                condition=models.Q(concatenation__in=["whole", "partial", "final"]),
                name="assets_upload_concatenation_is_known",
            ),
        ]
        indexes = [models.Index(fields=["owner", "-created_at", "id"], name="assets_upload_by_owner")]

    def __str__(self) -> str:
        return f"{self.name} {self.offset_bytes}/{self.size_bytes}"


class UploadInspection(models.Model):
    """What became of an upload's inspection; assets.keeping.inspecting alone writes it.

    `unfinished` is an inspector that crashed or ran out of time or memory: tried again, never a pass.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        UNFINISHED = "unfinished", "unfinished"
        PASSED = "passed", "passed"
        REFUSED = "refused", "refused"

    upload = models.OneToOneField(Upload, on_delete=models.CASCADE, primary_key=True, related_name="inspection")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    media_type = models.CharField(max_length=100, blank=True, default="")
    facts = models.JSONField(null=True)
    fingerprints = models.JSONField(null=True)
    findings = models.JSONField(default=list)
    next_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "unfinished", "passed", "refused"]),
                name="assets_inspection_state_is_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="passed")
                | models.Q(facts__isnull=False, fingerprints__isnull=False, findings=[]),
                name="assets_inspection_passed_without_findings",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["refused", "unfinished"]) | ~models.Q(findings=[]),
                name="assets_inspection_refused_with_findings",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.upload_id}"
