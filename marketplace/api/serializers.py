"""The shapes of requests and answers, as OpenAPI shows them."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.api.problems import KINDS, NOT_KNOWN, PARTS
from marketplace.catalog.rules import AI_TRAINING, BASE_MODELS, ELEMENT_KINDS, PACK_KINDS

ORDER_STATUSES = ("open", "paid", "free", "declined")
GRANT_STATUSES = ("active", "suspended", "revoked")
PROOF_STATES = ("pending", "sealed", "anchored")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class StrictUUID(serializers.UUIDField):
    """A UUID as RFC 9562 writes it, not a number nor one of its other spellings."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid", value=data if isinstance(data, str) else "")
        return UUID(data)


class StrictText(serializers.CharField):
    """A JSON string, not a number that could be written as one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members that it does not know, so that a typing error is heard of."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = (
            {name: [_(NOT_KNOWN)] for name in data if name not in self.fields} if isinstance(data, Mapping) else {}
        )
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **unknown}) from None  # type: ignore[dict-item]
        if unknown:
            raise serializers.ValidationError(unknown)
        return value


class Shape(serializers.Serializer[Any]):
    """A shape of answers: it is only shown, never filled in."""


class Sha256(serializers.RegexField):
    """64 small hexadecimal digits."""

    def __init__(self, **more: Any) -> None:
        super().__init__(r"^[0-9a-f]{64}$", **more)


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1})
class ByLanguage(serializers.DictField):
    """One text a language."""


@extend_schema_field(OpenApiTypes.OBJECT)
class Document(serializers.DictField):
    """JSON of a format that has a page of its own."""


class OfferShape(Shape):
    """Terms at a price. `price_minor` is in minor units of `currency` (ISO 4217)."""

    id = serializers.UUIDField()
    terms = serializers.CharField(help_text="The name of the terms.")
    terms_sha256 = Sha256(help_text="Digest of the terms document.")
    price_minor = serializers.IntegerField(min_value=0)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    allows = serializers.ListField(child=serializers.CharField(), help_text="In words, in the language asked for.")
    forbids = serializers.ListField(child=serializers.CharField(), help_text="In words, in the language asked for.")
    requires = serializers.ListField(child=serializers.CharField(), help_text="In words, in the language asked for.")


class PackShape(Shape):
    """A pack as the catalog lists it, by its newest release."""

    pack = serializers.CharField(help_text="creator/pack.")
    version = serializers.CharField()
    release = Sha256(help_text="Digest of the release's manifest.")
    kind = serializers.ChoiceField(PACK_KINDS)
    title = ByLanguage(help_text="By language: en, zh-Hans.")
    creator = serializers.CharField(help_text="The name that the creator is shown by.")
    elements = serializers.ListField(child=serializers.ChoiceField(ELEMENT_KINDS), help_text="Kinds of its elements.")
    base_model = serializers.ChoiceField([name for name in BASE_MODELS if name], allow_null=True)
    ai_training = serializers.ChoiceField(AI_TRAINING)
    published_at = serializers.DateTimeField()
    from_price_minor = serializers.IntegerField(allow_null=True, help_text="Lowest price; null when nothing is sold.")
    currency = serializers.RegexField(r"^[A-Z]{3}$", allow_null=True)
    url = serializers.URLField()


class PackPage(Shape):
    """One page of packs; `next` is the cursor of the page behind it, null on the last one."""

    data = PackShape(many=True)
    next = serializers.CharField(allow_null=True)


class ProofShape(Shape):
    """Where a statement stands in the log: pending, sealed or anchored."""

    state = serializers.ChoiceField(PROOF_STATES)
    index = serializers.IntegerField(allow_null=True, help_text="Its leaf in the log, from 0.")
    entry_sha256 = Sha256(allow_null=True, help_text="Digest of the entry's bytes.")
    transaction = serializers.CharField(allow_null=True, help_text="The newest anchor over it, on chain.")


class ReleaseShape(Shape):
    """One immutable release: its manifest, what it is offered under, and its place in the log."""

    release = Sha256()
    manifest = Document(help_text="worldloom/release-manifest/1; its RFC 8785 form has the digest `release`.")
    offers = OfferShape(many=True)
    proof = ProofShape()


class GrantShape(Shape):
    """A license that the studio holds."""

    id = serializers.UUIDField()
    pack = serializers.CharField()
    version = serializers.CharField()
    release = Sha256()
    offer = serializers.UUIDField()
    terms = serializers.CharField()
    terms_sha256 = Sha256()
    licensee = serializers.CharField()
    seats = serializers.IntegerField(min_value=0, help_text="People who may use it; 0 is without limit.")
    status = serializers.ChoiceField(GRANT_STATUSES)
    granted_at = serializers.DateTimeField()
    certificate = serializers.CharField(help_text="Compact JWS (RFC 7515), ES256.")
    certificate_sha256 = Sha256()
    url = serializers.URLField()
    download = serializers.URLField()


class GrantPage(Shape):
    """One page of grants; `next` is the cursor of the page behind it, null on the last one."""

    data = GrantShape(many=True)
    next = serializers.CharField(allow_null=True)


class PaymentRequest(StrictSerializer):
    """How the order is paid; with the sandbox gateway a test card."""

    card = StrictText(max_length=30)


class OrderRequest(StrictSerializer):
    """Which offers to license, all in one currency, and how to pay; free offers need no payment."""

    offers = serializers.ListField(child=StrictUUID(), allow_empty=False, min_length=1, max_length=50)
    payment = PaymentRequest(required=False)


class OrderShape(Shape):
    """What was ordered and what became of it, as it stands now; `grants` follow the order of the offers."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(ORDER_STATUSES)
    total_minor = serializers.IntegerField(min_value=0)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    placed_at = serializers.DateTimeField()
    grants = GrantShape(many=True)
    url = serializers.URLField()


class FoundRelease(Shape):
    """A release that holds the bytes."""

    pack = serializers.CharField()
    version = serializers.CharField()
    release = Sha256()
    creator = serializers.CharField()
    published_at = serializers.DateTimeField()
    url = serializers.URLField()


class VerifyShape(Shape):
    """Whether bytes match what was registered here; it says nothing about who made them first elsewhere."""

    sha256 = Sha256()
    matches = serializers.BooleanField()
    registered_at = serializers.DateTimeField(allow_null=True)
    releases = FoundRelease(many=True)
    proof = ProofShape(allow_null=True)


class FindingShape(Shape):
    """One thing that is wrong: in which part of the request, where in it, and what."""

    where = serializers.CharField(allow_blank=True, help_text="A JSON pointer in the body, elsewhere a name.")
    message = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        # `in` is a word of Python, so it cannot be declared like the others.
        return {"in": serializers.ChoiceField(PARTS), **super().get_fields()}


class ProblemShape(Shape):
    """RFC 9457 problem details; `code` is stable, `detail` is for people."""

    type = serializers.CharField(help_text="A reference to the page that explains the code.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.ChoiceField(list(KINDS))
    request_id = serializers.CharField()
    findings = FindingShape(many=True, required=False)
