"""What creators say for the tax office, sealed: one more table of models.py."""

from django.db import models
from django.db.models import Q


class TaxDetails(models.Model):
    """One version of what a creator says for the tax office; the newest counts.

    Kind and country are in the clear, because reports are chosen by them; everything else is in `sealed`, which
    nobody reads without the key that is not in the database (tax_sealing.py).
    """

    INDIVIDUAL, ENTITY = "individual", "entity"

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=[(INDIVIDUAL, "individual"), (ENTITY, "entity")])
    country = models.CharField(max_length=2)
    sealed = models.BinaryField()
    told_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_tax_details"
        indexes = [models.Index(fields=["creator", "-id"], name="payouts_tax_details_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["individual", "entity"]), name="payouts_tax_kind_known"),
            models.CheckConstraint(condition=Q(country__regex="^[A-Z]{2}$"), name="payouts_tax_country_is_a_code"),
        ]

    def __str__(self) -> str:
        return f"tax details {self.pk}"
