"""Terms, terms at a price, licenses held, and the signed papers that prove them."""

import uuid

from django.db import models
from django.db.models import Q

from assets.models import Asset, Blob
from marketplace.catalog.models import Release
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
    """Terms at a price for one release."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="offers")
    terms = models.ForeignKey(TermsText, on_delete=models.PROTECT, related_name="+")
    price_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    salt = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["price_minor", "id"]
        constraints = [
            models.UniqueConstraint(fields=["release", "terms", "currency"], name="licensing_terms_are_offered_once"),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="licensing_price_is_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="licensing_currency_is_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.terms} of {self.release}"


class OfferWithdrawal(models.Model):
    """From here on an offer is not sold; what was granted under it stays."""

    offer = models.OneToOneField(Offer, on_delete=models.PROTECT, primary_key=True, related_name="withdrawal")
    withdrawn_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.offer_id)


class Grant(models.Model):
    """A license held by a studio: it fixes release, terms and licensee, and outlives the listing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="grants")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="grants")
    terms = models.ForeignKey(TermsText, on_delete=models.PROTECT, related_name="+")
    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="grants")
    licensee_name = models.CharField(max_length=120)
    licensee_salt = models.CharField(max_length=64)
    source = models.CharField(max_length=80, unique=True)
    seats = models.PositiveIntegerField()
    granted_at = models.DateTimeField()
    certificate = models.TextField()
    certificate_sha256 = models.CharField(max_length=64, unique=True)
    # Its bit in the status lists; none for grants whose certificates were signed before there were lists.
    status_index = models.BigIntegerField(null=True, unique=True)

    class Meta:
        indexes = [models.Index(fields=["studio", "-granted_at", "-id"], name="licensing_grants_of_studio")]
        constraints = [
            models.CheckConstraint(condition=Q(status_index__gte=0), name="licensing_status_index_is_natural")
        ]

    def __str__(self) -> str:
        return str(self.id)


class GrantStatus(models.Model):
    """What happened to a grant after it was given; the newest row counts, none means active."""

    ACTIVE, SUSPENDED, REVOKED = "active", "suspended", "revoked"

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="statuses")
    status = models.CharField(max_length=10)
    reason = models.CharField(max_length=200)
    since = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["active", "suspended", "revoked"]),
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
