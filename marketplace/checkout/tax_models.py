"""Taxes, who sells, and who pays: more tables of models.py. Rows are added, never edited; the newest counts."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from marketplace.people.models import Person, Studio

_COUNTRY = r"^[A-Z]{2}$"


class TaxRate(models.Model):
    """A tax of a place from a day on. `region` rows come on top of their country's, or `instead` of them.

    `source` says where the rate stands; a rate of 0 ends what came before under the same name.
    """

    country = models.CharField(max_length=2)
    region = models.CharField(max_length=10, blank=True)
    name = models.CharField(max_length=40)
    rate_ppb = models.BigIntegerField()
    instead = models.BooleanField(default=False)
    valid_from = models.DateTimeField()
    source = models.CharField(max_length=200)
    by = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(country__regex=_COUNTRY), name="checkout_rate_of_a_country"),
            models.CheckConstraint(condition=Q(region__regex=r"^[A-Z0-9]{0,3}$"), name="checkout_rate_of_a_region"),
            models.CheckConstraint(
                condition=Q(rate_ppb__gte=0, rate_ppb__lte=1_000_000_000), name="checkout_rate_is_a_part"
            ),
            models.CheckConstraint(condition=~Q(name="") & ~Q(source=""), name="checkout_rate_has_a_source"),
        ]
        indexes = [models.Index(fields=["country", "region", "name", "-valid_from"], name="checkout_rates")]

    def __str__(self) -> str:
        return f"{self.jurisdiction} {self.name} {self.rate_ppb} ppb"

    @property
    def jurisdiction(self) -> str:
        """The place as ISO 3166 writes it."""
        return f"{self.country}-{self.region}" if self.region else self.country


class SellerOfRecord(models.Model):
    """Who sells, at law, and writes the invoices: the newest row of a `code` that is valid counts.

    `address` has a line each, `tax_ids` what stands on the papers ("VAT DE123456788"). Papers are numbered by code,
    and their printed numbers begin with `prefix`.
    """

    DEFAULT = "default"

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    address = ArrayField(models.CharField(max_length=200), default=list)
    country = models.CharField(max_length=2, blank=True)
    tax_ids = ArrayField(models.CharField(max_length=80), default=list)
    prefix = models.CharField(max_length=12)
    prices_include_tax = models.BooleanField(default=False)
    valid_from = models.DateTimeField()
    by = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"), name="checkout_seller_has_a_code"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="checkout_seller_has_a_name"),
            models.CheckConstraint(condition=Q(country__regex=r"^([A-Z]{2})?$"), name="checkout_seller_of_a_country"),
            models.CheckConstraint(condition=Q(prefix__regex=r"^[A-Z0-9]{1,12}$"), name="checkout_seller_has_a_prefix"),
        ]
        indexes = [models.Index(fields=["code", "-valid_from", "-id"], name="checkout_sellers")]

    def __str__(self) -> str:
        return f"{self.code}: {self.name}"


class SellerPlace(models.Model):
    """Which seller sells to buyers of a country from a moment on; elsewhere the default one does."""

    country = models.CharField(max_length=2)
    code = models.CharField(max_length=40)
    valid_from = models.DateTimeField()
    by = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(country__regex=_COUNTRY), name="checkout_seller_place_is_a_country")
        ]
        indexes = [models.Index(fields=["country", "-valid_from", "-id"], name="checkout_seller_places")]

    def __str__(self) -> str:
        return f"{self.country}: {self.code}"


class BillingDetails(models.Model):
    """Who a studio's papers are made out to, and where it is; the newest row counts.

    Only the country is needed; with name, street and city an invoice can be made out. `vat_id` is in its one form.
    """

    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="billing_details")
    name = models.CharField(max_length=200, blank=True)
    street = models.CharField(max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=10, blank=True)
    country = models.CharField(max_length=2)
    vat_id = models.CharField(max_length=20, blank=True)
    email = models.EmailField(blank=True)
    reference = models.CharField(max_length=80, blank=True)
    said_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    said_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(country__regex=_COUNTRY), name="checkout_billed_in_a_country")
        ]

    def __str__(self) -> str:
        return f"{self.name or self.studio_id} ({self.country})"

    @property
    def is_whole(self) -> bool:
        """Whether an invoice can be made out to it."""
        return bool(self.name and self.street and self.city)


class OrderTaxation(models.Model):
    """Who sold an order to whom, by which taxes: fixed when it was placed. `answer` is what a service said."""

    order = models.OneToOneField("checkout.Order", models.PROTECT, primary_key=True, related_name="taxation")
    seller = models.ForeignKey(SellerOfRecord, on_delete=models.PROTECT, related_name="+")
    details = models.ForeignKey(BillingDetails, on_delete=models.PROTECT, null=True, related_name="+")
    service = models.CharField(max_length=40)
    country = models.CharField(max_length=2)
    region = models.CharField(max_length=10, blank=True)
    vat_id = models.CharField(max_length=20, blank=True)
    answer = models.JSONField(null=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.order_id} {self.country}"


class OrderTax(models.Model):
    """One tax on one line of an order; together they are the line's `tax_minor`, which the database holds."""

    line = models.ForeignKey("checkout.OrderLine", on_delete=models.PROTECT, related_name="taxes")
    position = models.PositiveSmallIntegerField()
    jurisdiction = models.CharField(max_length=40)
    name = models.CharField(max_length=40)
    rate_ppb = models.BigIntegerField()
    base_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    reason = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ["line", "position"]
        constraints = [
            models.UniqueConstraint(fields=["line", "position"], name="checkout_tax_has_its_place"),
            models.CheckConstraint(
                condition=Q(tax_minor__gte=0, base_minor__gte=0, rate_ppb__gte=0),
                name="checkout_tax_is_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(reason="") | Q(tax_minor=0, reason__in=["reverse-charge", "outside-scope", "exempt"]),
                name="checkout_untaxed_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} {self.jurisdiction} {self.tax_minor}"
