"""The shape of how far the token of a release is."""

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from marketplace.api.fields import Sha256, Shape

STEPS = ("none", "asked", "ready", "signed", "refused", "made")
_DIGEST = "5d5e4ac98a3fb4bb7b8b4cc1a1d5a5a6e6b2a6a3b4b0cf2a1f0b9e2f4c3d2e1f"
_OTHER = "9b2f1c5e7a4d3b6c8e0f1a2d4c5b6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f"


class TokenShape(Shape):
    """How far the token of a release is: most releases have none, and need none.

    `owner` is who the log says, and that is who counts; `holder` the account that holds the token. Where the two do
    not belong together, `disagreement` says why.
    """

    release = Sha256()
    step = serializers.ChoiceField(
        STEPS, help_text="`ready` waits for the wallet's signature, `signed` for the chain, `made` is on chain."
    )
    token_id = serializers.RegexField("^[0-9]+$", help_text="The release's digest as a number.")
    chain_id = serializers.IntegerField(min_value=1, allow_null=True, help_text="EIP-155; null without a chain.")
    contract = serializers.CharField(allow_null=True, help_text="AssetToken's address.")
    owner = serializers.CharField(help_text="Handle of the owner by the log.")
    holder = serializers.CharField(allow_null=True)
    wallet = serializers.CharField(allow_null=True, help_text="For whom the token was asked.")
    royalty_bps = serializers.IntegerField(min_value=0, max_value=1000, allow_null=True)
    split = Sha256()
    entry = Sha256(allow_null=True, help_text="Digest of the asset-token entry.")
    leaf = Sha256(allow_null=True, help_text="Its leaf hash, which the wallet signs.")
    transaction = serializers.CharField(allow_null=True)
    confirmations = serializers.IntegerField(min_value=0, allow_null=True)
    disagreement = serializers.ChoiceField(("held-by-another", "unknown-entry"), allow_null=True)


TOKEN = OpenApiExample(
    "a token on chain",
    value={
        "release": _DIGEST,
        "step": "made",
        "token_id": str(int(_DIGEST, 16)),
        "chain_id": 31337,
        "contract": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        "owner": "alice",
        "holder": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "wallet": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "royalty_bps": 500,
        "split": _OTHER,
        "entry": _OTHER,
        "leaf": _DIGEST,
        "transaction": "0x" + _OTHER,
        "confirmations": 1,
        "disagreement": None,
    },
    response_only=True,
)
