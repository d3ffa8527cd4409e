"""Roots of what creators may claim on a chain, and what the chain said of them: more tables of models.py.

Nothing of a creator but an address goes into a root. Guards are in migrations 0019 and 0020; what is summed over rows
is proven by claims/invariants.py.
"""

from django.db import models
from django.db.models import Q

_HASH = r"^0x[0-9a-f]{64}$"
_ADDRESS = r"^0x[0-9a-fA-F]{40}$"


class PayoutWay(models.Model):
    """From now on a creator is paid in a currency on chain, or else by a rail; without any, by the house's first.

    `rail` is its name (rails/configured.py), nothing for the first; one that is not set up any more counts as that.
    """

    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    on_chain = models.BooleanField()
    rail = models.CharField(max_length=40, blank=True, default="", db_default="")
    chosen_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_way"
        indexes = [models.Index(fields=["currency", "creator", "id"], name="payouts_way_by_scope")]

    def __str__(self) -> str:
        return f"{self.currency} {'on chain' if self.on_chain else self.rail or 'by the first rail'}"


class ChainBook(models.Model):
    """One token of one distributor on one chain: what its accounts were given goes on from root to root.

    Addresses are checksummed. `detail` is the name of its escrow and its claims in the books; a minor unit of the
    currency is `scale` of the token's units.
    """

    chain_id = models.BigIntegerField()
    distributor = models.CharField(max_length=42)
    token = models.CharField(max_length=42)
    symbol = models.CharField(max_length=20)
    decimals = models.IntegerField()
    scale = models.DecimalField(max_digits=39, decimal_places=0)
    currency = models.CharField(max_length=3)
    detail = models.CharField(max_length=40)
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_chain_book"
        constraints = [
            models.UniqueConstraint(fields=["chain_id", "distributor", "token"], name="payouts_chain_book_once"),
            models.CheckConstraint(
                condition=Q(distributor__regex=_ADDRESS, token__regex=_ADDRESS), name="payouts_chain_book_addresses"
            ),
            models.CheckConstraint(condition=Q(scale__gte=1) & ~Q(detail=""), name="payouts_chain_book_counts"),
        ]

    def __str__(self) -> str:
        return self.detail


class ChainAccount(models.Model):
    """An address under which a creator was given something in a book; its leaf stands at `place` in every root since.

    An address is one creator's for good. A creator who moves to another wallet has another account, and what was
    given to the old one stays claimable there.
    """

    book = models.ForeignKey(ChainBook, models.PROTECT, related_name="accounts", db_index=False)
    creator = models.ForeignKey("people.Creator", models.PROTECT, related_name="+")
    address = models.CharField(max_length=42)
    place = models.IntegerField()
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_chain_account"
        constraints = [
            models.UniqueConstraint(fields=["book", "place"], name="payouts_chain_account_place_once"),
            models.UniqueConstraint(fields=["book", "address"], name="payouts_chain_account_once"),
            models.CheckConstraint(
                condition=Q(address__regex=_ADDRESS, place__gte=0), name="payouts_chain_account_address"
            ),
        ]

    def __str__(self) -> str:
        return self.address


class PayoutRoot(models.Model):
    """One settlement on chain: the root over what every account of a book was ever given, the list under its digest.

    `number` counts the roots of its book from 1.
    `added_minor` was taken from creators' available accounts by `transaction`; both are nothing where a root repeats
    one that was vetoed. `total_units` is the sum of the leaves in the token's units.
    """

    book = models.ForeignKey(ChainBook, models.PROTECT, related_name="roots", db_index=False)
    number = models.IntegerField()
    root = models.CharField(max_length=66)
    accounts = models.IntegerField()
    total_units = models.DecimalField(max_digits=39, decimal_places=0)
    added_minor = models.BigIntegerField()
    document_sha256 = models.CharField(max_length=64)
    transaction = models.OneToOneField("payouts.Transaction", models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_root"
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="payouts_root_number_once"),
            models.CheckConstraint(condition=Q(root__regex=_HASH), name="payouts_root_is_hex"),
            models.CheckConstraint(
                condition=Q(added_minor__gt=0, transaction__isnull=False) | Q(added_minor=0, transaction=None),
                name="payouts_root_moves_or_not",
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1, accounts__gte=1, total_units__gte=1), name="payouts_root_counts"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What the books and the calls to the chain know it by."""
        return f"payout-root:{self.book_id}:{self.number}"


class PayoutRootTree(models.Model):
    """All nodes of a root's tree, 32 bytes each, level after level from the leaves up: proofs are read out of it."""

    root = models.OneToOneField(PayoutRoot, models.PROTECT, primary_key=True, related_name="tree")
    nodes = models.BinaryField()

    class Meta:
        db_table = "payouts_root_tree"

    def __str__(self) -> str:
        return f"tree of {self.root_id}"


