"""The shape of what an account may claim on chain."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from marketplace.api.fields import Shape

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_HASH = "0x" + "5d5e4ac98a3fb4bb7b8b4cc1a1d5a5a6e6b2a6a3b4b0cf2a1f0b9e2f4c3d2e1f"


class CallShape(Shape):
    """A transaction that pays the account; anybody may send it."""

    to = serializers.CharField()
    data = serializers.CharField(help_text="0x and hexadecimal digits: `PayoutDistributor.claim`.")


class ClaimShape(Shape):
    """What an account was given in one token, in minor units of its currency, and what of it can be claimed now.

    `cumulative_units` is all that the account was ever given under the root that counts, in the token's units, and
    `proof` leads from there to `root`. Without anything to claim, they and `call` are null.
    """

    currency = serializers.CharField()
    chain_id = serializers.IntegerField(min_value=1)
    distributor = serializers.CharField()
    token = serializers.CharField()
    given_minor = serializers.IntegerField(min_value=0)
    claimed_minor = serializers.IntegerField(min_value=0)
    claimable_minor = serializers.IntegerField(min_value=0)
    waiting_minor = serializers.IntegerField(min_value=0)
    counts_at = serializers.DateTimeField(allow_null=True, help_text="When what waits can be claimed, where known.")
    root = serializers.CharField(allow_null=True)
    list = serializers.URLField(allow_null=True, help_text="The public list of the root.")
    cumulative_units = serializers.RegexField("^[0-9]+$", allow_null=True)
    proof = serializers.ListField(child=serializers.CharField(), allow_null=True)
    call = CallShape(allow_null=True)


class ClaimsShape(Shape):
    """All of an account's claims, one a token; none where it was never given anything."""

    account = serializers.CharField()
    claims = ClaimShape(many=True)


ACCOUNT = OpenApiParameter(
    "address",
    {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"},
    OpenApiParameter.PATH,
    description="An account of the chain.",
)
EXAMPLES = [
    OpenApiExample(
        "something to claim",
        value={
            "account": _ADDRESS,
            "claims": [
                {
                    "currency": "USD",
                    "chain_id": 31337,
                    "distributor": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
                    "token": "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
                    "given_minor": 1080,
                    "claimed_minor": 0,
                    "claimable_minor": 1080,
                    "waiting_minor": 0,
                    "counts_at": None,
                    "root": _HASH,
                    "list": "https://worldloom.example/chain/payouts/7.json",
                    "cumulative_units": "10800000",
                    "proof": [_HASH],
                    "call": {"to": "0x5FbDB2315678afecb367f032d93F642f64180aa3", "data": "0x00"},
                }
            ],
        },
        response_only=True,
    )
]
