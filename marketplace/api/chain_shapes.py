"""The shapes of what stands on chain."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from marketplace.api.fields import Sha256, Shape

_ADDRESS = "0x and 40 hexadecimal digits, in the letter case of EIP-55."


class ContractShape(Shape):
    """A contract: `source_sha256` is over the sources it was compiled from, `code_keccak256` over what stands there.

    `is_ours` says whether that code is what the sources compile to; both are null while the chain does not answer.
    """

    name = serializers.CharField()
    address = serializers.CharField(help_text=_ADDRESS)
    transaction = serializers.CharField()
    block_number = serializers.IntegerField(min_value=0)
    source_sha256 = Sha256()
    code_keccak256 = serializers.CharField(allow_null=True)
    is_ours = serializers.BooleanField(allow_null=True)


class FormerShape(Shape):
    """A contract that another has followed; what it holds stays there."""

    name = serializers.CharField()
    address = serializers.CharField(help_text=_ADDRESS)


class ChainTokenShape(Shape):
    """An ERC-20 that stands for a currency."""

    currency = serializers.CharField()
    symbol = serializers.CharField()
    decimals = serializers.IntegerField(min_value=0)
    address = serializers.CharField(help_text=_ADDRESS)


class ChainAccountShape(Shape):
    """Who holds a role in the contracts."""

    role = serializers.CharField()
    address = serializers.CharField(help_text=_ADDRESS)


class AnchorShape(Shape):
    """An anchored root of the log, hex, over `size` entries."""

    root = Sha256()
    size = serializers.IntegerField(min_value=0)
    transaction = serializers.CharField()
    block_number = serializers.IntegerField(min_value=0)
    block_time = serializers.DateTimeField()


class PayoutRootShape(Shape):
    """A payout root over what `accounts` addresses were ever given, in units of the token.

    `state` is `asked` until the chain has it, `waits` until `counts_at`, then `counts`, or `vetoed`; `list` is public.
    """

    root = serializers.CharField()
    number = serializers.IntegerField(min_value=1)
    token = serializers.CharField(help_text=_ADDRESS)
    total_units = serializers.CharField(help_text="A whole number, as text: it may be larger than 2^53.")
    accounts = serializers.IntegerField(min_value=1)
    state = serializers.ChoiceField(choices=["asked", "waits", "counts", "vetoed"])
    counts_at = serializers.DateTimeField(allow_null=True)
    transaction = serializers.CharField(allow_null=True)
    list = serializers.URLField()
    list_sha256 = Sha256()


class ChainShape(Shape):
    """What stands on chain; `chain_id` is null, and the rest empty, before anything is deployed.

    `anchors` and `payout_roots` are the newest ten, the newest first; `open_calls` counts what is not final yet.
    """

    chain_id = serializers.IntegerField(allow_null=True)
    contracts = ContractShape(many=True)
    former = FormerShape(many=True)
    tokens = ChainTokenShape(many=True)
    accounts = ChainAccountShape(many=True)
    anchors = AnchorShape(many=True)
    payout_roots = PayoutRootShape(many=True)
    open_calls = serializers.IntegerField(min_value=0)


_EXAMPLE: dict[str, Any] = {
    "chain_id": 84532,
    "contracts": [
        {
            "name": "ProvenanceAnchor",
            "address": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
            "transaction": "0x" + "ab" * 32,
            "block_number": 12_345_678,
            "source_sha256": "5d5e4ac98a3fb4bb7b8b4cc1a1d5a5a6e6b2a6a3b4b0cf2a1f0b9e2f4c3d2e1f",
            "code_keccak256": "0x" + "cd" * 32,
            "is_ours": True,
        }
    ],
    "former": [{"name": "LicenseMarket", "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}],
    "tokens": [
        {
            "currency": "USD",
            "symbol": "USDC",
            "decimals": 6,
            "address": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        }
    ],
    "accounts": [{"role": "anchorer", "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}],
    "anchors": [
        {
            "root": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "size": 1_204,
            "transaction": "0x" + "ef" * 32,
            "block_number": 12_345_700,
            "block_time": "2026-11-22T12:00:00Z",
        }
    ],
    "payout_roots": [
        {
            "root": "0x" + "12" * 32,
            "number": 7,
            "token": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
            "total_units": "1204000000",
            "accounts": 31,
            "state": "waits",
            "counts_at": "2026-11-23T12:00:00Z",
            "transaction": "0x" + "34" * 32,
            "list": "https://worldloom.example/chain/payouts/7.json",
            "list_sha256": "c0535e4be2b79ffd93291305436bf889314e4a3faec05ecffcbb7df31ad9e51a",
        }
    ],
    "open_calls": 0,
}
EXAMPLES = [OpenApiExample("example", value=_EXAMPLE, response_only=True, status_codes=["200"])]
