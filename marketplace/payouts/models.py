"""Splits, the books, royalties and payouts: facts that are added and never changed.

Amounts are minor units of a currency. Most of what these tables promise is held by migrations named guards.
More tables of this app: attempts.py, checkpoints.py, checks/tables.py, connected/tables.py, deferral_models.py,
divisions.py, freezes.py, policies.py, reversals.py, risk.py, statements.py, taxes.py, vault_moves.py, wallet_models.py.
"""

from uuid import uuid4

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from marketplace.payouts import attempts as attempts  # tables of this app, found by being imported here
from marketplace.payouts import checkpoints as checkpoints
from marketplace.payouts import deferral_models as deferral_models
from marketplace.payouts import divisions as divisions
from marketplace.payouts import freezes as freezes
from marketplace.payouts import policies as policies
from marketplace.payouts import reversals as reversals
from marketplace.payouts import risk as risk
from marketplace.payouts import statements as statements
from marketplace.payouts import taxes as taxes
from marketplace.payouts import vault_moves as vault_moves
from marketplace.payouts import wallet_models as wallet_models
from marketplace.payouts.checks.tables import CreatorCheck as CreatorCheck
from marketplace.payouts.claims import tables as tables
from marketplace.payouts.ids import time_ordered_id
from marketplace.payouts.kinds import KEPT_KINDS as KEPT_KINDS
from marketplace.payouts.kinds import AccountKind as AccountKind
from marketplace.payouts.kinds import TransactionKind as TransactionKind
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.vault_moves import VaultMove as VaultMove


