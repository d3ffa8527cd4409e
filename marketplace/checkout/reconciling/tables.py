"""Copies of the gateway's lines, what each was matched with, and how the books stood beside its balance; facts only."""

from django.db import models
from django.db.models import Q

from marketplace.payouts.models import Transaction


class ProviderLine(models.Model):
    """A line of our balance with a gateway, copied as it was; see ports.base.BalanceLine for what each field means."""

    gateway = models.CharField(max_length=20)
    line_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=60)
    category = models.CharField(max_length=60)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    source = models.CharField(max_length=120, blank=True)
    exchanged_minor = models.BigIntegerField(null=True)
    exchanged_currency = models.CharField(max_length=3, blank=True, default="")
    rate = models.CharField(max_length=40, blank=True, default="")
    is_aside = models.BooleanField(default=False)
    happened_at = models.DateTimeField()
    available_at = models.DateTimeField()
    imported_at = models.DateTimeField()

    class Meta:
        db_table = "checkout_provider_line"
        constraints = [
            models.UniqueConstraint(fields=["gateway", "line_id"], name="checkout_line_is_copied_once"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="checkout_line_has_a_currency"),
            models.CheckConstraint(
                condition=Q(exchanged_minor=None, exchanged_currency="", rate="")
                | (Q(exchanged_minor__isnull=False) & ~Q(exchanged_currency="") & ~Q(rate="")),
                name="checkout_line_is_exchanged_or_not",
            ),
        ]
        indexes = [models.Index(fields=["gateway", "happened_at"], name="checkout_lines_by_time")]

    def __str__(self) -> str:
        return self.line_id

    @property
    def net_minor(self) -> int:
        """How much our whole balance moved by it."""
        return 0 if self.is_aside else self.amount_minor - self.fee_minor


class ProviderLineOpen(models.Model):
    """The queue of lines that are not matched yet; triggers keep it."""

    line = models.OneToOneField(ProviderLine, models.PROTECT, primary_key=True, related_name="open")

    class Meta:
        db_table = "checkout_provider_line_open"

    def __str__(self) -> str:
        return str(self.line_id)


