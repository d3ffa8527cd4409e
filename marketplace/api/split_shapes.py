"""The shapes of a split: its shares, and what the contracts say of it."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from marketplace.api.fields import Sha256, Shape

_ADDRESS = "0x and 40 hexadecimal digits, in the letter case of EIP-55."
_UNITS = "In units of the token, as a decimal number."
_DIGEST = "2a5d5f1f5dd7fd5a5f1f0b2c6f4a9f8a0d3a3c1be8c0a1f2b3c4d5e6f708192a"
_ALICE, _BOB = "0b6f7a90-6b0c-4d1e-9a53-7d9f0e7c1a01", "5cf1a3b2-0d5e-4f6a-8b7c-9d0e1f2a3b4c"


class SplitShareShape(Shape):
    """A payee's share, in parts per billion; `payee` is the creator's id, as in the split's document."""

    payee = serializers.UUIDField()
    share_ppb = serializers.IntegerField(min_value=1, max_value=1_000_000_000)


class PotPartShape(Shape):
    """What a payee gets when the pot is divided."""

    payee = serializers.UUIDField()
    units = serializers.RegexField("^[0-9]+$", help_text=_UNITS)


class PotShape(Shape):
    """What lies in the split's pot in one token, and whose part is what."""

    token = serializers.CharField(help_text=_ADDRESS)
    symbol = serializers.CharField()
    decimals = serializers.IntegerField(min_value=0)
    units = serializers.RegexField("^[0-9]+$", help_text=_UNITS)
    parts = PotPartShape(many=True)


class SplitChainShape(Shape):
    """The split as the contracts see it. `agrees` says whether the vault calls the shares by the split's own name."""

    chain_id = serializers.IntegerField(min_value=1)
    vault = serializers.CharField(help_text=_ADDRESS)
    name = Sha256(allow_null=True, help_text="What SplitVault computes from the shares; null where it refuses them.")
    agrees = serializers.BooleanField()
    receiver = serializers.CharField(help_text="Where royalties of its tokens are sent. " + _ADDRESS)
    pots = PotShape(many=True)


class SplitShape(Shape):
    """A split under its digest; `chain` is null without contracts, and while the chain does not answer."""

    split = Sha256()
    shares = SplitShareShape(many=True)
    chain = SplitChainShape(allow_null=True)


_VALUE: dict[str, Any] = {
    "split": _DIGEST,
    "shares": [{"payee": _ALICE, "share_ppb": 700_000_000}, {"payee": _BOB, "share_ppb": 300_000_000}],
    "chain": {
        "chain_id": 84532,
        "vault": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        "name": _DIGEST,
        "agrees": True,
        "receiver": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "pots": [
            {
                "token": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
                "symbol": "USDC",
                "decimals": 6,
                "units": "10010001",
                "parts": [{"payee": _ALICE, "units": "7007001"}, {"payee": _BOB, "units": "3003000"}],
            }
        ],
    },
}
SPLIT = OpenApiExample("a split of two", value=_VALUE, response_only=True)
