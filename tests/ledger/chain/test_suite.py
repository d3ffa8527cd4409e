"""The whole suite on a chain: deployed once whatever happens, found again, and what it says of itself."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ledger.chain import steps, suite_deployment
from ledger.chain.abi import creation_data, error_of
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig, UnableToDeploy, deploy_anchor
from ledger.chain.evm import EvmChain
from ledger.chain.inspection import differences
from ledger.chain.jsonrpc import RpcRefusal
from ledger.chain.reading import Question, Reader, Reverted, reader
from ledger.chain.sender import Sender
from ledger.chain.suite import CONTRACTS, Suite, suite, suite_in
from ledger.chain.suite_deployment import NOBODY, Accounts, Given, deploy_suite, left_to_admin
from ledger.chain.transaction import address_of, keccak
from ledger.chain.typed import BIND, MATERIALIZE, OFFER, WITHDRAW, domain_separator, sign_digest, typed_digest
from tests.ledger.chain.makers import BRISK, HOME, NOW, Contracts, DevChain, Place, an_anvil, ask, deployed, fund

PAGES = "https://worldloom.example/releases/"
COLD = "0x" + "c0" * 20
PAYEE = b"\x01" * 16


def nonce(place: Place) -> int:
    return int(ask(place.url, "eth_getTransactionCount", address_of(place.key), "latest"), 16)


# --- once ---------------------------------------------------------------------------------------------------------


def test_the_suite_stands_as_it_was_built_and_is_found_again(contracts: Contracts) -> None:
    known, config = contracts.suite, contracts.config
    sent = nonce(contracts.place)
    assert deploy_suite(now=NOW, pages=PAGES, config=config, patience=BRISK) == known
    assert suite_in(config.record()) == known
    assert nonce(contracts.place) == sent
    assert set(known.addresses) == {*CONTRACTS, "WrappedCoin"}
    assert known.chain_id == 31337
    assert differences(contracts.reader, accounts=Accounts.of(config)) == []
    assert left_to_admin(contracts.reader) == []
    assert not (config.folder / "deployment.intent.json").exists()
    assert known.contract_at(known.address("Payees").lower()) == "Payees"
    assert known.contract_at(NOBODY) is None
    first = min(one["block_number"] for one in json.loads(config.record().read_text())["contracts"].values())
    assert known.block_number == first


def test_play_money_stands_for_dollars_and_the_settler_has_some(contracts: Contracts) -> None:
    token = contracts.suite.token("USD")
    assert token is not None
    assert (token.symbol, token.decimals, token.currency) == ("tUSD", 6, "USD")
    assert contracts.suite.token_at(token.address.lower()) == token
    assert contracts.suite.token("CNY") is None
    told = contracts.reader.views(
        [
            Question("ERC20", "decimals", at=token.address),
            Question("ERC20", "balanceOf", (address_of(contracts.place.key),), at=token.address),
            Question("SplitVault", "accepts", (token.address,)),
        ]
    )
    assert told == [6, 10**15, True]


def test_the_anchor_of_the_suite_is_the_one_that_checkpoints_go_to(contracts: Contracts) -> None:
    chain = EvmChain(config=contracts.config, patience=BRISK)
    assert chain.identity().contract == contracts.suite.address("ProvenanceAnchor")
    root = keccak(b"a tree of three leaves")
    assert chain.anchor(root=root, size=3, note_digest=keccak(b"note")).block_number > contracts.suite.block_number
    assert contracts.reader.view("ProvenanceAnchor", "anchorOf", root)[2:] == (3, 1)


def test_an_anchor_that_stood_alone_keeps_its_history(place: Place, tmp_path: Path) -> None:
    config = place.config(tmp_path)
    alone = deploy_anchor(now=NOW, config=config, patience=BRISK)
    root = keccak(b"before")
    EvmChain(config=config, patience=BRISK).anchor(root=root, size=1, note_digest=root)
    found = deployed(place, tmp_path)
    assert found.suite.address("ProvenanceAnchor") == alone.contract
    assert found.config.deployment() == alone
    assert found.reader.view("AssetToken", "ANCHOR") == alone.contract
    assert found.reader.view("ProvenanceAnchor", "anchorOf", root)[2:] == (1, 1)
    # And once the suite is there, the old command finds its anchor.
    assert deploy_anchor(now=NOW, config=config, patience=BRISK) == alone


# --- ended between two steps --------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the process's end."""


