"""The shapes of requests and answers, as OpenAPI shows them."""

from rest_framework import serializers


class OfferShape(serializers.Serializer[object]):
    """Terms at a price. `price_minor` is in minor units of `currency` (ISO 4217)."""

    id = serializers.UUIDField()
    terms = serializers.CharField()
    terms_sha256 = serializers.CharField()
    price_minor = serializers.IntegerField(min_value=0)
    currency = serializers.CharField()
    allows = serializers.ListField(child=serializers.CharField())
    forbids = serializers.ListField(child=serializers.CharField())


class PackShape(serializers.Serializer[object]):
    """A pack as the catalog lists it, by its newest release."""

    pack = serializers.CharField()
    version = serializers.CharField()
    release = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.DictField(child=serializers.CharField())
    creator = serializers.CharField()
    elements = serializers.ListField(child=serializers.CharField())
    base_model = serializers.CharField(allow_blank=True)
    ai_training = serializers.CharField()
    published_at = serializers.DateTimeField()
    from_price_minor = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    url = serializers.CharField()


class PackPage(serializers.Serializer[object]):
    """One page of packs; `next` is the cursor of the page behind it, null on the last one."""

    data = PackShape(many=True)
    next = serializers.CharField(allow_null=True)


class ProofShape(serializers.Serializer[object]):
    """Where a statement stands in the log: pending, sealed or anchored."""

    state = serializers.ChoiceField(choices=["pending", "sealed", "anchored"])
    index = serializers.IntegerField(allow_null=True)
    entry_sha256 = serializers.CharField(allow_null=True)
    transaction = serializers.CharField(allow_null=True)


class ReleaseShape(serializers.Serializer[object]):
    """One immutable release: its manifest, what it is offered under, and its place in the log."""

    release = serializers.CharField()
    manifest = serializers.DictField()
    offers = OfferShape(many=True)
    proof = ProofShape()


class LicenseShape(serializers.Serializer[object]):
    """A license that the studio holds."""

    id = serializers.UUIDField()
    pack = serializers.CharField()
    version = serializers.CharField()
    release = serializers.CharField()
    terms = serializers.CharField()
    terms_sha256 = serializers.CharField()
    licensee = serializers.CharField()
    seats = serializers.IntegerField()
    status = serializers.ChoiceField(choices=["active", "suspended", "revoked"])
    granted_at = serializers.DateTimeField()
    certificate = serializers.CharField()
    certificate_sha256 = serializers.CharField()
    download = serializers.CharField()


class LicensePage(serializers.Serializer[object]):
    """One page of licenses; `next` is the cursor of the page behind it, null on the last one."""

    data = LicenseShape(many=True)
    next = serializers.CharField(allow_null=True)


class PaymentRequest(serializers.Serializer[object]):
    """How the order is paid; with the sandbox gateway a test card. May be left out for free offers."""

    card = serializers.CharField(max_length=30)


class LicenseRequest(serializers.Serializer[object]):
    """Which offers to license, all in one currency, and how to pay."""

    offers = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=50)
    payment = PaymentRequest(required=False)


class OrderShape(serializers.Serializer[object]):
    """What was bought; the same idempotency key returns the same order."""

    order = serializers.UUIDField()
    total_minor = serializers.IntegerField()
    currency = serializers.CharField()
    licenses = LicenseShape(many=True)


class FoundRelease(serializers.Serializer[object]):
    """A release that holds the bytes."""

    pack = serializers.CharField()
    version = serializers.CharField()
    release = serializers.CharField()
    creator = serializers.CharField()
    published_at = serializers.DateTimeField()


class VerifyShape(serializers.Serializer[object]):
    """Whether bytes match what was registered here; it says nothing about who made them first elsewhere."""

    sha256 = serializers.CharField()
    matches = serializers.BooleanField()
    registered_at = serializers.DateTimeField(allow_null=True)
    releases = FoundRelease(many=True)
    proof = ProofShape(allow_null=True)


class ProblemShape(serializers.Serializer[object]):
    """RFC 9457 problem details; `code` is stable, `detail` is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    findings = serializers.ListField(child=serializers.DictField(), required=False)
