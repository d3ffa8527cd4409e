"""How long an offer may be tried for nothing: one more table of models.py."""

from django.db import models
from django.db.models import Q

MOST_DAYS = 90


class OfferTrial(models.Model):
    """From here on a studio may try what an offer with periods sells for so many days; the newest row counts."""

    offer = models.ForeignKey("licensing.Offer", on_delete=models.PROTECT, related_name="trials")
    days = models.PositiveSmallIntegerField()
    since = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(days__lte=MOST_DAYS), name="licensing_trial_is_short")]

    def __str__(self) -> str:
        return f"{self.offer_id}: {self.days}"