class Split(models.Model):
    """Who gets which share of a sale, under the digest of its own document (docs/formats/split.md)."""

    digest = models.CharField(max_length=64, primary_key=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_split"

    def __str__(self) -> str:
        return self.digest


class SplitShare(models.Model):
    """One payee's share of one split; the shares of a split sum to the whole."""

    split = models.ForeignKey(Split, models.PROTECT, related_name="shares", db_index=False)
    payee = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    share_ppb = models.BigIntegerField()

    class Meta:
        db_table = "payouts_split_share"
        constraints = [
            models.UniqueConstraint(fields=["split", "payee"], name="payouts_split_names_payee_once"),
            models.CheckConstraint(
                condition=Q(share_ppb__gte=1, share_ppb__lte=WHOLE_PPB), name="payouts_share_within_whole"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.share_ppb} ppb to {self.payee_id}"


class Account(models.Model):
    """One account of the books, in one currency; `detail` names a tax's jurisdiction or a chain's token, else nothing.

    `balance_minor` is kept for creators' accounts, in the account's normal side (a receivable's is debit, the
    others' credit); only a posting can move it. It is null for the accounts that are summed.
    """

    kind = models.CharField(max_length=24, choices=AccountKind)
    owner = models.ForeignKey("people.Creator", models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=3)
    detail = models.CharField(max_length=40, default="", db_default="", blank=True)
    balance_minor = models.BigIntegerField(null=True)

    class Meta:
        db_table = "payouts_account"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "currency", "owner", "detail"], nulls_distinct=False, name="payouts_account_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=AccountKind.values), name="payouts_account_kind_known"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="payouts_account_currency"),
            models.CheckConstraint(
                condition=Q(kind__in=KEPT_KINDS, owner__isnull=False, balance_minor__isnull=False)
                | (~Q(kind__in=KEPT_KINDS) & Q(owner__isnull=True, balance_minor__isnull=True)),
                name="payouts_account_kept_or_summed",
            ),
            models.CheckConstraint(condition=Q(balance_minor__gte=0), name="payouts_account_balance_not_negative"),
            models.CheckConstraint(
                condition=Q(detail="")
                | Q(kind__in=[AccountKind.TAX_PAYABLE, AccountKind.CHAIN_ESCROW, AccountKind.CHAIN_CLAIMS]),
                name="payouts_account_detail_where_it_belongs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.owner_id or ''}:{self.currency}"


class Transaction(models.Model):
    """A movement of money; its postings sum to zero and are all written in one statement.

    `source` names what caused it ("order-line:<uuid>"). `content_sha256` digests kind, source and postings,
    so that the same idempotency key with other content is found out.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    kind = models.CharField(max_length=24, choices=TransactionKind)
    source = models.CharField(max_length=200)
    idem_key = models.CharField(max_length=200, unique=True)
    content_sha256 = models.CharField(max_length=64)
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_transaction"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=TransactionKind.values), name="payouts_transaction_kind_known"),
        ]

    def __str__(self) -> str:
        return self.idem_key


class Posting(models.Model):
    """One leg of a transaction: positive debits the account, negative credits it; a trigger asks that both exist."""

    transaction = models.ForeignKey(
        Transaction, models.PROTECT, related_name="postings", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(Account, models.PROTECT, related_name="postings", db_index=False, db_constraint=False)
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "payouts_posting"
        indexes = [
            models.Index(fields=["account", "id"], name="payouts_posting_by_account"),
            models.Index(fields=["transaction", "account"], name="payouts_posting_by_transaction"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(amount_minor=0), name="payouts_posting_not_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor:+d} on {self.account_id}"


class Sale(models.Model):
    """What one buyer paid for one thing, and the split that its net amount follows.

    `subject` names the thing as freezes do ("release:<digest>"); the books compare it and never read it. `tax_of` is
    the jurisdiction of the tax; `paid_from` the kind of account that the gross comes from. A trigger asks that split
    and transaction exist.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    source = models.CharField(max_length=200, unique=True)
    split = models.ForeignKey(Split, models.PROTECT, related_name="sales", db_index=False, db_constraint=False)
    subject = models.CharField(max_length=200, default="", db_default="")
    currency = models.CharField(max_length=3)
    gross_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    tax_of = models.CharField(max_length=40, default="", db_default="", blank=True)
    paid_from = models.CharField(max_length=24, default=AccountKind.PSP_CLEARING, db_default=AccountKind.PSP_CLEARING)
    sold_at = models.DateTimeField()
    transaction = models.OneToOneField(Transaction, models.PROTECT, related_name="+", db_constraint=False)

    class Meta:
        db_table = "payouts_sale"
        indexes = [
            models.Index(fields=["subject"], condition=~Q(subject=""), name="payouts_sale_by_subject"),
            models.Index(fields=["split", "id"], name="payouts_sale_by_split"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(gross_minor=F("tax_minor") + F("fee_minor") + F("net_minor")),
                name="payouts_sale_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(gross_minor__gt=0, tax_minor__gte=0, fee_minor__gte=0, net_minor__gte=0),
                name="payouts_sale_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    paid_from__in=[
                        AccountKind.PSP_CLEARING,
                        AccountKind.DEFERRED_SUBSCRIPTION,
                        AccountKind.BUYER_CREDIT,
                        AccountKind.TAKEN_DOWN,
                    ]
                ),
                name="payouts_sale_paid_from_known",
            ),
        ]

    def __str__(self) -> str:
        return self.source


class AwaitingAllocation(models.Model):
    """A sale whose net amount no creator has a line of yet: a queue, not a fact.

    Triggers alone write it. A new sale is put in once, with its net amount, and its royalty lines take it out; lines
    for a sale that is not in the queue are refused, so no sale is allocated twice, and a run costs what it allocates:
    sales of a frozen subject are marked, and not in the index that runs go by.
    """

    sale = models.OneToOneField(Sale, models.PROTECT, primary_key=True, related_name="+", db_constraint=False)
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField()
    frozen = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "payouts_awaiting_allocation"
        indexes = [
            models.Index(fields=["currency", "sale"], condition=Q(frozen=False), name="payouts_awaiting_in_order")
        ]

    def __str__(self) -> str:
        return str(self.sale_id)


