"""The shapes of terms, of requests against them, and of what they answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.api.fields import (
    ByLanguage,
    Document,
    ScopeField,
    Sha256,
    Shape,
    StrictBoolean,
    StrictDay,
    StrictInteger,
    StrictSerializer,
    StrictText,
    StrictUUID,
    no_scope,
)
from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.exchange.base import NAMES
from marketplace.licensing.terms.exchange.forms import READERS
from marketplace.licensing.terms.model import CAP_LIMIT_USD, LINE_LENGTH, SEATS_LIMIT, UNLIMITED_DEPTH, Use
from marketplace.licensing.terms.words import ALLOWS, FORBIDS, REQUIRES

MOST_LAYERS = 64
FIX_KINDS = ("offer", "pack", "request")
RIGHT_KINDS = (ALLOWS, FORBIDS, REQUIRES)
ALTERNATIVE_KINDS = ("offer", "pack")
READ_FORMS, WRITTEN_FORMS = tuple(READERS), tuple(NAMES)


class TermsLineShape(Shape):
    """What terms say in one dimension, as people read it."""

    dimension = serializers.CharField()
    kind = serializers.ChoiceField(RIGHT_KINDS)
    text = serializers.CharField(help_text="In the language asked for.")


class TermsShape(Shape):
    """Terms as data and as text. The document's RFC 8785 form has the digest `sha256`."""

    sha256 = Sha256()
    name = serializers.CharField()
    document = Document(help_text="worldloom/terms/2, or /1 in old licenses.")
    texts = ByLanguage(help_text="The whole text made from it, by language: en, zh-Hans.")
    lines = TermsLineShape(many=True)


class LossShape(Shape):
    """What a form could not carry over: in which dimension, and what."""

    dimension = serializers.CharField()
    message = serializers.CharField()


