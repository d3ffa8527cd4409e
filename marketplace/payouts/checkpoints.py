"""How far the numbers of postings have come, and what was exchanged: more tables of models.py."""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q


class PostingSample(models.Model):
    """At this moment postings up to `through` had their numbers, and no transaction from `xid` on had written yet.

    The database fills it in (docs/decisions/0031-posting.md). `xid` is of the cluster that `cluster` names and means
    nothing in another.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    through = models.BigIntegerField()
    xid = models.BigIntegerField()
    cluster = models.CharField(max_length=20)
    sampled_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_posting_sample"
        indexes = [models.Index(fields=["through", "xid"], name="payouts_sample_by_through")]

    def __str__(self) -> str:
        return f"through {self.through}"


class Exchange(models.Model):
    """What was given in one currency for what in another: two exact amounts, each in a transaction of its own.

    `rate` is the provider's own text for it, kept and never multiplied.
    """

    reference = models.CharField(max_length=180, unique=True)
    gave_currency = models.CharField(max_length=3)
    gave_minor = models.BigIntegerField()
    got_currency = models.CharField(max_length=3)
    got_minor = models.BigIntegerField()
    rate = models.CharField(max_length=40)
    exchanged_at = models.DateTimeField()
    gave = models.OneToOneField("payouts.Transaction", models.PROTECT, related_name="+")
    got = models.OneToOneField("payouts.Transaction", models.PROTECT, related_name="+")

    class Meta:
        db_table = "payouts_exchange"
        constraints = [
            models.CheckConstraint(condition=Q(gave_minor__gt=0, got_minor__gt=0), name="payouts_exchange_above_zero"),
            models.CheckConstraint(
                condition=~Q(gave_currency=F("got_currency")), name="payouts_exchange_of_two_currencies"
            ),
            models.CheckConstraint(condition=Q(rate__regex="^[0-9]+([.][0-9]+)?$"), name="payouts_exchange_rate"),
        ]

    def __str__(self) -> str:
        return self.reference
