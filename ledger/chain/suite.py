"""The suite of contracts that stands on our chain: where each one is, as the deployment recorded it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ledger.chain.base import ChainUnavailable

FORMAT = "worldloom/deployment/2"

CONTRACTS = (
    "ProvenanceAnchor",
    "Payees",
    "SplitVault",
    "RoyaltyReceiverFactory",
    "AssetToken",
    "PayoutDistributor",
    "LicenseMarket",
    "ClaimBook",
)
"""In the order in which they are deployed: each knows those before it that it calls."""

WRAPPED = "WrappedCoin"
"""The name in `Suite.addresses` of the ERC-20 that the chain's own coin is wrapped as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An ERC-20 that stands for a currency (ISO 4217), whose minor unit is 10^(decimals - the currency's) of it."""

    address: str
    symbol: str
    decimals: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The contracts on one chain, by name and checksummed address; `tokens` are by currency.

    `block_number` is the first contract's block: no event of the suite stands before it, nor one of `former`, the
    (name, address) of contracts that others took the place of, oldest first. `blocks` are address → first block, of
    both, where the record says it.
    """

    chain_id: int
    addresses: Mapping[str, str]
    block_number: int
    tokens: Mapping[str, Token]
    former: tuple[tuple[str, str], ...] = ()
    blocks: Mapping[str, int] = field(default_factory=dict)

    def address(self, contract: str) -> str:
        """Return a contract's address; KeyError for one that the suite does not have."""
        return self.addresses[contract]

    def contract_at(self, address: str) -> str | None:
        """Return the name of the contract at an address, in any letter case, or None."""
        return next((name for name, at in self.addresses.items() if at.lower() == address.lower()), None)

    def token(self, currency: str) -> Token | None:
        """Return the token that stands for a currency, or None."""
        return self.tokens.get(currency)

    def token_at(self, address: str) -> Token | None:
        """Return the token at an address, in any letter case, or None."""
        return next((token for token in self.tokens.values() if token.address.lower() == address.lower()), None)


def suite() -> Suite | None:
    """Return the suite that the settings name, or None before it is deployed.

    Reads the record file, CHAIN_SUITE or else `chain/deployment.json` in the data folder, and never asks the network.
    Raise ChainUnavailable when the file is none.
    """
    from django.conf import settings

    path = Path(settings.CHAIN_SUITE) if settings.CHAIN_SUITE else Path(settings.DATA_FOLDER) / "chain/deployment.json"
    return suite_in(path)


def suite_in(path: Path) -> Suite | None:
    """Return the suite of a record file; None when there is no file, or one of the anchor alone."""
    try:
        told = path.stat()
    except OSError:
        return None
    return _read(path, told.st_mtime_ns, told.st_size, told.st_ino)


@lru_cache(maxsize=8)
def _read(path: Path, *stamp: int) -> Suite | None:
    try:
        document = json.loads(path.read_text())
        if document["format"] != FORMAT:
            return None
        return read_suite(document)
    except (OSError, AttributeError, KeyError, TypeError, ValueError):
        raise ChainUnavailable(f"{path} is not a {FORMAT} document") from None


def read_suite(document: dict[str, Any]) -> Suite:
    """Return the suite of a worldloom/deployment/2 document; KeyError, TypeError or ValueError when it is none."""
    contracts = document["contracts"]
    addresses = {name: checked(contracts[name]["address"]) for name in CONTRACTS}
    if document.get("wrapped"):
        addresses[WRAPPED] = checked(document["wrapped"])
    former = document.get("former", [])
    blocks = {addresses[name]: int(contracts[name]["block_number"]) for name in CONTRACTS}
    blocks |= {checked(it["address"]): int(it["block_number"]) for it in former}
    tokens = [Token(**{**token, "address": checked(token["address"])}) for token in document["tokens"]]
    return Suite(
        chain_id=int(document["chain_id"]),
        addresses=addresses,
        block_number=min(blocks.values()),
        tokens={token.currency: token for token in tokens},
        former=tuple((str(it["contract"]), checked(it["address"])) for it in former),
        blocks=blocks,
    )


def checked(address: str) -> str:
    """Return a 0x address in checksummed form; ValueError when it is none."""
    from ledger.chain.transaction import checksummed

    raw = bytes.fromhex(address.removeprefix("0x"))
    if len(raw) != 20 or not address.startswith("0x"):
        raise ValueError(f"{address!r} is no address")
    return checksummed(raw)
