"""The shapes of recipes: what is asked of them, and what they are answered with."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from marketplace.api.fields import ByLanguage, Document, Sha256, Shape, StrictSerializer, StrictText, StrictUUID
from marketplace.api.order_shapes import OrderShape, PaymentRequest
from marketplace.api.terms_shapes import (
    AmountShape,
    DutiesShape,
    NarrowingShape,
    RefusalShape,
    UseRequest,
)
from marketplace.checkout.recipe_quote_queries import LINE_STATES, QUOTE_STATES
from marketplace.compositions.checking import VERDICTS
from marketplace.compositions.exports.base import FIDELITIES
from marketplace.compositions.exports.forms import FORMS

TEXT_LIMIT = 1024 * 1024
TITLE_LIMIT = 120
REMEDY_KINDS = ("offer", "pack", "request", "version")


def recipe_text(**more: Any) -> StrictText:
    """This will read a recipe as it was written, with every blank of it."""
    return StrictText(max_length=TEXT_LIMIT, trim_whitespace=False, allow_blank=True, **more)


class RecipeRequest(StrictSerializer):
    """A recipe, as `text` or as the JSON of docs/formats/recipe.md, and what is to be done with what it paints."""

    text = recipe_text(required=False)
    recipe = serializers.DictField(required=False, help_text="worldloom/recipe/1, instead of the text.")
    use = UseRequest()
    project = StrictUUID(required=False, help_text="The one project that it is for.")
    currency = serializers.RegexField(
        r"^[A-Z]{3}$", required=False, help_text="Offers in it are taken where there are any."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("text" in attrs) == ("recipe" in attrs):
            raise serializers.ValidationError(_("Send the recipe as text or as JSON: one of them."))
        return attrs


class RecipeQuoteRequest(RecipeRequest):
    """What is to be quoted; `saved` names the recipe that it is kept as."""

    saved = StrictUUID(required=False)


class RecipeLockRequest(RecipeQuoteRequest):
    """What is to be locked. `masks` are SHA-256 of masks that were added, by the names that the recipe has for them."""

    title = StrictText(max_length=TITLE_LIMIT, required=False, allow_blank=True)
    masks = serializers.DictField(child=Sha256(), required=False)


class RecipePlaceShape(Shape):
    """Something in a recipe's text, with its place."""

    line = serializers.IntegerField(min_value=1)
    column = serializers.IntegerField(min_value=1, help_text="In characters, from 1 on.")
    length = serializers.IntegerField(min_value=0)


class RecipeFindingShape(RecipePlaceShape):
    """One thing that is wrong in a recipe."""

    code = serializers.CharField(help_text="Stays the same: docs/formats/recipe.md.")
    message = serializers.CharField()
    suggestion = serializers.CharField(allow_blank=True, help_text="What to write in its place.")


class SwapShape(Shape):
    """Under what a layer's pack is used instead."""

    layer = serializers.CharField()
    pack = serializers.CharField(help_text="creator/pack@version, as a ref may have it.")
    offer = serializers.UUIDField(allow_null=True, help_text="null for what is held already.")
    price_minor = serializers.IntegerField(min_value=0)
    currency = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class RemedyShape(Shape):
    """The smallest change of its kind that makes it legal, with its price."""

    kind = serializers.ChoiceField(REMEDY_KINDS)
    swaps = SwapShape(many=True)
    narrowed = NarrowingShape(many=True)
    prices = AmountShape(many=True, help_text="By currency; none where it costs nothing.")
    use = Document(help_text="The use that is then allowed.")
    is_smallest = serializers.BooleanField()


class RecipeRefShape(Shape):
    """A pack of a layer: what it names, whether it may be used so, and what it would cost."""

    written = serializers.CharField(help_text="As the recipe names it.")
    at = RecipePlaceShape(allow_null=True, help_text="Where; null in a recipe that was sent as JSON.")
    pack = serializers.CharField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    release = Sha256(allow_null=True)
    element = serializers.CharField(allow_null=True)
    weight_ppm = serializers.IntegerField()
    share_ppb = serializers.IntegerField(min_value=0, help_text="Its part of the picture; all together are the whole.")
    verdict = serializers.ChoiceField(VERDICTS)
    grant = serializers.UUIDField(allow_null=True, help_text="The license that covers it.")
    offer = serializers.UUIDField(allow_null=True, help_text="The offer that could.")
    terms = serializers.CharField(allow_null=True)
    model = serializers.CharField(allow_null=True)
    unit = serializers.CharField(allow_blank=True)
    seats = serializers.IntegerField(min_value=0)
    price_minor = serializers.IntegerField(min_value=0, allow_null=True, help_text="Due when it is ordered.")
    unit_minor = serializers.IntegerField(min_value=0, allow_null=True, help_text="Of a seat, a period or a unit.")
    currency = serializers.CharField(allow_null=True)
    needs_quote = serializers.BooleanField(help_text="Priced on request.")
    explained = serializers.ListField(child=serializers.CharField(), help_text="In the language asked for.")
    reasons = RefusalShape(many=True)
    fixes = RemedyShape(many=True)


