"""The shapes of runs: recipes that services paint, on their way to be a picture."""

from rest_framework import serializers

from marketplace.api.fields import Sha256, Shape
from marketplace.compositions.services.queries import LAYER_STATES, RUN_STATES


class RunLayerShape(Shape):
    """How far a layer is. `reason` says why it failed, and what to do; `code` is stable."""

    layer = serializers.CharField()
    pack = serializers.CharField(help_text="creator/pack@version, whose service paints it.")
    is_style = serializers.BooleanField()
    state = serializers.ChoiceField(
        LAYER_STATES,
        help_text="waiting for its turn, asked, taken on by the service, made, or failed.",
    )
    since = serializers.DateTimeField()
    deadline_at = serializers.DateTimeField(help_text="We wait no longer than this.")
    width = serializers.IntegerField(min_value=1)
    height = serializers.IntegerField(min_value=1)
    code = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)


class RunRowShape(Shape):
    """A run in a list. Nothing is charged for one that failed; `sha256` is of the picture, null while there is none."""

    id = serializers.UUIDField()
    recipe = Sha256(help_text="The lock's digest.")
    state = serializers.ChoiceField(RUN_STATES)
    started_at = serializers.DateTimeField()
    started_by = serializers.CharField()
    ended_at = serializers.DateTimeField(allow_null=True)
    sha256 = Sha256(allow_null=True)
    picture = serializers.URLField(allow_null=True)
    url = serializers.URLField()


class RunShape(RunRowShape):
    """A run with its layers in paint order, the style last; `code` and `reason` say why it failed."""

    code = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    layers = RunLayerShape(many=True)


class RunPage(Shape):
    """One page of runs; `next` is the cursor of the page behind it, null on the last one."""

    data = RunRowShape(many=True)
    next = serializers.CharField(allow_null=True)
