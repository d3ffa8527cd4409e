"""Creators' accounts with the payment provider and what it said of them: more tables of models.py, facts only."""

from django.db import models
from django.db.models import Q


class ConnectedAccount(models.Model):
    """An account at Stripe that was opened for a creator; of several the newest counts.

    `reference` is Stripe's name for it. The provider's outbox has the intent, under the key `connect:<creator>:<n>`.
    """

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+", db_index=False)
    number = models.IntegerField()
    reference = models.CharField(max_length=64, unique=True)
    country = models.CharField(max_length=2)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_connected_account"
        constraints = [
            models.UniqueConstraint(fields=["creator", "number"], name="payouts_connected_numbered"),
            models.CheckConstraint(
                condition=Q(number__gte=1, reference__startswith="acct_"), name="payouts_connected_named"
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class ConnectedAccountState(models.Model):
    """How an account stood when it was last asked for and had changed; the newest counts.

    `transfers` says that money may be sent to it, `payouts` that it may pay its creator's bank. `due` are Stripe's
    names of what it still asks for, `disabled_reason` its word for why something is switched off. `bank` names the
    bank account by Stripe's id and its last digits, `currencies` are those that its bank accounts take, by code, with
    blanks between; nothing where that was not asked for yet. `closed` is for good.
    """

    account = models.ForeignKey(ConnectedAccount, models.PROTECT, related_name="states", db_index=False)
    submitted = models.BooleanField()
    transfers = models.BooleanField()
    payouts = models.BooleanField()
    closed = models.BooleanField(default=False)
    disabled_reason = models.CharField(max_length=80, blank=True)
    due = models.TextField(blank=True)
    bank = models.CharField(max_length=100, blank=True)
    currencies = models.CharField(max_length=200, blank=True, default="", db_default="")
    at = models.DateTimeField()

    class Meta:
        db_table = "payouts_connected_state"
        indexes = [models.Index(fields=["account", "-id"], name="payouts_connected_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(closed=False) | Q(transfers=False, payouts=False),
                name="payouts_connected_closed_does_nothing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id} at {self.at:%Y-%m-%d %H:%M}"


class ConnectedBalance(models.Model):
    """What a connected account had at Stripe when it was asked, in our minor units; either may be below zero."""

    account = models.ForeignKey(ConnectedAccount, models.PROTECT, related_name="balances", db_index=False)
    currency = models.CharField(max_length=3)
    available_minor = models.BigIntegerField()
    pending_minor = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        db_table = "payouts_connected_balance"
        indexes = [models.Index(fields=["account", "currency", "-id"], name="payouts_connected_balance_new")]

    def __str__(self) -> str:
        return f"{self.available_minor} {self.currency} of {self.account_id}"
