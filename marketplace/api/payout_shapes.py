"""The shapes of a creator's payouts: what was paid and how far it is, and when they are paid next."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from marketplace.api.fields import Shape, StrictSerializer, StrictText

PAYOUT_STATES = ("open", "sent", "paid", "failed", "returned")
STEP_KINDS = ("transfer", "bank", "return", "recovery")
STEP_ENDS = ("asked", "done", "refused", "paid", "failed", "canceled", "back")
WAITS_FOR = ("hold-period", "reserve")


class PayoutShape(Shape):
    """A payout: all that was available when it was reserved, or what of it the rail can send."""

    id = serializers.UUIDField()
    amount_minor = serializers.IntegerField(min_value=1)
    currency = serializers.CharField()
    way = serializers.CharField(help_text="The name of the rail that sends it.")
    state = serializers.ChoiceField(
        PAYOUT_STATES,
        help_text="`open` is reserved and not sent; `paid` may still come back within days; of `failed` and `returned`"
        " the money is in the balance again.",
    )
    state_at = serializers.DateTimeField(help_text="Since when it is in that state.")
    reserved_at = serializers.DateTimeField()
    reference = serializers.CharField(help_text="The rail's name of what it said last, or its reason; may be empty.")
    came_back_minor = serializers.IntegerField(
        min_value=0, help_text="What of it is in the balance again, or met what is owed: all of it, or some parts."
    )
    arrives_on = serializers.DateField(
        allow_null=True, help_text="When the bank should have the last of it; null while nobody has said."
    )
    held_for = serializers.ListField(
        child=serializers.CharField(), help_text="Why it waits while it is open, each as the end of a sentence."
    )
    url = serializers.URLField()


class PayoutPage(Shape):
    """One page of payouts; `next` is the cursor of the page behind it, null on the last one."""

    data = PayoutShape(many=True)
    next = serializers.CharField(allow_null=True)


class PayoutStepShape(Shape):
    """Something that was tried for a payout over the payment provider, or that was said of it later."""

    at = serializers.DateTimeField()
    number = serializers.IntegerField(min_value=1, help_text="That of the attempt.")
    kind = serializers.ChoiceField(
        STEP_KINDS,
        help_text="`transfer` is to your account with the provider, one for each part; `bank` goes on from there;"
        " `return` comes back from it, `recovery` for what you owe.",
    )
    state = serializers.ChoiceField(
        STEP_ENDS, help_text="`back` is a part that was taken back at the provider itself; `asked` has no answer yet."
    )
    amount_minor = serializers.IntegerField(min_value=1)
    reference = serializers.CharField(help_text="The provider's name of it; empty where there is none.")
    reason = serializers.CharField(help_text="Why it was refused, or sent back; may be empty.")
    arrives_on = serializers.DateField(allow_null=True, help_text="The day that the bank should have it.")


class WholePayoutShape(PayoutShape):
    """A payout with its way, step by step, the oldest first; over a rail that has no steps, none."""

    steps = PayoutStepShape(many=True)


class WaitingMoneyShape(Shape):
    """An amount that is not available yet, and until when."""

    amount_minor = serializers.IntegerField(min_value=1)
    why = serializers.ChoiceField(WAITS_FOR)
    until = serializers.DateTimeField()
    reason = serializers.CharField(help_text="Why it is in reserve, where somebody said; may be empty.")


class NextPayoutShape(Shape):
    """When the creator is paid next in one currency, and why not earlier."""

    currency = serializers.CharField()
    way = serializers.CharField(help_text="How the next one is made: the name of a rail, or `chain`.")
    ways = serializers.ListField(child=serializers.CharField(), help_text="Among which the creator may choose.")
    available_minor = serializers.IntegerField(min_value=0)
    on_the_way_minor = serializers.IntegerField(min_value=0, help_text="In an open payout; the next is made after it.")
    threshold_minor = serializers.IntegerField(min_value=1, help_text="From which amount on a payout is made.")
    is_enough = serializers.BooleanField(help_text="Whether so much is available.")
    schedule = serializers.CharField(help_text="`always`, `daily`, `weekly:5` (Friday), `monthly:1` or `manual`.")
    next_at = serializers.DateTimeField(
        allow_null=True, help_text="The first settlement that may pay; null where payouts are made by hand."
    )
    held_for = serializers.ListField(
        child=serializers.CharField(), help_text="Why no payout is made for now, each as the end of a sentence."
    )
    hold_days = serializers.IntegerField(min_value=0, help_text="For how long what is earned now is held.")
    reserve_ppb = serializers.IntegerField(min_value=0, help_text="What share of it is then kept back for longer.")
    reserve_days = serializers.IntegerField(min_value=0)
    waiting = WaitingMoneyShape(many=True, help_text="What comes available when, the first first.")


class NextPayoutsShape(Shape):
    """One row a currency in which the creator ever earned."""

    data = NextPayoutShape(many=True)


class ChooseWay(StrictSerializer):
    """How the creator wants to be paid, from the next payout on."""

    way = StrictText(max_length=40, help_text="One of `ways`: the name of a rail, or `chain`.")


class ChosenWayShape(Shape):
    """How the creator is paid in a currency from the next payout on."""

    currency = serializers.CharField()
    way = serializers.CharField()
    ways = serializers.ListField(child=serializers.CharField(), help_text="Among which the creator may choose.")


_ROW: dict[str, Any] = {
    "id": "2c1a8b97-5d3f-4e0a-9b1c-7f6e5d4c3b2a",
    "amount_minor": 1082,
    "currency": "USD",
    "way": "stripe",
    "state": "sent",
    "state_at": "2026-12-06T00:01:00Z",
    "reserved_at": "2026-12-06T00:00:00Z",
    "reference": "tr_1S2d3f",
    "came_back_minor": 0,
    "arrives_on": "2026-12-08",
    "held_for": [],
    "url": "https://worldloom.example/api/v1/payouts/2c1a8b97-5d3f-4e0a-9b1c-7f6e5d4c3b2a",
}
_STEP: dict[str, Any] = {
    "at": "2026-12-06T00:01:00Z",
    "number": 1,
    "kind": "transfer",
    "state": "done",
    "amount_minor": 1082,
    "reference": "tr_1S2d3f",
    "reason": "",
    "arrives_on": None,
}
_BANK = {
    "at": "2026-12-06T00:05:00Z",
    "number": 2,
    "kind": "bank",
    "reference": "po_1S2d3g",
    "arrives_on": "2026-12-08",
}
_NEXT: dict[str, Any] = {
    "currency": "USD",
    "way": "stripe",
    "ways": ["stripe", "chain"],
    "available_minor": 4200,
    "on_the_way_minor": 0,
    "threshold_minor": 5000,
    "is_enough": False,
    "schedule": "weekly:1",
    "next_at": "2026-12-07T00:00:00Z",
    "held_for": [],
    "hold_days": 14,
    "reserve_ppb": 0,
    "reserve_days": 0,
    "waiting": [{"amount_minor": 800, "why": "hold-period", "until": "2026-12-09T00:00:00Z", "reason": ""}],
}


def _shown(value: Any) -> list[OpenApiExample]:
    return [OpenApiExample("example", value=value, response_only=True, status_codes=["200"])]


LISTED = _shown({"data": [_ROW], "next": None})
WHOLE = _shown(_ROW | {"steps": [_STEP, _STEP | _BANK]})
CHOSEN = _shown({"currency": "USD", "way": "stripe", "ways": ["recorded", "stripe", "chain"]})
NEXT = _shown({"data": [_NEXT]})
