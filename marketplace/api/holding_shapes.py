"""The shapes of what goes with licenses: projects, seats, reported use, certificates."""

from rest_framework import serializers

from marketplace.api.fields import (
    Document,
    Sha256,
    Shape,
    StrictDay,
    StrictInteger,
    StrictSerializer,
    StrictText,
    StrictUUID,
)
from marketplace.api.serializers import ProofShape
from marketplace.licensing.holding import QUANTITY_LIMIT
from marketplace.licensing.queries import STATES


class ProjectRequest(StrictSerializer):
    """A project to be opened."""

    name = StrictText(max_length=120)


class ProjectShape(Shape):
    """What the studio makes: licenses may be for it alone, and its credits are told together."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    opened_at = serializers.DateTimeField()
    licenses = serializers.IntegerField(min_value=0, help_text="How many are for this project alone.")
    credits = serializers.URLField()
    url = serializers.URLField()


class ProjectPage(Shape):
    """One page of projects; `next` is the cursor of the page behind it, null on the last one."""

    data = ProjectShape(many=True)
    next = serializers.CharField(allow_null=True)


class SeatShape(Shape):
    """A person who has one of a license's seats."""

    email = serializers.EmailField()
    name = serializers.CharField()
    assigned_at = serializers.DateTimeField()


class SeatsShape(Shape):
    """A license's seats: how many there are (0 is without limit), and who has one."""

    grant = serializers.UUIDField()
    seats = serializers.IntegerField(min_value=0)
    people = SeatShape(many=True)


class TransferRequest(StrictSerializer):
    """To whom a license is passed on: the id of another studio, which it tells you."""

    studio = StrictUUID()


class TransferShape(Shape):
    """The license that the other studio holds now; yours is superseded by it."""

    grant = serializers.UUIDField()
    replaces = serializers.UUIDField()
    licensee = serializers.CharField()
    granted_at = serializers.DateTimeField()


class UsageRequest(StrictSerializer):
    """What was used or earned in some days, both included."""

    quantity = StrictInteger(
        min_value=0, max_value=QUANTITY_LIMIT, help_text="Units of a metered offer, or revenue in minor units."
    )
    from_day = StrictDay()
    until_day = StrictDay()
    note = StrictText(max_length=200, required=False, allow_blank=True)


class UsageShape(Shape):
    """A report of use, as it was taken."""

    grant = serializers.UUIDField()
    key = serializers.CharField()
    quantity = serializers.IntegerField(min_value=0)
    from_day = serializers.DateField()
    until_day = serializers.DateField()
    note = serializers.CharField(allow_blank=True)
    reported_by = serializers.CharField()
    reported_at = serializers.DateTimeField()


class UsagePage(Shape):
    """What was reported under a license, oldest first; it is not in pages."""

    data = UsageShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="Always null.")


class CertificateShape(Shape):
    """A license's certificate, as it was signed."""

    grant = serializers.UUIDField()
    certificate = serializers.CharField(allow_blank=True, help_text="Compact JWS (RFC 7515), ES256.")
    certificate_sha256 = Sha256()
    page = serializers.URLField(help_text="Where anybody can check it.")


class StandingShape(Shape):
    """What anybody may know of a license: what it licenses, and whether it holds. Who holds it is not said."""

    grant = serializers.UUIDField()
    pack = serializers.CharField()
    version = serializers.CharField()
    release = Sha256()
    creator = serializers.CharField()
    terms = serializers.CharField()
    terms_sha256 = Sha256()
    exclusive = serializers.BooleanField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    granted_at = serializers.DateTimeField()
    state = serializers.ChoiceField(STATES, help_text="What it is now.")
    certificate_sha256 = Sha256()
    proof = ProofShape()
    page = serializers.URLField()


class CertificateRequest(StrictSerializer):
    """A certificate to be checked, and the digest of the release that it is shown with."""

    certificate = StrictText(max_length=20_000)
    release = Sha256(required=False, help_text="SHA-256 of the release manifest that it should license.")
    file = Sha256(required=False, help_text="SHA-256 of a file that it should license.")


class CheckedShape(Shape):
    """What a genuine certificate says, and whether its license holds now."""

    kid = serializers.CharField(help_text="The key that signed it (RFC 7638).")
    said = Document(help_text="What it says of the license (docs/formats/certificate.md).")
    standing = StandingShape(allow_null=True, help_text="Null where no license of that number was ever granted.")


class SizeRequest(StrictSerializer):
    """How large your studio is, as it says itself: prices by size go by it."""

    people = StrictInteger(min_value=1, max_value=10_000_000, help_text="Who work there.")
    revenue_usd = StrictInteger(min_value=0, max_value=10**15, help_text="Whole US dollars of the last year.")


class EntityRequest(StrictSerializer):
    """The legal entity that your studio is: licenses granted from now on name it."""

    legal_name = StrictText(max_length=120)
    country = StrictText(max_length=2, required=False, allow_blank=True, help_text="ISO 3166-1 alpha-2.")
    registration = StrictText(max_length=80, required=False, allow_blank=True)


class StudioShape(Shape):
    """The studio whose key it is."""

    id = serializers.UUIDField(help_text="By which others pass licenses on to you.")
    name = serializers.CharField()
    legal_name = serializers.CharField(allow_blank=True)
    country = serializers.CharField(allow_blank=True)
    registration = serializers.CharField(allow_blank=True)
    people = serializers.IntegerField(allow_null=True, help_text="As declared last; null where nothing was.")
    revenue_usd = serializers.IntegerField(allow_null=True)