class RecipeLayerShape(Shape):
    """A layer, and the worst verdict of its packs."""

    label = serializers.CharField()
    prompt = serializers.CharField(allow_blank=True)
    verdict = serializers.ChoiceField(VERDICTS)
    area_ppm = serializers.IntegerField(min_value=0)
    share_ppb = serializers.IntegerField(min_value=0)
    packs = RecipeRefShape(many=True)


class MissingShape(Shape):
    """A license to buy, once for all layers that need it."""

    offer = serializers.UUIDField()
    pack = serializers.CharField()
    version = serializers.CharField()
    terms = serializers.CharField()
    layers = serializers.ListField(child=serializers.CharField())
    seats = serializers.IntegerField(min_value=0)
    price_minor = serializers.IntegerField(min_value=0, allow_null=True)
    currency = serializers.CharField()
    needs_quote = serializers.BooleanField()


class CheckedRecipeShape(Shape):
    """Whether a recipe may be used so: layer by layer, with what is missing, what it costs, and what would help."""

    readable = serializers.BooleanField(help_text="False where findings say why it is no recipe.")
    allowed = serializers.BooleanField(help_text="Whether it may be used so once what is missing is bought.")
    licensed = serializers.BooleanField(help_text="Whether your studio may use it so now.")
    findings = RecipeFindingShape(many=True)
    layers = RecipeLayerShape(many=True, help_text="In paint order, the style last.")
    missing = MissingShape(many=True)
    prices = AmountShape(many=True, help_text="Of all that is missing, by currency.")
    clashes = RefusalShape(many=True, help_text="Between layers, each of which could be used alone.")
    fixes = RemedyShape(many=True, help_text="For the recipe as a whole.")
    duties = DutiesShape()
    base_model = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True, help_text="What the places are in: as sent, or the JSON written.")
    recipe = Document(allow_null=True, help_text="worldloom/recipe/1.")


class RecipeQuoteLineShape(Shape):
    """One license in a quote, at the price that it has there, beside what it costs now."""

    offer = serializers.UUIDField()
    pack = serializers.CharField()
    version = serializers.CharField()
    terms = serializers.CharField()
    layers = serializers.ListField(child=serializers.CharField())
    seats = serializers.IntegerField(min_value=0)
    price_minor = serializers.IntegerField(min_value=0, help_text="As it was quoted.")
    now_minor = serializers.IntegerField(min_value=0, allow_null=True, help_text="null where it cannot be bought now.")
    unit_minor = serializers.IntegerField(min_value=0, help_text="Of a seat or a unit, as it was quoted.")
    unit_now_minor = serializers.IntegerField(min_value=0)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    state = serializers.ChoiceField(LINE_STATES)
    message = serializers.CharField(allow_blank=True, help_text="What changed since it was quoted.")
    explained = serializers.ListField(child=serializers.CharField(), help_text="In the language asked for.")


