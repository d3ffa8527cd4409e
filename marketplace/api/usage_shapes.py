"""The shapes of uses of recipes: signed envelopes, what was counted, and the keys that sign."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.api.fields import Sha256, Shape, StrictSerializer, StrictText
from marketplace.compositions.usage.envelope import PAYLOAD_TYPE

SOURCES = ("api", "runner", "upload")
_JWK = {
    "type": "object",
    "properties": {"kty": {"const": "OKP"}, "crv": {"const": "Ed25519"}, "x": {"type": "string"}},
    "required": ["kty", "crv", "x"],
}


@extend_schema_field({"oneOf": [_JWK, {"type": "string"}]})
class PublicKey(serializers.Field):  # type: ignore[type-arg]
    """A public key as a JWK (RFC 8037), or the text of a PEM file."""

    def to_internal_value(self, data: Any) -> str | Mapping[str, Any]:
        if isinstance(data, Mapping):
            return data
        if not isinstance(data, str) or len(data) > 2_000:
            raise serializers.ValidationError(_("Must be a JWK or the text of a PEM file."))
        return data


class UsageSignatureRequest(StrictSerializer):
    """Whose signature it is, and the signature of the payload's PAE (DSSE v1) in Base64."""

    keyid = StrictText(max_length=43, help_text="The key's RFC 7638 thumbprint.")
    sig = StrictText(max_length=88)


class UsageEnvelopeRequest(StrictSerializer):
    """A DSSE envelope with one signature around a batch of uses (docs/formats/usage.md)."""

    payload = StrictText(help_text="The batch, `worldloom/usage/1`, in Base64.")
    payloadType = serializers.ChoiceField([PAYLOAD_TYPE])
    signatures = UsageSignatureRequest(many=True)


class AcceptedShape(Shape):
    """What became of a batch: how many of its events were new, and how many had been counted before."""

    batch = serializers.UUIDField()
    events = serializers.IntegerField(min_value=1)
    counted = serializers.IntegerField(min_value=0)
    duplicates = serializers.IntegerField(min_value=0)
    received_at = serializers.DateTimeField()


class UseShape(Shape):
    """A use that was counted: it is billed in `month`, the one in which it was received (UTC)."""

    nonce = serializers.UUIDField()
    recipe = Sha256()
    at = serializers.DateTimeField()
    counts = serializers.DictField(child=serializers.IntegerField(min_value=1))
    outputs = serializers.ListField(child=Sha256())
    received_at = serializers.DateTimeField()
    month = serializers.CharField()
    batch = serializers.UUIDField()
    source = serializers.ChoiceField(SOURCES, help_text="Who said so: a signed batch, our runner, or an upload.")
    key = serializers.CharField(allow_null=True, help_text="The thumbprint of the key that signed it.")


class UsePage(Shape):
    """One page of uses; `next` is the cursor of the page behind it, null on the last one."""

    data = UseShape(many=True)
    next = serializers.CharField(allow_null=True)


class UsageKeyRequest(StrictSerializer):
    """A key whose signature is to count: Ed25519, its public half."""

    name = StrictText(max_length=80)
    public_key = PublicKey()


class UsageJwk(Shape):
    """An Ed25519 public key (RFC 8037)."""

    kty = serializers.CharField()
    crv = serializers.CharField()
    x = serializers.CharField()


class UsageKeyShape(Shape):
    """A key of the studio's renderers; nothing that it signs counts from `ended_at` on."""

    id = serializers.UUIDField()
    kid = serializers.CharField(help_text="Its RFC 7638 thumbprint, which envelopes name as keyid.")
    name = serializers.CharField()
    public_key = UsageJwk()
    added_by = serializers.CharField()
    added_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    url = serializers.URLField()


class UsageKeyPage(Shape):
    """One page of keys, ended ones too; `next` is the cursor of the page behind it, null on the last one."""

    data = UsageKeyShape(many=True)
    next = serializers.CharField(allow_null=True)
