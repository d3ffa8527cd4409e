"""The shapes of orders, of what they would cost, and of requests for a price."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from marketplace.api.fields import Shape, StrictDay, StrictInteger, StrictSerializer, StrictText, StrictUUID
from marketplace.api.serializers import GrantShape
from marketplace.checkout.billing_details import MOST
from marketplace.checkout.order_states import WORDS
from marketplace.checkout.papers.model import KINDS as PAPER_KINDS
from marketplace.checkout.subscription_states import STATES
from marketplace.checkout.taxes.base import REASONS as ALL_REASONS
from marketplace.licensing.pricing import PERIODS, SEATS_LIMIT
from marketplace.licensing.rules import PRICE_LIMIT_MINOR

REASONS = tuple(reason for reason in ALL_REASONS if reason)
ORDER_STATUSES = ("open", "paid", "free", "declined")
LINE_KINDS = ("buy", "renewal", "upgrade", "usage")
MOST_ITEMS = 50
WAYS = ("offers", "items", "collection")


class PaymentRequest(StrictSerializer):
    """How the order is paid: with a card that the studio keeps, or with the sandbox gateway a test card. Without either
    a person pays at the gateway's page, where it has one.
    """

    card = StrictText(max_length=30, required=False)
    method = StrictUUID(required=False, help_text="A payment method that your studio keeps.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) > 1:
            raise serializers.ValidationError(_("Name a card or a kept method: one of them."))
        return attrs


class ItemRequest(StrictSerializer):
    """One license in an order. `renews` and `upgrades` name a license that it follows; what renews needs no offer."""

    offer = StrictUUID(required=False)
    seats = StrictInteger(min_value=1, max_value=SEATS_LIMIT, required=False)
    project = StrictUUID(required=False, help_text="The one project that it is for.")
    code = StrictText(max_length=32, required=False, help_text="Takes something off where it applies.")
    amount_minor = StrictInteger(
        min_value=0, max_value=PRICE_LIMIT_MINOR, required=False, help_text="What you pay where you may choose."
    )
    starts_on = StrictDay(required=False, help_text="Its first day (UTC); now without it.")
    renews = StrictUUID(required=False)
    upgrades = StrictUUID(required=False)
    quote_request = StrictUUID(required=False, help_text="The accepted quote for an offer on request.")
    expect_minor = StrictInteger(
        min_value=0, max_value=PRICE_LIMIT_MINOR, required=False, help_text="Refuse the order at any other price."
    )


class WantedRequest(StrictSerializer):
    """What is to be licensed, all in one currency: `offers` as they are, `items` with more, or a `collection`."""

    offers = serializers.ListField(
        child=StrictUUID(), allow_empty=False, min_length=1, max_length=MOST_ITEMS, required=False
    )
    items = ItemRequest(many=True, allow_empty=False, max_length=MOST_ITEMS, required=False)
    collection = StrictUUID(required=False)
    project = StrictUUID(required=False, help_text="The one project that a collection is for.")

    def to_internal_value(self, data: Any) -> Any:
        """This will ask for `offers` where nothing else is asked for."""
        if isinstance(data, Mapping) and not data.keys() & set(WAYS):
            self.fields["offers"].required = True
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & set(WAYS)) > 1:
            raise serializers.ValidationError(_("Name offers, items or a collection: one of them."))
        if "project" in attrs and "collection" not in attrs:
            raise serializers.ValidationError({"project": [_("Goes with a collection; items name their own.")]})
        return attrs


class OrderRequest(WantedRequest):
    """What to license, all in one currency: `offers` as they are, `items` with more to say, or a `collection`; and how
    to pay. What is free needs no payment.
    """

    payment = PaymentRequest(required=False)


class PricedLineShape(Shape):
    """One license in an order: what it costs, and in words how that comes about."""

    offer = serializers.UUIDField()
    kind = serializers.ChoiceField(LINE_KINDS)
    price_minor = serializers.IntegerField(min_value=0, help_text="What is due for it.")
    list_minor = serializers.IntegerField(min_value=0, help_text="Without discount and credit.")
    credit_minor = serializers.IntegerField(min_value=0, help_text="What the license that it replaces took off.")
    tax_minor = serializers.IntegerField(min_value=0, help_text="Within the price, or on top of it.")
    seats = serializers.IntegerField(min_value=0)
    project = serializers.UUIDField(allow_null=True)
    replaces = serializers.UUIDField(allow_null=True)
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    explained = serializers.ListField(child=serializers.CharField(), help_text="In the language asked for.")


class TaxShape(Shape):
    """One tax over all lines; `reason` says why it is zero where it is."""

    jurisdiction = serializers.CharField(help_text="ISO 3166 code of the place.", allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    rate_ppb = serializers.IntegerField(min_value=0, help_text="In parts per billion.")
    base_minor = serializers.IntegerField(min_value=0)
    tax_minor = serializers.IntegerField(min_value=0)
    reason = serializers.ChoiceField(REASONS, allow_blank=True)


class QuotedShape(Shape):
    """What an order would cost now. Nothing was written and nothing is held."""

    total_minor = serializers.IntegerField(min_value=0, help_text="With the taxes.")
    list_minor = serializers.IntegerField(min_value=0)
    tax_minor = serializers.IntegerField(min_value=0)
    tax_included = serializers.BooleanField(help_text="Whether the prices of the lines have the taxes in them.")
    taxes = TaxShape(many=True)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    needs_payment = serializers.BooleanField(help_text="Whether the order asks for a way to pay, now or later.")
    lines = PricedLineShape(many=True)


class PaymentShape(Shape):
    """How the payment of an order stands. While its state is `action`, a person goes on at `url`."""

    state = serializers.ChoiceField(tuple(WORDS))
    url = serializers.URLField(allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="Why it was declined, in the language asked for.")
    tries = serializers.IntegerField(min_value=0, help_text="How often the gateway was asked for the money.")


class PaperShape(Shape):
    """An invoice, a receipt, or what corrects one: numbered, and never changed."""

    kind = serializers.ChoiceField(PAPER_KINDS)
    number = serializers.CharField()
    gross_minor = serializers.IntegerField(min_value=0)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    issued_at = serializers.DateTimeField()
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="Of the paper as JSON.")
    url = serializers.URLField(help_text="As JSON, or as PDF by the header Accept or by `format`.")


class OrderRowShape(Shape):
    """An order in a list."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(tuple(WORDS))
    total_minor = serializers.IntegerField(min_value=0)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    placed_at = serializers.DateTimeField()
    papers = PaperShape(many=True)
    url = serializers.URLField()