class RecipeQuoteShape(Shape):
    """What all licenses that a recipe lacks cost, kept for 30 minutes."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(QUOTE_STATES)
    quoted_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    text = serializers.CharField()
    use = Document()
    project = serializers.UUIDField(allow_null=True)
    saved = serializers.UUIDField(allow_null=True)
    lines = RecipeQuoteLineShape(many=True)
    totals = AmountShape(many=True, help_text="By currency: each is an order of its own.")
    needs_payment = serializers.BooleanField()
    orders = serializers.ListField(child=serializers.UUIDField(), help_text="Those that bought it, or tried to.")
    url = serializers.URLField()


class RecipeOrderRequest(StrictSerializer):
    """How a quote is paid. `title` and `masks` are for the lock, as where a recipe is locked."""

    payment = PaymentRequest(required=False)
    title = StrictText(max_length=TITLE_LIMIT, required=False, allow_blank=True)
    masks = serializers.DictField(child=Sha256(), required=False)


class LockedRefShape(Shape):
    """A pack in a lock."""

    layer = serializers.CharField()
    pack = serializers.CharField()
    version = serializers.CharField()
    release = Sha256()
    element = serializers.CharField(allow_blank=True)
    weight_ppm = serializers.IntegerField()
    share_ppb = serializers.IntegerField(min_value=0)
    grant = serializers.UUIDField(allow_null=True)
    offer = serializers.UUIDField(allow_null=True)
    files = serializers.ListField(child=serializers.CharField(), help_text="Under the flat names that exports use.")


class RecipeExportShape(Shape):
    """A lock in a form that other tools read."""

    form = serializers.ChoiceField(tuple(FORMS))
    label = serializers.CharField(help_text="In the language asked for.")
    media_type = serializers.CharField()
    fidelity = serializers.ChoiceField(
        FIDELITIES, help_text="Whether it paints what the recipe says, something like it, or only tells of it."
    )
    lost = serializers.ListField(child=serializers.CharField(), help_text="What this lock loses in it.")
    notes = serializers.ListField(child=serializers.CharField(), help_text="What is left to be done by hand.")
    refused = serializers.CharField(allow_blank=True, help_text="Why this lock cannot be written in it at all.")
    url = serializers.URLField()


class RecipeExportsShape(Shape):
    """Every form that a lock can be taken to other tools in, the most faithful first."""

    data = RecipeExportShape(many=True)


class RecipeLockShape(Shape):
    """A recipe that is fixed: its digest is its id, in tools, in pictures and in uses."""

    digest = Sha256()
    title = serializers.CharField(allow_blank=True)
    locked_at = serializers.DateTimeField()
    project = serializers.UUIDField(allow_null=True)
    saved = serializers.UUIDField(allow_null=True)
    runnable = serializers.BooleanField(help_text="Whether each pack has a license that holds now.")
    packs = LockedRefShape(many=True)
    document = Document(help_text="worldloom/recipe-lock/1; its RFC 8785 form has the digest.")
    exports = serializers.URLField()
    kit = serializers.URLField(help_text="Models, workflows and certificates in one zip.")
    url = serializers.URLField()


class RecipeLockRowShape(Shape):
    """A lock in a list."""

    digest = Sha256()
    title = serializers.CharField(allow_blank=True)
    locked_at = serializers.DateTimeField()
    project = serializers.UUIDField(allow_null=True)
    saved = serializers.UUIDField(allow_null=True)
    url = serializers.URLField()


class RecipeLockPage(Shape):
    """One page of locks; `next` is the cursor of the page behind it, null on the last one."""

    data = RecipeLockRowShape(many=True)
    next = serializers.CharField(allow_null=True)


class BoughtRecipeShape(Shape):
    """What came of a quote: its orders, one for each currency, with the licenses, and the recipe's lock."""

    quote = serializers.UUIDField()
    orders = OrderShape(many=True)
    lock = RecipeLockShape()
    url = serializers.URLField(help_text="Of the lock.")


class KeepRequest(StrictSerializer):
    """A recipe to be kept for the studio; it may still have errors in it."""

    title = StrictText(max_length=TITLE_LIMIT)
    text = recipe_text()


class RewriteRequest(StrictSerializer):
    """What a recipe says from here on. With `after`, only if that is still the number of its newest text."""

    title = StrictText(max_length=TITLE_LIMIT, required=False)
    text = recipe_text(required=False)
    after = serializers.IntegerField(min_value=0, required=False)


class SavedRecipeShape(Shape):
    """A recipe that is kept, with its newest text."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    number = serializers.IntegerField(min_value=1, help_text="How many texts it had.")
    written_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    forked_from = serializers.UUIDField(allow_null=True)
    share_token = serializers.CharField(allow_null=True, help_text="While it is shared.")
    share_url = serializers.URLField(allow_null=True)
    url = serializers.URLField()


class SavedRecipePage(Shape):
    """One page of kept recipes; `next` is the cursor of the page behind it, null on the last one."""

    data = SavedRecipeShape(many=True)
    next = serializers.CharField(allow_null=True)


class SharedRecipeShape(Shape):
    """A recipe that somebody shared."""

    title = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    shared_by = serializers.CharField()
    shared_at = serializers.DateTimeField()


class ForkRequest(StrictSerializer):
    """What is forked: the token at the end of a share's address."""

    token = StrictText(max_length=100)


class MaskRequest(StrictSerializer):
    """A picture that says where a layer is painted: white where it is."""

    picture = StrictText(max_length=3 * 1024 * 1024, help_text="PNG, JPEG or WebP of at most 2 MiB, as Base64.")


class MaskShape(Shape):
    """A mask that was added."""

    sha256 = Sha256()
    width = serializers.IntegerField(min_value=1)
    height = serializers.IntegerField(min_value=1)
    area_ppm = serializers.IntegerField(min_value=0, help_text="How much of it is white.")


class CompletionShape(Shape):
    """A pack, or an element of one, that a ref may name."""

    ref = serializers.CharField(help_text="As a recipe has it, with its @.")
    pack = serializers.CharField()
    title = ByLanguage(help_text="By language: en, zh-Hans.")
    kind = serializers.CharField()
    creator = serializers.CharField()


class CompletionsShape(Shape):
    """What a ref that is being typed may become, the likeliest first."""

    data = CompletionShape(many=True)
