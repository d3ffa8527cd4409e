"""What was tried to send a payout, each time under a key of its own, and how it ended: more tables of models.py.

A payout over a rail that pays through accounts goes on in steps: a transfer to the creator's account with the
provider, a bank payout from there, and where the bank sends it back a return of the transfer. A debt may be recovered
from a transfer of long ago. Each is an attempt; a payout's attempts are numbered.
"""

from django.db import models
from django.db.models import Q

from marketplace.payouts.connected.tables import ConnectedAccount


class PayoutAttempt(models.Model):
    """The intent to do one thing for a payout at the provider, committed before it is asked.

    `key` is `payout:<id>:<number>`, `amount_minor` in our minor units of the payout's currency. `of` is the transfer
    that a bank payout goes on from, or that a return or recovery takes back. `charge` is the provider's name of the
    charge that a transfer draws on, where that is not available yet; a payout of several charges is transferred in
    several parts, each of which is tried until it is made, or is refused for good: then the others come back.
    """

    class Kind(models.TextChoices):
        """What is tried."""

        TRANSFER = "transfer", "to the creator's account"
        BANK = "bank", "to the creator's bank"
        RETURN = "return", "back from the creator's account"
        RECOVERY = "recovery", "taken back for what is owed"

    payout = models.ForeignKey("payouts.Payout", models.PROTECT, related_name="attempts", db_index=False)
    number = models.IntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    key = models.CharField(max_length=200, unique=True)
    account = models.ForeignKey(ConnectedAccount, models.PROTECT, related_name="+", db_index=False)
    of = models.ForeignKey("self", models.PROTECT, null=True, related_name="after")
    part = models.IntegerField(default=1, db_default=1)
    amount_minor = models.BigIntegerField()
    charge = models.CharField(max_length=64, blank=True, default="", db_default="")
    made_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_attempt"
        constraints = [
            models.UniqueConstraint(fields=["payout", "number"], name="payouts_attempts_are_numbered"),
            models.CheckConstraint(
                condition=Q(number__gte=1, amount_minor__gte=1, kind__in=["transfer", "bank", "return", "recovery"]),
                name="payouts_attempt_is_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="transfer", of=None) | (~Q(kind="transfer") & Q(of__isnull=False)),
                name="payouts_attempt_goes_on_from_a_transfer",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class PayoutAttemptEnd(models.Model):
    """What the provider answered to an attempt: done, under its own name for it, or refused for good, with its word.

    `arrives_on` is the day that it promises for a bank payout, in UTC.
    """

    class State(models.TextChoices):
        """How an attempt ends."""

        DONE = "done", "done"
        REFUSED = "refused", "refused"

    attempt = models.OneToOneField(PayoutAttempt, models.PROTECT, related_name="end")
    state = models.CharField(max_length=8, choices=State)
    reference = models.CharField(max_length=64, blank=True, db_index=True)
    code = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=400, blank=True)
    arrives_on = models.DateField(null=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "payouts_attempt_end"
        constraints = [
            models.CheckConstraint(
                condition=(Q(state="done") & ~Q(reference="")) | Q(state="refused", reference=""),
                name="payouts_attempt_end_is_known",
            ),
            models.UniqueConstraint(
                fields=["reference"], condition=~Q(reference=""), name="payouts_attempt_reference_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.reference or self.code}"


class BankWord(models.Model):
    """What became of a bank payout after it was made: paid, which is provisional; failed or canceled, its end.

    `bank` is the bank account as the creator's account named it then.
    """

    class State(models.TextChoices):
        """How a bank payout stands."""

        PAID = "paid", "paid"
        FAILED = "failed", "failed"
        CANCELED = "canceled", "canceled"

    attempt = models.ForeignKey(PayoutAttempt, models.PROTECT, related_name="words", db_index=False)
    state = models.CharField(max_length=8, choices=State)
    code = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=400, blank=True)
    bank = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "payouts_bank_word"
        constraints = [
            models.UniqueConstraint(fields=["attempt", "state"], name="payouts_bank_word_once"),
            models.CheckConstraint(
                condition=Q(state__in=["paid", "failed", "canceled"]), name="payouts_bank_word_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}"


class BankRetry(models.Model):
    """A creator says that their bank details are right, after a bank sent a payout back: the next one may go."""

    attempt = models.OneToOneField(PayoutAttempt, models.PROTECT, related_name="retry")
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_bank_retry"

    def __str__(self) -> str:
        return f"after {self.attempt_id}"


class PayoutTryAgain(models.Model):
    """An operator says, after the provider refused a payout for good, that the next may be made at once."""

    payout = models.OneToOneField("payouts.Payout", models.PROTECT, related_name="+")
    by = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        db_table = "payouts_try_again"

    def __str__(self) -> str:
        return f"after {self.payout_id} by {self.by}"


class TransferReversal(models.Model):
    """What of a transfer came back to the house, once a reversal: ours, or one that was made at the provider itself.

    `reference` is the provider's name of it. `transaction` has what it moved in the books: nothing, and then there is
    none, where the payout had not been sent whole and was given up.
    """

    transfer = models.ForeignKey(PayoutAttempt, models.PROTECT, related_name="reversals")
    reference = models.CharField(max_length=64, unique=True)
    amount_minor = models.BigIntegerField()
    is_ours = models.BooleanField()
    at = models.DateTimeField()
    transaction = models.OneToOneField("payouts.Transaction", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "payouts_transfer_reversal"
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gte=1), name="payouts_transfer_reversal_above_zero")
        ]

    def __str__(self) -> str:
        return self.reference


class SaleCharge(models.Model):
    """By which charge of the provider's a sale was paid; `source` is the sale's own."""

    source = models.CharField(max_length=200, unique=True)
    charge = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "payouts_sale_charge"

    def __str__(self) -> str:
        return f"{self.source} by {self.charge}"


class ChargeAvailable(models.Model):
    """From when on a charge's money is available in our balance with the provider, and in which currency."""

    charge = models.CharField(max_length=64, unique=True)
    currency = models.CharField(max_length=3)
    available_at = models.DateTimeField()
    heard_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_charge_available"

    def __str__(self) -> str:
        return f"{self.charge} from {self.available_at:%Y-%m-%d}"