class OrderPage(Shape):
    """One page of orders; `next` is the cursor of the page behind it, null on the last one."""

    data = OrderRowShape(many=True)
    next = serializers.CharField(allow_null=True)


class BillingRequest(StrictSerializer):
    """Whom papers are made out to, all of it anew; an invoice needs name, street and city."""

    name = StrictText(max_length=MOST["name"], required=False, allow_blank=True)
    street = StrictText(max_length=MOST["street"], required=False, allow_blank=True)
    postcode = StrictText(max_length=MOST["postcode"], required=False, allow_blank=True)
    city = StrictText(max_length=MOST["city"], required=False, allow_blank=True)
    region = StrictText(
        max_length=MOST["region"], required=False, allow_blank=True, help_text="Second half of ISO 3166-2."
    )
    country = StrictText(max_length=2, help_text="ISO 3166-1 alpha-2; taxes go by it.")
    vat_id = StrictText(max_length=40, required=False, allow_blank=True)
    email = StrictText(max_length=MOST["email"], required=False, allow_blank=True)
    reference = StrictText(
        max_length=MOST["reference"], required=False, allow_blank=True, help_text="Yours; stands on each paper."
    )


class BillingShape(Shape):
    """Whom papers are made out to from now on; empty where nobody said it."""

    name = serializers.CharField(allow_blank=True)
    street = serializers.CharField(allow_blank=True)
    postcode = serializers.CharField(allow_blank=True)
    city = serializers.CharField(allow_blank=True)
    region = serializers.CharField(allow_blank=True)
    country = serializers.CharField(allow_blank=True)
    vat_id = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    reference = serializers.CharField(allow_blank=True)


