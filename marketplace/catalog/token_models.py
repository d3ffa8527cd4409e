"""Tokens of releases: who asked for one, who signed for it, what the chain said since, and packs handed over with them.

Rows are only added. Addresses are `0x` and 40 lower-case hex digits, as the log writes them.
"""

from django.db import models
from django.db.models import Q

from ledger.event_models import ChainEvent
from ledger.models import AnchorReceipt, Entry
from marketplace.people.models import Creator

HIGHEST_BPS = 1000
_ADDRESS = r"^0x[0-9a-f]{40}$"


class TokenAsk(models.Model):
    """That the owner of a release asked for its token: the log says it in `entry`, with the same wallet and royalty.

    A later ask of the release, or its transfer, takes the place of this one. `bps` is in ten-thousandths.
    """

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, primary_key=True, related_name="+")
    release = models.ForeignKey("catalog.Release", on_delete=models.PROTECT, related_name="token_asks")
    asked_by = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="+")
    wallet = models.CharField(max_length=42)
    bps = models.PositiveSmallIntegerField()
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "catalog_token_ask"
        constraints = [
            models.CheckConstraint(
                condition=Q(wallet__regex=_ADDRESS, contract__regex=_ADDRESS), name="catalog_token_addresses_are_lower"
            ),
            models.CheckConstraint(condition=Q(bps__lte=HIGHEST_BPS), name="catalog_token_royalty_is_a_tenth_at_most"),
        ]

    def __str__(self) -> str:
        return f"token of {self.release_id} for {self.wallet}"


class TokenSigning(models.Model):
    """That the wallet signed for an ask's leaf, and which anchored checkpoint the chain is shown.

    `call` is the key of the call that makes the token. A refused call is followed by another signing, `number` 2.
    """

    ask = models.ForeignKey(TokenAsk, on_delete=models.PROTECT, related_name="signings")
    number = models.PositiveSmallIntegerField()
    signature = models.BinaryField()
    anchor = models.ForeignKey(AnchorReceipt, on_delete=models.PROTECT, related_name="+")
    call = models.CharField(max_length=200, unique=True)
    signed_at = models.DateTimeField()

    class Meta:
        db_table = "catalog_token_signing"
        constraints = [
            models.UniqueConstraint(fields=["ask", "number"], name="catalog_token_signing_is_numbered"),
            models.CheckConstraint(condition=Q(number__gte=1), name="catalog_token_signings_count_from_one"),
        ]

    def __str__(self) -> str:
        return self.call


class TokenSupersession(models.Model):
    """That the chain is told which entries of a release make no token any more: those before the leaf `before`."""

    release = models.ForeignKey("catalog.Release", on_delete=models.PROTECT, related_name="token_supersessions")
    before = models.BigIntegerField()
    call = models.CharField(max_length=200, unique=True)
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "catalog_token_supersession"
        constraints = [
            models.UniqueConstraint(fields=["release", "before"], name="catalog_token_is_superseded_once"),
        ]

    def __str__(self) -> str:
        return self.call


class TokenEvent(models.Model):
    """What a confirmed event of AssetToken says about a release, by the digest of its manifest.

    `made` names the leaf that made the token, in hex; `moved` who holds it from here on.
    """

    class Kind(models.TextChoices):
        MADE = "made", "made"
        MOVED = "moved", "moved"
        SUPERSEDED = "superseded", "superseded"

    event = models.OneToOneField(ChainEvent, on_delete=models.PROTECT, primary_key=True, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    release = models.CharField(max_length=64)
    holder = models.CharField(max_length=42, blank=True)
    leaf = models.CharField(max_length=64, blank=True)
    before = models.BigIntegerField(null=True)

    class Meta:
        db_table = "catalog_token_event"
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="made", holder="", before=None, leaf__regex=r"^[0-9a-f]{64}$")
                | Q(kind="moved", leaf="", before=None, holder__regex=_ADDRESS)
                | Q(kind="superseded", holder="", leaf="", before__isnull=False),
                name="catalog_token_event_says_its_kind",
            ),
        ]
        indexes = [models.Index(fields=["release", "kind", "-event"], name="catalog_token_newest_event")]

    def __str__(self) -> str:
        return f"{self.release}: {self.kind}"


class Handover(models.Model):
    """That the new owner accepted a pack whose tokens come first: they move to `wallet`, then the log says the rest.

    `signatures` are the new owner's of each release's `transfer` entry, as a proposal has those of the owner. Without a
    wallet the new owner took the pack without its tokens, knowing that they stay with their holder.
    """

    proposal = models.OneToOneField(
        "catalog.TransferProposal", on_delete=models.PROTECT, primary_key=True, related_name="handover"
    )
    wallet = models.CharField(max_length=42, blank=True)
    kid = models.CharField(max_length=43, blank=True)
    signatures = models.JSONField(default=dict)
    accepted_at = models.DateTimeField()

    class Meta:
        db_table = "catalog_handover"
        constraints = [
            models.CheckConstraint(
                condition=Q(wallet="") | Q(wallet__regex=_ADDRESS), name="catalog_handover_wallet_is_lower"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.proposal_id} to {self.wallet}"
