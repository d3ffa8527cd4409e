"""What was sold on a chain, and what became of it here: more tables of models.py."""

from django.db import models
from django.db.models import Q

from marketplace.licensing.models import ChainOffer, Grant, LicenseeCommitment
from marketplace.people.models import Person


class ChainSale(models.Model):
    """One license that `LicenseMarket` sold, as its event says; `seq` is the contract's own number for it.

    `source` is how the grant and the books name it: by its transaction, since a reorganization may renumber sales.
    `chain_offer` is what was bought, `committed` whom the buyer committed to, each where we know it. What became of
    it is told by its steps, of which the newest counts.
    """

    event_id = models.BigIntegerField(unique=True)
    source = models.CharField(max_length=80, unique=True)
    chain_id = models.BigIntegerField()
    market = models.CharField(max_length=42)
    seq = models.BigIntegerField()
    chain_offer = models.ForeignKey(ChainOffer, on_delete=models.PROTECT, null=True, related_name="sales")
    committed = models.ForeignKey(LicenseeCommitment, on_delete=models.PROTECT, null=True, related_name="sales")
    offer_uuid = models.UUIDField()
    licensee = models.CharField(max_length=42)
    buyer = models.CharField(max_length=42)
    release_digest = models.CharField(max_length=64)
    terms_digest = models.CharField(max_length=64)
    commitment = models.CharField(max_length=64)
    token = models.CharField(max_length=42)
    price_units = models.DecimalField(max_digits=40, decimal_places=0)
    fee_units = models.DecimalField(max_digits=40, decimal_places=0)
    chain_transaction = models.CharField(max_length=66)
    block_number = models.BigIntegerField()
    sold_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["licensee", "-id"], name="checkout_chain_by_licensee")]

    def __str__(self) -> str:
        return self.source


class ChainSaleRead(models.Model):
    """How far the market's sales were read: events of the inbox up to `through`, also those that came again."""

    through = models.BigIntegerField()
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"through {self.through}"


class ChainSaleStep(models.Model):
    """What became of a sale on the chain: granted, waiting for whoever has the wallet, or a case for the operator.

    A case says why the license could not be granted; it is settled by a grant after all, or by what the operator did
    about it, in their words. With `told` letters went out to the operators for this case.
    """

    GRANTED, WAITING, CASE, SETTLED = "granted", "waiting", "case", "settled"

    sale = models.ForeignKey(ChainSale, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=8)
    reason = models.CharField(max_length=20, blank=True)
    note = models.CharField(max_length=500, blank=True)
    grant = models.OneToOneField(Grant, on_delete=models.PROTECT, null=True, related_name="+")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    told = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["sale"], condition=Q(state__in=["granted", "settled"]), name="checkout_chain_sale_ends_once"
            ),
            models.CheckConstraint(
                condition=Q(state="granted", grant__isnull=False)
                | Q(state="waiting", grant=None, reason="")
                | (Q(state="case", grant=None) & ~Q(reason=""))
                | (Q(state="settled", grant=None) & ~Q(note="")),
                name="checkout_chain_step_says_what_it_must",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sale_id} {self.state}"
