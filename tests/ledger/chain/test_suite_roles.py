"""One key for each role: what each can do, and that it is all it can; on both chains."""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.abi import call_data, error_of
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ROLES, ChainConfig
from ledger.chain.inspection import differences
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.reading import Reader
from ledger.chain.suite import Suite
from ledger.chain.suite_deployment import NOBODY, Accounts, deploy_suite
from ledger.chain.transaction import address_of, keccak
from tests.ledger.chain.lives import PAGES
from tests.ledger.chain.makers import BRISK, NOW, Place, fund

ROOT, PAYEE = keccak(b"root"), b"\x01" * 16

CALLS: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "anchor a checkpoint": ("ProvenanceAnchor", "anchor", (ROOT, 3, ROOT)),
    "overtake entries": ("AssetToken", "supersede", (ROOT, 7)),
    "bind a first wallet": ("Payees", "bind", (PAYEE, NOBODY, 2**40, b"")),
    "propose a root": ("PayoutDistributor", "proposePayouts", (NOBODY, 0, ROOT)),
    "close an offer": ("LicenseMarket", "withdrawOffer", (NOBODY, 1)),
    "decide a claim": ("ClaimBook", "resolve", (PAYEE, 3, ROOT)),
    "pause the vault": ("SplitVault", "pause", ()),
    "veto a root": ("PayoutDistributor", "veto", (NOBODY,)),
    "stop a wallet": ("Payees", "stopBinding", (PAYEE,)),
    "name an anchorer": ("ProvenanceAnchor", "setAnchorer", (NOBODY,)),
    "name a settler": ("PayoutDistributor", "setSettler", (NOBODY,)),
    "name an offer key": ("LicenseMarket", "setOfferKey", (NOBODY,)),
    "name a treasury": ("SplitVault", "setTreasury", (NOBODY,)),
    "name a keeper": ("AssetToken", "grantRole", (keccak(b"KEEPER_ROLE"), "0x" + "da" * 20)),
    "recover a wallet": ("Payees", "recover", (PAYEE, NOBODY, 2**40, b"")),
    "set a bond": ("ClaimBook", "setBond", (NOBODY, 1)),
}

MAY: dict[str, set[str]] = {
    "anchorer": {"anchor a checkpoint"},
    "keeper": {"overtake entries"},
    "registrar": {"bind a first wallet"},
    "settler": {"propose a root"},
    "offers": {"close an offer"},
    "guardian": {"pause the vault", "veto a root", "stop a wallet"},
    "admin": {
        "decide a claim",
        "name an anchorer",
        "name a settler",
        "name an offer key",
        "name a treasury",
        "name a keeper",
        "recover a wallet",
        "set a bond",
    },
    "Dave": set(),
}
"""Each call, and who is not refused for who they are; some are refused then for what they ask."""

FOR_WHO_THEY_ARE = {
    "AccessControlUnauthorizedAccount",
    "NotAnchorer",
    "NotOfferKey",
    "NotSettler",
    "OwnableUnauthorizedAccount",
}


@pytest.fixture
def house(place: Place, tmp_path: Path) -> tuple[ChainConfig, Suite]:
    """A suite whose roles have a key each; the one that deploys is the anchorer's."""
    files = {}
    for role in ROLES:
        key = place.key if role == "anchorer" else secrets.token_bytes(32)
        files[role] = str(tmp_path / f"{role}.key")
        Path(files[role]).write_text(key.hex())
    config = ChainConfig(folder=tmp_path / "chain", rpc_url=place.url, key_files=files)
    fund(JsonRpc(place.url), place.key, address_of(config.key("admin")))
    return config, deploy_suite(now=NOW, pages=PAGES, config=config, patience=BRISK)


def test_each_key_has_its_role_and_none_has_another(house: tuple[ChainConfig, Suite]) -> None:
    config, suite = house
    accounts = Accounts.of(config)
    assert len({getattr(accounts, role) for role in ROLES}) == 7
    assert differences(Reader(config.rpc(), suite), accounts=accounts) == []
    who = {role: getattr(accounts, role) for role in ROLES} | {"Dave": address_of(secrets.token_bytes(32))}
    may = {name: {doing for doing in CALLS if not refused(config, suite, at, doing)} for name, at in who.items()}
    assert may == MAY


def refused(config: ChainConfig, suite: Suite, sender: str, doing: str) -> bool:
    """Says whether a call is refused for who sends it; nothing is sent."""
    contract, function, args = CALLS[doing]
    data = "0x" + call_data(contract, function, *args).hex()
    try:
        config.rpc().call("eth_call", {"from": sender, "to": suite.address(contract), "data": data}, "latest")
    except RpcRefusal as refusal:
        told = error_of(contract, refusal.data)
        assert told is not None, doing
        return told[0] in FOR_WHO_THEY_ARE
    return False


def test_a_key_file_that_is_none_is_named_and_nothing_is_sent(house: tuple[ChainConfig, Suite], tmp_path: Path) -> None:
    config, _ = house
    Path(config.key_files["settler"]).write_text("not a key")
    other = replace(config, folder=tmp_path / "other")
    before = config.rpc().number("eth_blockNumber")
    with pytest.raises(ChainUnavailable, match=r"settler\.key does not hold a private key in hexadecimal"):
        deploy_suite(now=NOW, pages=PAGES, config=other, patience=BRISK)
    assert config.rpc().number("eth_blockNumber") == before