class ProviderLineMatched(models.Model):
    """A line and the books' transactions that name it are the same, to the unit; each line once.

    `way` says how: it was known to us (`known`), or the line itself was booked: the bank, a fee, something that stays
    within the balance, what came for no order and goes back (`stray`), or what nobody understands yet (`suspense`).
    `by` and `reason` are of the operator who set it aside by hand. Lines that one transaction moved `together`, such as
    the transfers of one payout, are the same as it when they are added up; they name the first of them.
    So do a transfer and what came back of it where the payout was given up, and the books moved nothing for either.
    """

    KNOWN, BANK, FEE, ASIDE, STRAY, SUSPENSE = "known", "bank", "fee", "aside", "stray", "suspense"

    line = models.OneToOneField(ProviderLine, models.PROTECT, primary_key=True, related_name="matched")
    way = models.CharField(max_length=10)
    together = models.ForeignKey(
        ProviderLine, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    by = models.CharField(max_length=200, blank=True, default="", db_default="")
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    at = models.DateTimeField()

    class Meta:
        db_table = "checkout_provider_line_matched"
        constraints = [
            models.CheckConstraint(
                condition=Q(way__in=["known", "bank", "fee", "aside", "stray", "suspense"]),
                name="checkout_line_is_matched_in_a_way",
            )
        ]
        indexes = [
            models.Index(fields=["line"], condition=Q(way="suspense"), name="checkout_lines_in_suspense"),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} {self.way}"


class ReconciledTransaction(models.Model):
    """A transaction of the books that moved our balance, and the line that says so too; each transaction once."""

    transaction = models.OneToOneField(
        Transaction, models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    line = models.ForeignKey(ProviderLine, models.PROTECT, related_name="transactions", db_constraint=False)

    class Meta:
        db_table = "checkout_reconciled_transaction"

    def __str__(self) -> str:
        return f"{self.transaction_id} {self.line_id}"


class BooksRead(models.Model):
    """The books were read for what moved our balance, up to a number below which no posting can come any more."""

    through = models.BigIntegerField(unique=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "checkout_books_read"

    def __str__(self) -> str:
        return f"through {self.through}"


class MovementOpen(models.Model):
    """The queue of transactions that moved our balance and that no line says, as far as the books were read; triggers
    keep it."""

    transaction = models.OneToOneField(
        Transaction, models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )

    class Meta:
        db_table = "checkout_movement_open"

    def __str__(self) -> str:
        return str(self.transaction_id)


class SuspenseCleared(models.Model):
    """An operator understood a line that was in suspense, and said which account it belongs to and why."""

    line = models.OneToOneField(ProviderLine, models.PROTECT, primary_key=True, related_name="cleared")
    account = models.CharField(max_length=24)
    reason = models.CharField(max_length=300)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()
    transaction = models.OneToOneField(Transaction, models.PROTECT, related_name="+")

    class Meta:
        db_table = "checkout_suspense_cleared"
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="checkout_suspense_cleared_says_why")]

    def __str__(self) -> str:
        return f"{self.line_id} {self.account}"


class Reconciliation(models.Model):
    """One look at everything: what is wrong, in sentences, as the operators were told."""

    gateway = models.CharField(max_length=20)
    ran_at = models.DateTimeField(db_index=True)
    took_ms = models.BigIntegerField()
    problems = models.JSONField(default=list, blank=True)

    class Meta:
        db_table = "checkout_reconciliation"

    def __str__(self) -> str:
        return f"{self.gateway} at {self.ran_at:%Y-%m-%d %H:%M}"


class DailyEquation(models.Model):
    """How the books and the gateway's balance stood beside each other in one currency, in its minor units.

    Ours (`balance_minor` and `clearing_minor`) less theirs (`available_minor`, `pending_minor`, `reserved_minor`) is
    what only we know, less what only they know, plus how far apart the same things are, less what of their balance no
    line told us (`unread_minor`), plus what nothing of this explains (`unexplained_minor`), which should be zero.
    `suspense_minor` is booked on both sides and stands there to be cleared.
    """

    reconciliation = models.ForeignKey(Reconciliation, models.PROTECT, related_name="equations")
    currency = models.CharField(max_length=3)
    day = models.DateField()
    balance_minor = models.BigIntegerField()
    clearing_minor = models.BigIntegerField()
    available_minor = models.BigIntegerField()
    pending_minor = models.BigIntegerField()
    reserved_minor = models.BigIntegerField()
    only_ours = models.BigIntegerField()
    only_ours_minor = models.BigIntegerField()
    only_theirs = models.BigIntegerField()
    only_theirs_minor = models.BigIntegerField()
    differing = models.BigIntegerField()
    differing_minor = models.BigIntegerField()
    suspense_minor = models.BigIntegerField()
    unread_minor = models.BigIntegerField()
    unexplained_minor = models.BigIntegerField()

    class Meta:
        db_table = "checkout_daily_equation"
        ordering = ["-reconciliation_id", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["reconciliation", "currency"], name="checkout_equation_once"),
            models.CheckConstraint(
                condition=Q(
                    unexplained_minor=models.F("balance_minor")
                    + models.F("clearing_minor")
                    - models.F("available_minor")
                    - models.F("pending_minor")
                    - models.F("reserved_minor")
                    - models.F("only_ours_minor")
                    + models.F("only_theirs_minor")
                    - models.F("differing_minor")
                    + models.F("unread_minor")
                ),
                name="checkout_equation_adds_up",
            ),
        ]
        indexes = [models.Index(fields=["currency", "-day"], name="checkout_equations_by_day")]

    def __str__(self) -> str:
        return f"{self.currency} {self.day}"

    @property
    def ours_minor(self) -> int:
        return self.balance_minor + self.clearing_minor

    @property
    def theirs_minor(self) -> int:
        return self.available_minor + self.pending_minor + self.reserved_minor

    @property
    def difference_minor(self) -> int:
        return self.ours_minor - self.theirs_minor


class CreatorBalance(models.Model):
    """What is in a creator's account with the provider beside what we sent there and is not paid out; each night."""

    reconciliation = models.ForeignKey(Reconciliation, models.PROTECT, related_name="creators")
    account = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    ours_minor = models.BigIntegerField()
    theirs_minor = models.BigIntegerField()

    class Meta:
        db_table = "checkout_creator_balance"
        constraints = [
            models.UniqueConstraint(
                fields=["reconciliation", "account", "currency"], name="checkout_creator_balance_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.currency}"
