"""What is bargained for: discount codes, several offers at one price, quotes. More tables of models.py."""

import uuid

from django.db import models
from django.db.models import Q

from marketplace.people.models import Creator, Person, Studio


class DiscountCode(models.Model):
    """Words that take something off a creator's prices: a part of them, or an amount in one currency.

    It is about everything the creator owns, or only about a pack or an offer. Uses are counted where orders are.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    creator = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="discount_codes")
    code = models.CharField(max_length=32)
    percent_ppb = models.BigIntegerField(default=0)
    amount_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    pack = models.ForeignKey("catalog.Pack", on_delete=models.PROTECT, null=True, related_name="+")
    offer = models.ForeignKey("licensing.Offer", on_delete=models.PROTECT, null=True, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    most_uses = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["creator", "code"], name="licensing_code_is_said_once"),
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9-]{3,32}$"), name="licensing_code_is_readable"),
            models.CheckConstraint(
                condition=Q(percent_ppb__gte=1, percent_ppb__lte=1_000_000_000, amount_minor=0, currency="")
                | Q(percent_ppb=0, amount_minor__gte=1, currency__regex=r"^[A-Z]{3}$"),
                name="licensing_code_takes_a_part_or_an_amount",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=models.F("starts_at")), name="licensing_code_has_a_time"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class DiscountCodeEnd(models.Model):
    """From here on a code takes nothing off."""

    code = models.OneToOneField(DiscountCode, on_delete=models.PROTECT, primary_key=True, related_name="end")
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.code_id)


class Collection(models.Model):
    """Several offers of one owner at one price, such as a world with all its packs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    creator = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="collections")
    title = models.JSONField()
    price_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="licensing_collection_price_is_not_negative")
        ]

    def __str__(self) -> str:
        return str(self.id)


class CollectionItem(models.Model):
    """One of the offers."""

    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveSmallIntegerField()
    offer = models.ForeignKey("licensing.Offer", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "position"], name="licensing_items_are_numbered"),
            models.UniqueConstraint(fields=["collection", "offer"], name="licensing_item_is_there_once"),
        ]

    def __str__(self) -> str:
        return f"{self.collection_id} {self.position}"


class CollectionWithdrawal(models.Model):
    """From here on a collection is not sold; its offers may be."""

    collection = models.OneToOneField(Collection, on_delete=models.PROTECT, primary_key=True, related_name="withdrawal")
    withdrawn_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.collection_id)


class QuoteRequest(models.Model):
    """A studio asks for a price of an offer that is on request; its steps say what became of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    offer = models.ForeignKey("licensing.Offer", on_delete=models.PROTECT, related_name="quote_requests")
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="quote_requests")
    project = models.ForeignKey("licensing.Project", on_delete=models.PROTECT, null=True, related_name="+")
    seats = models.PositiveIntegerField(default=1)
    message = models.CharField(max_length=2000, blank=True)
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()

    class Meta:
        ordering = ["-asked_at", "id"]
        indexes = [models.Index(fields=["studio", "-asked_at", "-id"], name="licensing_quotes_of_studio")]

    def __str__(self) -> str:
        return str(self.id)


class QuoteStep(models.Model):
    """A price from one side, or its answer to the other's; the newest step counts."""

    CREATOR, STUDIO = "creator", "studio"
    PRICE, ACCEPT, DECLINE = "price", "accept", "decline"

    request = models.ForeignKey(QuoteRequest, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveSmallIntegerField()
    side = models.CharField(max_length=8)
    kind = models.CharField(max_length=8)
    price_minor = models.BigIntegerField(null=True)
    seats = models.PositiveIntegerField(null=True)
    message = models.CharField(max_length=2000, blank=True)
    valid_until = models.DateTimeField(null=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="licensing_quote_steps_are_numbered"),
            models.CheckConstraint(condition=Q(side__in=["creator", "studio"]), name="licensing_quote_side_is_known"),
            models.CheckConstraint(
                condition=Q(kind="price", price_minor__gte=0, valid_until__isnull=False)
                | Q(kind__in=["accept", "decline"], price_minor=None, seats=None, valid_until=None),
                name="licensing_quote_step_is_a_price_or_an_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.number}"
