"""Terms, terms at a price, licenses held, and the signed papers that prove them.

What is bargained for has its tables in bargains.py; what goes with a license that is held, in holdings.py; what is
sold on a chain, in chain_offer_models.py; how long offers may be tried, in trial_models.py.
"""

import uuid

from django.db import models
from django.db.models import Q

from assets.models import Asset, Blob
from marketplace.catalog.models import Release
from marketplace.licensing import bargains as bargains  # tables of this app, found by being imported here
from marketplace.licensing import chain_offer_models as chain_offer_models
from marketplace.licensing import holdings as holdings
from marketplace.licensing import trial_models as trial_models
from marketplace.licensing.chain_offer_models import ChainOffer as ChainOffer
from marketplace.licensing.chain_offer_models import ChainOfferClosing as ChainOfferClosing
from marketplace.licensing.chain_offer_models import LicenseeCommitment as LicenseeCommitment
from marketplace.people.models import Studio


class TermsText(models.Model):
    """Terms by the digest of their document, with the words made from it when they were first offered."""

    digest = models.CharField(max_length=64, primary_key=True)
    name = models.CharField(max_length=40)
    document = models.BinaryField()
    text_en = models.TextField()
    text_zh_hans = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="licensing_terms_digest_is_hex")
        ]

    def __str__(self) -> str:
        return self.name


