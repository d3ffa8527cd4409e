"""The shapes of requests and answers, as OpenAPI shows them."""

from typing import Any

from rest_framework import serializers

from marketplace.api.fields import ByLanguage, Document, Sha256, Shape
from marketplace.api.problems import KINDS, PARTS
from marketplace.catalog.rules import AI_TRAINING, BASE_MODELS, ELEMENT_KINDS, PACK_KINDS
from marketplace.licensing.models import OfferPrice
from marketplace.licensing.pricing import PRICE_MODELS
from marketplace.licensing.queries import STATES

GRANT_STATUSES = ("active", "suspended", "revoked", "superseded")
GRANT_KINDS = ("new", "renewal", "upgrade", "transfer")
PRICE_KINDS = (OfferPrice.REGULAR, OfferPrice.EARLY_BIRD, OfferPrice.SALE)
PROOF_STATES = ("pending", "sealed", "anchored")


class TierShape(Shape):
    """The price for studios up to a size; 0 is without limit."""

    up_to_people = serializers.IntegerField(min_value=0)
    up_to_revenue_usd = serializers.IntegerField(min_value=0)
    price_minor = serializers.IntegerField(min_value=0)


class OfferShape(Shape):
    """Terms at a price. Prices are in minor units of `currency` (ISO 4217), as they are now."""

    id = serializers.UUIDField()
    terms = serializers.CharField(help_text="The name of the terms.")
    terms_sha256 = Sha256(help_text="Digest of the terms document.")
    document = Document(help_text="The terms document: worldloom/terms/2, or /1 in old offers.")
    model = serializers.ChoiceField(PRICE_MODELS, help_text="What the price is for.")
    price_minor = serializers.IntegerField(
        min_value=0, help_text="For a license, a seat, a seat and month, a unit; the least of pay-what-you-want."
    )
    regular_minor = serializers.IntegerField(min_value=0, help_text="The price when nothing is on sale.")
    price_kind = serializers.ChoiceField(PRICE_KINDS)
    price_ends_at = serializers.DateTimeField(allow_null=True, help_text="When this price ends, if that is known.")
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    unit = serializers.CharField(allow_blank=True, help_text="What a metered price counts.")
    share_ppb = serializers.IntegerField(min_value=0, help_text="Of reported revenue, in parts per billion.")
    tiers = TierShape(many=True, help_text="Prices by the size that a studio declared: the first that fits counts.")
    month_minimum_minor = serializers.IntegerField(
        min_value=0, help_text="The least that the uses of a month cost; 0 is none."
    )
    month_cap_minor = serializers.IntegerField(
        min_value=0, help_text="The most that the uses of a month cost; 0 is none."
    )
    trial_days = serializers.IntegerField(
        min_value=0, help_text="For how many days a subscription is tried for nothing, once a pack; 0 is none."
    )
    exclusive = serializers.BooleanField()
    available = serializers.BooleanField(help_text="False while somebody has exclusively what it covers.")
    taken_until = serializers.DateTimeField(allow_null=True, help_text="When that ends, if it does.")
    allows = serializers.ListField(child=serializers.CharField(), help_text="In words, in the language asked for.")
    forbids = serializers.ListField(child=serializers.CharField(), help_text="In words, in the language asked for.")
    requires = serializers.ListField(child=serializers.CharField(), help_text="In words, in the language asked for.")


class CollectionShape(Shape):
    """Several offers of one owner at one price."""

    id = serializers.UUIDField()
    title = ByLanguage(help_text="By language: en, zh-Hans.")
    price_minor = serializers.IntegerField(min_value=0)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    offers = serializers.ListField(child=serializers.UUIDField())


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
    from_price_minor = serializers.IntegerField(
        allow_null=True, help_text="Lowest price now; null when nothing has one beforehand."
    )
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
    manifest = Document(
        help_text="worldloom/release-manifest/1, or /2 with absolute shares; `release` digests its RFC 8785 form."
    )
    offers = OfferShape(many=True)
    collections = CollectionShape(many=True, help_text="What is sold together with this pack.")
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
    licensee = serializers.CharField(help_text="The legal entity that holds it.")
    licensee_country = serializers.CharField(allow_blank=True, help_text="ISO 3166-1 alpha-2.")
    licensee_registration = serializers.CharField(allow_blank=True)
    project = serializers.UUIDField(allow_null=True, help_text="The one project it is for; null is for all.")
    project_name = serializers.CharField(allow_null=True)
    seats = serializers.IntegerField(min_value=0, help_text="People who may use it; 0 is without limit.")
    seats_used = serializers.IntegerField(min_value=0, help_text="People who were assigned one.")
    exclusive = serializers.BooleanField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="It holds until before this; for ever without.")
    kind = serializers.ChoiceField(GRANT_KINDS)
    replaces = serializers.UUIDField(allow_null=True, help_text="The license that it follows.")
    price_minor = serializers.IntegerField(min_value=0, help_text="What was paid for it.")
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    downloads = serializers.IntegerField(min_value=0)
    status = serializers.ChoiceField(GRANT_STATUSES, help_text="What happened to it.")
    state = serializers.ChoiceField(STATES, help_text="What it is now, by its status and its days.")
    granted_at = serializers.DateTimeField()
    certificate = serializers.CharField(help_text="Compact JWS (RFC 7515), ES256.")
    certificate_sha256 = Sha256()
    certificate_page = serializers.URLField(help_text="Where anybody can check it.")
    url = serializers.URLField()
    download = serializers.URLField()


class GrantPage(Shape):
    """One page of grants; `next` is the cursor of the page behind it, null on the last one."""

    data = GrantShape(many=True)
    next = serializers.CharField(allow_null=True)


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
    line = serializers.IntegerField(min_value=1, required=False, help_text="In a recipe, from 1 on.")
    column = serializers.IntegerField(min_value=1, required=False, help_text="In characters, from 1 on.")
    length = serializers.IntegerField(min_value=0, required=False, help_text="How many characters it is about.")
    code = serializers.CharField(required=False, help_text="Of what is wrong in a recipe; it stays the same.")
    suggestion = serializers.CharField(required=False, allow_blank=True, help_text="What to write in its place.")

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
