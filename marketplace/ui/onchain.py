"""What pages say of something on a chain: the panel's facts, links to an explorer, what a browser's wallet is told."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from babel.numbers import format_decimal
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from marketplace.ui.formats import Names, language_tag, number_text, say

NETWORKS: Names = {
    "1": "Ethereum",
    "10": "OP Mainnet",
    "137": "Polygon",
    "8453": "Base",
    "42161": "Arbitrum One",
    "11155111": "Sepolia",
    "84532": "Base Sepolia",
    "31337": gettext_lazy("Development chain"),
}
# What a contract answers a wallet with: the first four bytes of its error, and what that means to people.
REFUSALS: Names = {
    "0x64ab3466": gettext_lazy("there is nothing to claim; perhaps it was claimed already"),  # NothingToClaim
    "0x947dffdf": gettext_lazy("a newer root counts by now; open this page again"),  # WrongProof
    "0xd0d04f60": gettext_lazy("there is nothing to withdraw; perhaps it was taken out already"),  # NothingToWithdraw
    "0x309be71a": gettext_lazy("the pot is empty; perhaps it was divided already"),  # PotEmpty
    "0xf53bad4a": gettext_lazy("no wallet counts for this creator yet"),  # NoWallet
    "0x4f285c73": gettext_lazy("another wallet counts for this creator"),  # NotTheWallet
    "0x180f8501": gettext_lazy("the contract is paused for some days; what is yours stays yours"),  # PausedUntil
    "0x62a798cb": gettext_lazy("the offer has ended"),  # OfferExpired
    "0x8e403c09": gettext_lazy("the offer was closed"),  # OfferIsClosed
    "0x07d4ec1d": gettext_lazy("the offer has not begun"),  # OfferNotYet
    "0x1166dd6e": gettext_lazy("all licenses of this offer are sold"),  # SoldOut
    "0xe450d38c": gettext_lazy("the account has too little of the token"),  # ERC20InsufficientBalance
    "0xfb8f41b2": gettext_lazy("the contract may not take that much of the token yet"),  # ERC20InsufficientAllowance
    "0x5274afe7": gettext_lazy("the token refused the transfer"),  # SafeERC20FailedOperation
    "0x177e802f": gettext_lazy("the token belongs to another wallet"),  # ERC721InsufficientApproval
    "0x64283d7b": gettext_lazy("the token belongs to another wallet"),  # ERC721IncorrectOwner
}
WORTHLESS = {11155111, 84532, 31337}
STATES: Names = {
    "none": gettext_lazy("Not on chain"),
    "waiting": gettext_lazy("Waiting to be sent"),
    "sent": gettext_lazy("Sent to the network"),
    "mined": gettext_lazy("In a block"),
    "confirmed": gettext_lazy("Confirmed"),
    "refused": gettext_lazy("Refused by the contract"),
}
TONES = {"waiting": "accent", "sent": "accent", "mined": "accent", "confirmed": "ok", "refused": "bad"}
_PAGES = {"address": "address", "tx": "tx", "token": "token", "block": "block"}

# Stands in call data for the account that a wallet will connect: 20 bytes that belong to nobody.
ADDRESS_PLACEHOLDER = "0x2a45A3Ed202ab3c7652ca123434aCCfeaabEa73A"
ADDRESS_WORD = ADDRESS_PLACEHOLDER[2:].lower().rjust(64, "0")


def network_name(chain_id: int) -> str:
    """This will name a network: the operator's name for it, the usual one, or its number."""
    if settings.CHAIN_NAME:
        return str(settings.CHAIN_NAME)
    return say(NETWORKS, str(chain_id)) if str(chain_id) in NETWORKS else _("Chain %(id)d") % {"id": chain_id}


def network_note(chain_id: int) -> str:
    """This will warn of a network whose coins nobody pays for; "" for others."""
    return _("for trials: its coins are worth nothing") if chain_id in WORTHLESS else ""


def link(kind: str, value: str | int) -> str:
    """This will give the explorer's page of an "address", a "tx", a "token" or a "block"; "" without an explorer."""
    explorer = str(settings.CHAIN_EXPLORER).rstrip("/")
    return f"{explorer}/{_PAGES[kind]}/{value}" if explorer and value else ""


def coin_text(wei: int) -> str:
    """This will write an amount of the chain's own coin, given in wei, to three digits that count: `0.000213 ETH`."""
    amount = Decimal(wei).scaleb(-18)
    places = min(max(2 - amount.adjusted(), 0), 18) if wei else 0
    shown = amount.quantize(Decimal(1).scaleb(-places)).normalize()
    number = format_decimal(shown, format="#,##0.##################", locale=language_tag().replace("-", "_"))
    return f"{number}\N{NO-BREAK SPACE}{settings.CHAIN_COIN}"


def wallet_chain(chain_id: int) -> str:
    """This will write what a wallet must know to switch to the chain or to add it (EIP-3085), as JSON.

    Only a public endpoint is named: the marketplace's own may carry a key in its address. The embedded chain's is
    named too; only browsers on the same machine can use it, as in the demo.
    """
    document: dict[str, Any] = {
        "chainId": hex(chain_id),
        "chainName": network_name(chain_id),
        "nativeCurrency": {"name": settings.CHAIN_COIN, "symbol": settings.CHAIN_COIN, "decimals": 18},
        "rpcUrls": [url for url in [_public_endpoint()] if url],
    }
    if settings.CHAIN_EXPLORER:
        document["blockExplorerUrls"] = [str(settings.CHAIN_EXPLORER)]
    return json.dumps(document, ensure_ascii=False)


