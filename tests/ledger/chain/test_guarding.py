"""A guardian stops what a stolen key began, and only that."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger.chain.guarding import UnableToGuard, guard, standings
from ledger.chain.suite_deployment import deploy_suite
from ledger.chain.transaction import address_of, keccak
from ledger.chain.typed import BIND, sign_digest, typed_digest
from tests.ledger.chain.lives import PAGES
from tests.ledger.chain.makers import BRISK, NOW, Contracts

PAYEE = b"\x01" * 16
ROOT = keccak(b"all to Dave")


def settings_of(contracts: Contracts, settings: Any) -> None:
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    settings.CHAIN_KEY_FILE, settings.CHAIN_KEY_FILES = str(contracts.place.key_file), {}


def proposed(contracts: Contracts) -> str:
    """A thief with the settler's key proposes a root; returns the token."""
    token = contracts.suite.tokens["USD"].address
    contracts.send("ERC20", "approve", contracts.suite.address("PayoutDistributor"), 5_000_000, at=token)
    contracts.send("PayoutDistributor", "proposePayouts", token, 5_000_000, ROOT)
    return token


def test_a_root_of_a_stolen_settler_key_is_vetoed_before_it_counts(
    contracts: Contracts, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_of(contracts, settings)
    token = proposed(contracts)
    call_command("chain_guard", "status")
    assert f"tUSD: 5000000 units were ever paid in, and root {ROOT.hex()} counts from " in capsys.readouterr().out
    call_command("chain_guard", "veto", "USD")
    assert capsys.readouterr().out.startswith("PayoutDistributor.veto is done, in transaction 0x")
    root, pending, since, funded = contracts.reader.view("PayoutDistributor", "statusOf", token)
    # The money that came with it stays for the next root.
    assert (root, funded, pending, since) == (bytes(32), 5_000_000, bytes(32), 0)
    with pytest.raises(CommandError, match=r"PayoutDistributor\.veto is refused: NoRootWaits"):
        call_command("chain_guard", "veto", "USD")


def test_a_pause_ends_by_itself_or_before_and_is_not_followed_by_another(
    contracts: Contracts, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_of(contracts, settings)
    call_command("chain_guard", "pause", "LicenseMarket")
    capsys.readouterr()
    call_command("chain_guard", "status")
    said = capsys.readouterr().out
    assert "LicenseMarket is paused until 20" in said
    assert said.count(" is not paused.") == 4
    call_command("chain_guard", "unpause", "LicenseMarket")
    with pytest.raises(CommandError, match="PauseNotYet"):
        call_command("chain_guard", "pause", "LicenseMarket")
    assert "LicenseMarket is not paused." in standings(contracts.reader)


def test_a_wallet_that_a_stolen_registrar_key_bound_is_stopped(contracts: Contracts, settings: Any) -> None:
    settings_of(contracts, settings)
    dave = contracts.wallet()
    until = contracts.reader.head().time + 3600
    values = {"payee": PAYEE, "wallet": address_of(dave), "nonce": 0, "deadline": until}
    digest = typed_digest(BIND, values, chain_id=31337, contract=contracts.suite.address("Payees"))
    contracts.send("Payees", "bind", PAYEE, address_of(dave), until, sign_digest(digest, dave))
    call_command("chain_guard", "stop", "01010101-0101-0101-0101-010101010101")
    assert contracts.reader.view("Payees", "bindingOf", PAYEE) == ("0x" + "00" * 20, 1, "0x" + "00" * 20, 0)


def test_a_stranger_stops_nothing_and_a_wallet_is_told_what_to_send(
    contracts: Contracts, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_of(contracts, settings)
    dave = tmp_path / "dave.key"
    dave.write_text(contracts.wallet().hex())
    with pytest.raises(CommandError, match="AccessControlUnauthorizedAccount"):
        call_command("chain_guard", "pause", "SplitVault", "--key-file", str(dave))
    with pytest.raises(CommandError, match="There is no file"):
        call_command("chain_guard", "pause", "SplitVault", "--key-file", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="No token stands for CHF"):
        call_command("chain_guard", "veto", "CHF")
    assert contracts.reader.view("SplitVault", "paused") is False
    call_command("chain_guard", "pause", "SplitVault", "--print")
    at = contracts.suite.address("SplitVault")
    assert capsys.readouterr().out == f"From the guardian's wallet, on chain 31337: send 0x8456cb59 to {at}.\n"
    assert contracts.reader.view("SplitVault", "paused") is False


def test_a_key_without_money_is_named(contracts: Contracts) -> None:
    with pytest.raises(Exception, match="cannot pay for the gas|AccessControlUnauthorizedAccount") as refused:
        guard(contracts.reader, "SplitVault", "pause", key=b"\x09" * 32, patience=BRISK)
    assert not isinstance(refused.value, AssertionError)
    with pytest.raises(UnableToGuard, match="NotPaused"):
        guard(contracts.reader, "SplitVault", "unpause", key=contracts.place.key, patience=BRISK)


def test_what_others_took_the_place_of_is_stopped_as_well(
    contracts: Contracts, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_of(contracts, settings)
    token, former = proposed(contracts), contracts.suite.address("PayoutDistributor")
    found = deploy_suite(now=NOW, pages=PAGES, config=contracts.config, replace=["PayoutDistributor"], patience=BRISK)
    assert found.former == (("PayoutDistributor", former),)
    call_command("chain_guard", "status")
    said = capsys.readouterr().out
    assert f"tUSD at {former}: 5000000 units were ever paid in, and root {ROOT.hex()} counts from " in said
    assert f"PayoutDistributor at {former} is not paused." in said
    with pytest.raises(CommandError, match="NoRootWaits"):
        call_command("chain_guard", "veto", "USD")
    for stranger in (token, contracts.suite.address("SplitVault"), "0x12"):
        with pytest.raises(CommandError, match="is no PayoutDistributor of ours, now or formerly"):
            call_command("chain_guard", "veto", "USD", "--at", stranger)
    call_command("chain_guard", "veto", "USD", "--at", former)
    status = contracts.reader.view("PayoutDistributor", "statusOf", token, at=former)
    assert status[1:3] == (bytes(32), 0)
