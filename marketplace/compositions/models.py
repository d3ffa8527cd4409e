"""Recipes that are kept, their locks, and what was made with them.

What was used is in uses.py, what providers were asked for in runs.py.
"""

import uuid

from django.db import models
from django.db.models import Q

from marketplace.catalog.models import Release
from marketplace.compositions import runs as runs  # tables of this app, found by being imported here
from marketplace.compositions import uses as uses
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer
from marketplace.people.models import Person, Studio


class Recipe(models.Model):
    """A recipe that somebody keeps, for themselves or for their studio; its text is the newest RecipeText."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, null=True, related_name="recipes")
    forked_from = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="forks")
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["author", "-created_at", "-id"], name="compositions_recipes_of_author"),
            models.Index(fields=["studio", "-created_at", "-id"], name="compositions_recipes_of_studio"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class RecipeText(models.Model):
    """What a recipe says, and is called, from here on."""

    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, related_name="texts")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=120)
    text = models.TextField()
    written_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["recipe", "number"]
        constraints = [models.UniqueConstraint(fields=["recipe", "number"], name="compositions_texts_are_numbered")]

    def __str__(self) -> str:
        return self.title


class RecipeShare(models.Model):
    """Whoever has the address with this token may read the recipe and fork it, until the share is ended."""

    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, related_name="shares")
    token = models.CharField(max_length=43, unique=True)
    shared_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    shared_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recipe"], condition=Q(ended_at=None), name="compositions_recipe_is_shared_once"
            )
        ]

    def __str__(self) -> str:
        return f"share of {self.recipe_id}"


class RecipeLock(models.Model):
    """A lock by its digest: the recipe's id in tools, pictures and uses. Its document holds all of it."""

    digest = models.CharField(max_length=64, primary_key=True)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="recipe_locks")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, related_name="recipe_locks")
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, null=True, related_name="locks")
    title = models.CharField(max_length=120, blank=True)
    document = models.BinaryField()
    locked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    locked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="compositions_lock_digest_is_hex")
        ]
        indexes = [models.Index(fields=["studio", "-locked_at", "-digest"], name="compositions_locks_of_studio")]

    def __str__(self) -> str:
        return self.digest


class RecipeMask(models.Model):
    """A picture that says where a layer is painted, as 8-bit gray PNG by its SHA-256; `area_ppm` of it is white."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    png = models.BinaryField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    area_ppm = models.PositiveIntegerField()
    added_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(area_ppm__lte=1_000_000), name="compositions_mask_is_within"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="compositions_mask_is_hex"),
        ]

    def __str__(self) -> str:
        return self.sha256


class LockedPack(models.Model):
    """One release in a lock, with the license that covers it; `share_ppb` of a lock add up to the whole."""

    lock = models.ForeignKey(RecipeLock, on_delete=models.PROTECT, related_name="packs")
    position = models.PositiveSmallIntegerField()
    layer = models.CharField(max_length=64)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    element = models.CharField(max_length=40, blank=True)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, null=True, related_name="locked_packs")
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, null=True, related_name="+")
    weight_ppm = models.BigIntegerField()
    share_ppb = models.BigIntegerField()

    class Meta:
        ordering = ["lock", "position"]
        constraints = [
            models.UniqueConstraint(fields=["lock", "position"], name="compositions_packs_are_numbered"),
            models.CheckConstraint(
                condition=Q(share_ppb__gte=0, share_ppb__lte=1_000_000_000), name="compositions_share_is_a_part"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.layer} of {self.lock_id}"
