"""What a page says of something on a chain, in the reader's words, whatever is known of it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as settings_of
from django.template import Context, Template
from django.utils.html import escape
from django_cotton.compiler_regex import CottonCompiler

from ledger.chain.artifacts import signature
from ledger.chain.transaction import keccak
from marketplace.ui import onchain

TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SENT = "0x" + "ab" * 32


def standing(state: str, **given: Any) -> SimpleNamespace:
    """How a transaction stands, as the ledger says it; nothing is known but what is given."""
    known = dict.fromkeys(
        ["transaction", "block_number", "block_time", "confirmations", "wanted", "gas_used", "fee_wei", "reason"]
    )
    return SimpleNamespace(**known | {"state": state, "attempts": 1} | given)


def test_a_mined_call_is_told_with_network_contract_block_and_fee(settings: Any) -> None:
    settings.CHAIN_EXPLORER = "https://explorer.example/"
    mined = standing(
        "mined",
        transaction=SENT,
        block_number=12_345,
        block_time=1_700_000_000,
        confirmations=3,
        wanted=12,
        gas_used=139_109,
        fee_wei=213_400_000_000_000,
    )

    told = onchain.panel(chain_id=84532, contracts=[("AssetToken", TOKEN)], standing=mined, gas="platform")

    assert told == {
        "state": "mined",
        "state_label": "In a block",
        "tone": "accent",
        "network": "Base Sepolia",
        "network_note": "for trials: its coins are worth nothing",
        "chain_id": 84532,
        "contracts": [("AssetToken", TOKEN, f"https://explorer.example/address/{TOKEN}")],
        "rows": [],
        "transaction": SENT,
        "transaction_link": f"https://explorer.example/tx/{SENT}",
        "confirmations": "Block 12,345, 3 of 12 confirmations",
        "block_time": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        "gas": "Paid by Worldloom: 139,109 gas, 0.000213\N{NO-BREAK SPACE}ETH",
        "trouble": "",
        "unavailable": "",
    }


def test_nothing_is_made_up_where_nothing_is_known() -> None:
    told = onchain.panel(chain_id=31337)

    assert (told["state"], told["state_label"], told["transaction"], told["confirmations"]) == ("", "", "", "")
    assert (told["block_time"], told["gas"], told["trouble"]) == (None, "", "")
    assert onchain.link("tx", SENT) == ""
    assert onchain.network_name(4_321) == "Chain 4321"


def test_more_confirmations_than_wanted_are_all_that_were_wanted() -> None:
    sure = standing("confirmed", block_number=7, confirmations=40, wanted=1)

    assert onchain.confirmations_text(sure) == "Block 7, 1 of 1 confirmation"


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("refused", "OfferClosed", "The contract refused it: OfferClosed"),
        ("refused", "", "The contract refused it."),
        ("waiting", "no answer", "It is tried again by itself (no answer). Nothing is lost meanwhile."),
        ("waiting", "", ""),
        ("confirmed", "left over", ""),
    ],
)
def test_trouble_is_a_sentence(state: str, reason: str, said: str) -> None:
    assert onchain.panel(chain_id=1, standing=standing(state, reason=reason))["trouble"] == said


@pytest.mark.parametrize(
    ("payer", "known", "estimate", "said"),
    [
        ("platform", None, None, "Worldloom pays the network's fee; you pay nothing."),
        ("wallet", None, 60_789, "Your wallet pays the network's fee, about 60,789 gas, and shows its price before"),
        ("wallet", None, None, "Your wallet pays the network's fee and shows its price before you agree."),
        ("wallet", 60_789, None, "Paid by the wallet that sent it: 60,789 gas"),
        ("", 60_789, 60_789, ""),
    ],
)
def test_who_pays_for_gas_is_said(payer: str, known: int | None, estimate: int | None, said: str) -> None:
    text = onchain.gas_text(standing("mined", gas_used=known) if known else None, payer, estimate)

    assert text.startswith(said)
    assert bool(text) == bool(said)


@pytest.mark.parametrize(
    ("wei", "said"),
    [
        (0, "0"),
        (1, "0.000000000000000001"),
        (213_456_789_012_345, "0.000213"),
        (1_500_000_000_000_000_000, "1.5"),
        (1_234_567 * 10**18, "1,234,567"),
    ],
)
def test_coins_are_written_without_losing_what_counts(wei: int, said: str) -> None:
    assert onchain.coin_text(wei) == f"{said}\N{NO-BREAK SPACE}ETH"


def test_a_wallet_is_told_of_a_public_endpoint_and_of_no_other(settings: Any, tmp_path: Path) -> None:
    settings.DATA_FOLDER = tmp_path
    (tmp_path / "chain").mkdir()
    (tmp_path / "chain" / "endpoint").write_text("http://127.0.0.1:4567\n")
    settings.CHAIN_RPC_URL = ""
    assert json.loads(onchain.wallet_chain(31337))["rpcUrls"] == ["http://127.0.0.1:4567"]

    settings.CHAIN_RPC_URL = "https://rpc.example/v2/secret-key"
    assert "secret-key" not in onchain.wallet_chain(8453)
    assert json.loads(onchain.wallet_chain(8453))["rpcUrls"] == []

    settings.CHAIN_PUBLIC_RPC_URL = "https://public.example"
    settings.CHAIN_EXPLORER = "https://explorer.example"
    assert json.loads(onchain.wallet_chain(8453)) == {
        "chainId": "0x2105",
        "chainName": "Base",
        "nativeCurrency": {"name": "ETH", "symbol": "ETH", "decimals": 18},
        "rpcUrls": ["https://public.example"],
        "blockExplorerUrls": ["https://explorer.example"],
    }


def test_steps_are_written_for_the_wallet() -> None:
    written = onchain.steps(
        [
            {"to": TOKEN, "data": b"\x01\x02", "unless": {"to": TOKEN, "data": "0xAB", "least": 12_000_000}},
            {"to": TOKEN, "data": "0x03", "value": 10**18, "label": "Buy"},
        ]
    )

    assert json.loads(written) == [
        {
            "to": TOKEN,
            "data": "0x0102",
            "value": "0x0",
            "label": "",
            "unless": {"to": TOKEN, "data": "0xab", "least": "0xb71b00"},
        },
        {"to": TOKEN, "data": "0x03", "value": "0xde0b6b3a7640000", "label": "Buy"},
    ]


def test_what_is_signed_is_set_out_to_be_read() -> None:
    typed = json.dumps({"domain": {"name": "Worldloom Payees"}, "message": {"wallet": "$address"}})

    html = Template(CottonCompiler().process('<c-wallet-sign :typed="typed" id="a">Sign</c-wallet-sign>')).render(
        Context({"typed": typed})
    )

    assert "{\n  &quot;domain&quot;: {\n    &quot;name&quot;: &quot;Worldloom Payees&quot;\n  }" in html
    assert f'data-typed="{escape(typed)}"' in html
    assert 'id="id_a-signature" name="signature"' in html


def test_each_transaction_is_also_a_command() -> None:
    steps = onchain.steps(
        [
            {"to": TOKEN, "data": "0x12", "value": 7, "label": "First"},
            {"to": TOKEN, "data": "0xabcd" + onchain.ADDRESS_WORD},
        ]
    )

    html = Template(CottonCompiler().process('<c-wallet-send :steps="steps" id="b">Send</c-wallet-send>')).render(
        Context({"steps": steps})
    )

    assert f"cast send {TOKEN} 0x12 --interactive --value 7 --rpc-url $RPC_URL" in html
    assert f"$ADDRESS | cut -c3-)\ncast send {TOKEN} 0xabcd$ME --interactive --rpc-url $RPC_URL" in html
    assert "First" in html
    assert "Transaction 2" in html


def test_what_contracts_answer_is_said_by_the_right_four_bytes() -> None:
    """Each sentence is of an error that a contract of ours, or a usual token, has."""
    errors = {}
    for path in (Path(settings_of.HOME) / "contracts/abi").glob("*.json"):
        for item in json.loads(path.read_text())["abi"]:
            if item["type"] == "error":
                errors["0x" + keccak(signature(item).encode())[:4].hex()] = item["name"]
    source = Path(onchain.__file__).read_text()

    for selector in onchain.REFUSALS:
        assert re.search(rf'"{selector}": .*# {errors[selector]}$', source, re.MULTILINE), selector