class OrderShape(Shape):
    """What was ordered and what became of it, as it stands now; `grants` follow the order of the lines."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(ORDER_STATUSES)
    payment = PaymentShape()
    total_minor = serializers.IntegerField(min_value=0, help_text="With the taxes.")
    tax_minor = serializers.IntegerField(min_value=0)
    tax_included = serializers.BooleanField(help_text="Whether the prices of the lines have the taxes in them.")
    taxes = TaxShape(many=True)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    placed_at = serializers.DateTimeField()
    lines = PricedLineShape(many=True)
    grants = GrantShape(many=True)
    papers = PaperShape(many=True)
    url = serializers.URLField()


STEP_SIDES, STEP_KINDS = ("creator", "studio"), ("price", "accept", "decline")
QUOTE_STATES = ("open", "accepted", "declined")


class PriceRequest(StrictSerializer):
    """Ask for a price of an offer on request."""

    offer = StrictUUID()
    seats = StrictInteger(min_value=1, max_value=SEATS_LIMIT, required=False)
    project = StrictUUID(required=False)
    message = StrictText(max_length=2000, required=False, allow_blank=True)


class AnswerRequest(StrictSerializer):
    """Your studio's answer: a price of its own, or yes or no to the creator's."""

    kind = serializers.ChoiceField(STEP_KINDS)
    price_minor = StrictInteger(min_value=0, max_value=PRICE_LIMIT_MINOR, required=False)
    seats = StrictInteger(min_value=1, max_value=SEATS_LIMIT, required=False)
    valid_until = StrictDay(required=False, help_text="The last day (UTC) on which the price is good.")
    message = StrictText(max_length=2000, required=False, allow_blank=True)


class StepShape(Shape):
    """A price from one side, or its answer to the other's."""

    side = serializers.ChoiceField(STEP_SIDES)
    kind = serializers.ChoiceField(STEP_KINDS)
    price_minor = serializers.IntegerField(min_value=0, allow_null=True)
    seats = serializers.IntegerField(min_value=1, allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class PriceRequestShape(Shape):
    """A talk about a price, step by step. The creator names the first price; then the sides take turns."""

    id = serializers.UUIDField()
    offer = serializers.UUIDField()
    pack = serializers.CharField()
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    seats = serializers.IntegerField(min_value=1)
    project = serializers.UUIDField(allow_null=True)
    message = serializers.CharField(allow_blank=True)
    asked_at = serializers.DateTimeField()
    state = serializers.ChoiceField(
        QUOTE_STATES, help_text="What is accepted is bought with `quote_request` in an order."
    )
    turn = serializers.ChoiceField(STEP_SIDES, allow_null=True, help_text="Who is to answer; null when it is over.")
    steps = StepShape(many=True)
    url = serializers.URLField()


class PriceRequestPage(Shape):
    """One page of requests; `next` is the cursor of the page behind it, null on the last one."""

    data = PriceRequestShape(many=True)
    next = serializers.CharField(allow_null=True)


class SeatsRequest(StrictSerializer):
    """How many seats a subscription is to have."""

    seats = StrictInteger(min_value=1, max_value=SEATS_LIMIT)


class SubscriptionShape(Shape):
    """A license that is renewed each period by the card that was kept, until it ends."""

    id = serializers.UUIDField()
    pack = serializers.CharField()
    offer = serializers.UUIDField()
    model = serializers.ChoiceField(tuple(PERIODS))
    grant = serializers.UUIDField(allow_null=True, help_text="Its newest license.")
    seats = serializers.IntegerField(min_value=1, help_text="Of its next period.")
    started_at = serializers.DateTimeField()
    paid_until = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(
        STATES,
        help_text="What is past-due is not paid, and its license goes on for a time. What was cancelled or has ended"
        " runs to the end of what was paid for.",
    )
    trial_until = serializers.DateTimeField(
        allow_null=True, help_text="When the first period is charged, after a trial."
    )
    grace_until = serializers.DateTimeField(allow_null=True, help_text="Until when the license of a past-due one runs.")
    payment_method = serializers.UUIDField(
        allow_null=True, help_text="The kept card that its next period is charged to; null where that is none of them."
    )
    pay_url = serializers.CharField(allow_null=True, help_text="Where the buyer pays a renewal that is past due.")
    end_cause = serializers.CharField(allow_null=True, help_text="cancelled, declined, withdrawn, and so on.")
    ended_at = serializers.DateTimeField(allow_null=True)


class SubscriptionPage(Shape):
    """One page of subscriptions; `next` is the cursor of the page behind it, null on the last one."""

    data = SubscriptionShape(many=True)
    next = serializers.CharField(allow_null=True)
