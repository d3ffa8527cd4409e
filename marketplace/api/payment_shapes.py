"""The shapes of payments beside orders: cards that are kept, and refunds."""

from rest_framework import serializers

from marketplace.api.fields import Shape, StrictInteger, StrictSerializer, StrictText, StrictUUID

REFUND_STATES = ("open", "pending", "succeeded", "failed", "refused", "overtaken", "again", "otherwise", "settled")
REQUEST_STATES = ("waiting", "granted", "refused", "withdrawn")


class PaymentMethodShape(Shape):
    """A card that the studio lets the marketplace keep. Its number is not known here."""

    id = serializers.UUIDField(help_text="Send it as `payment.method` of an order.")
    brand = serializers.CharField(help_text="As gateways write it, such as `visa`; empty where it is not known.")
    last4 = serializers.CharField(help_text="The last four digits; empty where they are not known.")
    ends = serializers.CharField(allow_null=True, help_text="Its last month, such as 2030-12.")
    is_default = serializers.BooleanField(help_text="Whether it pays where an order says nothing.")
    kept_at = serializers.DateTimeField()


class PaymentMethodRequest(StrictSerializer):
    """Which kept card pays from now on."""

    method = StrictUUID(help_text="A payment method that your studio keeps.")


class PaymentMethodsShape(Shape):
    """The cards of a studio, the default first."""

    data = PaymentMethodShape(many=True)


class RefundShape(Shape):
    """Money of an order line that goes, or went, back."""

    id = serializers.UUIDField()
    order = serializers.UUIDField()
    line = serializers.IntegerField(min_value=0, help_text="Its place in the order's `lines`, from 0.")
    amount_minor = serializers.IntegerField(min_value=1)
    currency = serializers.CharField()
    reason = serializers.CharField()
    state = serializers.ChoiceField(
        REFUND_STATES,
        help_text="`pending` is on its way, `failed` came back from the bank, `again` and `otherwise` say what was done"
        " about that.",
    )
    asked_at = serializers.DateTimeField()


class RefundPage(Shape):
    """One page of refunds; `next` is the cursor of the page behind it, null on the last one."""

    data = RefundShape(many=True)
    next = serializers.CharField(allow_null=True)


class RefundAsked(StrictSerializer):
    """A refund that is asked for."""

    order = StrictUUID()
    line = StrictInteger(min_value=0, max_value=32_767, help_text="Its place in the order's `lines`, from 0.")
    amount_minor = StrictInteger(
        min_value=1, max_value=2**53 - 1, required=False, help_text="All that is left of the line, without it."
    )
    reason = StrictText(max_length=500)


class RefundRequestShape(Shape):
    """A refund that was asked for, and what was answered."""

    id = serializers.UUIDField()
    order = serializers.UUIDField()
    line = serializers.IntegerField(min_value=0, help_text="Its place in the order's `lines`, from 0.")
    amount_minor = serializers.IntegerField(min_value=1)
    currency = serializers.CharField()
    reason = serializers.CharField()
    state = serializers.ChoiceField(REQUEST_STATES)
    answer = serializers.CharField(help_text="The operator's words; empty where there are none.")
    refund = serializers.UUIDField(allow_null=True, help_text="The refund that came of it.")
    asked_at = serializers.DateTimeField()
    url = serializers.URLField()


class RefundRequestPage(Shape):
    """One page of requests; `next` is the cursor of the page behind it, null on the last one."""

    data = RefundRequestShape(many=True)
    next = serializers.CharField(allow_null=True)
