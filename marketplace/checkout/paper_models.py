"""Papers about orders, the numbers that they have, and what is still to be written: more tables of models.py."""

from django.db import models
from django.db.models import Q

from marketplace.checkout.tax_models import BillingDetails, SellerOfRecord
from marketplace.payouts.ids import time_ordered_id
from marketplace.people.models import Person


class Paper(models.Model):
    """An invoice, a receipt, or what corrects one, as it was written: `document` is RFC 8785 JSON and never changes.

    Numbers run from 1 for each seller's code, kind and year (UTC), and `name` is the printed one. `source` is what it
    is about: "order:<id>", "refund:<id>", "dispute:<id>", "refund-failed:<id>", "dispute-back:<id of the step>" of a
    further part that came back, or "invoice:<order's id>" of an invoice that takes the place of the order's receipt.
    The database refuses gaps.
    """

    INVOICE, RECEIPT, CREDIT_NOTE, DEBIT_NOTE = "invoice", "receipt", "credit-note", "debit-note"

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    kind = models.CharField(max_length=12)
    seller = models.ForeignKey(SellerOfRecord, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=40)
    year = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=40, unique=True)
    order = models.ForeignKey("checkout.Order", on_delete=models.PROTECT, related_name="papers")
    source = models.CharField(max_length=80, unique=True)
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="corrections")
    currency = models.CharField(max_length=3)
    gross_minor = models.BigIntegerField()
    document = models.TextField()
    sha256 = models.CharField(max_length=64)
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ["issued_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["code", "kind", "year", "number"], name="checkout_paper_has_its_number"),
            models.CheckConstraint(
                condition=Q(kind__in=["invoice", "receipt"], corrects=None)
                | Q(kind__in=["credit-note", "debit-note"], corrects__isnull=False),
                name="checkout_paper_corrects_another",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="checkout_papers_begin_with_one"),
            models.CheckConstraint(condition=Q(gross_minor__gte=0), name="checkout_paper_is_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name


class PaperCounter(models.Model):
    """The newest number of a seller's papers of a kind in a year; it goes up by one, with the paper that has it."""

    code = models.CharField(max_length=40)
    kind = models.CharField(max_length=12)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code", "kind", "year"], name="checkout_papers_are_counted_once")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.kind} {self.year}: {self.last}"


class PaperDue(models.Model):
    """A paper that is still to be written. The database adds the row with what the paper is about; writing takes it
    out."""

    source = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()
    problem = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["problem", "at"], name="checkout_papers_due")]

    def __str__(self) -> str:
        return self.source


class InvoiceAsked(models.Model):
    """A buyer asks for an invoice in the place of an order's receipt, made out to these details; once for an order."""

    order = models.OneToOneField("checkout.Order", models.PROTECT, primary_key=True, related_name="invoice_asked")
    receipt = models.OneToOneField(Paper, on_delete=models.PROTECT, related_name="invoice_asked")
    details = models.ForeignKey(BillingDetails, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"invoice:{self.order_id}"