class RoyaltyRun(models.Model):
    """One allocation of what was sold in one currency; its lines become available together."""

    currency = models.CharField(max_length=3)
    ran_at = models.DateTimeField()
    available_at = models.DateTimeField(db_index=True)
    transaction = models.OneToOneField(Transaction, models.PROTECT, related_name="+")

    class Meta:
        db_table = "payouts_royalty_run"
        constraints = [
            models.CheckConstraint(
                condition=Q(available_at__gte=F("ran_at")), name="payouts_run_available_after_it_ran"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.ran_at:%Y-%m-%d %H:%M}"


class RoyaltyLine(models.Model):
    """What one payee earned from one sale.

    That run, sale and payee are there is checked once a statement by a trigger, not by a look-up a line.
    """

    run = models.ForeignKey(RoyaltyRun, models.PROTECT, related_name="lines", db_index=False, db_constraint=False)
    sale = models.ForeignKey(Sale, models.PROTECT, related_name="lines", db_index=False, db_constraint=False)
    payee = models.ForeignKey("people.Creator", models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    share_ppb = models.BigIntegerField()
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "payouts_royalty_line"
        # Lines of a payee are found by the splits that name them and the sales of those: an index by payee would
        # cost a third of a run. A run's lines lie together, so what tells where they lie need not name each.
        indexes = [BrinIndex(fields=["run"], name="payouts_line_by_run", pages_per_range=32, autosummarize=True)]
        constraints = [
            models.UniqueConstraint(fields=["sale", "payee"], name="payouts_line_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payouts_line_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} to {self.payee_id}"


class HoldRelease(models.Model):
    """The hold period of a run is over; `transaction` is null when disputes had taken everything before."""

    run = models.OneToOneField(RoyaltyRun, models.PROTECT, related_name="release")
    transaction = models.OneToOneField(Transaction, models.PROTECT, null=True, related_name="+")
    released_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_hold_release"

    def __str__(self) -> str:
        return f"release {self.pk}"


class Payout(models.Model):
    """The intent to pay a creator what is available: reserved in the books before the rail is called.

    `rail` is the name of the one that it was reserved for and that sends it; nothing for the house's first.
    `released_through` is the last release that it covers. Payouts reserved together share one `transaction`,
    which takes from each creator exactly what their one payout says; a trigger refuses any other.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+", db_index=False)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    released_through = models.ForeignKey(HoldRelease, models.PROTECT, related_name="+")
    reserved_at = models.DateTimeField()
    idem_key = models.CharField(max_length=200, unique=True)
    rail = models.CharField(max_length=40, blank=True, default="", db_default="")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="+", db_index=False)

    class Meta:
        db_table = "payouts_payout"
        indexes = [
            models.Index(fields=["creator", "currency", "released_through"], name="payouts_payout_by_creator"),
            models.Index(fields=["creator", "currency", "reserved_at"], name="payouts_payout_by_time"),
            models.Index(fields=["currency", "reserved_at", "creator"], name="payouts_payout_in_order"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["transaction", "creator"], name="payouts_payout_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payouts_payout_above_zero"),
        ]

    def __str__(self) -> str:
        return self.idem_key


class PayoutState(models.TextChoices):
    """What became of a payout: open without any; then sent and paid or failed, or failed at once when refused.

    Paid is provisional: what was sent or paid may still come back.
    """

    SENT = "sent", "sent"
    PAID = "paid", "paid"
    FAILED = "failed", "failed"
    RETURNED = "returned", "returned"


class PayoutOutcome(models.Model):
    """Something the rail said about a payout; `reference` is the rail's own name for it, or its reason."""

    payout = models.ForeignKey(Payout, models.PROTECT, related_name="outcomes", db_index=False)
    state = models.CharField(max_length=8, choices=PayoutState)
    reference = models.CharField(max_length=400)
    at = models.DateTimeField()

    class Meta:
        db_table = "payouts_payout_outcome"
        constraints = [
            models.UniqueConstraint(fields=["payout", "state"], name="payouts_outcome_once"),
            models.CheckConstraint(condition=Q(state__in=PayoutState.values), name="payouts_outcome_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.reference}"


class RecordedTransfer(models.Model):
    """A transfer on the recorded rail; the rail's own table, which the books never read."""

    key = models.CharField(max_length=200, unique=True)
    creator_id = models.UUIDField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "payouts_recorded_transfer"

    def __str__(self) -> str:
        return self.key
