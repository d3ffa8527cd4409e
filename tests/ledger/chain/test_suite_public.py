"""A public chain, where admins are cold and coins are others', and successors of contracts that stay."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger.chain import suite_deployment
from ledger.chain.abi import creation_data, error_of
from ledger.chain.deployment import UnableToDeploy
from ledger.chain.inspection import differences
from ledger.chain.jsonrpc import RpcRefusal
from ledger.chain.reading import Reader
from ledger.chain.sender import Sender
from ledger.chain.suite import Token, suite, suite_in
from ledger.chain.suite_deployment import Accounts, Given, deploy_suite, left_to_admin
from ledger.chain.transaction import address_of
from tests.ledger.chain.lives import PAGES, Killed, dying, nonce
from tests.ledger.chain.makers import BRISK, NOW, Contracts, an_anvil, ask

COLD = "0x" + "c0" * 20


# --- a public chain -----------------------------------------------------------------------------------------------


def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes a development chain for a public one."""
    monkeypatch.setattr(suite_deployment, "DEVELOPMENT_CHAINS", ())


def test_on_a_public_chain_the_admin_is_cold_and_its_calls_are_left_to_its_wallet(
    contracts: Contracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public(monkeypatch)
    usd = contracts.suite.tokens["USD"]
    config = contracts.place.config(tmp_path / "public")
    given = Given(tokens=(("USD", usd.address.lower()),), wrapped=contracts.suite.address("WrappedCoin"))
    before = nonce(contracts.place)
    with pytest.raises(UnableToDeploy, match="is also a hot key"):
        deploy_suite(now=NOW, pages=PAGES, config=config, given=given, patience=BRISK)
    accounts = Accounts.of(config, admin=COLD, guardian="0x" + "60" * 20)
    with pytest.raises(UnableToDeploy, match="a wrapped coin, which must be named"):
        deploy_suite(now=NOW, pages=PAGES, config=config, accounts=accounts, patience=BRISK)
    assert nonce(contracts.place) == before

    found = deploy_suite(now=NOW, pages=PAGES, config=config, accounts=accounts, given=given, patience=BRISK)
    assert found.tokens == {"USD": usd}
    reader = Reader(config.rpc(), found)
    assert differences(reader, accounts=Accounts.of(config)) == []
    assert Accounts.of(config) == accounts
    (call,) = left_to_admin(reader)
    assert (call.to, call.function) == (found.address("SplitVault"), "listToken(tUSD, true)")
    # Only the admin's own wallet may send it.
    message = {"from": COLD, "to": call.to, "data": "0x" + call.data.hex()}
    assert config.rpc().call("eth_call", message, "latest") == "0x"
    with pytest.raises(RpcRefusal):
        config.rpc().call("eth_call", {**message, "from": address_of(contracts.place.key)}, "latest")


def test_a_token_can_be_named_later(contracts: Contracts) -> None:
    coin = contracts.suite.address("WrappedCoin")
    found = deploy_suite(now=NOW, pages=PAGES, config=contracts.config, given=Given(tokens=(("EUR", coin),)))
    assert {code: token.symbol for code, token in found.tokens.items()} == {"USD": "tUSD", "EUR": "WDEV"}
    assert suite_in(contracts.config.record()) == found
    assert [call.function for call in left_to_admin(Reader(contracts.reader.rpc, found))] == ["listToken(WDEV, true)"]
    payees = contracts.suite.address("Payees")
    with pytest.raises(UnableToDeploy, match="does not describe itself as an ERC-20"):
        deploy_suite(now=NOW, pages=PAGES, config=contracts.config, given=Given(tokens=(("CHF", payees),)))
    assert suite_in(contracts.config.record()) == found


def test_play_money_does_not_deploy_where_it_could_be_taken_for_money(tmp_path: Path) -> None:
    with an_anvil(tmp_path, "--chain-id", "8453") as place:
        rpc = place.config(tmp_path).rpc()
        for name, args in (("DevelopmentCoin", ("Coin", "C", 6)), ("DevelopmentWrappedCoin", ())):
            with pytest.raises(RpcRefusal) as refusal:
                rpc.call("eth_call", {"data": "0x" + creation_data(name, *args).hex()}, "latest")
            assert error_of(name, refusal.value.data) == ("NotADevelopmentChain", (8453,))


def test_the_command_deploys_to_a_chain_that_is_really_another(
    contracts: Contracts, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    coin = contracts.reader.rpc.call("eth_getCode", contracts.suite.tokens["USD"].address, "latest")
    dollar, wrapped, guardian = ("0x" + pair * 20 for pair in ("d0", "e0", "60"))
    with an_anvil(tmp_path, "--chain-id", "8453") as place:
        settings.DATA_FOLDER, settings.CHAIN_RPC_URL = tmp_path / "data", place.url
        settings.CHAIN_SUITE, settings.CHAIN_KEY_FILE, settings.CHAIN_KEY_FILES = "", str(place.key_file), {}
        for at in (dollar, wrapped):
            # Any ERC-20; its constructor, which refuses this chain, is not run.
            ask(place.url, "anvil_setCode", at, coin)
        with pytest.raises(CommandError, match="is also a hot key: name another, whose key is kept offline"):
            call_command("chain_deploy", "--suite", "--wrapped", wrapped)
        given = ("--admin", COLD, "--guardian", guardian, "--wrapped", wrapped)
        with pytest.raises(CommandError, match="--token usd: write it as USD=0x"):
            call_command("chain_deploy", "--suite", *given, "--token", "usd")
        assert ask(place.url, "eth_blockNumber") == "0x0"
        call_command("chain_deploy", "--suite", *given, "--token", f"USD={dollar}")
        said = capsys.readouterr().out
        assert ask(place.url, "eth_blockNumber") == "0x8"
        known = suite()
        assert known is not None
        assert f"All on chain 8453, from block {known.block_number} on.\n" in said
        vault = known.address("SplitVault")
        assert "Left to the admin's wallet: listToken(, true) — send 0x" in said
        assert f" to {vault}.\nWhat stands there is what contracts/abi says, and each key has its role.\n" in said
        # Later, without a word about who the admin is: the record knows.
        call_command("chain_deploy", "--suite")
        assert capsys.readouterr().out == said


# --- successors ---------------------------------------------------------------------------------------------------


def test_a_successor_takes_a_contracts_place_and_the_others_stay(contracts: Contracts) -> None:
    config, before = contracts.config, contracts.suite
    sent = nonce(contracts.place)
    found = deploy_suite(now=NOW, pages=PAGES, config=config, replace=["LicenseMarket"], patience=BRISK)
    assert nonce(contracts.place) == sent + 1
    changed = {name for name in before.addresses if found.addresses[name] != before.addresses[name]}
    assert changed == {"LicenseMarket"}
    assert (found.tokens, found.block_number) == (before.tokens, before.block_number)
    reader = Reader(config.rpc(), found)
    assert differences(reader, accounts=Accounts.of(config)) == []
    assert found.former == (("LicenseMarket", before.address("LicenseMarket")),)
    assert before.former == ()
    (gone,) = json.loads(config.record().read_text())["former"]
    assert (gone["contract"], gone["address"]) == ("LicenseMarket", before.address("LicenseMarket"))
    # What was there goes on, and is replaced once.
    assert contracts.reader.view("LicenseMarket", "VAULT") == before.address("SplitVault")
    assert deploy_suite(now=NOW, pages=PAGES, config=config) == found


def test_what_knows_a_contract_for_good_is_replaced_with_it(contracts: Contracts) -> None:
    sent = nonce(contracts.place)
    for names, said in (
        (["Payees"], "SplitVault knows Payees for good, so replace it as well"),
        (["ProvenanceAnchor", "AssetToken"], "LicenseMarket knows ProvenanceAnchor for good"),
        (["Market"], "The contract Market cannot be deployed: there is no contract of that name"),
    ):
        with pytest.raises(UnableToDeploy, match=said):
            deploy_suite(now=NOW, pages=PAGES, config=contracts.config, replace=names, patience=BRISK)
    assert nonce(contracts.place) == sent
    assert suite_in(contracts.config.record()) == contracts.suite


def test_dying_while_a_vault_is_replaced_leaves_the_old_suite_until_the_new_one_stands(
    contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, names = contracts.config, ["SplitVault", "RoyaltyReceiverFactory", "AssetToken", "LicenseMarket"]
    sent, found = nonce(contracts.place), None
    for at in (1, 2, 3, 4, 5, 99):
        with monkeypatch.context() as patch:
            dying(patch, Sender, "wait", at=1 if at < 99 else 99)
            with suppress(Killed):
                found = deploy_suite(now=NOW, pages=PAGES, config=config, replace=names, patience=BRISK)
        if found is None:
            assert suite_in(config.record()) == contracts.suite
    assert found is not None
    # Four contracts and the new vault's list of tokens.
    assert nonce(contracts.place) == sent + 5
    assert Reader(config.rpc(), found).view("LicenseMarket", "VAULT") == found.address("SplitVault")
    assert found.address("Payees") == contracts.suite.address("Payees")
    assert differences(Reader(config.rpc(), found), accounts=Accounts.of(config)) == []


@pytest.mark.parametrize(
    ("tokens", "why"),
    [
        ([("USD", 6, "0x" + "11" * 20), ("EUR", 6, "0x" + "11" * 20)], "COIN would stand for USD and for EUR"),
        ([("USD", 6, "0x" + "11" * 20), ("KWD", 2, "0x" + "22" * 20)], "COIN has 2 decimals, and KWD has 3"),
        ([("USDC", 6, "0x" + "11" * 20)], "USDC is no currency of ISO 4217"),
    ],
)
def test_a_token_stands_for_one_currency_and_can_say_its_minor_unit(tokens: list[Any], why: str) -> None:
    told = [Token(address=at, symbol="COIN", decimals=digits, currency=code) for code, digits, at in tokens]
    with pytest.raises(UnableToDeploy, match=why):
        suite_deployment._check_tokens(told)
    suite_deployment._check_tokens(told[:1] if len(told) > 1 else [])
