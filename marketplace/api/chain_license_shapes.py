"""The shapes of licenses and chains: an offer that is sold on one, and a license that is shown to a contract."""

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from marketplace.api.fields import Shape

_ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
_WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_WORD = "0x" + "5d" * 32
_CALL = "0x23b872dd" + "00" * 32


class ChainOfferShape(Shape):
    """What was signed twice: the fields of `LicenseMarket.Offer`, the two signatures, and the calls that buy."""

    chain_id = serializers.IntegerField(min_value=1, help_text="EIP-155.")
    contract = serializers.CharField(help_text="LicenseMarket's address.")
    digest = serializers.CharField(help_text="What was signed, EIP-712.")
    licensor = serializers.CharField()
    release = serializers.CharField()
    terms = serializers.CharField()
    split = serializers.CharField()
    token = serializers.CharField(help_text="The ERC-20 that is paid with.")
    symbol = serializers.CharField()
    price = serializers.RegexField("^[0-9]+$", help_text="In the token's units, fee included.")
    price_minor = serializers.IntegerField(min_value=1)
    currency = serializers.CharField()
    fee_bps = serializers.IntegerField(min_value=0, max_value=10_000)
    supply = serializers.IntegerField(min_value=0, help_text="0 is any number.")
    sold = serializers.IntegerField(min_value=0, help_text="Of this signed offer, as far as the chain was read.")
    not_before = serializers.DateTimeField()
    deadline = serializers.DateTimeField()
    nonce = serializers.RegexField("^[0-9]+$")
    licensor_signature = serializers.CharField()
    market_signature = serializers.CharField()
    allow = serializers.CharField(help_text="Data of the call to `token` that lets the contract take the price.")


class OfferOnChainShape(Shape):
    """Whether an offer is sold on a chain now; `signed` is null where it is not."""

    offer = serializers.UUIDField()
    signed = ChainOfferShape(allow_null=True)


class ChainProofShape(Shape):
    """What `LicenseMarket.verifyGrant` takes, and the whole call: asking costs nothing."""

    chain_id = serializers.IntegerField(min_value=1, help_text="EIP-155.")
    contract = serializers.CharField(help_text="LicenseMarket's address.")
    entry = serializers.CharField(help_text="The exact bytes of the grant's entry.")
    root = serializers.CharField(help_text="An anchored root.")
    index = serializers.IntegerField(min_value=0)
    proof = serializers.ListField(child=serializers.CharField(), help_text="RFC 6962, from the leaf up.")
    anchored_in = serializers.CharField(help_text="The anchor's transaction.")
    data = serializers.CharField(help_text="The call, for eth_call.")


class GrantOnChainShape(Shape):
    """How a license is shown to a contract; `proof` is null for a minute, until its entry is anchored."""

    grant = serializers.UUIDField()
    proof = ChainProofShape(allow_null=True)


OFFER = OpenApiExample(
    "an offer that is sold on a chain",
    value={
        "offer": "0d6dcb8a-6f6b-4c5f-9a3e-5f6d1f1d8d0a",
        "signed": {
            "chain_id": 31337,
            "contract": _ADDRESS,
            "digest": _WORD,
            "licensor": _WALLET,
            "release": _WORD,
            "terms": _WORD,
            "split": _WORD,
            "token": _ADDRESS,
            "symbol": "tUSD",
            "price": "100010000",
            "price_minor": 10001,
            "currency": "USD",
            "fee_bps": 1000,
            "supply": 5,
            "sold": 1,
            "not_before": "2026-11-22T12:00:00Z",
            "deadline": "2026-12-22T12:00:00Z",
            "nonce": "2305843009213693951",
            "licensor_signature": "0x" + "11" * 65,
            "market_signature": "0x" + "22" * 65,
            "allow": _CALL,
        },
    },
    response_only=True,
)
GRANT = OpenApiExample(
    "a license that can be shown to a contract",
    value={
        "grant": "6f1c2b3a-4d5e-4f60-8a7b-9c0d1e2f3a4b",
        "proof": {
            "chain_id": 31337,
            "contract": _ADDRESS,
            "entry": "0x7b7d",
            "root": _WORD,
            "index": 41,
            "proof": [_WORD, _WORD],
            "anchored_in": _WORD,
            "data": _CALL,
        },
    },
    response_only=True,
)