def dying(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, at: int) -> None:
    """Lets the process die before its `at`-th call of a function."""
    real: Callable[..., Any] = getattr(owner, name)
    calls = [0]

    def die(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            raise Killed
        return real(*args, **options)

    monkeypatch.setattr(owner, name, die)


def one_life(config: ChainConfig) -> Suite | None:
    try:
        return deploy_suite(now=NOW, pages=PAGES, config=config, patience=BRISK)
    except Killed:
        return None


def test_dying_before_and_after_each_transaction_deploys_each_contract_once(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = place.config(tmp_path)
    before, lives, found = nonce(place), 0, None
    while found is None:
        lives += 1
        with monkeypatch.context() as patch:
            # By turns: before the bytes are sent, after they are, and between a step and the note that it is done.
            if lives % 3 == 0:
                dying(patch, Sender, "send", at=1)
            elif lives % 3 == 1:
                dying(patch, Sender, "wait", at=1)
            else:
                dying(patch, steps, "write_document", at=4)
            found = one_life(config)
    # Wrapped coin, play money and its mint, eight contracts, the vault's list: none of them twice.
    assert nonce(place) - before == 12
    assert lives > 12
    assert differences(Reader(config.rpc(), found), accounts=Accounts.of(config)) == []


def test_sigkill_of_the_process_at_any_moment_deploys_each_contract_once(embedded: Place, tmp_path: Path) -> None:
    words = f"""
from pathlib import Path
from datetime import datetime, UTC
from ledger.chain.deployment import ChainConfig
from ledger.chain.suite_deployment import deploy_suite
config = ChainConfig(folder=Path({str(tmp_path)!r}), rpc_url={embedded.url!r}, key_file={str(embedded.key_file)!r})
deploy_suite(now=datetime(2026, 11, 22, tzinfo=UTC), pages={PAGES!r}, config=config)
"""
    before, intent = nonce(embedded), tmp_path / "deployment.intent.json"
    for step in (1, 4, 8, 11):
        process = subprocess.Popen([sys.executable, "-c", words], cwd=HOME)
        while process.poll() is None and len(_done(intent)) < step:
            pass
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert suite_in(tmp_path / "deployment.json") is None
    config = embedded.config(tmp_path)
    found = deploy_suite(now=NOW, pages=PAGES, config=config, patience=BRISK)
    assert nonce(embedded) - before == 12
    assert differences(Reader(config.rpc(), found), accounts=Accounts.of(config)) == []


def _done(intent: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(intent.read_text())["done"])
    except (OSError, ValueError):
        return {}


def test_a_transaction_whose_nonce_went_elsewhere_is_made_anew(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = place.config(tmp_path)
    with monkeypatch.context() as patch:
        dying(patch, Sender, "send", at=5)
        assert one_life(config) is None
    given_up = json.loads((tmp_path / "deployment.intent.json").read_text())["under_way"]["address"]
    fund(config.rpc(), place.key, "0x" + "0b" * 20)
    found = one_life(config)
    assert found is not None
    assert given_up not in found.addresses.values()
    assert ask(place.url, "eth_getCode", given_up, "latest") == "0x"


def test_a_deployment_under_way_goes_on_only_with_the_same_accounts(
    embedded: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = embedded.config(tmp_path)
    with monkeypatch.context() as patch:
        dying(patch, Sender, "send", at=5)
        assert one_life(config) is None
    other = Accounts.of(config, guardian=COLD)
    before = nonce(embedded)
    with pytest.raises(UnableToDeploy, match=r"deployment\.intent\.json is of a deployment .* with other accounts"):
        deploy_suite(now=NOW, pages=PAGES, config=config, accounts=other, patience=BRISK)
    assert nonce(embedded) == before


# --- contradictions -----------------------------------------------------------------------------------------------


def test_a_record_that_does_not_fit_the_chain_is_named(contracts: Contracts, tmp_path: Path) -> None:
    record = contracts.config.record()
    text = record.read_text()
    record.write_text(text.replace('"chain_id": 31337', '"chain_id": 1'))
    with pytest.raises(UnableToDeploy, match=r"recorded on chain 1, but .* serves chain 31337"):
        deploy_suite(now=NOW, pages=PAGES, config=contracts.config)
    record.write_text(text.replace(contracts.suite.address("ClaimBook"), COLD))
    with pytest.raises(UnableToDeploy, match="ClaimBook cannot be deployed: .* has nothing there") as refused:
        deploy_suite(now=NOW, pages=PAGES, config=contracts.config)
    assert refused.value.contract == "ClaimBook"
    record.write_text('{"format": "worldloom/deployment/2", "chain_id": 31337}')
    with pytest.raises(ChainUnavailable, match="is not a worldloom/deployment/2 document"):
        deploy_suite(now=NOW, pages=PAGES, config=contracts.config)
    with pytest.raises(ChainUnavailable, match="is not a worldloom/deployment/2 document"):
        suite_in(record)


def test_what_stands_there_wrongly_is_named_contract_by_contract(contracts: Contracts) -> None:
    at = contracts.suite.addresses
    swapped = {**at, "ClaimBook": at["PayoutDistributor"], "WrappedCoin": at["Payees"]}
    wrong = Reader(contracts.reader.rpc, replace(contracts.suite, addresses=swapped))
    accounts = replace(Accounts.of(contracts.config), settler=COLD, keeper=COLD)
    told = "\n".join(differences(wrong, accounts=accounts))
    assert f"ClaimBook at {at['PayoutDistributor']} is not what contracts/abi/ClaimBook.json says." in told
    assert f"RoyaltyReceiverFactory calls {at['WrappedCoin']} as its WrappedCoin, not {at['Payees']}." in told
    assert f"In PayoutDistributor the settler is {address_of(contracts.place.key)}, not {COLD}." in told
    assert f"In AssetToken the keeper {COLD} does not have its role." in told


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


# --- where it stands ----------------------------------------------------------------------------------------------


def test_settings_name_the_record_and_a_key_for_each_role(contracts: Contracts, tmp_path: Path, settings: Any) -> None:
    settings.DATA_FOLDER = tmp_path / "empty"
    settings.CHAIN_SUITE = ""
    assert suite() is None
    with pytest.raises(ChainUnavailable, match=r"chain_deploy --suite does that"):
        reader()
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    settings.CHAIN_KEY_FILE = str(contracts.place.key_file)
    guardian = tmp_path / "guardian.key"
    guardian.write_text("0x" + "07" * 32)
    settings.CHAIN_KEY_FILES = {"guardian": str(guardian)}
    assert suite() == contracts.suite
    assert reader().view("PayoutDistributor", "settler") == address_of(contracts.place.key)
    config = ChainConfig.from_settings()
    assert config.key("guardian") == b"\x07" * 32
    assert config.key("settler") == config.key() == contracts.place.key
    with pytest.raises(ValueError, match="'banker' is no role"):
        config.key("banker")


def test_another_chain_than_recorded_is_never_read(contracts: Contracts) -> None:
    elsewhere = Reader(contracts.reader.rpc, replace(contracts.suite, chain_id=8453))
    with pytest.raises(ChainUnavailable, match="serves chain 31337, but the contracts are on chain 8453"):
        elsewhere.view("PayoutDistributor", "settler")
    with pytest.raises(ChainUnavailable):
        elsewhere.head()


# --- questions ----------------------------------------------------------------------------------------------------


def test_many_views_are_one_batch_and_an_error_stands_in_its_place(contracts: Contracts) -> None:
    told = contracts.reader.views(
        [
            Question("AssetToken", "name"),
            Question("AssetToken", "ownerOf", (7,)),
            Question("SplitVault", "partsOf", (100, [333_333_333, 333_333_333, 333_333_334])),
            Question("Payees", "bindingOf", (PAYEE,)),
        ]
    )
    assert told[0] == "Worldloom Release"
    assert isinstance(told[1], Reverted)
    assert (told[1].name, told[1].values) == ("ERC721NonexistentToken", (7,))
    assert told[2:] == [(33, 33, 34), (NOBODY, 0, NOBODY, 0)]
    with pytest.raises(Reverted, match=r"AssetToken\.ownerOf answers with ERC721NonexistentToken\(7\)"):
        contracts.reader.view("AssetToken", "ownerOf", 7)
    assert contracts.reader.views([]) == []


def test_an_address_without_code_is_no_answer(contracts: Contracts) -> None:
    with pytest.raises(ChainUnavailable, match="answers nonsense"):
        contracts.reader.view("ERC20", "decimals", at=COLD)


def test_blocks_are_read_by_number(contracts: Contracts) -> None:
    head = contracts.reader.head()
    assert contracts.reader.block(head.number) == head
    assert contracts.reader.block(head.number - 1).digest == head.parent
    with pytest.raises(ChainUnavailable):
        contracts.reader.block(head.number + 1000)


# --- what wallets sign is what the contracts ask for --------------------------------------------------------------


def test_domains_and_digests_are_those_of_the_contracts(contracts: Contracts) -> None:
    at, view = contracts.suite.address, contracts.reader.view
    for name in ("Payees", "SplitVault"):
        assert view(name, "domainSeparator") == domain_separator(f"Worldloom {name}", "1", 31337, at(name))
    leaf = keccak(b"a leaf")
    here = {"chain_id": 31337, "contract": at("AssetToken")}
    assert view("AssetToken", "digestToSign", leaf) == typed_digest(MATERIALIZE, {"leaf": leaf}, **here)
    offer = {
        "id": b"\x0f" * 16,
        "licensor": address_of(contracts.place.key),
        "release": b"\x01" * 32,
        "terms": b"\x02" * 32,
        "split": b"\x03" * 32,
        "token": contracts.suite.tokens["USD"].address,
        "price": 49_000_000,
        "feeBps": 1000,
        "supply": 3,
        "notBefore": 0,
        "deadline": 2_000_000_000,
        "nonce": 7,
    }
    here = {"chain_id": 31337, "contract": at("LicenseMarket")}
    assert view("LicenseMarket", "digestToSign", tuple(offer.values())) == typed_digest(OFFER, offer, **here)


def test_a_wallet_is_bound_by_what_it_signed_and_by_nothing_else(contracts: Contracts) -> None:
    alice, dave = contracts.wallet(), contracts.wallet()
    until = contracts.reader.head().time + 3600
    values = {"payee": PAYEE, "wallet": address_of(alice), "nonce": 0, "deadline": until}
    digest = typed_digest(BIND, values, chain_id=31337, contract=contracts.suite.address("Payees"))
    args = (PAYEE, address_of(alice), until)
    assert contracts.refused("Payees", "bind", *args, sign_digest(digest, dave)) == (
        "WrongSignature",
        (address_of(alice),),
    )
    assert contracts.reader.view("Payees", "bindingOf", PAYEE)[2] == NOBODY
    contracts.send("Payees", "bind", *args, sign_digest(digest, alice))
    wallet, changes, following, since = contracts.reader.view("Payees", "bindingOf", PAYEE)
    assert (wallet, changes, following) == (NOBODY, 1, address_of(alice))
    assert since > until
    assert contracts.reader.is_signed_by(address_of(alice), digest, sign_digest(digest, alice))
    assert not contracts.reader.is_signed_by(address_of(dave), digest, sign_digest(digest, alice))


def test_a_withdrawal_is_asked_of_the_payees_wallet_and_there_is_none_yet(contracts: Contracts) -> None:
    dave, token = contracts.wallet(), contracts.suite.tokens["USD"].address
    until = contracts.reader.head().time + 3600
    values = {"payee": PAYEE, "token": token, "to": address_of(dave), "amount": 5, "nonce": 0, "deadline": until}
    digest = typed_digest(WITHDRAW, values, chain_id=31337, contract=contracts.suite.address("SplitVault"))
    args = (PAYEE, token, address_of(dave), 5, 0, until, sign_digest(digest, dave))
    name, _ = contracts.refused("SplitVault", "withdrawWithSig", *args)
    assert name == "NoWallet"


def test_the_command_says_where_each_contract_is(devchain: DevChain, settings: Any, capsys: Any) -> None:
    from django.core.management import call_command

    settings.DATA_FOLDER = devchain.folder.parent
    settings.CHAIN_SUITE, settings.CHAIN_KEY_FILES = "", {}
    devchain.start()
    call_command("chain_deploy", "--suite")
    first = capsys.readouterr().out
    call_command("chain_deploy", "--suite")
    assert capsys.readouterr().out == first
    known = suite()
    assert known is not None
    for name in CONTRACTS:
        assert f"{name} is at {known.address(name)}.\n" in first
    assert f"USD is tUSD at {known.tokens['USD'].address}, 6 decimals.\n" in first
    assert first.endswith("What stands there is what contracts/abi says, and each key has its role.\n")
    assert json.loads((devchain.folder / "deployment.json").read_text())["accounts"] == asdict(
        Accounts.of(ChainConfig.from_settings())
    )
