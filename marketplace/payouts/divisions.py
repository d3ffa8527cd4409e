"""How works are divided that absolute shares reach: more tables of models.py, held by 0013_split_claims.

A work without absolute shares needs none of this: its split is its rest. Sales read the final split and nothing here.
"""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Q

from marketplace.payouts.rules import WHOLE_PPB


class Division(models.Model):
    """What a split is made of, under the digest of its own document (docs/formats/split.md).

    Its absolute shares come first and `rest` divides what they leave; together that is `split`.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    split = models.ForeignKey("payouts.Split", models.PROTECT, related_name="+")
    rest = models.ForeignKey("payouts.Split", models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_division"

    def __str__(self) -> str:
        return self.digest


class DivisionShare(models.Model):
    """The absolute share of one work, named as sales name it, in a division; `rest` is how that work divides it."""

    division = models.ForeignKey(Division, models.PROTECT, related_name="absolute", db_index=False)
    subject = models.CharField(max_length=200)
    share_ppb = models.BigIntegerField()
    rest = models.ForeignKey("payouts.Split", models.PROTECT, related_name="+", db_index=False)

    class Meta:
        db_table = "payouts_division_share"
        constraints = [
            models.UniqueConstraint(fields=["division", "subject"], name="payouts_division_names_subject_once"),
            models.CheckConstraint(condition=~Q(subject=""), name="payouts_division_share_says_whose"),
            models.CheckConstraint(
                condition=Q(share_ppb__gte=1, share_ppb__lt=WHOLE_PPB), name="payouts_division_share_is_a_part"
            ),
            ExclusionConstraint(
                name="payouts_subject_has_one_rest", expressions=[(F("subject"), "="), (F("rest"), "<>")]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.share_ppb} ppb to {self.subject}"
