"""How risky it is to pay a creator early, and what is kept back for it: more tables of models.py."""

from django.db import models
from django.db.models import Q

HIGHEST = 9
"""The riskiest level; 0 is none."""

_KEPT = Q(reserve_ppb=0, reserve_days=0) | Q(reserve_ppb__gte=1, reserve_ppb__lte=1_000_000_000, reserve_days__gte=1)


class RiskLevel(models.Model):
    """From now on, who is so risky, and what is kept back of what they earn; the newest row of a level counts.

    A creator is at a level in a currency where any one of its conditions holds; a condition that is null never does.
    Of what was allocated to them within `window_days`, so much is disputed or was refunded: that counts from
    `least_sales` sales on. At a level, all that the levels below it say holds too: of each number the largest.
    `hold_days` are counted from the allocation, like those of a policy. `reason` is told to the creator.
    """

    level = models.IntegerField()
    days_selling_below = models.IntegerField(null=True)
    days_here_below = models.IntegerField(null=True)
    disputed_ppb_from = models.BigIntegerField(null=True)
    refunded_ppb_from = models.BigIntegerField(null=True)
    window_days = models.IntegerField()
    least_sales = models.IntegerField()
    hold_days = models.IntegerField()
    reserve_ppb = models.BigIntegerField()
    reserve_days = models.IntegerField()
    reason = models.CharField(max_length=400)
    set_by = models.CharField(max_length=200)
    set_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_risk_level"
        indexes = [models.Index(fields=["level", "-id"], name="payouts_risk_level_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(level__gte=1, level__lte=HIGHEST), name="payouts_risk_level_known"),
            models.CheckConstraint(
                condition=Q(window_days__gte=1, least_sales__gte=1, hold_days__gte=0), name="payouts_risk_level_counts"
            ),
            models.CheckConstraint(
                condition=(Q(days_selling_below=None) | Q(days_selling_below__gte=1))
                & (Q(days_here_below=None) | Q(days_here_below__gte=1))
                & (Q(disputed_ppb_from=None) | Q(disputed_ppb_from__gte=1))
                & (Q(refunded_ppb_from=None) | Q(refunded_ppb_from__gte=1)),
                name="payouts_risk_level_conditions",
            ),
            models.CheckConstraint(condition=_KEPT, name="payouts_risk_level_reserve"),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(set_by=""), name="payouts_risk_level_says_why"),
        ]

    def __str__(self) -> str:
        return f"risk level {self.level}"


class RiskSaid(models.Model):
    """An operator says at which level a creator is, whatever the conditions of levels find; the newest row counts.

    0 is none, and null lets the conditions count again. `reason` is told to the creator where it is a level.
    """

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+", db_index=False)
    level = models.IntegerField(null=True)
    reason = models.CharField(max_length=400)
    said_by = models.CharField(max_length=200)
    said_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_risk_said"
        indexes = [models.Index(fields=["creator", "-id"], name="payouts_risk_said_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(level=None) | Q(level__gte=0, level__lte=HIGHEST), name="payouts_risk_said_known"
            ),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(said_by=""), name="payouts_risk_said_says_why"),
        ]

    def __str__(self) -> str:
        return f"risk of {self.creator_id}: {self.level}"


class RiskAssessment(models.Model):
    """At which level a creator is in a currency since a moment, by which numbers, and what is kept back; newest counts.

    The numbers are those of the level's window; amounts in minor units of the currency. `hold_days`, `reserve_ppb`,
    `reserve_days` and `reason` are what the levels said then.
    """

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+", db_index=False)
    currency = models.CharField(max_length=3)
    level = models.IntegerField()
    days_selling = models.IntegerField()
    days_here = models.IntegerField()
    window_days = models.IntegerField()
    sales = models.BigIntegerField()
    earned_minor = models.BigIntegerField()
    disputed_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField()
    hold_days = models.IntegerField()
    reserve_ppb = models.BigIntegerField()
    reserve_days = models.IntegerField()
    reason = models.CharField(max_length=400, blank=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "payouts_risk_assessment"
        indexes = [models.Index(fields=["creator", "currency", "-id"], name="payouts_risk_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(level__gte=0, level__lte=HIGHEST), name="payouts_risk_known"),
            models.CheckConstraint(
                condition=Q(sales__gte=0, earned_minor__gte=0, disputed_minor__gte=0, refunded_minor__gte=0),
                name="payouts_risk_counts",
            ),
            models.CheckConstraint(condition=_KEPT & Q(hold_days__gte=0), name="payouts_risk_reserve"),
            models.CheckConstraint(
                condition=Q(level=0, hold_days=0, reserve_ppb=0, reason="") | (Q(level__gte=1) & ~Q(reason="")),
                name="payouts_risk_keeps_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"level {self.level} of {self.creator_id} in {self.currency}"