def _public_endpoint() -> str:
    if settings.CHAIN_PUBLIC_RPC_URL or settings.CHAIN_RPC_URL:
        return str(settings.CHAIN_PUBLIC_RPC_URL)
    try:
        return (Path(settings.DATA_FOLDER) / "chain" / "endpoint").read_text().strip()
    except OSError:
        return ""


def steps(transactions: Sequence[Mapping[str, Any]]) -> str:
    """This will write the transactions that a wallet sends one after the other, as JSON for `<c-wallet-send>`.

    Each is `to` (0x address) and `data` (0x hex), with `value` (wei) and `label` where wanted; `unless` is a question
    (`to`, `data`, `least`): the transaction is left out when its answer, as a number, is `least` or more.
    """
    written = []
    for one in transactions:
        step: dict[str, Any] = {
            "to": one["to"],
            "data": _hex(one["data"]),
            "value": hex(one.get("value", 0)),
            "label": str(one.get("label", "")),
        }
        if "unless" in one:
            asked = one["unless"]
            step["unless"] = {"to": asked["to"], "data": _hex(asked["data"]), "least": hex(asked["least"])}
        written.append(step)
    return json.dumps(written, ensure_ascii=False)


def _hex(data: bytes | str) -> str:
    return data.lower() if isinstance(data, str) else "0x" + data.hex()


def panel(
    *,
    chain_id: int,
    contracts: Sequence[tuple[str, str]] = (),
    standing: Any = None,
    gas: str = "",
    gas_estimate: int | None = None,
    rows: Sequence[tuple[str, Any]] = (),
    state: str = "",
    state_label: str = "",
    unavailable: str = "",
) -> dict[str, Any]:
    """This will gather what `<c-onchain>` shows.

    `contracts` are names with 0x addresses; `standing` is how a transaction stands (state, transaction, block_number,
    block_time, confirmations, wanted, gas_used, fee_wei, attempts, reason), None before there is one; `gas` says who
    pays: "platform", "wallet" or "" for nothing said; `rows` are further terms with values; `state` and `state_label`
    say it otherwise than `standing` does; `unavailable` is the sentence for a chain that could not be read.
    """
    state = state or (standing.state if standing is not None else "")
    transaction = (standing.transaction if standing is not None else "") or ""
    return {
        "state": state,
        "state_label": state_label or (say(STATES, state) if state else ""),
        "tone": TONES.get(state, ""),
        "network": network_name(chain_id),
        "network_note": network_note(chain_id),
        "chain_id": chain_id,
        "contracts": [(name, address, link("address", address)) for name, address in contracts],
        "rows": list(rows),
        "transaction": transaction,
        "transaction_link": link("tx", transaction),
        "confirmations": confirmations_text(standing),
        "block_time": _moment(standing.block_time) if standing is not None else None,
        "gas": gas_text(standing, gas, gas_estimate),
        "trouble": _trouble(standing),
        "unavailable": unavailable,
    }


def confirmations_text(standing: Any) -> str:
    """This will say in which block a transaction is and how sure that is: `Block 12, 3 of 12 confirmations`."""
    if standing is None or standing.block_number is None:
        return ""
    seen = min(standing.confirmations or 0, standing.wanted or 0)
    return ngettext(
        "Block %(block)s, %(seen)s of %(wanted)s confirmation",
        "Block %(block)s, %(seen)s of %(wanted)s confirmations",
        standing.wanted or 0,
    ) % {
        "block": number_text(standing.block_number),
        "seen": number_text(seen),
        "wanted": number_text(standing.wanted or 0),
    }


def gas_text(standing: Any, payer: str, estimate: int | None = None) -> str:
    """This will say who pays the network's fee ("platform" or "wallet"), and how much where that is known."""
    used = standing.gas_used if standing is not None else None
    fee = standing.fee_wei if standing is not None else None
    if payer == "platform":
        if used and fee is not None:
            return _("Paid by Worldloom: %(gas)s gas, %(fee)s") % {"gas": number_text(used), "fee": coin_text(fee)}
        return _("Worldloom pays the network's fee; you pay nothing.")
    if payer == "wallet":
        if used:
            return _("Paid by the wallet that sent it: %(gas)s gas") % {"gas": number_text(used)}
        if estimate:
            return _("Your wallet pays the network's fee, about %(gas)s gas, and shows its price before you agree.") % {
                "gas": number_text(estimate)
            }
        return _("Your wallet pays the network's fee and shows its price before you agree.")
    return ""


def _trouble(standing: Any) -> str:
    """Say what is wrong with a transaction, in a sentence; "" when nothing is."""
    if standing is None:
        return ""
    reason = getattr(standing, "reason", "") or ""
    if standing.state == "refused":
        return (
            _("The contract refused it: %(reason)s") % {"reason": reason} if reason else _("The contract refused it.")
        )
    if standing.state in ("waiting", "sent") and reason:
        return _("It is tried again by itself (%(reason)s). Nothing is lost meanwhile.") % {"reason": reason}
    return ""


def _moment(value: datetime | int | None) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int) else value
