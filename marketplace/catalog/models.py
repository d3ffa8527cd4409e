"""Packs, their immutable releases, and how they are found."""

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func, Q, Value

from assets.models import Asset
from marketplace.catalog import token_models as token_models  # more tables of this app, found by being imported here
from marketplace.catalog.rules import AI_TRAINING, ELEMENT_KINDS, MADE_BY, PACK_KINDS, WHOLE_PPB
from marketplace.payouts.divisions import Division
from marketplace.payouts.models import Split
from marketplace.payouts.splitting import MODES, RELATIVE
from marketplace.people.models import Creator


class Pack(models.Model):
    """The product: a name under which releases appear.

    Its address stays that of its `creator`; its `owner`, at first the creator, publishes further releases and sells.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    creator = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="packs")
    owner = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="owned_packs")
    handle = models.CharField(max_length=40)
    kind = models.CharField(max_length=12)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["creator", "handle"], name="catalog_pack_handle_is_unique"),
            models.CheckConstraint(condition=Q(kind__in=PACK_KINDS), name="catalog_pack_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.creator.handle}/{self.handle}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write it; whoever creates a pack owns it, as a trigger says too."""
        if self.owner_id is None:
            self.owner_id = self.creator_id
        super().save(*args, **kwargs)


class Release(models.Model):
    """One immutable version of a pack; the manifest's bytes are what was hashed, stated and sold.

    `division` says what the split is made of where absolute shares reach the release, and is null elsewhere.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pack = models.ForeignKey(Pack, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=32)
    digest = models.CharField(max_length=64, unique=True)
    manifest = models.BinaryField()
    split = models.ForeignKey(Split, on_delete=models.PROTECT, related_name="+")
    division = models.ForeignKey(Division, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    title = models.JSONField()
    summary = models.JSONField()
    tags = ArrayField(models.CharField(max_length=40), default=list)
    base_model = models.CharField(max_length=12, blank=True)
    made_by = models.CharField(max_length=12)
    ai_training = models.CharField(max_length=16)
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pack", "version"], name="catalog_version_is_published_once"),
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="catalog_release_digest_is_hex"),
            models.CheckConstraint(condition=Q(made_by__in=MADE_BY), name="catalog_made_by_is_known"),
            models.CheckConstraint(condition=Q(ai_training__in=AI_TRAINING), name="catalog_ai_training_is_known"),
        ]
        indexes = [models.Index(fields=["-published_at", "-id"], name="catalog_release_newest")]

    def __str__(self) -> str:
        return f"{self.pack}@{self.version}"


class ReleaseAsset(models.Model):
    """An asset under its path in a release."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="assets")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    path = models.CharField(max_length=200)
    role = models.CharField(max_length=8)
    is_cover = models.BooleanField(default=False)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["release", "path"], name="catalog_path_is_unique_in_release"),
            models.UniqueConstraint(
                fields=["release"], condition=Q(is_cover=True), name="catalog_release_has_one_cover"
            ),
            models.CheckConstraint(condition=Q(role__in=["content", "preview"]), name="catalog_file_role_is_known"),
            models.CheckConstraint(condition=Q(is_cover=False) | Q(role="preview"), name="catalog_cover_is_a_preview"),
        ]
        indexes = [
            # By its name without folders, which is all that other tools keep of it.
            models.Index(
                Func(F("path"), Value("^.*/"), Value(""), function="regexp_replace"), name="catalog_file_names"
            ),
        ]

    def __str__(self) -> str:
        return self.path


class Element(models.Model):
    """A thing in a release: a character, a creature, a plant, a landform, a scene, a style, a model and so on."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="elements")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    kind = models.CharField(max_length=12)
    title = models.JSONField()
    triggers = ArrayField(models.CharField(max_length=80), default=list)
    paths = ArrayField(models.CharField(max_length=200), default=list)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["release", "name"], name="catalog_element_name_is_unique"),
            models.CheckConstraint(condition=Q(kind__in=ELEMENT_KINDS), name="catalog_element_kind_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Derivation(models.Model):
    """A release owes a parent release a share, relative or absolute. A parent is published first: there is no cycle."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="parents")
    parent = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="children")
    share_ppb = models.BigIntegerField()
    mode = models.CharField(max_length=8, default=RELATIVE, db_default=RELATIVE)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["release", "parent"], name="catalog_parent_is_named_once"),
            models.CheckConstraint(condition=Q(mode__in=MODES), name="catalog_share_mode_is_known"),
            models.CheckConstraint(
                condition=Q(share_ppb__gte=1) & Q(share_ppb__lt=WHOLE_PPB),
                name="catalog_parent_share_is_a_part",
            ),
            models.CheckConstraint(condition=~Q(release=F("parent")), name="catalog_release_is_not_its_own_parent"),
        ]

    def __str__(self) -> str:
        return f"{self.release_id} from {self.parent_id}"


class Listing(models.Model):
    """How a pack is found now: its newest release. Written anew from facts at will, unlike them."""

    pack = models.OneToOneField(Pack, on_delete=models.CASCADE, primary_key=True, related_name="listing")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12)
    element_kinds = ArrayField(models.CharField(max_length=12), default=list)
    base_model = models.CharField(max_length=12, blank=True)
    ai_training = models.CharField(max_length=16)
    published_at = models.DateTimeField()
    search = SearchVectorField(null=True)

    class Meta:
        indexes = [
            GinIndex(fields=["search"], name="catalog_listing_search"),
            GinIndex(fields=["element_kinds"], name="catalog_listing_elements"),
            models.Index(fields=["-published_at", "-pack"], name="catalog_listing_newest"),
        ]

    def __str__(self) -> str:
        return str(self.release_id)


class TransferProposal(models.Model):
    """That an owner wants to hand a pack over. While it is open, nothing is published into the pack.

    `signatures` are the owner's of each release's `transfer` entry, release → base64url, where the owner's key `kid` is
    their own; a key that is kept signs when the proposal is accepted.
    """

    class State(models.TextChoices):
        OPEN = "open", "open"
        ACCEPTED = "accepted", "accepted"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn"
        EXPIRED = "expired", "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pack = models.ForeignKey(Pack, on_delete=models.PROTECT, related_name="transfer_proposals")
    owner = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="+")
    new_owner = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="+")
    kid = models.CharField(max_length=43, blank=True)
    signatures = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    proposed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pack"], condition=Q(state="open"), name="catalog_pack_has_one_proposal"),
            models.CheckConstraint(condition=~Q(owner=F("new_owner")), name="catalog_proposal_is_to_another"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None)
                | Q(state__in=["accepted", "declined", "withdrawn", "expired"], ended_at__isnull=False),
                name="catalog_proposal_state_is_known",
            ),
        ]
        indexes = [models.Index(fields=["new_owner", "-proposed_at"], name="catalog_proposals_to")]

    def __str__(self) -> str:
        return f"{self.pack_id} to {self.new_owner_id}: {self.state}"


class Transfer(models.Model):
    """That a pack changed hands; the log says it of each of its releases. Rows are only added."""

    proposal = models.OneToOneField(TransferProposal, on_delete=models.PROTECT, primary_key=True)
    pack = models.ForeignKey(Pack, on_delete=models.PROTECT, related_name="transfers")
    owner = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="+")
    new_owner = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="+")
    transferred_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pack_id} from {self.owner_id} to {self.new_owner_id}"
