"""Offers that are sold on a chain as well, and what buyers there commit to: more tables of models.py."""

from django.db import models
from django.db.models import F, Q

from marketplace.people.models import Creator, Person, Studio


class ChainOffer(models.Model):
    """An offer as its licensor and the marketplace signed it for `LicenseMarket`: the same bytes, twice.

    `digest` is what was signed (EIP-712), `nonce` the licensor's own number for it, which closes it. `price_units` is
    the price in the token's units, fee included; `fee_bps` the marketplace's part in ten-thousandths, rounded down
    there. `supply` 0 is any number. Whether it is still sold is told by its closing and its deadline.
    """

    digest = models.CharField(max_length=64, unique=True)
    offer = models.ForeignKey("licensing.Offer", on_delete=models.PROTECT, related_name="chain_offers")
    by = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="+")
    chain_id = models.BigIntegerField()
    market = models.CharField(max_length=42)
    licensor = models.CharField(max_length=42)
    split_digest = models.CharField(max_length=64)
    token = models.CharField(max_length=42)
    symbol = models.CharField(max_length=20)
    price_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    price_units = models.DecimalField(max_digits=40, decimal_places=0)
    fee_bps = models.PositiveIntegerField()
    supply = models.BigIntegerField()
    not_before = models.DateTimeField()
    deadline = models.DateTimeField()
    nonce = models.BigIntegerField()
    licensor_signature = models.CharField(max_length=132)
    market_signature = models.CharField(max_length=132)
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["offer", "-id"], name="licensing_chain_offers")]
        constraints = [
            models.UniqueConstraint(
                fields=["chain_id", "market", "licensor", "nonce"], name="licensing_chain_nonce_is_used_once"
            ),
            models.CheckConstraint(
                condition=Q(price_minor__gt=0, price_units__gt=0, fee_bps__lte=10_000, nonce__gte=0)
                & Q(supply__gte=0, supply__lt=2**32),
                name="licensing_chain_offer_is_in_bounds",
            ),
            models.CheckConstraint(condition=Q(deadline__gt=F("not_before")), name="licensing_chain_offer_has_a_time"),
            models.CheckConstraint(
                condition=Q(licensor_signature__regex=r"^0x[0-9a-f]{130}$")
                & Q(market_signature__regex=r"^0x[0-9a-f]{130}$"),
                name="licensing_chain_offer_is_signed_twice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offer_id} on chain {self.chain_id}"


class ChainOfferClosing(models.Model):
    """From here on the marketplace wants an offer closed on the chain; a call there follows from it."""

    WITHDRAWN, PRICE, TAKEN_DOWN, EXCLUSIVE, TRANSFERRED, ASKED, FEE, CANCELLED, SUCCESSOR = (
        "withdrawn",
        "price",
        "taken-down",
        "exclusive",
        "transferred",
        "asked",
        "fee",
        "cancelled",
        "successor",
    )

    chain_offer = models.OneToOneField(ChainOffer, on_delete=models.PROTECT, primary_key=True, related_name="closing")
    reason = models.CharField(max_length=12)
    closed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    reason__in=[
                        "withdrawn",
                        "price",
                        "taken-down",
                        "exclusive",
                        "transferred",
                        "asked",
                        "fee",
                        "cancelled",
                        "successor",
                    ]
                ),
                name="licensing_chain_offer_closes_for_a_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.chain_offer_id} {self.reason}"


class ChainClosingRead(models.Model):
    """How far the market's word on closed offers was read: events of the inbox up to `through`."""

    through = models.BigIntegerField()
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"through {self.through}"


class LicenseeCommitment(models.Model):
    """Who a license bought on a chain is for: the chain sees `commitment`, and the grant says the same bytes.

    It is the SHA-256 of licensee.json, made of name and salt (docs/formats/bundle.md). Name and salt may be erased,
    together and for good; then nobody can open it.
    """

    commitment = models.CharField(max_length=64, unique=True)
    offer = models.ForeignKey("licensing.Offer", on_delete=models.PROTECT, related_name="+")
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    licensee_name = models.CharField(max_length=120, blank=True)
    licensee_salt = models.CharField(max_length=64, blank=True)
    committed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["offer", "studio", "-id"], name="licensing_commitments")]
        constraints = [
            models.CheckConstraint(
                condition=Q(commitment__regex=r"^[0-9a-f]{64}$"), name="licensing_commitment_is_a_digest"
            ),
            models.CheckConstraint(
                condition=Q(licensee_name="", licensee_salt="") | (~Q(licensee_name="") & ~Q(licensee_salt="")),
                name="licensing_commitment_is_kept_or_erased",
            ),
        ]

    def __str__(self) -> str:
        return self.commitment
