"""What uses of recipes cost, month by month, and the quotes that recipes were given; rows are only added."""

import uuid

from django.db import models
from django.db.models import F, Q

from marketplace.catalog.models import Release
from marketplace.compositions.models import Recipe
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer, OfferPrice
from marketplace.payouts.models import Split
from marketplace.people.models import Creator, Person, Studio


class UsageCharge(models.Model):
    """What the uses of one metered license in one month cost.

    `quantity` units at `unit_minor` are `used_minor`; the price's minimum and cap of a month make `amount_minor` of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="usage_charges")
    month = models.DateField()
    unit = models.CharField(max_length=40)
    events = models.BigIntegerField()
    quantity = models.BigIntegerField()
    unit_minor = models.BigIntegerField()
    used_minor = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    price = models.ForeignKey(OfferPrice, on_delete=models.PROTECT, related_name="+")
    rated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["grant", "month"], name="checkout_month_is_rated_once"),
            models.CheckConstraint(
                condition=Q(events__gte=0, quantity__gte=0, unit_minor__gte=0, amount_minor__gte=0)
                & Q(used_minor=F("quantity") * F("unit_minor")),
                name="checkout_charge_adds_up",
            ),
        ]
        indexes = [models.Index(fields=["month"], name="checkout_charges_by_month")]

    def __str__(self) -> str:
        return f"{self.amount_minor} for {self.grant_id} in {self.month:%Y-%m}"


class UsageChargeLine(models.Model):
    """One sale in a charge: the license's own, a fee that a composition's contract gives a layer, or the pool after it.

    The lines of a charge add up to its amount; `split` says who earns `amount_minor` less `fee_minor`.
    """

    LICENSE, CONTRACT, POOL = "license", "contract", "pool"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charge = models.ForeignKey(UsageCharge, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    split = models.ForeignKey(Split, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()

    class Meta:
        ordering = ["charge", "position"]
        constraints = [
            models.UniqueConstraint(fields=["charge", "position"], name="checkout_charge_lines_are_numbered"),
            models.CheckConstraint(condition=Q(kind__in=["license", "contract", "pool"]), name="checkout_charge_kind"),
            models.CheckConstraint(
                condition=Q(fee_minor__gte=0, fee_minor__lte=F("amount_minor")), name="checkout_charge_fee_is_part"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_minor}"


class UsageRoyalty(models.Model):
    """What one payee is to earn from a line when its bill is paid; a line's add up to its amount less the fee."""

    line = models.ForeignKey(UsageChargeLine, on_delete=models.PROTECT, related_name="royalties")
    payee = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="+")
    share_ppb = models.BigIntegerField()
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["line", "payee"], name="checkout_royalty_once"),
            models.CheckConstraint(condition=Q(amount_minor__gte=0), name="checkout_royalty_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} to {self.payee_id}"


class RecipeQuote(models.Model):
    """What all that a recipe lacks would cost, kept for half an hour: at these prices it can be bought, or not at all.

    `document` is the recipe's, `use` what the studio wants to do with it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="recipe_quotes")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, related_name="recipe_quotes")
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, null=True, related_name="quotes")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    document = models.BinaryField()
    use = models.JSONField()
    quoted_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("quoted_at")), name="checkout_recipe_quote_has_a_time")
        ]
        indexes = [models.Index(fields=["studio", "-quoted_at", "-id"], name="checkout_recipe_quotes_of")]

    def __str__(self) -> str:
        return str(self.id)


class RecipeQuoteLine(models.Model):
    """One license in a quote, at the price that it was quoted at; `layers` are those that it is for."""

    quote = models.ForeignKey(RecipeQuote, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="+")
    layers = models.JSONField()
    seats = models.PositiveIntegerField(default=0)
    price_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        ordering = ["quote", "position"]
        constraints = [
            models.UniqueConstraint(fields=["quote", "offer"], name="checkout_offer_is_quoted_once"),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="checkout_quoted_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.price_minor} for {self.offer_id}"