class PayoutRootLine(models.Model):
    """What a root gave an account beyond all before: `cumulative_minor` is what it was ever given, with this.

    `released_through` is the last release of which it has money, as of a payout.
    """

    root = models.ForeignKey(PayoutRoot, models.PROTECT, related_name="lines", db_index=False)
    account = models.ForeignKey(ChainAccount, models.PROTECT, related_name="lines")
    added_minor = models.BigIntegerField()
    cumulative_minor = models.BigIntegerField()
    released_through = models.ForeignKey("payouts.HoldRelease", models.PROTECT, related_name="+", db_index=False)

    class Meta:
        db_table = "payouts_root_line"
        constraints = [
            models.UniqueConstraint(fields=["root", "account"], name="payouts_root_line_once"),
            models.CheckConstraint(condition=Q(added_minor__gt=0), name="payouts_root_line_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.added_minor} to account {self.account_id}"


class RootSeen(models.Model):
    """That the chain said of a root of a token that it was proposed or vetoed, at its block's time.

    `ours` is the root that we published and that it is about; without one nobody here proposed it. `event` is the
    number of the chain's event in the ledger.
    """

    PROPOSED, VETOED = "proposed", "vetoed"

    event = models.BigIntegerField(unique=True)
    book = models.ForeignKey(ChainBook, models.PROTECT, null=True, related_name="+")
    token = models.CharField(max_length=42)
    root = models.CharField(max_length=66)
    kind = models.CharField(max_length=8, choices=[(PROPOSED, PROPOSED), (VETOED, VETOED)])
    ours = models.ForeignKey(PayoutRoot, models.PROTECT, null=True, related_name="seen")
    transaction = models.CharField(max_length=66)
    block_number = models.BigIntegerField()
    at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_root_seen"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["proposed", "vetoed"]), name="payouts_root_seen_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.root} {self.kind}"


class ChainClaimed(models.Model):
    """That the chain paid an account; `posted` is the transaction of the books that says so.

    Without one it was not booked: `why` says what is wrong, or `repeats` which claim it is, mined once more after the
    chain was reorganized.
    """

    event = models.BigIntegerField(unique=True)
    book = models.ForeignKey(ChainBook, models.PROTECT, null=True, related_name="+")
    account = models.ForeignKey(ChainAccount, models.PROTECT, null=True, related_name="claims")
    address = models.CharField(max_length=42)
    units = models.DecimalField(max_digits=78, decimal_places=0)
    amount_minor = models.BigIntegerField(null=True)
    posted = models.OneToOneField("payouts.Transaction", models.PROTECT, null=True, related_name="+")
    repeats = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", db_index=False)
    why = models.CharField(max_length=400, default="", blank=True)
    transaction = models.CharField(max_length=66)
    block_number = models.BigIntegerField()
    at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "payouts_chain_claimed"
        constraints = [
            models.CheckConstraint(
                condition=Q(posted__isnull=False, account__isnull=False, amount_minor__gt=0, why="", repeats=None)
                | Q(posted=None, repeats__isnull=False, why="")
                | (Q(posted=None, repeats=None) & ~Q(why="")),
                name="payouts_chain_claimed_booked_or_said_why",
            ),
            models.UniqueConstraint(
                fields=["book", "transaction", "address"],
                condition=Q(posted__isnull=False),
                name="payouts_chain_claimed_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} to {self.address}"


class ChainCaseEnd(models.Model):
    """An operator has looked at what the chain said and the books could not follow, and says what became of it.

    Of a claim that was not booked, or of a root that nobody here published. `posted` is the transaction that books what
    the chain paid out as not understood yet, where it is a whole minor unit or more.
    """

    claim = models.OneToOneField(ChainClaimed, models.PROTECT, null=True, related_name="end")
    root = models.OneToOneField(RootSeen, models.PROTECT, null=True, related_name="end")
    posted = models.OneToOneField("payouts.Transaction", models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=400)
    by = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        db_table = "payouts_chain_case_end"
        constraints = [
            models.CheckConstraint(
                condition=(Q(claim__isnull=False, root=None) | Q(claim=None, root__isnull=False, posted=None))
                & ~Q(note="")
                & ~Q(by=""),
                name="payouts_chain_case_end_says_what",
            ),
        ]

    def __str__(self) -> str:
        return self.note
