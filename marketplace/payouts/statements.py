"""What providers settled, which months are closed, what creators were told of them: more tables of models.py."""

from django.db import models
from django.db.models import F, Q


class StatementPeriod(models.Model):
    """One closed month in one currency: its statements cover the postings after `after` up to and with `through`.

    Each period begins where the one before ended, in the order of postings and not of clocks. `root` is the root of
    the tree over its statements, which stands in the log (docs/formats/royalty-statement.md).
    """

    period = models.CharField(max_length=7)
    currency = models.CharField(max_length=3)
    after = models.BigIntegerField()
    through = models.BigIntegerField()
    statements = models.IntegerField()
    root = models.CharField(max_length=64)
    closed_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_statement_period"
        constraints = [
            models.UniqueConstraint(fields=["period", "currency"], name="payouts_period_once"),
            models.CheckConstraint(
                condition=Q(period__regex="^[0-9]{4}-(0[1-9]|1[0-2])$"), name="payouts_period_is_a_month"
            ),
            models.CheckConstraint(
                condition=Q(after__gte=0, through__gte=F("after"), statements__gte=0), name="payouts_period_goes_on"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.currency}"


class Statement(models.Model):
    """What a creator had before a month, what it came to after it, and the leaf that proves it.

    `place` is the leaf's index in the period's tree; `lines` royalty lines are under `lines_root`; `salt` keeps others
    from guessing the leaf. `digest` is SHA-256 of the statement's document.
    """

    period = models.ForeignKey(StatementPeriod, models.PROTECT, related_name="rows")
    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    place = models.IntegerField()
    opening_minor = models.BigIntegerField()
    closing_minor = models.BigIntegerField()
    lines = models.BigIntegerField()
    lines_root = models.CharField(max_length=64)
    salt = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        db_table = "payouts_statement"
        constraints = [
            models.UniqueConstraint(fields=["period", "creator"], name="payouts_statement_once"),
            models.UniqueConstraint(fields=["period", "place"], name="payouts_statement_place_once"),
            models.CheckConstraint(condition=Q(place__gte=0, lines__gte=0), name="payouts_statement_counts"),
        ]

    def __str__(self) -> str:
        return f"statement {self.pk}"


class ProviderSettlement(models.Model):
    """The payment provider settled a sale: what it kept as its fee, and its own name for that."""

    sale = models.OneToOneField("payouts.Sale", models.PROTECT, related_name="provider_settlement")
    fee_minor = models.BigIntegerField()
    reference = models.CharField(max_length=200, unique=True)
    settled_at = models.DateTimeField()
    transaction = models.OneToOneField("payouts.Transaction", models.PROTECT, related_name="+")

    class Meta:
        db_table = "payouts_provider_settlement"
        constraints = [
            models.CheckConstraint(condition=Q(fee_minor__gte=0), name="payouts_provider_fee_not_negative"),
        ]

    def __str__(self) -> str:
        return self.reference