class ExportShape(Shape):
    """Terms in somebody else's form: never more than they allow, and what was lost."""

    form = serializers.ChoiceField(WRITTEN_FORMS)
    media_type = serializers.CharField(help_text="Of `text`.")
    text = serializers.CharField()
    lost = LossShape(many=True)


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object", "additionalProperties": True}]})
class LicenseField(serializers.Field):  # type: ignore[type-arg]
    """An id, a text, or the JSON of somebody's license."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | dict) or not data:
            raise serializers.ValidationError(_("Must be an id, a text or a JSON object."))
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class LicenseRequest(StrictSerializer):
    """A license to be read. Without `form` it is found out."""

    license = LicenseField()
    form = serializers.ChoiceField(READ_FORMS, required=False)


class ImportShape(Shape):
    """Terms that were read from a license: what it was taken for, and what was lost."""

    form = serializers.ChoiceField(READ_FORMS)
    source = serializers.CharField(help_text="What it was taken for, such as CC-BY-4.0.")
    terms = TermsShape()
    lost = LossShape(many=True)


class UseRequest(StrictSerializer):
    """What somebody wants to do. What is not said is not asked for; where, what for and in which media must be said."""

    commercial = serializers.ChoiceField(vocabulary.COMMERCIAL, required=False)
    revenue_usd = StrictInteger(min_value=0, max_value=CAP_LIMIT_USD, required=False)
    derivatives = serializers.ChoiceField(vocabulary.DERIVATIVES, required=False)
    ai_training = serializers.ChoiceField(vocabulary.AI_TRAINING, required=False)
    redistribution = serializers.ChoiceField(vocabulary.REDISTRIBUTION, required=False)
    seats = StrictInteger(min_value=0, max_value=SEATS_LIMIT, required=False, help_text="People; 0 is without limit.")
    sublicense_depth = StrictInteger(min_value=0, max_value=UNLIMITED_DEPTH, required=False)
    transferable = StrictBoolean(required=False)
    exclusive = StrictBoolean(required=False)
    territory = ScopeField(default=no_scope, help_text="ISO 3166-1 alpha-2.")
    fields = ScopeField(default=no_scope)  # type: ignore[assignment]
    media = ScopeField(default=no_scope)
    starts = StrictDay(required=False, help_text="First day (UTC); today without it.")
    ends = StrictDay(required=False, help_text="Last day; for ever without it.")
    content = serializers.ListField(child=StrictText(max_length=40), max_length=100, required=False)
    approved = StrictBoolean(required=False)
    credited = StrictBoolean(required=False)
    output_owner = serializers.ChoiceField(vocabulary.OUTPUT_OWNERS, required=False)
    share_alike = StrictText(max_length=LINE_LENGTH, required=False, allow_blank=True)


def use_from(said: Mapping[str, Any], now: datetime | None = None) -> Use:
    """This will give what a UseRequest said, as data; with `now` it begins today unless it says otherwise."""
    values = dict(said)
    if now is not None:
        values.setdefault("starts", now.date())
    for day in ("starts", "ends"):
        if day in values:
            values[day] = values[day].isoformat()
    if "content" in values:
        values["content"] = frozenset(values["content"])
    return Use(**values)


class LayerRequest(StrictSerializer):
    """Something that is used, under exactly one of: an offer, a grant of your studio, terms by digest, terms as data,
    or a pack, which is taken under its cheapest offer. Its name is the pack's where none is given.
    """

    name = StrictText(max_length=80, required=False)
    pack = serializers.RegexField(r"^[a-z0-9-]{1,40}/[a-z0-9-]{1,40}$", required=False, help_text="creator/pack.")
    offer = StrictUUID(required=False)
    grant = StrictUUID(required=False)
    terms_sha256 = Sha256(required=False)
    terms = serializers.DictField(
        required=False, help_text="A terms document, or ready-made terms with changes: {base: studio, seats: 5}."
    )
    party = StrictText(max_length=80, required=False, help_text="Who licenses it; the pack's creator where it has one.")


class CheckRequest(StrictSerializer):
    """A use of some layers together."""

    layers = LayerRequest(many=True, allow_empty=False, max_length=MOST_LAYERS)
    use = UseRequest()


class RefusalShape(Shape):
    """Why not: in which dimension, by which layers, by a code that stays the same."""

    dimension = serializers.CharField()
    code = serializers.CharField()
    layers = serializers.ListField(child=serializers.CharField())
    message = serializers.CharField()


class CreditOwedShape(Shape):
    """A layer to be credited; without a line of its own, by its name."""

    layer = serializers.CharField()
    line = serializers.CharField(allow_blank=True)


class RoyaltyShape(Shape):
    """A share in parts per billion of what works derived from a layer earn."""

    layer = serializers.CharField()
    basis = serializers.ChoiceField(vocabulary.ROYALTY_BASES)
    share_ppb = serializers.IntegerField(min_value=0)


class DutiesShape(Shape):
    """What the use brings with it."""

    credits = CreditOwedShape(many=True)
    approvals = serializers.ListField(child=serializers.CharField(), help_text="Layers whose owner must approve.")
    royalties = RoyaltyShape(many=True)
    share_alike = serializers.CharField(allow_blank=True, help_text="Under what changed works must be shared.")
    banned = serializers.ListField(child=serializers.ChoiceField(sorted(vocabulary.BANNED)))


class AmountShape(Shape):
    """An amount in minor units."""

    amount_minor = serializers.IntegerField(min_value=0)
    currency = serializers.RegexField(r"^[A-Z]{3}$")


class ChangeShape(Shape):
    """A layer, and what it is used under instead."""

    layer = serializers.CharField()
    kind = serializers.ChoiceField(ALTERNATIVE_KINDS)
    name = serializers.CharField()
    offer = serializers.UUIDField(allow_null=True)
    price_minor = serializers.IntegerField(min_value=0)
    currency = serializers.CharField()
    message = serializers.CharField()


class NarrowingShape(Shape):
    """A dimension in which less is asked."""

    dimension = serializers.CharField()
    message = serializers.CharField()


class FixShape(Shape):
    """The smallest change of its kind that makes the use legal, with its price."""

    kind = serializers.ChoiceField(FIX_KINDS)
    changes = ChangeShape(many=True)
    narrowed = NarrowingShape(many=True)
    prices = AmountShape(many=True, help_text="By currency; none where it costs nothing.")
    use = Document(help_text="The use that is then allowed.")
    is_smallest = serializers.BooleanField(help_text="False where there were too many ways to look at all.")


class CheckShape(Shape):
    """Whether all layers together allow the use; if not, every reason, and the smallest changes that would help."""

    allowed = serializers.BooleanField()
    refusals = RefusalShape(many=True)
    duties = DutiesShape()
    fixes = FixShape(many=True)


class MayRequest(StrictSerializer):
    """May the key's studio use this file, or this release, so?"""

    sha256 = Sha256(help_text="Of a file, or of a release's manifest.")
    use = UseRequest()
    project = StrictUUID(required=False)
    person = serializers.EmailField(required=False, help_text="Who wants to use it, where seats are assigned.")


class ReasonShape(Shape):
    """One reason why not."""

    code = serializers.CharField()
    dimension = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class MayShape(Shape):
    """Yes or no, with the license that it goes by: the one that allows it, or the nearest one."""

    allowed = serializers.BooleanField()
    reasons = ReasonShape(many=True)
    duties = DutiesShape(allow_null=True)
    grant = serializers.UUIDField(allow_null=True)
    release = Sha256(allow_null=True)