class Offer(models.Model):
    """Terms at a price for one release.

    `model` says what the price is for (pricing.py); `price_minor` is the one that it was first offered at, and
    OfferPrice has those that followed. `unit` is what a metered price counts, `share_ppb` the part of reported revenue.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="offers")
    terms = models.ForeignKey(TermsText, on_delete=models.PROTECT, related_name="+")
    model = models.CharField(max_length=20, default="one-off")
    price_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    unit = models.CharField(max_length=40, blank=True)
    share_ppb = models.BigIntegerField(default=0)
    salt = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["price_minor", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "terms", "currency", "model", "unit"], name="licensing_terms_are_offered_once"
            ),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="licensing_price_is_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="licensing_currency_is_a_code"),
            models.CheckConstraint(
                condition=Q(
                    model__in=[
                        "one-off",
                        "per-seat",
                        "monthly",
                        "yearly",
                        "metered",
                        "revenue-share",
                        "free",
                        "pay-what-you-want",
                        "on-request",
                    ]
                ),
                name="licensing_price_model_is_known",
            ),
            models.CheckConstraint(
                condition=(Q(model="metered") & ~Q(unit="")) | (~Q(model="metered") & Q(unit="")),
                name="licensing_metered_prices_have_a_unit",
            ),
            models.CheckConstraint(
                condition=Q(model="revenue-share", share_ppb__gte=1, share_ppb__lte=1_000_000_000)
                | (~Q(model="revenue-share") & Q(share_ppb=0)),
                name="licensing_revenue_shares_have_a_share",
            ),
            models.CheckConstraint(
                condition=~Q(model__in=["free", "on-request"]) | Q(price_minor=0),
                name="licensing_free_and_on_request_have_no_price",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terms} of {self.release}"


class OfferPrice(models.Model):
    """A price of an offer for a time: of those whose time it is, the newest row counts. Rows are its history.

    `tiers` are `{"up_to_people": 10, "up_to_revenue_usd": 0, "price_minor": 500}`, 0 being without limit, narrowest
    first: the first that fits what a buyer declares replaces `price_minor`. `most_sales` ends an early-bird price.
    A metered price may have a least and a most that the uses of one month cost; 0 is none.
    """

    REGULAR, EARLY_BIRD, SALE = "regular", "early-bird", "sale"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="prices")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, default=REGULAR)
    price_minor = models.BigIntegerField()
    tiers = models.JSONField(default=list, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    most_sales = models.PositiveIntegerField(default=0)
    month_minimum_minor = models.BigIntegerField(default=0)
    month_cap_minor = models.BigIntegerField(default=0)
    salt = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["offer", "number"]
        constraints = [
            models.UniqueConstraint(fields=["offer", "number"], name="licensing_prices_are_numbered"),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="licensing_later_price_is_not_negative"),
            models.CheckConstraint(
                condition=Q(month_minimum_minor__gte=0, month_cap_minor__gte=0)
                & (Q(month_cap_minor=0) | Q(month_cap_minor__gte=models.F("month_minimum_minor"))),
                name="licensing_month_has_room",
            ),
            models.CheckConstraint(
                condition=Q(kind="regular", ends_at=None) | Q(kind="early-bird") | Q(kind="sale"),
                name="licensing_price_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=models.F("starts_at")), name="licensing_price_has_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.price_minor} for {self.offer_id}"


class OfferWithdrawal(models.Model):
    """From here on an offer is not sold; what was granted under it stays."""

    offer = models.OneToOneField(Offer, on_delete=models.PROTECT, primary_key=True, related_name="withdrawal")
    withdrawn_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.offer_id)


class Grant(models.Model):
    """A license held by a studio: it fixes release, terms and licensee, and outlives the listing.

    It holds from `starts_at` until before `ends_at`, for ever without one. `project` empty is for all projects.
    `kind` says whether it is new, or follows the grant that it `replaces`; `price_minor` is what was paid for it.
    """

    NEW, RENEWAL, UPGRADE, TRANSFER = "new", "renewal", "upgrade", "transfer"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="grants")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="grants")
    terms = models.ForeignKey(TermsText, on_delete=models.PROTECT, related_name="+")
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="grants")
    licensee_name = models.CharField(max_length=120)
    licensee_country = models.CharField(max_length=2, blank=True)
    licensee_registration = models.CharField(max_length=80, blank=True)
    licensee_salt = models.CharField(max_length=64)
    project = models.ForeignKey("licensing.Project", on_delete=models.PROTECT, null=True, related_name="grants")
    source = models.CharField(max_length=80, unique=True)
    seats = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    kind = models.CharField(max_length=10, default=NEW)
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="followers")
    price_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    # When its order was placed, where there was one: an exclusivity that was taken later does not undo it.
    ordered_at = models.DateTimeField(null=True)
    granted_at = models.DateTimeField()
    certificate = models.TextField()
    certificate_sha256 = models.CharField(max_length=64, unique=True)
    # Its bit in the status lists; none for grants whose certificates were signed before there were lists.
    status_index = models.BigIntegerField(null=True, unique=True)

    class Meta:
        indexes = [
            models.Index(fields=["studio", "-granted_at", "-id"], name="licensing_grants_of_studio"),
            models.Index(fields=["studio", "release"], name="licensing_grants_of_release"),
            models.Index(fields=["ends_at"], name="licensing_grants_by_end", condition=Q(ends_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status_index__gte=0), name="licensing_status_index_is_natural"),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=models.F("starts_at")), name="licensing_grant_has_a_time"
            ),
            models.CheckConstraint(
                condition=Q(kind="new", replaces=None)
                | Q(kind__in=["renewal", "upgrade", "transfer"], replaces__isnull=False),
                name="licensing_grant_follows_what_it_replaces",
            ),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="licensing_paid_is_not_negative"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class GrantStatus(models.Model):
    """What happened to a grant after it was given; the newest row counts, none means active."""

    ACTIVE, SUSPENDED, REVOKED, SUPERSEDED = "active", "suspended", "revoked", "superseded"

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="statuses")
    status = models.CharField(max_length=10)
    reason = models.CharField(max_length=200)
    since = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["active", "suspended", "revoked", "superseded"]),
                name="licensing_grant_status_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.grant_id} {self.status}"


class StatusList(models.Model):
    """A status list as it was signed after so many changes of its grants; the same is served until there are more."""

    address = models.CharField(max_length=300)
    changes = models.BigIntegerField()
    kid = models.CharField(max_length=43)
    credential = models.TextField()
    issued_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["address", "changes", "kid"], name="licensing_status_list_is_signed_once")
        ]

    def __str__(self) -> str:
        return f"{self.address} after {self.changes} changes"


class CredentialedCopy(models.Model):
    """A picture of a release with Content Credentials that name the terms: signed once, the same for all holders."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    terms = models.ForeignKey(TermsText, on_delete=models.PROTECT, related_name="+")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["release", "asset", "terms"], name="licensing_copy_is_signed_once")
        ]

    def __str__(self) -> str:
        return f"copy of {self.asset_id} under {self.terms_id}"


class Download(models.Model):
    """Somebody fetched what a grant covers."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="downloads")
    by = models.CharField(max_length=120)
    downloaded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["grant", "-id"], name="licensing_downloads_of_grant")]

    def __str__(self) -> str:
        return f"{self.grant_id} by {self.by}"
