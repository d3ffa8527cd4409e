"""When creators are paid, what is kept back, and who is held: more tables of models.py."""

from django.db import models
from django.db.models import Q

SCHEDULES = [
    ("always", "always"),
    ("daily", "daily"),
    ("weekly", "weekly"),
    ("monthly", "monthly"),
    ("manual", "manual"),
]
"""How often creators are paid, the rarer the later: with every settlement, on days, or never by itself."""

_DAYS = (
    Q(schedule__in=["always", "daily", "manual"], day=0)
    | Q(schedule="weekly", day__gte=1, day__lte=7)
    | Q(schedule="monthly", day__gte=1, day__lte=28)
)


class PayoutPolicy(models.Model):
    """From now on, this is how payouts are made: to everybody, in one currency, to one creator, or to one in one.

    The newest row of the closest scope counts: creator and currency, creator, currency, everybody; without any, the
    settings. `day` is 1 (Monday) to 7 for weekly and 1 to 28 for monthly schedules, in UTC, else 0. `hold_days` is
    read when royalties are allocated and counts for a currency or everybody; `reserve_ppb` of what is released is
    kept for `reserve_days` more. `reason` is told to the creator.
    """

    creator = models.ForeignKey("people.Creator", models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=3, default="", blank=True)
    hold_days = models.IntegerField(null=True)
    reserve_ppb = models.BigIntegerField()
    reserve_days = models.IntegerField()
    threshold_minor = models.BigIntegerField()
    schedule = models.CharField(max_length=8, choices=SCHEDULES)
    day = models.IntegerField(default=0)
    reason = models.CharField(max_length=400)
    set_by = models.CharField(max_length=200)
    set_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_policy"
        indexes = [models.Index(fields=["creator", "currency", "id"], name="payouts_policy_by_scope")]
        constraints = [
            models.CheckConstraint(
                condition=Q(creator=None, hold_days__gte=0) | Q(creator__isnull=False, hold_days=None),
                name="payouts_policy_hold_for_all",
            ),
            models.CheckConstraint(
                condition=Q(reserve_ppb=0, reserve_days=0)
                | Q(reserve_ppb__gte=1, reserve_ppb__lte=1_000_000_000, reserve_days__gte=1),
                name="payouts_policy_reserve",
            ),
            models.CheckConstraint(condition=Q(threshold_minor__gte=1), name="payouts_policy_threshold"),
            models.CheckConstraint(condition=_DAYS, name="payouts_policy_schedule"),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(set_by=""), name="payouts_policy_says_why"),
        ]

    def __str__(self) -> str:
        return f"policy {self.pk}"


class PayoutPreference(models.Model):
    """What a creator wishes: rarer payouts or larger ones than the policy says; the newest counts."""

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    threshold_minor = models.BigIntegerField()
    schedule = models.CharField(max_length=8, choices=SCHEDULES)
    day = models.IntegerField(default=0)
    wished_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_preference"
        indexes = [models.Index(fields=["creator", "currency", "id"], name="payouts_preference_by_scope")]
        constraints = [
            models.CheckConstraint(condition=Q(threshold_minor__gte=1), name="payouts_preference_threshold"),
            models.CheckConstraint(condition=_DAYS, name="payouts_preference_schedule"),
        ]

    def __str__(self) -> str:
        return f"preference {self.pk}"


class PayoutHold(models.Model):
    """No payout to the creator is reserved or sent, in one currency or in all, for this reason, until it has an end."""

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3, default="", blank=True)
    key = models.CharField(max_length=200, unique=True)
    reason = models.CharField(max_length=400)
    held_by = models.CharField(max_length=200)
    held_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_hold"
        constraints = [
            models.CheckConstraint(condition=~Q(reason="") & ~Q(held_by=""), name="payouts_hold_says_why"),
        ]

    def __str__(self) -> str:
        return self.key


class PayoutHoldEnd(models.Model):
    """The reason to hold payouts is gone."""

    hold = models.OneToOneField(PayoutHold, models.PROTECT, related_name="end")
    ended_by = models.CharField(max_length=200)
    ended_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_hold_end"

    def __str__(self) -> str:
        return f"end of {self.hold_id}"


class ReserveLine(models.Model):
    """What was kept back of a creator's released money until a moment, under a policy or the settings, or for a risk.

    Where the creator was at a level of risk, `risk` names it, also where the policy alone would have kept as much.
    """

    release = models.ForeignKey("payouts.HoldRelease", models.PROTECT, related_name="reserves")
    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    until = models.DateTimeField()
    policy = models.ForeignKey(PayoutPolicy, models.PROTECT, null=True, related_name="+")
    risk = models.ForeignKey(
        "payouts.RiskAssessment", models.PROTECT, null=True, related_name="reserves", db_index=False
    )

    class Meta:
        db_table = "payouts_reserve_line"
        indexes = [models.Index(fields=["creator", "currency", "until"], name="payouts_reserve_by_creator")]
        constraints = [
            models.UniqueConstraint(fields=["release", "creator", "until"], name="payouts_reserve_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payouts_reserve_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} until {self.until:%Y-%m-%d}"


class ReserveEnd(models.Model):
    """A reserve's time is over: `amount_minor` of it was still there and became available, less what was owed."""

    reserve = models.OneToOneField(ReserveLine, models.PROTECT, related_name="end")
    amount_minor = models.BigIntegerField()
    ended_at = models.DateTimeField()
    transaction = models.ForeignKey("payouts.Transaction", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "payouts_reserve_end"
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, transaction__isnull=False) | Q(amount_minor=0, transaction=None),
                name="payouts_reserve_end_moves_or_not",
            ),
        ]

    def __str__(self) -> str:
        return f"end of {self.reserve_id}"


class BooksCheck(models.Model):
    """One proof of the books: when, how long it took, over how many postings, and every problem as a sentence."""

    ran_at = models.DateTimeField(db_index=True)
    took_ms = models.BigIntegerField()
    postings = models.BigIntegerField()
    problems = models.JSONField(default=list)

    class Meta:
        db_table = "payouts_books_check"
        constraints = [
            models.CheckConstraint(condition=Q(took_ms__gte=0, postings__gte=0), name="payouts_books_check_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.ran_at:%Y-%m-%d %H:%M}"


class SummedCheckpoint(models.Model):
    """What the postings of a summed account came to, up to and with a posting; a later row counts from there."""

    account = models.ForeignKey("payouts.Account", models.PROTECT, related_name="checkpoints", db_index=False)
    through = models.BigIntegerField()
    sum_minor = models.DecimalField(max_digits=38, decimal_places=0)
    postings = models.BigIntegerField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_summed_checkpoint"
        constraints = [
            models.UniqueConstraint(fields=["account", "through"], name="payouts_checkpoint_once"),
            models.CheckConstraint(condition=Q(through__gt=0, postings__gte=0), name="payouts_checkpoint_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} through {self.through}"
