"""The shapes of files of other tools: what is sent, and what they name."""

from rest_framework import serializers

from marketplace.api.fields import Sha256, Shape, StrictInteger, StrictSerializer, StrictText, StrictUUID
from marketplace.api.recipe_shapes import CheckedRecipeShape
from marketplace.api.terms_shapes import AmountShape, UseRequest
from marketplace.api.usage_shapes import UseShape
from marketplace.compositions.checking import VERDICTS
from marketplace.compositions.importing.matching import EVIDENCE
from marketplace.compositions.importing.reading import MOST_BYTES
from marketplace.compositions.usage.envelope import MOST_SECONDS

FILE_LIMIT = (MOST_BYTES + 2) // 3 * 4
CONTAINERS = ("png", "webp", "jpeg", "json", "text")


class ImportRequest(StrictSerializer):
    """A file of ComfyUI or A1111. What it names is checked for `use`, without it for a picture for oneself; a lock of
    your studio is checked for the use that it was locked for.
    """

    file = StrictText(max_length=FILE_LIMIT, help_text="PNG, WebP, JPEG, JSON or text of at most 32 MiB, as Base64.")
    use = UseRequest(required=False)
    project = StrictUUID(required=False, help_text="The one project that it is for.")
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)


class PictureRequest(StrictSerializer):
    """A picture that names a lock of the studio, to be counted as a use of it."""

    file = StrictText(max_length=FILE_LIMIT, help_text="PNG, WebP or JPEG of at most 32 MiB, as Base64.")
    at = StrictInteger(
        min_value=0, max_value=MOST_SECONDS, required=False, help_text="When it was made, in Unix seconds; else now."
    )


class MentionShape(Shape):
    """Where a pack is named: the layer, empty for the whole picture, and the weight where it can be told."""

    name = serializers.CharField(help_text="The file's name, its digits, or the pack's.")
    evidence = serializers.ChoiceField(EVIDENCE, help_text="How it was known, the best first.")
    layer = serializers.CharField(allow_blank=True)
    weight_ppm = serializers.IntegerField(allow_null=True)


class NamedPackShape(Shape):
    """A pack that the file names, whether it may be used so, and what one picture costs."""

    pack = serializers.CharField()
    version = serializers.CharField()
    release = Sha256()
    creator = serializers.CharField()
    mentions = MentionShape(many=True)
    verdict = serializers.ChoiceField(VERDICTS, allow_null=True, help_text="null where its weight is 0.")
    grant = serializers.UUIDField(allow_null=True)
    offer = serializers.UUIDField(allow_null=True)
    unit = serializers.CharField(allow_blank=True)
    unit_minor = serializers.IntegerField(min_value=0, allow_null=True, help_text="What one unit costs, if counted.")
    so_far = serializers.IntegerField(min_value=0, help_text="Units counted in this month under this license.")
    price_minor = serializers.IntegerField(min_value=0, allow_null=True, help_text="To buy the license; 0 if held.")
    currency = serializers.CharField(allow_blank=True)


class GuessShape(Shape):
    """A name or digits that files of these releases have; nothing is owed for it."""

    name = serializers.CharField()
    releases = serializers.ListField(child=serializers.CharField())


class ImportedShape(Shape):
    """Which registered packs a file names. That proves nothing: anybody can change what a file says of itself."""

    container = serializers.ChoiceField(CONTAINERS)
    sha256 = Sha256(help_text="Of the file.")
    recipe = serializers.CharField(allow_blank=True, help_text="The digest of the lock that it names.")
    site = serializers.CharField(allow_blank=True, help_text="Where it says that this was locked.")
    is_elsewhere = serializers.BooleanField()
    lock = serializers.URLField(allow_null=True, help_text="Where it is your studio's own.")
    packs = NamedPackShape(many=True)
    guesses = GuessShape(many=True, help_text="Files of these names are in packs: perhaps it is one of them.")
    unclear = GuessShape(many=True, help_text="Several packs have a file with these digits.")
    unknown = serializers.ListField(child=serializers.CharField(), help_text="Models that nobody registered here.")
    contradictions = serializers.ListField(child=serializers.CharField(), help_text="In the language asked for.")
    owed = AmountShape(many=True, help_text="What this picture adds under licenses that count, by currency.")
    counted = UseShape(allow_null=True, help_text="The use that this very file was counted as.")
    checked = CheckedRecipeShape(allow_null=True, help_text="What was found, as a recipe, and its check.")


class CountedPictureShape(Shape):
    """The use that a picture counts as."""

    is_new = serializers.BooleanField(help_text="False where it had been counted before.")
    use = UseShape()
